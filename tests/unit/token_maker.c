#include "tests/unit/token_maker.h"

#include <cjose/cjose.h>
#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

struct issuer {
	cjose_jwk_t *rsa;
	cjose_jwk_t *ec;
	unsigned char ed_public[crypto_sign_PUBLICKEYBYTES];
	unsigned char ed_secret[crypto_sign_SECRETKEYBYTES];
};

static void
id(cjose_jwk_t *jwk, const char *kid)
{
	cjose_err e;

	cs_assert(cjose_jwk_set_kid(jwk, kid, strlen(kid), &e));
}

struct issuer *
issuer_new(void)
{
	static const uint8_t exponent[] = {1, 0, 1};
	struct issuer *i = xcalloc(1, sizeof(*i));
	cjose_err e;

	i->rsa =
	    cjose_jwk_create_RSA_random(2048, exponent, sizeof(exponent), &e);
	i->ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &e);
	cs_assert(i->rsa != NULL && i->ec != NULL);
	id(i->rsa, "rsa");
	id(i->ec, "ec");
	cs_assert(crypto_sign_keypair(i->ed_public, i->ed_secret) == 0);
	return i;
}

void
issuer_free(struct issuer **i)
{
	(void)cjose_jwk_release((*i)->rsa);
	(void)cjose_jwk_release((*i)->ec);
	free(*i);
	*i = NULL;
}

static struct span
base64url(const void *bytes, size_t len, struct arena *a)
{
	const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
	size_t size = sodium_base64_encoded_len(len, variant);
	char *out = arena_alloc(a, size);

	(void)sodium_bin2base64(out, size, bytes, len, variant);
	return span_of(out);
}

struct span
issuer_jwks(struct issuer *i, bool secrets, struct arena *a)
{
	cjose_err e;
	char *rsa = cjose_jwk_to_json(i->rsa, secrets, &e);
	char *ec = cjose_jwk_to_json(i->ec, false, &e);
	struct span ed = base64url(i->ed_public, sizeof(i->ed_public), a);
	const char *text = arena_printf(a,
	    "{\"keys\":[%s,%s,{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":"
	    "\"ed\",\"x\":\"%.*s\"},{\"kty\":\"EC\",\"crv\":\"P-521\","
	    "\"x\":\"\",\"y\":\"\"}]}",
	    rsa, ec, SPAN_ARGS(ed));

	free(rsa);
	free(ec);
	return span_of(text);
}

/* ' becomes ". */
static struct span
json(const char *text, struct arena *a)
{
	char *copy = arena_strndup(a, text, strlen(text));

	for (char *c = copy; *c != '\0'; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	return span_of(copy);
}

static struct span
sign_ed25519(struct issuer *i, struct span input, struct arena *a)
{
	unsigned char ed[crypto_sign_BYTES];

	(void)crypto_sign_detached(ed, NULL, (const unsigned char *)input.ptr,
	    input.len, i->ed_secret);
	return base64url(ed, sizeof(ed), a);
}

/* libcjose writes the header itself; one of ours comes back in its place only
 * for Ed25519, or with a signature that cannot fit it. */
static struct span
sign_cjose(
    struct issuer *i, enum token_alg alg, struct span claims, struct arena *a)
{
	cjose_err e;
	cjose_header_t *header = cjose_header_new(&e);
	const char *name = alg == TOKEN_RS256 ? "RS256" : "ES256";
	const char *kid = alg == TOKEN_RS256 ? "rsa" : "ec";
	const char *compact = NULL;
	cjose_jws_t *jws = NULL;
	struct span out;

	cs_assert(cjose_header_set(header, "alg", name, &e) &&
		  cjose_header_set(header, "kid", kid, &e));
	jws = cjose_jws_sign(alg == TOKEN_RS256 ? i->rsa : i->ec, header,
	    (const uint8_t *)claims.ptr, claims.len, &e);
	cs_assert(jws != NULL && cjose_jws_export(jws, &compact, &e));
	out = arena_span(a, span_of(compact));
	cjose_jws_release(jws);
	cjose_header_release(header);
	return out;
}

struct span
issuer_sign(struct issuer *i, enum token_alg alg, const char *header,
    const char *claims, struct arena *a)
{
	struct span body = json(claims, a);
	struct span head =
	    json(header != NULL ? header : "{'alg':'EdDSA','kid':'ed'}", a);
	struct span input;

	if (header == NULL && alg != TOKEN_EDDSA) {
		return sign_cjose(i, alg, body, a);
	}
	head = base64url(head.ptr, head.len, a);
	body = base64url(body.ptr, body.len, a);
	input = span_of(
	    arena_printf(a, "%.*s.%.*s", SPAN_ARGS(head), SPAN_ARGS(body)));
	head = sign_ed25519(i, input, a);
	return span_of(
	    arena_printf(a, "%.*s.%.*s", SPAN_ARGS(input), SPAN_ARGS(head)));
}
