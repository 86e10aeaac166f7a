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

/* The path of the ledger file. */
const char *keep_path(const struct ledger *l);

#endif
