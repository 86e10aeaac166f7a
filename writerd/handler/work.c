#include "writerd/handler/work.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "writerd/handler/request.h"

/* The ledger must still be there when the request leaves: one that was
 * restarted meanwhile has recorded this attempt as lost. */
static bool
may_send(struct work *w, const struct checked_job *job, struct arena *a,
    struct answer *out)
{
	const char *reason = ledger_stop_reason(w->link, job->job.job_id, a);

	if (reason == NULL) {
		return true;
	}
	answer_failed(out, reason,
	    "Before the request was sent the ledger went away, took the "
	    "approval back or froze it; nothing was sent.");
	return false;
}

/* What the end of a command means. One that was executed had the request. */
static void
judge_end(const struct launch_result *r, struct arena *a, struct answer *out)
{
	switch (r->end) {
	case LAUNCH_NOT_STARTED:
		answer_failed(out, "HANDLER_REQUEST_FAILED",
		    "The command could not be started: its variable must hold "
		    "an absolute path and arguments, and the launcher of "
		    "writerd-handler must be there (see the log). Nothing was "
		    "executed.");
		return;
	case LAUNCH_TIMEOUT:
		answer_unknown(out, "HANDLER_TIMEOUT",
		    "The command did not end in time and was killed with its "
		    "children. Whether it changed anything is not known.");
		return;
	case LAUNCH_TOO_LARGE:
		answer_unknown(out, "HANDLER_RESPONSE_TOO_LARGE",
		    "The command wrote more than a receipt may have and was "
		    "killed. Whether it changed anything is not known.");
		return;
	case LAUNCH_EXITED:
	case LAUNCH_KILLED:
	case LAUNCH_LOST:
		break;
	}
	answer_unknown(out,
	    r->end == LAUNCH_EXITED
		? arena_printf(a, "HANDLER_EXIT_%d", r->code)
		: "HANDLER_EXIT_UNKNOWN",
	    "The command ended without success. Whether it changed anything is "
	    "not known.");
}

static void
call_command(
    struct work *w, const struct call *c, struct arena *a, struct answer *out)
{
	struct launch_result r = {.end = LAUNCH_NOT_STARTED};
	uint32_t index =
	    (uint32_t)(c->executor - w->handlers->contract->executors);

	launcher_run(w->launcher, index, c->body, &r);
	if (r.end == LAUNCH_EXITED && r.code == 0) {
		answer_from_receipt(
		    arena_span(a, buf_as_span(&r.output)), c->dry_run, a, out);
	} else {
		judge_end(&r, a, out);
	}
	buf_clear(&r.output);
}

static void
ask(struct work *w, const struct checked_job *job, struct arena *a,
    struct answer *out)
{
	const struct contract_executor *x = job->cap->handler;
	char issued_at[CLOCK_TEXT_SIZE];
	struct request_frame frame = {.runner_id = w->runner_id};
	struct call call = {.executor = x,
	    .issued_at = issued_at,
	    .idempotency_key = arena_span(a, job->job.idempotency_key).ptr,
	    .proposal_id = arena_span(a, job->cs.proposal_id).ptr,
	    .dry_run = job->job.dry_run};
	struct buf body = BUF_INIT;
	struct err e = {0};

	clock_format(clock_now_us(), issued_at);
	frame.issued_at = x->type == EXECUTOR_HTTP ? issued_at : NULL;
	if (job->job.dry_run && !x->honours_dry_run) {
		answer_failed(out, "HANDLER_DRY_RUN_UNSUPPORTED",
		    "A handler that does not know dry runs would apply it: "
		    "nothing was sent. Set honours_dry_run in the contract if "
		    "this one does.");
		return;
	}
	if (request_build(job, &frame, a, &body, &e) != 0) {
		answer_failed(out, err_reason(&e),
		    arena_strndup(a, e.msg, strlen(e.msg)));
	} else if (may_send(w, job, a, out)) {
		if (x->type == EXECUTOR_COMMAND) {
			buf_putc(&body, '\n');
		}
		call.body = buf_as_span(&body);
		if (x->type == EXECUTOR_COMMAND) {
			call_command(w, &call, a, out);
		} else {
			call_http(w->handlers, &call, a, out);
		}
	}
	buf_clear(&body);
	if (job->job.settle) {
		answer_unsettled(out, a);
	}
}

static void
write_receipt(const struct work *w, const struct answer *done,
    const struct receipt *r, struct buf *out)
{
	char hash[DIGEST_TEXT_SIZE];
	char at[CLOCK_TEXT_SIZE];
	struct receipt whole = *r;

	clock_format(clock_now_us(), at);
	receipt_result_hash(whole.job_id, receipt_status_name(done->status),
	    done->new_version.kind == SCALAR_NULL ? NULL : &done->new_version,
	    hash);
	whole.runner_id = span_of(w->runner_id);
	whole.status = done->status;
	whole.rows_affected = done->rows;
	whole.previous_version = done->previous_version;
	whole.new_version = done->new_version;
	whole.source_database_mutated = done->mutated;
	whole.executed_at = span_of(at);
	whole.safe_error_code = span_of(done->code);
	whole.receipt_hash = span_of(hash);
	whole.retryable = done->retryable;
	whole.explain = span_of(done->explain == NULL ? "" : done->explain);
	receipt_build(&whole, out);
}

static int
report(struct work *w, const struct msg_job *m, const struct checked_job *job,
    const struct answer *done, struct arena *a, struct err *e)
{
	struct buf text = BUF_INIT;
	struct receipt r = {.dry_run = false};
	int rc;

	job_subject(m, job, a, &r);
	log_event(LOG_LEVEL_NOTICE, "job_done",
	    "job=\"%.*s\" proposal=\"%.*s\" status=%s code=%s",
	    SPAN_ARGS(m->job_id), SPAN_ARGS(r.proposal_id),
	    receipt_status_name(done->status),
	    done->code == NULL ? "none" : done->code);
	write_receipt(w, done, &r, &text);
	rc = ledger_report(w->link,
	    &(struct msg_report){
		.job_id = m->job_id, .receipt = buf_as_span(&text)},
	    a, e);
	buf_clear(&text);
	return rc;
}

int
work_do(struct work *w, const struct msg_job *m, struct arena *a, struct err *e)
{
	struct checked_job *job = arena_alloc(a, sizeof(*job));
	struct answer done = {0};
	struct err why = {0};

	w->authority.now_us = clock_now_us();
	if (job_check(&w->authority, m, a, job, &why) == 0) {
		ask(w, job, a, &done);
	} else {
		/* Refused before anything left. What an earlier request did
		 * is as unknown as it was. */
		log_err(LOG_LEVEL_WARN, "job_refused", &why);
		answer_failed(&done, err_reason(&why),
		    arena_strndup(a, why.msg, strlen(why.msg)));
		job->cap = NULL;
	}
	return report(w, m, job, &done, a, e);
}
