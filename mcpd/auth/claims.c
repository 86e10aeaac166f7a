#include "mcpd/auth/claims.h"

#include <strings.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/token/verifier.h"

#define SCHEME     "Bearer "
#define WELL_KNOWN "/.well-known/oauth-protected-resource"

struct claims {
	const struct contract *contract;
	struct verifier *verifier;
	struct arena *arena; /* the texts below */
	const char *path;    /* of the resource: "/mcp" */
	const char *challenge;
	const char *challenge_token; /* a token came, but not a good one */
	struct span metadata;
};

/* Where the authority of an http URL ends: its path, or nothing. */
static const char *
path_of(const char *url)
{
	const char *slash = strchr(strstr(url, "//") + 2, '/');

	return slash != NULL ? slash : "";
}

/* Every scope of the contract once, in its order. */
static void
each_scope(const struct contract *c, void (*put)(void *arg, const char *scope),
    void *arg)
{
	for (size_t i = 0; i < c->capability_count; i++) {
		const char *scope = c->capabilities[i].scope;
		bool is_new = scope != NULL;

		for (size_t k = 0; is_new && k < i; k++) {
			is_new = c->capabilities[k].scope == NULL ||
				 strcmp(c->capabilities[k].scope, scope) != 0;
		}
		if (is_new) {
			put(arg, scope);
		}
	}
}

static void
put_scope(void *arg, const char *scope)
{
	json_put_text(arg, scope);
}

static void
append_scope(void *arg, const char *scope)
{
	struct buf *list = arg;

	buf_printf(list, "%s%s", list->len > 0 ? " " : "", scope);
}

static void
build_metadata(struct claims *claims)
{
	const struct contract_auth *auth = claims->contract->auth;
	struct buf text = BUF_INIT;
	struct json_out j;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_text(&j, "resource", auth->audience);
	json_key(&j, "authorization_servers");
	json_open(&j, '[');
	for (size_t i = 0; i < auth->server_count; i++) {
		json_put_text(&j, auth->servers[i]);
	}
	json_close(&j, ']');
	json_key(&j, "scopes_supported");
	json_open(&j, '[');
	each_scope(claims->contract, put_scope, &j);
	json_close(&j, ']');
	json_field_raw(&j, "bearer_methods_supported", span_of("[\"header\"]"));
	json_close(&j, '}');
	claims->metadata = arena_span(claims->arena, buf_as_span(&text));
	buf_clear(&text);
}

/* `more` in front of the pointer to the metadata. */
static const char *
challenge(const struct claims *claims, const char *more, const char *scope,
    struct arena *a)
{
	const char *resource = claims->contract->auth->audience;

	return arena_printf(a,
	    "Bearer %sresource_metadata=\"%.*s" WELL_KNOWN "%s\"%s%s%s", more,
	    (int)(path_of(resource) - resource), resource, claims->path,
	    scope[0] != '\0' ? ", scope=\"" : "", scope,
	    scope[0] != '\0' ? "\"" : "");
}

struct claims *
claims_new(const struct contract *c, struct verifier *v)
{
	struct claims *claims = xcalloc(1, sizeof(*claims));
	struct buf scopes = BUF_INIT;

	claims->contract = c;
	claims->verifier = v;
	claims->arena = arena_new();
	claims->path = path_of(c->auth->audience);
	each_scope(c, append_scope, &scopes);
	claims->challenge =
	    challenge(claims, "", buf_text(&scopes), claims->arena);
	claims->challenge_token = challenge(claims, "error=\"invalid_token\", ",
	    buf_text(&scopes), claims->arena);
	buf_clear(&scopes);
	build_metadata(claims);
	return claims;
}

void
claims_free(struct claims **claims)
{
	if (*claims != NULL) {
		arena_free(&(*claims)->arena);
		free(*claims);
	}
	*claims = NULL;
}

/* One context by the token. One that the environment fills has no place in a
 * server of tokens: its callers would all be the same person. */
