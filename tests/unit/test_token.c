/*
 * Tokens: which are good, which are not, and by which keys.
 */
#include "tests/unit/check.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/token/verifier.h"
#include "tests/unit/token_maker.h"

#define NOW_US INT64_C(1800000000000000)
#define GOOD                                                           \
	"'iss':'https://idp.example','aud':'https://mcp.example/mcp'," \
	"'exp':1800000600,'sub':'agent','tenant_id':'acme','scope':'a b'"

static const char *servers[] = {"https://idp.example"};
static const struct contract_auth auth = {.issuer = "https://idp.example",
    .audience = "https://mcp.example/mcp",
    .algorithms = TOKEN_RS256 | TOKEN_ES256 | TOKEN_EDDSA,
    .servers = servers,
    .server_count = 1};

static struct {
	struct issuer *issuer;
	struct token_keys *keys;
	struct arena *arena;
} f;

static int
setup(void **state)
{
	(void)state;
	crypto_init();
	f.arena = arena_new();
	f.issuer = issuer_new();
	return token_keys_parse_jwks(
	    issuer_jwks(f.issuer, false, f.arena), &f.keys, NULL);
}

static int
teardown(void **state)
{
	(void)state;
	token_keys_free(&f.keys);
	issuer_free(&f.issuer);
	arena_free(&f.arena);
	return 0;
}

/* The reason why a token is refused, or "" if it is good. */
static const char *
verdict_of(struct span token)
{
	struct token t;
	struct err e = {0};

	return token_verify(&(struct token_policy){&auth, f.keys, NOW_US},
		   token, f.arena, &t, &e) == 0
		   ? ""
		   : err_reason(&e);
}

static void
every_algorithm_verifies(void **state)
{
	static const enum token_alg all[] = {
	    TOKEN_RS256, TOKEN_ES256, TOKEN_EDDSA};
	struct token t;
	struct span claim;

	(void)state;
	assert_int_equal(token_keys_count(f.keys), 3);
	for (size_t i = 0; i < COUNT(all); i++) {
		struct span text =
		    issuer_sign(f.issuer, all[i], NULL, "{" GOOD "}", f.arena);

		assert_int_equal(
		    token_verify(&(struct token_policy){&auth, f.keys, NOW_US},
			text, f.arena, &t, NULL),
		    0);
		assert_span(t.subject, "agent");
		assert_true(span_has_word(t.scope, "a"));
		assert_true(span_has_word(t.scope, "b"));
		assert_false(span_has_word(t.scope, "a b"));
		assert_false(span_has_word(t.scope, ""));
		assert_int_equal(
		    token_claim(&t, "tenant_id", f.arena, &claim, NULL), 0);
		assert_span(claim, "acme");
		assert_int_not_equal(
		    token_claim(&t, "exp", f.arena, &claim, NULL), 0);
		assert_int_not_equal(
		    token_claim(&t, "none", f.arena, &claim, NULL), 0);
	}
}

static void
one_changed_byte_anywhere_is_refused(void **state)
{
	static const enum token_alg all[] = {
	    TOKEN_RS256, TOKEN_ES256, TOKEN_EDDSA};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct span text =
		    issuer_sign(f.issuer, all[i], NULL, "{" GOOD "}", f.arena);

		/* Not the last one: some of its bits are padding. */
		for (size_t at = 0; at + 1 < text.len; at++) {
			char *copy = arena_strndup(f.arena, text.ptr, text.len);

			copy[at] = copy[at] == 'A' ? 'B' : 'A';
			assert_string_not_equal(
			    verdict_of((struct span){copy, text.len}), "");
		}
		for (size_t len = 0; len < text.len; len++) {
			assert_string_not_equal(
			    verdict_of((struct span){text.ptr, len}), "");
		}
	}
}

