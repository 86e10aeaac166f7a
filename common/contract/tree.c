#include "common/contract/tree.h"

#include "common/base/arena.h"
#include "common/base/json_out.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

#define PATH_MAX_BYTES 1024U

/* Decoding once keeps every later comparison free of escapes, and free of
 * allocations. */
void
tree_init(struct tree *t, const struct json_doc *doc, struct arena *a)
{
	*t = (struct tree){.doc = doc};
	t->text = arena_array(a, doc->count, sizeof(*t->text));
	t->is_key = arena_array(a, doc->count, sizeof(*t->is_key));
	for (uint32_t i = 0; i < doc->count; i++) {
		const struct json_node *n = &doc->nodes[i];
		if (n->type == JSON_STRING) {
			t->text[i] = json_string(doc, i, a);
		}
		if (n->type == JSON_OBJECT) {
			uint32_t key = i + 1;
			for (uint32_t left = n->count; left > 0; left--) {
				t->is_key[key] = true;
				key = doc->nodes[key + 1].next;
			}
		}
	}
}

bool
tree_is(const struct tree *t, uint32_t node, enum json_type type)
{
	cs_assert(node == JSON_NONE || node < t->doc->count);
	return node != JSON_NONE && t->doc->nodes[node].type == type;
}

/* Anything but a container has nothing to walk. */
struct tree_iter
tree_each(const struct tree *t, uint32_t container)
{
	struct tree_iter it = {
	    .object = tree_is_object(t, container), .value = JSON_NONE};

	if (it.object || tree_is(t, container, JSON_ARRAY)) {
		it.pos = container + 1;
		it.left = t->doc->nodes[container].count;
	}
	return it;
}

/* Keys are nodes of their own in front of their values. */
bool
tree_next(const struct tree *t, struct tree_iter *it)
{
	if (it->left == 0) {
		return false;
	}
	it->left--;
	if (it->object) {
		it->key = t->text[it->pos++];
	}
	it->value = it->pos;
	it->pos = t->doc->nodes[it->pos].next;
	return true;
}

/* A linear walk: contracts are small and read once. */
uint32_t
tree_find(const struct tree *t, uint32_t object, struct span key)
{
	struct tree_iter it = tree_each(t, object);

	while (it.object && tree_next(t, &it)) {
		if (span_equal(it.key, key)) {
			return it.value;
		}
	}
	return JSON_NONE;
}

uint32_t
tree_get(const struct tree *t, uint32_t object, const char *key)
{
	return tree_find(t, object, span_of(key));
}

uint32_t
tree_count(const struct tree *t, uint32_t node)
{
	return tree_each(t, node).left;
}

/* The empty text for what is no string: no rule accepts it. */
struct span
tree_text(const struct tree *t, uint32_t node)
{
	return node == JSON_NONE ? (struct span){NULL, 0} : t->text[node];
}

bool
tree_is_object(const struct tree *t, uint32_t node)
{
	return tree_is(t, node, JSON_OBJECT);
}

bool
tree_is_bool(const struct tree *t, uint32_t node)
{
	return tree_is(t, node, JSON_TRUE) || tree_is(t, node, JSON_FALSE);
}

bool
tree_is_string(const struct tree *t, uint32_t node)
{
	return tree_is(t, node, JSON_STRING);
}

bool
tree_is_text(const struct tree *t, uint32_t node, const char *text)
{
	return tree_is_string(t, node) && span_is(t->text[node], text);
}

bool
tree_is_map(const struct tree *t, uint32_t node)
{
	return tree_is_object(t, node) && tree_count(t, node) > 0;
}

bool
tree_is_list(const struct tree *t, uint32_t node)
{
	return tree_is(t, node, JSON_ARRAY) && tree_count(t, node) > 0;
}

/* Blank as JavaScript's trim() sees it. */
bool
tree_is_filled(const struct tree *t, uint32_t node)
{
	return text_trim(tree_text(t, node)).len > 0;
}

bool
tree_is_env(const struct tree *t, uint32_t node)
{
	return str_is_env_name(tree_text(t, node));
}

bool
tree_is_identifier(const struct tree *t, uint32_t node)
{
	return str_is_identifier(tree_text(t, node));
}

/* 1e999 is a JSON number but no finite one. */
bool
tree_number(const struct tree *t, uint32_t node, struct buf *out)
{
	return tree_is(t, node, JSON_NUMBER) &&
	       json_number_canonical(json_raw(t->doc, node), out) == 0;
}

bool
tree_is_finite(const struct tree *t, uint32_t node)
{
	struct buf number = BUF_INIT;
	bool finite = tree_number(t, node, &number);

	buf_clear(&number);
	return finite;
}

/* Integral is every double from 1e21 on, the only ones written with "e+". */
bool
tree_is_positive(const struct tree *t, uint32_t node)
{
	struct buf number = BUF_INIT;
	bool positive = false;

	if (tree_number(t, node, &number)) {
		const char *text = buf_text(&number);
		positive =
		    text[0] != '-' && strcmp(text, "0") != 0 &&
		    (strpbrk(text, ".e") == NULL || strstr(text, "e+") != NULL);
	}
	buf_clear(&number);
	return positive;
}

int
tree_choice(const struct tree *t, uint32_t node, const char *const *list)
{
	for (int i = 0; list[i] != NULL; i++) {
		if (tree_is_text(t, node, list[i])) {
			return i;
		}
	}
	return -1;
}

/* Step from `container` to its child that holds `node`; append its name. */
static uint32_t
path_step(
    const struct tree *t, uint32_t container, uint32_t node, struct buf *out)
{
	struct tree_iter it = tree_each(t, container);
	uint32_t index = 0;

	while (tree_next(t, &it) && t->doc->nodes[it.value].next <= node) {
		index++;
	}
	if (it.object) {
		buf_putc(out, '.');
		buf_span(out, it.key);
	} else {
		buf_printf(out, "[%u]", index);
	}
	return it.value;
}

/* Found by walking down from the root, so that no path is kept while all is
 * well. */
void
tree_path(
    const struct tree *t, const char *root, uint32_t node, struct buf *out)
{
	size_t start = out->len;
	uint32_t at = 0;

	buf_puts(out, root);
	while (at < node && out->len - start < PATH_MAX_BYTES) {
		at = path_step(t, at, node, out);
	}
	if (out->len - start > PATH_MAX_BYTES) {
		size_t keep = start + PATH_MAX_BYTES;
		/* Not in the middle of a character. */
		while (((unsigned char)out->data[keep] & 0xc0U) == 0x80) {
			keep--;
		}
		out->len = keep;
		buf_puts(out, "...");
	}
}

/* ECMAScript's WhiteSpace and LineTerminator. */
bool
text_is_space(unsigned c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0xa0 ||
	       c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000 ||
	       c == 0xfeff;
}

struct span
text_trim(struct span s)
{
	size_t first = s.len;
	size_t last = s.len;
	size_t pos = 0;

	while (pos < s.len) {
		size_t start = pos;
		if (!text_is_space(utf8_next(s, &pos))) {
			first = first == s.len ? start : first;
			last = pos;
		}
	}
	return first == s.len ? (struct span){s.ptr, 0}
			      : (struct span){s.ptr + first, last - first};
}
