#include "ledgerd/decide.h"

#include "common/base/clock.h"
#include "ledgerd/store/events.h"

/* A rejection never expires; the statement needs a time all the same. */
#define FOREVER_US (INT64_C(100) * 365 * 86400 * 1000000)

int
mode_gate(const struct change_set *cs, const char *operation, struct err *e)
{
	if (span_is(cs->mode, "shadow")) {
		return err_set(e, CS_E_STATE, "SHADOW_WRITEBACK_DISABLED",
		    "shadow proposal %.*s cannot be %s",
		    SPAN_ARGS(cs->proposal_id), operation);
	}
	if (span_is(cs->mode, "read_only")) {
		return err_set(e, CS_E_STATE, "READ_ONLY_WRITEBACK_DISABLED",
		    "read-only proposal %.*s cannot be %s",
		    SPAN_ARGS(cs->proposal_id), operation);
	}
	return 0;
}

/* The reviewer names the hash that was on the screen: it must be this one. */
static int
check_identity(
    const struct change_set *cs, const struct msg_decide *m, struct err *e)
{
	if (!span_equal(cs->hash, m->proposal_hash)) {
		return err_set(e, CS_E_INTEGRITY, "PROPOSAL_HASH_MISMATCH",
		    "the decision is about other bytes than the ledger holds");
	}
	if (cs->proposal_version != (int64_t)m->proposal_version) {
		return err_set(e, CS_E_INTEGRITY, "PROPOSAL_VERSION_MISMATCH",
		    "the decision is about another version");
	}
	return 0;
}

/* Only the table in rules/state.c says what is possible; here it gets words. */
static int
check_move(const struct proposal *p, enum proposal_event event,
    enum proposal_state *to, struct err *e)
{
	if (state_next(p->state, event, to)) {
		return 0;
	}
	return err_set(e, CS_E_STATE,
	    event == EVENT_APPROVE ? "PROPOSAL_NOT_PENDING_REVIEW"
				   : "PROPOSAL_NOT_REJECTABLE",
	    "proposal %.*s is %s and cannot be %s", SPAN_ARGS(p->proposal_id),
	    state_name(p->state),
	    event == EVENT_APPROVE ? "approved" : "rejected");
}

/* An approval under one contract must not count under a later one, which
 * could allow more than the reviewer had in view. */
static int
check_contract(const struct ledger *l, const struct proposal *p, struct err *e)
{
	if (span_is(p->contract_digest, l->contract->digest_text)) {
		return 0;
	}
	return err_set(e, CS_E_INTEGRITY, "CONTRACT_DIGEST_MISMATCH",
	    "it was proposed under contract %.*s, the contract in force is %s; "
	    "reject it and have it proposed again",
	    SPAN_ARGS(p->contract_digest), l->contract->digest_text);
}

/* When the decision stops to count, from the capability's own limit. */
static int64_t
expiry_of(const struct ledger *l, const struct change_set *cs,
    enum decision_action action, int64_t now_us)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, cs->action);

	if (action == DECISION_REJECT || cap == NULL) {
		return now_us + FOREVER_US;
	}
	return now_us + cap->approval_expires_s * 1000000;
}

/* Sign first, store the very bytes that were signed: what is read back later
 * is verified as it lies there. */
static int
store_decision(struct ledger *l, const struct decision *d, struct err *e)
{
	struct buf statement = BUF_INIT;
	uint8_t signature[SIGNATURE_LEN];
	int rc;

	decision_build(d, &statement);
	sign_dsse(
	    l->key, DSSE_TYPE_DECISION, buf_as_span(&statement), signature);
	rc = stmt_change(&l->store, STMT_DECISION_ADD, e, "tstibgi",
	    d->proposal_id, decision_name(d->action), d->user, d->uid,
	    buf_as_span(&statement), signature, d->issued_us);
	buf_clear(&statement);
	return rc;
}

/* The decision's place in the chain. The statement has the signature, the
 * event has the order: both must be there for the state to be believed. */
