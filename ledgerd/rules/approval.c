#include "ledgerd/rules/approval.h"

#include "common/base/clock.h"

/* An account of this machine that has a key in the file. */
static const struct signer_account *
signer_of(const struct ledger *l, int64_t uid)
{
	for (size_t i = 0; i < l->signer_account_count; i++) {
		if (l->signer_accounts[i].uid == uid) {
			return &l->signer_accounts[i];
		}
	}
	return NULL;
}

void
person_of(const struct ledger *l, int64_t uid, struct person *out)
{
	*out = (struct person){.uid = uid,
	    .is_signer = signer_of(l, uid) != NULL,
	    .is_owner = uid == l->owner_uid};
	for (size_t i = 0; i < l->reviewer_count; i++) {
		if (l->reviewers[i].uid == uid) {
			out->row = l->reviewers[i].row;
		}
	}
	if (out->row != NULL) {
		(void)snprintf(
		    out->user, sizeof(out->user), "%s", out->row->user);
	} else if (out->is_signer) {
		(void)snprintf(out->user, sizeof(out->user), "%s",
		    signer_of(l, uid)->user);
	} else if (out->is_owner) {
		(void)snprintf(out->user, sizeof(out->user), "%s", l->owner);
	} else {
		(void)snprintf(
		    out->user, sizeof(out->user), "uid-%lld", (long long)uid);
	}
}

static bool
has_role(const struct contract_reviewer *row, struct span role)
{
	for (size_t i = 0; i < row->role_count; i++) {
		if (span_is(role, row->roles[i])) {
			return true;
		}
	}
	return false;
}

/* A contract that lists reviewers means them only: owning the store is no
 * right then. */
static int
check_listed(const struct person *person, struct span role, struct err *e)
{
	if (person->row == NULL) {
		return err_set(e, CS_E_DENIED, "REVIEWER_NOT_LISTED",
		    "%s (uid %lld) is not in the contract's reviewers",
		    person->user, (long long)person->uid);
	}
	if (role.len > 0 && !has_role(person->row, role)) {
		return err_set(e, CS_E_DENIED, "REVIEWER_ROLE_REQUIRED",
		    "%s does not have the role %.*s that this capability asks "
		    "for",
		    person->user, SPAN_ARGS(role));
	}
	return 0;
}

bool
approval_needs_signature(const struct ledger *l, const struct change_set *cs)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, cs->action);

	return cap != NULL && cap->signatures;
}

/* With keys, the file of allowed signers says who is a reviewer, and of what;
 * a contract that lists reviewers narrows it. */
static int
check_signer(struct ledger *l, const struct person *person,
    const struct change_set *cs, struct err *e)
{
	int64_t now = clock_now_us();
	int rc = l->signers == NULL ? 0 : signers_refresh(l->signers, e);

	if (rc != 0) {
		return rc;
	}
	if (l->signers == NULL ||
	    !signers_has_role(
		l->signers, span_of(person->user), (struct span){"", 0}, now)) {
		return err_set(e, CS_E_DENIED, "REVIEWER_NOT_LISTED",
		    "%s (uid %lld) has no key among the allowed signers",
		    person->user, (long long)person->uid);
	}
	if (!signers_has_role(
		l->signers, span_of(person->user), cs->required_role, now)) {
		return err_set(e, CS_E_DENIED, "REVIEWER_ROLE_REQUIRED",
		    "no key of %s has the role %.*s that this capability asks "
		    "for",
		    person->user, SPAN_ARGS(cs->required_role));
	}
	return 0;
}

int
approval_may_decide(struct ledger *l, const struct person *person,
    const struct change_set *cs, const char **role_out, struct err *e)
{
	bool signs = approval_needs_signature(l, cs);
	int rc = 0;

	*role_out = "";
	if (signs) {
		rc = check_signer(l, person, cs, e);
	}
	if (rc == 0 && l->contract->has_reviewers) {
		rc = check_listed(person, cs->required_role, e);
	} else if (rc == 0 && !signs && !person->is_owner) {
		rc = err_set(e, CS_E_DENIED, "REVIEWER_NOT_OWNER",
		    "the contract lists no reviewers, so only the ledger's "
		    "owner %s may decide, not %s (uid %lld)",
		    l->owner, person->user, (long long)person->uid);
	}
	if (rc == 0 && (signs || l->contract->has_reviewers) &&
	    cs->required_role.len > 0) {
		*role_out = arena_strndup(
		    l->scratch, cs->required_role.ptr, cs->required_role.len);
	}
	/* Last, for listed people and for the owner alike: four eyes are the
	 * point. */
	if (rc == 0 && span_is(cs->principal, person->user)) {
		rc = err_set(e, CS_E_DENIED, "SELF_APPROVAL_REFUSED",
		    "%s proposed this change and may not decide about it",
		    person->user);
	}
	return rc;
}

/* Does this signed statement speak about exactly this proposal? */
static int
check_decision(const struct ledger *l, const struct change_set *cs,
    const struct job_decision *row, struct decision *out, struct err *e)
{
	if (verify_dsse(sign_key_public(l->key), DSSE_TYPE_DECISION,
		row->statement, row->signature) != 0 ||
	    decision_parse(row->statement, l->scratch, out, e) != 0 ||
	    !span_equal(out->proposal_id, cs->proposal_id) ||
	    !span_equal(out->proposal_hash, cs->hash) ||
	    out->proposal_version != cs->proposal_version) {
		return err_set(e, CS_E_INTEGRITY, "APPROVAL_NOT_VERIFIED",
		    "a recorded decision was not made by this ledger for this "
		    "proposal: the file was edited");
	}
	return 0;
}

/* The reviewer's own signature, where it is asked for. A key that was taken out
 * of the file counts no more; a signature that is wrong was tampered with. */
