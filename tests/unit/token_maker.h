/*
 * What an issuer does, for tests: make keys, publish them, sign tokens.
 */
#ifndef CS_TESTS_UNIT_TOKEN_MAKER_H
#define CS_TESTS_UNIT_TOKEN_MAKER_H

#include "common/contract/contract.h"

struct arena;
struct issuer;

/* New keys of every kind; ids "rsa", "ec", "ed". */
struct issuer *issuer_new(void);
void issuer_free(struct issuer **i);

/* The public keys as a JWK set; `secrets` puts the private members in. */
struct span issuer_jwks(struct issuer *i, bool secrets, struct arena *a);

/* A compact token: `claims` is JSON with ' for ". `header` (the same, NULL for
 * the usual one of this algorithm) goes out as it is. */
struct span issuer_sign(struct issuer *i, enum token_alg alg,
    const char *header, const char *claims, struct arena *a);

#endif
