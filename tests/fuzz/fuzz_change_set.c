/*
 * Any bytes as a stored change set. What is accepted has the hash that it
 * claims, and the job that follows from it follows from it.
 */
#include "proto/job.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rehash.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	crypto_init();
	return 0;
}

/* A job made from it must parse and be what follows from it. */
static void
check_job(const struct change_set *cs, struct arena *a)
{
	struct job_input in = {.change_set = cs,
	    .engine = "postgres",
	    .contract_digest = span_of("sha256:x"),
	    .attempt = 1};
	struct buf payload = BUF_INIT;
	struct job job;

	job_build(&in, &payload);
	if (job_parse(buf_as_span(&payload), a, &job, NULL) == 0) {
		size_t len = job.change_set.len;
		cs_assert(job_check_derivation(&job, cs, a, NULL) == 0);
		/* Blanks around a document are not part of the member. */
		cs_assert(len <= cs->stored.len);
		cs_assert(len < cs->stored.len ||
			  span_equal(job.change_set, cs->stored));
	}
	buf_clear(&payload);
}

static void
try(struct span text, struct arena *a)
{
	struct change_set cs;
	struct span again;

	if (change_set_parse(text, a, &cs, NULL) == 0) {
		again = rehash(text, a);
		cs_assert(span_equal(again, text));
		cs_assert(cs.hash.len == DIGEST_TEXT_SIZE - 1);
		check_job(&cs, a);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	struct arena *a = arena_new();

	try(text, a);
	try(rehash(text, a), a);
	arena_free(&a);
	return 0;
}
