#include "ledgerd/decide.h"

#include "common/base/clock.h"
#include "ledgerd/freezes.h"
#include "ledgerd/revoke.h"
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

/* What a decision does to the proposal. */
struct move {
	enum proposal_event event;
	enum proposal_state to;
};

/* A decision about to be recorded, with the bytes that are signed. */
struct recording {
	struct proposal *p; /* the caller's */
	struct change_set cs;
	struct decision d;
	struct span statement;
	struct span ssh_signature; /* empty: the reviewer did not sign */
	struct move move;
};

/* An approval is one of several until enough people have given theirs. */
static int
approve_move(struct ledger *l, const struct person *person,
    const struct change_set *cs, struct move *out, struct err *e)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, cs->action);
	struct approvals approvals;
	int rc = approval_load(l, cs, &approvals, e);

	if (rc != 0) {
		return rc;
	}
	if (approval_has(&approvals, DECISION_APPROVE, span_of(person->user))) {
		return err_set(e, CS_E_STATE, "APPROVER_ALREADY_COUNTED",
		    "%s has approved it already; %zu of %lld approvals are "
		    "there, the others have to come from other people",
		    person->user, approvals.approvers,
		    cap == NULL ? 1LL : (long long)cap->approvals_needed);
	}
	out->event = cap == NULL || (int64_t)approvals.approvers + 1 >=
					cap->approvals_needed
			 ? EVENT_APPROVE
			 : EVENT_ENDORSE;
	return 0;
}

/* Two pairs of eyes: who approved does not apply. */
static int
check_applier(struct ledger *l, const struct person *person,
    const struct proposal *p, const struct change_set *cs, struct err *e)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, cs->action);
	struct approvals approvals;
	int rc = approval_load(l, cs, &approvals, e);

	if (rc != 0) {
		return rc;
	}
	if (cap == NULL || !cap->separate_applier) {
		return err_set(e, CS_E_STATE, "APPLIER_NOT_ASKED",
		    "the contract asks for no separate applier of %.*s; "
		    "nothing was recorded. 'countersign apply' writes it",
		    SPAN_ARGS(cs->action));
	}
	if (approval_has(&approvals, DECISION_APPLY, span_of(person->user))) {
		return err_set(e, CS_E_STATE, "APPLIER_ALREADY_COUNTED",
		    "%s has already signed to apply it; nothing was recorded. "
		    "'countersign apply' writes it",
		    person->user);
	}
	if (p->state != STATE_APPROVED && p->state != STATE_FAILED) {
		return err_set(e, CS_E_STATE, "PROPOSAL_NOT_APPROVED",
		    "proposal %.*s is %s and cannot be applied. Source "
		    "database changed: no",
		    SPAN_ARGS(p->proposal_id), state_name(p->state));
	}
	if (approval_has(&approvals, DECISION_APPROVE, span_of(person->user))) {
		return err_set(e, CS_E_DENIED, "APPLIER_APPROVED",
		    "%s approved this change; somebody else has to apply it. "
		    "Source database changed: no",
		    person->user);
	}
	return 0;
}

/* Only the table in rules/state.c says what is possible; here it gets words. */
static int
check_move(struct ledger *l, const struct person *person, struct recording *r,
    enum decision_action action, struct err *e)
{
	const struct proposal *p = r->p;
	struct move *out = &r->move;
	int rc = 0;

