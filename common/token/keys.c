#include "common/token/keys.h"

#include <cjose/cjose.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_scan.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

/* A weaker RSA key counts as none. */
#define RSA_BITS_MIN 2048
#define P256_BYTES   32
#define RSA_BYTES    1024

struct key {
	enum token_alg alg;
	char *kid;        /* "" if it has none */
	cjose_jwk_t *jwk; /* RSA and EC */
	unsigned char ed25519[crypto_sign_PUBLICKEYBYTES];
};

struct token_keys {
	struct key keys[TOKEN_KEYS_MAX];
	size_t count;
};

void
token_keys_free(struct token_keys **keys)
{
	struct token_keys *k = *keys;

	if (k == NULL) {
		return;
	}
	for (size_t i = 0; i < k->count; i++) {
		if (k->keys[i].jwk != NULL) {
			(void)cjose_jwk_release(k->keys[i].jwk);
		}
		free(k->keys[i].kid);
	}
	free(k);
	*keys = NULL;
}

size_t
token_keys_count(const struct token_keys *keys)
{
	return keys->count;
}

static int
invalid(struct err *e, const char *why)
{
	return err_set(e, CS_E_INVALID, "KEYS_INVALID", "%s", why);
}

/* A name for a thing that must stay secret, in any kind of JWK. */
static bool
has_secret(const struct json_doc *doc, uint32_t key, struct arena *a)
{
	static const char *const members[] = {
	    "d", "p", "q", "dp", "dq", "qi", "oth", "k"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (json_get(doc, key, members[i]) != JSON_NONE) {
			return true;
		}
	}
	return span_is(json_get_string(doc, key, "kty", a), "oct");
}

/* The types that we verify with: kty, crv, alg. */
static const struct {
	const char *kty;
	const char *crv; /* NULL: has none */
	const char *name;
	enum token_alg alg;
} types[] = {
    {"RSA", NULL, "RS256", TOKEN_RS256},
    {"EC", "P-256", "ES256", TOKEN_ES256},
    {"OKP", "Ed25519", "EdDSA", TOKEN_EDDSA},
};

/* Which algorithm a JWK is for; 0 for one that is none of ours. */
static unsigned
algorithm_of(const struct json_doc *doc, uint32_t key, struct arena *a)
{
	struct span kty = json_get_string(doc, key, "kty", a);
	struct span crv = json_get_string(doc, key, "crv", a);
	struct span alg = json_get_string(doc, key, "alg", a);
	struct span use = json_get_string(doc, key, "use", a);

	if (use.len > 0 && !span_is(use, "sig")) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (span_is(kty, types[i].kty) &&
		    (types[i].crv == NULL || span_is(crv, types[i].crv)) &&
		    (alg.len == 0 || span_is(alg, types[i].name))) {
			return types[i].alg;
		}
	}
	return 0;
}

static bool
is_strong(const cjose_jwk_t *jwk)
{
	cjose_err unused;

	return cjose_jwk_get_kty(jwk, &unused) != CJOSE_JWK_KTY_RSA ||
	       cjose_jwk_get_keysize(jwk, &unused) >= RSA_BITS_MIN;
}

