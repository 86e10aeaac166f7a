/*
 * Taking back what was handed out: a writer that works on a job is told to stop
 * (STOP). It looks for that before COMMIT and rolls back; what it reports says
 * which of the two was first.
 */
#ifndef CS_LEDGERD_REVOKE_H
#define CS_LEDGERD_REVOKE_H

#include "common/base/json_out.h"
#include "ledgerd/conn.h"
#include "ledgerd/store/proposals.h"

/* Tell whoever has this proposal's job; true when somebody has it. */
bool revoke_job_of(
    struct ledger *l, struct span proposal_id, const char *reason);

/* Take a job of this proposal back that no writer has taken yet, within the
 * caller's request: 1, or 0 when there is none. */
int revoke_released(struct ledger *l, struct span proposal_id, struct err *e);

/* The writer reported a failure: if the proposal was rejected meanwhile, that
 * is what it becomes now. */
int revoke_finish(struct ledger *l, const struct proposal *p, struct err *e);

/* Tell everybody whose job a freeze covers, and put those proposals into the
 * open array. */
void revoke_frozen(struct ledger *l, struct json_out *j);

#endif
