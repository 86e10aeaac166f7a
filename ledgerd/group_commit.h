/*
 * Group commit: everything that is ready in one turn of the loop shares one
 * transaction and one fsync; replies leave after it.
 */
#ifndef CS_LEDGERD_GROUP_COMMIT_H
#define CS_LEDGERD_GROUP_COMMIT_H

#include "ledgerd/ledger.h"

/* Set up the event that ends a turn. */
void group_commit_init(struct ledger *l);

/* Something is held or written: commit when no more input is ready. Any
 * number of calls in a turn are one. */
void group_commit_want(struct ledger *l);

/*
 * Commit now (end of a turn, shutdown, start-up), then let every held reply go:
 * as it is, or as LEDGER_UNAVAILABLE when the commit failed. Connections may be
 * closed by it.
 */
int group_commit_now(struct ledger *l);

#endif
