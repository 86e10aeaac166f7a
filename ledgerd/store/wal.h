/*
 * Care for the write-ahead log between two turns, when nobody waits.
 */
#ifndef CS_LEDGERD_STORE_WAL_H
#define CS_LEDGERD_STORE_WAL_H

#include "ledgerd/store/store.h"

/* Watch how far the log is written; replaces SQLite's automatic checkpoint. */
void wal_watch(struct store *s);

/*
 * Call after a commit's answers have left: makes room ahead of the log's end,
 * and moves the log into the file when it is long. No-op inside a transaction.
 * A failure here loses nothing and is met again by the next commit.
 */
void wal_upkeep(struct store *s);

#endif
