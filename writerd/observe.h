/*
 * What an inspection sees (beyond.md D3): the row of an attempt whose answer
 * was lost, compared with what was reviewed. Nothing is changed.
 */
#ifndef CS_WRITERD_OBSERVE_H
#define CS_WRITERD_OBSERVE_H

#include "proto/messages.h"
#include "writerd/db.h"
#include "writerd/job_check.h"

/*
 * Lock the row, which waits for an attempt that is still at work, compare, and
 * roll back. Fills all of *out but the job's id; texts are literals or in the
 * arena. RECONCILIATION_IDENTITY_NOT_UNIQUE when the key names two rows.
 */
void observe_row(struct db *db, const struct checked_job *job, struct arena *a,
    struct msg_observed *out);

/* It could not be looked at, for this reason. */
void observe_failed(
    const struct err *e, struct arena *a, struct msg_observed *out);

#endif
