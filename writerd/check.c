#include "writerd/check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/finding.h"
#include "writerd/source_receipt.h"

#define GRANTS "countersign writeback grants"

struct checker {
	struct sources *sources;
	struct arena *arena;
	struct buf *out;
	bool all_ok;
};

static void
put(struct checker *c, const struct finding *f)
{
	finding_put(c->out, f);
	c->all_ok = c->all_ok && f->code == NULL;
}

static bool
is_written(const struct contract_capability *cap)
{
	return cap->kind == KIND_PROPOSAL && cap->handler == NULL;
}

/* A change set with the capability's patch columns and no row. */
static int
plan_probe(struct db *db, const struct contract_capability *cap,
    struct arena *a, struct stmt_plan *plan, struct err *e)
{
	struct change_set cs = {.patch_count = cap->patch_count,
	    .patch = arena_array(a, cap->patch_count + 1, sizeof(*cs.patch))};

	for (size_t i = 0; i < cap->patch_count; i++) {
		cs.patch[i].name = span_of(cap->patch[i].column);
	}
	return stmt_plan_build(cap, &cs, db->receipt_table, a, plan, e);
}

static int
run(struct checker *c, struct db *db, const char *sql, size_t params,
    struct err *e)
{
	/* NULL is equal to nothing: no row is locked or changed. */
	struct scalar *nothing =
	    arena_array(c->arena, params + 1, sizeof(*nothing));
	struct db_result result;

	return db->ops->query(db, sql,
	    (struct db_params){.items = nothing, .count = params}, c->arena,
	    &result, e);
}

static int
probe_target(struct checker *c, struct db *db,
    const struct contract_capability *cap, const struct stmt_plan *plan,
    struct err *e)
{
	size_t keys = cap->tenant_key != NULL ? 2 : 1;
	int rc = run(c, db, plan->begin, 0, e);

	if (rc == 0) {
		rc = run(c, db, plan->lock_row, keys, e);
	}
	if (rc == 0) {
		rc = run(c, db, plan->update,
		    cap->patch_count + keys + (cap->conflict_column != NULL),
		    e);
	}
	db->ops->rollback(db);
	return rc;
}

static int
probe_receipts(struct checker *c, struct db *db, const struct stmt_plan *plan,
    struct err *e)
{
	const struct scalar ids[] = {
	    {SCALAR_TEXT, span_of("countersign-doctor")},
	    {SCALAR_TEXT, span_of("countersign-doctor")},
	    {SCALAR_TEXT, span_of("countersign-doctor")}};
	struct source_claim found;
	int rc = run(c, db, plan->begin, 0, e);

	if (rc == 0) {
		rc = source_receipt_claim(db, plan, ids, c->arena, &found, e);
	}
	if (rc == 0) {
		rc = run(c, db, plan->complete, 3, e);
	}
	db->ops->rollback(db);
	return rc;
}

/* What a role of PostgreSQL can do beyond the contract, and how to mend it:
 * %t is the table, %w what the answer holds, %r the role. */
static const struct {
	const char *code;
	const char *detail;
	const char *remedy;
} excesses[] = {
    {"ROLE_BYPASSES_RLS", "no row security holds for %w",
	"ALTER ROLE %r NOBYPASSRLS;"},
    {"ROLE_OWNS_TABLE", "the role may act as the table's owner %w",
	"ALTER TABLE %t OWNER TO <another role>;"},
    {"TABLE_PRIVILEGE_NOT_REVIEWED", "the role has %w on the table",
	"REVOKE %w ON %t FROM %r;"},
    {"COLUMN_PRIVILEGE_NOT_REVIEWED", "the role may change %w",
	"REVOKE UPDATE ON %t FROM %r; then " GRANTS},
};

#define EXCESSES (sizeof(excesses) / sizeof(excesses[0]))

/* $1 schema, $2 table, $3 the columns that the contract lets it change. */
static const char excess_query[] =
    "SELECT CASE WHEN r.rolbypassrls THEN quote_ident(r.rolname) END,"
    " CASE WHEN pg_has_role(r.oid, c.relowner, 'USAGE')"
    " THEN quote_ident(pg_get_userbyid(c.relowner)) END,"
    " (SELECT string_agg(p, ', ') FROM"
    " unnest('{INSERT,DELETE,TRUNCATE,TRIGGER}'::text[]) p"
    " WHERE has_table_privilege(c.oid, p)),"
    " (SELECT string_agg(quote_ident(a.attname), ', ')"
    " FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attnum > 0 AND NOT a.attisdropped"
    " AND has_column_privilege(c.oid, a.attnum, 'UPDATE')"
    " AND a.attname::text <> ALL ($3::text[])), quote_ident(r.rolname)"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,"
    " pg_catalog.pg_roles r WHERE n.nspname = $1::text"
    " AND c.relname = $2::text AND r.rolname = current_user";

