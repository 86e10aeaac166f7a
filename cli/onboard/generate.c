#include "cli/onboard/generate.h"

#include "common/base/arena.h"
#include "common/base/json_out.h"

/* A text of the selection, if it was given. */
static void
field(struct json_out *j, const char *key, const char *text)
{
	if (text != NULL) {
		json_field_text(j, key, text);
	}
}

static void
put_names(struct json_out *j, const char *key, const struct names *n)
{
	json_key(j, key);
	json_open(j, '[');
	for (size_t i = 0; i < n->count; i++) {
		json_put_text(j, n->items[i]);
	}
	json_close(j, ']');
}

/* A handler writes by itself: its source is only read here. */
static void
put_source(struct json_out *j, const struct selection *s)
{
	bool writes = selection_is(s, SEL_MODE, "review");

	json_key(j, "sources");
	json_open(j, '{');
	json_key(j, s->text[SEL_SOURCE_NAME]);
	json_open(j, '{');
	field(j, "engine", s->text[SEL_ENGINE]);
	field(j, "read_url_env", s->text[SEL_READ_URL_ENV]);
	if (writes && selection_has_handler(s)) {
		json_field_bool(j, "read_only", true);
	} else if (writes) {
		field(j, "write_url_env", s->text[SEL_WRITE_URL_ENV]);
	}
	json_field_raw(
	    j, "statement_timeout_ms", span_of(s->text[SEL_STATEMENT_TIMEOUT]));
	json_close(j, '}');
	json_close(j, '}');
}

/* Tenant and caller come from the environment, never from a model. */
static void
put_context(struct json_out *j, const struct selection *s)
{
	json_open(j, '{');
	json_field_text(j, "provider", "environment");
	json_key(j, "values");
	json_open(j, '{');
	field(j, "tenant_id_env", s->text[SEL_TENANT_ENV]);
	field(j, "principal_env", s->text[SEL_PRINCIPAL_ENV]);
	json_close(j, '}');
	json_close(j, '}');
}

static void
put_http_executor(struct json_out *j, const struct selection *s)
{
	json_field_text(j, "type", "http_handler");
	field(j, "url_env", s->text[SEL_HANDLER_URL_ENV]);
	json_field_text(j, "method", "POST");
	if (s->text[SEL_HANDLER_TOKEN_ENV] != NULL) {
		json_key(j, "auth");
		json_open(j, '{');
		json_field_text(j, "type", "bearer_env");
		field(j, "token_env", s->text[SEL_HANDLER_TOKEN_ENV]);
		json_close(j, '}');
	}
	field(j, "signing_secret_env", s->text[SEL_HANDLER_SECRET_ENV]);
}

static void
put_executor(struct json_out *j, const struct selection *s)
{
	json_key(j, "executors");
	json_open(j, '{');
	json_key(j, s->text[SEL_EXECUTOR_NAME]);
	json_open(j, '{');
	if (selection_is(s, SEL_WRITEBACK, "http_handler")) {
		put_http_executor(j, s);
	} else {
		json_field_text(j, "type", "command_handler");
		field(j, "command_env", s->text[SEL_HANDLER_COMMAND_ENV]);
	}
	json_field_raw(j, "timeout_ms", span_of(s->text[SEL_HANDLER_TIMEOUT]));
	json_close(j, '}');
	json_close(j, '}');
}

/* Names were checked: they become part of statements. */
static void
put_target(struct json_out *j, const struct selection *s)
{
	json_key(j, "target");
	json_open(j, '{');
	field(j, "schema", s->text[SEL_SCHEMA]);
	field(j, "table", s->text[SEL_TABLE]);
	field(j, "primary_key", s->text[SEL_PRIMARY_KEY]);
	if (s->text[SEL_TENANT_KEY] != NULL) {
		field(j, "tenant_key", s->text[SEL_TENANT_KEY]);
	} else {
		json_field_bool(j, "single_tenant_dev", true);
	}
	json_close(j, '}');
}

