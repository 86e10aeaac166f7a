/*
 * The rules, in the order in which their findings are told for each tool
 * (cli-config.md §7.4); behind them the ones that 0.1.1 did not have.
 */

#include "cli/audit/audit.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"

const struct audit_rule audit_rules[] = {
    {AUDIT_HIGH, "GENERIC_SQL_TOOL",
	"The tool looks like a general SQL interface.",
	"tool name or description reads like execute_sql, run_query or "
	"query_database",
	"Offer named business operations instead of SQL."},
    {AUDIT_HIGH, "WRITE_TOOL_ACCEPTS_ARBITRARY_SQL",
	"The tool takes SQL text from the model.", NULL,
	"Keep SQL in reviewed configuration; let the model choose only bound "
	"values."},
    {AUDIT_HIGH, "ARBITRARY_IDENTIFIER_INPUT",
	"The model chooses tables, columns, schemas or databases.", NULL,
	"Fix identifiers in reviewed configuration."},
    {AUDIT_HIGH, "MODEL_CONTROLLED_TRUST_SCOPE",
	"The model supplies tenant, principal, source or version: what decides "
	"about access.",
	NULL,
	"Take these values from the session or the server, never from "
	"arguments."},
    {AUDIT_HIGH, "MODEL_CALLABLE_COMMIT_OR_APPROVAL",
	"The model can approve, commit or apply a change itself.",
	"tool name or description reads like approve, commit, apply, settle or "
	"merge",
	"Keep approval and commit outside of the model's tools."},
    {AUDIT_HIGH, "WRITE_WITHOUT_PROPOSAL_BOUNDARY",
	"The tool seems to write without a proposal that somebody reviews.",
	"it reads like a write and names no proposal, approval or review",
	"Let the model propose; let a trusted worker apply what was approved."},
    {AUDIT_MEDIUM, "NO_STRUCTURED_OUTPUT_SCHEMA",
	"The tool declares no schema of its output.",
	"no outputSchema, no structuredContent",
	"Declare an output schema, so that callers can tell data from text."},
    {AUDIT_MEDIUM, "NO_IDEMPOTENCY_FIELD",
	"A write that is sent twice may happen twice.", NULL,
	"Require an idempotency key, or derive one on the server."},
    {AUDIT_MEDIUM, "NO_CONFLICT_GUARD",
	"A write may overwrite what changed since it was read.", NULL,
	"Require the version that was read, and compare it when writing."},
    {AUDIT_MEDIUM, "AMBIGUOUS_READ_WRITE_TOOL",
	"One tool seems to read and to write.",
	"its words name both reading and writing",
	"Separate tools that read from tools that propose."},
    {AUDIT_LOW, "MISSING_BUSINESS_DESCRIPTION", "The tool has no description.",
	"description is empty",
	"Say in business terms what the tool does and what it does not."},
    {AUDIT_LOW, "MISSING_RISK_ANNOTATIONS",
	"The tool has no annotations about its risk.",
	"annotations are absent or empty",
	"Set readOnlyHint, destructiveHint and idempotentHint."},
    {AUDIT_LOW, "MISSING_TEST_FIXTURE",
	"The tool comes without an example of its use.",
	"no examples, input_examples or test_fixture",
	"Add an example input, so that reviews and tests can use it."},
    {AUDIT_MEDIUM, "NO_TOOLS_FOUND", "No tools were found to review.",
	"no record with a name and no tools list",
	"Give a manifest, a tools/list answer or a running server."},
    /* Ours. */
    {AUDIT_HIGH, "ARBITRARY_PREDICATE_INPUT",
	"The model chooses the condition that selects rows.", NULL,
	"Look rows up by a reviewed key, within the tenant."},
    {AUDIT_HIGH, "DIRECT_DATABASE_PATH",
	"The client gives its agent a direct way to a database.", NULL,
	"Remove this server: what is reviewed beside it can be bypassed."},
    {AUDIT_HIGH, "CREDENTIAL_IN_CLIENT_CONFIG",
	"The client's configuration holds a credential in clear text.", NULL,
	"Refer to a variable, or connect to a server under another account."},
    {AUDIT_LOW, "TOOL_SURFACE_NOT_VERIFIED",
	"The tools of this configured server were not looked at.", NULL,
	"Run again with --live, which starts the configured servers."},
    {AUDIT_LOW, NULL, NULL, NULL, NULL},
};

