#include "ledgerd/reconcile.h"

#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "common/contract/rules.h"
#include "ledgerd/release.h"
#include "ledgerd/store/events.h"

/* What a writer's session waits for a statement, where the contract says
 * nothing; and what its idle limit is above that, with room for a clock. */
#define STATEMENT_TIMEOUT_MS 15000
#define COMMIT_SLACK_MS      10000

bool
reconcile_is_needed_by(const struct ledger *l, const struct proposal *p)
{
	const struct contract_source *source =
	    contract_source(l->contract, p->source_id);

	return source != NULL && source->receipts == RECEIPTS_LEDGER &&
	       job_executor_role(l, p->action) == ROLE_WRITER;
}

int
reconcile_refuse_look_up(
    struct ledger *l, const struct proposal *p, struct err *e)
{
	enum intent intent = INTENT_NONE;
	int rc = job_intent(l, p->proposal_id, &intent, e);

	if (rc != 0 || intent == INTENT_NONE) {
		return rc;
	}
	return err_set(e, CS_E_STATE, "RECONCILIATION_REQUIRED",
	    "the answer of an earlier attempt was lost and this source keeps "
	    "no receipts, so nothing is tried again. Source database changed: "
	    "unknown. Look: countersign reconcile inspect %.*s",
	    SPAN_ARGS(p->proposal_id));
}

/* A receipt in the ledger's own name. */
static void
own_receipt(struct ledger *l, const struct change_set *cs,
    enum receipt_status status, struct receipt *out)
{
	struct buf text = BUF_INIT;
	char at[CLOCK_TEXT_SIZE];
	char hash[DIGEST_TEXT_SIZE];

	clock_format(event_next_time(&l->store), at);
	*out = (struct receipt){.proposal_id = cs->proposal_id,
	    .runner_id = span_of("ledgerd"),
	    .status = status,
	    .executed_at = arena_span(l->scratch, span_of(at))};
	job_id_of(cs->proposal_id, &text);
	out->job_id = arena_span(l->scratch, buf_as_span(&text));
	buf_reset(&text);
	buf_printf(&text, "%.*s:%.*s", SPAN_ARGS(cs->proposal_id),
	    SPAN_ARGS(cs->object_id));
	out->idempotency_key = arena_span(l->scratch, buf_as_span(&text));
	buf_clear(&text);
	receipt_result_hash(
	    out->job_id, receipt_status_name(status), NULL, hash);
	out->receipt_hash = arena_span(l->scratch, span_of(hash));
}

int
reconcile_stored_answer(struct ledger *l, struct span proposal_id,
    struct buf *document, struct err *e)
{
	enum intent intent = INTENT_NONE;
	struct proposal p;
	struct change_set cs;
	struct receipt r;
	int rc = proposal_load(&l->store, proposal_id, l->scratch, &p, e);

	if (rc != 0 || p.state != STATE_APPLIED ||
	    (rc = job_intent(l, p.proposal_id, &intent, e)) != 0 ||
	    (intent == INTENT_NONE &&
		job_executor_role(l, p.action) == ROLE_WRITER)) {
		return rc;
	}
	if ((rc = proposal_check(&p, l->scratch, &cs, e)) != 0 ||
	    (rc = proposal_check_state(&l->store, &p, e)) != 0 ||
	    (rc = store_request_begin(&l->store, e)) != 0) {
		return rc;
	}
	own_receipt(l, &cs, RECEIPT_ALREADY_APPLIED, &r);
	r.explain = span_of("The ledger holds the receipt of an earlier "
			    "attempt; nothing was sent.");
	receipt_build(&r, document);
	rc = release_record_receipt(
	    l, &p, &r, EVENT_ALREADY_APPLIED, buf_as_span(document), e);
	store_request_end(&l->store, rc == 0);
	return rc != 0 ? rc : 1;
}

int
reconcile_applying(
    struct conn *writer, const struct msg_applying *m, struct err *e)
{
	struct ledger *l = writer->ledger;
	enum intent intent = INTENT_NONE;
	struct job_row job;
	struct proposal p;
	int rc = job_find_mine(writer, m->job_id, &job, e);

	if (rc != 0 ||
	    (rc = proposal_load(
		 &l->store, job.proposal_id, l->scratch, &p, e)) != 0 ||
	    (rc = job_intent(l, p.proposal_id, &intent, e)) != 0) {
		return rc;
	}
	if (job.dry_run || job.settle || intent != INTENT_RECORDED ||
	    p.state != STATE_PENDING_WORKER ||
	    job.expires_us <= clock_now_us()) {
		return err_set(e, CS_E_STATE, "INTENT_NOT_RECORDED",
		    "this job may not begin, or not again");
	}
	if ((rc = store_request_begin(&l->store, e)) != 0) {
		return rc;
	}
	rc = job_event(
	    l, &p, EVENT_APPLYING, span_of("writerd"), span_of("{}"), e);
	store_request_end(&l->store, rc == 0);
	return rc;
}

