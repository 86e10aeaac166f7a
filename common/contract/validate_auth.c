/*
 * "http_auth": whose tokens are believed, and by which keys. Exactly one source
 * of keys, so that nobody has to guess which one decided.
 */
#include "common/base/str.h"
#include "common/contract/check.h"

/* Bit i of contract_auth.algorithms is entry i. */
const char *const contract_algorithms[] = {"RS256", "ES256", "EdDSA", NULL};

static bool
starts_with(struct span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len > len && memcmp(text.ptr, prefix, len) == 0;
}

/* HTTPS, or HTTP to this machine; no credentials, no fragment, no blanks. */
static bool
is_url(const struct tree *t, uint32_t node)
{
	static const char *const prefixes[] = {"https://", "http://127.0.0.1/",
	    "http://127.0.0.1:", "http://[::1]/",
	    "http://[::1]:", "http://localhost/", "http://localhost:"};
	struct span text = tree_text(t, node);
	bool known = false;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		known = known || starts_with(text, prefixes[i]);
	}
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c <= ' ' || c > '~' || c == '#' || c == '@') {
			return false;
		}
	}
	return known && text.len < 2048;
}

static bool
is_path(const struct tree *t, uint32_t node)
{
	return starts_with(tree_text(t, node), "/");
}

static bool
is_algorithms(const struct tree *t, uint32_t node)
{
	struct tree_iter it = tree_each(t, node);

	while (tree_next(t, &it)) {
		if (tree_choice(t, it.value, contract_algorithms) < 0) {
			return false;
		}
	}
	return tree_is_list(t, node);
}

static bool
is_url_list(const struct tree *t, uint32_t node)
{
	struct tree_iter it = tree_each(t, node);

	while (tree_next(t, &it)) {
		if (!is_url(t, it.value)) {
			return false;
		}
	}
	return tree_is_list(t, node);
}

static bool
has(const struct check *c, uint32_t object, const char *key)
{
	return tree_get(c->t, object, key) != JSON_NONE;
}

/* A context of tokens, with nothing to check them by? */
static bool
needs_auth(const struct tree *t)
{
	struct tree_iter it = tree_each(t, tree_get(t, 0, "contexts"));
	bool needs = tree_is_text(t,
	    tree_get(t, tree_get(t, 0, "trusted_context"), "provider"),
	    "http_claims");

	while (tree_next(t, &it)) {
		needs =
		    needs || tree_is_text(t, tree_get(t, it.value, "provider"),
				 "http_claims");
	}
	return needs;
}

static void
check_keys_source(struct check *c, uint32_t auth)
{
	bool jwks = has(c, auth, "jwks_file");
	bool pem = has(c, auth, "pem_file");

	if (jwks == pem) {
		check_error(c, auth, "jwks_file", "AUTH_KEYS_REQUIRED",
		    "http_auth needs exactly one of jwks_file and pem_file.");
	} else if (has(c, auth, "jwks_url") && !jwks) {
		check_error(c, auth, "jwks_url", "AUTH_KEYS_REQUIRED",
		    "jwks_url needs jwks_file, where the fetched keys are "
		    "kept.");
	}
}

void
check_http_auth(struct check *c)
{
	static const char *const known[] = {"issuer", "audience", "algorithms",
	    "jwks_file", "pem_file", "jwks_url", "authorization_servers", NULL};
	static const struct check_field fields[] = {
	    {"issuer", is_url, "INVALID_ISSUER", "issuer must be an https URL.",
		true},
	    {"audience", is_url, "INVALID_AUDIENCE",
		"audience must be the https URL of this server.", true},
	    {"algorithms", is_algorithms, "INVALID_ALGORITHMS",
		"algorithms must be a list of RS256, ES256 and EdDSA.", true},
	    {"jwks_file", is_path, "INVALID_KEY_FILE",
		"jwks_file must be an absolute path.", false},
	    {"pem_file", is_path, "INVALID_KEY_FILE",
		"pem_file must be an absolute path.", false},
	    {"jwks_url", is_url, "INVALID_JWKS_URL",
		"jwks_url must be an https URL.", false},
	    {"authorization_servers", is_url_list, "INVALID_AUTH_SERVERS",
		"authorization_servers must be a list of https URLs.", false},
	};
	uint32_t auth = tree_get(c->t, 0, "http_auth");

	if (auth == JSON_NONE) {
		if (needs_auth(c->t)) {
			check_warn(c, 0, "http_auth", "HTTP_AUTH_MISSING",
			    "http_claims without http_auth: every call is "
			    "refused.");
		}
		return;
	}
	if (!tree_is_object(c->t, auth)) {
		check_error(c, 0, "http_auth", "HTTP_AUTH_NOT_OBJECT",
		    "http_auth must be an object.");
		return;
	}
	check_keys(c, auth, known);
	CHECK_FIELDS(c, auth, fields);
	check_keys_source(c, auth);
}