/* All that this contract changes in the table, as an array of PostgreSQL. */
static struct span
reviewed_columns(const struct contract *c,
    const struct contract_capability *cap, struct arena *a)
{
	struct buf list = BUF_INIT;
	struct span copy;

	for (size_t i = 0; i < c->capability_count; i++) {
		const struct contract_capability *o = &c->capabilities[i];
		if (!is_written(o) || o->source != cap->source ||
		    strcmp(o->schema, cap->schema) != 0 ||
		    strcmp(o->table, cap->table) != 0) {
			continue;
		}
		for (size_t k = 0; k < o->patch_count; k++) {
			buf_printf(&list, ",%s", o->patch[k].column);
		}
		if (o->advance == ADVANCE_INTEGER_INCREMENT) {
			buf_printf(&list, ",%s", o->conflict_column);
		}
	}
	copy = span_of(
	    arena_printf(a, "{%s}", list.len > 0 ? buf_text(&list) + 1 : ""));
	buf_clear(&list);
	return copy;
}

static void
put_excess(struct checker *c, const struct contract_capability *cap,
    const struct db_result *answer, size_t i)
{
	const char *table =
	    arena_printf(c->arena, "\"%s\".\"%s\"", cap->schema, cap->table);
	const struct named_scalar words[] = {
	    {span_of("t"), {SCALAR_TEXT, span_of(table)}},
	    {span_of("w"), answer->values[i]},
	    {span_of("r"), answer->values[EXCESSES]}};

	put(c, &(struct finding){cap->name, "posture", excesses[i].code,
		   finding_text(c->arena, excesses[i].detail, words, 3),
		   finding_text(c->arena, excesses[i].remedy, words, 3)});
}

static void
check_posture(
    struct checker *c, struct db *db, const struct contract_capability *cap)
{
	const struct scalar params[] = {{SCALAR_TEXT, span_of(cap->schema)},
	    {SCALAR_TEXT, span_of(cap->table)},
	    {SCALAR_TEXT,
		reviewed_columns(c->sources->contract, cap, c->arena)}};
	struct db_result answer;
	struct err e = {0};
	size_t found = 0;

	if (db->ops->query(db, excess_query,
		(struct db_params){.items = params, .count = 3}, c->arena,
		&answer, &e) != 0 ||
	    answer.rows != 1) {
		return; /* The target's own check says what is wrong. */
	}
	for (size_t i = 0; i < EXCESSES; i++) {
		if (answer.values[i].kind != SCALAR_NULL) {
			put_excess(c, cap, &answer, i);
			found++;
		}
	}
	if (found == 0) {
		put(c,
		    &(struct finding){cap->name, "posture", NULL, NULL, NULL});
	}
}

/* The outcome of a step, as a finding; `e` says why it is not well. */
static void
put_step(struct checker *c, const char *subject, const char *check, int rc,
    const struct err *e)
{
	struct finding f = {.subject = subject, .check = check};

	if (rc != 0) {
		f.code = err_reason(e);
		f.detail = e->msg;
		f.remedy = strcmp(check, "connection") == 0
			       ? "countersign writeback doctor"
			       : GRANTS;
	}
	put(c, &f);
}

static void
check_receipts(
    struct checker *c, struct db *db, const struct contract_capability *cap)
{
	const char *engine = contract_engine_name(cap->source->engine);
	struct stmt_plan plan;
	struct err e = {0};
	int rc = source_receipt_find(db, cap, false, c->arena, &e);

	if (rc == CS_E_NOT_FOUND) {
		put(c, &(struct finding){cap->source->name, "receipt-table",
			   "RECEIPT_TABLE_MISSING", "there is no receipt table",
			   arena_printf(c->arena,
			       "countersign writeback migration %s", engine)});
		return;
	}
	if (rc == 0) {
		rc = plan_probe(db, cap, c->arena, &plan, &e);
	}
	if (rc == 0) {
		rc = probe_receipts(c, db, &plan, &e);
	}
	put_step(c, cap->source->name, "receipt-table", rc, &e);
}

static void
check_capability(
    struct checker *c, struct db *db, const struct contract_capability *cap)
{
	struct stmt_plan plan;
	struct err e = {0};
	int rc = plan_probe(db, cap, c->arena, &plan, &e);

	if (rc == 0) {
		rc = probe_target(c, db, cap, &plan, &e);
	}
	put_step(c, cap->name, "target", rc, &e);
	if (cap->source->engine == ENGINE_POSTGRES) {
		check_posture(c, db, cap);
	}
}

static void
check_source(struct checker *c, const struct contract_source *source)
{
	const struct contract *contract = c->sources->contract;
	struct db *db = NULL;
	struct err e = {0};
	int rc = 0;

	for (size_t i = 0; i < contract->capability_count; i++) {
		const struct contract_capability *cap =
		    &contract->capabilities[i];
		if (cap->source != source || !is_written(cap)) {
			continue;
		}
		if (db == NULL) {
			rc = sources_connect(c->sources, source, &db, &e);
			put_step(c, source->name, "connection", rc, &e);
			if (rc != 0) {
				return;
			}
			check_receipts(c, db, cap);
		}
		check_capability(c, db, cap);
	}
}

bool
check_sources(struct sources *s, struct arena *a, struct buf *out)
{
	struct checker c = {s, a, out, true};

	for (size_t i = 0; i < s->contract->source_count; i++) {
		check_source(&c, &s->contract->sources[i]);
	}
	return c.all_ok;
}
