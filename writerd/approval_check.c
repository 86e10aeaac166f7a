#include "writerd/approval_check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/rules.h"

/* What was seen among the approvals of one job. */
struct count {
	struct span people[JOB_MAX_DECISIONS];
	bool applies[JOB_MAX_DECISIONS];
	size_t len;
	size_t approvers;
};

static int
refuse(struct err *e, const char *why)
{
	return err_set(e, CS_E_INTEGRITY, "APPROVAL_NOT_VERIFIED", "%s", why);
}

/* Is this person, by our own contract, someone whose approval counts? */
static bool
reviewer_counts(const struct contract *c, const struct decision *d,
    const char *required_role)
{
	if (!c->has_reviewers) {
		return true;
	}
	for (size_t i = 0; i < c->reviewer_count; i++) {
		const struct contract_reviewer *r = &c->reviewers[i];
		if (!span_is(d->user, r->user) ||
		    (r->uid >= 0 && r->uid != d->uid)) {
			continue;
		}
		for (size_t k = 0; k < r->role_count; k++) {
			if (required_role != NULL &&
			    strcmp(r->roles[k], required_role) == 0) {
				return true;
			}
		}
		return required_role == NULL;
	}
	return false;
}

/* The contract's own word instead of a person's: every rule is evaluated again
 * here. That the limits were kept is what the ledger signed for. */
static bool
is_by_policy(const struct checked_job *j, const struct decision *d)
{
	static const char prefix[] = DECISION_POLICY;
	size_t len = sizeof(prefix) - 1;

	return d->user.len > len && memcmp(d->user.ptr, prefix, len) == 0 &&
	       span_is((struct span){d->user.ptr + len, d->user.len - len},
		   j->cap->name);
}

static int
check_policy(const struct checked_job *j, struct err *e)
{
	if (j->cap->signatures || j->cap->approvals_needed > 1 ||
	    j->cap->separate_applier || j->cap->required_role != NULL) {
		return refuse(e, "this capability is approved by people");
	}
	return rules_check_automatic(j->cap, j->cs.patch, j->cs.patch_count, e);
}

/* The ledger's signature, and that the statement is about this and nothing
 * else. */
static int
check_statement(const struct job_authority *authority,
    const struct checked_job *j, const struct job_decision *row,
    struct decision *d, struct arena *a, struct err *e)
{
	const struct change_set *cs = &j->cs;

	if (verify_dsse(authority->ledger_key, DSSE_TYPE_DECISION,
		row->statement, row->signature) != 0 ||
	    decision_parse(row->statement, a, d, e) != 0 ||
	    d->action == DECISION_REJECT ||
	    !span_equal(d->proposal_id, cs->proposal_id) ||
	    !span_equal(d->proposal_hash, cs->hash) ||
	    d->proposal_version != cs->proposal_version ||
	    !span_is(d->contract_digest, authority->contract->digest_text)) {
		return refuse(e,
		    "an approval is not about exactly this proposal under "
		    "this contract");
	}
	if (is_by_policy(j, d)) {
		int rc = check_policy(j, e);
		if (rc != 0) {
			return rc;
		}
	} else if (span_equal(d->user, cs->principal) ||
		   !reviewer_counts(
		       authority->contract, d, j->cap->required_role)) {
		return refuse(e,
		    "an approval is by somebody whose approval does not count");
	}
	if (d->expires_us <= authority->now_us) {
		return err_set(e, CS_E_STATE, "APPROVAL_EXPIRED",
		    "the approval has expired");
	}
	return 0;
}

/* The reviewer's own key. A ledger whose key was stolen can write any statement
 * and sign it; it cannot sign as a reviewer. */
static int
check_key(const struct job_authority *authority, const struct checked_job *j,
    const struct job_decision *row, const struct decision *d, struct err *e)
{
	if (!j->cap->signatures) {
		return 0;
	}
	if (authority->signers == NULL) {
		return err_set(e, CS_E_CONFIG, "NO_ALLOWED_SIGNERS",
		    "this writer has no list of allowed signers");
	}
	return signers_verify(authority->signers,
	    &(struct signed_claim){.signature = row->ssh_signature,
		.message = row->statement,
		.person = d->user,
		.role = j->cap->required_role,
		.at_us = authority->now_us},
	    e);
}

static bool
has(const struct count *c, struct span person, bool applies)
{
	for (size_t i = 0; i < c->len; i++) {
		if (c->applies[i] == applies &&
		    span_equal(c->people[i], person)) {
			return true;
		}
	}
	return false;
}

/* Somebody who has not approved says that it shall be applied. */
static bool
has_separate_applier(const struct count *c)
{
	for (size_t i = 0; i < c->len; i++) {
		if (c->applies[i] && !has(c, c->people[i], false)) {
			return true;
		}
	}
	return false;
}

static int
check_count(const struct checked_job *j, const struct count *c, struct err *e)
{
	if (c->approvers == 0) {
		return err_set(e, CS_E_INTEGRITY, "APPROVAL_MISSING",
		    "there is no approval");
	}
	if ((int64_t)c->approvers < j->cap->approvals_needed) {
		return err_set(e, CS_E_INTEGRITY, "QUORUM_NOT_MET",
		    "%zu different people approved, the contract asks for %lld",
		    c->approvers, (long long)j->cap->approvals_needed);
	}
	if (j->cap->separate_applier && !has_separate_applier(c)) {
		return err_set(e, CS_E_INTEGRITY, "APPLIER_REQUIRED",
		    "nobody but those who approved has applied it");
	}
	return 0;
}

int
approval_check(const struct job_authority *authority,
    const struct checked_job *j, struct arena *a, struct err *e)
{
	struct count c = {.len = 0};

	if (j->job.settle && !authority->is_handler) {
		/* It only looks a receipt up; it writes nothing. */
		return 0;
	}
	for (size_t i = 0; i < j->job.decision_count; i++) {
		const struct job_decision *row = &j->job.decisions[i];
		struct decision d = {0};
		int rc = check_statement(authority, j, row, &d, a, e);

		if (rc != 0 ||
		    (rc = check_key(authority, j, row, &d, e)) != 0) {
			return rc;
		}
		c.people[c.len] = d.user;
		c.applies[c.len] = d.action == DECISION_APPLY;
		if (d.action == DECISION_APPROVE && !has(&c, d.user, false)) {
			c.approvers++;
		}
		c.len++;
	}
	return check_count(j, &c, e);
}