/* Values that look like credentials are not recorded here either. */
static bool
may_record(struct ledger *l, struct span row)
{
	struct json_doc doc;

	return json_scan(&doc, row, l->scratch, NULL) == 0 &&
	       rules_scan_secrets("observed", &doc, l->scratch, NULL) == 0;
}

/* What was reviewed, what is there, and what that means. */
static struct span
inspection(struct ledger *l, const struct proposal *p,
    const struct change_set *cs, const struct msg_observed *m)
{
	struct buf text = BUF_INIT;
	struct buf row = BUF_INIT;
	struct json_out j;
	struct span copy;

	json_begin(&j, &row, 0);
	scalars_put(&j, m->row.items, m->row.count);
	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_span(&j, "proposal_id", p->proposal_id);
	json_field_text(&j, "state", state_name(p->state));
	json_field_int(&j, "attempt", p->attempt);
	json_field_text(&j, "classification",
	    observation_name((enum observation)m->observation));
	json_field_span(&j, "safe_error_code", m->code);
	json_field_span(&j, "explanation", m->explain);
	json_key(&j, "expected_version");
	scalars_put(&j, &cs->expected_version, 1);
	json_key(&j, "reviewed_before");
	scalars_put(&j, cs->before, cs->before_count);
	json_key(&j, "proposed");
	scalars_put(&j, cs->patch, cs->patch_count);
	json_field_raw(&j, "observed",
	    may_record(l, buf_as_span(&row)) ? buf_as_span(&row)
					     : span_of("null"));
	json_field_bool(&j, "source_database_changed", false);
	json_close(&j, '}');
	copy = arena_span(l->scratch, buf_as_span(&text));
	buf_clear(&row);
	buf_clear(&text);
	return copy;
}

/* A look that had the row's lock is an event of its own kind: what an attempt
 * did is done then. */
static const char *
inspection_event(uint32_t observation)
{
	return observation == OBSERVED_NOTHING
		   ? "reconciliation_inspection_failed"
		   : EVENT_INSPECTED;
}

/* Close the job and record what it saw. */
static int
record_observed(struct ledger *l, const struct job_row *job,
    const struct proposal *p, const char *kind, struct span document,
    struct err *e)
{
	int rc = store_request_begin(&l->store, e);

	if (rc != 0) {
		return rc;
	}
	rc = stmt_change(
	    &l->store, STMT_JOB_MOVE, e, "iss", job->seq, "leased", "reported");
	if (rc == 0) {
		rc = job_event(l, p, kind, span_of("writerd"), document, e);
	}
	store_request_end(&l->store, rc == 0);
	return rc;
}

int
reconcile_observed(
    struct conn *writer, const struct msg_observed *m, struct err *e)
{
	struct ledger *l = writer->ledger;
	struct job_row job;
	struct proposal p;
	struct change_set cs;
	struct span document;
	int rc = job_find_mine(writer, m->job_id, &job, e);

	if (rc == 0 && !job_is_inspection_row(&job)) {
		rc = err_set(e, CS_E_STATE, "JOB_NOT_LEASED",
		    "the job of this writer is not an inspection");
	}
	if (rc != 0 ||
	    (rc = proposal_load(
		 &l->store, job.proposal_id, l->scratch, &p, e)) != 0 ||
	    (rc = proposal_check(&p, l->scratch, &cs, e)) != 0) {
		return rc;
	}
	document = inspection(l, &p, &cs, m);
	rc = record_observed(
	    l, &job, &p, inspection_event(m->observation), document, e);
	if (rc == 0) {
		release_done(writer);
		release_answer(l, p.proposal_id, document);
	}
	return rc;
}

int
reconcile_lost(struct ledger *l, const struct job_row *job, struct err *e)
{
	struct msg_observed m = {.code = span_of("WRITER_LOST"),
	    .explain = span_of("The writer went away while it looked. Ask "
			       "again; looking changes nothing.")};
	struct proposal p;
	struct change_set cs;
	struct span document;
	int rc = stmt_change(
	    &l->store, STMT_JOB_MOVE, e, "iss", job->seq, "leased", "lost");

	if (rc == 0) {
		rc = proposal_load(
		    &l->store, job->proposal_id, l->scratch, &p, e);
	}
	if (rc == 0) {
		rc = proposal_check(&p, l->scratch, &cs, e);
	}
	if (rc == 0) {
		document = inspection(l, &p, &cs, &m);
		rc = job_event(l, &p, inspection_event(m.observation),
		    span_of("ledgerd"), document, e);
	}
	if (rc == 0) {
		release_answer(l, p.proposal_id, document);
	}
	return rc;
}

