/*
 * The approvals that a job carries, counted by this process: each signed by the
 * ledger over exactly this proposal and contract, each by another person whom
 * the own contract (and, with signatures, the own file of keys) lets decide, as
 * many as the own contract asks for. Pure, like job_check.
 */
#ifndef CS_WRITERD_APPROVAL_CHECK_H
#define CS_WRITERD_APPROVAL_CHECK_H

#include "writerd/job_check.h"

/*
 * 0, or APPROVAL_NOT_VERIFIED, APPROVAL_EXPIRED, APPROVAL_MISSING,
 * QUORUM_NOT_MET, APPLIER_REQUIRED, or what signers_verify says. A job that
 * only looks something up needs none.
 */
int approval_check(const struct job_authority *authority,
    const struct checked_job *j, struct arena *a, struct err *e);

#endif
