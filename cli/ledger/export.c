/* evidence export, query-audit show and export: single records, kept. */
#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

/* For us alone: it may hold what the contract hides from the model. */
#define EXPORT_MODE 0600

static void
print_fence(struct view *v, uint32_t node)
{
	view_print(v, "````json\n");
	if (node != JSON_NONE) {
		view_json(v, node);
	}
	view_print(v, "````\n");
}

/* Whole records are fenced, so that no text of a row becomes Markdown. */
static void
print_evidence_markdown(struct view *v)
{
	static const char *const members[] = {"tenant_id", "principal",
	    "capability", "source_id", "source_table", "object_id",
	    "query_fingerprint", "proposal_id", "created_at"};

	view_print(
	    v, "# Evidence %s\n\n", view_text(v, 0, "evidence_bundle_id", "?"));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *value = view_text(v, 0, members[i], NULL);
		if (value != NULL) {
			view_print(v, "- %s: %s\n", members[i], value);
		}
	}
	view_print(v, "\n## Captured Items\n\n");
	print_fence(v, json_get(&v->doc, 0, "items"));
	view_print(v, "\n## Query Audit\n\n");
	print_fence(v, json_get(&v->doc, 0, "query_audit"));
}

/* One record into a file. */
static int
export_record(enum show_kind kind, const struct args *a, const char *what,
    void (*markdown)(struct view *v), struct err *e)
{
	const char *output = args_get(a, "output");
	const char *format = args_get(a, "format");
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc;

	format = format == NULL ? "json" : format;
	if (a->word_count != 1 || output == NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "one %s and --output FILE are wanted", what);
	}
	if (strcmp(format, "json") != 0 &&
	    (markdown == NULL || strcmp(format, "markdown") != 0)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "unsupported export format: %s", format);
	}
	if ((rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_show(&c, kind, a->words[0], &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		if (markdown == NULL || strcmp(format, "json") == 0) {
			view_json(&v, 0);
		} else {
			markdown(&v);
		}
		rc = file_write_atomic(
		    output, v.out.data, v.out.len, EXPORT_MODE, e);
		buf_reset(&v.out);
	}
	if (rc == 0) {
		view_print(&v, "exported %s to %s\n", a->words[0], output);
		view_flush(&v);
	}
	buf_clear(&v.out);
	control_close(&c);
	return rc;
}

int
cmd_evidence_export(const struct args *a, struct err *e)
{
	return export_record(
	    SHOW_EVIDENCE, a, "evidence id", print_evidence_markdown, e);
}

int
cmd_audit_export(const struct args *a, struct err *e)
{
	return export_record(SHOW_AUDIT, a, "query audit number", NULL, e);
}

static void
print_audit(struct view *v, const char *id, bool details)
{
	uint32_t payload = json_get(&v->doc, 0, "payload");

	view_print(v,
	    "Query audit %s\n\nRead:\n  %s of source %s\n\nRows returned:\n"
	    "  %s\n\nLinked records:\n  evidence %s\n  proposal %s\n",
	    id, view_text(v, 0, "table_name", "?"),
	    view_text(v, 0, "source_id", "?"),
	    view_text(v, 0, "row_count", "?"),
	    view_text(v, 0, "evidence_bundle_id", "none"),
	    view_text(v, 0, "proposal_id", "none"));
	if (!details) {
		view_print(v, "\nMore detail:\n");
		view_command(v, "query-audit show", id, " --details");
		return;
	}
	view_print(v,
	    "\nQuery fingerprint: %s\nParameters redacted: %s\nPayload:\n",
	    view_text(v, 0, "query_fingerprint", "?"),
	    view_bool(v, payload, "parameters_redacted") ? "yes" : "unknown");
	if (payload != JSON_NONE) {
		view_json(v, payload);
	}
}

int
cmd_audit_show(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = a->word_count == 1 ? 0
				    : err_set(e, CS_E_INVALID, "USAGE",
					  "one query audit number is wanted");

	if (rc == 0 && (rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_show(&c, SHOW_AUDIT, a->words[0], &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			v.place = c.place;
			print_audit(&v, a->words[0],
			    args_has(a, "details") || args_has(a, "debug"));
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}
