#include "common/base/json_out.h"

#include <math.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_scan.h"
#include "common/base/xalloc.h"

void
json_begin(struct json_out *j, struct buf *out, unsigned indent)
{
	*j = (struct json_out){.buf = out, .indent = indent};
}

static void
new_line(struct json_out *j)
{
	if (j->indent > 0) {
		buf_putc(j->buf, '\n');
		for (unsigned i = 0; i < j->depth * j->indent; i++) {
			buf_putc(j->buf, ' ');
		}
	}
}

/* Comma, line break and indentation before an element or a key. */
static void
before_item(struct json_out *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->comma) {
		buf_putc(j->buf, ',');
	}
	if (j->depth > 0) {
		new_line(j);
	}
	j->comma = true;
}

void
json_open(struct json_out *j, char bracket)
{
	before_item(j);
	buf_putc(j->buf, bracket);
	j->depth++;
	j->comma = false;
}

void
json_close(struct json_out *j, char bracket)
{
	cs_assert(j->depth > 0 && !j->after_key);
	j->depth--;
	/* Empty containers stay on one line, as JSON.stringify writes them. */
	if (j->comma) {
		new_line(j);
	}
	buf_putc(j->buf, bracket);
	j->comma = true;
}

void
json_key_span(struct json_out *j, struct span key)
{
	cs_assert(!j->after_key);
	before_item(j);
	json_quote(j->buf, key);
	buf_puts(j->buf, j->indent > 0 ? ": " : ":");
	j->after_key = true;
}

void
json_key(struct json_out *j, const char *key)
{
	json_key_span(j, span_of(key));
}

void
json_put_raw(struct json_out *j, struct span raw)
{
	before_item(j);
	buf_span(j->buf, raw);
}

void
json_put_null(struct json_out *j)
{
	json_put_raw(j, span_of("null"));
}

void
json_put_bool(struct json_out *j, bool value)
{
	json_put_raw(j, span_of(value ? "true" : "false"));
}

void
json_put_int(struct json_out *j, int64_t value)
{
	before_item(j);
	buf_printf(j->buf, "%lld", (long long)value);
}

void
json_put_span(struct json_out *j, struct span text)
{
	before_item(j);
	json_quote(j->buf, text);
}

void
json_put_text(struct json_out *j, const char *text)
{
	if (text == NULL) {
		json_put_null(j);
	} else {
		json_put_span(j, span_of(text));
	}
}

void
json_field_text(struct json_out *j, const char *key, const char *text)
{
	json_key(j, key);
	json_put_text(j, text);
}

void
json_field_span(struct json_out *j, const char *key, struct span text)
{
	json_key(j, key);
	json_put_span(j, text);
}

void
json_field_int(struct json_out *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_put_int(j, value);
}

void
json_field_bool(struct json_out *j, const char *key, bool value)
{
	json_key(j, key);
	json_put_bool(j, value);
}

void
json_field_null(struct json_out *j, const char *key)
{
	json_key(j, key);
	json_put_null(j);
}

void
json_field_raw(struct json_out *j, const char *key, struct span raw)
{
	json_key(j, key);
	json_put_raw(j, raw);
}

void
json_quote(struct buf *out, struct span text)
{
	static const char shorts[] = "\b\t\n\f\r\"\\";
	static const char letters[] = "btnfr\"\\";
	size_t run = 0;

	buf_putc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		const char *found;

		if (c >= 0x20 && c != '"' && c != '\\') {
			continue;
		}
		buf_append(out, text.ptr + run, i - run);
		run = i + 1;
		found = c == 0 ? NULL : strchr(shorts, c);
		if (found != NULL) {
			buf_putc(out, '\\');
			buf_putc(out, letters[found - shorts]);
		} else {
			buf_printf(out, "\\u%04x", c);
		}
	}
	buf_append(out, text.ptr + run, text.len - run);
	buf_putc(out, '"');
}

static void
put_scalar(struct json_out *j, const struct json_doc *doc, uint32_t node,
    struct arena *a)
{
	struct buf number = BUF_INIT;

	if (doc->nodes[node].type == JSON_STRING) {
		json_put_span(j, json_string(doc, node, a));
	} else if (doc->nodes[node].type == JSON_NUMBER &&
		   json_number_canonical(json_raw(doc, node), &number) == 0) {
		json_put_raw(j, buf_as_span(&number));
	} else {
		json_put_raw(j, json_raw(doc, node));
	}
	buf_clear(&number);
}

