/*
 * Any bytes as JSON: what is accepted can be written again, reads back as the
 * same document, and every node stays inside the text.
 */
#include "common/base/json_out.h"
#include "common/base/json_scan.h"
#include "common/base/scalar.h"
#include "common/base/str.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
check_node(const struct json_doc *doc, uint32_t i, struct arena *a)
{
	const struct json_node *n = &doc->nodes[i];
	struct scalar s;

	cs_assert(n->start <= doc->text.len && n->len > 0);
	cs_assert(n->len <= doc->text.len - n->start);
	cs_assert(n->next > i && n->next <= doc->count);
	if (n->type == JSON_STRING) {
		struct span text = json_string(doc, i, a);
		cs_assert(utf8_is_valid(text));
		cs_assert(
		    text.len == 0 || memchr(text.ptr, 0, text.len) == NULL);
	}
	if (scalar_from_json(doc, i, a, &s) == 0) {
		cs_assert(s.text.len >= 64 || scalar_is_valid(s));
	}
}

static void
rewrite(const struct json_doc *doc, struct arena *a, unsigned indent,
    struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, indent);
	json_rewrite(&j, doc, 0, a);
	cs_assert(j.depth == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct json_doc doc;
	struct json_doc again;
	struct buf compact = BUF_INIT;
	struct buf pretty = BUF_INIT;
	struct buf twice = BUF_INIT;

	if (json_scan(&doc, (struct span){(const char *)data, size}, a, NULL) ==
	    0) {
		for (uint32_t i = 0; i < doc.count; i++) {
			check_node(&doc, i, a);
		}
		rewrite(&doc, a, 0, &compact);
		rewrite(&doc, a, 2, &pretty);
		cs_assert(
		    json_scan(&again, buf_as_span(&pretty), a, NULL) == 0);
		cs_assert(again.count == doc.count);
		rewrite(&again, a, 0, &twice);
		cs_assert(
		    span_equal(buf_as_span(&compact), buf_as_span(&twice)));
	}
	buf_clear(&compact);
	buf_clear(&pretty);
	buf_clear(&twice);
	arena_free(&a);
	return 0;
}
