/*
 * Signatures by OpenSSH keys and the file that says whose they are. The vectors
 * in tests/vectors/sshsig were made by ssh-keygen (sk: by PROTOCOL.u2f, checked
 * by ssh-keygen): what it accepts is accepted, and less.
 */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/crypto/digest.h"
#include "common/crypto/signers.h"

#define FOLDER CS_SOURCE_DIR "/tests/vectors/sshsig/"
/* 2026-07-01 */
#define NOW INT64_C(1782864000000000)

static struct buf
load(const char *name)
{
	struct buf path = BUF_INIT;
	struct buf out = BUF_INIT;
	int fd;

	buf_printf(&path, FOLDER "%s", name);
	fd = open(path.data, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_rest(fd, 65536, &out, NULL), 0);
	fd_close(&fd);
	buf_clear(&path);
	return out;
}

static struct buf
load_signature(const char *name)
{
	struct buf text = load(name);
	struct buf out = BUF_INIT;

	assert_int_equal(sshsig_unarmor(buf_as_span(&text), &out, NULL), 0);
	buf_clear(&text);
	return out;
}

static int
verify(const char *signature, struct ssh_key *key)
{
	struct buf bytes = load_signature(signature);
	struct buf statement = load("statement");
	struct err e = {0};
	int rc = sshsig_verify(
	    buf_as_span(&bytes), buf_as_span(&statement), key, &e);

	buf_clear(&bytes);
	buf_clear(&statement);
	return rc;
}

static void
what_openssh_signed_for_us_holds_and_nothing_else(void **state)
{
	struct ssh_key key;

	(void)state;
	assert_int_equal(verify("ed25519.sig", &key), 0);
	assert_false(key.hardware);
	assert_int_equal(verify("ed25519-sha256.sig", &key), 0);
	assert_int_equal(verify("sk.sig", &key), 0);
	assert_true(key.hardware);
	assert_int_equal(verify("sk-untouched.sig", &key), CS_E_INTEGRITY);
	assert_int_equal(verify("other-namespace.sig", &key), CS_E_INTEGRITY);
	assert_int_equal(verify("ecdsa.sig", &key), CS_E_INTEGRITY);
}

static void
every_changed_byte_and_every_cut_is_refused(void **state)
{
	static const char *const names[] = {"ed25519.sig", "sk.sig"};
	struct buf statement = load("statement");

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		struct buf good = load_signature(names[n]);
		struct ssh_key key;
		for (size_t i = 0; i < good.len; i++) {
			good.data[i] ^= 1;
			assert_int_not_equal(
			    sshsig_verify(buf_as_span(&good),
				buf_as_span(&statement), &key, NULL),
			    0);
			good.data[i] ^= 1;
			assert_int_not_equal(
			    sshsig_verify((struct span){good.data, i},
				buf_as_span(&statement), &key, NULL),
			    0);
		}
		for (size_t i = 0; i < statement.len; i++) {
			statement.data[i] ^= 1;
			assert_int_not_equal(
			    sshsig_verify(buf_as_span(&good),
				buf_as_span(&statement), &key, NULL),
			    0);
			statement.data[i] ^= 1;
		}
		buf_putc(&good, 'x');
		assert_int_not_equal(sshsig_verify(buf_as_span(&good),
					 buf_as_span(&statement), &key, NULL),
		    0);
		buf_clear(&good);
	}
	buf_clear(&statement);
}

static void
armor_is_what_ssh_keygen_writes(void **state)
{
	struct buf text = load("ed25519.sig");
	struct buf bytes = load_signature("ed25519.sig");
	struct buf again = BUF_INIT;

	(void)state;
	sshsig_armor(buf_as_span(&bytes), &again);
	assert_string_equal(again.data, text.data);
	assert_int_equal(
	    sshsig_unarmor(LITERAL("-----BEGIN SSH SIGNATURE-----\n!\n"
				   "-----END SSH SIGNATURE-----\n"),
		&again, NULL),
	    CS_E_INVALID);
	assert_int_equal(
	    sshsig_unarmor(LITERAL(""), &again, NULL), CS_E_INVALID);
	buf_clear(&text);
	buf_clear(&bytes);
	buf_clear(&again);
}

/* The file of the vectors, or one text instead of it. */
static int
parse(const char *text, struct signers *out)
{
	struct buf file = load("allowed_signers");
	int rc;

	*out = (struct signers){.arena = arena_new()};
	rc = signers_parse(
	    arena_span(
		out->arena, text == NULL ? buf_as_span(&file) : span_of(text)),
	    out, NULL);
	buf_clear(&file);
	return rc;
}

