#include "common/token/token.h"

#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_scan.h"

#define SECOND_US INT64_C(1000000)
/* Later than any date that is meant; keeps the sums inside 64 bits. */
#define TIME_MAX_S INT64_C(253402300799)

static int
deny(struct err *e, const char *reason, const char *why)
{
	return err_set(e, CS_E_DENIED, reason, "%s", why);
}

/* Base64url without padding and of a length that there is: libcjose asserts
 * what it decodes instead of refusing it. */
static bool
is_base64url(struct span part)
{
	for (size_t i = 0; i < part.len; i++) {
		char c = part.ptr[i];
		bool known = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!known) {
			return false;
		}
	}
	return part.len % 4 != 1;
}

/* Exactly three parts, none of them empty. */
static bool
split(struct span text, struct token_parts *out)
{
	struct span *parts[] = {&out->header, &out->payload, &out->signature};
	struct span rest = text;

	out->compact = text;
	for (size_t i = 0; i < 3; i++) {
		const char *dot = memchr(rest.ptr, '.', rest.len);
		size_t len = dot == NULL ? rest.len : (size_t)(dot - rest.ptr);

		*parts[i] = (struct span){rest.ptr, len};
		if (len == 0 || (dot == NULL) != (i == 2) ||
		    !is_base64url(*parts[i])) {
			return false;
		}
		rest.ptr += len + (dot != NULL);
		rest.len -= len + (dot != NULL);
	}
	return true;
}

/* A part as a JSON object without duplicate members. */
static bool
decode(struct span part, struct arena *a, struct json_doc *out)
{
	unsigned char *bytes = arena_alloc(a, part.len + 1);
	size_t len = 0;

	return sodium_base642bin(bytes, part.len, part.ptr, part.len, NULL,
		   &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       json_scan(out, (struct span){(const char *)bytes, len}, a,
		   NULL) == 0 &&
	       out->nodes[0].type == JSON_OBJECT;
}

/* The algorithm is chosen by us: the token may only name one of ours. */
static unsigned
algorithm_of(const struct json_doc *header, struct arena *a)
{
	static const struct {
		const char *name;
		enum token_alg alg;
	} names[] = {{"RS256", TOKEN_RS256}, {"ES256", TOKEN_ES256},
	    {"EdDSA", TOKEN_EDDSA}};
	struct span alg = json_get_string(header, 0, "alg", a);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_is(alg, names[i].name)) {
			return names[i].alg;
		}
	}
	return 0;
}

/* crit names extensions that must be understood: we have none. A token of
 * another kind (an id token of a login says nothing, so it passes) is not for
 * us. */
static bool
is_plain(const struct json_doc *header, struct arena *a)
{
	struct span typ = json_get_string(header, 0, "typ", a);

	return json_get(header, 0, "crit") == JSON_NONE &&
	       json_get(header, 0, "b64") == JSON_NONE &&
	       (json_get(header, 0, "typ") == JSON_NONE ||
		   span_is(typ, "JWT") || span_is(typ, "at+jwt") ||
		   span_is(typ, "application/at+jwt"));
}

static int
check_signature(const struct token_policy *policy,
    const struct token_parts *parts, struct arena *a, struct err *e)
{
	struct json_doc header = {0};
	struct span kid = {"", 0};
	unsigned alg = 0;
	int rc = 0;

	if (!decode(parts->header, a, &header) || !is_plain(&header, a)) {
		return deny(e, "TOKEN_MALFORMED", "the token's header is odd");
	}
	alg = algorithm_of(&header, a);
	if ((alg & policy->auth->algorithms) == 0) {
		return deny(e, "TOKEN_ALGORITHM_REFUSED",
		    "the token's algorithm is not in the contract");
	}
	kid = json_get_string(&header, 0, "kid", a);
	rc = token_keys_verify(policy->keys, (enum token_alg)alg, kid, parts);
	if (rc == CS_E_NOT_FOUND) {
		return deny(e, "TOKEN_KEY_UNKNOWN",
		    "no key of the issuer has that id and algorithm");
	}
	return rc == 0 ? 0
		       : deny(e, "TOKEN_SIGNATURE_INVALID",
			     "the token's signature is wrong");
}

