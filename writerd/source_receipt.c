#include "writerd/source_receipt.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/receipt_table.h"

static int
create_table(struct db *db, const struct contract_capability *cap,
    struct arena *a, struct err *e)
{
	const struct dialect *d = dialect_of(cap->source->engine);
	struct db_result result;
	int rc = stmt_receipt_table(d,
	    span_of(
		d->receipts_schema != NULL ? d->receipts_schema : cap->schema),
	    db->receipt_table, sizeof(db->receipt_table), e);

	if (rc == 0) {
		const char *ddl =
		    arena_printf(a, "CREATE TABLE IF NOT EXISTS %s %s",
			db->receipt_table, d->receipts_ddl);
		rc = db->ops->query(
		    db, ddl, (struct db_params){NULL, 0, NULL}, a, &result, e);
	}
	db->receipts_have_head = rc == 0;
	if (rc == CS_E_DENIED) {
		(void)err_set(e, CS_E_DENIED, "RECEIPT_TABLE_MISSING",
		    "the receipt table %s does not exist and this role may not "
		    "create it: create it as the database's owner (see "
		    "'countersign writeback migration') or grant CREATE once",
		    db->receipt_table);
	}
	return rc;
}

/* Is the table kept by an engine that can roll back? */
static int
check_engine(struct db *db, const struct dialect *d,
    const struct scalar schema_table[2], struct arena *a, struct err *e)
{
	struct db_step find = {.params = {schema_table, 2, NULL}};
	const struct scalar *engine = NULL;
	size_t done = 0;
	int rc = 0;

	if (d == NULL || d->engine_find == NULL) {
		return 0;
	}
	find.sql = d->engine_find;
	rc = db_run(db, &find, 1, a, &done, e);
	if (rc != 0 || find.result.rows == 0) {
		return rc;
	}
	engine = &find.result.values[0];
	if (engine->kind == SCALAR_TEXT &&
	    span_is(engine->text, d->engine_needed)) {
		return 0;
	}
	return err_set(e, CS_E_CONFIG, "ENGINE_NOT_TRANSACTIONAL",
	    "%.*s.%.*s is not an %s table: a change could not be rolled back, "
	    "so nothing is written",
	    SPAN_ARGS(schema_table[0].text), SPAN_ARGS(schema_table[1].text),
	    d->engine_needed);
}

int
source_check_transactional(struct db *db, const struct contract_capability *cap,
    struct arena *a, struct err *e)
{
	struct scalar names[2] = {{SCALAR_TEXT, span_of(cap->schema)},
	    {SCALAR_TEXT, span_of(cap->table)}};

	return check_engine(db, dialect_of(cap->source->engine), names, a, e);
}

/* CS_E_NOT_FOUND when there is none. */
static int
look_for_table(struct db *db, const struct contract_capability *cap,
    struct arena *a, struct err *e)
{
	const struct dialect *d = dialect_of(cap->source->engine);
	struct scalar names[2] = {{SCALAR_TEXT, span_of(cap->schema)},
	    {SCALAR_TEXT, span_of(RECEIPT_TABLE)}};
	struct db_result result;
	int rc = db->ops->query(db, d->receipts_find,
	    (struct db_params){names, 1, NULL}, a, &result, e);

	if (rc != 0) {
		return rc;
	}
	if (result.rows == 0) {
		return CS_E_NOT_FOUND;
	}
	names[0] = result.values[0];
	db->receipts_have_head = span_is(result.values[1].text, "head");
	rc = stmt_receipt_table(
	    d, names[0].text, db->receipt_table, sizeof(db->receipt_table), e);
	return rc != 0 ? rc : check_engine(db, d, names, a, e);
}

int
source_receipt_find(struct db *db, const struct contract_capability *cap,
    bool may_create, struct arena *a, struct err *e)
{
	int rc = 0;

	if (strcmp(db->receipts_for, cap->schema) == 0) {
		return 0;
	}
	db->receipts_for[0] = '\0';
	rc = look_for_table(db, cap, a, e);
	if (rc == CS_E_NOT_FOUND && may_create) {
		rc = create_table(db, cap, a, e);
		/* IF NOT EXISTS does not help against another writer that
		 * creates it right now: one of the two is refused. */
		if (rc == CS_E_DENIED &&
		    look_for_table(db, cap, a, NULL) == 0) {
			rc = 0;
		}
	}
	if (rc == 0) {
		(void)snprintf(db->receipts_for, sizeof(db->receipts_for), "%s",
		    cap->schema);
	} else {
		db->receipt_table[0] = '\0';
	}
	return rc;
}

static enum source_status
status_of(struct span text)
{
	static const struct {
		const char *name;
		enum source_status status;
	} names[] = {{"applied", SOURCE_APPLIED},
	    {"already_applied", SOURCE_APPLIED}, {"conflict", SOURCE_CONFLICT},
	    {"failed", SOURCE_FAILED}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_is(text, names[i].name)) {
			return names[i].status;
		}
	}
	return SOURCE_IN_PROGRESS;
}

bool
source_receipt_is_claimed(const struct db_result *claim)
{
	/* Without RETURNING the insertion itself is the claim. */
	return claim->rows == 1 || claim->columns == 0;
}

int
source_receipt_claim(struct db *db, const struct stmt_plan *plan,
    const struct scalar key_job_proposal[3], struct arena *a,
    struct source_claim *out, struct err *e)
{
	struct db_step claim = {
	    .sql = plan->claim, .params = {key_job_proposal, 3, NULL}};
	int rc =
	    db->ops->query(db, claim.sql, claim.params, a, &claim.result, e);

	*out = (struct source_claim){SOURCE_CLAIMED, {"", 0}};
	if (rc == 0 && source_receipt_is_claimed(&claim.result)) {
		return 0;
	}
	return rc == 0 || rc == CS_E_STATE
		   ? source_receipt_existing(db, plan, &claim, a, out, e)
		   : rc;
}

int
source_receipt_existing(struct db *db, const struct stmt_plan *plan,
    const struct db_step *claim, struct arena *a, struct source_claim *out,
    struct err *e)
{
	/* Without RETURNING a key that exists refuses the insertion; and that
	 * may have been the job's instead of ours. */
	bool was_refused = claim->result.columns == 0;
	struct db_result result;
	int rc = db->ops->query(db, plan->existing,
	    (struct db_params){claim->params.items, 1, NULL}, a, &result, e);

	if (rc != 0) {
		return rc;
	}
	if (result.rows != 1 && was_refused) {
		return err_set(e, CS_E_DENIED, "TRANSACTION_FAILED",
		    "the receipt table holds this job under another key");
	}
	if (result.rows != 1) {
		return err_set(e, CS_E_UNAVAILABLE,
		    "IDEMPOTENCY_RECEIPT_UNAVAILABLE",
		    "the receipt row of this job went away");
	}
	out->status = status_of(result.values[0].text);
	out->hash = result.values[1].text;
	return 0;
}
