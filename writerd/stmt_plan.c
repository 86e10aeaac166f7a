#include "writerd/stmt_plan.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/receipt_table.h"

#define RECEIPTS RECEIPT_TABLE
/* One, and a second one to see that the key is not unique. */
#define ROWS_WANTED 2
#define ON_CONFLICT " ON CONFLICT (idempotency_key) DO NOTHING RETURNING status"

/* engine.md §4.1. The table of 0.1.1 is used as it is. */
static const struct dialect dialects[] = {
    [ENGINE_POSTGRES] = {.quote = '"',
	.placeholder = '$',
	.begin = "BEGIN",
	.for_update = " FOR UPDATE",
	.is_same = "IS NOT DISTINCT FROM",
	.now = "now()",
	.receipts_find =
	    "SELECT n.nspname, CASE WHEN EXISTS (SELECT 1 FROM"
	    " pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
	    " AND a.attname = 'ledger_head' AND NOT a.attisdropped)"
	    " THEN 'head' ELSE '' END FROM pg_catalog.pg_class c"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE c.relname = '" RECEIPTS "' AND c.relkind IN ('r', 'p')"
	    " ORDER BY n.nspname <> $1, n.nspname <> 'public', n.nspname"
	    " LIMIT 1",
	.receipts_schema = "public",
	.receipts_ddl = RECEIPT_COLUMNS_POSTGRES,
	.claim_end = ON_CONFLICT},
    /*
     * A plain INSERT: IGNORE would swallow a job_id that exists, and what
     * ON DUPLICATE KEY counts depends on the session. Labels are upper case on
     * MySQL 8 and anything on MariaDB, so rows are read by position.
     */
    [ENGINE_MYSQL] = {.quote = '`',
	.placeholder = '?',
	.is_positional = true,
	.begin = "START TRANSACTION",
	.for_update = " FOR UPDATE",
	.is_same = "<=>",
	.now = "now()",
	.receipts_find = "SELECT t.TABLE_SCHEMA, CASE WHEN EXISTS (SELECT 1"
			 " FROM information_schema.COLUMNS c"
			 " WHERE c.TABLE_SCHEMA = t.TABLE_SCHEMA"
			 " AND c.TABLE_NAME = t.TABLE_NAME"
			 " AND c.COLUMN_NAME = 'ledger_head')"
			 " THEN 'head' ELSE '' END"
			 " FROM information_schema.TABLES t"
			 " WHERE t.TABLE_NAME = '" RECEIPTS "'"
			 " AND t.TABLE_SCHEMA = ?",
	.receipts_ddl = RECEIPT_COLUMNS_MYSQL,
	.claim_end = "",
	.engine_find = "SELECT ENGINE FROM information_schema.TABLES"
		       " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
	.engine_needed = "InnoDB"},
    [ENGINE_SQLITE] = {.quote = '"',
	.placeholder = '?',
	.begin = "BEGIN IMMEDIATE",
	.for_update = "",
	.is_same = "IS",
	.now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
	.receipts_find = "SELECT 'main', CASE WHEN EXISTS (SELECT 1 FROM"
			 " pragma_table_info('" RECEIPTS "')"
			 " WHERE name = 'ledger_head')"
			 " THEN 'head' ELSE '' END FROM main.sqlite_master"
			 " WHERE type = 'table' AND name = '" RECEIPTS "'"
			 " AND ?1 IS NOT NULL",
	.receipts_schema = "main",
	.receipts_ddl = RECEIPT_COLUMNS_SQLITE,
	.claim_end = ON_CONFLICT},
};

const struct dialect *
dialect_of(enum source_engine engine)
{
	return engine < sizeof(dialects) / sizeof(dialects[0]) &&
		       dialects[engine].begin != NULL
		   ? &dialects[engine]
		   : NULL;
}

/* A statement in the making. */
struct text {
	const struct dialect *d;
	struct buf buf;
	unsigned params;
	bool unsafe;
};

