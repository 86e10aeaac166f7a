#include "writerd/apply.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/contract/rules.h"
#include "writerd/ledger_link.h"
#include "writerd/row.h"
#include "writerd/source_receipt.h"

/* How often a deadlock is tried again, before COMMIT was sent. */
#define APPLY_TRIES 3

/* One attempt at one job. */
struct attempt {
	struct db *db;
	const struct checked_job *job;
	struct arena *arena;
	struct stmt_plan plan;
	struct row row; /* as locked */
	struct outcome *out;
};

static struct scalar
text(struct span s)
{
	return (struct scalar){SCALAR_TEXT, s};
}

static void
set_hash(struct outcome *out, struct span job_id, const char *status,
    const struct scalar *version)
{
	receipt_result_hash(job_id, status, version, out->hash);
}

void
outcome_failed(struct outcome *out, struct span job_id, const struct err *e,
    bool retryable)
{
	const char *code = err_reason(e);

	*out = (struct outcome){.status = RECEIPT_FAILED,
	    .code = code,
	    .explain = e->msg,
	    .retryable = retryable};
	set_hash(out, job_id, "failed", NULL);
}

/* End in `failed`: nothing is kept of this attempt. */
static int
fail(struct attempt *t, int rc, struct err *e, bool retryable)
{
	struct err copy = *e;

	t->db->ops->rollback(t->db);
	copy.reason = err_reason(e);
	outcome_failed(t->out, t->job->job.job_id, &copy, retryable);
	t->out->explain = arena_strndup(t->arena, e->msg, strlen(e->msg));
	return rc;
}

static int
fail_db(struct attempt *t, int rc, struct err *e)
{
	return fail(t, rc, e,
	    rc == CS_E_UNAVAILABLE || rc == CS_E_DENIED || rc == CS_E_STATE);
}

/* engine.md §4.7: what an earlier attempt left behind. */
static int
report_existing(
    struct attempt *t, enum source_status status, struct span stored_hash)
{
	static const struct {
		enum receipt_status status;
		const char *code;
		const char *explain;
	} rows[] = {
	    [SOURCE_APPLIED] = {RECEIPT_ALREADY_APPLIED, NULL,
		"An earlier attempt with this key was committed."},
	    [SOURCE_CONFLICT] = {RECEIPT_CONFLICT, "IDEMPOTENT_CONFLICT",
		"An earlier attempt with this key ended in conflict."},
	    [SOURCE_FAILED] = {RECEIPT_FAILED, "IDEMPOTENT_FAILED",
		"An earlier attempt with this key is marked failed."},
	    [SOURCE_IN_PROGRESS] = {RECEIPT_FAILED,
		"IDEMPOTENCY_RECEIPT_IN_PROGRESS",
		"The receipt table holds an unfinished claim for this key."},
	};
	struct outcome *out = t->out;

	t->db->ops->rollback(t->db);
	*out = (struct outcome){.status = rows[status].status,
	    .code = rows[status].code,
	    .explain = rows[status].explain};
	if (status != SOURCE_FAILED && status != SOURCE_IN_PROGRESS &&
	    stored_hash.len > 0 && stored_hash.len < sizeof(out->hash)) {
		memcpy(out->hash, stored_hash.ptr, stored_hash.len);
	} else {
		set_hash(out, t->job->job.job_id, "idempotent", NULL);
	}
	return 1;
}

static int
claim(struct attempt *t, struct err *e)
{
	struct scalar ids[] = {text(t->job->job.idempotency_key),
	    text(t->job->job.job_id), text(t->job->job.proposal_id)};
	struct source_claim found;
	int rc =
	    source_receipt_claim(t->db, &t->plan, ids, t->arena, &found, e);

	if (rc != 0) {
		return fail_db(t, rc, e);
	}
	return found.status == SOURCE_CLAIMED
		   ? 0
		   : report_existing(t, found.status, found.hash);
}

/* End in `conflict`: recorded in the receipt table, so that the key is spent.
 */
