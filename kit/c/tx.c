/*
 * What a business function may do: statements with bound values, in the one
 * transaction. A statement that failed is remembered: a function that goes on
 * as if nothing had been cannot have its work committed.
 */
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/str.h"
#include "kit/c/internal.h"

/* The first failure counts, and its explanation: what follows is its effect. */
static int
fail(struct cs_handler_tx *tx, int rc, const char *why)
{
	if (tx->failure == 0) {
		tx->failure = rc;
		if (why != NULL) {
			cs_handler_explain(tx->memory, why);
		}
	}
	return rc;
}

/* The first word of a statement that would end the transaction; for MySQL,
 * DDL does. */
static bool
ends_transaction(const char *sql, enum cs_handler_dialect dialect)
{
	static const char *const control[] = {"begin", "start", "commit", "end",
	    "rollback", "abort", "savepoint", "release", "prepare", "set",
	    "lock", "unlock", NULL};
	static const char *const ddl[] = {"create", "alter", "drop", "truncate",
	    "rename", "grant", "revoke", "analyze", "optimize", NULL};
	const char *at = sql + strspn(sql, " \t\r\n;(");
	size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	const char *const *lists[] = {
	    control, dialect == CS_HANDLER_MYSQL ? ddl : NULL};

	for (size_t l = 0; l < 2 && lists[l] != NULL; l++) {
		for (const char *const *w = lists[l]; *w != NULL; w++) {
			if (strlen(*w) == len &&
			    strncasecmp(*w, at, len) == 0) {
				return true;
			}
		}
	}
	return len == 0; /* a comment first: it could hide anything */
}

int
cs_handler_query(struct cs_handler_tx *tx, const char *sql,
    const struct cs_handler_value *values, size_t count,
    struct cs_handler_rows *rows)
{
	struct cs_handler_rows unused;
	struct cs_handler_rows *out = rows != NULL ? rows : &unused;
	int rc;

	*out = (struct cs_handler_rows){0};
	if (tx->failure != 0) {
		return tx->failure;
	}
	if (ends_transaction(sql, tx->db->dialect)) {
		return fail(tx, CS_HANDLER_E_INVALID,
		    "the function's statement begins with a word that ends or "
		    "changes the transaction, or with a comment");
	}
	for (size_t i = 0; i < count; i++) {
		if (!scalar_is_valid(kit_scalar(values[i]))) {
			return fail(tx, CS_HANDLER_E_INVALID,
			    "a value's text is not what its kind says");
		}
	}
	rc = tx->db->query(tx->session, sql, values, count, out);
	if (rc != 0) {
		return fail(tx, rc, NULL);
	}
	/* A SELECT counts its rows, too; those were not changed. */
	tx->affected += out->columns == 0 ? out->affected : 0;
	return 0;
}

/* Checked before it comes here, so nothing in it needs escaping. */
static void
put_name(struct buf *b, struct span name, enum cs_handler_dialect dialect)
{
	char quote = dialect == CS_HANDLER_MYSQL ? '`' : '"';

	buf_putc(b, quote);
	buf_span(b, name);
	buf_putc(b, quote);
}

const char *
kit_quote_table(
    const char *table, enum cs_handler_dialect dialect, struct arena *a)
{
	const char *dot = strchr(table, '.');
	struct span schema = {table, dot == NULL ? 0 : (size_t)(dot - table)};
	struct span name = span_of(dot == NULL ? table : dot + 1);
	struct buf out = BUF_INIT;
	const char *quoted;

	if (!str_is_identifier(name) ||
	    (dot != NULL && !str_is_identifier(schema))) {
		return NULL;
	}
	if (dot != NULL) {
		put_name(&out, schema, dialect);
		buf_putc(&out, '.');
	}
	put_name(&out, name, dialect);
	quoted = arena_span(a, buf_as_span(&out)).ptr;
	buf_clear(&out);
	return quoted;
}

/* A statement in the making, and the values that it is to bind. */
struct building {
	struct buf sql;
	struct cs_handler_value *values;
	size_t count;
	enum cs_handler_dialect dialect;
	bool is_bad;
};

/* The value goes its own way to the server; only its place is in the text. */
static void
put_placeholder(struct building *b, struct cs_handler_value value)
{
	b->values[b->count++] = value;
	if (b->dialect == CS_HANDLER_MYSQL) {
		buf_putc(&b->sql, '?');
	} else {
		buf_printf(&b->sql, "$%zu", b->count);
	}
}

/* A bad one leaves the text unfinished; finish() does not send it. */
static void
put_column(struct building *b, const char *name)
{
	b->is_bad =
	    b->is_bad || name == NULL || !str_is_identifier(span_of(name));
	if (!b->is_bad) {
		put_name(&b->sql, span_of(name), b->dialect);
	}
}

