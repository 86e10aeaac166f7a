#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

/* --proposal, --replay, --evidence, or a word; the proposal's id comes out. */
static int
choose(
    struct control *c, const struct args *a, const char **id_out, struct err *e)
{
	const char *evidence = args_get(a, "evidence");
	const char *word = a->word_count == 1 ? a->words[0] : NULL;
	struct span answer;
	struct view v;
	int rc;

	*id_out = args_get(a, "proposal");
	if (*id_out == NULL) {
		*id_out = args_get(a, "replay");
	}
	if (*id_out == NULL && evidence == NULL) {
		*id_out = word != NULL ? word : "latest";
		/* An evidence id where a proposal is wanted is the likeliest
		 * mistake. */
		return strncmp(*id_out, "ev_", 3) != 0
			   ? 0
			   : err_set(e, CS_E_INVALID, "USAGE",
				 "%s is an evidence bundle: use --evidence %s",
				 *id_out, *id_out);
	}
	if (*id_out != NULL) {
		return 0;
	}
	rc = control_show(c, SHOW_EVIDENCE, evidence, &answer, e);
	if (rc == 0 && (rc = view_open(&v, answer, c->arena, e)) == 0) {
		*id_out = view_text(&v, 0, "proposal_id", NULL);
		if (*id_out == NULL) {
			rc = err_set(e, CS_E_NOT_FOUND, "NOT_LINKED",
			    "evidence %s did not lead to a proposal", evidence);
		}
	}
	return rc;
}

/* How many elements a list of the record has; 0 when it is not there. */
static uint32_t
count_of(const struct view *v, const char *key)
{
	uint32_t list = json_get(&v->doc, 0, key);

	return list == JSON_NONE ? 0 : v->doc.nodes[list].count;
}

/* Each decision with the person who made it. One that ledgerd could not
 * verify is named as such and its text is not shown. */
static void
print_decisions(struct view *v, const char *indent)
{
	uint32_t list = json_get(&v->doc, 0, "decisions");

	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		uint32_t s = json_get(&v->doc, i, "statement");
		uint32_t reviewer = json_get(&v->doc, s, "reviewer");
		if (!view_bool(v, i, "signature_valid")) {
			view_print(v,
			    "%sNOT VALID: a decision in the file "
			    "that this ledger did not sign\n",
			    indent);
			continue;
		}
		bool approved =
		    strcmp(view_text(v, s, "action", ""), "approve") == 0;
		view_print(v, "%s%s by %s (uid %s) at %s, reason: %s\n", indent,
		    approved ? "approved" : "rejected",
		    view_text(v, reviewer, "user", "?"),
		    view_text(v, reviewer, "uid", "?"),
		    view_text(v, s, "issued_at", "?"),
		    view_text(v, s, "reason", "none given"));
	}
}

/* Every receipt, oldest first: a retry must not hide what really wrote. */
static void
print_writeback(struct view *v)
{
	uint32_t list = json_get(&v->doc, 0, "receipts");

	view_print(v, "Writeback:\n");
	if (view_first(v, list) == JSON_NONE) {
		view_print(v, "  none yet\n");
	}
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		uint32_t receipt = json_get(&v->doc, i, "receipt");
		const char *code =
		    view_text(v, receipt, "safe_error_code", NULL);
		view_print(v, "  %s%s%s%s%s at %s, %s row(s), key %s\n",
		    view_text(v, receipt, "status", "?"),
		    view_bool(v, i, "dry_run") ? " (dry run)" : "",
		    code != NULL ? " (" : "", code != NULL ? code : "",
		    code != NULL ? ")" : "",
		    view_text(v, receipt, "executed_at", "?"),
		    view_text(v, receipt, "rows_affected", "?"),
		    view_text(v, receipt, "idempotency_key", "?"));
	}
}

/* The story in the order in which it happened, for somebody who was not
 * there. Everything in it comes from the ledger, nothing from the source. */
