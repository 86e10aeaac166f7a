/*
 * Care for the ledger file, for its owner: counting, compacting, pruning,
 * online backups. What takes long is done in slices.
 */
#ifndef CS_LEDGERD_KEEP_KEEP_H
#define CS_LEDGERD_KEEP_KEEP_H

#include "ledgerd/rules/approval.h"
#include "ledgerd/slices.h"

/* Do what the message asks for this person, or refuse: KEEP_NOT_OWNER,
 * STORE_BUSY. Answers the request in any case. */
void keep_start(struct conn *c, uint32_t id, const struct msg_keep *m);

/* Count every kind of row: {path, proposals, evidence_bundles, …}. */
void stats_start(struct conn *c, uint32_t id);

/* Pieces shared by the files of this folder. */

/* Remove what is older than the message says and not needed any more. */
void prune_start(struct conn *c, uint32_t id, const struct person *person,
    const struct msg_keep *m);

/* Copy the ledger beside itself, verify the copy, hash it. */
void backup_start(struct conn *c, uint32_t id, const struct person *person);

/*
 * End the turn that is open, with its answers: what was written is on disk, or
 * everybody who waits is told that it is not, and CS_E_UNAVAILABLE. May close
 * connections, the asker's as well.
 */
int keep_end_turn(struct ledger *l, struct err *e);

/* Compact the file; refused when others are at work, unless `forced`. */
void vacuum_start(struct conn *c, uint32_t id, bool forced);

/* The path of the ledger file. */
const char *keep_path(const struct ledger *l);

/* ERASE, by the same people: see erase.h. */
void keep_erase(struct conn *c, uint32_t id, const struct msg_erase *m);

#endif