/* "Support ticket id of the caller's own tenant." */
static void
put_lookup_arg(struct json_out *j, const struct selection *s, bool described)
{
	char *label = arena_printf(s->arena,
	    "%s id, as the application shows it.", s->text[SEL_OBJECT_NAME]);

	for (char *c = label; *c != '\0'; c++) {
		if (*c == '_') {
			*c = ' ';
		}
	}
	if (label[0] >= 'a' && label[0] <= 'z') {
		label[0] = (char)(label[0] - 'a' + 'A');
	}
	json_key(j, s->text[SEL_ID_ARG]);
	json_open(j, '{');
	json_field_text(j, "type", "string");
	if (described) {
		json_field_text(j, "description", label);
	}
	json_field_bool(j, "required", true);
	json_field_int(j, "max_length", 128);
	json_close(j, '}');
}

/* The bound of a column, or NULL. */
static const struct selected_bound *
bound_of(const struct selection *s, const char *column)
{
	for (size_t i = 0; i < s->bound_count; i++) {
		if (strcmp(s->bounds[i].column, column) == 0) {
			return &s->bounds[i];
		}
	}
	return NULL;
}

/* The guard of a column, or NULL. */
static const struct selected_guard *
guard_of(const struct selection *s, const char *column)
{
	for (size_t i = 0; i < s->guard_count; i++) {
		if (strcmp(s->guards[i].column, column) == 0) {
			return &s->guards[i];
		}
	}
	return NULL;
}

/* What somebody wrote down about an argument; {NULL, 0} if nothing. */
static struct span
fact(const struct selection *s, const char *arg, const char *key)
{
	for (size_t i = 0; i < s->fact_count; i++) {
		if (strcmp(s->facts[i].arg, arg) == 0 &&
		    strcmp(s->facts[i].key, key) == 0) {
			return s->facts[i].raw;
		}
	}
	return (struct span){NULL, 0};
}

/* Write the fact, else what was inferred, else nothing. */
static void
put_fact(struct json_out *j, const struct selection *s, const char *arg,
    const char *key, struct span inferred)
{
	struct span raw = fact(s, arg, key);
	struct json_doc doc;

	raw = raw.ptr != NULL ? raw : inferred;
	if (raw.len > 0 && json_scan(&doc, raw, s->arena, NULL) == 0) {
		json_key(j, key);
		json_rewrite(j, &doc, 0, s->arena);
	}
}

/* The states that a guard leads to, each once, as JSON. */
static struct span
states_of(const struct selected_guard *g, struct arena *a)
{
	struct names states = {0};
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span out;

	for (size_t i = 0; i < g->count; i++) {
		for (size_t k = 0; k < g->states[i].to.count; k++) {
			if (!names_have(&states, g->states[i].to.items[k])) {
				names_add(&states, g->states[i].to.items[k], a);
			}
		}
	}
	json_begin(&j, &text, 0);
	json_open(&j, '[');
	for (size_t i = 0; i < states.count; i++) {
		json_put_text(&j, states.items[i]);
	}
	json_close(&j, ']');
	out = arena_span(a, buf_as_span(&text));
	buf_clear(&text);
	return out;
}

/* What the column's bound and guard make of the argument, and above that
 * what somebody wrote down. */
static void
put_patch_arg(struct json_out *j, const struct selection *s,
    const struct selected_patch *p)
{
	const struct selected_bound *b = bound_of(s, p->column);
	const struct selected_guard *g = guard_of(s, p->column);
	struct span type = fact(s, p->from_arg, "type");
	struct span none = {NULL, 0};
	bool number = false;

	if (b != NULL) {
		type = span_of("\"number\"");
	} else if (type.ptr == NULL || g != NULL) {
		type = span_of("\"string\"");
	}
	number = span_is(type, "\"number\"");
	json_key(j, p->from_arg);
	json_open(j, '{');
	json_field_raw(j, "type", type);
	put_fact(j, s, p->from_arg, "description", none);
	put_fact(j, s, p->from_arg, "required", span_of("true"));
	if (span_is(type, "\"string\"")) {
		put_fact(j, s, p->from_arg, "max_length",
		    span_of(g != NULL ? "128" : "500"));
	}
	if (number) {
		put_fact(j, s, p->from_arg, "minimum", b ? b->minimum : none);
		put_fact(j, s, p->from_arg, "maximum", b ? b->maximum : none);
	}
	put_fact(j, s, p->from_arg, "enum", g ? states_of(g, s->arena) : none);
	json_close(j, '}');
}

