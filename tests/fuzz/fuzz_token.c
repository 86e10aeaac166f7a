/*
 * Bearer tokens and key sets, from whoever sends or publishes them.
 *
 * The first byte chooses: a JWK set, a PEM file, or a token that is checked
 * with keys of every kind. A token is good only if one of our keys signed it,
 * which a fuzzer cannot do: whatever comes must be refused, with a reason.
 */
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/token/token.h"

/* RFC 8037 A.2, RFC 7517 A.1 (both keys): their secrets are published, too, so
 * only tokens of the seeds could be good, and they have expired. */
static const char jwks[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\","
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"},"
    "{\"kty\":\"RSA\",\"kid\":\"rsa\",\"e\":\"AQAB\",\"n\":"
    "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7"
    "aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArw"
    "l93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
    "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRw"
    "r3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}]}";

static const struct contract_auth auth = {.issuer = "https://idp.example",
    .audience = "https://mcp.example/mcp",
    .algorithms = TOKEN_RS256 | TOKEN_ES256 | TOKEN_EDDSA};
static struct token_keys *keys;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	crypto_init();
	cs_assert(token_keys_parse_jwks(span_of(jwks), &keys, NULL) == 0);
	return 0;
}

static void
try_keys(struct span text, bool is_pem)
{
	struct token_keys *found = NULL;
	struct err e = {0};
	int rc = is_pem ? token_keys_parse_pem(text, &found, &e)
			: token_keys_parse_jwks(text, &found, &e);

	cs_assert((rc == 0) == (found != NULL));
	cs_assert(rc != 0 || token_keys_count(found) > 0);
	token_keys_free(&found);
}

static void
try_token(struct span text)
{
	const struct token_policy now = {
	    &auth, keys, INT64_C(1800000000000000)};
	const struct token_policy later = {
	    &auth, keys, INT64_C(4000000000000000)};
	struct arena *a = arena_new();
	struct token t;
	struct span claim;
	struct err e = {0};

	/* The moment of the seeds, and one at which they are over. */
	if (token_verify(&now, text, a, &t, &e) == 0) {
		(void)token_claim(&t, "tenant_id", a, &claim, &e);
	}
	cs_assert(token_verify(&later, text, a, &t, &e) != 0);
	cs_assert(strncmp(err_reason(&e), "TOKEN_", 6) == 0);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data + 1, size - 1};

	if (size == 0) {
		return 0;
	}
	if (data[0] == 'K' || data[0] == 'P') {
		try_keys(rest, data[0] == 'P');
	} else {
		try_token(rest);
	}
	return 0;
}
