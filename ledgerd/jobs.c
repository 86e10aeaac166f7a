#include "ledgerd/jobs.h"

#include "common/base/clock.h"
#include "common/crypto/digest.h"
#include "ledgerd/rules/approval.h"
#include "ledgerd/store/events.h"

/* A settling job waits for a writer as long as it takes. */
#define SETTLE_EXPIRES_US (INT64_C(10) * 365 * 86400 * 1000000)

/* The job names the engine, so that a writer knows its driver. */
static int
engine_of(const struct ledger *l, const struct change_set *cs,
    const char **engine_out, struct err *e)
{
	const struct contract_source *source =
	    contract_source(l->contract, cs->source_id);

	if (source == NULL) {
		return err_set(e, CS_E_CONFIG, "SOURCE_NOT_FOUND",
		    "the contract has no source %.*s",
		    SPAN_ARGS(cs->source_id));
	}
	*engine_out = contract_engine_name(source->engine);
	return 0;
}

/* Where the chain stands: a writer puts it beside its receipt, outside of this
 * file. */
static struct span
head_text(struct ledger *l)
{
	char hash[DIGEST_TEXT_SIZE];

	digest_format(l->store.last_hash, hash);
	return span_of(arena_printf(
	    l->scratch, "%lld:%s", (long long)l->store.last_event_id, hash));
}

/* Build, sign and store the job row. */
int
job_mint(struct ledger *l, const struct mint *mint, struct err *e)
{
	struct approvals approvals = {0};
	struct job_input in = {.change_set = mint->cs,
	    .contract_digest = span_of(l->contract->digest_text),
	    .attempt = mint->attempt,
	    .issued_us = event_next_time(&l->store),
	    .dry_run = mint->dry_run,
	    .settle = mint->settle,
	    .decisions = approvals.rows};
	struct buf payload = BUF_INIT;
	struct buf id = BUF_INIT;
	uint8_t signature[SIGNATURE_LEN];
	int rc = engine_of(l, mint->cs, &in.engine, e);

	bool looks = mint->settle &&
		     job_executor_role(l, mint->cs->action) != ROLE_HANDLER;

	/* A settling job carries no approvals: it may only look up or give
	 * back, so expired approvals must not keep an outcome unknown. To ask
	 * an application again may write. */
	if (rc == 0 && !looks) {
		rc = approval_collect(l, mint->cs, &approvals, e);
		in.decision_count = approvals.count;
	}
	if (rc != 0) {
		return rc;
	}
	in.ledger_head = head_text(l);
	in.expires_us = in.issued_us + (looks ? SETTLE_EXPIRES_US
					      : JOB_LEASE_S * INT64_C(1000000));
	job_build(&in, &payload);
	job_id_of(mint->cs->proposal_id, &id);
	sign_dsse(l->key, DSSE_TYPE_JOB, buf_as_span(&payload), signature);
	rc = stmt_change(&l->store, STMT_JOB_ADD, e, "ttiiibgii",
	    buf_as_span(&id), mint->cs->proposal_id, (int64_t)mint->dry_run,
	    (int64_t)mint->settle, mint->attempt, buf_as_span(&payload),
	    signature, in.expires_us, in.issued_us);
	buf_clear(&payload);
	buf_clear(&id);
	return rc;
}

int
job_mint_look(
    struct ledger *l, const struct proposal *p, bool inspect, struct err *e)
{
	struct change_set cs;
	struct mint mint = {.cs = &cs,
	    .settle = true,
	    .dry_run = inspect,
	    .attempt = p->attempt};
	int rc = change_set_parse(p->change_set, l->scratch, &cs, e);

	return rc != 0 ? rc : job_mint(l, &mint, e);
}

enum proto_role
job_executor_role(const struct ledger *l, struct span action)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, action);

	return cap != NULL && cap->handler != NULL ? ROLE_HANDLER : ROLE_WRITER;
}

int
job_event(struct ledger *l, const struct proposal *p, const char *kind,
    struct span actor, struct span body, struct err *e)
{
	struct change_set about = {.proposal_id = p->proposal_id,
	    .tenant = p->tenant_id,
	    .action = p->action,
	    .object_id = p->object_id};