static void
print_story(struct view *v)
{
	uint32_t p = json_get(&v->doc, 0, "proposal");
	uint32_t cs = json_get(&v->doc, p, "change_set");
	uint32_t evidence = json_get(&v->doc, cs, "evidence");
	const char *id = view_text(v, p, "proposal_id", "?");

	view_print(v, "Replay %s\n\nWhat happened:\n",
	    view_text(v, 0, "replay_id", "?"));
	view_print(v, "  1. %s called %s\n", view_text(v, p, "principal", "?"),
	    view_text(v, p, "action", "?"));
	view_print(v, "  2. Read %s %s under tenant %s\n",
	    view_text(v, p, "business_object", "?"),
	    view_text(v, p, "object_id", "?"),
	    view_text(v, p, "tenant_id", "?"));
	view_print(v, "  3. Evidence saved: %s\n",
	    view_text(v, evidence, "bundle_id", "?"));
	view_print(v, "  4. Proposal created: %s\n", id);
	view_print(v, "  5. Source DB changed: %s\n",
	    view_bool(v, p, "source_database_mutated") ? "yes" : "no");
	view_print(v, "  6. State: %s\n", view_text(v, p, "state", "?"));
	print_decisions(v, "     ");
	view_print(v, "\nProposed change (values by the model or the data; not "
		      "an instruction):\n");
	view_diff(v, cs, "  | ");
	view_print(v,
	    "\nEvidence:\n  %u query audit record(s)\n  %u evidence "
	    "item(s)\n\n",
	    count_of(v, "query_audit"), count_of(v, "evidence"));
	print_writeback(v);
	view_print(v, "\nNext:\n");
	view_command(
	    v, "replay export", id, " --output replay.md --format markdown");
	view_print(v, "\nMore detail:\n");
	view_command(v, "replay show", id, " --details");
}

/* One line per record of a list, with the named members. */
static void
print_lines(struct view *v, const char *key, const char *const *members)
{
	uint32_t list = json_get(&v->doc, 0, key);

	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		view_print(v, "  %s", key);
		for (const char *const *m = members; *m != NULL; m++) {
			view_print(v, "  %s", view_text(v, i, *m, "-"));
		}
		view_print(v, "\n");
	}
}

/* What one line of each list shows. */
static const char *const event_members[] = {
    "event_id", "created_at", "kind", "actor", NULL};
static const char *const receipt_members[] = {
    "receipt_id", "created_at", "status", "runner_id", NULL};
static const char *const audit_members[] = {
    "audit_id", "created_at", "table_name", "query_fingerprint", NULL};
static const char *const evidence_members[] = {
    "evidence_bundle_id", "created_at", "source_table", NULL};

static void
print_details(struct view *v)
{
	view_print(
	    v, "Replay details %s\n\n", view_text(v, 0, "replay_id", "?"));
	view_proposal_details(v, json_get(&v->doc, 0, "proposal"));
	view_print(v, "\nDecisions:\n");
	print_decisions(v, "  ");
	view_print(v,
	    "\nEvents: %u  Receipts: %u  Query audit: %u  Evidence: "
	    "%u\n",
	    count_of(v, "events"), count_of(v, "receipts"),
	    count_of(v, "query_audit"), count_of(v, "evidence"));
	print_lines(v, "events", event_members);
	print_lines(v, "receipts", receipt_members);
	print_lines(v, "query_audit", audit_members);
	print_lines(v, "evidence", evidence_members);
}

/* Fenced, so that no text of a model becomes Markdown. */
static void
print_fence(struct view *v, uint32_t node)
{
	view_print(v, "````json\n");
	view_json(v, node);
	view_print(v, "````\n");
}

/* For a ticket or an audit file, under 0.1.1's headings. Whole records are
 * fenced, single values are escaped as on a terminal. */
/* A value as a Markdown code span that it cannot end: the fence has one
 * backtick more than any run inside (CommonMark 6.1). */
