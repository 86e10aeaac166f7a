/*
 * The trusted context: tenant and principal, resolved once at start from the
 * environment copy or the contract, never from anything that a model sends.
 */
#ifndef CS_MCPD_AUTH_CONTEXT_H
#define CS_MCPD_AUTH_CONTEXT_H

#include "common/contract/contract.h"
#include "proto/messages.h"

/* One context of the contract, resolved. Tenant and principal are heap texts
 * of the set, non-empty unless `refusal` is set. */
struct trusted_context {
	const struct contract_context *source;
	const char *refusal; /* NULL, or the reason word of each call */
	struct span tenant;
	struct span principal;
	struct span token; /* what they rest on; empty without one */
	enum provenance provenance;
};

struct context_set {
	struct trusted_context *items;
	size_t count;
	bool is_scoped;    /* a token limits what may be called */
	struct span scope; /* its words, separated by blanks */
};

/*
 * Resolve every context of the contract. `lookup` returns a heap copy of an
 * environment value or NULL. A missing value is no error here: calls under
 * that context are refused with TRUSTED_BINDING_MISSING.
 */
void context_resolve(struct context_set *set, const struct contract *c,
    char *(*lookup)(void *arg, const char *name), void *arg);
/* Free the values; spans that were taken from the set end with it. */
void context_clear(struct context_set *set);

/* May these callers see and call it? */
bool context_allows(
    const struct context_set *set, const struct contract_capability *cap);

/* The context of a capability; never NULL for one of the same contract. */
const struct trusted_context *context_of(
    const struct context_set *set, const struct contract_context *source);

#endif