static int
claim(const char *signature, const char *person, const char *role, int64_t at)
{
	struct buf bytes = load_signature(signature);
	struct buf statement = load("statement");
	struct signers s;
	struct err e = {0};
	int rc;

	assert_int_equal(parse(NULL, &s), 0);
	rc = signers_verify(&s,
	    &(struct signed_claim){.signature = buf_as_span(&bytes),
		.message = buf_as_span(&statement),
		.person = span_of(person),
		.role = role,
		.at_us = at},
	    &e);
	buf_clear(&bytes);
	buf_clear(&statement);
	signers_clear(&s);
	return rc == 0                                               ? 0
	       : strcmp(err_reason(&e), "SIGNATURE_INVALID") == 0    ? 1
	       : strcmp(err_reason(&e), "SIGNER_UNKNOWN") == 0       ? 2
	       : strcmp(err_reason(&e), "SIGNER_MISMATCH") == 0      ? 3
	       : strcmp(err_reason(&e), "SIGNER_ROLE_REQUIRED") == 0 ? 4
								     : 5;
}

static void
a_signature_counts_for_its_person_role_and_time(void **state)
{
	(void)state;
	assert_int_equal(claim("ed25519.sig", "ada", "lead", NOW), 0);
	assert_int_equal(claim("ed25519.sig", "ada", "finance", NOW), 0);
	assert_int_equal(claim("ed25519.sig", "ada", NULL, NOW), 0);
	assert_int_equal(claim("ed25519.sig", "ada", "root", NOW), 4);
	assert_int_equal(claim("ed25519.sig", "bob", "lead", NOW), 3);
	assert_int_equal(claim("sk.sig", "bob", "lead", NOW), 0);
	/* 2025-12-31 and 2027-01-01: outside of its window. */
	assert_int_equal(
	    claim("sk.sig", "bob", "lead", INT64_C(1767139200000000)), 2);
	assert_int_equal(
	    claim("sk.sig", "bob", "lead", INT64_C(1798761600000000)), 2);
	assert_int_equal(claim("other-namespace.sig", "ada", "lead", NOW), 1);
}

/* The key of "ada", and one of nobody. */
#define KEY_A                                                              \
	"ssh-ed25519 "                                                     \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAB"
#define KEY_B                                                              \
	"ssh-ed25519 "                                                     \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAC"

static void
only_what_is_understood_is_accepted(void **state)
{
	static const struct {
		const char *text;
		int keys; /* -1: the file is refused */
	} files[] = {
	    {"", 0},
	    {"# nobody\n\n   \n", 0},
	    {"ada " KEY_A, 1},
	    {"ada,role:a,role:b " KEY_A " comment here\r\n", 1},
	    {"ada namespaces=\"git,countersign\" " KEY_A, 1},
	    {"ada namespaces=\"git\" " KEY_A, 0},
	    {"ada " KEY_A "\nada " KEY_B, 2},
	    {"ada " KEY_A "\nbob " KEY_A, -1},
	    {"ada,bob " KEY_A, -1},
	    {"role:lead " KEY_A, -1},
	    {"* " KEY_A, -1},
	    {"ada,role:* " KEY_A, -1},
	    {"ada cert-authority " KEY_A, -1},
	    {"ada valid-after=\"20260101\" " KEY_A, -1},
	    {"ada valid-after=\"2026010\" " KEY_A, -1},
	    {"ada valid-after=\"202601011200Z\" " KEY_A, 1},
	    {"ada valid-before=\"20261301Z\" " KEY_A, -1},
	    {"ada valid-before=\"202602301260Z\" " KEY_A, -1},
	    {"ada no-such-option " KEY_A, -1},
	    {"ada ssh-ed25519", -1},
	    {"ada ssh-ed25519 AAAA", -1},
	    {"ada ssh-ed25519 !!!!", -1},
	    {"ada ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB", -1},
	    {"ada", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct signers s;
		int rc = parse(files[i].text, &s);
		if ((rc == 0 ? (int)s.count : -1) != files[i].keys) {
			fail_msg("%s: %d", files[i].text,
			    rc == 0 ? (int)s.count : -1);
		}
		/* A file that is refused leaves nobody on the list. */
		assert_true(rc == 0 || s.count == 0);
		signers_clear(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_openssh_signed_for_us_holds_and_nothing_else),
	    cmocka_unit_test(every_changed_byte_and_every_cut_is_refused),
	    cmocka_unit_test(armor_is_what_ssh_keygen_writes),
	    cmocka_unit_test(a_signature_counts_for_its_person_role_and_time),
	    cmocka_unit_test(only_what_is_understood_is_accepted),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
