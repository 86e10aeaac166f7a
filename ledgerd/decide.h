/*
 * Approve, reject and apply: the only way a person's word enters the ledger.
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

/*
 * Where the capability wants a separate applier: record that this person
 * applies, unless that is recorded already. Otherwise nothing is done.
 * APPLIER_APPROVED, SIGNATURE_REQUIRED, and as decide.
 */
int decide_apply(struct ledger *l, const struct person *person,
    const struct change_set *cs, struct err *e);

/*
 * The statement that this person would sign for that decision, in the scratch
 * arena, after the same checks. Nothing is recorded.
 */
int decide_prepare(struct ledger *l, const struct person *person,
    const struct msg_decide *m, struct span *statement, struct err *e);

/*
 * Record a decision with the reviewer's own signature. The statement
 * (untrusted) must be, to the byte, the one that decide_prepare writes for the
 * time in it: STATEMENT_EXPIRED, STATEMENT_MISMATCH; the signature one of this
 * person's valid keys: see signers_verify. Then as decide.
 */
int decide_signed(struct ledger *l, const struct person *person,
    const struct msg_signed *m, struct proposal *out,
    enum decision_action *action_out, struct err *e);

/*
 * Record the policy's approval inside the caller's request: `evaluation` is the
 * reason in the signed statement. The rules and limits were checked.
 */
int decide_by_policy(struct ledger *l, struct proposal *p,
    const struct change_set *cs, struct span evaluation, struct err *e);

/* SHADOW_WRITEBACK_DISABLED / READ_ONLY_WRITEBACK_DISABLED for a change set
 * that may never be `operation` ("approved", "applied"); else 0. */
int mode_gate(
    const struct change_set *cs, const char *operation, struct err *e);

#endif