static void
put_identifier(struct text *t, struct span name)
{
	if (!str_is_identifier(name)) {
		t->unsafe = true;
		return;
	}
	buf_putc(&t->buf, t->d->quote);
	buf_span(&t->buf, name);
	buf_putc(&t->buf, t->d->quote);
}

static void
put_param(struct text *t)
{
	buf_putc(&t->buf, t->d->placeholder);
	if (!t->d->is_positional) {
		buf_printf(&t->buf, "%u", ++t->params);
	}
}

static const char *
take(struct text *t, struct arena *a)
{
	const char *copy = arena_strndup(a, t->buf.data, t->buf.len);

	buf_reset(&t->buf);
	t->params = 0;
	return copy;
}

int
stmt_receipt_table(const struct dialect *d, struct span schema, char *out,
    size_t size, struct err *e)
{
	if (!str_is_identifier(schema) ||
	    snprintf(out, size, "%c%.*s%c.%c%s%c", d->quote, SPAN_ARGS(schema),
		d->quote, d->quote, RECEIPTS, d->quote) >= (int)size) {
		return err_set(e, CS_E_INVALID, "UNSAFE_IDENTIFIER",
		    "the receipt table's schema is not an identifier");
	}
	return 0;
}

/* Parameters in the order in which they stand: some engines know no other. */
static void
plan_receipts(
    struct text *t, const char *table, struct arena *a, struct stmt_plan *out)
{
	buf_printf(&t->buf,
	    "INSERT INTO %s (idempotency_key, job_id, proposal_id, status,"
	    " result_hash) VALUES (",
	    table);
	for (int i = 0; i < 3; i++) {
		put_param(t);
		buf_puts(&t->buf, ", ");
	}
	buf_printf(&t->buf, "'in_progress', NULL)%s", t->d->claim_end);
	out->claim = take(t, a);
	buf_printf(&t->buf,
	    "SELECT status, result_hash FROM %s WHERE idempotency_key = ",
	    table);
	put_param(t);
	buf_puts(&t->buf, t->d->for_update);
	out->existing = take(t, a);
	buf_printf(&t->buf, "UPDATE %s SET status = ", table);
	put_param(t);
	buf_puts(&t->buf, ", result_hash = ");
	put_param(t);
	buf_printf(
	    &t->buf, ", completed_at = %s WHERE idempotency_key = ", t->d->now);
	put_param(t);
	out->complete = take(t, a);
	buf_printf(&t->buf, "UPDATE %s SET status = ", table);
	put_param(t);
	buf_puts(&t->buf, ", result_hash = ");
	put_param(t);
	buf_puts(&t->buf, ", ledger_head = ");
	put_param(t);
	buf_printf(
	    &t->buf, ", completed_at = %s WHERE idempotency_key = ", t->d->now);
	put_param(t);
	out->complete_with_head = take(t, a);
}

static void
add_column(struct stmt_plan *out, struct span name)
{
	for (size_t i = 0; i < out->column_count; i++) {
		if (span_equal(out->columns[i], name)) {
			return;
		}
	}
	out->columns[out->column_count++] = name;
}

/* Only what is needed: key, tenant, guard, the columns that rules look at and
 * those that change; the whole reviewed row only when its hash is the guard. */
static void
choose_columns(const struct contract_capability *cap,
    const struct change_set *cs, struct arena *a, struct stmt_plan *out)
{
	out->columns = arena_array(a,
	    cap->read_count + cs->patch_count + cap->transition_count + 3,
	    sizeof(*out->columns));
	if (cap->conflict_column == NULL) {
		for (size_t i = 0; i < cap->read_count; i++) {
			add_column(out, span_of(cap->read_columns[i]));
		}
	}
	add_column(out, span_of(cap->primary_key));
	if (cap->tenant_key != NULL) {
		add_column(out, span_of(cap->tenant_key));
	}
	if (cap->conflict_column != NULL) {
		add_column(out, span_of(cap->conflict_column));
	}
	for (size_t i = 0; i < cs->patch_count; i++) {
		add_column(out, cs->patch[i].name);
	}
	for (size_t i = 0; i < cap->transition_count; i++) {
		add_column(out, span_of(cap->transitions[i].from_column));
	}
}