static const char *
code(struct view *v, const char *text)
{
	char fence[64] = "`";
	size_t run = 0;
	size_t longest = 0;

	for (const char *p = text; *p != '\0'; p++) {
		run = *p == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	if (longest == 0) {
		return arena_printf(v->arena, "`%s`", text);
	}
	longest = longest < sizeof(fence) - 2 ? longest : sizeof(fence) - 2;
	memset(fence, '`', longest + 1);
	fence[longest + 1] = '\0';
	return arena_printf(v->arena, "%s %s %s", fence, text, fence);
}

static void
print_markdown(struct view *v)
{
	uint32_t p = json_get(&v->doc, 0, "proposal");
	uint32_t cs = json_get(&v->doc, p, "change_set");
	static const struct {
		const char *title;
		const char *key; /* of the change set or the record */
		bool of_change_set;
	} parts[] = {
	    {"Trusted Context", "scope", true},
	    {"Evidence", "evidence", false},
	    {"Proposed Diff", "patch", true},
	    {"Approval", "decisions", false},
	    {"Guarded Writeback", "receipts", false},
	    {"Query Audit", "query_audit", false},
	};

	view_print(v,
	    "# Countersign Replay\n\n- replay: %s\n- proposal: "
	    "%s\n- hash: %s\n- state: %s\n- source database "
	    "changed: %s\n\n",
	    code(v, view_text(v, 0, "replay_id", "?")),
	    code(v, view_text(v, p, "proposal_id", "?")),
	    code(v, view_text(v, p, "proposal_hash", "?")),
	    code(v, view_text(v, p, "state", "?")),
	    view_bool(v, p, "source_database_mutated") ? "yes" : "no");
	view_print(v, "## What The Agent Requested\n\n%s for %s %s\n\n",
	    code(v, view_text(v, p, "action", "?")),
	    code(v, view_text(v, p, "business_object", "?")),
	    code(v, view_text(v, p, "object_id", "?")));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint32_t node = json_get(
		    &v->doc, parts[i].of_change_set ? cs : 0, parts[i].key);
		view_print(v, "## %s\n\n", parts[i].title);
		if (node != JSON_NONE) {
			print_fence(v, node);
		}
		view_print(v, "\n");
	}
	view_print(v, "## Replay Note\n\nThis is the interaction as it was "
		      "captured, rebuilt from the ledger: it is not external "
		      "database time travel.\n");
}

/* Connect, find out which proposal is meant, get its replay. */
static int
open_replay(
    struct control *c, struct view *v, const struct args *a, struct err *e)
{
	const char *id = NULL;
	struct span answer;
	int rc;

	*v = (struct view){0};
	/* Also on failure the caller closes: an answer may be half opened. */
	if ((rc = control_open(c, a, e)) != 0 ||
	    (rc = choose(c, a, &id, e)) != 0 ||
	    (rc = control_show(c, SHOW_REPLAY, id, &answer, e)) != 0) {
		return rc;
	}
	rc = view_open(v, answer, c->arena, e);
	v->place = c->place;
	return rc;
}

int
cmd_replay_show(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct view v;
	int rc = open_replay(&c, &v, a, e);

	if (rc == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else if (args_has(a, "details") || args_has(a, "debug")) {
			print_details(&v);
		} else {
			print_story(&v);
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

int
cmd_replay_export(const struct args *a, struct err *e)
{
	const char *output = args_get(a, "output");
	const char *format = args_get(a, "format");
	struct control c = {.fd = -1};
	struct view v;
	int rc;

	format = format == NULL ? "json" : format;
	if (output == NULL ||
	    (strcmp(format, "json") != 0 && strcmp(format, "markdown") != 0)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    output == NULL ? "replay export requires --output FILE"
				   : "unsupported export format: %s",
		    format);
	}
	rc = open_replay(&c, &v, a, e);
	if (rc == 0) {
		if (strcmp(format, "json") == 0) {
			view_json(&v, 0);
		} else {
			print_markdown(&v);
		}
		/* For us alone: it may hold what the contract hides from the
		 * model. */
		rc = file_write_atomic(output, v.out.data, v.out.len, 0600, e);
	}
	if (rc == 0) {
		buf_reset(&v.out);
		view_print(&v, "exported %s to %s\n",
		    view_text(&v, 0, "replay_id", "?"), output);
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}
