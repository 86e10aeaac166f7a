#include "ledgerd/release.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "ledgerd/decide.h"
#include "ledgerd/documents.h"
#include "ledgerd/freezes.h"
#include "ledgerd/group_commit.h"
#include "ledgerd/jobs.h"
#include "ledgerd/metrics.h"
#include "ledgerd/reconcile.h"
#include "ledgerd/revoke.h"
#include "ledgerd/store/events.h"

/*
 * All that can be said without the decisions. Done at every release: between an
 * approval and this moment the file lay on a disk, and the contract may be
 * another.
 */
static int
check_releasable(
    struct ledger *l, struct proposal *p, struct change_set *cs, struct err *e)
{
	enum proposal_state to;
	int rc = proposal_check(p, l->scratch, cs, e);

	if (rc != 0 || (rc = proposal_check_state(&l->store, p, e)) != 0 ||
	    (rc = mode_gate(cs, "applied", e)) != 0 ||
	    (rc = freezes_check(l, cs, e)) != 0) {
		return rc;
	}
	if (!state_next(p->state, EVENT_RELEASE, &to)) {
		return err_set(e, CS_E_STATE,
		    p->state == STATE_OUTCOME_UNKNOWN ? "OUTCOME_UNKNOWN"
						      : "PROPOSAL_NOT_APPROVED",
		    "proposal %.*s is %s and cannot be applied",
		    SPAN_ARGS(p->proposal_id), state_name(p->state));
	}
	if (p->state == STATE_FAILED && !p->retryable) {
		return err_set(e, CS_E_STATE, "PROPOSAL_NOT_RETRYABLE",
		    "proposal %.*s failed for a reason that does not pass; "
		    "have it proposed again",
		    SPAN_ARGS(p->proposal_id));
	}
	if (l->contract->mode != MODE_REVIEW) {
		return err_set(e, CS_E_STATE, "MODE_NOT_REVIEW",
		    "apply needs mode review; the contract says %s",
		    contract_mode_name(l->contract->mode));
	}
	if (!span_is(p->contract_digest, l->contract->digest_text)) {
		return err_set(e, CS_E_INTEGRITY, "CONTRACT_DIGEST_MISMATCH",
		    "it was proposed under contract %.*s, the contract in "
		    "force is %s; have it proposed and approved again",
		    SPAN_ARGS(p->contract_digest), l->contract->digest_text);
	}
	return 0;
}

/* What was released, for the record and for 0.1.1's replay. */
static struct span
job_event_body(struct ledger *l, const struct proposal *p, bool dry_run)
{
	struct buf id = BUF_INIT;
	struct buf body = BUF_INIT;
	struct json_out j;
	struct span copy;

	job_id_of(p->proposal_id, &id);
	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_span(&j, "writeback_job_id", buf_as_span(&id));
	json_field_span(&j, "proposal_hash", p->proposal_hash);
	json_field_int(&j, "proposal_version", p->proposal_version);
	json_field_span(&j, "source_id", p->source_id);
	json_field_bool(&j, "dry_run", dry_run);
	json_close(&j, '}');
	copy = arena_span(l->scratch, buf_as_span(&body));
	buf_clear(&body);
	buf_clear(&id);
	return copy;
}

/* The job, and what it does to the proposal. The attempt is counted before a
 * writer has it: a number is never used twice. */
static int
release_checked(struct ledger *l, struct proposal *p, const struct mint *mint,
    struct span operator_name, struct err *e)
{
	struct span body = job_event_body(l, p, mint->dry_run);
	int rc = job_mint(l, mint, e);

	if (rc == 0 && !mint->dry_run) {
		rc = proposal_move(&l->store, p->proposal_id,
		    &(struct proposal_moved){.from = p->state,
			.to = STATE_PENDING_WORKER,
			.now_us = event_next_time(&l->store)},
		    e);
		if (rc == 0) {
			rc = stmt_change(&l->store, STMT_PROPOSAL_ATTEMPT, e,
			    "ti", p->proposal_id, mint->attempt);
		}
		if (rc == 0) {
			rc = job_event(l, p, state_event_name(EVENT_RELEASE),
			    operator_name, body, e);
		}
		if (rc == 0 && reconcile_is_needed_by(l, p)) {
			rc = job_event(l, p, EVENT_INTENT_RECORDED,
			    operator_name, body, e);
		}
		p->state = STATE_PENDING_WORKER;
	}
	return rc != 0 ? rc
		       : job_event(l, p, "writeback_job_recorded",
			     operator_name, body, e);
}

