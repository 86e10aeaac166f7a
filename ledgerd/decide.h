/*
 * Approve and reject: the only way a person's word enters the ledger.
 */
#ifndef CS_LEDGERD_DECIDE_H
#define CS_LEDGERD_DECIDE_H

#include "ledgerd/rules/approval.h"

/*
 * Check and record a decision of the person as one request: hash recomputed
 * from the stored bytes, mode, identity, state, person; then the signed
 * statement, the event, and the guarded move. `m` is untrusted, `person` comes
 * from the socket. *out is the proposal in its new state, in the scratch arena.
 * Errors: PROPOSAL_NOT_FOUND; CS_E_INTEGRITY for bytes, version, state or
 * contract that do not fit; CS_E_STATE when it cannot move; CS_E_DENIED for
 * this person.
 */
int decide(struct ledger *l, const struct person *person,
    const struct msg_decide *m, struct proposal *out, struct err *e);

/* SHADOW_WRITEBACK_DISABLED / READ_ONLY_WRITEBACK_DISABLED for a change set
 * that may never be `operation` ("approved", "applied"); else 0. */
int mode_gate(
    const struct change_set *cs, const char *operation, struct err *e);

#endif