/* Seconds since 1970; fractions are cut. false when there is no such time. */
static bool
time_of(const struct json_doc *claims, const char *name, int64_t *out_us)
{
	uint32_t node = json_get_type(claims, 0, name, JSON_NUMBER);
	struct span raw = {"", 0};
	int64_t seconds = 0;
	size_t digits = 0;

	if (node == JSON_NONE) {
		return false;
	}
	raw = json_raw(claims, node);
	while (digits < raw.len && raw.ptr[digits] >= '0' &&
	       raw.ptr[digits] <= '9') {
		digits++;
	}
	/* Neither a sign nor an exponent. */
	if (digits < raw.len && raw.ptr[digits] != '.') {
		return false;
	}
	if (memchr(raw.ptr, 'e', raw.len) != NULL ||
	    memchr(raw.ptr, 'E', raw.len) != NULL ||
	    json_int64((struct span){raw.ptr, digits}, &seconds) != 0 ||
	    seconds > TIME_MAX_S) {
		return false;
	}
	*out_us = seconds * SECOND_US;
	return true;
}

static int
check_times(const struct json_doc *claims, int64_t now_us, int64_t *expires_us,
    struct err *e)
{
	int64_t not_before = 0;

	if (!time_of(claims, "exp", expires_us)) {
		return deny(e, "TOKEN_CLAIM_MISSING", "the token has no exp");
	}
	if (*expires_us + TOKEN_SKEW_S * SECOND_US <= now_us) {
		return deny(e, "TOKEN_EXPIRED", "the token has expired");
	}
	if (json_get(claims, 0, "nbf") != JSON_NONE &&
	    (!time_of(claims, "nbf", &not_before) ||
		not_before - TOKEN_SKEW_S * SECOND_US > now_us)) {
		return deny(
		    e, "TOKEN_NOT_YET_VALID", "the token is not valid yet");
	}
	return 0;
}

/* A string, or a list of strings of which one is ours. */
static bool
is_audience(const struct json_doc *claims, const char *ours, struct arena *a)
{
	uint32_t aud = json_get_type(claims, 0, "aud", JSON_ARRAY);
	uint32_t node = aud + 1;
	bool found = false;

	if (aud == JSON_NONE) {
		return span_is(json_get_string(claims, 0, "aud", a), ours);
	}
	for (uint32_t i = 0; i < claims->nodes[aud].count; i++) {
		found =
		    found || (claims->nodes[node].type == JSON_STRING &&
				 span_is(json_string(claims, node, a), ours));
		node = claims->nodes[node].next;
	}
	return found;
}

static int
check_claims(const struct token_policy *policy, const struct json_doc *claims,
    struct arena *a, struct token *out, struct err *e)
{
	int rc = check_times(claims, policy->now_us, &out->expires_us, e);

	if (rc != 0) {
		return rc;
	}
	if (!span_is(
		json_get_string(claims, 0, "iss", a), policy->auth->issuer)) {
		return deny(e, "TOKEN_ISSUER_MISMATCH",
		    "the token is not of the contract's issuer");
	}
	if (!is_audience(claims, policy->auth->audience, a)) {
		return deny(e, "TOKEN_AUDIENCE_MISMATCH",
		    "the token is not for this server");
	}
	out->payload = claims->text;
	out->subject = json_get_string(claims, 0, "sub", a);
	out->scope = json_get_string(claims, 0, "scope", a);
	return 0;
}

int
token_verify(const struct token_policy *policy, struct span text,
    struct arena *a, struct token *out, struct err *e)
{
	struct token_parts parts = {0};
	struct json_doc claims = {0};
	int rc = 0;

	*out = (struct token){.text = text};
	if (text.len > TOKEN_MAX_BYTES || !split(text, &parts)) {
		return deny(e, "TOKEN_MALFORMED", "not a signed token");
	}
	/* The signature first: what is not signed is not looked into. */
	rc = check_signature(policy, &parts, a, e);
	if (rc != 0) {
		return rc;
	}
	if (!decode(parts.payload, a, &claims)) {
		return deny(e, "TOKEN_MALFORMED", "the token's claims are odd");
	}
	return check_claims(policy, &claims, a, out, e);
}

int
token_claim(const struct token *t, const char *name, struct arena *a,
    struct span *out, struct err *e)
{
	struct json_doc claims;

	*out = (struct span){"", 0};
	if (json_scan(&claims, t->payload, a, NULL) == 0) {
		*out = json_get_string(&claims, 0, name, a);
	}
	if (out->len == 0 || out->len > TOKEN_CLAIM_MAX ||
	    memchr(out->ptr, '\0', out->len) != NULL) {
		return err_set(e, CS_E_DENIED, "TOKEN_CLAIM_MISSING",
		    "the token has no claim %s of 1 to %u bytes", name,
		    TOKEN_CLAIM_MAX);
	}
	return 0;
}
