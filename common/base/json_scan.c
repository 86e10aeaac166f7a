#include "common/base/json_scan.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

/* What the scanner expects at the current position. */
enum expect {
	EXPECT_VALUE,
	EXPECT_FIRST_VALUE_OR_END, /* after '[' */
	EXPECT_FIRST_KEY_OR_END,   /* after '{' */
	EXPECT_KEY,                /* after ',' in an object */
	EXPECT_COLON,
	EXPECT_COMMA_OR_END
};

/* The state of one scan. `open` stands in for recursion, so that depth costs
 * four bytes and not a stack frame. */
struct scanner {
	struct json_doc *doc;
	struct arena *arena;
	struct err *err;
	const char *text;
	size_t len;
	size_t pos;
	uint32_t cap;
	uint32_t depth;
	uint32_t open[JSON_MAX_DEPTH]; /* indexes of the open containers */
};

static int
fail(struct scanner *s, const char *what)
{
	return err_set(s->err, CS_E_INVALID, "JSON_INVALID",
	    "JSON: %s at byte %zu", what, s->pos);
}

static int
node_add(struct scanner *s, enum json_type type, size_t start, size_t len)
{
	struct json_doc *doc = s->doc;

	if (doc->count == JSON_MAX_NODES) {
		return err_set(s->err, CS_E_TOO_LARGE, "JSON_TOO_LARGE",
		    "JSON: more than %u values", JSON_MAX_NODES);
	}
	/* Doubling leaves the old list in the arena: less than twice the
	 * memory, bounded by JSON_MAX_NODES. */
	if (doc->count == s->cap) {
		uint32_t cap = s->cap == 0 ? 64 : s->cap * 2;
		struct json_node *grown =
		    arena_array(s->arena, cap, sizeof(*grown));
		if (doc->count > 0) {
			memcpy(grown, doc->nodes, doc->count * sizeof(*grown));
		}
		doc->nodes = grown;
		s->cap = cap;
	}
	doc->nodes[doc->count] = (struct json_node){.type = type,
	    .start = (uint32_t)start,
	    .len = (uint32_t)len,
	    .next = doc->count + 1};
	doc->count++;
	return 0;
}

static void
skip_space(struct scanner *s)
{
	while (s->pos < s->len &&
	       (s->text[s->pos] == ' ' || s->text[s->pos] == '\t' ||
		   s->text[s->pos] == '\n' || s->text[s->pos] == '\r')) {
		s->pos++;
	}
}

