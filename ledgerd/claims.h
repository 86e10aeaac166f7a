/*
 * Tenant and principal that rest on a bearer token: verified here again, so
 * that a hijacked mcpd cannot act for somebody whose token it does not have.
 */
#ifndef CS_LEDGERD_CLAIMS_H
#define CS_LEDGERD_CLAIMS_H

#include "ledgerd/ledger.h"

/*
 * Of a call under a context of http_claims: the token (untrusted) must be good,
 * and its claims must be this tenant and principal. CS_E_DENIED with TOKEN_… or
 * TRUSTED_CONTEXT_MISMATCH otherwise.
 */
int claims_check(struct ledger *l, const struct contract_context *context,
    const struct msg_call *m, struct err *e);

/*
 * Of a look-up, which has no capability: with a token the claims of one of the
 * contract's contexts must fit; without one there must be a context that needs
 * none. False is told like a record that does not exist.
 */
bool claims_fit(struct ledger *l, struct span token, struct span tenant,
    struct span principal);

#endif
