/*
 * Any bytes as a client's configuration: an entry gets in and out again, the
 * result is readable, and nothing else of the document changes.
 */
#include "cli/client/edit.h"
#include "cli/jsonc.h"
#include "common/base/arena.h"
#include "common/base/json_out.h"
#include "common/base/json_scan.h"
#include "common/base/xalloc.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* The document without comments, compact. */
static void
plain(const struct buf *text, struct buf *out)
{
	struct arena *a = arena_new();
	char *copy = arena_strndup(a, buf_text(text), text->len);
	struct json_doc doc;
	struct json_out j;

	jsonc_blank(copy, text->len);
	cs_assert(
	    json_scan(&doc, (struct span){copy, text->len}, a, NULL) == 0);
	json_begin(&j, out, 0);
	json_rewrite(&j, &doc, 0, a);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct edit_place p = {"servers", "x"};
	struct span text = {(const char *)data, size};
	struct span entry = span_of("{\n  \"command\": \"c\"\n}");
	struct buf once = BUF_INIT, twice = BUF_INIT, out = BUF_INIT;
	struct buf had = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	bool was_there = edit_find(text, &p, &had);

	if (edit_set(text, &p, entry, &once, NULL) == 0) {
		cs_assert(edit_find(buf_as_span(&once), &p, &a));
		cs_assert(
		    edit_set(buf_as_span(&once), &p, entry, &twice, NULL) == 0);
		buf_reset(&a);
		plain(&once, &a);
		plain(&twice, &b);
		cs_assert(span_equal(buf_as_span(&a), buf_as_span(&b)));
		cs_assert(edit_remove(buf_as_span(&once), &p, &out, NULL) == 0);
		cs_assert(!edit_find(buf_as_span(&out), &p, &had));
		/* Set again where it was: the same document as once. */
		if (!was_there) {
			buf_reset(&twice);
			cs_assert(edit_set(buf_as_span(&out), &p, entry, &twice,
				      NULL) == 0);
			buf_reset(&b);
			plain(&twice, &b);
			cs_assert(span_equal(buf_as_span(&a), buf_as_span(&b)));
		}
	}
	buf_clear(&once);
	buf_clear(&twice);
	buf_clear(&out);
	buf_clear(&had);
	buf_clear(&a);
	buf_clear(&b);
	return 0;
}