static int
conflict(struct attempt *t, const char *code, const char *explain,
    const struct scalar *current, struct err *e)
{
	struct outcome *out = t->out;
	struct db_result result;
	int rc = 0;

	*out = (struct outcome){
	    .status = RECEIPT_CONFLICT, .code = code, .explain = explain};
	set_hash(out, t->job->job.job_id, code, current);
	if (t->job->job.dry_run || t->plan.complete == NULL) {
		t->db->ops->rollback(t->db);
		return 1;
	}
	struct scalar params[] = {text(span_of("conflict")),
	    text(span_of(out->hash)), text(t->job->job.idempotency_key)};
	rc = t->db->ops->query(t->db, t->plan.complete,
	    (struct db_params){params, 3, NULL}, t->arena, &result, e);
	if (rc == 0) {
		rc = t->db->ops->commit(t->db, e);
	}
	if (rc != 0) {
		/* The row was not touched either way; only the receipt row is
		 * in doubt, and claiming it again tells. */
		return fail(t, rc, e, true);
	}
	return 1;
}

static struct scalar
locked(const struct attempt *t, struct span column)
{
	return row_value(&t->row, column);
}

/* Read the row (again) under lock. */
static int
read_row(struct attempt *t, struct err *e)
{
	int rc = row_read(t->db, t->job, &t->plan, t->arena, &t->row, e);

	return rc != 0 ? fail_db(t, rc, e) : 0;
}

static int
lock_row(struct attempt *t, struct err *e)
{
	int rc = read_row(t, e);

	if (rc != 0 || t->row.found == 1) {
		return rc;
	}
	if (t->row.found == 0) {
		return conflict(t, "ROW_NOT_FOUND",
		    "There is no such row in this tenant any more.", NULL, e);
	}
	(void)err_set(e, CS_E_INVALID, "MULTI_ROW_WRITE_BLOCKED",
	    "more than one row has this key; nothing was written");
	return fail(t, CS_E_INVALID, e, false);
}

/* HASH(before) of the row as it is now, over the reviewed columns in order. */
static struct scalar
row_hash(const struct attempt *t)
{
	const struct contract_capability *cap = t->job->cap;
	struct buf out = BUF_INIT;
	struct json_out j;
	char hash[DIGEST_TEXT_SIZE];

	json_begin(&j, &out, 0);
	json_open(&j, '{');
	for (size_t i = 0; i < cap->read_count; i++) {
		json_key(&j, cap->read_columns[i]);
		scalar_put(&j, locked(t, span_of(cap->read_columns[i])));
	}
	json_close(&j, '}');
	digest_text(buf_as_span(&out), hash);
	buf_clear(&out);
	return text(arena_span(t->arena, span_of(hash)));
}

/* Version and rules once more, on the row that is locked. */
static int
check_locked(struct attempt *t, struct err *e)
{
	const struct job *job = &t->job->job;
	struct scalar actual =
	    job->row_hash ? row_hash(t) : locked(t, job->guard_column);
	int rc;

	if (!row_version_is(actual, job->guard_value)) {
		return conflict(t, "VERSION_CONFLICT",
		    "The row has changed since it was read for the proposal.",
		    &actual, e);
	}
	rc = rules_check_patch(t->job->cap, t->row.columns, t->row.count,
	    job->patch, job->patch_count, e);
	if (rc != 0) {
		const char *why =
		    arena_strndup(t->arena, e->msg, strlen(e->msg));
		return conflict(t, err_reason(e), why, &actual, e);
	}
	return 0;
}

static int
update_row(struct attempt *t, struct err *e)
{
	const struct job *job = &t->job->job;
	struct scalar *params =
	    arena_array(t->arena, job->patch_count + 3, sizeof(*params));
	struct span *names =
	    arena_array(t->arena, job->patch_count + 3, sizeof(*names));
	struct db_result result;
	size_t count = 0;
	int rc;

	for (; count < job->patch_count; count++) {
		names[count] = job->patch[count].name;
		params[count] = job->patch[count].value;
	}
	count += row_key_params(t->job, params + count, names + count);
	if (!job->row_hash) {
		names[count] = job->guard_column;
		params[count++] = locked(t, job->guard_column);
	}
	rc = t->db->ops->query(t->db, t->plan.update,
	    (struct db_params){params, count, names}, t->arena, &result, e);
	if (rc != 0) {
		return fail_db(t, rc, e);
	}
	if (result.affected != 1) {
		(void)err_set(e, CS_E_INVALID,
		    result.affected == 0 ? "VERSION_CONFLICT"
					 : "MULTI_ROW_WRITE_BLOCKED",
		    "the update touched %lld rows instead of one; it was "
		    "rolled back",
		    (long long)result.affected);
		return fail(t, CS_E_INVALID, e, false);
	}
	return 0;
}

