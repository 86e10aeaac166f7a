/*
 * Callers by signed tokens (http_claims): the token says for which tenant and
 * principal each of the contract's contexts stands. This server is an OAuth 2.1
 * resource server; it keeps no token longer than the request that brought it.
 */
#ifndef CS_MCPD_AUTH_CLAIMS_H
#define CS_MCPD_AUTH_CLAIMS_H

#include "mcpd/auth/auth.h"

struct claims;
struct err;
struct json_out;
struct verifier;

/* `c` has http_auth; it and the verifier must stay. */
struct claims *claims_new(const struct contract *c, struct verifier *v);
void claims_free(struct claims **claims);

/*
 * Judge an Authorization header (untrusted; NULL: there was none). A good token
 * gives contexts in out->arena, which the caller frees when no request uses
 * them any more; a refusal has a challenge that lives as long as `claims`.
 */
void claims_check(const struct claims *claims, const char *authorization,
    struct auth_verdict *out);

/* The challenge of a call that needs a scope which the token does not have; in
 * the arena (RFC 6750 §3.1). */
const char *claims_scope_challenge(
    const struct claims *claims, const char *scope, struct arena *a);

/*
 * Protected resource metadata (RFC 9728): the document, and the two paths under
 * which clients look for it. Both live as long as `claims`.
 */
struct span claims_metadata(const struct claims *claims);
bool claims_is_metadata_path(const struct claims *claims, struct span path);

#endif
