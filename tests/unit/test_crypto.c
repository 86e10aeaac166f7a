/*
 * Digests, DSSE signatures and key files: the published vectors, and that no
 * changed byte ever verifies.
 */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/crypto/digest.h"
#include "common/crypto/sign.h"

static const uint8_t seed[32] = "a test seed, never a real key...";

static void
digests_have_their_text_forms(void **state)
{
	char text[DIGEST_TEXT_SIZE];
	char id[ID_TEXT_SIZE];
	char small[9];
	uint8_t bytes[DIGEST_LEN];

	(void)state;
	/* FIPS 180-2, "abc". */
	digest_text(LITERAL("abc"), text);
	assert_string_equal(text,
	    "sha256:"
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_id("wrp", LITERAL("abc"), id);
	assert_string_equal(id, "wrp_ba7816bf8f01cfea4141");
	digest_short(LITERAL("abc"), small);
	assert_string_equal(small, "ba7816bf");
	assert_int_equal(digest_parse(span_of(text), bytes), 0);
	digest_format(bytes, text);
	assert_int_equal(bytes[0], 0xba);
	digest_text((struct span){NULL, 0}, text);
	assert_string_equal(text,
	    "sha256:"
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void
only_the_exact_text_form_is_a_digest(void **state)
{
	char good[DIGEST_TEXT_SIZE];
	uint8_t bytes[DIGEST_LEN];

	(void)state;
	digest_text(LITERAL("x"), good);
	for (size_t i = 0; i < strlen(good); i++) {
		char bad[DIGEST_TEXT_SIZE];
		memcpy(bad, good, sizeof(bad));
		bad[i] = 'X';
		assert_int_not_equal(digest_parse(span_of(bad), bytes), 0);
		bad[i] = '\0';
		assert_int_not_equal(digest_parse(span_of(bad), bytes), 0);
	}
	assert_int_not_equal(digest_parse(LITERAL("sha256:"), bytes), 0);
	assert_int_not_equal(hex_decode(LITERAL("0g"), bytes, 1), 0);
	assert_int_not_equal(hex_decode(LITERAL("012"), bytes, 1), 0);
	assert_int_equal(hex_decode(LITERAL("0f"), bytes, 1), 0);
	assert_int_equal(bytes[0], 15);
}

/* https://github.com/secure-systems-lab/dsse/blob/master/protocol.md */
static void
pae_is_the_one_of_the_dsse_specification(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	dsse_pae("http://example.com/HelloWorld", LITERAL("hello world"), &out);
	assert_span(buf_as_span(&out),
	    "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
	buf_reset(&out);
	dsse_pae("", LITERAL(""), &out);
	assert_span(buf_as_span(&out), "DSSEv1 0  0 ");
	buf_clear(&out);
}

/* RFC 8032, section 7.1, TEST 1: the public key of the seed. */
static void
keys_are_those_of_rfc_8032(void **state)
{
	uint8_t bytes[32];
	char hex[65];
	struct sign_key *key;

	(void)state;
	assert_int_equal(hex_decode(LITERAL("9d61b19deffd5a60ba844af492ec2cc4"
					    "4449c5697b326919703bac031cae7f60"),
			     bytes, 32),
	    0);
	key = sign_key_from_seed(bytes);
	hex_encode(sign_key_public(key), 32, hex);
	assert_string_equal(hex, "d75a980182b10ab7d54bfed3c964073a"
				 "0ee172f3daa62325af021a68f707511a");
	sign_key_free(&key);
	assert_null(key);
}

static void
a_signature_holds_for_one_body_type_and_key(void **state)
{
	struct sign_key *key = sign_key_from_seed(seed);
	struct sign_key *other = sign_key_random();
	struct span body = LITERAL("{\"a\":1}");
	uint8_t signature[SIGNATURE_LEN];

	(void)state;
	sign_dsse(key, DSSE_TYPE_JOB, body, signature);
	assert_int_equal(
	    verify_dsse(sign_key_public(key), DSSE_TYPE_JOB, body, signature),
	    0);
	assert_int_equal(verify_dsse(sign_key_public(key), DSSE_TYPE_DECISION,
			     body, signature),
	    CS_E_INTEGRITY);
	assert_int_equal(
	    verify_dsse(sign_key_public(other), DSSE_TYPE_JOB, body, signature),
	    CS_E_INTEGRITY);
	assert_int_equal(verify_dsse(sign_key_public(key), DSSE_TYPE_JOB,
			     (struct span){body.ptr, body.len - 1}, signature),
	    CS_E_INTEGRITY);
	sign_key_free(&key);
	sign_key_free(&other);
}

/* Flip one bit in every byte of `bytes` in turn; each must break it. */
static void
every_byte_counts(char *bytes, size_t len, struct span body,
    const uint8_t *public_key, const uint8_t *signature)
{
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= (char)(1 << i % 8);
		assert_int_equal(
		    verify_dsse(public_key, DSSE_TYPE_JOB, body, signature),
		    CS_E_INTEGRITY);
		bytes[i] ^= (char)(1 << i % 8);
	}
}

static void
any_changed_byte_breaks_it(void **state)
{
	struct sign_key *key = sign_key_from_seed(seed);
	char body[] = "{\"schema_version\":\"countersign.job.v1\"}";
	struct span span = span_of(body);
	uint8_t public_key[PUBLIC_KEY_LEN];
	uint8_t signature[SIGNATURE_LEN];

	(void)state;
	memcpy(public_key, sign_key_public(key), sizeof(public_key));
	sign_dsse(key, DSSE_TYPE_JOB, span, signature);
	every_byte_counts(body, span.len, span, public_key, signature);
	every_byte_counts(
	    (char *)signature, sizeof(signature), span, public_key, signature);
	every_byte_counts((char *)public_key, sizeof(public_key), span,
	    public_key, signature);
	assert_int_equal(
	    verify_dsse(public_key, DSSE_TYPE_JOB, span, signature), 0);
	sign_key_free(&key);
}

static char folder[64];

static int
make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cs-crypto-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static const char *
path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int
remove_folder(void **state)
{
	(void)state;
	(void)unlink(path_of("key"));
	(void)unlink(path_of("key.pub"));
	return rmdir(folder);
}

static unsigned
mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(path_of(name), &st), 0);
	return st.st_mode & 07777U;
}

static void
a_key_file_is_made_once_and_private(void **state)
{
	struct sign_key *key = NULL;
	struct sign_key *again = NULL;
	uint8_t public_key[PUBLIC_KEY_LEN];
	struct err e = {0};
	mode_t mask = umask(0);

	(void)state;
	assert_int_equal(sign_key_open_or_create(path_of("key"), &key, &e), 0);
	(void)umask(mask);
	assert_int_equal(mode_of("key"), 0600);
	assert_int_equal(mode_of("key.pub"), 0644);
	assert_int_equal(
	    sign_key_open_or_create(path_of("key"), &again, &e), 0);
	assert_memory_equal(sign_key_public(key), sign_key_public(again), 32);
	assert_int_equal(
	    public_key_load(path_of("key.pub"), public_key, &e), 0);
	assert_memory_equal(sign_key_public(key), public_key, 32);
	sign_key_free(&key);
	sign_key_free(&again);
}

static void
a_key_file_that_others_can_touch_is_refused(void **state)
{
	static const mode_t modes[] = {0660, 0602, 0640, 0604};
	struct sign_key *key = NULL;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(path_of("key"), modes[i]), 0);
		assert_int_equal(
		    sign_key_open_or_create(path_of("key"), &key, &e),
		    CS_E_DENIED);
		assert_null(key);
	}
	assert_int_equal(chmod(path_of("key"), 0600), 0);
}

