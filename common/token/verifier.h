/*
 * The tokens of one issuer, checked by the keys of now. A token that comes
 * again soon is not verified again, only its time is.
 */
#ifndef CS_COMMON_TOKEN_VERIFIER_H
#define CS_COMMON_TOKEN_VERIFIER_H

#include "common/token/token.h"

struct verifier;

/*
 * Read the keys. `auth` must stay. A file that is not there yet is no error
 * where a jwks_url is going to fill it: every token is refused until then. The
 * caller frees *out; NULL on failure.
 */
int verifier_new(
    const struct contract_auth *auth, struct verifier **out, struct err *e);
void verifier_free(struct verifier **v);

/*
 * token_verify with the keys of now, which are read again when their file has
 * changed (looked at once a second at most, and sooner for a token that does
 * not fit; an unsound file is logged and the old keys stay). CS_E_UNAVAILABLE
 * with TOKEN_KEYS_MISSING when there are none. Spans of *out are in the arena,
 * but for its text, which is the caller's.
 */
int verifier_check(struct verifier *v, struct span token, struct arena *a,
    struct token *out, struct err *e);

/* The key file's path, whose folder a sandbox has to let through. */
const char *verifier_path(const struct contract_auth *auth);

#endif
