/*
 * Reviewers' signatures, from whoever reaches the control socket, and files of
 * allowed signers. The first byte chooses: a signature in binary form, one in
 * text form, a file. Nothing that the fuzzer makes may count for anybody: the
 * keys of the list are the published ones of tests/vectors/sshsig, and the
 * message is one that they never signed.
 */
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/crypto/signers.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	crypto_init();
	return 0;
}

static void
check_signature(struct span bytes)
{
	struct ssh_key key;
	struct err e = {0};

	cs_assert(sshsig_verify(bytes, span_of("never signed by anybody"), &key,
		      &e) == CS_E_INTEGRITY);
	cs_assert(strcmp(err_reason(&e), "SIGNATURE_INVALID") == 0);
}

static void
check_text(struct span text)
{
	struct buf bytes = BUF_INIT;
	struct buf again = BUF_INIT;
	struct buf same = BUF_INIT;

	if (sshsig_unarmor(text, &bytes, NULL) == 0) {
		check_signature(buf_as_span(&bytes));
		sshsig_armor(buf_as_span(&bytes), &again);
		cs_assert(
		    sshsig_unarmor(buf_as_span(&again), &same, NULL) == 0);
		cs_assert(span_equal(buf_as_span(&bytes), buf_as_span(&same)));
	}
	buf_clear(&bytes);
	buf_clear(&again);
	buf_clear(&same);
}

/* Whoever is on the list is found by the key that put them there. */
static void
check_file(struct span text)
{
	struct signers s = {.arena = arena_new()};
	struct err e = {0};

	if (signers_parse(arena_span(s.arena, text), &s, &e) == 0) {
		for (size_t i = 0; i < s.count; i++) {
			const struct signer *who = &s.list[i];
			int64_t at = who->after_us;
			const struct signer *found =
			    signers_find(&s, who->key.blob, at);
			cs_assert(at >= who->before_us ||
				  (found != NULL &&
				      strcmp(found->person, who->person) == 0));
		}
	} else {
		cs_assert(s.count == 0 && e.code == CS_E_CONFIG);
	}
	signers_clear(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest;

	if (size == 0) {
		return 0;
	}
	rest = (struct span){(const char *)data + 1, size - 1};
	switch (data[0]) {
	case 'B':
		check_signature(rest);
		break;
	case 'T':
		check_text(rest);
		break;
	default:
		check_file(rest);
	}
	return 0;
}