/* The raw bytes of base64url without padding; false unless exactly `len`. */
static bool
decode_exactly(struct span text, unsigned char *out, size_t len)
{
	size_t got = 0;

	return sodium_base642bin(out, len, text.ptr, text.len, NULL, &got, NULL,
		   sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       got == len;
}

static bool
take_key(
    struct key *out, const struct json_doc *doc, uint32_t key, struct arena *a)
{
	struct span raw = json_raw(doc, key);
	struct span kid = json_get_string(doc, key, "kid", a);
	cjose_err unused;

	if (out->alg == TOKEN_EDDSA) {
		if (!decode_exactly(json_get_string(doc, key, "x", a),
			out->ed25519, sizeof(out->ed25519))) {
			return false;
		}
	} else {
		out->jwk = cjose_jwk_import(raw.ptr, raw.len, &unused);
		if (out->jwk == NULL || !is_strong(out->jwk)) {
			return false;
		}
	}
	out->kid = xspandup(kid);
	return true;
}

/* One element of "keys"; 0 also for one that is stepped over. */
static int
add_jwk(struct token_keys *keys, const struct json_doc *doc, uint32_t node,
    struct arena *a, struct err *e)
{
	unsigned alg = 0;
	struct key *key = &keys->keys[keys->count];

	if (doc->nodes[node].type != JSON_OBJECT) {
		return invalid(e, "a key is not an object");
	}
	if (has_secret(doc, node, a)) {
		return invalid(e,
		    "the set holds a private or symmetric key: whoever wrote "
		    "it has published a secret");
	}
	alg = algorithm_of(doc, node, a);
	if (alg == 0) {
		return 0;
	}
	key->alg = (enum token_alg)alg;
	if (!take_key(key, doc, node, a)) {
		if (key->jwk != NULL) {
			(void)cjose_jwk_release(key->jwk);
		}
		*key = (struct key){0};
		return invalid(e, "a key cannot be read, or is too short");
	}
	keys->count++;
	return 0;
}

static int
add_jwks(struct token_keys *keys, const struct json_doc *doc, struct arena *a,
    struct err *e)
{
	uint32_t list = json_get_type(doc, 0, "keys", JSON_ARRAY);
	uint32_t node = list + 1;
	int rc = 0;

	if (list == JSON_NONE) {
		return invalid(e, "there is no member \"keys\"");
	}
	if (doc->nodes[list].count > TOKEN_KEYS_MAX) {
		return invalid(e, "there are more than 128 keys");
	}
	for (uint32_t i = 0; rc == 0 && i < doc->nodes[list].count; i++) {
		rc = add_jwk(keys, doc, node, a, e);
		node = doc->nodes[node].next;
	}
	if (rc == 0 && keys->count == 0) {
		rc = invalid(e, "there is no RSA, P-256 or Ed25519 key for "
				"signatures in it");
	}
	return rc;
}

int
token_keys_parse_jwks(struct span text, struct token_keys **out, struct err *e)
{
	struct token_keys *keys = xcalloc(1, sizeof(*keys));
	struct arena *a = arena_new();
	struct json_doc doc;
	int rc = json_scan(&doc, text, a, e);

	if (rc != 0 || doc.nodes[0].type != JSON_OBJECT) {
		rc = invalid(e, "not a JSON object");
	} else {
		rc = add_jwks(keys, &doc, a, e);
	}
	arena_free(&a);
	if (rc != 0) {
		token_keys_free(&keys);
	}
	*out = keys;
	return rc;
}

/* A big number of a key, as bytes of its own length. */
static size_t
number_of(EVP_PKEY *pkey, const char *name, unsigned char *out, size_t max)
{
	BIGNUM *number = NULL;
	size_t len = 0;

	if (EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
	    (size_t)BN_num_bytes(number) <= max) {
		len = (size_t)BN_bn2bin(number, out);
	}
	BN_free(number);
	return len;
}

static bool
take_rsa(struct key *out, EVP_PKEY *pkey)
{
	unsigned char n[RSA_BYTES];
	unsigned char e[RSA_BYTES];
	cjose_jwk_rsa_keyspec spec = {.n = n, .e = e};
	cjose_err unused;

	spec.nlen = number_of(pkey, OSSL_PKEY_PARAM_RSA_N, n, sizeof(n));
	spec.elen = number_of(pkey, OSSL_PKEY_PARAM_RSA_E, e, sizeof(e));
	out->alg = TOKEN_RS256;
	out->jwk = spec.nlen > 0 && spec.elen > 0
		       ? cjose_jwk_create_RSA_spec(&spec, &unused)
		       : NULL;
	return out->jwk != NULL && is_strong(out->jwk);
}

/* Left-padded: a coordinate may begin with zeros. */
static bool
take_coordinate(EVP_PKEY *pkey, const char *name, unsigned char *out)
{
	BIGNUM *number = NULL;
	bool ok = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
		  BN_bn2binpad(number, out, P256_BYTES) == P256_BYTES;

	BN_free(number);
	return ok;
}

static bool
take_ec(struct key *out, EVP_PKEY *pkey)
{
	unsigned char x[P256_BYTES];
	unsigned char y[P256_BYTES];
	char group[64] = "";
	cjose_jwk_ec_keyspec spec = {.crv = CJOSE_JWK_EC_P_256,
	    .x = x,
	    .xlen = sizeof(x),
	    .y = y,
	    .ylen = sizeof(y)};
	cjose_err unused;

	out->alg = TOKEN_ES256;
	if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 ||
	    strcmp(group, "prime256v1") != 0 ||
	    !take_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, x) ||
	    !take_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, y)) {
		return false;
	}
	out->jwk = cjose_jwk_create_EC_spec(&spec, &unused);
	return out->jwk != NULL;
}

