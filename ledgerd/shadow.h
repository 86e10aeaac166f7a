/*
 * What a person did instead of a shadow proposal: recorded beside it, so that
 * both can be compared. It moves no state and releases nothing.
 */
#ifndef CS_LEDGERD_SHADOW_H
#define CS_LEDGERD_SHADOW_H

#include "ledgerd/rules/approval.h"

#define EVENT_HUMAN_ACTION "shadow_human_action_recorded"

/*
 * Append the event; who may decide may record. `m` is untrusted, `person` comes
 * from the socket. `out` gets {action_id, proposal_id, actor, patch, notes?,
 * created_at}. PROPOSAL_NOT_FOUND, SHADOW_PROPOSAL_REQUIRED,
 * SHADOW_PATCH_INVALID, or the refusals of approval_may_decide.
 */
int shadow_record(struct ledger *l, const struct person *person,
    const struct msg_shadow *m, struct buf *out, struct err *e);

#endif
