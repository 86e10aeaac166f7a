/*
 * What an application answers, and a command line: neither may break anything,
 * and only a receipt that says so is anything but unknown.
 */
#include "common/base/arena.h"
#include "common/base/xalloc.h"
#include "tests/fuzz/fuzz.h"
#include "writerd/handler/answer.h"
#include "writerd/handler/words.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	char *words[WORDS_MAX + 1];
	struct arena *a = arena_new();
	struct answer out;

	answer_from_receipt(text, false, a, &out);
	cs_assert(out.status == RECEIPT_APPLIED || !out.mutated);
	cs_assert(out.rows >= 0 && out.rows <= RECEIPT_ROWS_MAX);
	answer_unsettled(&out, a);
	cs_assert(out.status != RECEIPT_FAILED);
	cs_assert(out.status != RECEIPT_CONFLICT);
	if (words_split(text, a, words)) {
		cs_assert(words[0][0] == '/');
	}
	arena_free(&a);
	return 0;
}
