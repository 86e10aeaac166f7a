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
int approval_may_decide(const struct ledger *l, const struct person *person,
    const struct change_set *cs, const char **role_out, struct err *e);

/*
 * The valid approvals of a proposal, into out[JOB_MAX_DECISIONS] (scratch
 * arena). Any row that does not verify is APPROVAL_NOT_VERIFIED; a rejection
 * is PROPOSAL_REJECTED; none is APPROVAL_MISSING; all of them past their time
 * APPROVAL_EXPIRED; another contract CONTRACT_DIGEST_MISMATCH.
 */
int approval_collect(struct ledger *l, const struct change_set *cs,
    struct job_decision *out, size_t *count_out, struct err *e);

#endif