	if (action == DECISION_APPLY) {
		*out = (struct move){PROPOSAL_EVENTS, p->state};
		return check_applier(l, person, p, &r->cs, e);
	}
	out->event = action == DECISION_APPROVE         ? EVENT_APPROVE
		     : p->state == STATE_PENDING_WORKER ? EVENT_REVOKE
							: EVENT_REJECT;
	if (!state_next(p->state, out->event, &out->to)) {
		return err_set(e, CS_E_STATE,
		    action == DECISION_APPROVE ? "PROPOSAL_NOT_PENDING_REVIEW"
					       : "PROPOSAL_NOT_REJECTABLE",
		    "proposal %.*s is %s and cannot be %s",
		    SPAN_ARGS(p->proposal_id), state_name(p->state),
		    action == DECISION_APPROVE ? "approved" : "rejected");
	}
	if (action == DECISION_APPROVE) {
		rc = approve_move(l, person, &r->cs, out, e);
	}
	return rc != 0 || state_next(p->state, out->event, &out->to)
		   ? rc
		   : CS_E_STATE;
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
store_decision(struct ledger *l, const struct recording *r, struct err *e)
{
	const struct decision *d = &r->d;
	uint8_t signature[SIGNATURE_LEN];
	int rc;

	sign_dsse(l->key, DSSE_TYPE_DECISION, r->statement, signature);
	rc = stmt_change(&l->store, STMT_DECISION_ADD, e, "tstibgi",
	    d->proposal_id, decision_name(d->action), d->user, d->uid,
	    r->statement, signature, event_next_time(&l->store));
	if (rc == 0 && r->ssh_signature.len > 0) {
		rc = stmt_change(
		    &l->store, STMT_DECISION_SIGNED, e, "b", r->ssh_signature);
	}
	return rc;
}

/* Whose key: the chain then says which one, also when the row is gone. */
static void
put_key(struct json_out *j, const struct recording *r)
{
	struct ssh_key key;
	struct err ignored = {0};
	char print[SSH_FINGERPRINT_SIZE];

	if (r->ssh_signature.len > 0 &&
	    sshsig_verify(r->ssh_signature, r->statement, &key, &ignored) ==
		0) {
		ssh_fingerprint(key.blob, print);
		json_field_text(j, "signed_with", print);
	}
}

/* The decision's place in the chain. The statement has the signature, the
 * event has the order: both must be there for the state to be believed. */
static int
add_event(struct ledger *l, const struct recording *r, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_span(&j, "proposal_hash", r->cs.hash);
	json_field_int(&j, "proposal_version", r->cs.proposal_version);
	json_key(&j, "reason");
	if (r->d.reason.len > 0) {
		json_put_span(&j, r->d.reason);
	} else {
		json_put_null(&j);
	}
	json_field_int(&j, "reviewer_uid", r->d.uid);
	put_key(&j, r);
	json_close(&j, '}');
	rc = proposal_event(&l->store, &r->cs,
	    r->d.action == DECISION_APPLY ? "apply_authorized"
					  : state_event_name(r->move.event),
	    r->d.user, buf_as_span(&body), e);
	buf_clear(&body);
	return rc;
}

/* Everything that must hold before anything is written. */
static int
check_all(struct ledger *l, const struct msg_decide *m, struct proposal *p,
    struct change_set *cs, struct err *e)
{
	bool reject = m->action == DECISION_REJECT;
	int rc = proposal_load(&l->store, m->proposal_id, l->scratch, p, e);

	if (rc != 0 || (rc = proposal_check(p, l->scratch, cs, e)) != 0 ||
	    (rc = check_identity(cs, m, e)) != 0 ||
	    (rc = proposal_check_state(&l->store, p, e)) != 0) {
		return rc;
	}
	/* Saying no is possible in every mode, under every contract, and while
	 * everything is frozen. */
	if (!reject && ((rc = mode_gate(cs, "approved", e)) != 0 ||
			   (rc = check_contract(l, p, e)) != 0 ||
			   (rc = freezes_check(l, cs, e)) != 0)) {
		return rc;
	}
	if (reject && m->reason.len == 0) {
		return err_set(e, CS_E_INVALID, "REASON_REQUIRED",
		    "a rejection needs a reason");
	}
	return 0;
}

/* Row, statement and event: a state without its decision, or the other way
 * round, would be found by the checks and block the proposal. */
static int
record_all(struct ledger *l, const struct recording *r, struct err *e)
{
	int rc = 0;

	if (r->d.action != DECISION_APPLY) {
		rc = proposal_move(&l->store, r->p->proposal_id,
		    &(struct proposal_moved){.from = r->p->state,
			.to = r->move.to,
			.now_us = event_next_time(&l->store)},
		    e);
	}
	if (rc == 0) {
		rc = store_decision(l, r, e);
	}
	if (rc == 0) {
		rc = add_event(l, r, e);
	}
	l->head_wanted = true;
	return rc;
}

/* A released job that no writer has taken need not be asked for: it is taken
 * back, and the rejection is one of an approved proposal. */
static int
take_back(struct ledger *l, struct recording *r, struct err *e)
{
	int rc;

	if (r->move.event != EVENT_REVOKE ||
	    (rc = revoke_released(l, r->p->proposal_id, e)) == 0) {
		return 0;
	}
	if (rc > 0) {
		r->p->state = STATE_APPROVED;
		r->move.event = EVENT_REJECT;
		rc = state_next(r->p->state, r->move.event, &r->move.to)
			 ? 0
			 : CS_E_STATE;
	}
	return rc;
}

/* All or none. */
static int
record(struct ledger *l, struct recording *r, struct err *e)
{
	int rc = store_request_begin(&l->store, e);

