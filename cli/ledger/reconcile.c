/*
 * Applies whose outcome is not known: list them, let a writer look at the row,
 * and record what a person says became of it.
 */
#include "cli/confirm.h"
#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"

static int
want_id(const struct args *a, struct err *e)
{
	return a->word_count == 1 ? 0
				  : err_set(e, CS_E_INVALID, "USAGE",
					"one proposal id (or latest) is "
					"wanted");
}

/* The unknown ones, unless another state is asked for. */
static struct args
with_state(const struct args *a)
{
	struct args out = *a;

	for (size_t i = 0; a->spec[i].name != NULL; i++) {
		if (strcmp(a->spec[i].name, "state") == 0 &&
		    out.values[i] == NULL) {
			out.values[i] = "outcome_unknown";
		}
	}
	return out;
}

static void
print_unknown(struct view *v, uint32_t p)
{
	view_print(v, "%s  %s  %s  %s:%s\n", view_text(v, p, "updated_at", "?"),
	    view_text(v, p, "proposal_id", "?"), view_text(v, p, "state", "?"),
	    view_text(v, p, "business_object", "?"),
	    view_text(v, p, "object_id", "?"));
	view_print(v, "  source: %s  table: %s.%s  tenant: %s\n",
	    view_text(v, p, "source_id", "?"),
	    view_text(v, p, "source_schema", "?"),
	    view_text(v, p, "source_table", "?"),
	    view_text(v, p, "tenant_id", "?"));
}

int
cmd_reconcile_list(const struct args *a, struct err *e)
{
	struct args query = with_state(a);
	struct control c;
	struct span answer;
	struct view v = {0};
	int rc = control_open(&c, a, e);

	if (rc != 0 ||
	    (rc = control_query(&c, QUERY_PROPOSALS, &query, &answer, e)) !=
		0 ||
	    (rc = view_open(&v, answer, c.arena, e)) != 0) {
		control_close(&c);
		return rc;
	}
	uint32_t list = json_get(&v.doc, 0, "proposals");
	uint32_t p = view_first(&v, list);
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else if (p == JSON_NONE) {
		view_print(&v, "No apply has an unknown outcome.\n");
	}
	for (; !args_has(a, "json") && p != JSON_NONE;
	     p = view_next(&v, list, p)) {
		print_unknown(&v, p);
	}
	view_flush(&v);
	control_close(&c);
	return 0;
}

/* One line per column: as reviewed, as proposed, as it is. */
static void
print_columns(struct view *v)
{
	uint32_t before = json_get(&v->doc, 0, "reviewed_before");
	uint32_t patch = json_get(&v->doc, 0, "proposed");
	uint32_t now = json_get(&v->doc, 0, "observed");
	uint32_t count =
	    now == JSON_NONE || v->doc.nodes[now].type != JSON_OBJECT
		? 0
		: v->doc.nodes[now].count;
	uint32_t key = now + 1;

	view_print(v, "Columns (values of the data or the model; not an "
		      "instruction):\n");
	if (count == 0) {
		view_print(v, "  nothing to show\n");
	}
	for (uint32_t i = 0; i < count; i++) {
		struct span raw = json_string(&v->doc, key, v->arena);
		const char *column = arena_strndup(v->arena, raw.ptr, raw.len);
		uint32_t change = json_get(&v->doc, patch, column);

		view_print(v, "  | %s: reviewed %s, proposed %s, now %s\n",
		    view_scalar(v, key),
		    view_scalar(v, json_get(&v->doc, before, column)),
		    change == JSON_NONE ? "(no change)"
					: view_scalar(v, change),
		    view_scalar(v, key + 1));
		key = v->doc.nodes[key + 1].next;
	}
}

/* What a person can say after each finding. */
static const struct {
	const char *classification;
	const char *next;
} findings[] = {
    {"matches_proposed",
	"If nobody else made the same change: --outcome applied"},
    {"matches_reviewed_before",
	"It was not applied: --outcome failed, then have it proposed again"},
    {"drifted",
	"Ask whoever changes this row (its audit trail, the database's log); "
	"then say what you found"},
    {"not_observed",
	"Look for the row by other means; then say what you found"},
    {"not_inspected", "Mend the cause, then inspect again"},
};

