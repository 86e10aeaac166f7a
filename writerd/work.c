#include "writerd/work.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "writerd/observe.h"

static const char settle_hint[] =
    "COMMIT was sent and no answer came, and the receipt could not be read. "
    "Whether the source database changed is not known. The next writer "
    "settles it; nothing is written again before that.";

/* An unknown outcome is settled by the receipt row, on a new connection. */
static void
settle(struct work *w, const struct checked_job *job, struct arena *a,
    struct outcome *out)
{
	const struct contract_source *source = job->cap->source;
	struct outcome found;
	struct db *db = NULL;
	struct err e = {0};

	sources_release(w->sources, source, true);
	out->explain = settle_hint;
	if (sources_connect(w->sources, source, &db, &e) != 0) {
		return;
	}
	apply_settle(db, job, a, &found);
	sources_release(w->sources, source, false);
	if (found.status == RECEIPT_ALREADY_APPLIED) {
		/* It was this attempt: say what it did. */
		*out = (struct outcome){.status = RECEIPT_APPLIED,
		    .mutated = true,
		    .rows = 1,
		    .explain = "The answer to COMMIT was lost; the receipt row "
			       "shows that it was committed."};
		memcpy(out->hash, found.hash, sizeof(out->hash));
	} else if (found.code != NULL &&
		   strcmp(found.code, "NOT_APPLIED") == 0) {
		*out = found;
	}
}

/* The ledger must still be there at COMMIT: one that was restarted meanwhile
 * may have settled this attempt as not written. Where it alone keeps receipts,
 * it has the attempt on disk before BEGIN. */
static int
ask_to_begin(
    struct work *w, struct checked_job *job, struct arena *a, struct err *e)
{
	struct msg_applying m = {.job_id = job->job.job_id};

	if (job->job.settle || job->job.dry_run) {
		return 0;
	}
	job->fence = w->link;
	return job->cap->source->receipts == RECEIPTS_LEDGER
		   ? ledger_applying(w->link, &m, a, e)
		   : 0;
}

static void
run(struct work *w, struct checked_job *job, struct arena *a,
    struct outcome *out)
{
	const struct contract_source *source = job->cap->source;
	struct db *db = NULL;
	struct err e = {0};

	if (sources_connect(w->sources, source, &db, &e) != 0 ||
	    ask_to_begin(w, job, a, &e) != 0) {
		outcome_failed(out, job->job.job_id, &e, true);
		out->explain = arena_strndup(a, e.msg, strlen(e.msg));
		return;
	}
	apply_job(db, job, a, out);
	if (out->status == RECEIPT_OUTCOME_UNKNOWN &&
	    (source->receipts == RECEIPTS_SOURCE_DB || job->job.settle)) {
		settle(w, job, a, out);
	}
	sources_release(w->sources, source, false);
}

static void
write_receipt(const struct work *w, struct receipt *r,
    const struct outcome *done, struct buf *out)
{
	r->runner_id = span_of(w->runner_id);
	r->status = done->status;
	r->rows_affected = done->rows;
	r->new_version = done->new_version;
	r->source_database_mutated = done->mutated;
	r->safe_error_code = span_of(done->code);
	r->receipt_hash = span_of(done->hash);
	r->retryable = done->retryable;
	r->explain = span_of(done->explain == NULL ? "" : done->explain);
	receipt_build(r, out);
}

/* Why the job was refused, or what the transaction came to. */
static void
fill_receipt(const struct msg_job *m, const struct checked_job *job,
    struct arena *a, struct receipt *r)
{
	job_subject(m, job, a, r);
	if (job->cap == NULL) {
		return;
	}
	r->previous_version = job->job.row_hash
				  ? (struct scalar){.kind = SCALAR_NULL}
				  : job->job.guard_value;
}

static int
report(struct work *w, const struct msg_job *m, const struct checked_job *job,
    struct outcome *done, struct arena *a, struct err *e)
{
	char at[CLOCK_TEXT_SIZE] = "";
	struct buf text = BUF_INIT;
	struct receipt r = {0};
	int rc;

	if (job->job.settle) {
		outcome_unsettled(done, m->job_id);
	}
	fill_receipt(m, job, a, &r);
	log_event(LOG_LEVEL_NOTICE, "job_done",
	    "job=\"%.*s\" proposal=\"%.*s\" status=%s code=%s",
	    SPAN_ARGS(m->job_id), SPAN_ARGS(r.proposal_id),
	    receipt_status_name(done->status),
	    done->code == NULL ? "none" : done->code);
	clock_format(clock_now_us(), at);
	r.executed_at = span_of(at);
	write_receipt(w, &r, done, &text);
	rc = ledger_report(w->link,
	    &(struct msg_report){
		.job_id = m->job_id, .receipt = buf_as_span(&text)},
	    a, e);
	buf_clear(&text);
	return rc;
}

/* Look at the row, and say what is there. */
static int
inspect(struct work *w, const struct msg_job *m, const struct checked_job *job,
    struct arena *a, struct err *e)
{
	struct msg_observed seen = {.job_id = m->job_id};
	struct db *db = NULL;
	struct err why = {0};

	if (sources_connect(w->sources, job->cap->source, &db, &why) != 0) {
		observe_failed(&why, a, &seen);
	} else {
		observe_row(db, job, a, &seen);
		sources_release(w->sources, job->cap->source, false);
	}
	log_event(LOG_LEVEL_NOTICE, "row_inspected",
	    "job=\"%.*s\" classification=%s code=%.*s", SPAN_ARGS(m->job_id),
	    observation_name((enum observation)seen.observation),
	    SPAN_ARGS(seen.code));
	return ledger_observed(w->link, &seen, a, e);
}

int
work_do(struct work *w, const struct msg_job *m, struct arena *a, struct err *e)
{
	struct checked_job *job = arena_alloc(a, sizeof(*job));
	struct outcome done = {0};
	struct err why = {0};

	w->authority.now_us = clock_now_us();
	if (job_check(&w->authority, m, a, job, &why) != 0) {
		/* Refused before any connection: the source was not touched. */
		log_err(LOG_LEVEL_WARN, "job_refused", &why);
		outcome_failed(&done, m->job_id, &why, true);
		done.explain = arena_strndup(a, why.msg, strlen(why.msg));
		job->cap = NULL;
	} else if (job_is_inspection(&job->job)) {
		return inspect(w, m, job, a, e);
	} else {
		run(w, job, a, &done);
	}
	return report(w, m, job, &done, a, e);
}