/* To look something up is no change, but an application that is asked again
 * may make one. */
static bool
must_wait(const struct ledger *l, enum proto_role role,
    const struct job_row *job, struct span tenant)
{
	return (role == ROLE_HANDLER || !job->settle) &&
	       freezes_cover(l, tenant, job->action) != NULL;
}

static int
check_asked_again(
    const struct ledger *l, const struct proposal *p, struct err *e)
{
	struct job_row job = {.settle = true, .action = p->action};

	return must_wait(l, job_executor_role(l, p->action), &job, p->tenant_id)
		   ? err_set(e, CS_E_STATE, "FROZEN",
			 "the application is not asked again while this is "
			 "frozen. Whether it changed anything stays unknown. "
			 "'countersign freeze list' shows why, 'countersign "
			 "thaw' ends it")
		   : 0;
}

/* A retry: look the receipt up again, or wait for the job that already does. */
static int
release_again(struct ledger *l, struct proposal *p, struct err *e)
{
	struct change_set cs;
	int rc = proposal_check(p, l->scratch, &cs, e);

	if (rc == 0) {
		rc = reconcile_refuse_look_up(l, p, e);
	}
	if (rc == 0) {
		rc = check_asked_again(l, p, e);
	}
	if (rc == 0) {
		rc = job_is_open(l, p, e);
	}
	if (rc != 0) {
		return rc > 0 ? 0 : rc;
	}
	rc = store_request_begin(&l->store, e);
	if (rc == 0) {
		rc = job_mint_look(l, p, false, e);
		store_request_end(&l->store, rc == 0);
	}
	return rc;
}

int
release_job(struct ledger *l, struct span proposal_id,
    struct span operator_name, bool dry_run, struct proposal *out,
    struct err *e)
{
	struct change_set cs;
	struct mint mint = {.cs = &cs, .dry_run = dry_run};
	int rc = proposal_load(&l->store, proposal_id, l->scratch, out, e);

	if (rc == 0 && !dry_run &&
	    (out->state == STATE_APPLIED ||
		out->state == STATE_OUTCOME_UNKNOWN)) {
		return release_again(l, out, e);
	}
	if (rc != 0 || (rc = check_releasable(l, out, &cs, e)) != 0 ||
	    (rc = store_request_begin(&l->store, e)) != 0) {
		return rc;
	}
	mint.attempt = out->attempt + 1;
	rc = release_checked(l, out, &mint, operator_name, e);
	store_request_end(&l->store, rc == 0);
	l->head_wanted = true;
	return rc;
}

int
release_withdraw(struct ledger *l, const struct job_row *job, struct err *e)
{
	struct proposal p;
	int rc = stmt_change(&l->store, STMT_JOB_MOVE, e, "iss", job->seq,
	    "released", "withdrawn");

	if (rc != 0 || job->dry_run || job->settle) {
		return rc;
	}
	rc = proposal_load(&l->store, job->proposal_id, l->scratch, &p, e);
	if (rc == 0) {
		rc = proposal_move(&l->store, p.proposal_id,
		    &(struct proposal_moved){.from = STATE_PENDING_WORKER,
			.to = STATE_APPROVED,
			.now_us = event_next_time(&l->store)},
		    e);
	}
	return rc != 0 ? rc
		       : job_event(l, &p, state_event_name(EVENT_WITHDRAW),
			     span_of("ledgerd"), span_of("{}"), e);
}

/* The next released job for that role which has not expired; expired ones are
 * withdrawn. */
static int
next_job(
    struct ledger *l, enum proto_role role, struct job_row *job, struct err *e)
{
	struct store *s = &l->store;
	struct span tenant = {"", 0};
	int64_t seq = 0;

	for (;;) {
		int rc = stmt_run(s, STMT_JOB_NEXT, e, "i", seq);
		if (rc == SQLITE_ROW) {
			sqlite3_stmt *st = s->stmts[STMT_JOB_NEXT];
			job_from_row(l, st, job);
			job->action = arena_span(l->scratch, stmt_span(st, 8));
			tenant = arena_span(l->scratch, stmt_span(st, 9));
			seq = job->seq;
		}
		stmt_done(s, STMT_JOB_NEXT);
		if (rc != SQLITE_ROW) {
			return rc == SQLITE_DONE ? CS_E_NOT_FOUND
						 : CS_E_UNAVAILABLE;
		}
		if (job_executor_role(l, job->action) != role ||
		    must_wait(l, role, job, tenant)) {
			continue;
		}
		if (job->expires_us > clock_now_us()) {
			return 0;
		}
		rc = release_withdraw(l, job, e);
		if (rc != 0) {
			return rc;
		}
	}
}

