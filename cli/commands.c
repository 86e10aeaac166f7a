#include "cli/command.h"

#include "cli/checker.h"
#include "common/base/err.h"

/* One table of flags per command, or per several that are alike. A flag that
 * is not in its command's table is refused. */
static const struct args_spec config_spec[] = {
    ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};

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

static const struct args_spec list_spec[] = {PROPOSAL_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, {"details", ARGS_FLAG, "everything about each"},
    {"debug", ARGS_FLAG, "the same as --details"}, ARG_HELP, ARG_END};
static const struct args_spec replay_list_spec[] = {PROPOSAL_FILTERS,
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"evidence", ARGS_FILTER, "only of this evidence bundle"},
    {"receipt", ARGS_FILTER, "only of this receipt number"}, ARG_STORE,
    ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};
static const struct args_spec show_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"details", ARGS_FLAG, "hashes, guards, events"},
    {"debug", ARGS_FLAG, "where it is stored"}, ARG_HELP, ARG_END};
static const struct args_spec decide_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"reason", ARGS_VALUE, "why (required to reject)"},
    {"yes", ARGS_FLAG, "do not ask"},
    {"actor", ARGS_VALUE,
	"accepted if it is your own user name; it cannot be another"},
    ARG_HELP, ARG_END};
static const struct args_spec job_spec[] = {ARG_STORE, ARG_CONFIG,
    {"output", ARGS_VALUE, "write to this file"}, ARG_HELP, ARG_END};
static const struct args_spec apply_spec[] = {ARG_STORE, ARG_CONFIG, ARG_JSON,
    {"proposal", ARGS_VALUE, "the proposal, instead of a word"},
    {"dry-run", ARGS_FLAG, "check everything, change nothing"},
    {"timeout-ms", ARGS_VALUE, "how long to wait for the receipt (60000)"},
    ARG_HELP, ARG_END};
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
    {"object-id", ARGS_FILTER, "only this object id"},
    {"primary-key", ARGS_FILTER, "the same as --object-id"}, TIME_FILTERS,
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};
static const struct args_spec receipts_spec[] = {
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"writeback-job", ARGS_FILTER, "only of this job"},
    {"idempotency-key", ARGS_FILTER, "only with this key"},
    {"status", ARGS_FILTER, "only with this status"}, TIME_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};
static const struct args_spec events_spec[] = {
    {"proposal", ARGS_FILTER, "only of this proposal"},
    {"kind", ARGS_FILTER, "only of this kind"},
    {"actor", ARGS_FILTER, "only by this actor"},
    {"tenant", ARGS_FILTER, "only this tenant"}, TIME_FILTERS, ARG_STORE,
    ARG_CONFIG, ARG_JSON, {"details", ARGS_FLAG, "with payload"}, ARG_HELP,
    ARG_END};
static const struct args_spec ledger_spec[] = {
    ARG_STORE, ARG_CONFIG, ARG_JSON, ARG_HELP, ARG_END};
static const struct args_spec migration_spec[] = {
    {"engine", ARGS_VALUE, "postgres, mysql or sqlite"},
    {"schema", ARGS_VALUE, "where the table shall be"}, ARG_HELP, ARG_END};
static const struct args_spec grants_spec[] = {
    {"engine", ARGS_VALUE, "postgres, mysql or sqlite"},
    {"schema", ARGS_VALUE, "where the receipt table is (public)"},
    {"role", ARGS_VALUE, "the writer's role"},
    {"config", ARGS_VALUE, "add the grants for this contract's targets"},
    ARG_HELP, ARG_END};
static const struct args_spec doctor_spec[] = {ARG_CONFIG, ARG_JSON,
    {"check-db", ARGS_FLAG, "let a writer look at the databases"}, ARG_HELP,
    ARG_END};
static const struct args_spec metrics_spec[] = {ARG_STORE, ARG_CONFIG,
    {"textfile", ARGS_VALUE, "write it to this file, at once as a whole"},
    ARG_HELP, ARG_END};