static int
add_event(struct ledger *l, const struct change_set *cs,
    const struct decision *d, enum proposal_event event, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_span(&j, "proposal_hash", cs->hash);
	json_field_int(&j, "proposal_version", cs->proposal_version);
	json_key(&j, "reason");
	if (d->reason.len > 0) {
		json_put_span(&j, d->reason);
	} else {
		json_put_null(&j);
	}
	json_field_int(&j, "reviewer_uid", d->uid);
	json_close(&j, '}');
	rc = proposal_event(&l->store, cs, state_event_name(event), d->user,
	    buf_as_span(&body), e);
	buf_clear(&body);
	return rc;
}

/* Everything that must hold before anything is written. */
static int
check_all(struct ledger *l, const struct msg_decide *m, struct proposal *p,
    struct change_set *cs, struct err *e)
{
	bool approve = m->action == DECISION_APPROVE;
	int rc = proposal_load(&l->store, m->proposal_id, l->scratch, p, e);

	if (rc != 0 || (rc = proposal_check(p, l->scratch, cs, e)) != 0 ||
	    (rc = check_identity(cs, m, e)) != 0 ||
	    (rc = proposal_check_state(&l->store, p, e)) != 0) {
		return rc;
	}
	/* Saying no is possible in every mode and under every contract. */
	if (approve && ((rc = mode_gate(cs, "approved", e)) != 0 ||
			   (rc = check_contract(l, p, e)) != 0)) {
		return rc;
	}
	if (!approve && m->reason.len == 0) {
		return err_set(e, CS_E_INVALID, "REASON_REQUIRED",
		    "a rejection needs a reason");
	}
	return 0;
}

/* Row, statement and event, all or none: a state without its decision, or
 * the other way round, would be found by the checks and block the proposal. */
static int
record(struct ledger *l, const struct proposal *p, const struct change_set *cs,
    const struct decision *d, enum proposal_state to, struct err *e)
{
	enum proposal_event event =
	    d->action == DECISION_APPROVE ? EVENT_APPROVE : EVENT_REJECT;
	int rc = store_request_begin(&l->store, e);

	if (rc != 0) {
		return rc;
	}
	rc = proposal_move(&l->store, p->proposal_id,
	    &(struct proposal_moved){
		.from = p->state, .to = to, .now_us = d->issued_us},
	    e);
	if (rc == 0) {
		rc = store_decision(l, d, e);
	}
	if (rc == 0) {
		rc = add_event(l, cs, d, event, e);
	}
	store_request_end(&l->store, rc == 0);
	l->head_wanted = true;
	return rc;
}

int
decide(struct ledger *l, const struct person *person,
    const struct msg_decide *m, struct proposal *out, struct err *e)
{
	enum decision_action action = (enum decision_action)m->action;
	enum proposal_state to = STATES;
	struct change_set cs;
	struct decision d;
	const char *role = "";
	int rc = check_all(l, m, out, &cs, e);

	if (rc != 0 ||
	    (rc = check_move(out,
		 action == DECISION_APPROVE ? EVENT_APPROVE : EVENT_REJECT, &to,
		 e)) != 0 ||
	    (rc = approval_may_decide(l, person, &cs, &role, e)) != 0) {
		return rc;
	}
	/*
	 * The contract in force, not the one that the row names: for an
	 * approval they were just compared, a rejection may be made under
	 * another.
	 */
	d = (struct decision){.action = action,
	    .proposal_id = cs.proposal_id,
	    .proposal_version = cs.proposal_version,
	    .proposal_hash = cs.hash,
	    .contract_digest = span_of(l->contract->digest_text),
	    .user = span_of(person->user),
	    .uid = person->uid,
	    .role = span_of(role),
	    .reason = m->reason,
	    .issued_us = event_next_time(&l->store)};
	d.expires_us = expiry_of(l, &cs, action, d.issued_us);
	rc = record(l, out, &cs, &d, to, e);
	if (rc == 0) {
		out->state = to;
		out->updated_us = d.issued_us;
	}
	return rc;
}