/* An argument that fills two columns is written once. */
static bool
is_first_use(const struct selection *s, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (s->patch[i].from_arg != NULL &&
		    strcmp(s->patch[i].from_arg, s->patch[at].from_arg) == 0) {
			return false;
		}
	}
	return true;
}

static void
put_args(struct json_out *j, const struct selection *s, bool proposal)
{
	json_key(j, "args");
	json_open(j, '{');
	put_lookup_arg(j, s, !proposal);
	for (size_t i = 0; proposal && i < s->patch_count; i++) {
		if (s->patch[i].from_arg != NULL && is_first_use(s, i)) {
			put_patch_arg(j, s, &s->patch[i]);
		}
	}
	json_close(j, '}');
	json_key(j, "lookup");
	json_open(j, '{');
	field(j, "id_from_arg", s->text[SEL_ID_ARG]);
	json_close(j, '}');
}

/* Key, tenant and version first: a proposal is made from what was seen. */
static void
put_visible(struct json_out *j, const struct selection *s)
{
	static const enum selection_text first[] = {
	    SEL_PRIMARY_KEY, SEL_TENANT_KEY, SEL_CONFLICT_COLUMN};
	struct names all = {0};

	for (size_t i = 0; i < 3; i++) {
		const char *column = s->text[first[i]];
		if (column != NULL && !names_have(&all, column)) {
			names_add(&all, column, s->arena);
		}
	}
	for (size_t i = 0; i < s->visible.count; i++) {
		if (!names_have(&all, s->visible.items[i])) {
			names_add(&all, s->visible.items[i], s->arena);
		}
	}
	put_names(j, "visible_columns", &all);
}

/* Fixed values keep their type. */
static void
put_patch(struct json_out *j, const struct selection *s)
{
	json_key(j, "patch");
	json_open(j, '{');
	for (size_t i = 0; i < s->patch_count; i++) {
		json_key(j, s->patch[i].column);
		json_open(j, '{');
		if (s->patch[i].from_arg != NULL) {
			field(j, "from_arg", s->patch[i].from_arg);
		} else {
			json_key(j, "fixed");
			scalar_put(j, s->patch[i].fixed);
		}
		json_close(j, '}');
	}
	json_close(j, '}');
	put_names(j, "allowed_columns", &s->allowed);
}

