/*
 * What a database's owner has to do so that writers can work: the receipt
 * table, the grants, and which credential each source asks for. Only text: a
 * connection with the write credential is writerd's alone.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/check/checker.h"
#include "cli/check/commands.h"
#include "cli/control_client.h"
#include "cli/render.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/contract.h"
#include "common/contract/receipt_table.h"

#define ROLE_PLACEHOLDER "<writer_role>"

static int
engine_of(const struct args *a, enum source_engine *out, struct err *e)
{
	static const enum source_engine engines[] = {
	    ENGINE_POSTGRES, ENGINE_MYSQL, ENGINE_SQLITE};
	const char *name = args_get(a, "engine");

	name = name != NULL ? name : a->word_count == 1 ? a->words[0] : "";
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (strcmp(name, contract_engine_name(engines[i])) == 0) {
			*out = engines[i];
			return 0;
		}
	}
	return err_set(e, CS_E_INVALID, "USAGE",
	    "name the database: --engine postgres, mysql or sqlite");
}

/* A name that goes into SQL; NULL when the flag is not given. */
static int
identifier_of(
    const struct args *a, const char *flag, const char **out, struct err *e)
{
	*out = args_get(a, flag);
	if (*out != NULL && !str_is_identifier(span_of(*out))) {
		return err_set(e, CS_E_INVALID, "UNSAFE_IDENTIFIER",
		    "--%s must be a plain identifier", flag);
	}
	return 0;
}

int
cmd_writeback_migration(const struct args *a, struct err *e)
{
	static const struct {
		char quote;
		const char *columns;
		const char *before; /* what makes the schema current */
	} forms[] = {
	    [ENGINE_POSTGRES] = {'"', RECEIPT_COLUMNS_POSTGRES,
		"CREATE SCHEMA IF NOT EXISTS"},
	    [ENGINE_MYSQL] = {'`', RECEIPT_COLUMNS_MYSQL, "USE"},
	    [ENGINE_SQLITE] = {'"', RECEIPT_COLUMNS_SQLITE, NULL},
	};
	enum source_engine engine = ENGINE_POSTGRES;
	const char *schema = NULL;
	struct view v = {0};
	int rc = engine_of(a, &engine, e);

	if (rc != 0 || (rc = identifier_of(a, "schema", &schema, e)) != 0) {
		return rc;
	}
	view_print(&v, "-- One row per applied change; run it once, as the "
		       "owner. Never prune it.\n");
	if (schema != NULL && forms[engine].before != NULL) {
		view_print(&v, "%s %c%s%c;\n", forms[engine].before,
		    forms[engine].quote, schema, forms[engine].quote);
	}
	view_print(&v, "CREATE TABLE IF NOT EXISTS ");
	if (schema != NULL && engine == ENGINE_POSTGRES) {
		view_print(&v, "\"%s\".", schema);
	}
	view_print(&v, RECEIPT_TABLE " %s;\n", forms[engine].columns);
	view_flush(&v);
	return CS_EXIT_OK;
}

/* Whose grants are printed, in one engine's spelling. */
struct grants {
	enum source_engine engine;
	char quote;
	const char *schema; /* of the receipt table */
	const char *role;   /* as SQL spells it */
};

/* Append a quoted name unless it is in the list already. */
static void
add_name(struct buf *list, char quote, const char *name)
{
	struct buf quoted = BUF_INIT;

	buf_printf(&quoted, "%c%s%c", quote, name, quote);
	if (list->len == 0 ||
	    memmem(list->data, list->len, quoted.data, quoted.len) == NULL) {
		buf_puts(list, list->len > 0 ? ", " : "");
		buf_span(list, buf_as_span(&quoted));
	}
	buf_clear(&quoted);
}

/* Only the columns that a writer of this capability reads, and those that it
 * may change. A row lock needs UPDATE on one of them, which there is. */
