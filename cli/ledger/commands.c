/* The commands of this folder, with their flags. */
#include "cli/ledger/commands.h"

/* What narrows a list of proposals or replays. */
#define PROPOSAL_FILTERS                                                   \
	{"tenant", ARGS_FILTER, "only this tenant"},                       \
	    {"principal", ARGS_FILTER, "only proposed by this principal"}, \
	    {"capability", ARGS_FILTER, "only this capability"},           \
	    {"action", ARGS_FILTER, "the same as --capability"},           \
	    {"object", ARGS_FILTER, "only this object, type:id"},          \
	    {"object-type", ARGS_FILTER, "only objects of this table"},    \
	    {"object-id", ARGS_FILTER, "only this object id"},             \
	    {"state", ARGS_FILTER, "only in this state"},                  \
	    {"status", ARGS_FILTER, "the same as --state"},                \
	    {"source", ARGS_FILTER, "only of this source"},                \
	    {"table", ARGS_FILTER, "only of this table"}, TIME_FILTERS
#define TIME_FILTERS                                                          \
	{"from", ARGS_FILTER, "not before this time (2026-07-01T12:00:00Z)"}, \
	    {"to", ARGS_FILTER, "not after this time"},                       \
	{                                                                     \
		"limit", ARGS_VALUE, "at most this many (20, up to 200)"      \
	}

/* A key of the reviewer's own, where the contract asks for signatures. */
#define ARG_KEY                                                              \
	{                                                                    \
		"key", ARGS_VALUE, "sign with this SSH key (or .pub: agent)" \
	}

static const struct args_spec list_spec[] = {PROPOSAL_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, {"details", ARGS_FLAG, "everything about each"},
    {"debug", ARGS_FLAG, "the same as --details"}, ARG_HELP, ARG_END};

static const struct args_spec replay_list_spec[] = {PROPOSAL_FILTERS,
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"evidence", ARGS_FILTER, "only of this evidence bundle"},
    {"receipt", ARGS_FILTER, "only of this receipt number"},
    {"details", ARGS_FLAG, "accepted"}, {"debug", ARGS_FLAG, "accepted"},
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec show_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"details", ARGS_FLAG, "hashes, guards, events"},
    {"debug", ARGS_FLAG, "where it is stored"}, ARG_HELP, ARG_END};

static const struct args_spec decide_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"reason", ARGS_VALUE, "why (required to reject)"},
    {"yes", ARGS_FLAG, "do not ask"}, ARG_KEY,
    {"actor", ARGS_VALUE,
	"accepted if it is your own user name; it cannot be another"},
    ARG_HELP, ARG_END};

/* 0.1.1's words about its own runner. Here a job has the id, scope and lease
 * that ledgerd gives it. */
#define RUNNER_FLAGS                                          \
	{"project", ARGS_VALUE, "accepted: always local"},    \
	    {"runner", ARGS_VALUE, "accepted: the writer's"}, \
	{                                                     \
		"lease-seconds", ARGS_VALUE, "accepted"       \
	}
static const struct args_spec job_spec[] = {ARG_STORE, ARG_CONFIG, RUNNER_FLAGS,
    {"output", ARGS_VALUE, "write to this file"},
    {"json", ARGS_FLAG, "accepted: a job is JSON"}, ARG_HELP, ARG_END};

static const struct args_spec apply_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"proposal", ARGS_VALUE, "the proposal, instead of a word"},
    {"job", ARGS_VALUE, "the proposal of this exported job"},
    {"all-approved", ARGS_FLAG, "every approved proposal, oldest first"},
    {"max", ARGS_VALUE, "at most so many of them (1 to 200)"},
    {"dry-run", ARGS_FLAG, "check everything, change nothing"}, RUNNER_FLAGS,
    ARG_KEY,
    {"timeout-ms", ARGS_VALUE, "how long to wait for the receipt (60000)"},
    ARG_HELP, ARG_END};

static const struct args_spec export_decisions_spec[] = {ARG_STORE, ARG_CONFIG,
    {"output", ARGS_VALUE, "folder for the files"}, ARG_HELP, ARG_END};

