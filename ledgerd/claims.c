#include "ledgerd/claims.h"

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/token/verifier.h"

static int
verify(struct ledger *l, struct span text, struct token *out, struct err *e)
{
	if (l->verifier == NULL) {
		return err_set(e, CS_E_DENIED, "TRUSTED_CONTEXT_UNSUPPORTED",
		    "the contract has no http_auth");
	}
	return verifier_check(l->verifier, text, l->scratch, out, e);
}

/* The claims that this context names, as the token has them. */
static bool
names(struct ledger *l, const struct token *t,
    const struct contract_context *context, struct span tenant,
    struct span principal)
{
	struct err unused = {0};
	struct span is_tenant = {"", 0};
	struct span is_principal = {"", 0};

	return context->provider == PROVIDER_HTTP_CLAIMS &&
	       token_claim(t, context->tenant_claim, l->scratch, &is_tenant,
		   &unused) == 0 &&
	       token_claim(t, context->principal_claim, l->scratch,
		   &is_principal, &unused) == 0 &&
	       span_equal(is_tenant, tenant) &&
	       span_equal(is_principal, principal);
}

int
claims_check(struct ledger *l, const struct contract_context *context,
    const struct msg_call *m, struct err *e)
{
	struct token t;
	int rc = verify(l, m->token, &t, e);

	if (rc != 0) {
		return rc;
	}
	if (!names(l, &t, context, m->tenant, m->principal)) {
		return err_set(e, CS_E_DENIED, "TRUSTED_CONTEXT_MISMATCH",
		    "the token is not of this tenant and principal");
	}
	return 0;
}

/* The default context first, then the named ones. */
static const struct contract_context *
context_at(const struct contract *c, size_t i)
{
	if (c->trusted_context != NULL && i-- == 0) {
		return c->trusted_context;
	}
	return i < c->context_count ? &c->contexts[i] : NULL;
}

bool
claims_fit(struct ledger *l, struct span token, struct span tenant,
    struct span principal)
{
	const struct contract_context *context = NULL;
	struct token t = {0};
	struct err e = {0};

	if (token.len > 0 && verify(l, token, &t, &e) != 0) {
		log_err(LOG_LEVEL_WARN, "token_refused", &e);
		return false;
	}
	for (size_t i = 0; (context = context_at(l->contract, i)) != NULL;
	     i++) {
		if (token.len > 0 ? names(l, &t, context, tenant, principal)
				  : context->provider != PROVIDER_HTTP_CLAIMS) {
			return true;
		}
	}
	return false;
}
