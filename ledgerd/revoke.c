#include "ledgerd/revoke.h"

#include "ledgerd/freezes.h"
#include "ledgerd/jobs.h"
#include "ledgerd/release.h"
#include "ledgerd/rules/approval.h"
#include "ledgerd/store/events.h"

/* The job that a connection works on, when it is one that may write: an
 * application that is asked again may, a receipt that is looked up never. */
static bool
job_in_hand(struct conn *c, struct job_row *job)
{
	struct err e = {0};

	return c->leased_seq != 0 &&
	       job_find_leased(c->ledger, c->leased_seq, job, &e) == 0 &&
	       (!job->settle || c->role == ROLE_HANDLER);
}

/* It leaves with the turn's commit, like an answer: what it rests on is on
 * disk then. */
static void
tell(struct conn *c, const struct job_row *job, const char *reason)
{
	struct msg_stop m = {.job_id = job->job_id, .reason = span_of(reason)};

	conn_reply(c, 0, MSG_STOP, &m);
}

bool
revoke_job_of(struct ledger *l, struct span proposal_id, const char *reason)
{
	struct conn *c;
	struct job_row job;

	TAILQ_FOREACH (c, &l->conns, link) {
		if (job_in_hand(c, &job) &&
		    span_equal(job.proposal_id, proposal_id)) {
			tell(c, &job, reason);
			return true;
		}
	}
	return false;
}

int
revoke_released(struct ledger *l, struct span proposal_id, struct err *e)
{
	struct store *s = &l->store;
	struct job_row job;
	int rc = stmt_run(s, STMT_JOB_RELEASED_OF, e, "t", proposal_id);

	if (rc == SQLITE_ROW) {
		job_from_row(l, s->stmts[STMT_JOB_RELEASED_OF], &job);
	}
	stmt_done(s, STMT_JOB_RELEASED_OF);
	if (rc != SQLITE_ROW) {
		return rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
	}
	rc = release_withdraw(l, &job, e);
	return rc == 0 ? 1 : rc;
}

int
revoke_finish(struct ledger *l, const struct proposal *p, struct err *e)
{
	struct approvals approvals;
	struct change_set cs;
	int rc = proposal_check(p, l->scratch, &cs, e);

	if (rc == 0) {
		rc = approval_load(l, &cs, &approvals, e);
	}
	if (rc != 0 || !approvals.rejected) {
		return rc;
	}
	rc = proposal_move(&l->store, p->proposal_id,
	    &(struct proposal_moved){.from = STATE_FAILED,
		.to = STATE_REJECTED,
		.now_us = event_next_time(&l->store)},
	    e);
	return rc != 0
		   ? rc
		   : job_event(l, p, state_event_name(EVENT_REJECT),
			 span_of("ledgerd"),
			 span_of(
			     "{\"because\":\"revoked while a writer had it\"}"),
			 e);
}

void
revoke_frozen(struct ledger *l, struct json_out *j)
{
	struct conn *c;
	struct job_row job;
	struct proposal p;
	struct err e = {0};

	TAILQ_FOREACH (c, &l->conns, link) {
		if (job_in_hand(c, &job) &&
		    proposal_load(
			&l->store, job.proposal_id, l->scratch, &p, &e) == 0 &&
		    freezes_cover(l, p.tenant_id, p.action) != NULL) {
			tell(c, &job, "FROZEN");
			json_put_span(j, job.proposal_id);
		}
	}
}
