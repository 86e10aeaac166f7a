/*
 * The only place where mcpd makes SQL text.
 */
#include "mcpd/read/plan.h"

#include "common/base/arena.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

/* The contract was validated, so quoting never has anything to escape. */
static void
put_identifier(struct buf *out, const char *name, char quote)
{
	cs_assert(str_is_identifier(span_of(name)));
	buf_putc(out, quote);
	buf_puts(out, name);
	buf_putc(out, quote);
}

/* Values never enter the text. */
static void
put_parameter(struct buf *out, enum source_engine engine, int n)
{
	if (engine == ENGINE_POSTGRES) {
		buf_printf(out, "$%d", n);
	} else {
		buf_putc(out, '?');
	}
}

const char *
plan_sql(const struct contract_capability *cap, struct arena *a)
{
	enum source_engine engine = cap->source->engine;
	char quote = engine == ENGINE_MYSQL ? '`' : '"';
	struct buf sql = BUF_INIT;
	const char *text = NULL;

	buf_puts(&sql, "SELECT ");
	for (size_t i = 0; i < cap->read_count; i++) {
		buf_puts(&sql, i == 0 ? "" : ", ");
		put_identifier(&sql, cap->read_columns[i], quote);
	}
	buf_puts(&sql, " FROM ");
	put_identifier(&sql, cap->schema, quote);
	buf_putc(&sql, '.');
	put_identifier(&sql, cap->table, quote);
	buf_puts(&sql, " WHERE ");
	put_identifier(&sql, cap->primary_key, quote);
	buf_puts(&sql, " = ");
	put_parameter(&sql, engine, 1);
	if (cap->tenant_key != NULL) {
		buf_puts(&sql, " AND ");
		put_identifier(&sql, cap->tenant_key, quote);
		buf_puts(&sql, " = ");
		put_parameter(&sql, engine, 2);
	}
	buf_puts(&sql, " LIMIT 2");
	text = arena_strndup(a, sql.data, sql.len);
	buf_clear(&sql);
	return text;
}

const char *
plan_canary_sql(const struct contract_capability *cap, struct arena *a)
{
	struct buf sql = BUF_INIT;
	const char *text = NULL;

	buf_puts(&sql, "SELECT CASE WHEN count(*) > 0 THEN 'rows' END FROM"
		       " (SELECT ");
	put_identifier(&sql, cap->primary_key, '"');
	buf_puts(&sql, " FROM ");
	put_identifier(&sql, cap->schema, '"');
	buf_putc(&sql, '.');
	put_identifier(&sql, cap->table, '"');
	buf_puts(&sql, " LIMIT 1) AS canary");
	text = arena_strndup(a, sql.data, sql.len);
	buf_clear(&sql);
	return text;
}

struct plan *
plans_build(const struct contract *c, struct arena *a)
{
	struct plan *plans =
	    arena_array(a, c->capability_count + 1, sizeof(*plans));

	for (size_t i = 0; i < c->capability_count; i++) {
		plans[i].cap = &c->capabilities[i];
		plans[i].sql = plan_sql(plans[i].cap, a);
	}
	return plans;
}

static bool
column_is(const struct contract_capability *cap, const struct named_scalar *row,
    const char *column, struct span wanted)
{
	const struct named_scalar *found =
	    scalars_find(row, cap->read_count, span_of(column));

	return found != NULL &&
	       span_equal(scalar_as_string(found->value), wanted);
}

bool
plan_row_matches(const struct contract_capability *cap,
    const struct named_scalar *row, struct scalar key, struct span tenant)
{
	return column_is(cap, row, cap->primary_key, scalar_as_string(key)) &&
	       (cap->tenant_key == NULL ||
		   column_is(cap, row, cap->tenant_key, tenant));
}
