#include "writerd/check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/finding.h"
#include "writerd/posture.h"
#include "writerd/source_receipt.h"

#define GRANTS "countersign writeback grants"

struct checker {
	struct sources *sources;
	struct arena *arena;
	struct buf *out;
	bool all_ok;
	unsigned excess; /* findings about the role */
};

static void
put(struct checker *c, const struct finding *f)
{
	finding_put(c->out, f);
	c->all_ok = c->all_ok && f->code == NULL;
}

/* A change set with the capability's patch columns and no row. */
static int
plan_any(const char *receipt_table, const struct contract_capability *cap,
    struct arena *a, struct stmt_plan *plan, struct err *e)
{
	struct change_set cs = {.patch_count = cap->patch_count,
	    .patch = arena_array(a, cap->patch_count + 1, sizeof(*cs.patch))};

	for (size_t i = 0; i < cap->patch_count; i++) {
		cs.patch[i].name = span_of(cap->patch[i].column);
	}
	return stmt_plan_build(cap, &cs, receipt_table, a, plan, e);
}

int
check_put_statements(
    const struct contract *c, struct arena *a, struct buf *out, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < c->capability_count && rc == 0; i++) {
		const struct contract_capability *cap = &c->capabilities[i];
		struct stmt_plan plan;
		struct json_out j;

		if (cap->kind != KIND_PROPOSAL || cap->handler != NULL ||
		    dialect_of(cap->source->engine) == NULL) {
			continue;
		}
		rc = plan_any("synapsor_writeback_receipts", cap, a, &plan, e);
		if (rc == 0) {
			json_begin(&j, out, 0);
			json_open(&j, '{');
			json_field_text(&j, "capability", cap->name);
			json_field_text(&j, "begin", plan.begin);
			json_field_text(&j, "claim", plan.claim);
			json_field_text(&j, "lock_row", plan.lock_row);
			json_field_text(&j, "update", plan.update);
			json_field_text(&j, "complete", plan.complete);
			json_close(&j, '}');
			buf_putc(out, '\n');
		}
	}
	return rc;
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

static void
put_posture(void *context, const struct posture_finding *f)
{
	struct checker *c = context;

	put(c, &(struct finding){
		   f->subject, "posture", f->code, f->detail, f->remedy});
	c->excess++;
}

/* What the role could do beyond the contract. */
static void
check_posture(
    struct checker *c, struct db *db, const struct contract_source *source)
{
	struct finding f = {.subject = source->name, .check = "posture"};
	struct err e = {0};

	c->excess = 0;
	if (posture_check(&(struct posture_question){.db = db,
			      .contract = c->sources->contract,
			      .source = source,
			      .fn = put_posture,
			      .context = c},
		c->arena, &e) != 0) {
		f.code = err_reason(&e);
		f.detail = e.msg;
		f.remedy = GRANTS;
	}
	if (f.code != NULL || c->excess == 0) {
		put(c, &f);
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
		rc = plan_any(db->receipt_table, cap, c->arena, &plan, &e);
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
	int rc = plan_any(db->receipt_table, cap, c->arena, &plan, &e);

	if (rc == 0) {
		rc = probe_target(c, db, cap, &plan, &e);
	}
	put_step(c, cap->name, "target", rc, &e);
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
		if (cap->source != source || !posture_is_written(cap)) {
			continue;
		}
		if (db == NULL) {
			rc = sources_connect(c->sources, source, &db, &e);
			put_step(c, source->name, "connection", rc, &e);
			if (rc != 0) {
				return;
			}
			check_posture(c, db, source);
			if (source->receipts == RECEIPTS_SOURCE_DB) {
				check_receipts(c, db, cap);
			}
		}
		check_capability(c, db, cap);
	}
}

bool
check_sources(struct sources *s, struct arena *a, struct buf *out)
{
	struct checker c = {
	    .sources = s, .arena = a, .out = out, .all_ok = true};

	s->only_looks = true;

	for (size_t i = 0; i < s->contract->source_count; i++) {
		check_source(&c, &s->contract->sources[i]);
	}
	return c.all_ok;
}