static void
grant_target(struct view *v, const struct grants *g,
    const struct contract_capability *cap)
{
	struct buf seen = BUF_INIT;
	struct buf changed = BUF_INIT;
	char q = g->quote;

	for (size_t i = 0; i < cap->read_count; i++) {
		add_name(&seen, q, cap->read_columns[i]);
	}
	for (size_t i = 0; i < cap->transition_count; i++) {
		add_name(&seen, q, cap->transitions[i].from_column);
	}
	for (size_t i = 0; i < cap->patch_count; i++) {
		add_name(&seen, q, cap->patch[i].column);
		add_name(&changed, q, cap->patch[i].column);
	}
	if (cap->advance == ADVANCE_INTEGER_INCREMENT) {
		add_name(&changed, q, cap->conflict_column);
	}
	view_print(v, "-- %s\n", cap->name);
	if (g->engine == ENGINE_POSTGRES) {
		view_print(v, "GRANT USAGE ON SCHEMA \"%s\" TO %s;\n",
		    cap->schema, g->role);
	}
	view_print(v,
	    "GRANT SELECT (%s), UPDATE (%s) ON %c%s%c.%c%s%c TO %s;\n",
	    buf_text(&seen), buf_text(&changed), q, cap->schema, q, q,
	    cap->table, q, g->role);
	buf_clear(&seen);
	buf_clear(&changed);
}

/* A capability with a handler is written by the application. */
static bool
is_written_by_us(const struct contract_capability *cap)
{
	return cap->kind == KIND_PROPOSAL && cap->handler == NULL;
}

/* Does any source of this engine keep receipts beside its data? */
static bool
wants_receipts(const struct contract *c, enum source_engine engine)
{
	for (size_t i = 0; c != NULL && i < c->source_count; i++) {
		if (c->sources[i].engine == engine &&
		    c->sources[i].receipts == RECEIPTS_LEDGER) {
			return false;
		}
	}
	return true;
}

static void
grant_receipts(struct view *v, const struct grants *g)
{
	char q = g->quote;

	if (g->engine == ENGINE_POSTGRES) {
		view_print(v, "GRANT USAGE ON SCHEMA \"%s\" TO %s;\n",
		    g->schema, g->role);
	}
	view_print(v,
	    "GRANT SELECT, INSERT, UPDATE ON %s%c%s%c." RECEIPT_TABLE
	    " TO %s;\n",
	    g->engine == ENGINE_POSTGRES ? "TABLE " : "", q, g->schema, q,
	    g->role);
	if (g->engine == ENGINE_POSTGRES) {
		view_print(v,
		    "-- Only if the writer shall create that table itself:\n"
		    "-- GRANT CREATE ON SCHEMA \"%s\" TO %s;\n",
		    g->schema, g->role);
	}
}

/* The receipt table first: without it a writer refuses to start a change.
 * Column grants follow only for a contract that was named. */
static void
print_grants(struct view *v, const struct contract *c, const struct grants *g)
{
	if (wants_receipts(c, g->engine)) {
		grant_receipts(v, g);
	}
	for (size_t i = 0; c != NULL && i < c->capability_count; i++) {
		const struct contract_capability *cap = &c->capabilities[i];
		if (is_written_by_us(cap) && cap->source->engine == g->engine) {
			grant_target(v, g, cap);
		}
	}
}

/* In one engine's words; accounts of MySQL have a host. */
static void
print_for(struct view *v, const struct contract *c, enum source_engine engine,
    const char *schema, const char *role)
{
	static const struct grants engines[] = {
	    [ENGINE_POSTGRES] = {ENGINE_POSTGRES, '"', "public", NULL},
	    [ENGINE_MYSQL] = {ENGINE_MYSQL, '`', "<database_name>", NULL},
	};
	struct grants g;
	struct buf name = BUF_INIT;

	if (engine == ENGINE_SQLITE) {
		view_print(v, "-- SQLite has no roles: the writer's user needs "
			      "the file and its folder, mode 0600 and 0700.\n");
		return;
	}
	g = engines[engine];
	g.schema = schema != NULL ? schema : g.schema;
	if (engine == ENGINE_MYSQL) {
		buf_printf(
		    &name, "'%s'@'%%'", role != NULL ? role : "<writer_user>");
	} else {
		const char *q = role != NULL ? "\"" : "";
		buf_printf(&name, "%s%s%s", q,
		    role != NULL ? role : ROLE_PLACEHOLDER, q);
	}
	g.role = buf_text(&name);
	print_grants(v, c, &g);
	buf_clear(&name);
}