/* By rows: header (NULL: the usual one), claims, the reason. */
static const struct {
	const char *header;
	const char *claims;
	const char *reason;
} tokens[] = {
    {NULL, "{" GOOD "}", ""},
    {"{'alg':'EdDSA'}", "{" GOOD "}", ""},
    {"{'alg':'EdDSA','typ':'at+jwt','kid':'ed'}", "{" GOOD "}", ""},
    {"{'alg':'none'}", "{" GOOD "}", "TOKEN_ALGORITHM_REFUSED"},
    {"{'alg':'HS256','kid':'ed'}", "{" GOOD "}", "TOKEN_ALGORITHM_REFUSED"},
    {"{'alg':'eddsa','kid':'ed'}", "{" GOOD "}", "TOKEN_ALGORITHM_REFUSED"},
    {"{'alg':'RS256','kid':'rsa'}", "{" GOOD "}", "TOKEN_SIGNATURE_INVALID"},
    {"{'alg':'ES256','kid':'ec'}", "{" GOOD "}", "TOKEN_SIGNATURE_INVALID"},
    {"{'alg':'EdDSA','kid':'new'}", "{" GOOD "}", "TOKEN_KEY_UNKNOWN"},
    {"{'alg':'EdDSA','kid':'rsa'}", "{" GOOD "}", "TOKEN_KEY_UNKNOWN"},
    {"{'alg':'EdDSA','crit':['x'],'x':1}", "{" GOOD "}", "TOKEN_MALFORMED"},
    {"{'alg':'EdDSA','b64':false}", "{" GOOD "}", "TOKEN_MALFORMED"},
    {"{'alg':'EdDSA','typ':'secevent+jwt'}", "{" GOOD "}", "TOKEN_MALFORMED"},
    {"{'alg':'EdDSA','alg':'EdDSA'}", "{" GOOD "}", "TOKEN_MALFORMED"},
    {"[]", "{" GOOD "}", "TOKEN_MALFORMED"},
    {NULL, "[]", "TOKEN_MALFORMED"},
    {NULL, "{" GOOD ",'sub':'other'}", "TOKEN_MALFORMED"},
    {NULL, "{'iss':'https://idp.example','aud':'https://mcp.example/mcp'}",
	"TOKEN_CLAIM_MISSING"},
    {NULL,
	"{'iss':'https://idp.example','aud':'https://mcp.example/mcp',"
	"'exp':'1800000600'}",
	"TOKEN_CLAIM_MISSING"},
    {NULL,
	"{'iss':'https://idp.example','aud':'https://mcp.example/mcp',"
	"'exp':1e99}",
	"TOKEN_CLAIM_MISSING"},
    {NULL,
	"{'iss':'https://idp.example','aud':'https://mcp.example/mcp',"
	"'exp':1799999969}",
	"TOKEN_EXPIRED"},
    {NULL,
	"{'iss':'https://idp.example','aud':'https://mcp.example/mcp',"
	"'exp':1799999971.5}",
	""},
    {NULL, "{" GOOD ",'nbf':1800000031}", "TOKEN_NOT_YET_VALID"},
    {NULL, "{" GOOD ",'nbf':'soon'}", "TOKEN_NOT_YET_VALID"},
    {NULL, "{" GOOD ",'nbf':1800000029}", ""},
    {NULL,
	"{'iss':'https://idp.example/','aud':'https://mcp.example/mcp',"
	"'exp':1800000600}",
	"TOKEN_ISSUER_MISMATCH"},
    {NULL, "{'aud':'https://mcp.example/mcp','exp':1800000600}",
	"TOKEN_ISSUER_MISMATCH"},
    {NULL, "{'iss':'https://idp.example','exp':1800000600}",
	"TOKEN_AUDIENCE_MISMATCH"},
    {NULL, "{'iss':'https://idp.example','aud':['x',7],'exp':1800000600}",
	"TOKEN_AUDIENCE_MISMATCH"},
    {NULL,
	"{'iss':'https://idp.example','aud':['x','https://mcp.example/mcp'],"
	"'exp':1800000600}",
	""},
    {NULL,
	"{'iss':'https://idp.example','aud':'https://mcp.example','exp':"
	"1800000600}",
	"TOKEN_AUDIENCE_MISMATCH"},
};

static void
claims_and_headers_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct span text = issuer_sign(f.issuer, TOKEN_EDDSA,
		    tokens[i].header, tokens[i].claims, f.arena);

		assert_string_equal(verdict_of(text), tokens[i].reason);
	}
	assert_string_equal(verdict_of(span_of("")), "TOKEN_MALFORMED");
	assert_string_equal(verdict_of(span_of("a.b")), "TOKEN_MALFORMED");
	assert_string_equal(verdict_of(span_of("a.b.c.d")), "TOKEN_MALFORMED");
	assert_string_equal(verdict_of(span_of("..")), "TOKEN_MALFORMED");
}

