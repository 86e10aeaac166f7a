#include "writerd/source_receipt.h"

#include "common/base/arena.h"
#include "common/base/err.h"

static int
create_table(
    struct db *db, const struct dialect *d, struct arena *a, struct err *e)
{
	struct db_result result;
	int rc = stmt_receipt_table(d, span_of(d->receipts_schema),
	    db->receipt_table, sizeof(db->receipt_table), e);

	if (rc == 0) {
		const char *ddl =
		    arena_printf(a, "CREATE TABLE IF NOT EXISTS %s %s",
			db->receipt_table, d->receipts_ddl);
		rc = db->ops->query(
		    db, ddl, (struct db_params){NULL, 0}, a, &result, e);
	}
	if (rc == CS_E_DENIED) {
		(void)err_set(e, CS_E_DENIED, "RECEIPT_TABLE_MISSING",
		    "the receipt table %s does not exist and this role may not "
		    "create it: create it as the database's owner (see "
		    "'countersign writeback migration') or grant CREATE once",
		    db->receipt_table);
	}
	return rc;
}

/* CS_E_NOT_FOUND when there is none. */
static int
look_for_table(struct db *db, const struct contract_capability *cap,
    struct arena *a, struct err *e)
{
	const struct dialect *d = dialect_of(cap->source->engine);
	struct scalar schema = {SCALAR_TEXT, span_of(cap->schema)};
	struct db_result result;
	int rc = db->ops->query(db, d->receipts_find,
	    (struct db_params){&schema, 1}, a, &result, e);

	if (rc != 0) {
		return rc;
	}
	return result.rows == 0
		   ? CS_E_NOT_FOUND
		   : stmt_receipt_table(d, result.values[0].text,
			 db->receipt_table, sizeof(db->receipt_table), e);
}

int
source_receipt_find(struct db *db, const struct contract_capability *cap,
    bool may_create, struct arena *a, struct err *e)
{
	int rc = 0;

	if (db->receipts_ready) {
		return 0;
	}
	rc = look_for_table(db, cap, a, e);
	if (rc == CS_E_NOT_FOUND && may_create) {
		rc = create_table(db, dialect_of(cap->source->engine), a, e);
		/* IF NOT EXISTS does not help against another writer that
		 * creates it right now: one of the two is refused. */
		if (rc == CS_E_DENIED &&
		    look_for_table(db, cap, a, NULL) == 0) {
			rc = 0;
		}
	}
	db->receipts_ready = rc == 0;
	if (rc != 0) {
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

int
source_receipt_claim(struct db *db, const struct stmt_plan *plan,
    const struct scalar key_job_proposal[3], struct arena *a,
    struct source_claim *out, struct err *e)
{
	struct db_result result;
	int rc = db->ops->query(db, plan->claim,
	    (struct db_params){key_job_proposal, 3}, a, &result, e);

	*out = (struct source_claim){SOURCE_CLAIMED, {"", 0}};
	if (rc != 0 || result.rows == 1) {
		return rc;
	}
	rc = db->ops->query(db, plan->existing,
	    (struct db_params){key_job_proposal, 1}, a, &result, e);
	if (rc == 0 && result.rows != 1) {
		return err_set(e, CS_E_UNAVAILABLE,
		    "IDEMPOTENCY_RECEIPT_UNAVAILABLE",
		    "the receipt row of this job went away");
	}
	if (rc == 0) {
		out->status = status_of(result.values[0].text);
		out->hash = result.values[1].text;
	}
	return rc;
}