static const struct args_spec report_spec[] = {
    {"proposal", ARGS_VALUE, "about this proposal"},
    {"object", ARGS_VALUE, "about this object, type:id"},
    {"principal", ARGS_VALUE, "about what this principal proposed"},
    {"tenant", ARGS_VALUE, "of this tenant (with --object, --principal)"},
    {"format", ARGS_VALUE, "json (the signed envelope) or markdown"},
    {"output", ARGS_VALUE, "write to this file"}, ARG_STORE, ARG_CONFIG,
    ARG_HELP, ARG_END};

static const struct args_spec report_verify_spec[] = {
    {"file", ARGS_VALUE, "the report, JSON or Markdown"},
    {"public-key", ARGS_VALUE, "the ledger's .key.pub"}, ARG_HELP, ARG_END};

static const struct args_spec erase_spec[] = {
    {"tenant", ARGS_VALUE, "of this tenant"},
    {"object-id", ARGS_VALUE, "this object, by its id"},
    {"reason", ARGS_VALUE, "why; it is recorded"},
    {"dry-run", ARGS_FLAG, "only count (what it does without --yes)"},
    {"yes", ARGS_FLAG, "do it"}, ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP,
    ARG_END};

static const struct args_spec verify_spec[] = {
    {"file", ARGS_VALUE, "this file, with nothing but"},
    {"public-key", ARGS_VALUE, "the ledger's .key.pub"},
    {"anchor", ARGS_VALUE, "an entry as a receipt row has it: N:sha256:HASH"},
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec freeze_spec[] = {
    {"tenant", ARGS_VALUE, "only this tenant"},
    {"capability", ARGS_VALUE, "only this capability"},
    {"reason", ARGS_VALUE, "why; everybody who is stopped by it reads it"},
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec unknown_spec[] = {
    {"state", ARGS_FILTER, "in another state than outcome_unknown"},
    {"tenant", ARGS_FILTER, "only this tenant"},
    {"source", ARGS_FILTER, "only of this source"}, TIME_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec inspect_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"timeout-ms", ARGS_VALUE, "how long to wait for a writer (60000)"},
    ARG_HELP, ARG_END};

static const struct args_spec resolve_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"outcome", ARGS_VALUE, "applied, conflict or failed"},
    {"reason", ARGS_VALUE, "how you know"}, {"yes", ARGS_FLAG, "do not ask"},
    ARG_HELP, ARG_END};

static const struct args_spec replay_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"proposal", ARGS_VALUE, "the proposal"},
    {"replay", ARGS_VALUE, "the replay id (replay_<proposal>)"},
    {"evidence", ARGS_VALUE, "the proposal of this evidence bundle"},
    {"details", ARGS_FLAG, "every event and receipt"},
    {"debug", ARGS_FLAG, "the same as --details"},
    {"output", ARGS_VALUE, "write to this file (export)"},
    {"format", ARGS_VALUE, "json or markdown (export)"}, ARG_HELP, ARG_END};

static const struct args_spec read_list_spec[] = {
    {"tenant", ARGS_FILTER, "only this tenant"},
    {"principal", ARGS_FILTER, "only read for this principal"},
    {"capability", ARGS_FILTER, "only this capability"},
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"evidence", ARGS_FILTER, "only this bundle"},
    {"object", ARGS_FILTER, "only this object, type:id"},
    {"object-type", ARGS_FILTER, "only objects of this table"},
    {"object-id", ARGS_FILTER, "only this object id"},
    {"primary-key", ARGS_FILTER, "the same as --object-id"},
    {"source", ARGS_FILTER, "only of this source"},
    {"table", ARGS_FILTER, "only of this table"},
    {"query-fingerprint", ARGS_FILTER, "only of this query"},
    {"details", ARGS_FLAG, "accepted"}, {"debug", ARGS_FLAG, "accepted"},
    TIME_FILTERS, ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec receipts_spec[] = {
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"writeback-job", ARGS_FILTER, "only of this job"},
    {"idempotency-key", ARGS_FILTER, "only with this key"},
    {"status", ARGS_FILTER, "only with this status"},
    {"details", ARGS_FLAG, "accepted"}, {"debug", ARGS_FLAG, "accepted"},
    TIME_FILTERS, ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec store_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"force", ARGS_FLAG, "although others are connected"}, ARG_HELP, ARG_END};
