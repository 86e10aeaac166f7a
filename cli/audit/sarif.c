/*
 * The report as SARIF 2.1.0, for code hosts and editors: rule ids are the
 * codes, which do not change.
 */
#include "cli/audit/audit.h"
#include "common/base/arena.h"
#include "common/base/json_out.h"
#include "common/crypto/digest.h"

static const char *
level_of(enum audit_severity s)
{
	static const char *const levels[AUDIT_SEVERITIES] = {
	    "error", "warning", "note"};

	return levels[s];
}

static void
put_message(struct json_out *j, const char *key, const char *text)
{
	json_key(j, key);
	json_open(j, '{');
	json_field_text(j, "text", text);
	json_close(j, '}');
}

static void
put_rules(struct json_out *j)
{
	json_key(j, "rules");
	json_open(j, '[');
	for (const struct audit_rule *r = audit_rules; r->code != NULL; r++) {
		json_open(j, '{');
		json_field_text(j, "id", r->code);
		put_message(j, "shortDescription", r->message);
		put_message(j, "help", r->recommendation);
		json_key(j, "defaultConfiguration");
		json_open(j, '{');
		json_field_text(j, "level", level_of(r->severity));
		json_close(j, '}');
		json_close(j, '}');
	}
	json_close(j, ']');
}

static int64_t
line_of(const struct json_doc *doc, uint32_t node)
{
	int64_t line = 1;

	for (uint32_t i = 0; i < doc->nodes[node].start; i++) {
		line += doc->text.ptr[i] == '\n';
	}
	return line;
}

static void
put_location(
    const struct audit *a, const struct audit_finding *f, struct json_out *j)
{
	json_open(j, '{');
	if (a->target_uri != NULL) {
		json_key(j, "physicalLocation");
		json_open(j, '{');
		json_key(j, "artifactLocation");
		json_open(j, '{');
		json_field_text(j, "uri", a->target_uri);
		json_close(j, '}');
		json_key(j, "region");
		json_open(j, '{');
		json_field_int(j, "startLine",
		    f->tool != NULL ? line_of(f->tool->doc, f->tool->node) : 1);
		json_close(j, '}');
		json_close(j, '}');
	}
	json_key(j, "logicalLocations");
	json_open(j, '[');
	json_open(j, '{');
	if (f->tool != NULL || f->subject != NULL) {
		json_field_span(j, "name",
		    f->tool != NULL ? f->tool->name : span_of(f->subject));
	}
	json_field_text(j, "fullyQualifiedName", f->path);
	json_field_text(j, "kind", "function");
	json_close(j, '}');
	json_close(j, ']');
	json_close(j, '}');
}

/* The same finding has the same fingerprint wherever it moves to. */
static void
put_fingerprint(
    const struct audit *a, const struct audit_finding *f, struct json_out *j)
{
	struct span name =
	    f->tool != NULL ? f->tool->name : span_of(f->subject);
	char digest[DIGEST_TEXT_SIZE];
	const char *text =
	    arena_printf(a->arena, "%s/%.*s", f->rule->code, SPAN_ARGS(name));

	digest_text(span_of(text), digest);
	json_key(j, "partialFingerprints");
	json_open(j, '{');
	json_field_text(j, "countersignAudit/v1", digest);
	json_close(j, '}');
}

static void
put_result(
    const struct audit *a, const struct audit_finding *f, struct json_out *j)
{
	json_open(j, '{');
	json_field_text(j, "ruleId", f->rule->code);
	json_field_int(j, "ruleIndex", f->rule - audit_rules);
	json_field_text(j, "level", level_of(f->rule->severity));
	put_message(j, "message",
	    arena_printf(
		a->arena, "%s Evidence: %s", f->rule->message, f->detail));
	json_key(j, "locations");
	json_open(j, '[');
	put_location(a, f, j);
	json_close(j, ']');
	put_fingerprint(a, f, j);
	json_close(j, '}');
}

void
audit_put_sarif(const struct audit *a, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 2);
	json_open(&j, '{');
	json_field_text(
	    &j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_field_text(&j, "version", "2.1.0");
	json_key(&j, "runs");
	json_open(&j, '[');
	json_open(&j, '{');
	json_key(&j, "tool");
	json_open(&j, '{');
	json_key(&j, "driver");
	json_open(&j, '{');
	json_field_text(&j, "name", "countersign-audit");
	json_field_text(&j, "version", CS_VERSION);
	put_rules(&j);
	json_close(&j, '}');
	json_close(&j, '}');
	json_key(&j, "results");
	json_open(&j, '[');
	for (size_t i = 0; i < a->finding_count; i++) {
		put_result(a, &a->findings[i], &j);
	}
	json_close(&j, ']');
	json_key(&j, "properties");
	json_open(&j, '{');
	json_field_text(&j, "target", a->target);
	json_field_int(&j, "toolsInspected", (int64_t)a->tool_count);
	json_close(&j, '}');
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, '}');
	buf_putc(out, '\n');
}