/* The next one who reads this row must see that it has changed. */
static int
check_advance(struct attempt *t, struct err *e)
{
	const struct job *job = &t->job->job;

	if (t->job->cap->advance == ADVANCE_NOT_CHECKED ||
	    row_version_advanced(t->job, locked(t, job->guard_column))) {
		return 0;
	}
	(void)err_set(e, CS_E_INVALID, "VERSION_DID_NOT_ADVANCE",
	    "the version column %.*s did not move with the update, as the "
	    "contract's conflict_guard.advance asks; it was rolled back",
	    SPAN_ARGS(job->guard_column));
	return fail(t, CS_E_INVALID, e, false);
}

/* Read it again: a trigger may have had other ideas. */
static int
check_post_image(struct attempt *t, struct err *e)
{
	const struct named_scalar *other;
	int rc = read_row(t, e);

	if (rc != 0) {
		return rc;
	}
	if (t->row.found != 1) {
		(void)err_set(e, CS_E_INVALID, "POST_IMAGE_MISMATCH",
		    "the row was not there after its update; it was rolled "
		    "back");
		return fail(t, CS_E_INVALID, e, false);
	}
	other = row_other_than_patch(&t->row, t->job);
	if (other != NULL) {
		(void)err_set(e, CS_E_INVALID, "POST_IMAGE_MISMATCH",
		    "column %.*s did not keep the approved value (a trigger or "
		    "a type changed it); it was rolled back",
		    SPAN_ARGS(other->name));
		return fail(t, CS_E_INVALID, e, false);
	}
	return check_advance(t, e);
}

static int
complete(struct attempt *t, struct err *e)
{
	const struct job *job = &t->job->job;
	struct outcome *out = t->out;
	struct db_result result;
	int rc;

	*out = (struct outcome){.status = RECEIPT_APPLIED,
	    .mutated = !job->dry_run,
	    .rows = job->dry_run ? 0 : 1,
	    .explain = job->dry_run ? "Everything was checked in a transaction "
				      "that was rolled back."
				    : ""};
	if (!job->row_hash) {
		out->new_version = locked(t, job->guard_column);
	}
	set_hash(out, job->job_id, job->dry_run ? "dry-run" : "applied",
	    job->dry_run || job->row_hash ? NULL : &job->guard_value);
	if (job->dry_run) {
		t->db->ops->rollback(t->db);
		return 1;
	}
	if (t->plan.complete == NULL) {
		return 0;
	}
	struct scalar params[] = {text(span_of("applied")),
	    text(span_of(out->hash)), text(job->idempotency_key)};
	rc = t->db->ops->query(t->db, t->plan.complete,
	    (struct db_params){params, 3, NULL}, t->arena, &result, e);
	if (rc == 0 && result.affected != 1) {
		rc = err_set(e, CS_E_UNAVAILABLE,
		    "IDEMPOTENCY_RECEIPT_UNAVAILABLE",
		    "the receipt row could not be completed");
	}
	return rc == 0 ? 0 : fail_db(t, rc, e);
}

/* The last moment at which it can still be taken back: the lease, and a ledger
 * that goes on counting on this attempt. */
static int
check_before_commit(struct attempt *t, struct err *e)
{
	if (t->job->job.expires_us <= clock_now_us()) {
		(void)err_set(e, CS_E_STATE, "JOB_EXPIRED",
		    "the lease ran out before COMMIT; it was rolled back");
		return fail(t, CS_E_STATE, e, true);
	}
	if (t->job->fence != NULL && !ledger_is_there(t->job->fence)) {
		(void)err_set(e, CS_E_STATE, "LEDGER_GONE",
		    "the ledger went away before COMMIT; it was rolled back");
		return fail(t, CS_E_STATE, e, true);
	}
	return 0;
}

static const struct outcome unknowns[] = {
    [RECEIPTS_SOURCE_DB] = {.status = RECEIPT_OUTCOME_UNKNOWN,
	.code = "OUTCOME_UNKNOWN",
	.explain = "COMMIT was sent and no answer came.",
	.retryable = true},
    [RECEIPTS_LEDGER] = {.status = RECEIPT_OUTCOME_UNKNOWN,
	.code = "RECONCILIATION_REQUIRED",
	.explain =
	    "COMMIT was sent and no answer came, and this source keeps no "
	    "receipts. Whether it changed is not known; nothing is tried "
	    "again. A person compares the row: see 'countersign reconcile "
	    "inspect'."},
};

