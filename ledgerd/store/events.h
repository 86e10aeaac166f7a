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

/*
 * The id of the evidence that an event holds: "ev_", ten hexadecimal digits of
 * the event's number, then the first ten of 0.1.1's hash (`hash_id`, see
 * evidence_id_of). It looks like 0.1.1's and finds its row without an index.
 */
void evidence_id_at(int64_t event_id, const char *hash_id, char out[32]);

/* The event that an evidence id names; 0 when it is not such an id. The row's
 * own evidence_id must still be compared. */
int64_t evidence_event_of(struct span id);

/* The time that the next event gets: now, but never before its predecessor. */
int64_t event_next_time(const struct store *s);

/*
 * Append inside the turn's transaction, which is begun if need be. Sets
 * event_id and at_us. The store's idea of the chain's end moves on at once; a
 * rollback finds it again in the file.
 */
int event_append(struct store *s, struct event_row *row, struct err *e);

/*
 * hash = SHA-256(previous ‖ each column with its length). `event_id` and
 * `at_us` enter as decimal text. Pure; verification uses the same function.
 */
void event_hash(const uint8_t previous[32], const struct event_row *row,
    const uint8_t body_digest[32], uint8_t out[32]);
/* SHA-256 over salt and body, each with its length. The salt keeps an erased
 * body from being guessed from its digest. */
void event_body_digest(struct span salt, struct span body, uint8_t out[32]);

/*
 * Sign the current end of the chain (DSSE_TYPE_HEAD) and store it, in the
 * turn's transaction. Whoever cuts events off behind it, or writes the chain
 * again, needs the key.
 */
int event_sign_head(struct store *s, const struct sign_key *key, struct err *e);

#endif
