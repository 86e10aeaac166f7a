/*
 * Who may decide, and which decisions count. A decision in the file counts only
 * when this ledger's key signed it for exactly this proposal under exactly this
 * contract, and it has not expired.
 */
#ifndef CS_LEDGERD_RULES_APPROVAL_H
#define CS_LEDGERD_RULES_APPROVAL_H

#include "ledgerd/ledger.h"
#include "ledgerd/store/proposals.h"
#include "proto/job.h"

/* The person behind a control connection. */
struct person {
	char user[64];
	int64_t uid;
	const struct contract_reviewer *row; /* NULL: not listed */
	bool is_signer;                      /* by the file, at start-up */
	bool is_owner;
};

/* The person behind a uid of the kernel: the reviewer whom start-up found
 * for it, else the store's owner, else "uid-N". Always fills *out. */
void person_of(const struct ledger *l, int64_t uid, struct person *out);

/*
 * May this person decide about this change set? Role (REVIEWER_ROLE_REQUIRED,
 * REVIEWER_NOT_LISTED), the store's owner when the contract lists nobody
 * (REVIEWER_NOT_OWNER), never the proposer (SELF_APPROVAL_REFUSED);
 * CS_E_DENIED. `role_out` is the role that was met, "" when none was asked for,
 * in the scratch arena. The change set must have been checked.
 */
int approval_may_decide(struct ledger *l, const struct person *person,
    const struct change_set *cs, const char **role_out, struct err *e);

/* All that the ledger holds about who decided on a proposal. */
struct approvals {
	struct job_decision rows[JOB_MAX_DECISIONS]; /* those that count */
	struct decision parsed[JOB_MAX_DECISIONS];
	size_t count;
	size_t approvers; /* distinct people among them who approved */
	bool rejected;
	bool expired;        /* one that would have counted */
	bool other_contract; /* the same */
	bool revoked;        /* the same: its key is gone from the file */
};

/*
 * Read and verify them (scratch arena). A row that does not verify is
 * APPROVAL_NOT_VERIFIED: then no other row is worth more. The change set must
 * have been checked.
 */
int approval_load(struct ledger *l, const struct change_set *cs,
    struct approvals *out, struct err *e);

/* Has this person's approval (or application, for DECISION_APPLY) been counted
 * already? */
bool approval_has(
    const struct approvals *a, enum decision_action action, struct span user);

/*
 * Are they enough to apply? A rejection is PROPOSAL_REJECTED; too few distinct
 * people QUORUM_NOT_MET, and when there were enough once APPROVAL_EXPIRED,
 * APPROVAL_REVOKED or CONTRACT_DIGEST_MISMATCH; nobody at all APPROVAL_MISSING;
 * and where somebody else has to apply, APPLIER_REQUIRED until one does.
 */
int approval_suffice(const struct ledger *l, const struct change_set *cs,
    const struct approvals *a, struct err *e);

/* Both, for a job: *out is theirs to carry. */
int approval_collect(struct ledger *l, const struct change_set *cs,
    struct approvals *out, struct err *e);

/* The capability's rule; false for a capability that is not there. */
bool approval_needs_signature(
    const struct ledger *l, const struct change_set *cs);

#endif
