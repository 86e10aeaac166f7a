/*
 * Bearer tokens as JSON Web Tokens (RFC 7519, RFC 9068): who is calling, by a
 * signature of the issuer that the contract names. mcpd asks at every request;
 * ledgerd asks again before it records whose proposal it is.
 */
#ifndef CS_COMMON_TOKEN_TOKEN_H
#define CS_COMMON_TOKEN_TOKEN_H

#include "common/token/keys.h"

struct arena;

#define TOKEN_MAX_BYTES 16384U
#define TOKEN_CLAIM_MAX 128U
#define TOKEN_SKEW_S    30

/* A token that was found good. */
struct token {
	struct span text;    /* whole, as it was sent */
	struct span payload; /* decoded claims, JSON that was scanned */
	struct span subject; /* sub, or "" */
	struct span scope;   /* words, separated by blanks, or "" */
	int64_t expires_us;  /* its own time, without the skew */
};

/* Who is believed, by which keys, and when it is now. */
struct token_policy {
	const struct contract_auth *auth;
	const struct token_keys *keys;
	int64_t now_us;
};

/*
 * Check everything about a token (untrusted) but the claims that a context
 * names: size, form, algorithm, signature, issuer, audience, exp and nbf with
 * 30 s of skew. CS_E_DENIED with TOKEN_… in *e otherwise, TOKEN_KEY_UNKNOWN
 * when newer keys might help. Spans of *out live in the arena.
 */
int token_verify(const struct token_policy *policy, struct span text,
    struct arena *a, struct token *out, struct err *e);

/*
 * A claim that must be a string of 1 to 128 bytes; CS_E_DENIED with
 * TOKEN_CLAIM_MISSING otherwise. In the arena.
 */
int token_claim(const struct token *t, const char *name, struct arena *a,
    struct span *out, struct err *e);

#endif