/* Values of all columns fit: each is named once. */
static void
start(struct cs_handler_tx *tx, struct building *b, size_t count)
{
	*b = (struct building){.dialect = tx->db->dialect,
	    .values =
		arena_array(tx->memory->arena, count + 1, sizeof(*b->values))};
}

/* Send what was built, unless a part of it was bad, and count. */
static int
finish(struct cs_handler_tx *tx, struct building *b, int64_t expected)
{
	struct cs_handler_rows rows = {0};
	int rc = CS_HANDLER_E_INVALID;

	if (b->is_bad) {
		rc = fail(tx, rc, "a name is none, or a list is empty");
	} else {
		rc = cs_handler_query(
		    tx, buf_text(&b->sql), b->values, b->count, &rows);
	}
	buf_clear(&b->sql);
	if (rc == 0 && expected >= 0 && rows.affected != expected) {
		rc = fail(tx, CS_HANDLER_E_REFUSED,
		    "a statement changed another number of rows than expected");
	}
	return rc;
}

/* name, or schema.name. */
static void
put_table(struct cs_handler_tx *tx, struct building *b, const char *table)
{
	const char *quoted =
	    kit_quote_table(table, b->dialect, tx->memory->arena);

	b->is_bad = b->is_bad || quoted == NULL;
	buf_puts(&b->sql, quoted == NULL ? "" : quoted);
}

int
cs_handler_insert(struct cs_handler_tx *tx, const char *table,
    const struct cs_handler_field *values, size_t count)
{
	struct building b;

	start(tx, &b, count);
	b.is_bad = count == 0;
	buf_puts(&b.sql, "INSERT INTO ");
	put_table(tx, &b, table);
	buf_puts(&b.sql, " (");
	for (size_t i = 0; i < count; i++) {
		buf_puts(&b.sql, i == 0 ? "" : ", ");
		put_column(&b, values[i].name);
	}
	buf_puts(&b.sql, ") VALUES (");
	for (size_t i = 0; i < count; i++) {
		buf_puts(&b.sql, i == 0 ? "" : ", ");
		put_placeholder(&b, values[i].value);
	}
	buf_puts(&b.sql, ")");
	return finish(tx, &b, 1);
}

/* "a" = $1, … in SET, or joined by AND in WHERE, where NULL is no value to
 * compare with. An empty list would name every row: bad. */
static void
put_pairs(struct building *b, const struct cs_handler_field *list, size_t count,
    const char *between, bool is_where)
{
	b->is_bad = b->is_bad || count == 0;
	for (size_t i = 0; i < count; i++) {
		buf_puts(&b->sql, i == 0 ? "" : between);
		put_column(b, list[i].name);
		if (is_where && list[i].value.kind == CS_HANDLER_NULL) {
			buf_puts(&b->sql, " IS NULL");
			continue;
		}
		buf_puts(&b->sql, " = ");
		put_placeholder(b, list[i].value);
	}
}

int
cs_handler_update(
    struct cs_handler_tx *tx, const struct cs_handler_update *update)
{
	struct building b;

	start(tx, &b, update->count + update->where_count);
	buf_puts(&b.sql, "UPDATE ");
	put_table(tx, &b, update->table);
	buf_puts(&b.sql, " SET ");
	put_pairs(&b, update->values, update->count, ", ", false);
	buf_puts(&b.sql, " WHERE ");
	put_pairs(&b, update->where, update->where_count, " AND ", true);
	return finish(tx, &b, update->expected);
}

enum cs_handler_dialect
cs_handler_dialect_of(const struct cs_handler_tx *tx)
{
	return tx->db->dialect;
}

int
cs_handler_refuse(struct cs_handler_tx *tx, const char *code)
{
	if (kit_code_is_valid(code)) {
		tx->refusal =
		    arena_strndup(tx->memory->arena, code, strlen(code));
	}
	return CS_HANDLER_E_REFUSED;
}

void
cs_handler_set_rows(struct cs_handler_tx *tx, int64_t rows)
{
	tx->rows = rows;
}

void
cs_handler_set_version(
    struct cs_handler_tx *tx, struct cs_handler_value version)
{
	tx->has_version = true;
	tx->version = kit_value(kit_scalar(version), tx->memory->arena);
}

void *
cs_handler_alloc(struct cs_handler_memory *m, size_t size)
{
	return arena_alloc(m->arena, size);
}

void
cs_handler_explain(struct cs_handler_memory *m, const char *text)
{
	m->detail = arena_strndup(m->arena, text, strlen(text));
}