void
release_lease_next(struct conn *writer)
{
	struct ledger *l = writer->ledger;
	struct job_row job;
	struct msg_job m;
	struct err e = {0};

	int rc;

	if (!writer->claiming || writer->leased_seq != 0) {
		return;
	}
	if ((rc = store_begin(&l->store, &e)) == 0 &&
	    (rc = next_job(l, writer->role, &job, &e)) == 0) {
		rc = stmt_change(&l->store, STMT_JOB_MOVE, &e, "iss", job.seq,
		    "released", "leased");
	}
	if (rc != 0) {
		/* No job is the usual case; anything else must be seen. */
		if (rc != CS_E_NOT_FOUND) {
			log_err(LOG_LEVEL_ERR, "no_job_leased", &e);
		}
		return;
	}
	/*
	 * The lease is in this turn's transaction and the job in a held reply:
	 * a writer never has a job that the ledger does not know to be leased.
	 */
	writer->claiming = false;
	writer->leased_seq = job.seq;
	conn_check_idle(l);
	(void)event_del(writer->claim_timer);
	m = (struct msg_job){.job_id = job.job_id, .payload = job.payload};
	memcpy(m.signature, job.signature, SIGNATURE_LEN);
	conn_reply(writer, writer->claim_id, MSG_JOB, &m);
}

void
release_to_waiting(struct ledger *l)
{
	static const enum proto_role roles[] = {ROLE_WRITER, ROLE_HANDLER};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct conn *writer = conn_claiming(l, roles[i]);

		if (writer != NULL) {
			release_lease_next(writer);
		}
	}
}

/* The next approved proposal behind *seq that is this role's to execute; false
 * when there is none. */
static bool
next_approved(
    struct ledger *l, enum proto_role role, int64_t *seq, struct span *id)
{
	struct store *s = &l->store;
	struct err e = {0};

	for (;;) {
		struct span action = {0};
		int rc = stmt_run(s, STMT_PROPOSAL_APPROVED, &e, "i", *seq);
		if (rc == SQLITE_ROW) {
			sqlite3_stmt *st = s->stmts[STMT_PROPOSAL_APPROVED];
			*seq = stmt_int(st, 0);
			*id = arena_span(l->scratch, stmt_span(st, 1));
			action = arena_span(l->scratch, stmt_span(st, 2));
		}
		stmt_done(s, STMT_PROPOSAL_APPROVED);
		if (rc != SQLITE_ROW || job_executor_role(l, action) == role) {
			return rc == SQLITE_ROW;
		}
	}
}

void
release_by_policy(struct conn *writer)
{
	struct ledger *l = writer == NULL ? NULL : writer->ledger;
	struct proposal p;
	struct span id;
	int64_t seq = 0;

	if (l == NULL || !writer->claiming ||
	    l->contract->apply != APPLY_ON_APPROVAL) {
		return;
	}
	while (next_approved(l, writer->role, &seq, &id)) {
		struct err e = {0};
		if (release_job(l, id, span_of("apply: on_approval"), false, &p,
			&e) == 0) {
			release_lease_next(writer);
			return;
		}
		/* A freeze is somebody's will, and would be told with every
		 * claim. */
		if (strcmp(err_reason(&e), "FROZEN") == 0) {
			continue;
		}
		/* Expired, or from another contract: a person has to look. */
		log_event(LOG_LEVEL_WARN, "not_released",
		    "proposal=\"%.*s\" reason=%s detail=\"%s\"", SPAN_ARGS(id),
		    err_reason(&e), e.msg);
	}
}

/* What a receipt does to the proposal. */
static enum proposal_event
event_of(const struct job_row *job, const struct receipt *r)
{
	static const enum proposal_event events[] = {EVENT_APPLIED,
	    EVENT_ALREADY_APPLIED, EVENT_CONFLICT, EVENT_FAILED, EVENT_LOST};
	bool certain = span_is(r->safe_error_code, "NOT_APPLIED") ||
		       span_is(r->safe_error_code, "IDEMPOTENT_FAILED");

	/* A look-up that failed says nothing about the attempt before it. */
	return job->settle && r->status == RECEIPT_FAILED && !certain
		   ? EVENT_LOST
		   : events[r->status];
}