static const struct args_spec prune_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"older-than", ARGS_VALUE, "age of what may go: 90d, 12h, 30m, 60s"},
    {"dry-run", ARGS_FLAG, "only count (what it does without --yes)"},
    {"yes", ARGS_FLAG, "do it"}, {"force", ARGS_FLAG, "accepted"}, ARG_HELP,
    ARG_END};
static const struct args_spec reset_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"yes", ARGS_FLAG, "do it"},
    {"force", ARGS_FLAG, "although it cannot be opened"}, ARG_HELP, ARG_END};
static const struct args_spec backup_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"output", ARGS_VALUE, "move the copy there"}, ARG_HELP, ARG_END};
static const struct args_spec review_spec[] = {
    ARG_STORE, ARG_CONFIG, ARG_HELP, ARG_END};
static const struct args_spec validate_spec[] = {
    {"job", ARGS_VALUE, "the file"}, ARG_JSON, ARG_HELP, ARG_END};
static const struct args_spec export_spec[] = {ARG_STORE, ARG_CONFIG,
    {"output", ARGS_VALUE, "write to this file"},
    {"format", ARGS_VALUE, "json or markdown"},
    {"json", ARGS_FLAG, "accepted: the same as --format json"},
    {"details", ARGS_FLAG, "accepted"}, {"debug", ARGS_FLAG, "accepted"},
    ARG_HELP, ARG_END};
static const struct args_spec activity_spec[] = {PROPOSAL_FILTERS,
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"evidence", ARGS_FILTER, "only of this evidence bundle"},
    {"receipt", ARGS_FILTER, "only of this receipt number"},
    {"replay", ARGS_FILTER, "only of this replay (replay_<proposal>)"},
    {"query-fingerprint", ARGS_FILTER, "only of this query"},
    {"details", ARGS_FLAG, "accepted"}, {"debug", ARGS_FLAG, "accepted"},
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

#define EVENT_FILTERS                                                       \
	{"proposal", ARGS_FILTER, "only of this proposal"},                 \
	    {"kind", ARGS_FILTER, "only of this kind"},                     \
	    {"actor", ARGS_FILTER, "only by this actor"},                   \
	    {"tenant", ARGS_FILTER, "only this tenant"},                    \
	    {"after", ARGS_FILTER, "only behind the event of this number"}, \
	    {"upto", ARGS_FILTER, "only up to the event of this number"},   \
	    {"follow", ARGS_FLAG, "go on with what happens"},               \
	    {"interval-ms", ARGS_VALUE, "how often to look (1000)"},        \
	    TIME_FILTERS

static const struct args_spec events_spec[] = {EVENT_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, {"details", ARGS_FLAG, "with payload"}, ARG_HELP,
    ARG_END};

static const struct args_spec webhook_spec[] = {EVENT_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, {"url", ARGS_VALUE, "where events are posted to"},
    {"url-env", ARGS_VALUE, "variable with that URL"},
    {"auth-token-env", ARGS_VALUE, "variable with a bearer token"},
    {"signing-secret-env", ARGS_VALUE, "variable with the key of signatures"},
    {"timeout-ms", ARGS_VALUE, "of each request (5000)"},
    {"since-event-id", ARGS_VALUE, "begin behind this event"},
    {"cursor", ARGS_VALUE, "file that remembers how far it came"},
    {"ids-only", ARGS_FLAG, "leave payloads out"},
    {"ca-file", ARGS_VALUE, "authorities to verify the receiver with"},
    {"allow-private-address", ARGS_FLAG, "the receiver may be inside"},
    {"dry-run", ARGS_FLAG, "print what would be sent"}, ARG_HELP, ARG_END};

