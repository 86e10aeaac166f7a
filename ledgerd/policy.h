/*
 * Approval without a person, where the contract allows it (approval.automatic):
 * each value by its rule, and each limit together with what was approved like
 * that before. The decision is signed like a person's, in the policy's name; a
 * writer evaluates the rules again.
 */
#ifndef CS_LEDGERD_POLICY_H
#define CS_LEDGERD_POLICY_H

#include "ledgerd/ledger.h"

/*
 * Look at a proposal that was just recorded. It is approved, or it stays where
 * it is: with an event that says why when it fits the rules and only a limit
 * stands against it. *state_out is its state then. Errors only when the ledger
 * cannot record.
 */
int policy_consider(struct ledger *l, struct span proposal_id,
    const char **state_out, struct err *e);

#endif