	if (rc == 0) {
		rc = take_back(l, r, e);
		rc = rc == 0 ? record_all(l, r, e) : rc;
		store_request_end(&l->store, rc == 0);
	}
	return rc;
}

/* All that can be said before the statement is there: may this person make
 * this decision now, and what does it do? */
static int
consider(struct ledger *l, const struct person *person,
    const struct msg_decide *m, struct recording *r, struct err *e)
{
	enum decision_action action = (enum decision_action)m->action;
	const char *role = "";
	int rc = check_all(l, m, r->p, &r->cs, e);

	if (rc == 0) {
		rc = approval_may_decide(l, person, &r->cs, &role, e);
	}
	if (rc != 0 || (rc = check_move(l, person, r, action, e)) != 0) {
		return rc;
	}
	/*
	 * The contract in force, not the one that the row names: for an
	 * approval they were just compared, a rejection may be made under
	 * another.
	 */
	r->d = (struct decision){.action = action,
	    .proposal_id = r->cs.proposal_id,
	    .proposal_version = r->cs.proposal_version,
	    .proposal_hash = r->cs.hash,
	    .contract_digest = span_of(l->contract->digest_text),
	    .user = arena_span(l->scratch, span_of(person->user)),
	    .uid = person->uid,
	    .role = span_of(role),
	    .reason = m->reason,
	    .issued_us = event_next_time(&l->store)};
	r->d.expires_us = expiry_of(l, &r->cs, action, r->d.issued_us);
	return 0;
}

static struct span
statement_of(struct ledger *l, const struct decision *d)
{
	struct buf text = BUF_INIT;
	struct span copy;

	decision_build(d, &text);
	copy = arena_span(l->scratch, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

/* Record, and whatever follows from it in the same turn. */
static int
settle(struct ledger *l, struct recording *r, struct proposal *p, struct err *e)
{
	int rc = record(l, r, e);

	if (rc == 0) {
		if (r->move.event == EVENT_REVOKE) {
			(void)revoke_job_of(
			    l, p->proposal_id, "APPROVAL_REVOKED");
		}
		p->state = r->move.to;
		p->updated_us = l->store.last_at_us;
	}
	return rc;
}

int
decide(struct ledger *l, const struct person *person,
    const struct msg_decide *m, struct proposal *out, struct err *e)
{
	struct recording r = {.p = out, .move = {PROPOSAL_EVENTS, STATES}};
	int rc = consider(l, person, m, &r, e);

	if (rc != 0) {
		return rc;
	}
	/* No needs no key: it must be possible for whoever sees the danger. */
	if (m->action != DECISION_REJECT &&
	    approval_needs_signature(l, &r.cs)) {
		return err_set(e, CS_E_DENIED, "SIGNATURE_REQUIRED",
		    "the contract asks for the reviewer's own signature; "
		    "nothing was recorded. Give your key: --key "
		    "~/.ssh/id_ed25519 (or the .pub file of a key that the "
		    "ssh-agent holds)");
	}
	r.statement = statement_of(l, &r.d);
	return settle(l, &r, out, e);
}

int
decide_apply(struct ledger *l, const struct person *person,
    const struct change_set *cs, struct err *e)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, cs->action);
	struct approvals approvals;
	struct proposal p;
	int rc = 0;

	if (cap == NULL || !cap->separate_applier ||
	    (rc = approval_load(l, cs, &approvals, e)) != 0 ||
	    approval_has(&approvals, DECISION_APPLY, span_of(person->user))) {
		return rc;
	}
	return decide(l, person,
	    &(struct msg_decide){.proposal_id = cs->proposal_id,
		.proposal_hash = cs->hash,
		.proposal_version = (uint32_t)cs->proposal_version,
		.action = DECISION_APPLY},
	    &p, e);
}

int
decide_by_policy(struct ledger *l, struct proposal *p,
    const struct change_set *cs, struct span evaluation, struct err *e)
{
	struct recording r = {
	    .p = p, .cs = *cs, .move = {EVENT_APPROVE, STATE_APPROVED}};

	r.d = (struct decision){.action = DECISION_APPROVE,
	    .proposal_id = cs->proposal_id,
	    .proposal_version = cs->proposal_version,
	    .proposal_hash = cs->hash,
	    .contract_digest = span_of(l->contract->digest_text),
	    .user = span_of(arena_printf(
		l->scratch, "%s%.*s", DECISION_POLICY, SPAN_ARGS(cs->action))),
	    .uid = -1,
	    .reason = evaluation,
	    .issued_us = event_next_time(&l->store)};
	r.d.expires_us = expiry_of(l, cs, DECISION_APPROVE, r.d.issued_us);
	r.statement = statement_of(l, &r.d);
	return record_all(l, &r, e);
}

int
decide_prepare(struct ledger *l, const struct person *person,
    const struct msg_decide *m, struct span *statement, struct err *e)
{
	struct proposal p;
	struct recording r = {.p = &p, .move = {PROPOSAL_EVENTS, STATES}};
	int rc = consider(l, person, m, &r, e);

	if (rc == 0) {
		*statement = statement_of(l, &r.d);
	}
	return rc;
}

/* Time may pass between the statement and its signature: a passphrase is
 * typed, a key is touched. Not more than that. */
#define SIGNING_US (INT64_C(300) * 1000000)

/* The statement must be the one that we would write for the time it names:
 * nothing in it is the peer's word. */
static int
check_statement(struct ledger *l, struct recording *r, struct span statement,
    int64_t issued_us, struct err *e)
{
	int64_t now = clock_now_us();

	if (issued_us > now + SIGNING_US || issued_us < now - SIGNING_US) {
		return err_set(e, CS_E_STATE, "STATEMENT_EXPIRED",
		    "the statement is older than five minutes; nothing was "
		    "recorded. Ask for a new one and sign that");
	}
	r->d.expires_us = issued_us + (r->d.expires_us - r->d.issued_us);
	r->d.issued_us = issued_us;
	r->statement = statement_of(l, &r->d);
	return span_equal(r->statement, statement)
		   ? 0
		   : err_set(e, CS_E_INTEGRITY, "STATEMENT_MISMATCH",
			 "what was signed is not this decision by this person; "
			 "nothing was recorded");
}

int
decide_signed(struct ledger *l, const struct person *person,
    const struct msg_signed *m, struct proposal *out,
    enum decision_action *action_out, struct err *e)
{
	struct recording r = {.p = out, .move = {PROPOSAL_EVENTS, STATES}};
	struct decision d = {0};
	int rc = decision_parse(m->statement, l->scratch, &d, e);

	if (rc != 0) {
		return rc;
	}
	*action_out = d.action;
	rc = consider(l, person,
	    &(struct msg_decide){.proposal_id = d.proposal_id,
		.proposal_hash = d.proposal_hash,
		.proposal_version = (uint32_t)d.proposal_version,
		.action = d.action,
		.reason = d.reason},
	    &r, e);
	if (rc == 0) {
		rc = check_statement(l, &r, m->statement, d.issued_us, e);
	}
	if (rc == 0 && l->signers == NULL) {
		rc = err_set(e, CS_E_CONFIG, "NO_ALLOWED_SIGNERS",
		    "the contract names no file of allowed signers; decide "
		    "without --key");
	}
	if (rc == 0 && (rc = signers_refresh(l->signers, e)) == 0) {
		rc = signers_verify(l->signers,
		    &(struct signed_claim){.signature = m->ssh_signature,
			.message = m->statement,
			.person = d.user,
			.role = arena_strndup(l->scratch,
			    r.cs.required_role.ptr, r.cs.required_role.len),
			.at_us = clock_now_us()},
		    e);
	}
	if (rc != 0) {
		return rc;
	}
	r.ssh_signature = m->ssh_signature;
	return settle(l, &r, out, e);
}
