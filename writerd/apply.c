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

/* `hash` stays where it is until the step has been run. */
static struct db_step
complete_step(const struct attempt *t, const char *status, const char *hash)
{
	struct scalar *params = arena_array(t->arena, 4, sizeof(*params));
	size_t count = 0;
	bool head = t->db->receipts_have_head;

	params[count++] = text(span_of(status));
	params[count++] = text(span_of(hash));
	if (head) {
		params[count++] = text(t->job->job.ledger_head);
	}
	params[count++] = text(t->job->job.idempotency_key);
	return (struct db_step){
	    .sql = head ? t->plan.complete_with_head : t->plan.complete,
	    .params = {params, count, NULL}};
}

/* Whatever becomes of it, nothing is tried again after COMMIT was sent. */
static int
send_commit(struct attempt *t, struct err *e)
{
	int rc = t->db->ops->commit(t->db, e);

	t->db->would_pass = false;
	return rc;
}

/* End in `conflict`: recorded in the receipt table, so that the key is spent.
 */
static int
conflict(struct attempt *t, const char *code, const char *explain,
    const struct scalar *current, struct err *e)
{
	struct outcome *out = t->out;
	struct db_step step;
	size_t done = 0;
	int rc = 0;

	*out = (struct outcome){
	    .status = RECEIPT_CONFLICT, .code = code, .explain = explain};
	set_hash(out, t->job->job.job_id, code, current);
	if (t->job->job.dry_run || t->plan.complete == NULL) {
		t->db->ops->rollback(t->db);
		return 1;
	}
	step = complete_step(t, "conflict", out->hash);
	rc = db_run(t->db, &step, 1, t->arena, &done, e);
	if (rc == 0) {
		rc = send_commit(t, e);
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

/* One row, or the end. */
static int
check_found(struct attempt *t, struct err *e)
{
	if (t->row.found == 1) {
		return 0;
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

static struct db_step
update_step(const struct attempt *t)
{
	const struct job *job = &t->job->job;
	struct scalar *params =
	    arena_array(t->arena, job->patch_count + 3, sizeof(*params));
	struct span *names =
	    arena_array(t->arena, job->patch_count + 3, sizeof(*names));
	size_t count = 0;

	for (; count < job->patch_count; count++) {
		names[count] = job->patch[count].name;
		params[count] = job->patch[count].value;
	}
	count += row_key_params(t->job, params + count, names + count);
	if (!job->row_hash) {
		names[count] = job->guard_column;
		params[count++] = locked(t, job->guard_column);
	}
	return (struct db_step){
	    .sql = t->plan.update, .params = {params, count, names}};
}

static int
check_updated(struct attempt *t, int64_t affected, struct err *e)
{
	if (affected == 1) {
		return 0;
	}
	(void)err_set(e, CS_E_INVALID,
	    affected == 0 ? "VERSION_CONFLICT" : "MULTI_ROW_WRITE_BLOCKED",
	    "the update touched %lld rows instead of one; it was rolled back",
	    (long long)affected);
	return fail(t, CS_E_INVALID, e, false);
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

/* Read again: a trigger may have had other ideas. */
static int
check_post_image(struct attempt *t, struct err *e)
{
	const struct named_scalar *other;

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

/* What it comes to unless something is found; the outcome's hash is that of the
 * version that was replaced, so the receipt row needs no answer. */
static void
expect_applied(struct attempt *t)
{
	const struct job *job = &t->job->job;

	*t->out = (struct outcome){.status = RECEIPT_APPLIED,
	    .mutated = !job->dry_run,
	    .rows = job->dry_run ? 0 : 1,
	    .explain = job->dry_run ? "Everything was checked in a transaction "
				      "that was rolled back."
				    : ""};
	set_hash(t->out, job->job_id, job->dry_run ? "dry-run" : "applied",
	    job->dry_run || job->row_hash ? NULL : &job->guard_value);
}

/* UPDATE, the row as it is then, and the receipt: all before anything of it is
 * looked at, for COMMIT comes after that. */
static int
change_row(struct attempt *t, struct err *e)
{
	const struct job *job = &t->job->job;
	bool completes = t->plan.complete != NULL && !job->dry_run;
	struct db_step steps[3];
	size_t done = 0;
	int rc;

	expect_applied(t);
	steps[0] = update_step(t);
	steps[1] = row_step(t->job, &t->plan, t->arena);
	steps[2] = complete_step(t, "applied", t->out->hash);
	rc = db_run(t->db, steps, completes ? 3 : 2, t->arena, &done, e);
	if (rc != 0) {
		return fail_db(t, rc, e);
	}
	row_take(&steps[1], &t->plan, t->arena, &t->row);
	if ((rc = check_updated(t, steps[0].result.affected, e)) != 0 ||
	    (rc = check_post_image(t, e)) != 0) {
		return rc;
	}
	if (completes && steps[2].result.affected != 1) {
		rc = err_set(e, CS_E_UNAVAILABLE,
		    "IDEMPOTENCY_RECEIPT_UNAVAILABLE",
		    "the receipt row could not be completed");
		return fail_db(t, rc, e);
	}
	if (!job->row_hash) {
		t->out->new_version = locked(t, job->guard_column);
	}
	return 0;
}

static const char *
stop_words(const char *reason)
{
	return strcmp(reason, "APPROVAL_REVOKED") == 0
		   ? "the approval was taken back"
	       : strcmp(reason, "FROZEN") == 0 ? "writes were frozen"
					       : "the ledger went away";
}

/* The last moment at which it can still be taken back: the lease, and a ledger
 * that goes on counting on this attempt. */
static int
check_before_commit(struct attempt *t, struct err *e)
{
	const char *reason;

	if (t->job->job.expires_us <= clock_now_us()) {
		(void)err_set(e, CS_E_STATE, "JOB_EXPIRED",
		    "the lease ran out before COMMIT; it was rolled back");
		return fail(t, CS_E_STATE, e, true);
	}
	if (t->job->signers != NULL && !signers_are_current(t->job->signers)) {
		(void)err_set(e, CS_E_STATE, "SIGNERS_CHANGED",
		    "the file of allowed signers changed before COMMIT; it was "
		    "rolled back. Apply it again");
		return fail(t, CS_E_STATE, e, true);
	}
	reason = t->job->fence == NULL ? NULL
				       : ledger_stop_reason(t->job->fence,
					     t->job->job.job_id, t->arena);
	if (reason != NULL) {
		(void)err_set(e, CS_E_STATE, reason,
		    "%s before COMMIT; it was rolled back", stop_words(reason));
		return fail(
		    t, CS_E_STATE, e, strcmp(reason, "APPROVAL_REVOKED") != 0);
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
	rc = send_commit(t, e);
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

/* All that is known before the transaction begins. */
static int
prepare(struct attempt *t, struct err *e)
{
	const char *receipts = "";
	int rc = source_check_transactional(t->db, t->job->cap, t->arena, e);

	if (rc != 0) {
		return rc == CS_E_CONFIG ? fail(t, rc, e, true)
					 : fail_db(t, rc, e);
	}
	if ((rc = find_receipts(t, &receipts, e)) == 0) {
		rc = stmt_plan_build(
		    t->job->cap, &t->job->cs, receipts, t->arena, &t->plan, e);
	}
	return rc == 0 ? 0 : fail_db(t, rc, e);
}

/* What the statements that open a transaction are, and came to. */
struct opening {
	struct scalar ids[3]; /* key, job, proposal */
	struct db_step steps[4];
	size_t count;
	size_t claim; /* which one of them; SIZE_MAX: none */
	size_t done;
};

static int
plan_opening(
    const struct attempt *t, bool with_row, struct opening *o, struct err *e)
{
	int rc;

	o->steps[o->count++] = (struct db_step){.sql = t->plan.begin};
	rc = row_put_scope(t->job, t->arena, o->steps, &o->count, e);
	o->claim = t->plan.claim != NULL ? o->count : SIZE_MAX;
	if (t->plan.claim != NULL) {
		o->ids[0] = text(t->job->job.idempotency_key);
		o->ids[1] = text(t->job->job.job_id);
		o->ids[2] = text(t->job->job.proposal_id);
		o->steps[o->count++] = (struct db_step){
		    .sql = t->plan.claim, .params = {o->ids, 3, NULL}};
	}
	if (with_row) {
		o->steps[o->count++] = row_step(t->job, &t->plan, t->arena);
	}
	return rc;
}

/* Something is there: say what. */
static int
not_claimed(struct attempt *t, const struct opening *o, struct err *e)
{
	struct source_claim found;
	int rc = source_receipt_existing(
	    t->db, &t->plan, &o->steps[o->claim], t->arena, &found, e);

	return rc != 0 ? fail_db(t, rc, e)
		       : report_existing(t, found.status, found.hash);
}

static int
run_opening(struct attempt *t, bool with_row, struct opening *o, struct err *e)
{
	int rc;

	*o = (struct opening){.count = 0};
	rc = plan_opening(t, with_row, o, e);
	return rc != 0
		   ? rc
		   : db_run(t->db, o->steps, o->count, t->arena, &o->done, e);
}

/* The key had been claimed before. */
static bool
is_spent(const struct opening *o)
{
	return o->done > o->claim &&
	       !source_receipt_is_claimed(&o->steps[o->claim].result);
}

/*
 * BEGIN, receipt claim, row lock: none of them needs the answer of another.
 * A spent key is found out before anything of the row is looked at, and also
 * when its row could not be locked: then it is asked for alone.
 */
static int
open_transaction(struct attempt *t, bool with_row, struct err *e)
{
	struct opening o;
	int rc = run_opening(t, with_row, &o, e);

	if (rc != 0 && is_spent(&o)) {
		t->db->ops->rollback(t->db);
		t->db->would_pass = false;
		rc = run_opening(t, false, &o, e);
		if (rc == 0 && !is_spent(&o)) {
			rc = CS_E_UNAVAILABLE; /* gone: e is of the lock */
		}
	}
	if (is_spent(&o) || (rc == CS_E_STATE && o.done == o.claim)) {
		return not_claimed(t, &o, e);
	}
	if (rc != 0) {
		return fail_db(t, rc, e);
	}
	if (with_row) {
		row_take(&o.steps[o.count - 1], &t->plan, t->arena, &t->row);
	}
	return 0;
}

/* One transaction from BEGIN to COMMIT. */
static void
attempt_once(struct attempt *t)
{
	struct err e = {0};

	t->db->would_pass = false;
	if (prepare(t, &e) != 0 || open_transaction(t, true, &e) != 0 ||
	    check_found(t, &e) != 0 || check_locked(t, &e) != 0 ||
	    change_row(t, &e) != 0) {
		return;
	}
	if (t->job->job.dry_run) {
		t->db->ops->rollback(t->db);
		return;
	}
	(void)commit(t, &e);
}

/* Only look the receipt up. */
static void
settle_once(struct attempt *t)
{
	struct err e = {0};

	t->db->would_pass = false;
	/* Claiming waits for an owner that is still at work, so that "nothing
	 * there" really means that it never will be. */
	if (prepare(t, &e) != 0 || open_transaction(t, false, &e) != 0) {
		return;
	}
	(void)err_set(&e, CS_E_STATE, "NOT_APPLIED",
	    "there is no receipt of the earlier attempt: it was not committed, "
	    "and it can be applied again");
	(void)fail(t, CS_E_STATE, &e, true);
}

/* A deadlock or a serialization failure was rolled back by the server and says
 * nothing about this change. */
static void
try(struct attempt *t, void (*once)(struct attempt *t))
{
	int tries = 0;

	do {
		once(t);
	} while (t->out->status == RECEIPT_FAILED && t->db->would_pass &&
		 ++tries < APPLY_TRIES && t->db->ops->is_alive(t->db));
}

void
apply_job(struct db *db, const struct checked_job *job, struct arena *a,
    struct outcome *out)
{
	struct attempt t = {.db = db, .job = job, .arena = a, .out = out};

	if (job->job.settle) {
		apply_settle(db, job, a, out);
	} else {
		try(&t, attempt_once);
	}
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

	try(&t, settle_once);
}