int
release_record_receipt(struct ledger *l, const struct proposal *p,
    const struct receipt *r, enum proposal_event event, struct span text,
    struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc =
	    stmt_change(&l->store, STMT_RECEIPT_ADD, e, "tttstiibi", r->job_id,
		r->proposal_id, r->runner_id, receipt_status_name(r->status),
		r->idempotency_key, (int64_t)r->source_database_mutated,
		(int64_t)r->dry_run, text, event_next_time(&l->store));

	if (rc != 0) {
		return rc;
	}
	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_span(&j, "writeback_job_id", r->job_id);
	json_field_int(&j, "rows_affected", r->rows_affected);
	json_field_bool(
	    &j, "source_database_mutated", r->source_database_mutated);
	json_field_span(&j, "receipt_hash", r->receipt_hash);
	json_field_bool(&j, "dry_run", r->dry_run);
	json_field_raw(&j, "receipt", text);
	json_close(&j, '}');
	rc = job_event(l, p,
	    r->dry_run ? "writeback_dry_run" : state_event_name(event),
	    r->runner_id, buf_as_span(&body), e);
	buf_clear(&body);
	return rc;
}

/* The look-up that follows an unknown outcome. To ask an application again is
 * to write, so it needs approvals that still hold: without, a person looks. */
static int
follow_up(struct ledger *l, const struct proposal *p, struct err *e)
{
	struct err why = {0};
	int rc = job_mint_look(l, p, false, &why);

	if (rc != 0 && rc != CS_E_UNAVAILABLE &&
	    job_executor_role(l, p->action) == ROLE_HANDLER) {
		log_err(LOG_LEVEL_WARN, "handler_not_asked_again", &why);
		return 0;
	}
	if (rc != 0) {
		*e = why;
	}
	return rc;
}

/* Move the proposal where the receipt leads, record it, close the job. */
static int
apply_receipt(struct ledger *l, const struct job_row *job,
    const struct receipt *r, struct span text, struct err *e)
{
	struct proposal p;
	enum proposal_state to = STATES;
	enum intent intent = INTENT_APPLYING;
	int rc = proposal_load(&l->store, job->proposal_id, l->scratch, &p, e);

	if (rc == 0) {
		rc = stmt_change(&l->store, STMT_JOB_MOVE, e, "iss", job->seq,
		    "leased", "reported");
	}
	if (rc == 0 && !r->dry_run) {
		/* The writer's word moves a state only where the table
		 * allows it. */
		if (!state_next(p.state, event_of(job, r), &to)) {
			return err_set(e, CS_E_STATE, "RECEIPT_NOT_EXPECTED",
			    "a receipt '%s' is not possible for a proposal "
			    "that is %s",
			    receipt_status_name(r->status),
			    state_name(p.state));
		}
		rc = proposal_move(&l->store, p.proposal_id,
		    &(struct proposal_moved){.from = p.state,
			.to = to,
			.retryable = r->retryable,
			.mutated = r->source_database_mutated,
			.now_us = event_next_time(&l->store)},
		    e);
	}
	if (rc == 0) {
		rc =
		    release_record_receipt(l, &p, r, event_of(job, r), text, e);
	}
	if (rc == 0 && to == STATE_FAILED) {
		rc = revoke_finish(l, &p, e);
	}
	/* One look-up follows by itself, where there is something to look
	 * up. If that could not settle it either,
	 * the next one is asked for by somebody: not again and again while the
	 * database is down. */
	if (rc == 0 && to == STATE_OUTCOME_UNKNOWN && !job->settle) {
		rc = job_intent(l, p.proposal_id, &intent, e);
	}
	if (rc == 0 && intent == INTENT_NONE) {
		rc = follow_up(l, &p, e);
	}
	return rc;
}

/* One row at most: a receipt for more cannot come from a single-row UPDATE,
 * whatever else it says. What an application does may be more. */
static int
check_rows(struct ledger *l, const struct job_row *job, const struct receipt *r,
    struct err *e)
{
	struct proposal p;
	int rc =
	    r->rows_affected <= 1
		? 0
		: proposal_load(&l->store, job->proposal_id, l->scratch, &p, e);

