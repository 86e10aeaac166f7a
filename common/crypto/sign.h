/*
 * Signing: a library of its own (cs_sign), linked by ledgerd, writerd
 * (receipts) and countersign only; tests/linkage proves that mcpd has none of
 * it.
 */
#ifndef CS_COMMON_CRYPTO_SIGN_H
#define CS_COMMON_CRYPTO_SIGN_H

#include "common/crypto/verify.h"

struct err;
struct sign_key;

/*
 * Open the key file (0600, ours), or make it with a new key when it does not
 * exist, together with `<path>.pub` (0644, hex). Caller frees. CS_E_DENIED for
 * a file that others could read or write, CS_E_INTEGRITY for one that is no
 * key: never replaced, for with it all its signatures would be lost.
 */
int sign_key_open_or_create(
    const char *path, struct sign_key **out, struct err *e);

/* A key from its 32-byte seed. */
struct sign_key *sign_key_from_seed(const uint8_t seed[32]);

/* A fresh random key. */
struct sign_key *sign_key_random(void);
void sign_key_free(struct sign_key **k);

/* PUBLIC_KEY_LEN bytes, valid as long as the key. */
const uint8_t *sign_key_public(const struct sign_key *k);
/* Sign `body` as a document of `type` (DSSE_TYPE_*). Cannot fail. */
void sign_dsse(const struct sign_key *k, const char *type, struct span body,
    uint8_t signature_out[SIGNATURE_LEN]);

#endif
