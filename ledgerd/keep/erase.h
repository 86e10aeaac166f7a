/*
 * Erasing what the ledger holds about one object of one tenant, without
 * breaking the chain: a body enters the chain through a salted digest, so it
 * can go, with its salt, and the digest says nothing any more. Which bodies
 * went, when, by whom and why is an event of its own; verification accepts no
 * other gap. Numbers, times, kinds and ids stay: they are the chain.
 */
#ifndef CS_LEDGERD_KEEP_ERASE_H
#define CS_LEDGERD_KEEP_ERASE_H

#include "ledgerd/rules/approval.h"

struct conn;

/* In the place of a body that was erased. */
#define ERASED_BODY "{\"erased\":true}"
/* The proposal id of the events that say what was erased; no proposal has it.
 */
#define ERASURES_ID "erasures"

/*
 * Begin, for the store's owner (see slices.h). The answer is {"tenant",
 * "object_id", "dry_run", "events", "proposals"}. ERASE_INCOMPLETE without
 * tenant, object or reason; ERASE_NOT_OVER while a proposal about the object
 * still waits for somebody: nothing was erased then.
 */
void erase_start(struct conn *c, uint32_t id, const struct person *person,
    const struct msg_erase *m);

/* Does an event say that the body of this one was erased? */
bool erase_covers(struct store *s, int64_t event_id);

#endif