	return proposal_event(&l->store, &about, kind, actor, body, e);
}

int
job_is_open(struct ledger *l, const struct proposal *p, struct err *e)
{
	int rc = stmt_run(&l->store, STMT_JOB_OPEN_OF, e, "t", p->proposal_id);

	stmt_done(&l->store, STMT_JOB_OPEN_OF);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
}

void
job_from_row(struct ledger *l, sqlite3_stmt *st, struct job_row *out)
{
	struct span signature = stmt_span(st, 6);

	*out = (struct job_row){.seq = stmt_int(st, 0),
	    .job_id = arena_span(l->scratch, stmt_span(st, 1)),
	    .proposal_id = arena_span(l->scratch, stmt_span(st, 2)),
	    .dry_run = stmt_int(st, 3) != 0,
	    .settle = stmt_int(st, 4) != 0,
	    .payload = arena_span(l->scratch, stmt_span(st, 5)),
	    .expires_us = stmt_int(st, 7)};
	if (signature.len == SIGNATURE_LEN) {
		memcpy(out->signature, signature.ptr, SIGNATURE_LEN);
	}
}

int
job_find_leased(
    struct ledger *l, int64_t seq, struct job_row *job, struct err *e)
{
	struct store *s = &l->store;
	int rc = stmt_run(s, STMT_JOB_LEASED, e, "i", seq);

	if (rc == SQLITE_ROW) {
		job_from_row(l, s->stmts[STMT_JOB_LEASED], job);
	}
	stmt_done(s, STMT_JOB_LEASED);
	return rc == SQLITE_ROW    ? 0
	       : rc == SQLITE_DONE ? CS_E_NOT_FOUND
				   : CS_E_UNAVAILABLE;
}

int
job_find_mine(const struct conn *writer, struct span job_id,
    struct job_row *job, struct err *e)
{
	/* By connection first: no other peer can speak about a job, even with
	 * its id. */
	int rc = writer->leased_seq == 0 ? CS_E_NOT_FOUND
					 : job_find_leased(writer->ledger,
					       writer->leased_seq, job, e);

	return rc == 0 && span_equal(job->job_id, job_id)
		   ? 0
		   : err_set(e, CS_E_STATE, "JOB_NOT_LEASED",
			 "this writer does not have that job");
}

bool
job_is_inspection_row(const struct job_row *job)
{
	return job->settle && job->dry_run;
}

int
job_attempt(struct ledger *l, struct span proposal_id,
    struct attempt_trace *out, struct err *e)
{
	static const struct {
		const char *kind;
		enum intent intent;
	} kinds[] = {{EVENT_INTENT_RECORDED, INTENT_RECORDED},
	    {EVENT_APPLYING, INTENT_APPLYING},
	    {EVENT_INSPECTED, INTENT_OBSERVED}};
	struct store *s = &l->store;
	int rc = stmt_run(s, STMT_EVENT_STATES, e, "t", proposal_id);

	*out = (struct attempt_trace){.intent = INTENT_NONE};
	for (; rc == SQLITE_ROW; rc = stmt_next(s, STMT_EVENT_STATES, e)) {
		struct span kind = stmt_span(s->stmts[STMT_EVENT_STATES], 0);

		/* Each release is another attempt. */
		if (span_is(kind, state_event_name(EVENT_RELEASE))) {
			out->intent = INTENT_NONE;
			out->released_us =
			    stmt_int(s->stmts[STMT_EVENT_STATES], 1);
		}
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (span_is(kind, kinds[i].kind)) {
				out->intent = kinds[i].intent;
			}
		}
	}
	stmt_done(s, STMT_EVENT_STATES);
	return rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
}

int
job_intent(
    struct ledger *l, struct span proposal_id, enum intent *out, struct err *e)
{
	struct attempt_trace trace;
	int rc = job_attempt(l, proposal_id, &trace, e);

	*out = trace.intent;
	return rc;
}
