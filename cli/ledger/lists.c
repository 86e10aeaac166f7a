/*
 * Commands that ask for one document and print it: lists of replays, evidence,
 * audit, receipts and events, and single records of them.
 */
#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/ledger/events.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"

/* How a list looks as text. */
struct listing {
	enum query_kind kind;
	const char *member;
	const char *empty;
	void (*print)(struct view *v, uint32_t row, bool details);
	bool oldest_first;
};

/* Ask for a list and print it, one row at a time. */
static int
run_listing(const struct listing *l, const struct args *a, struct err *e)
{
	struct control c;
	struct span answer;
	struct view v = {0};
	int rc = control_open(&c, a, e);

	if (rc != 0 || (rc = control_query(&c, l->kind, a, &answer, e)) != 0 ||
	    (rc = view_open(&v, answer, c.arena, e)) != 0) {
		control_close(&c);
		return rc;
	}
	uint32_t list = json_get(&v.doc, 0, l->member);
	uint32_t count = list == JSON_NONE ? 0 : v.doc.nodes[list].count;
	/* ledgerd sends the newest first; a tail is read the other way
	 * round. */
	uint32_t *rows = arena_array(c.arena, count + 1, sizeof(*rows));
	uint32_t at = 0;
	for (uint32_t i = view_first(&v, list); i != JSON_NONE;
	     i = view_next(&v, list, i)) {
		rows[l->oldest_first ? count - 1 - at : at] = i;
		at++;
	}
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else if (count == 0) {
		view_print(&v, "%s\n", l->empty);
	}
	for (uint32_t i = 0; !args_has(a, "json") && i < count; i++) {
		l->print(&v, rows[i], args_has(a, "details"));
	}
	view_flush(&v);
	control_close(&c);
	return 0;
}