/* Only an unknown outcome can be looked at or resolved. */
static int
load_unknown(struct ledger *l, struct span proposal_id, struct proposal *p,
    struct change_set *cs, struct err *e)
{
	int rc = proposal_load(&l->store, proposal_id, l->scratch, p, e);

	if (rc != 0 || (rc = proposal_check(p, l->scratch, cs, e)) != 0 ||
	    (rc = proposal_check_state(&l->store, p, e)) != 0) {
		return rc;
	}
	return p->state == STATE_OUTCOME_UNKNOWN
		   ? 0
		   : err_set(e, CS_E_STATE, "OUTCOME_KNOWN",
			 "proposal %.*s is %s: there is nothing to reconcile",
			 SPAN_ARGS(p->proposal_id), state_name(p->state));
}

int
reconcile_inspect(struct ledger *l, struct span proposal_id,
    struct span operator_name, struct proposal *out, struct err *e)
{
	enum intent intent = INTENT_NONE;
	struct change_set cs;
	int rc = load_unknown(l, proposal_id, out, &cs, e);

	if (rc != 0 ||
	    (rc = job_intent(l, out->proposal_id, &intent, e)) != 0) {
		return rc;
	}
	if (intent == INTENT_NONE) {
		bool is_asked =
		    job_executor_role(l, out->action) == ROLE_HANDLER;
		return err_set(e, CS_E_STATE, "RECEIPT_IN_SOURCE",
		    is_asked ? "the application keeps the receipt: countersign "
			       "apply %.*s asks it again under the same key"
			     : "this source keeps receipts, which say more "
			       "than its row: countersign apply %.*s looks the "
			       "receipt up and writes nothing",
		    SPAN_ARGS(out->proposal_id));
	}
	if ((rc = store_request_begin(&l->store, e)) != 0) {
		return rc;
	}
	rc = job_mint_look(l, out, true, e);
	if (rc == 0) {
		rc = job_event(l, out, "reconciliation_requested",
		    operator_name, span_of("{}"), e);
	}
	store_request_end(&l->store, rc == 0);
	return rc;
}

/* How each word reads in the receipt and in the state table. */
static const struct {
	enum receipt_status status;
	enum proposal_event event;
} resolutions[] = {
    [RESOLUTION_APPLIED] = {RECEIPT_APPLIED, EVENT_APPLIED},
    [RESOLUTION_CONFLICT] = {RECEIPT_CONFLICT, EVENT_CONFLICT},
    [RESOLUTION_FAILED] = {RECEIPT_FAILED, EVENT_FAILED},
};

