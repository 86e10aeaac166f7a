/* The report as text, JSON and Markdown (cli-config.md §7.5). */
#include "cli/audit/audit.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/str.h"

static const char disclaimer[] = "This is a static risk review, not proof that "
				 "an MCP server is secure.";

static const char *const safer_shape[] = {
    "Semantic tools: one business operation each, no SQL, no identifiers.",
    "Tenant and principal come from the session, never from arguments.",
    "Writes are proposals: exact, bounded, reviewed by a person.",
    "Approval and commit happen outside of the model's tools.",
    "A trusted worker applies once, with a conflict guard and a receipt.",
    NULL,
};

/* What a finding is about, or NULL. */
static struct span
subject_of(const struct audit_finding *f)
{
	return f->tool != NULL ? f->tool->name : span_of(f->subject);
}

static void
put_escaped(struct buf *out, struct span text)
{
	str_escape_for_people(out, text);
}

static void
put_counts(const struct audit *a, struct buf *out)
{
	buf_printf(out, "HIGH %zu | MEDIUM %zu | LOW %zu",
	    a->counts[AUDIT_HIGH], a->counts[AUDIT_MEDIUM],
	    a->counts[AUDIT_LOW]);
}

static void
put_text_finding(const struct audit_finding *f, struct buf *out)
{
	buf_printf(out, "%-6s %s", audit_severity_name(f->rule->severity),
	    f->rule->code);
	if (subject_of(f).len > 0) {
		buf_puts(out, "  ");
		put_escaped(out, subject_of(f));
	}
	buf_printf(
	    out, "\n       %s\n       Evidence: path ", f->rule->message);
	put_escaped(out, span_of(f->path));
	buf_puts(out, "; ");
	put_escaped(out, span_of(f->detail));
	buf_printf(
	    out, "\n       Recommendation: %s\n", f->rule->recommendation);
}

void
audit_put_text(const struct audit *a, struct buf *out)
{
	buf_puts(out, "Countersign MCP database risk review\nTarget: ");
	put_escaped(out, span_of(a->target));
	buf_printf(out, "\n%s\n\nTools inspected: %zu\nFindings: ", disclaimer,
	    a->tool_count);
	put_counts(a, out);
	buf_printf(out, "\nOverall risk: %s\n\n", audit_risk(a));
	if (a->finding_count == 0) {
		buf_puts(out, "Nothing obvious was found. That does not prove "
			      "that the server is secure.\n");
		return;
	}
	for (size_t i = 0; i < a->finding_count; i++) {
		put_text_finding(&a->findings[i], out);
	}
	buf_puts(out, "\nSuggested safer shape:\n");
	for (size_t i = 0; safer_shape[i] != NULL; i++) {
		buf_printf(out, "  - %s\n", safer_shape[i]);
	}
}

static void
put_json_finding(
    const struct audit_finding *f, struct arena *arena, struct json_out *j)
{
	json_open(j, '{');
	json_field_text(j, "severity", audit_severity_name(f->rule->severity));
	json_field_text(j, "code", f->rule->code);
	if (subject_of(f).len > 0) {
		json_field_span(j, "tool", subject_of(f));
	}
	json_field_text(j, "message", f->rule->message);
	json_key(j, "evidence");
	json_open(j, '[');
	json_put_text(j, arena_printf(arena, "path %s", f->path));
	json_put_text(j, f->detail);
	json_close(j, ']');
	json_field_text(j, "recommendation", f->rule->recommendation);
	json_close(j, '}');
}

void
audit_put_json(const struct audit *a, struct buf *out)
{
	struct json_out j;
	char when[CLOCK_TEXT_SIZE];

	clock_format(a->generated_us, when);
	json_begin(&j, out, 2);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", "synapsor.mcp-audit.v1");
	json_field_text(&j, "target", a->target);
	json_field_text(&j, "disclaimer", disclaimer);
	json_field_text(&j, "generated_at", when);
	json_key(&j, "summary");
	json_open(&j, '{');
	json_field_int(&j, "tools_inspected", (int64_t)a->tool_count);
	json_field_int(&j, "high", (int64_t)a->counts[AUDIT_HIGH]);
	json_field_int(&j, "medium", (int64_t)a->counts[AUDIT_MEDIUM]);
	json_field_int(&j, "low", (int64_t)a->counts[AUDIT_LOW]);
	json_field_int(&j, "total_findings", (int64_t)a->finding_count);
	json_close(&j, '}');
	json_key(&j, "findings");
	json_open(&j, '[');
	for (size_t i = 0; i < a->finding_count; i++) {
		put_json_finding(&a->findings[i], a->arena, &j);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	buf_putc(out, '\n');
}

/* Untrusted text in Markdown: nothing in it forms markup or HTML. */
static void
put_plain(struct buf *out, struct span text)
{
	struct buf escaped = BUF_INIT;

	put_escaped(&escaped, text);
	for (size_t i = 0; i < escaped.len; i++) {
		if (strchr("\\`*_{}[]<>()#+!|&~", escaped.data[i]) != NULL) {
			buf_putc(out, '\\');
		}
		buf_putc(out, escaped.data[i]);
	}
	buf_clear(&escaped);
}

static void
put_markdown_finding(const struct audit_finding *f, struct buf *out)
{
	buf_printf(out, "### %s: %s", audit_severity_name(f->rule->severity),
	    f->rule->code);
	if (subject_of(f).len > 0) {
		buf_puts(out, " (");
		put_plain(out, subject_of(f));
		buf_putc(out, ')');
	}
	buf_printf(out, "\n\n%s\n\n- path ", f->rule->message);
	put_plain(out, span_of(f->path));
	buf_puts(out, "\n- ");
	put_plain(out, span_of(f->detail));
	buf_printf(out, "\n\nRecommendation: %s\n\n", f->rule->recommendation);
}

void
audit_put_markdown(const struct audit *a, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];

	clock_format(a->generated_us, when);
	buf_puts(out, "# Countersign MCP Database Risk Review\n\n- Target: ");
	put_plain(out, span_of(a->target));
	buf_printf(out,
	    "\n- Generated at: %s\n- Tools inspected: %zu\n"
	    "- Findings: ",
	    when, a->tool_count);
	put_counts(a, out);
	buf_printf(out, "\n- Total findings: %zu\n\n> %s\n\n## Findings\n\n",
	    a->finding_count, disclaimer);
	if (a->finding_count == 0) {
		buf_puts(out, "Nothing obvious was found. That does not prove "
			      "that the server is secure.\n\n");
	}
	for (size_t i = 0; i < a->finding_count; i++) {
		put_markdown_finding(&a->findings[i], out);
	}
	buf_puts(out, "## Safer Shape\n\n");
	for (size_t i = 0; safer_shape[i] != NULL; i++) {
		buf_printf(out, "- %s\n", safer_shape[i]);
	}
}