static void
print_inspection(struct view *v)
{
	const char *found = view_text(v, 0, "classification", "?");
	const char *id = view_text(v, 0, "proposal_id", "?");
	const char *code = view_text(v, 0, "safe_error_code", "");

	view_print(v, "Proposal %s: %s\n", id, found);
	view_print(v, "  %s%s%s\n", code, code[0] != '\0' ? ": " : "",
	    view_text(v, 0, "explanation", ""));
	print_columns(v);
	view_print(v, "Source database changed by this look: no\n"
		      "State of the proposal: unchanged\n\nNext:\n");
	for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
		if (strcmp(findings[i].classification, found) == 0) {
			view_print(v, "  %s\n", findings[i].next);
		}
	}
	view_command(v, "reconcile resolve", id,
	    " --outcome applied|conflict|failed --reason \"...\"");
}

int
cmd_reconcile_inspect(const struct args *a, struct err *e)
{
	struct msg_inspect m = {0};
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = want_id(a, e);

	if (rc == 0) {
		m.proposal_id = span_of(a->words[0]);
		rc = control_wait_ms(a, &m.wait_ms, e);
	}
	if (rc != 0 || (rc = control_open(&c, a, e)) != 0 ||
	    (rc = control_ask_writer(&c, MSG_INSPECT, &m, &answer, e)) != 0 ||
	    (rc = view_open(&v, answer, c.arena, e)) != 0) {
		control_close(&c);
		return rc;
	}
	rc = strcmp(view_text(&v, 0, "classification", "?"), "not_inspected") ==
		     0
		 ? CS_EXIT_FAILED
		 : CS_EXIT_OK;
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else {
		v.place = c.place;
		print_inspection(&v);
	}
	view_flush(&v);
	control_close(&c);
	return rc;
}

static int
take_resolution(const struct args *a, struct msg_resolve *m, struct err *e)
{
	const char *outcome = args_get(a, "outcome");
	const char *reason = args_get(a, "reason");
	int rc = want_id(a, e);

	m->resolution = 0;
	while (rc == 0 && m->resolution < RESOLUTIONS &&
	       (outcome == NULL ||
		   strcmp(outcome,
		       resolution_name((enum resolution)m->resolution)) != 0)) {
		m->resolution++;
	}
	if (rc == 0 && m->resolution == RESOLUTIONS) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--outcome applied, conflict or failed is wanted");
	}
	if (rc == 0 && (reason == NULL || reason[0] == '\0')) {
		rc = err_set(e, CS_E_INVALID, "REASON_REQUIRED",
		    "reconcile resolve requires --reason; nothing was "
		    "recorded");
	}
	if (rc == 0) {
		m->proposal_id = span_of(a->words[0]);
		m->reason = span_of(reason);
	}
	return rc;
}

int
cmd_reconcile_resolve(const struct args *a, struct err *e)
{
	struct msg_resolve m = {0};
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = take_resolution(a, &m, e);

	if (rc == 0 && !args_has(a, "yes")) {
		rc = confirm("a resolution",
		    "Record this outcome in your name? It cannot be taken "
		    "back.",
		    e);
	}
	if (rc != 0 || (rc = control_open(&c, a, e)) != 0 ||
	    (rc = control_request(&c, MSG_RESOLVE, &m, &answer, e)) != 0 ||
	    (rc = view_open(&v, answer, c.arena, e)) != 0) {
		control_close(&c);
		return rc;
	}
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else {
		view_print(&v,
		    "resolved %s: %s\noperator: %s\nSource database changed by "
		    "this: no\n",
		    view_text(&v, 0, "proposal_id", "?"),
		    view_text(&v, 0, "status", "?"),
		    view_text(&v, 0, "runner_id", "?"));
	}
	view_flush(&v);
	control_close(&c);
	return 0;
}
