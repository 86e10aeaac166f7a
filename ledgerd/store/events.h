/*
 * The record: append-only events in one hash chain, from the first row.
 */
#ifndef CS_LEDGERD_STORE_EVENTS_H
#define CS_LEDGERD_STORE_EVENTS_H

#include "common/crypto/sign.h"
#include "ledgerd/store/store.h"

#define EVENT_SALT_LEN 16

/* One event; spans are borrowed. Empty proposal_id or evidence_id: NULL. */
struct event_row {
	int64_t event_id; /* set by event_append */
	int64_t at_us;    /* set by event_append: later than the one before */
	const char *kind;
	struct span actor;
	struct span tenant;
	struct span capability;
	struct span object_id;
	struct span proposal_id;
	struct span evidence_id;
	struct span body; /* JSON */
};

/* The time that the next event gets: now, but never before its predecessor. */
int64_t event_next_time(const struct store *s);

/* Append inside the turn's transaction. */
int event_append(struct store *s, struct event_row *row, struct err *e);

/*
 * hash = SHA-256(previous ‖ each column with its length). `event_id` and
 * `at_us` enter as decimal text. Pure; verification uses the same function.
 */
void event_hash(const uint8_t previous[32], const struct event_row *row,
    const uint8_t body_digest[32], uint8_t out[32]);
void event_body_digest(struct span salt, struct span body, uint8_t out[32]);

/* Sign the current end of the chain (DSSE_TYPE_HEAD) and store it. */
int event_sign_head(struct store *s, const struct sign_key *key, struct err *e);

#endif