static bool
take_pkey(struct key *out, EVP_PKEY *pkey)
{
	size_t len = sizeof(out->ed25519);

	out->kid = xspandup(span_of(""));
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return take_rsa(out, pkey);
	case EVP_PKEY_EC:
		return take_ec(out, pkey);
	case EVP_PKEY_ED25519:
		out->alg = TOKEN_EDDSA;
		return EVP_PKEY_get_raw_public_key(pkey, out->ed25519, &len) ==
			   1 &&
		       len == sizeof(out->ed25519);
	default:
		return false;
	}
}

int
token_keys_parse_pem(struct span text, struct token_keys **out, struct err *e)
{
	struct token_keys *keys = xcalloc(1, sizeof(*keys));
	BIO *bio = NULL;
	EVP_PKEY *pkey = NULL;
	int rc = 0;

	*out = NULL;
	/* PEM_read_bio_PUBKEY reads no private key, but a file that holds one
	 * beside the public key is wrong all the same. */
	if (memmem(text.ptr, text.len, "PRIVATE KEY", 11) != NULL) {
		free(keys);
		return invalid(e, "the file holds a private key");
	}
	bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	pkey = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	keys->count = pkey == NULL ? 0 : 1;
	if (pkey == NULL || !take_pkey(&keys->keys[0], pkey)) {
		rc = invalid(e,
		    "not a public key of RSA (2048 bits or more), P-256 or "
		    "Ed25519 in PEM");
		token_keys_free(&keys);
	}
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	*out = keys;
	return rc;
}

/* The header's algorithm was compared with the key's before. */
static bool
verify_cjose(const struct key *key, const struct token_parts *t)
{
	cjose_err unused;
	cjose_jws_t *jws =
	    cjose_jws_import(t->compact.ptr, t->compact.len, &unused);
	bool ok = jws != NULL && cjose_jws_verify(jws, key->jwk, &unused);

	if (jws != NULL) {
		cjose_jws_release(jws);
	}
	return ok;
}

static bool
verify_ed25519(const struct key *key, const struct token_parts *t)
{
	unsigned char signature[crypto_sign_BYTES];
	size_t signed_len = t->header.len + 1 + t->payload.len;

	return decode_exactly(t->signature, signature, sizeof(signature)) &&
	       crypto_sign_verify_detached(signature,
		   (const unsigned char *)t->compact.ptr, signed_len,
		   key->ed25519) == 0;
}

int
token_keys_verify(const struct token_keys *keys, enum token_alg alg,
    struct span kid, const struct token_parts *token)
{
	int rc = CS_E_NOT_FOUND;

	for (size_t i = 0; i < keys->count; i++) {
		const struct key *key = &keys->keys[i];

		/* A PEM file has one key and no id for it. */
		if (key->alg != alg || (kid.len > 0 && key->kid[0] != '\0' &&
					   !span_is(kid, key->kid))) {
			continue;
		}
		if (alg == TOKEN_EDDSA ? verify_ed25519(key, token)
				       : verify_cjose(key, token)) {
			return 0;
		}
		rc = CS_E_DENIED;
	}
	return rc;
}
