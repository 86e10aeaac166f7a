/*
 * Tombstones: where a run of old events was pruned. Each is signed and names
 * the chain's hash before the run and at its end, so the chain goes on across
 * the gap, and nobody without the key can make one.
 */
#ifndef CS_LEDGERD_STORE_TOMBSTONES_H
#define CS_LEDGERD_STORE_TOMBSTONES_H

#include "common/crypto/sign.h"
#include "ledgerd/store/store.h"

struct arena;

/* A run of events that is to go, or is gone. */
struct tombstone {
	int64_t first;
	int64_t last;
	uint8_t before[32]; /* hash of event first - 1, zeros for 0 */
	uint8_t after[32];  /* hash of event last */
	/* For the statement that is written: texts, borrowed. */
	const char *cutoff;
	const char *by;
};

/*
 * Read on the read-only connection: inside a walk, whose statement keeps one
 * moment of the file in view, whatever is pruned meanwhile.
 * From *last_id and its hash across the tombstone that follows, if its
 * signature, its numbers and its hash fit: both move to the end of the run.
 * EVENT_MISSING (CS_E_INTEGRITY) when there is none, TOMBSTONE_INVALID when it
 * does not fit.
 */
int tombstone_cross(struct store *s, const uint8_t key[32], int64_t *last_id,
    uint8_t last_hash[32], struct arena *a, struct err *e);

/* The tombstone that ends at `last`, as the file has it (unverified): true when
 * there is one. */
bool tombstone_ending(
    struct store *s, int64_t last, struct arena *a, struct tombstone *out);

/*
 * Delete the run and its heads and bury it, in the turn's transaction, together
 * with the tombstone before it if they touch.
 */
int tombstone_bury(struct store *s, const struct sign_key *key,
    const struct tombstone *t, struct arena *a, struct err *e);

#endif
