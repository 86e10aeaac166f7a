/*
 * `countersign ledger verify`: walk the whole record and name the first row
 * that does not hold. Sliced over loop turns, so that nobody waits for it.
 */
#ifndef CS_LEDGERD_VERIFY_H
#define CS_LEDGERD_VERIFY_H

#include "ledgerd/conn.h"

/* Start a walk for this request; `anchor` (untrusted, may be empty) is an entry
 * that was kept elsewhere, "NUMBER:sha256:HASH"; the answer is a DOCUMENT:
 * {ok, events, heads, proposals, decisions, first_bad: null | {…}}. */
void verify_start(struct conn *c, uint32_t id, struct span anchor);

/*
 * The same walk over another file, a step at a time: 1 more, 0 everything
 * holds, negative with the first row that does not in *e. The store must stay
 * open.
 */
struct verify_copy;
struct verify_copy *verify_copy_new(
    struct store *copy, const struct sign_key *key);
int verify_copy_step(struct verify_copy *v, struct err *e);
void verify_copy_free(struct verify_copy **v);

/* The whole walk at once, over a file of which nothing but the ledger's public
 * key is known: the document of verify_start in *out, and whether all of it
 * holds. Negative only when it cannot be read, or for an anchor that is none.
 */
int verify_file(struct store *file, const uint8_t key[PUBLIC_KEY_LEN],
    struct span anchor, struct buf *out, bool *holds, struct err *e);

#endif