/* The contract is only read when it is named: its grants come too. */
int
cmd_writeback_grants(const struct args *a, struct err *e)
{
	enum source_engine engine = ENGINE_POSTGRES;
	const char *schema = NULL;
	const char *role = NULL;
	struct contract *c = NULL;
	struct view v = {0};
	int rc = engine_of(a, &engine, e);

	if (rc != 0 || (rc = identifier_of(a, "schema", &schema, e)) != 0 ||
	    (rc = identifier_of(a,
		 args_has(a, "writer-role") ? "writer-role" : "role", &role,
		 e)) != 0) {
		return rc;
	}
	if (args_get(a, "config") != NULL &&
	    (rc = contract_load(args_get(a, "config"), &c, e)) != 0) {
		return rc;
	}
	print_for(&v, c, engine, schema, role);
	view_flush(&v);
	contract_free(&c);
	return CS_EXIT_OK;
}

/* As countersign-run looks for it; the value is not looked at. */
static bool
is_set(const char *name)
{
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	const char *value = name == NULL ? NULL : secure_getenv(name);
	struct buf path = BUF_INIT;
	bool found = value != NULL && value[0] != '\0';

	if (!found && name != NULL && folder != NULL) {
		buf_printf(&path, "%s/%s", folder, name);
		found = access(buf_text(&path), R_OK) == 0;
	}
	buf_clear(&path);
	return found;
}

static bool
needs_writer(const struct contract *c, const struct contract_source *source)
{
	for (size_t i = 0; i < c->capability_count; i++) {
		if (c->capabilities[i].source == source &&
		    is_written_by_us(&c->capabilities[i])) {
			return true;
		}
	}
	return false;
}

static const char *
env_of(const struct contract_source *s)
{
	return s->write_url_env == NULL ? "(none)" : s->write_url_env;
}

static void
put_source(struct json_out *j, const struct contract_source *s, bool set)
{
	json_open(j, '{');
	json_field_text(j, "source", s->name);
	json_field_text(j, "engine", contract_engine_name(s->engine));
	json_field_text(j, "writer_env", env_of(s));
	json_field_text(j, "env_status", set ? "set" : "missing");
	json_field_text(j, "receipt_table", RECEIPT_TABLE);
	json_close(j, '}');
}

static void
print_source(struct view *v, const struct contract_source *s, bool set)
{
	const char *engine = contract_engine_name(s->engine);

	view_print(v,
	    "%s (%s)\n  writer env: %s\n  env status: %s\n"
	    "  receipt table: " RECEIPT_TABLE "\nNext:\n",
	    s->name, engine, env_of(s), set ? "set" : "missing");
	if (!set) {
		view_print(v, "  set %s to the writer role's URL\n", env_of(s));
	}
	view_print(
	    v, "  countersign writeback migration --engine %s\n", engine);
	view_print(v, "  countersign writeback grants --engine %s\n", engine);
}

/* Status 1 when a writer would lack its URL. */
int
cmd_writeback_doctor(const struct args *a, struct err *e)
{
	const char *path = NULL;
	struct contract *c = NULL;
	struct view v = {0};
	struct json_out j;
	bool as_json = args_has(a, "json");
	bool all_set = true;
	int rc = contract_find(args_get(a, "config"), &path, e);

	if (rc != 0 || (rc = contract_load(path, &c, e)) != 0) {
		return rc;
	}
	json_begin(&j, &v.out, 2);
	if (as_json) {
		json_open(&j, '[');
	}
	for (size_t i = 0; i < c->source_count; i++) {
		const struct contract_source *s = &c->sources[i];
		bool set = is_set(s->write_url_env);
		if (!needs_writer(c, s)) {
			continue;
		}
		all_set = all_set && set;
		if (as_json) {
			put_source(&j, s, set);
		} else {
			print_source(&v, s, set);
		}
	}
	if (as_json) {
		json_close(&j, ']');
		view_print(&v, "\n");
	} else if (v.out.len == 0) {
		view_print(&v, "No source is written by Countersign.\n");
	}
	view_flush(&v);
	contract_free(&c);
	if (all_set && args_has(a, "check-db")) {
		return checker_run(path, "--check", e);
	}
	return all_set ? CS_EXIT_OK : CS_EXIT_FAILED;
}