static const struct args_spec serve_spec[] = {ARG_STORE, ARG_CONFIG,
    {"transport", ARGS_VALUE, "stdio, streamable-http, json-rpc-http or unix"},
    {"host", ARGS_VALUE, "address to listen on (127.0.0.1)"},
    {"port", ARGS_VALUE, "port (8766; json-rpc-http 8765)"},
    {"auth-token-env", ARGS_VALUE,
	"variable with the bearer token (SYNAPSOR_RUNNER_HTTP_TOKEN)"},
    {"auth-token-previous-env", ARGS_VALUE,
	"variable with the token that is being replaced"},
    {"metrics-token-env", ARGS_VALUE, "variable with the token of /metrics"},
    {"dev-no-auth", ARGS_FLAG, "no token; loopback addresses only"},
    {"allowed-host", ARGS_VALUE, "names in Host, comma-separated"},
    {"allowed-origin", ARGS_VALUE, "origins, comma-separated"},
    {"cors-origin", ARGS_VALUE, "the origin that browsers may call from"},
    {"behind-tls-proxy", ARGS_FLAG, "a proxy in front speaks TLS"},
    {"tls-cert", ARGS_VALUE, "certificate chain, PEM"},
    {"tls-key", ARGS_VALUE, "variable or credential with the private key"},
    {"tls-client-ca", ARGS_VALUE, "clients need a certificate of this CA"},
    {"max-connections", ARGS_VALUE, "more are answered 503 (1024)"},
    {"max-per-identity", ARGS_VALUE, "requests in flight of one caller (512)"},
    {"request-timeout", ARGS_VALUE, "seconds for a request to arrive (15)"},
    {"sessions", ARGS_FLAG, "issue Mcp-Session-Id"},
    {"session-idle-s", ARGS_VALUE, "a session ends unused after (1800)"},
    {"reuse-port", ARGS_FLAG, "several servers on one port"},
    {"socket", ARGS_VALUE, "path of the Unix socket"},
    {"allow-uid", ARGS_VALUE, "uids besides your own, comma-separated"},
    {"local", ARGS_FLAG, "accepted, means nothing"},
    {"read-only", ARGS_FLAG, "offer only reads"},
    {"result-format", ARGS_VALUE, "1 or 2"},
    {"tool-name-style", ARGS_VALUE, "canonical, openai, both or flat"},
    {"alias-mode", ARGS_VALUE, "the same as --tool-name-style"},
    {"no-writer", ARGS_FLAG, "do not start writerd"},
    {"log-format", ARGS_VALUE, "kv or json, on standard error"},
    {"accept-reduced-isolation", ARGS_FLAG,
	"run although this system cannot give the whole sandbox"},
    ARG_HELP, ARG_END};

static const struct args_spec connect_spec[] = {
    {"socket", ARGS_VALUE, "path of the socket that mcpd serves"}, ARG_HELP,
    ARG_END};

const struct command commands[] = {
    {"mcp", "serve", "", "Serve the contract's tools to an MCP client",
	serve_spec, cmd_mcp_serve},
    {"mcp", "serve-streamable-http", "", "Serve over Streamable HTTP",
	serve_spec, cmd_mcp_serve_streamable},
    {"mcp", "serve-http", "", "Serve 0.1.1's JSON-RPC bridge", serve_spec,
	cmd_mcp_serve_bridge},
    {"mcp", "connect", "", "Pipe an MCP client to a Unix socket", connect_spec,
	cmd_mcp_connect},
    {"config", "validate", "", "Check a contract file", config_spec,
	cmd_config_validate},
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
    {"apply", NULL, "<id|latest>", "Apply an approved proposal", apply_spec,
	cmd_apply},
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
    {"replay", "export", "<id|latest>", "Write the story to a file",
	replay_spec, cmd_replay_export},
    {"evidence", "list", "", "List what was read", read_list_spec,
	cmd_evidence_list},
    {"evidence", "show", "<id>", "Show what was read", show_spec,
	cmd_evidence_show},
    {"query-audit", "list", "", "List the queries that were run",
	read_list_spec, cmd_audit_list},
    {"receipts", "list", "", "List receipts", receipts_spec, cmd_receipts_list},
    {"receipts", "show", "<n>", "Show one receipt", show_spec,
	cmd_receipts_show},
    {"events", "tail", "", "Show the latest events", events_spec,
	cmd_events_tail},
    {"ledger", "verify", "", "Check the whole record", ledger_spec,
	cmd_ledger_verify},
    {"ledger", "status", "", "Show the ledger's state", ledger_spec,
	cmd_ledger_status},
    {"metrics", NULL, "", "Print what ledgerd has counted, for a collector",
	metrics_spec, cmd_metrics},
    {"writeback", "migration", "[engine]",
	"Print the SQL that makes the receipt table", migration_spec,
	cmd_writeback_migration},
    {"writeback", "grants", "[engine]", "Print the SQL that a writer needs",
	grants_spec, cmd_writeback_grants},
    {"writeback", "doctor", "", "Show which write credentials are missing",
	doctor_spec, cmd_writeback_doctor},
    {"source", "doctor", "", "Let a reader look at the databases", config_spec,
	cmd_source_doctor},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