static struct span
resolution_body(
    struct ledger *l, const struct person *person, const struct msg_resolve *m)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span copy;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_text(
	    &j, "outcome", resolution_name((enum resolution)m->resolution));
	json_field_span(&j, "reason", m->reason);
	json_field_text(&j, "operator", person->user);
	json_field_int(&j, "operator_uid", person->uid);
	json_close(&j, '}');
	copy = arena_span(l->scratch, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

static int
record_resolution(struct ledger *l, const struct proposal *p,
    enum proposal_event event, const struct receipt *r, struct span body,
    struct err *e)
{
	enum proposal_state to = STATES;
	int rc;

	cs_assert(state_next(p->state, event, &to));
	/* What still waits to look is of no use any more; 0 rows are well. */
	rc = stmt_run(&l->store, STMT_JOBS_WITHDRAW_OF, e, "t", p->proposal_id);
	stmt_done(&l->store, STMT_JOBS_WITHDRAW_OF);
	if (rc != SQLITE_DONE) {
		return CS_E_UNAVAILABLE;
	}
	rc = job_event(l, p, "reconciliation_resolved", r->runner_id, body, e);
	return rc != 0 ? rc
		       : proposal_move(&l->store, p->proposal_id,
			     &(struct proposal_moved){.from = p->state,
				 .to = to,
				 .mutated = r->source_database_mutated,
				 .now_us = event_next_time(&l->store)},
			     e);
}

/* No writer may be looking: its receipt would come after the word. */
static int
check_resolvable(struct ledger *l, const struct proposal *p,
    const struct msg_resolve *m, struct err *e)
{
	int rc;

	if (m->reason.len == 0) {
		return err_set(e, CS_E_INVALID, "REASON_REQUIRED",
		    "a resolution needs a reason");
	}
	rc = stmt_run(&l->store, STMT_JOB_LEASED_OF, e, "t", p->proposal_id);
	stmt_done(&l->store, STMT_JOB_LEASED_OF);
	return rc == SQLITE_DONE ? 0
	       : rc == SQLITE_ROW
		   ? err_set(e, CS_E_STATE, "JOB_ALREADY_LEASED",
			 "a writer is looking at it now: try again when it has "
			 "reported")
		   : CS_E_UNAVAILABLE;
}

/* When the server has ended the transaction of any writer that passed its last
 * check: it was before the lease ended, and COMMIT came, or the session was
 * idle for too long. 0: never, a file has no server. */
static int64_t
latest_commit_us(const struct ledger *l, const struct proposal *p,
    const struct attempt_trace *attempt)
{
	const struct contract_source *source =
	    contract_source(l->contract, p->source_id);
	const struct contract_capability *cap =
	    contract_capability(l->contract, p->action);
	int64_t timeout_ms = STATEMENT_TIMEOUT_MS;

	/* No server ends what an application does: the time that it was given
	 * is all that there is. */
	if (cap != NULL && cap->handler != NULL) {
		return attempt->released_us + JOB_LEASE_S * INT64_C(1000000) +
		       (2 * cap->handler->timeout_ms + COMMIT_SLACK_MS) * 1000;
	}
	if (source == NULL || source->engine == ENGINE_SQLITE) {
		return 0;
	}
	if (source->statement_timeout_ms > 0) {
		timeout_ms = source->statement_timeout_ms;
	}
	return attempt->released_us + JOB_LEASE_S * INT64_C(1000000) +
	       (2 * timeout_ms + COMMIT_SLACK_MS) * 1000;
}

/* A writer that is stopped between its last check and COMMIT may go on: a word
 * about the attempt is taken when that cannot happen any more. */
static int
check_attempt_over(struct ledger *l, const struct proposal *p, struct err *e)
{
	struct attempt_trace attempt;
	char at[CLOCK_TEXT_SIZE];
	int64_t over_us;
	int rc = job_attempt(l, p->proposal_id, &attempt, e);

	if (rc != 0 || attempt.intent == INTENT_OBSERVED) {
		return rc;
	}
	over_us = latest_commit_us(l, p, &attempt);
	if (over_us != 0 && over_us < clock_now_us()) {
		return 0;
	}
	clock_format(over_us, at);
	return err_set(e, CS_E_STATE, "ATTEMPT_MAY_COMMIT",
	    "a writer that was stopped or cut off could still commit this "
	    "attempt%s%s. Nothing was recorded. A look that gets the row's "
	    "lock proves that it cannot: countersign %s %.*s",
	    over_us != 0 ? " until " : "", over_us != 0 ? at : "",
	    attempt.intent == INTENT_NONE ? "apply" : "reconcile inspect",
	    SPAN_ARGS(p->proposal_id));
}

int
reconcile_resolve(struct ledger *l, const struct person *person,
    const struct msg_resolve *m, struct buf *document, struct err *e)
{
	enum resolution resolution = (enum resolution)m->resolution;
	struct proposal p;
	struct change_set cs;
	struct receipt r;
	int rc = load_unknown(l, m->proposal_id, &p, &cs, e);

	if (rc != 0 || (rc = check_resolvable(l, &p, m, e)) != 0 ||
	    (rc = check_attempt_over(l, &p, e)) != 0 ||
	    (rc = store_request_begin(&l->store, e)) != 0) {
		return rc;
	}
	own_receipt(l, &cs, resolutions[resolution].status, &r);
	r.runner_id = span_of(person->user);
	r.safe_error_code = span_of("RESOLVED_BY_OPERATOR");
	r.rows_affected = resolution == RESOLUTION_APPLIED;
	r.source_database_mutated = resolution == RESOLUTION_APPLIED;
	r.explain = m->reason;
	receipt_build(&r, document);
	rc = record_resolution(l, &p, resolutions[resolution].event, &r,
	    resolution_body(l, person, m), e);
	if (rc == 0) {
		rc = release_record_receipt(l, &p, &r,
		    resolutions[resolution].event, buf_as_span(document), e);
	}
	store_request_end(&l->store, rc == 0);
	l->head_wanted = true;
	return rc;
}