static int
check_key(struct ledger *l, const struct change_set *cs,
    const struct job_decision *row, const struct decision *d, bool *revoked,
    struct err *e)
{
	struct err why = {0};
	int rc;

	*revoked = false;
	if (!approval_needs_signature(l, cs)) {
		return 0;
	}
	rc = signers_verify(l->signers,
	    &(struct signed_claim){.signature = row->ssh_signature,
		.message = row->statement,
		.person = d->user,
		.role = arena_strndup(
		    l->scratch, cs->required_role.ptr, cs->required_role.len),
		.at_us = clock_now_us()},
	    &why);
	if (rc != 0 && strcmp(err_reason(&why), "SIGNATURE_INVALID") == 0) {
		return err_set(e, CS_E_INTEGRITY, "APPROVAL_NOT_VERIFIED",
		    "a recorded approval has no valid signature of its "
		    "reviewer: the file was edited");
	}
	*revoked = rc != 0;
	return 0;
}

bool
approval_has(
    const struct approvals *a, enum decision_action action, struct span user)
{
	for (size_t i = 0; i < a->count; i++) {
		if (a->parsed[i].action == action &&
		    span_equal(a->parsed[i].user, user)) {
			return true;
		}
	}
	return false;
}

/* One row. A person counts once, however often they said it. */
static int
count_row(struct ledger *l, const struct change_set *cs,
    const struct job_decision *row, struct approvals *out, struct err *e)
{
	struct decision d = {0};
	bool revoked = false;
	int rc = check_decision(l, cs, row, &d, e);

	if (rc == 0 && d.action != DECISION_REJECT) {
		rc = check_key(l, cs, row, &d, &revoked, e);
	}
	if (rc != 0) {
		return rc;
	}
	if (d.action == DECISION_REJECT) {
		out->rejected = true;
	} else if (!span_is(d.contract_digest, l->contract->digest_text)) {
		out->other_contract = true;
	} else if (d.expires_us <= clock_now_us()) {
		out->expired = true;
	} else if (revoked) {
		out->revoked = true;
	} else if (out->count < JOB_MAX_DECISIONS &&
		   !approval_has(out, d.action, d.user)) {
		out->parsed[out->count] = d;
		out->rows[out->count++] = *row;
		out->approvers += d.action == DECISION_APPROVE;
	}
	return 0;
}

int
approval_suffice(const struct ledger *l, const struct change_set *cs,
    const struct approvals *a, struct err *e)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, cs->action);
	size_t needed = cap == NULL ? 1 : (size_t)cap->approvals_needed;

	/* One rejection outweighs every approval. Otherwise the reason that a
	 * person can do something about comes first. */
	if (a->rejected) {
		return err_set(e, CS_E_STATE, "PROPOSAL_REJECTED",
		    "the proposal was rejected");
	}
	if (a->approvers >= needed) {
		return cap != NULL && cap->separate_applier &&
			       a->count == a->approvers
			   ? err_set(e, CS_E_STATE, "APPLIER_REQUIRED",
				 "somebody who has not approved it has to "
				 "apply it. Source database changed: no")
			   : 0;
	}
	if (a->other_contract) {
		return err_set(e, CS_E_INTEGRITY, "CONTRACT_DIGEST_MISMATCH",
		    "it was approved under another contract; have it proposed "
		    "and approved again");
	}
	if (a->revoked) {
		return err_set(e, CS_E_STATE, "APPROVAL_REVOKED",
		    "the key of an approval is no longer allowed, and %zu of "
		    "%zu approvals are left; have it proposed and approved "
		    "again",
		    a->approvers, needed);
	}
	if (a->expired) {
		return err_set(e, CS_E_STATE, "APPROVAL_EXPIRED",
		    "the approval has expired; reject it and have the change "
		    "proposed again");
	}
	if (a->approvers > 0) {
		return err_set(e, CS_E_STATE, "QUORUM_NOT_MET",
		    "%zu of %zu approvals are there", a->approvers, needed);
	}
	return err_set(e, CS_E_INTEGRITY, "APPROVAL_MISSING",
	    "there is no recorded approval");
}

int
approval_load(struct ledger *l, const struct change_set *cs,
    struct approvals *out, struct err *e)
{
	struct store *s = &l->store;
	int bad = 0;
	int rc;

	*out = (struct approvals){0};
	if (approval_needs_signature(l, cs) &&
	    (rc = signers_refresh(l->signers, e)) != 0) {
		return rc;
	}
	rc = stmt_run(s, STMT_DECISIONS_OF, e, "t", cs->proposal_id);
	for (; rc == SQLITE_ROW && bad == 0;
	     rc = stmt_next(s, STMT_DECISIONS_OF, e)) {
		sqlite3_stmt *st = s->stmts[STMT_DECISIONS_OF];
		struct job_decision row = {
		    .statement = arena_span(l->scratch, stmt_span(st, 1)),
		    .ssh_signature = arena_span(l->scratch, stmt_span(st, 3))};
		struct span signature = stmt_span(st, 2);

		/* Any other length leaves zeros, which do not verify. */
		if (signature.len == SIGNATURE_LEN) {
			memcpy(row.signature, signature.ptr, SIGNATURE_LEN);
		}
		bad = count_row(l, cs, &row, out, e);
	}
	stmt_done(s, STMT_DECISIONS_OF);
	if (bad != 0) {
		return bad;
	}
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : CS_E_UNAVAILABLE;
}

int
approval_collect(struct ledger *l, const struct change_set *cs,
    struct approvals *out, struct err *e)
{
	int rc = approval_load(l, cs, out, e);

	return rc != 0 ? rc : approval_suffice(l, cs, out, e);
}