static void
a_damaged_key_file_is_never_replaced(void **state)
{
	static const char *const bad[] = {"", "\n", "00\n",
	    "zz61b19deffd5a60ba844af492ec2cc44449c5697b32691970"};
	struct sign_key *key = NULL;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(file_write_atomic(path_of("key"), bad[i],
				     strlen(bad[i]), 0600, &e),
		    0);
		assert_int_equal(
		    sign_key_open_or_create(path_of("key"), &key, &e),
		    CS_E_INTEGRITY);
		assert_string_equal(err_reason(&e), "SIGNING_KEY_INVALID");
	}
	assert_int_equal(
	    public_key_load(path_of("key"), (uint8_t[32]){0}, &e), CS_E_CONFIG);
}

static void
a_link_is_not_a_key_file(void **state)
{
	struct sign_key *key = NULL;
	struct err e = {0};

	(void)state;
	(void)unlink(path_of("key"));
	assert_int_equal(symlink("key.pub", path_of("key")), 0);
	assert_int_not_equal(
	    sign_key_open_or_create(path_of("key"), &key, &e), 0);
	assert_null(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digests_have_their_text_forms),
	    cmocka_unit_test(only_the_exact_text_form_is_a_digest),
	    cmocka_unit_test(pae_is_the_one_of_the_dsse_specification),
	    cmocka_unit_test(keys_are_those_of_rfc_8032),
	    cmocka_unit_test(a_signature_holds_for_one_body_type_and_key),
	    cmocka_unit_test(any_changed_byte_breaks_it),
	    cmocka_unit_test(a_key_file_is_made_once_and_private),
	    cmocka_unit_test(a_key_file_that_others_can_touch_is_refused),
	    cmocka_unit_test(a_damaged_key_file_is_never_replaced),
	    cmocka_unit_test(a_link_is_not_a_key_file),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