static const char *const sql_inputs[] = {
    "sql", "query", "statement", "rawsql", NULL};
static const char *const identifier_inputs[] = {"table", "tablename", "schema",
    "schemaname", "column", "columns", "columnname", "database", "databasename",
    NULL};
static const char *const scope_inputs[] = {"tenantid", "principal",
    "principalid", "userid", "projectid", "sourceid", "databaseid",
    "allowedcolumns", "rowversion", "currentversion", "expectedversion",
    "approvalidentity", NULL};
static const char *const idempotency_inputs[] = {
    "idempotencykey", "requestid", "requestkey", "dedupekey", NULL};
static const char *const guard_inputs[] = {"expectedversion", "rowversion",
    "updatedat", "etag", "conflictguard", "previousversion", NULL};
static const char *const predicate_inputs[] = {"where", "whereclause",
    "predicate", "condition", "filterexpression", "rawfilter", "orderby",
    "having", NULL};
static const char *const structured_keys[] = {
    "structuredContent", "structured_content", NULL};
static const char *const fixture_keys[] = {"examples", "example",
    "input_examples", "test_fixture", "x_synapsor_test_fixture", NULL};

const struct audit_rule *
audit_rule(const char *code)
{
	const struct audit_rule *r = audit_rules;

	while (r->code != NULL && strcmp(r->code, code) != 0) {
		r++;
	}
	cs_assert(r->code != NULL);
	return r;
}

void
audit_begin(struct audit *a, struct arena *arena, const char *target)
{
	*a = (struct audit){.arena = arena, .target = target};
	a->tools = arena_array(arena, AUDIT_MAX_TOOLS, sizeof(*a->tools));
	a->findings =
	    arena_array(arena, AUDIT_MAX_FINDINGS, sizeof(*a->findings));
}

static bool
is_known(const struct audit *a, const struct audit_finding *f)
{
	for (size_t i = a->finding_count; i > 0; i--) {
		const struct audit_finding *g = &a->findings[i - 1];
		if (g->rule == f->rule && g->tool == f->tool &&
		    g->subject == f->subject) {
			return true;
		}
		/* Findings of one tool stand together. */
		if (f->tool != NULL && g->tool != f->tool) {
			return false;
		}
	}
	return false;
}

void
audit_add(struct audit *a, const struct audit_rule *rule,
    const struct audit_tool *tool, const char *subject, const char *detail)
{
	struct audit_finding f = {rule, tool, subject,
	    tool != NULL ? tool->path : "$",
	    detail != NULL ? detail : rule->detail};

	if (a->finding_count < AUDIT_MAX_FINDINGS && !is_known(a, &f)) {
		a->findings[a->finding_count++] = f;
		a->counts[rule->severity]++;
	}
}

/* Names of the input's fields that are on the list (NULL: all of them), or
 * NULL when there are none. */
static const char *
fields_in(
    const struct audit *a, const struct audit_tool *t, const char *const *list)
{
	struct buf text = BUF_INIT;
	const char *copy = NULL;

	for (size_t i = 0; i < t->field_count; i++) {
		const char *const *word = list;
		while (word != NULL && *word != NULL &&
		       !span_is(t->fields[i].plain, *word)) {
			word++;
		}
		if (word == NULL || *word != NULL) {
			buf_puts(
			    &text, text.len == 0 ? "Input fields: " : ", ");
			buf_span(&text, t->fields[i].name);
		}
	}
	if (text.len > 0) {
		copy = arena_strndup(a->arena, text.data, text.len);
	}
	buf_clear(&text);
	return copy;
}

static bool
has_key(const struct audit_tool *t, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		if (json_get(t->doc, t->node, *keys) != JSON_NONE) {
			return true;
		}
	}
	return false;
}