	if (rc == 0 && r->rows_affected > 1 &&
	    job_executor_role(l, p.action) != ROLE_HANDLER) {
		rc = err_set(e, CS_E_INVALID, "RECEIPT_INVALID",
		    "the receipt speaks of more than one row");
	}
	return rc;
}

static int
check_report(struct conn *writer, const struct msg_report *m,
    struct job_row *job, struct receipt *r, struct err *e)
{
	struct ledger *l = writer->ledger;
	int rc = job_find_mine(writer, m->job_id, job, e);

	if (rc != 0) {
		return rc;
	}
	rc = receipt_parse(m->receipt, l->scratch, r, e);
	if (rc != 0) {
		return rc;
	}
	/* A writer's text decides nothing about other proposals: ids and dry
	 * run have to be those of the lease. */
	rc = check_rows(l, job, r, e);
	if (rc != 0) {
		return rc;
	}
	if (!span_equal(r->job_id, job->job_id) ||
	    !span_equal(r->proposal_id, job->proposal_id) ||
	    r->dry_run != job->dry_run || job_is_inspection_row(job)) {
		return err_set(e, CS_E_INVALID, "RECEIPT_MISMATCH",
		    "the receipt is about another job");
	}
	return 0;
}

void
release_done(struct conn *writer)
{
	writer->leased_seq = 0;
	conn_check_idle(writer->ledger);
}

int
release_report(struct conn *writer, const struct msg_report *m, struct err *e)
{
	struct ledger *l = writer->ledger;
	struct job_row job;
	struct receipt r;
	int rc = check_report(writer, m, &job, &r, e);

	if (rc != 0 || (rc = store_request_begin(&l->store, e)) != 0) {
		return rc;
	}
	rc = apply_receipt(l, &job, &r, m->receipt, e);
	store_request_end(&l->store, rc == 0);
	if (rc == 0) {
		if (!r.dry_run) {
			metrics_count_report(l, r.status);
		}
		l->head_wanted = true;
		release_done(writer);
		release_answer(l, job.proposal_id, m->receipt);
	}
	return rc;
}

/* What is certain about a job whose writer is gone. */
enum loss {
	LOSS_UNKNOWN,      /* the receipt in the source will tell */
	LOSS_UNRECORDED,   /* nothing but the row can tell */
	LOSS_WITHOUT_TRACE /* it had not begun, or was a dry run */
};

static const struct {
	enum receipt_status status;
	const char *result;
	const char *code;
	const char *explain;
} losses[] = {
    [LOSS_UNKNOWN] = {RECEIPT_OUTCOME_UNKNOWN, "outcome_unknown", "WRITER_LOST",
	"The writer went away while it had the job. Whether the source "
	"database changed is not known; a writer settles it from the receipt "
	"table before anything else."},
    [LOSS_UNRECORDED] = {RECEIPT_OUTCOME_UNKNOWN, "outcome_unknown",
	"RECONCILIATION_REQUIRED",
	"The writer went away while it was applying. Whether the source "
	"database changed is not known, and this source keeps no receipts: a "
	"person compares the row, see 'countersign reconcile inspect'."},
    [LOSS_WITHOUT_TRACE] = {RECEIPT_FAILED, "failed", "WRITER_LOST",
	"The writer went away before it was allowed to begin. Source database "
	"changed: no."},
};

/* A dry run is rolled back whatever became of the writer. */
static int
loss_of(
    struct ledger *l, const struct job_row *job, enum loss *out, struct err *e)
{
	enum intent intent = INTENT_RECORDED;
	int rc = job->dry_run || job->settle
		     ? 0
		     : job_intent(l, job->proposal_id, &intent, e);

	*out = job->settle                 ? LOSS_UNKNOWN
	       : intent == INTENT_NONE     ? LOSS_UNKNOWN
	       : intent == INTENT_APPLYING ? LOSS_UNRECORDED
					   : LOSS_WITHOUT_TRACE;
	return rc;
}

/* A receipt in ledgerd's own name, for a writer that cannot write one. */
static int
lost_receipt(struct ledger *l, const struct job_row *job, struct buf *out,
    struct receipt *r, struct err *e)
{
	struct job parsed;
	enum loss loss = LOSS_UNKNOWN;
	char at[CLOCK_TEXT_SIZE];
	char hash[DIGEST_TEXT_SIZE];
	int rc = job_parse(job->payload, l->scratch, &parsed, e);