static int
commit(struct attempt *t, struct err *e)
{
	int rc = check_before_commit(t, e);

	if (rc != 0) {
		return rc;
	}
	rc = t->db->ops->commit(t->db, e);
	if (rc == CS_E_UNKNOWN) {
		*t->out = unknowns[t->job->cap->source->receipts];
		set_hash(t->out, t->job->job.job_id, "outcome_unknown", NULL);
		return rc;
	}
	return rc == 0 ? 0 : fail_db(t, rc, e);
}

/* The table's name; none when this attempt writes to no table of receipts. */
static int
find_receipts(struct attempt *t, const char **table_out, struct err *e)
{
	const struct job *job = &t->job->job;
	int rc;

	*table_out = "";
	if (t->job->cap->source->receipts == RECEIPTS_LEDGER && !job->settle) {
		return 0;
	}
	rc = source_receipt_find(
	    t->db, t->job->cap, !job->dry_run && !job->settle, t->arena, e);
	*table_out = t->db->receipt_table;
	return rc == CS_E_NOT_FOUND ? 0 : rc;
}

static int
begin(struct attempt *t, struct err *e)
{
	struct db_result result;
	const char *receipts = "";
	int rc = source_check_transactional(t->db, t->job->cap, t->arena, e);

	if (rc != 0) {
		return rc == CS_E_CONFIG ? fail(t, rc, e, true)
					 : fail_db(t, rc, e);
	}
	if ((rc = find_receipts(t, &receipts, e)) != 0) {
		return fail_db(t, rc, e);
	}
	rc = stmt_plan_build(
	    t->job->cap, &t->job->cs, receipts, t->arena, &t->plan, e);
	if (rc == 0) {
		rc = t->db->ops->query(t->db, t->plan.begin,
		    (struct db_params){NULL, 0, NULL}, t->arena, &result, e);
	}
	if (rc == 0) {
		rc = row_set_scope(t->db, t->job, t->arena, e);
	}
	return rc == 0 ? 0 : fail_db(t, rc, e);
}

/* One transaction from BEGIN to COMMIT. */
static void
attempt_once(struct attempt *t)
{
	struct err e = {0};

	t->db->would_pass = false;
	/* A dry run without a receipt table has nothing to claim. */
	if (begin(t, &e) != 0 || (t->plan.claim != NULL && claim(t, &e) != 0) ||
	    lock_row(t, &e) != 0 || check_locked(t, &e) != 0 ||
	    update_row(t, &e) != 0 || check_post_image(t, &e) != 0 ||
	    complete(t, &e) != 0) {
		return;
	}
	/* Whatever happens from here on is not tried again. */
	t->db->would_pass = false;
	(void)commit(t, &e);
	t->db->would_pass = false;
}

void
apply_job(struct db *db, const struct checked_job *job, struct arena *a,
    struct outcome *out)
{
	struct attempt t = {.db = db, .job = job, .arena = a, .out = out};
	int tries = 0;

	if (job->job.settle) {
		apply_settle(db, job, a, out);
		return;
	}
	/* A deadlock or a serialization failure was rolled back by the server
	 * and says nothing about this change. */
	do {
		attempt_once(&t);
	} while (out->status == RECEIPT_FAILED && db->would_pass &&
		 ++tries < APPLY_TRIES && db->ops->is_alive(db));
}

/* Of a look-up that could not be finished, only that is known. */
void
outcome_unsettled(struct outcome *out, struct span job_id)
{
	bool settled = out->status != RECEIPT_FAILED ||
		       strcmp(out->code, "NOT_APPLIED") == 0 ||
		       strcmp(out->code, "IDEMPOTENT_FAILED") == 0;

	if (!settled) {
		out->status = RECEIPT_OUTCOME_UNKNOWN;
		out->retryable = true;
		set_hash(out, job_id, "outcome_unknown", NULL);
	}
}

void
apply_settle(struct db *db, const struct checked_job *job, struct arena *a,
    struct outcome *out)
{
	struct attempt t = {.db = db, .job = job, .arena = a, .out = out};
	struct err e = {0};

	if (begin(&t, &e) != 0) {
		return;
	}
	/* Claiming waits for an owner that is still at work, so that "nothing
	 * there" really means that it never will be. */
	if (t.plan.claim != NULL && claim(&t, &e) != 0) {
		return;
	}
	(void)err_set(&e, CS_E_STATE, "NOT_APPLIED",
	    "there is no receipt of the earlier attempt: it was not committed, "
	    "and it can be applied again");
	(void)fail(&t, CS_E_STATE, &e, true);
}
