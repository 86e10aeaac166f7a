/*
 * Comparing digests makes both sides equally long, so that neither length nor
 * content of a token shows in the time that a refusal takes.
 */
#include "mcpd/auth/bearer.h"

#include <strings.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/crypto/secret.h"

#define SCHEME          "Bearer "
#define TOKEN_MIN       32U
#define DISTINCT_MIN    12U
#define CHALLENGE       "Bearer realm=\"countersign\""
#define CHALLENGE_TOKEN CHALLENGE ", error=\"invalid_token\""

/* What people type when they mean to change it later. */
static const char *const words[] = {"password", "changeme", "change-me",
    "change_me", "example", "synapsor", "countersign", "secret-token",
    "test-token", "dev-token", "qwerty", "letmein", "123456789", "abcdefgh"};

static bool
contains_word(struct span token)
{
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t len = strlen(words[w]);

		for (size_t i = 0; i + len <= token.len; i++) {
			if (strncasecmp(token.ptr + i, words[w], len) == 0) {
				return true;
			}
		}
	}
	return false;
}

static size_t
count_distinct(struct span token)
{
	bool seen[256] = {false};
	size_t count = 0;

	for (size_t i = 0; i < token.len; i++) {
		unsigned char c = (unsigned char)token.ptr[i];

		count += seen[c] ? 0 : 1;
		seen[c] = true;
	}
	return count;
}

/* The same piece over and over: as hard to guess as the piece. */
static bool
is_repetition(struct span token)
{
	for (size_t period = 1; period <= token.len / 2; period++) {
		if (memcmp(token.ptr, token.ptr + period, token.len - period) ==
		    0) {
			return true;
		}
	}
	return false;
}

const char *
bearer_weakness(struct span token)
{
	if (token.len < TOKEN_MIN) {
		return "it has fewer than 32 bytes";
	}
	if (count_distinct(token) < DISTINCT_MIN) {
		return "it has fewer than 12 different characters";
	}
	if (is_repetition(token)) {
		return "it repeats itself";
	}
	return contains_word(token) ? "it contains a word that is easy to guess"
				    : NULL;
}

struct addition {
	struct bearer *bearer;
	const char *name;
	bool allow_weak;
	struct err *e;
};

/* The token68 of RFC 6750, a little wider: no blank, nothing invisible. */
static bool
fits_header(struct span token)
{
	for (size_t i = 0; i < token.len; i++) {
		if (token.ptr[i] <= ' ' || token.ptr[i] > '~') {
			return false;
		}
	}
	return token.len > 0;
}

static int
keep_digest(struct span token, const struct addition *a)
{
	uint8_t digest[DIGEST_LEN];
	struct span bytes = {(const char *)digest, sizeof(digest)};
	size_t i = 0;

	digest_bytes(token, digest);
	while (i < BEARER_TOKENS && a->bearer->digests[i] != NULL) {
		if (secret_equal(a->bearer->digests[i], bytes)) {
			return err_set(a->e, CS_E_INVALID, "HTTP_TOKEN_SAME",
			    "%s: the same token as the other one", a->name);
		}
		i++;
	}
	if (i == BEARER_TOKENS) {
		return err_set(a->e, CS_E_TOO_LARGE, NULL, "too many tokens");
	}
	a->bearer->digests[i] = secret_new(bytes);
	explicit_bzero(digest, sizeof(digest));
	return 0;
}

static int
add_token(struct span token, void *context)
{
	const struct addition *a = context;
	const char *weakness = bearer_weakness(token);

	if (!fits_header(token)) {
		return err_set(a->e, CS_E_INVALID, "HTTP_TOKEN_INVALID",
		    "%s: a token has printable ASCII characters without blanks",
		    a->name);
	}
	if (weakness != NULL && !a->allow_weak) {
		return err_set(a->e, CS_E_INVALID, "HTTP_TOKEN_WEAK",
		    "%s: %s; make one with `openssl rand -base64 33`", a->name,
		    weakness);
	}
	if (weakness != NULL) {
		log_event(LOG_LEVEL_WARN, "weak_token", "name=%s why=\"%s\"",
		    a->name, weakness);
	}
	return keep_digest(token, a);
}

int
bearer_add(struct bearer *b, const char *name, const struct secret *token,
    bool allow_weak, struct err *e)
{
	struct addition a = {b, name, allow_weak, e};

	return secret_with(token, add_token, &a);
}

/* Every token is looked at, also after one that fits. */
static bool
is_known(const struct bearer *b, struct span digest)
{
	bool known = false;

	for (size_t i = 0; i < BEARER_TOKENS; i++) {
		if (b->digests[i] != NULL) {
			known |= secret_equal(b->digests[i], digest);
		}
	}
	return known;
}

void
bearer_check(
    const struct bearer *b, const char *authorization, struct auth_verdict *out)
{
	const size_t scheme = sizeof(SCHEME) - 1;
	struct span digest = {(const char *)out->identity, DIGEST_LEN};

	*out = (struct auth_verdict){.status = 200};
	if (b->is_open) {
		return;
	}
	if (authorization == NULL ||
	    strncasecmp(authorization, SCHEME, scheme) != 0) {
		out->status = 401;
		out->challenge = CHALLENGE;
		return;
	}
	digest_bytes(span_of(authorization + scheme), out->identity);
	if (!is_known(b, digest)) {
		*out = (struct auth_verdict){
		    .status = 401, .challenge = CHALLENGE_TOKEN};
	}
}

void
bearer_clear(struct bearer *b)
{
	for (size_t i = 0; i < BEARER_TOKENS; i++) {
		secret_free(&b->digests[i]);
	}
}