/* Four hex digits at text[pos]; -1 if they are not there. */
static int
hex4(const char *text, size_t pos, size_t len)
{
	int value = 0;

	if (len - pos < 4) {
		return -1;
	}
	for (size_t i = pos; i < pos + 4; i++) {
		char c = text[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0) {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

/* Check the \u escape at pos (behind the 'u') and step over it, both halves of
 * a surrogate pair included. */
static int
scan_unicode(struct scanner *s)
{
	int code = hex4(s->text, s->pos, s->len);

	if (code < 0) {
		return fail(s, "bad \\u escape");
	}
	if (code == 0) {
		return fail(s, "NUL in a string");
	}
	s->pos += 4;
	if (code >= 0xdc00 && code <= 0xdfff) {
		return fail(s, "lone surrogate");
	}
	if (code >= 0xd800 && code <= 0xdbff) {
		int low = s->len - s->pos >= 6 && s->text[s->pos] == '\\' &&
				  s->text[s->pos + 1] == 'u'
			      ? hex4(s->text, s->pos + 2, s->len)
			      : -1;
		if (low < 0xdc00 || low > 0xdfff) {
			return fail(s, "lone surrogate");
		}
		s->pos += 6;
	}
	return 0;
}

static int
scan_escape(struct scanner *s)
{
	char c;

	s->pos++;
	if (s->pos >= s->len) {
		return fail(s, "unfinished string");
	}
	c = s->text[s->pos++];
	if (c == 'u') {
		return scan_unicode(s);
	}
	if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
		return fail(s, "unknown escape");
	}
	return 0;
}

static int
scan_string(struct scanner *s)
{
	size_t start = s->pos++;
	bool escaped = false;

	for (;;) {
		if (s->pos >= s->len) {
			return fail(s, "unfinished string");
		}
		unsigned char c = (unsigned char)s->text[s->pos];
		if (c == '"') {
			break;
		}
		if (c < 0x20) {
			return fail(s, "control character in a string");
		}
		if (c == '\\') {
			int rc = scan_escape(s);
			if (rc != 0) {
				return rc;
			}
			escaped = true;
		} else {
			s->pos++;
		}
	}
	s->pos++;
	int rc = node_add(s, JSON_STRING, start, s->pos - start);
	if (rc == 0) {
		s->doc->nodes[s->doc->count - 1].escaped = escaped;
	}
	return rc;
}

static bool
skip_digits(struct scanner *s)
{
	size_t start = s->pos;

	while (s->pos < s->len && s->text[s->pos] >= '0' &&
	       s->text[s->pos] <= '9') {
		s->pos++;
	}
	return s->pos > start;
}

static bool
at(const struct scanner *s, const char *any)
{
	return s->pos < s->len && s->text[s->pos] != '\0' &&
	       strchr(any, s->text[s->pos]) != NULL;
}

/* RFC 8259's grammar, and nothing of strtod's: no "+1", "01", "1." or "inf". */
static int
scan_number(struct scanner *s)
{
	size_t start = s->pos;

	if (at(s, "-")) {
		s->pos++;
	}
	if (at(s, "0")) {
		s->pos++;
	} else if (!skip_digits(s)) {
		return fail(s, "bad value");
	}
	if (at(s, ".")) {
		s->pos++;
		if (!skip_digits(s)) {
			return fail(s, "bad number");
		}
	}
	if (at(s, "eE")) {
		s->pos++;
		if (at(s, "+-")) {
			s->pos++;
		}
		if (!skip_digits(s)) {
			return fail(s, "bad number");
		}
	}
	return node_add(s, JSON_NUMBER, start, s->pos - start);
}

static int
scan_word(struct scanner *s, const char *word, enum json_type type)
{
	size_t len = strlen(word);

	if (s->len - s->pos < len || memcmp(s->text + s->pos, word, len) != 0) {
		return fail(s, "bad value");
	}
	s->pos += len;
	return node_add(s, type, s->pos - len, len);
}

static int
open_container(struct scanner *s, enum json_type type)
{
	if (s->depth == JSON_MAX_DEPTH) {
		return err_set(s->err, CS_E_TOO_LARGE, "JSON_TOO_DEEP",
		    "JSON: nested deeper than %d", JSON_MAX_DEPTH);
	}
	s->open[s->depth++] = s->doc->count;
	return node_add(s, type, s->pos++, 0);
}

static int
scan_value(struct scanner *s)
{
	switch (s->text[s->pos]) {
	case '"':
		return scan_string(s);
	case '{':
		return open_container(s, JSON_OBJECT);
	case '[':
		return open_container(s, JSON_ARRAY);
	case 't':
		return scan_word(s, "true", JSON_TRUE);
	case 'f':
		return scan_word(s, "false", JSON_FALSE);
	case 'n':
		return scan_word(s, "null", JSON_NULL);
	default:
		return scan_number(s);
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = len == 0 ? 0 : memcmp(x->ptr, y->ptr, len);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Two members with one name mean two readers can see two values: refuse. */
static int
check_duplicates(struct scanner *s, uint32_t object)
{
	const struct json_doc *doc = s->doc;
	uint32_t count = doc->nodes[object].count;
	struct span *keys;
	uint32_t key = object + 1;

	if (count < 2) {
		return 0;
	}
	keys = arena_array(s->arena, count, sizeof(*keys));
	for (uint32_t i = 0; i < count; i++) {
		keys[i] = json_string(doc, key, s->arena);
		key = doc->nodes[key + 1].next;
	}
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (uint32_t i = 1; i < count; i++) {
		if (span_equal(keys[i - 1], keys[i])) {
			return err_set(s->err, CS_E_INVALID,
			    "JSON_DUPLICATE_KEY",
			    "JSON: a key appears twice in the object at byte "
			    "%u",
			    doc->nodes[object].start);
		}
	}
	return 0;
}

/* A bracket must fit the innermost open container. Only now its length and
 * end are known, and its keys can be compared. */
static int
close_container(struct scanner *s, char bracket)
{
	uint32_t index;
	struct json_node *n;

	if (s->depth == 0) {
		return fail(s, "unexpected bracket");
	}
	index = s->open[s->depth - 1];
	n = &s->doc->nodes[index];
	if ((bracket == '}') != (n->type == JSON_OBJECT)) {
		return fail(s, "unexpected bracket");
	}
	s->depth--;
	s->pos++;
	n->len = (uint32_t)s->pos - n->start;
	n->next = s->doc->count;
	return n->type == JSON_OBJECT ? check_duplicates(s, index) : 0;
}

/* After a whole value: what may come now, and count it in its container. */
static enum expect
after_value(struct scanner *s)
{
	if (s->depth > 0) {
		s->doc->nodes[s->open[s->depth - 1]].count++;
	}
	return EXPECT_COMMA_OR_END;
}

static bool
in_object(const struct scanner *s)
{
	return s->depth > 0 &&
	       s->doc->nodes[s->open[s->depth - 1]].type == JSON_OBJECT;
}

/* A value or the key that comes before it. */
static int
step_value(struct scanner *s, enum expect *expect)
{
	bool key = *expect == EXPECT_KEY || *expect == EXPECT_FIRST_KEY_OR_END;
	char c = s->text[s->pos];
	int rc;

	if (*expect == EXPECT_FIRST_KEY_OR_END && c == '}') {
		rc = close_container(s, c);
		*expect = after_value(s);
		return rc;
	}
	if (*expect == EXPECT_FIRST_VALUE_OR_END && c == ']') {
		rc = close_container(s, c);
		*expect = after_value(s);
		return rc;
	}
	if (key) {
		*expect = EXPECT_COLON;
		return c == '"' ? scan_string(s) : fail(s, "expected a key");
	}
	rc = scan_value(s);
	*expect = c == '{'   ? EXPECT_FIRST_KEY_OR_END
		  : c == '[' ? EXPECT_FIRST_VALUE_OR_END
			     : after_value(s);
	return rc;
}

/* What stands between values: colon, comma, or the end of a container. */
static int
step_separator(struct scanner *s, enum expect *expect)
{
	char c = s->text[s->pos];
	int rc;

	if (*expect == EXPECT_COLON) {
		if (c != ':') {
			return fail(s, "expected ':'");
		}
		s->pos++;
		*expect = EXPECT_VALUE;
		return 0;
	}
	if (s->depth == 0) {
		return fail(s, "text after the value");
	}
	if (c == ',') {
		s->pos++;
		*expect = in_object(s) ? EXPECT_KEY : EXPECT_VALUE;
		return 0;
	}
	if (c != '}' && c != ']') {
		return fail(s, "expected ',' or the end of the container");
	}
	rc = close_container(s, c);
	if (rc == 0) {
		*expect = after_value(s);
	}
	return rc;
}

int
json_scan(
    struct json_doc *doc, struct span text, struct arena *a, struct err *e)
{
	struct scanner s = {.doc = doc,
	    .arena = a,
	    .err = e,
	    .text = text.ptr,
	    .len = text.len};
	enum expect expect = EXPECT_VALUE;

	*doc = (struct json_doc){.text = text};
	if (text.len > UINT32_MAX / 2) {
		return err_set(e, CS_E_TOO_LARGE, "JSON_TOO_LARGE",
		    "JSON: too many bytes");
	}
	/* First, over everything: what follows only has to know ASCII. */
	if (!utf8_is_valid(text)) {
		return err_set(
		    e, CS_E_INVALID, "JSON_NOT_UTF8", "JSON: not valid UTF-8");
	}
	for (skip_space(&s); s.pos < s.len; skip_space(&s)) {
		int rc = expect == EXPECT_COLON || expect == EXPECT_COMMA_OR_END
			     ? step_separator(&s, &expect)
			     : step_value(&s, &expect);
		if (rc != 0) {
			return rc;
		}
	}
	if (s.depth != 0 || expect != EXPECT_COMMA_OR_END) {
		return fail(&s, "unexpected end");
	}
	return 0;
}

struct span
json_raw(const struct json_doc *doc, uint32_t node)
{
	return (struct span){
	    doc->text.ptr + doc->nodes[node].start, doc->nodes[node].len};
}

uint32_t
json_get(const struct json_doc *doc, uint32_t object, const char *key)
{
	uint32_t k = object + 1;

	if (object == JSON_NONE || doc->nodes[object].type != JSON_OBJECT) {
		return JSON_NONE;
	}
	for (uint32_t i = 0; i < doc->nodes[object].count; i++) {
		struct span raw = json_raw(doc, k);
		/* A key with escapes is never one of ours: all are ASCII, and
		 * a spelling that differs is a different, unknown key. */
		if (raw.len - 2 == strlen(key) &&
		    memcmp(raw.ptr + 1, key, raw.len - 2) == 0) {
			return k + 1;
		}
		k = doc->nodes[k + 1].next;
	}
	return JSON_NONE;
}

/* Decode the escape at *p (behind the backslash) and step over it. */
static void
decode_escape(struct buf *out, struct span raw, size_t *p)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	char c = raw.ptr[(*p)++];
	const char *at_from = strchr(from, c);

	if (c == 'u') {
		unsigned code = (unsigned)hex4(raw.ptr, *p, raw.len);
		*p += 4;
		if (code >= 0xd800 && code <= 0xdbff) {
			unsigned low = (unsigned)hex4(raw.ptr, *p + 2, raw.len);
			code =
			    0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			*p += 6;
		}
		utf8_put(out, code);
	} else if (at_from != NULL) {
		buf_putc(out, to[at_from - from]);
	} else {
		buf_putc(out, c);
	}
}

struct span
json_string(const struct json_doc *doc, uint32_t node, struct arena *a)
{
	struct span raw = json_raw(doc, node);
	struct buf out = BUF_INIT;
	struct span copy;

	raw.ptr++;
	raw.len -= 2;
	if (!doc->nodes[node].escaped) {
		return raw;
	}
	for (size_t p = 0; p < raw.len;) {
		if (raw.ptr[p] == '\\') {
			p++;
			decode_escape(&out, raw, &p);
		} else {
			buf_putc(&out, raw.ptr[p++]);
		}
	}
	copy = arena_span(a, buf_as_span(&out));
	buf_clear(&out);
	return copy;
}

uint32_t
json_get_type(const struct json_doc *doc, uint32_t object, const char *key,
    enum json_type type)
{
	uint32_t node = json_get(doc, object, key);

	return node != JSON_NONE && doc->nodes[node].type == type ? node
								  : JSON_NONE;
}

struct span
json_get_string(const struct json_doc *doc, uint32_t object, const char *key,
    struct arena *a)
{
	uint32_t node = json_get_type(doc, object, key, JSON_STRING);

	return node == JSON_NONE ? (struct span){NULL, 0}
				 : json_string(doc, node, a);
}

int
json_int64(struct span raw, int64_t *out)
{
	bool negative = raw.len > 0 && raw.ptr[0] == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	uint64_t value = 0;

	if (raw.len == (negative ? 1U : 0U)) {
		return CS_E_INVALID;
	}
	for (size_t i = negative ? 1 : 0; i < raw.len; i++) {
		char c = raw.ptr[i];
		if (c < '0' || c > '9' ||
		    /* The comparison comes before the multiplication, so
		     * nothing overflows. */
		    value > (limit - (uint64_t)(c - '0')) / 10) {
			return CS_E_INVALID;
		}
		value = value * 10 + (uint64_t)(c - '0');
	}
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}