static void
fill(struct trusted_context *out, const struct contract_context *source,
    const struct token *t, struct arena *a)
{
	struct err e = {0};

	*out = (struct trusted_context){.source = source,
	    .token = t->text,
	    .provenance = PROVENANCE_TRUSTED_SESSION};
	if (source->provider != PROVIDER_HTTP_CLAIMS) {
		out->refusal = "TRUSTED_CONTEXT_PROVIDER_CONFLICT";
	} else if (token_claim(t, source->tenant_claim, a, &out->tenant, &e) !=
		       0 ||
		   token_claim(t, source->principal_claim, a, &out->principal,
		       &e) != 0) {
		out->refusal = "TRUSTED_BINDING_MISSING";
	}
}

static struct context_set *
contexts_of(const struct contract *c, const struct token *t, struct arena *a)
{
	struct context_set *set = arena_alloc(a, sizeof(*set));

	*set = (struct context_set){
	    .items = arena_array(a, c->context_count + 1, sizeof(*set->items)),
	    .is_scoped = true,
	    .scope = t->scope};
	if (c->trusted_context != NULL) {
		fill(&set->items[set->count++], c->trusted_context, t, a);
	}
	for (size_t i = 0; i < c->context_count; i++) {
		fill(&set->items[set->count++], &c->contexts[i], t, a);
	}
	return set;
}

/* Bound to the person, not to the token, which changes every few minutes. */
static void
identify(const struct contract_auth *auth, const struct token *t,
    const struct context_set *set, uint8_t out[DIGEST_LEN])
{
	struct buf text = BUF_INIT;

	buf_append(&text, auth->issuer, strlen(auth->issuer) + 1);
	buf_span(&text, t->subject);
	for (size_t i = 0; i < set->count; i++) {
		buf_putc(&text, '\0');
		buf_span(&text, set->items[i].tenant);
		buf_putc(&text, '\0');
		buf_span(&text, set->items[i].principal);
	}
	digest_bytes(buf_as_span(&text), out);
	buf_clear(&text);
}

static void
refuse(struct auth_verdict *out, int status, const char *challenge_text)
{
	arena_free(&out->arena);
	out->status = status;
	out->challenge = challenge_text;
}

void
claims_check(const struct claims *claims, const char *authorization,
    struct auth_verdict *out)
{
	const size_t scheme = sizeof(SCHEME) - 1;
	struct token t;
	struct err e = {0};
	struct span text;
	int rc;

	*out = (struct auth_verdict){.arena = arena_new()};
	if (authorization == NULL ||
	    strncasecmp(authorization, SCHEME, scheme) != 0) {
		refuse(out, 401, claims->challenge);
		return;
	}
	text = arena_span(out->arena, span_of(authorization + scheme));
	rc = verifier_check(claims->verifier, text, out->arena, &t, &e);
	if (rc == CS_E_UNAVAILABLE) {
		log_err(LOG_LEVEL_WARN, "token_keys_missing", &e);
		refuse(out, 503, NULL);
	} else if (rc != 0) {
		log_err(LOG_LEVEL_NOTICE, "token_refused", &e);
		refuse(out, 401, claims->challenge_token);
	} else {
		out->status = 200;
		out->contexts = contexts_of(claims->contract, &t, out->arena);
		identify(
		    claims->contract->auth, &t, out->contexts, out->identity);
	}
}

const char *
claims_scope_challenge(
    const struct claims *claims, const char *scope, struct arena *a)
{
	return challenge(claims, "error=\"insufficient_scope\", ", scope, a);
}

struct span
claims_metadata(const struct claims *claims)
{
	return claims->metadata;
}

bool
claims_is_metadata_path(const struct claims *claims, struct span path)
{
	const size_t len = sizeof(WELL_KNOWN) - 1;

	if (path.len < len || memcmp(path.ptr, WELL_KNOWN, len) != 0) {
		return false;
	}
	path.ptr += len;
	path.len -= len;
	return path.len == 0 || span_is(path, claims->path);
}