static bool
is_blank(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (strchr(" \t\r\n\f\v", s.ptr[i]) == NULL) {
			return false;
		}
	}
	return true;
}

static bool
lacks_annotations(const struct audit_tool *t)
{
	return t->annotations == JSON_NONE ||
	       t->doc->nodes[t->annotations].count == 0;
}

/* A rule whose finding names fields of the input. */
static void
judge_fields(struct audit *a, const struct audit_tool *t, const char *code,
    const char *const *list)
{
	const char *detail = fields_in(a, t, list);

	if (detail != NULL) {
		audit_add(a, audit_rule(code), t, NULL, detail);
	}
}

static void
judge_flag(
    struct audit *a, const struct audit_tool *t, const char *code, bool is_so)
{
	if (is_so) {
		audit_add(a, audit_rule(code), t, NULL, NULL);
	}
}

/* A write that nobody reviews wants one of these fields. */
static void
judge_missing(struct audit *a, const struct audit_tool *t, const char *code,
    const char *const *list)
{
	const char *all;

	if (!t->is_write || t->has_boundary || fields_in(a, t, list) != NULL) {
		return;
	}
	all = fields_in(a, t, NULL);
	audit_add(a, audit_rule(code), t, NULL,
	    all != NULL ? all : "Input fields: none");
}

static void
judge_tool(struct audit *a, const struct audit_tool *t)
{
	judge_flag(a, t, "GENERIC_SQL_TOOL", t->is_sql);
	if (t->is_sql && fields_in(a, t, sql_inputs) != NULL) {
		audit_add(a, audit_rule("WRITE_TOOL_ACCEPTS_ARBITRARY_SQL"), t,
		    NULL, fields_in(a, t, NULL));
	}
	judge_fields(a, t, "ARBITRARY_IDENTIFIER_INPUT", identifier_inputs);
	judge_fields(a, t, "MODEL_CONTROLLED_TRUST_SCOPE", scope_inputs);
	judge_flag(a, t, "MODEL_CALLABLE_COMMIT_OR_APPROVAL", t->is_commit);
	judge_flag(a, t, "WRITE_WITHOUT_PROPOSAL_BOUNDARY",
	    t->is_write && !t->has_boundary);
	judge_flag(a, t, "NO_STRUCTURED_OUTPUT_SCHEMA",
	    t->output == JSON_NONE && !has_key(t, structured_keys));
	judge_missing(a, t, "NO_IDEMPOTENCY_FIELD", idempotency_inputs);
	judge_missing(a, t, "NO_CONFLICT_GUARD", guard_inputs);
	judge_flag(a, t, "AMBIGUOUS_READ_WRITE_TOOL",
	    t->is_write && t->is_read && !t->has_boundary);
	judge_flag(
	    a, t, "MISSING_BUSINESS_DESCRIPTION", is_blank(t->description));
	judge_flag(a, t, "MISSING_RISK_ANNOTATIONS", lacks_annotations(t));
	judge_flag(a, t, "MISSING_TEST_FIXTURE", !has_key(t, fixture_keys));
	judge_fields(a, t, "ARBITRARY_PREDICATE_INPUT", predicate_inputs);
}

void
audit_judge(struct audit *a)
{
	for (size_t i = 0; i < a->tool_count; i++) {
		judge_tool(a, &a->tools[i]);
	}
	/* Of a client's configuration that is said for each server. */
	if (a->tool_count == 0 && !a->has_servers) {
		audit_add(a, audit_rule("NO_TOOLS_FOUND"), NULL, NULL, NULL);
	}
}

const char *
audit_severity_name(enum audit_severity s)
{
	static const char *const names[AUDIT_SEVERITIES] = {
	    "HIGH", "MEDIUM", "LOW"};

	return names[s];
}

const char *
audit_risk(const struct audit *a)
{
	static const char *const names[AUDIT_SEVERITIES] = {
	    "high", "medium", "low"};

	for (size_t i = 0; i < AUDIT_SEVERITIES; i++) {
		if (a->counts[i] > 0) {
			return names[i];
		}
	}
	return "none";
}