static void
put_bounds(struct json_out *j, const struct selection *s)
{
	if (s->bound_count == 0) {
		return;
	}
	json_key(j, "numeric_bounds");
	json_open(j, '{');
	for (size_t i = 0; i < s->bound_count; i++) {
		json_key(j, s->bounds[i].column);
		json_open(j, '{');
		if (s->bounds[i].minimum.len > 0) {
			json_field_raw(j, "minimum", s->bounds[i].minimum);
		}
		if (s->bounds[i].maximum.len > 0) {
			json_field_raw(j, "maximum", s->bounds[i].maximum);
		}
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void
put_guards(struct json_out *j, const struct selection *s)
{
	if (s->guard_count == 0) {
		return;
	}
	json_key(j, "transition_guards");
	json_open(j, '{');
	for (size_t i = 0; i < s->guard_count; i++) {
		const struct selected_guard *g = &s->guards[i];

		json_key(j, g->column);
		json_open(j, '{');
		field(j, "from_column", g->from_column);
		json_key(j, "allowed");
		json_open(j, '{');
		for (size_t k = 0; k < g->count; k++) {
			put_names(j, g->states[k].from, &g->states[k].to);
		}
		json_close(j, '}');
		json_close(j, '}');
	}
	json_close(j, '}');
}

/* Its keys stand in the order of 0.1.1. */
static void
put_read(struct json_out *j, const struct selection *s)
{
	json_open(j, '{');
	field(j, "name", s->text[SEL_READ_TOOL]);
	json_field_text(j, "kind", "read");
	field(j, "description", s->text[SEL_READ_DESCRIPTION]);
	field(j, "returns_hint", s->text[SEL_READ_HINT]);
	field(j, "source", s->text[SEL_SOURCE_NAME]);
	json_field_text(j, "context", "local_operator");
	put_target(j, s);
	put_args(j, s, false);
	put_visible(j, s);
	json_field_text(j, "evidence", "required");
	json_field_int(j, "max_rows", 1);
	json_close(j, '}');
}

/* The same, and what may change under which guards. */
static void
put_proposal(struct json_out *j, const struct selection *s)
{
	json_open(j, '{');
	field(j, "name", s->text[SEL_PROPOSAL_TOOL]);
	json_field_text(j, "kind", "proposal");
	field(j, "description", s->text[SEL_PROPOSAL_DESCRIPTION]);
	field(j, "returns_hint", s->text[SEL_PROPOSAL_HINT]);
	field(j, "source", s->text[SEL_SOURCE_NAME]);
	json_field_text(j, "context", "local_operator");
	if (selection_has_handler(s)) {
		field(j, "executor", s->text[SEL_EXECUTOR_NAME]);
	}
	put_target(j, s);
	put_args(j, s, true);
	put_visible(j, s);
	json_field_text(j, "evidence", "required");
	json_field_int(j, "max_rows", 1);
	put_patch(j, s);
	put_bounds(j, s);
	put_guards(j, s);
	json_key(j, "conflict_guard");
	json_open(j, '{');
	if (s->text[SEL_CONFLICT_COLUMN] != NULL) {
		field(j, "column", s->text[SEL_CONFLICT_COLUMN]);
	} else {
		json_field_bool(j, "weak_guard_ack", true);
	}
	json_close(j, '}');
	json_key(j, "approval");
	json_open(j, '{');
	json_field_text(j, "mode", "human");
	field(j, "required_role", s->text[SEL_ROLE]);
	json_close(j, '}');
	json_close(j, '}');
}

/* A value that the argument takes. */
static void
put_sample(struct json_out *j, const struct selection *s,
    const struct selected_patch *p)
{
	const struct selected_bound *b = bound_of(s, p->column);
	const struct selected_guard *g = guard_of(s, p->column);
	struct span type = fact(s, p->from_arg, "type");

	json_key(j, p->from_arg);
	if (g != NULL) {
		json_put_text(j, g->states[0].to.items[0]);
	} else if (b != NULL) {
		json_put_raw(j, b->minimum.len > 0 ? b->minimum : b->maximum);
	} else if (span_is(type, "\"number\"")) {
		json_put_int(j, 1);
	} else if (span_is(type, "\"boolean\"")) {
		json_put_bool(j, true);
	} else {
		json_put_text(j, "first proposal");
	}
}

void
generate_input(
    const struct selection *s, const char *id, bool proposal, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 2);
	json_open(&j, '{');
	json_field_text(&j, s->text[SEL_ID_ARG], id);
	for (size_t i = 0; proposal && i < s->patch_count; i++) {
		if (s->patch[i].from_arg != NULL && is_first_use(s, i)) {
			put_sample(&j, s, &s->patch[i]);
		}
	}
	json_close(&j, '}');
	buf_putc(out, '\n');
}

static void
put_storage(struct json_out *j, const char *store)
{
	json_key(j, "storage");
	json_open(j, '{');
	json_field_text(j, "sqlite_path", store);
	json_close(j, '}');
}

void
generate_contract(const struct selection *s, const char *store, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 2);
	json_open(&j, '{');
	json_field_int(&j, "version", 1);
	field(&j, "mode", s->text[SEL_MODE]);
	json_field_raw(
	    &j, "result_format", span_of(s->text[SEL_RESULT_FORMAT]));
	put_storage(&j, store);
	put_source(&j, s);
	json_key(&j, "trusted_context");
	put_context(&j, s);
	json_key(&j, "contexts");
	json_open(&j, '{');
	json_key(&j, "local_operator");
	put_context(&j, s);
	json_close(&j, '}');
	if (selection_proposes(s) && selection_has_handler(s)) {
		put_executor(&j, s);
	}
	json_key(&j, "capabilities");
	json_open(&j, '[');
	put_read(&j, s);
	if (selection_proposes(s)) {
		put_proposal(&j, s);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	buf_putc(out, '\n');
}