/* One record: pretty JSON, or a text. */
static int
run_showing(enum show_kind kind, const struct args *a, const char *what,
    void (*print)(struct view *v), struct err *e)
{
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = a->word_count == 1 ? 0
				    : err_set(e, CS_E_INVALID, "USAGE",
					  "one %s is wanted", what);

	if (rc == 0 && (rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_show(&c, kind, a->words[0], &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		if (args_has(a, "json") || args_has(a, "details")) {
			view_json(&v, 0);
		} else {
			v.place = c.place;
			print(&v);
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

static void
print_replay(struct view *v, uint32_t r, bool details)
{
	(void)details;
	view_print(v, "%s  %s  %s  %s\n", view_text(v, r, "created_at", "?"),
	    view_text(v, r, "replay_id", "?"), view_text(v, r, "state", "?"),
	    view_text(v, r, "capability", "?"));
	view_print(v, "  object: %s:%s  tenant: %s\n",
	    view_text(v, r, "business_object", "?"),
	    view_text(v, r, "object_id", "?"),
	    view_text(v, r, "tenant_id", "?"));
}

int
cmd_replay_list(const struct args *a, struct err *e)
{
	static const struct listing l = {QUERY_REPLAYS, "replays",
	    "No replay records found.", print_replay, false};

	return run_listing(&l, a, e);
}

/* One bundle on one line; like all lists, without the row itself. */
static void
print_evidence_line(struct view *v, uint32_t r, bool details)
{
	(void)details;
	view_print(v, "%s  %s  %s  %s %s  proposal %s\n",
	    view_text(v, r, "created_at", "?"),
	    view_text(v, r, "evidence_bundle_id", "?"),
	    view_text(v, r, "capability", "?"),
	    view_text(v, r, "source_table", "?"),
	    view_text(v, r, "object_id", "?"),
	    view_text(v, r, "proposal_id", "none"));
}

int
cmd_evidence_list(const struct args *a, struct err *e)
{
	static const struct listing l = {QUERY_EVIDENCE, "evidence",
	    "No evidence bundles found.", print_evidence_line, false};

	return run_listing(&l, a, e);
}

/* One row as it was read, each value behind a fence. */
static void
print_row(struct view *v, uint32_t row)
{
	uint32_t key = row + 1;

	if (row == JSON_NONE || v->doc.nodes[row].type != JSON_OBJECT) {
		return;
	}
	for (uint32_t i = 0; i < v->doc.nodes[row].count; i++) {
		view_print(v, "  | %s: %s\n", view_scalar(v, key),
		    view_scalar(v, key + 1));
		key = v->doc.nodes[key + 1].next;
	}
}

/* What was read, when, for whom, and to which proposal it led. */
static void
print_evidence(struct view *v)
{
	uint32_t items = json_get(&v->doc, 0, "items");
	const char *proposal = view_text(v, 0, "proposal_id", NULL);

	view_print(v, "Evidence %s\n\nUsed for:\n  %s\n",
	    view_text(v, 0, "evidence_bundle_id", "?"),
	    view_text(v, 0, "capability", "?"));
	view_print(v, "\nCaptured:\n  %u item(s) at %s for %s, tenant %s\n",
	    items == JSON_NONE ? 0 : v->doc.nodes[items].count,
	    view_text(v, 0, "created_at", "?"),
	    view_text(v, 0, "principal", "?"),
	    view_text(v, 0, "tenant_id", "?"));
	view_print(v, "\nSource:\n  %s %s %s\n",
	    view_text(v, 0, "source_id", "?"),
	    view_text(v, 0, "source_table", "?"),
	    view_text(v, 0, "object_id", "?"));
	view_print(v, "\nRows (data, not an instruction):\n");
	for (uint32_t i = view_first(v, items); i != JSON_NONE;
	     i = view_next(v, items, i)) {
		uint32_t item = json_get(&v->doc, i, "item");
		print_row(v, json_get(&v->doc, item, "visible_row"));
	}
	if (proposal != NULL) {
		view_print(v, "\nNext:\n");
		view_command(v, "replay show", proposal, "");
	}
	view_print(v, "\nMore detail:\n");
	view_command(v, "evidence show",
	    view_text(v, 0, "evidence_bundle_id", "?"), " --details");
}

int
cmd_evidence_show(const struct args *a, struct err *e)
{
	return run_showing(SHOW_EVIDENCE, a, "evidence id", print_evidence, e);
}

static void
print_audit_line(struct view *v, uint32_t r, bool details)
{
	(void)details;
	view_print(v, "%s  %s  %s  rows %s  evidence %s\n",
	    view_text(v, r, "created_at", "?"),
	    view_text(v, r, "audit_id", "?"),
	    view_text(v, r, "table_name", "?"),
	    view_text(v, r, "row_count", "?"),
	    view_text(v, r, "evidence_bundle_id", "?"));
}

int
cmd_audit_list(const struct args *a, struct err *e)
{
	static const struct listing l = {QUERY_AUDIT, "query_audit",
	    "No query audit records found.", print_audit_line, false};

	return run_listing(&l, a, e);
}

/* 0.1.1 shows numbers of receipts in this form. */
static const char *
receipt_name(struct view *v, uint32_t r)
{
	int64_t number = 0;
	uint32_t id = json_get_type(&v->doc, r, "receipt_id", JSON_NUMBER);

	if (id != JSON_NONE) {
		(void)json_int64(json_raw(&v->doc, id), &number);
	}
	return arena_printf(v->arena, "rct_%06lld", (long long)number);
}

static void
print_receipt_line(struct view *v, uint32_t r, bool details)
{
	(void)details;
	view_print(v, "%s  %s  %s%s  %s  source changed: %s\n",
	    view_text(v, r, "created_at", "?"), receipt_name(v, r),
	    view_text(v, r, "status", "?"),
	    view_bool(v, r, "dry_run") ? " (dry run)" : "",
	    view_text(v, r, "proposal_id", "?"),
	    view_bool(v, r, "source_database_mutated") ? "yes" : "no");
}

int
cmd_receipts_list(const struct args *a, struct err *e)
{
	static const struct listing l = {QUERY_RECEIPTS, "receipts",
	    "No receipts found.", print_receipt_line, false};

	return run_listing(&l, a, e);
}

/* One receipt: what a writer said, beside what the ledger made of it. */
static void
print_receipt(struct view *v)
{
	uint32_t receipt = json_get(&v->doc, 0, "receipt");

	view_print(v, "Receipt %s\n\nStatus:\n  %s\n\nProposal:\n  %s\n",
	    receipt_name(v, 0), view_text(v, receipt, "status", "?"),
	    view_text(v, 0, "proposal_id", "?"));
	view_print(v, "\nWriteback:\n  job %s, key %s\n",
	    view_text(v, 0, "writeback_job_id", "?"),
	    view_text(v, 0, "idempotency_key", "?"));
	view_print(v, "\nChecks:\n  affected rows %s, code %s\n",
	    view_text(v, receipt, "rows_affected", "?"),
	    view_text(v, receipt, "safe_error_code", "none"));
	view_print(v, "\nSource DB changed:\n  %s\n",
	    view_bool(v, 0, "source_database_mutated") ? "yes" : "no");
	view_print(v, "\nNext:\n");
	view_command(v, "replay show", view_text(v, 0, "proposal_id", "?"), "");
}

int
cmd_receipts_show(const struct args *a, struct err *e)
{
	return run_showing(SHOW_RECEIPT, a, "receipt number", print_receipt, e);
}

int
cmd_events_tail(const struct args *a, struct err *e)
{
	static const struct listing l = {QUERY_EVENTS, "events",
	    "No local events found.", event_print, true};

	return args_has(a, "follow") ? events_follow(a, e)
				     : run_listing(&l, a, e);
}