static void
an_algorithm_that_the_contract_does_not_name_is_refused(void **state)
{
	struct contract_auth narrow = auth;
	struct token t;
	struct err e = {0};

	(void)state;
	narrow.algorithms = TOKEN_ES256;
	assert_int_not_equal(
	    token_verify(&(struct token_policy){&narrow, f.keys, NOW_US},
		issuer_sign(f.issuer, TOKEN_RS256, NULL, "{" GOOD "}", f.arena),
		f.arena, &t, &e),
	    0);
	assert_string_equal(err_reason(&e), "TOKEN_ALGORITHM_REFUSED");
}

static void
unsound_key_sets_are_refused_whole(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"keys\":{}}",
	    "{\"keys\":[]}", "{\"keys\":[7]}",
	    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}",
	    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}"};
	struct token_keys *keys = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_not_equal(
		    token_keys_parse_jwks(span_of(bad[i]), &keys, NULL), 0);
		assert_null(keys);
	}
	assert_int_not_equal(
	    token_keys_parse_jwks(
		issuer_jwks(f.issuer, true, f.arena), &keys, NULL),
	    0);
}

/* A public key as other tools write it; Ed25519 of RFC 8410. */
static void
a_public_key_in_pem_is_read_and_a_private_one_refused(void **state)
{
	static const char good[] =
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
	    "-----END PUBLIC KEY-----\n";
	static const char secret[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	    "-----END PRIVATE KEY-----\n";
	struct token_keys *keys = NULL;

	(void)state;
	assert_int_equal(token_keys_parse_pem(span_of(good), &keys, NULL), 0);
	assert_int_equal(token_keys_count(keys), 1);
	token_keys_free(&keys);
	assert_int_not_equal(
	    token_keys_parse_pem(span_of(secret), &keys, NULL), 0);
	assert_int_not_equal(
	    token_keys_parse_pem(span_of("x"), &keys, NULL), 0);
}

static void
write_file(const char *path, struct span text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

/* A token as it is made now, with a time of now. */
static struct span
fresh(struct issuer *i)
{
	return issuer_sign(i, TOKEN_EDDSA, NULL,
	    arena_printf(f.arena,
		"{'iss':'https://idp.example','aud':'https://mcp.example/mcp',"
		"'exp':%lld}",
		(long long)(clock_now_us() / 1000000 + 60)),
	    f.arena);
}

static void
new_keys_are_read_and_old_tokens_forgotten(void **state)
{
	char path[] = "/tmp/countersign-keys-XXXXXX";
	struct issuer *other = issuer_new();
	struct contract_auth a = auth;
	struct verifier *v = NULL;
	struct token t;
	struct span old = fresh(f.issuer);

	(void)state;
	(void)close(mkstemp(path));
	a.jwks_file = path;
	write_file(path, issuer_jwks(f.issuer, false, f.arena));
	assert_int_equal(verifier_new(&a, &v, NULL), 0);
	assert_int_equal(verifier_check(v, old, f.arena, &t, NULL), 0);
	assert_int_equal(verifier_check(v, old, f.arena, &t, NULL), 0);
	/* Nonsense leaves the old keys. */
	write_file(path, span_of("{"));
	(void)usleep(1100000);
	assert_int_equal(verifier_check(v, old, f.arena, &t, NULL), 0);
	write_file(path, issuer_jwks(other, false, f.arena));
	(void)usleep(1100000);
	assert_int_not_equal(verifier_check(v, old, f.arena, &t, NULL), 0);
	assert_int_equal(verifier_check(v, fresh(other), f.arena, &t, NULL), 0);
	verifier_free(&v);
	(void)unlink(path);
	/* Nothing there: refused, or waited for where it is fetched. */
	assert_int_not_equal(verifier_new(&a, &v, NULL), 0);
	a.jwks_url = "https://idp.example/keys";
	assert_int_equal(verifier_new(&a, &v, NULL), 0);
	assert_int_equal(
	    verifier_check(v, old, f.arena, &t, NULL), CS_E_UNAVAILABLE);
	verifier_free(&v);
	issuer_free(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_algorithm_verifies),
	    cmocka_unit_test(one_changed_byte_anywhere_is_refused),
	    cmocka_unit_test(claims_and_headers_are_checked),
	    cmocka_unit_test(
		an_algorithm_that_the_contract_does_not_name_is_refused),
	    cmocka_unit_test(unsound_key_sets_are_refused_whole),
	    cmocka_unit_test(
		a_public_key_in_pem_is_read_and_a_private_one_refused),
	    cmocka_unit_test(new_keys_are_read_and_old_tokens_forgotten),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
