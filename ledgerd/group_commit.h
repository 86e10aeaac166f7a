/*
 * Group commit: everything that is ready in one turn of the loop shares one
 * transaction and one fsync; replies leave after it.
 */
#ifndef CS_LEDGERD_GROUP_COMMIT_H
#define CS_LEDGERD_GROUP_COMMIT_H

#include "ledgerd/ledger.h"

/* Set up the event that ends a turn. */
void group_commit_init(struct ledger *l);

/* Something is held: commit when no more input is ready. */
void group_commit_want(struct ledger *l);

/* Commit now (shutdown, start-up). */
int group_commit_now(struct ledger *l);

#endif
