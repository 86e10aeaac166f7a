/*
 * Who the model acts for. The values are copied once at start, before the
 * environment copy is wiped, and never change afterwards.
 */
#include "mcpd/auth/context.h"

#include "common/base/str.h"
#include "common/base/xalloc.h"

struct resolver {
	char *(*lookup)(void *arg, const char *name);
	void *arg;
};

/* Empty counts as missing: an unset tenant must never become "all". */
static bool
is_usable(const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	/* Longer than a message carries would fail at every call: fail now. */
	return len > 0 && len <= MSG_NAME_MAX && utf8_is_valid(span_of(text));
}

/* A value: the environment first, the literal only where it is allowed. */
static struct span
resolve_value(const struct resolver *r, const char *name, const char *literal)
{
	char *value = r->lookup(r->arg, name);

	if (is_usable(value)) {
		return span_of(value);
	}
	free(value);
	return span_of(is_usable(literal) ? xstrdup(literal) : NULL);
}

/* http_claims and cloud_session need a transport that has them. */
static void
resolve(struct trusted_context *t, const struct contract_context *source,
    const struct resolver *r)
{
	bool is_dev = source->provider == PROVIDER_STATIC_DEV;

	t->source = source;
	t->provenance = is_dev ? PROVENANCE_STATIC_DEV : PROVENANCE_ENVIRONMENT;
	if (!is_dev && source->provider != PROVIDER_ENVIRONMENT) {
		t->refusal = "TRUSTED_CONTEXT_UNSUPPORTED";
		return;
	}
	/* A literal counts in static_dev only: with any other provider a file
	 * that is shared must not decide who somebody is. */
	t->tenant = resolve_value(
	    r, source->tenant_id_env, is_dev ? source->tenant_id : NULL);
	t->principal = resolve_value(
	    r, source->principal_env, is_dev ? source->principal : NULL);
	if (t->tenant.len == 0 || t->principal.len == 0) {
		t->refusal = "TRUSTED_BINDING_MISSING";
	}
}

void
context_resolve(struct context_set *set, const struct contract *c,
    char *(*lookup)(void *arg, const char *name), void *arg)
{
	struct resolver r = {lookup, arg};

	set->count = 0;
	set->items = xcalloc(c->context_count + 1, sizeof(*set->items));
	/* The default context first, then the named ones: capabilities point
	 * at one of these very structs, by which context_of finds it. */
	if (c->trusted_context != NULL) {
		resolve(&set->items[set->count++], c->trusted_context, &r);
	}
	for (size_t i = 0; i < c->context_count; i++) {
		resolve(&set->items[set->count++], &c->contexts[i], &r);
	}
}

/* Allocated in resolve_value; spans only look const. */
static void *
owned(struct span s)
{
	union {
		const char *read;
		void *heap;
	} p = {.read = s.ptr};

	return p.heap;
}

void
context_clear(struct context_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free(owned(set->items[i].tenant));
		free(owned(set->items[i].principal));
	}
	free(set->items);
	*set = (struct context_set){.items = NULL};
}

const struct trusted_context *
context_of(const struct context_set *set, const struct contract_context *source)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].source == source) {
			return &set->items[i];
		}
	}
	return NULL;
}

bool
context_allows(
    const struct context_set *set, const struct contract_capability *cap)
{
	return !set->is_scoped || cap->scope == NULL ||
	       span_has_word(set->scope, cap->scope);
}