static const struct args_spec ledger_spec[] = {
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

static const struct args_spec metrics_spec[] = {ARG_STORE, ARG_CONFIG,
    {"textfile", ARGS_VALUE, "write it to this file, at once as a whole"},
    ARG_HELP, ARG_END};

const struct command ledger_commands[] = {
    {"review", NULL, "", "Look and decide on a screen", review_spec,
	cmd_review},
    {"proposals", "list", "", "List proposals, newest first", list_spec,
	cmd_proposals_list},
    {"proposals", "show", "<id|latest>", "Show one proposal", show_spec,
	cmd_proposals_show},
    {"proposals", "approve", "<id|latest>", "Approve a proposal", decide_spec,
	cmd_proposals_approve},
    {"proposals", "reject", "<id|latest>", "Reject a proposal", decide_spec,
	cmd_proposals_reject},
    {"proposals", "writeback-job", "<id>",
	"Export the signed job of a released proposal", job_spec,
	cmd_proposals_job},
    {"proposals", "export-decisions", "<id>",
	"Write who decided, and their signatures, to files",
	export_decisions_spec, cmd_proposals_export_decisions},
    {"apply", NULL, "<id|latest>", "Apply an approved proposal", apply_spec,
	cmd_apply},
    {"freeze", NULL, "", "Stop all approvals and writes, or some", freeze_spec,
	cmd_freeze},
    {"freeze", "list", "", "Show what is frozen", ledger_spec, cmd_freeze_list},
    {"thaw", NULL, "", "End a freeze", freeze_spec, cmd_thaw},
    {"validate", NULL, "", "Check the form of an exported job", validate_spec,
	cmd_validate_job},
    {"reconcile", "list", "", "List applies whose outcome is not known",
	unknown_spec, cmd_reconcile_list},
    {"reconcile", "inspect", "<id|latest>",
	"Look at the row of such an apply; changes nothing", inspect_spec,
	cmd_reconcile_inspect},
    {"reconcile", "resolve", "<id|latest>",
	"Say what became of it, in your name", resolve_spec,
	cmd_reconcile_resolve},
    {"replay", "list", "", "List what can be replayed", replay_list_spec,
	cmd_replay_list},
    {"replay", "show", "<id|latest>", "Tell the story of a proposal",
	replay_spec, cmd_replay_show},
    {"replay", NULL, "<id|latest>", "The same as replay show", replay_spec,
	cmd_replay_show},
    {"replay", "export", "<id|latest>", "Write the story to a file",
	replay_spec, cmd_replay_export},
    {"report", NULL, "", "Write what the ledger holds, signed", report_spec,
	cmd_report},
    {"report", "verify", "", "Check a report with the ledger's public key",
	report_verify_spec, cmd_report_verify},
    {"evidence", "list", "", "List what was read", read_list_spec,
	cmd_evidence_list},
    {"evidence", "show", "<id>", "Show what was read", show_spec,
	cmd_evidence_show},
    {"evidence", "export", "<id>", "Write what was read to a file", export_spec,
	cmd_evidence_export},
    {"activity", "search", "", "Search everything that happened", activity_spec,
	cmd_activity_search},
    {"query-audit", "show", "<n>", "Show one query", show_spec, cmd_audit_show},
    {"query-audit", "export", "<n>", "Write one query's record to a file",
	export_spec, cmd_audit_export},
    {"query-audit", "list", "", "List the queries that were run",
	read_list_spec, cmd_audit_list},
    {"receipts", "list", "", "List receipts", receipts_spec, cmd_receipts_list},
    {"receipts", "show", "<n>", "Show one receipt", show_spec,
	cmd_receipts_show},
    {"events", "tail", "", "Show the latest events", events_spec,
	cmd_events_tail},
    {"events", "webhook", "", "Post every event to a URL, at least once",
	webhook_spec, cmd_events_webhook},
    {"events", "push", "", "The same", webhook_spec, cmd_events_webhook},
    {"ledger", "verify", "", "Check the whole record", verify_spec,
	cmd_ledger_verify},
    {"ledger", "status", "", "Show the ledger's state", ledger_spec,
	cmd_ledger_status},
    {"store", "stats", "", "Count what the ledger holds", ledger_spec,
	cmd_store_stats},
    {"store", "vacuum", "", "Give unused space back", store_spec,
	cmd_store_vacuum},
    {"store", "prune", "", "Remove what is old and over", prune_spec,
	cmd_store_prune},
    {"store", "reset", "", "Remove the ledger, all of it", reset_spec,
	cmd_store_reset},
    {"store", "backup", "",
	"Copy the ledger while it runs, and verify the copy", backup_spec,
	cmd_store_backup},
    {"erase", NULL, "", "Erase the values held about an object", erase_spec,
	cmd_erase},
    {"metrics", NULL, "", "Print what ledgerd has counted, for a collector",
	metrics_spec, cmd_metrics},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
