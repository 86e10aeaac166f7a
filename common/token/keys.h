/*
 * Public keys of tokens, from a JWK set (RFC 7517) or a PEM file, and what they
 * say of a signature (RFC 7515). RSA and P-256 are libcjose's work; Ed25519,
 * which it does not have, is libsodium's.
 */
#ifndef CS_COMMON_TOKEN_KEYS_H
#define CS_COMMON_TOKEN_KEYS_H

#include "common/base/span.h"
#include "common/contract/contract.h"

struct err;
struct token_keys;

#define TOKEN_KEYS_MAX       128U
#define TOKEN_KEYS_MAX_BYTES (256U << 10)

/*
 * Read a JWK set. Keys of other types or for other uses are stepped over; a
 * symmetric or private key refuses the whole set, because somebody has
 * published a secret: CS_E_INVALID with KEYS_INVALID. The caller frees *out.
 */
int token_keys_parse_jwks(
    struct span text, struct token_keys **out, struct err *e);

/* One public key in PEM; a private one is refused. */
int token_keys_parse_pem(
    struct span text, struct token_keys **out, struct err *e);

void token_keys_free(struct token_keys **keys);

size_t token_keys_count(const struct token_keys *keys);

/* A compact token, taken apart; spans borrow from it. */
struct token_parts {
	struct span compact;
	struct span header; /* still base64url */
	struct span payload;
	struct span signature;
};

/*
 * Does a key of this set verify the token (untrusted)? `kid` is empty when the
 * header names none; then every key of the algorithm is tried. CS_E_NOT_FOUND:
 * no key has that id and algorithm. CS_E_DENIED: none verifies it.
 */
int token_keys_verify(const struct token_keys *keys, enum token_alg alg,
    struct span kid, const struct token_parts *token);

#endif