static void
put_target(struct text *t, const struct contract_capability *cap)
{
	put_identifier(t, span_of(cap->schema));
	buf_putc(&t->buf, '.');
	put_identifier(t, span_of(cap->table));
}

static void
put_where(struct text *t, const struct contract_capability *cap)
{
	buf_puts(&t->buf, " WHERE ");
	put_identifier(t, span_of(cap->primary_key));
	buf_puts(&t->buf, " = ");
	put_param(t);
	if (cap->tenant_key != NULL) {
		buf_puts(&t->buf, " AND ");
		put_identifier(t, span_of(cap->tenant_key));
		buf_puts(&t->buf, " = ");
		put_param(t);
	}
}

static void
put_increment(struct text *t, const struct contract_capability *cap)
{
	buf_puts(&t->buf, ", ");
	put_identifier(t, span_of(cap->conflict_column));
	buf_puts(&t->buf, " = ");
	put_identifier(t, span_of(cap->conflict_column));
	buf_puts(&t->buf, " + 1");
}

static void
plan_lock(struct text *t, const struct contract_capability *cap,
    struct arena *a, struct stmt_plan *out)
{
	buf_puts(&t->buf, "SELECT ");
	for (size_t i = 0; i < out->column_count; i++) {
		buf_puts(&t->buf, i > 0 ? ", " : "");
		put_identifier(t, out->columns[i]);
	}
	buf_puts(&t->buf, " FROM ");
	put_target(t, cap);
	put_where(t, cap);
	buf_printf(&t->buf, " LIMIT %d%s", ROWS_WANTED, t->d->for_update);
	out->lock_row = take(t, a);
}

static void
plan_update(struct text *t, const struct contract_capability *cap,
    const struct change_set *cs, struct arena *a, struct stmt_plan *out)
{
	buf_puts(&t->buf, "UPDATE ");
	put_target(t, cap);
	buf_puts(&t->buf, " SET ");
	for (size_t i = 0; i < cs->patch_count; i++) {
		buf_puts(&t->buf, i > 0 ? ", " : "");
		put_identifier(t, cs->patch[i].name);
		buf_puts(&t->buf, " = ");
		put_param(t);
	}
	if (cap->advance == ADVANCE_INTEGER_INCREMENT) {
		put_increment(t, cap);
	}
	put_where(t, cap);
	if (cap->conflict_column != NULL) {
		buf_puts(&t->buf, " AND ");
		put_identifier(t, span_of(cap->conflict_column));
		buf_printf(&t->buf, " %s ", t->d->is_same);
		put_param(t);
	}
	out->update = take(t, a);
}

int
stmt_plan_build(const struct contract_capability *cap,
    const struct change_set *cs, const char *receipt_table, struct arena *a,
    struct stmt_plan *out, struct err *e)
{
	struct text t = {.d = dialect_of(cap->source->engine)};

	*out = (struct stmt_plan){0};
	if (t.d == NULL) {
		return err_set(e, CS_E_UNSUPPORTED, "ENGINE_UNSUPPORTED",
		    "this build cannot write to %s",
		    contract_engine_name(cap->source->engine));
	}
	out->begin = t.d->begin;
	choose_columns(cap, cs, a, out);
	if (receipt_table[0] != '\0') {
		plan_receipts(&t, receipt_table, a, out);
	}
	plan_lock(&t, cap, a, out);
	plan_update(&t, cap, cs, a, out);
	buf_clear(&t.buf);
	return t.unsafe ? err_set(e, CS_E_INVALID, "UNSAFE_IDENTIFIER",
			      "a name of the contract is not an identifier")
			: 0;
}
