#include "common/base/scalar.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

bool
scalar_equal(struct scalar a, struct scalar b)
{
	return a.kind == b.kind &&
	       (a.kind == SCALAR_NULL || span_equal(a.text, b.text));
}

/* A number that came over the wire must be the very text that we would
 * write, or its hash would differ from ours. */
static bool
is_canonical_number(struct span text)
{
	struct buf again = BUF_INIT;
	bool same;

	/* Only characters of a number: strtod knows more than JSON does. */
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\0' ||
		    strchr("0123456789+-.e", text.ptr[i]) == NULL) {
			return false;
		}
	}
	same = text.len < 64 && json_number_canonical(text, &again) == 0 &&
	       span_equal(text, buf_as_span(&again));
	buf_clear(&again);
	return same;
}

bool
scalar_is_valid(struct scalar s)
{
	switch (s.kind) {
	case SCALAR_NULL:
		return s.text.len == 0;
	case SCALAR_BOOL:
		return span_is(s.text, "true") || span_is(s.text, "false");
	case SCALAR_NUMBER:
		return is_canonical_number(s.text);
	case SCALAR_TEXT:
		return utf8_is_valid(s.text) &&
		       (s.text.len == 0 ||
			   memchr(s.text.ptr, 0, s.text.len) == NULL);
	case SCALAR_KINDS:
	default:
		return false;
	}
}

void
scalar_put(struct json_out *j, struct scalar s)
{
	if (s.kind == SCALAR_TEXT) {
		json_put_span(j, s.text);
	} else {
		json_put_raw(j, scalar_as_string(s));
	}
}

void
scalars_put(struct json_out *j, const struct named_scalar *list, size_t count)
{
	json_open(j, '{');
	for (size_t i = 0; i < count; i++) {
		json_key_span(j, list[i].name);
		scalar_put(j, list[i].value);
	}
	json_close(j, '}');
}

int
scalar_from_json(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct scalar *out)
{
	struct buf number = BUF_INIT;

	*out = (struct scalar){.kind = SCALAR_NULL};
	switch (doc->nodes[node].type) {
	case JSON_NULL:
		return 0;
	case JSON_FALSE:
	case JSON_TRUE:
		*out = (struct scalar){SCALAR_BOOL, json_raw(doc, node)};
		return 0;
	case JSON_STRING:
		*out = (struct scalar){SCALAR_TEXT, json_string(doc, node, a)};
		return 0;
	case JSON_NUMBER:
		if (json_number_canonical(json_raw(doc, node), &number) != 0) {
			buf_clear(&number);
			return CS_E_INVALID;
		}
		*out = (struct scalar){
		    SCALAR_NUMBER, arena_span(a, buf_as_span(&number))};
		buf_clear(&number);
		return 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
	default:
		return CS_E_INVALID;
	}
}

const struct named_scalar *
scalars_find(const struct named_scalar *list, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++) {
		if (span_equal(list[i].name, name)) {
			return &list[i];
		}
	}
	return NULL;
}

struct span
scalar_as_string(struct scalar s)
{
	return s.kind == SCALAR_NULL ? span_of("null") : s.text;
}
