/*
 * `countersign ledger verify`: walk the whole record and name the first row
 * that does not hold. Sliced over loop turns, so that nobody waits for it.
 */
#ifndef CS_LEDGERD_VERIFY_H
#define CS_LEDGERD_VERIFY_H

#include "ledgerd/conn.h"

/* Start a walk for this request; the answer is a DOCUMENT:
 * {ok, events, heads, proposals, decisions, first_bad: null | {…}}. */
void verify_start(struct conn *c, uint32_t id);

#endif