	if (rc != 0 || (rc = loss_of(l, job, &loss, e)) != 0) {
		return rc;
	}
	clock_format(event_next_time(&l->store), at);
	receipt_result_hash(job->job_id, losses[loss].result, NULL, hash);
	*r = (struct receipt){.job_id = job->job_id,
	    .proposal_id = job->proposal_id,
	    .runner_id = span_of("ledgerd"),
	    .status = losses[loss].status,
	    .idempotency_key = parsed.idempotency_key,
	    .executed_at = arena_span(l->scratch, span_of(at)),
	    .safe_error_code = span_of(losses[loss].code),
	    .receipt_hash = arena_span(l->scratch, span_of(hash)),
	    .dry_run = job->dry_run,
	    .retryable = loss != LOSS_UNRECORDED,
	    .explain = span_of(losses[loss].explain)};
	receipt_build(r, out);
	return 0;
}

/* Close a job with our own receipt, as if a writer had sent it. */
static int
lose_job(struct ledger *l, const struct job_row *job, struct err *e)
{
	struct buf text = BUF_INIT;
	struct receipt r;
	int rc;

	if (job_is_inspection_row(job)) {
		return reconcile_lost(l, job, e);
	}
	rc = lost_receipt(l, job, &text, &r, e);

	if (rc == 0) {
		rc = apply_receipt(l, job, &r, buf_as_span(&text), e);
	}
	if (rc == 0) {
		rc = stmt_change(&l->store, STMT_JOB_MOVE, e, "iss", job->seq,
		    "reported", "lost");
	}
	if (rc == 0) {
		release_answer(l, job->proposal_id, buf_as_span(&text));
	}
	buf_clear(&text);
	l->head_wanted = true;
	return rc;
}

void
release_lost(struct ledger *l, int64_t job_seq)
{
	struct job_row job;
	struct err e = {0};
	int rc = job_find_leased(l, job_seq, &job, &e);

	if (rc == 0) {
		rc = store_request_begin(&l->store, &e);
	}
	if (rc == 0) {
		rc = lose_job(l, &job, &e);
		store_request_end(&l->store, rc == 0);
	}
	if (rc != 0) {
		/* The row stays 'leased'; recovery at the next start settles
		 * it. Nothing claims to know the outcome. */
		log_err(LOG_LEVEL_ERR, "lost_job_not_recorded", &e);
	}
	group_commit_want(l);
	release_to_waiting(l);
}

/* Row by row until none is left: `fn` takes each out of its state, so the
 * search ends. */
static int
recover_jobs(struct ledger *l, enum stmt_id open_jobs,
    int (*fn)(struct ledger *, const struct job_row *, struct err *),
    struct err *e)
{
	struct store *s = &l->store;
	struct job_row job;
	int rc;

	for (;;) {
		rc = stmt_run(s, open_jobs, e, "");
		if (rc == SQLITE_ROW) {
			job_from_row(l, s->stmts[open_jobs], &job);
		}
		stmt_done(s, open_jobs);
		if (rc != SQLITE_ROW) {
			return rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
		}
		rc = fn(l, &job, e);
		if (rc != 0) {
			return rc;
		}
	}
}

/* Settling jobs, also those that the first step mints, stay released: they
 * only look something up, so any later writer may have them. */
int
release_recover(struct ledger *l, struct err *e)
{
	int rc = store_begin(&l->store, e);

	if (rc == 0) {
		rc = recover_jobs(l, STMT_JOBS_LEASED, lose_job, e);
	}
	return rc != 0 ? rc
		       : recover_jobs(l, STMT_JOBS_UNSENT, release_withdraw, e);
}

void
release_answer(struct ledger *l, struct span proposal_id, struct span document)
{
	struct conn *c;

	TAILQ_FOREACH (c, &l->conns, link) {
		struct waiter *w;
		struct waiter *next;
		for (w = TAILQ_FIRST(&c->waiters); w != NULL; w = next) {
			next = TAILQ_NEXT(w, link);
			if (!span_is(proposal_id, w->proposal_id)) {
				continue;
			}
			TAILQ_REMOVE(&c->waiters, w, link);
			c->waiter_count--;
			conn_document(c, w->request_id, document);
			event_free(w->timer);
			free(w);
		}
	}
}