void
json_rewrite(struct json_out *j, const struct json_doc *doc, uint32_t node,
    struct arena *a)
{
	uint32_t open[JSON_MAX_DEPTH];
	unsigned depth = 0;

	for (uint32_t i = node; i < doc->nodes[node].next || depth > 0;) {
		while (depth > 0 && doc->nodes[open[depth - 1]].next == i) {
			depth--;
			json_close(j,
			    doc->nodes[open[depth]].type == JSON_OBJECT ? '}'
									: ']');
		}
		if (i >= doc->nodes[node].next) {
			break;
		}
		if (depth > 0 &&
		    doc->nodes[open[depth - 1]].type == JSON_OBJECT &&
		    !j->after_key) {
			json_key_span(j, json_string(doc, i, a));
			i++;
		}
		if (doc->nodes[i].type >= JSON_ARRAY) {
			json_open(
			    j, doc->nodes[i].type == JSON_OBJECT ? '{' : '[');
			open[depth++] = i;
		} else {
			put_scalar(j, doc, i, a);
		}
		i++;
	}
}

/* Digits and exponent of the shortest text that reads back as `value` (> 0):
 * value = 0.d1d2d3… * 10^*point. */
static int
shortest_digits(double value, char digits[20], int *point)
{
	char text[40] = "";
	int count = 0;

	/* The fewest digits that read back the same: what ECMAScript asks
	 * for. */
	for (int precision = 0; precision < 17; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision, value);
		if (strtod(text, NULL) == value) {
			break;
		}
	}
	for (const char *p = text; *p != 'e' && *p != '\0'; p++) {
		if (*p != '.') {
			digits[count++] = *p;
		}
	}
	while (count > 1 && digits[count - 1] == '0') {
		count--;
	}
	*point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
	return count;
}

static void
put_zeros(struct buf *out, int count)
{
	for (int i = 0; i < count; i++) {
		buf_putc(out, '0');
	}
}

/* ECMA-262 Number::toString, radix 10. */
void
json_number_es(double value, struct buf *out)
{
	char digits[20] = "";
	int point = 0;
	int count;

	if (!isfinite(value)) {
		buf_puts(out, "null");
		return;
	}
	if (value == 0) {
		buf_putc(out, '0');
		return;
	}
	if (value < 0) {
		buf_putc(out, '-');
		value = -value;
	}
	count = shortest_digits(value, digits, &point);
	if (point > 0 && point <= 21) {
		int whole = count < point ? count : point;
		buf_append(out, digits, (size_t)whole);
		put_zeros(out, point - whole);
		if (count > point) {
			buf_putc(out, '.');
			buf_append(
			    out, digits + point, (size_t)(count - point));
		}
	} else if (point > -6 && point <= 0) {
		buf_puts(out, "0.");
		put_zeros(out, -point);
		buf_append(out, digits, (size_t)count);
	} else {
		buf_putc(out, digits[0]);
		if (count > 1) {
			buf_putc(out, '.');
			buf_append(out, digits + 1, (size_t)(count - 1));
		}
		buf_printf(out, "e%c%d", point - 1 < 0 ? '-' : '+',
		    point - 1 < 0 ? 1 - point : point - 1);
	}
}

int
json_number_canonical(struct span raw, struct buf *out)
{
	char text[64];
	int64_t whole = 0;
	double value;

	/* Before any double: an int64 beyond 2^53 would be rounded. */
	if (json_int64(raw, &whole) == 0) {
		buf_printf(out, "%lld", (long long)whole);
		return 0;
	}
	if (raw.len == 0) {
		return CS_E_INVALID;
	}
	if (raw.len < sizeof(text)) {
		memcpy(text, raw.ptr, raw.len);
		text[raw.len] = '\0';
		value = strtod(text, NULL);
	} else {
		/* Longer than any number needs: read it from a copy. */
		struct buf copy = BUF_INIT;
		buf_span(&copy, raw);
		value = strtod(buf_text(&copy), NULL);
		buf_clear(&copy);
	}
	if (!isfinite(value)) {
		return CS_E_INVALID;
	}
	json_number_es(value, out);
	return 0;
}
