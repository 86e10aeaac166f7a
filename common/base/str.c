#include "common/base/str.h"

#include <strings.h>

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* First character a letter or underscore, others also digits or `extra`. */
static bool
is_word(struct span s, const char *extra)
{
	if (s.len == 0 || !is_alpha(s.ptr[0])) {
		return false;
	}
	for (size_t i = 1; i < s.len; i++) {
		char c = s.ptr[i];
		if (!is_alpha(c) && !is_digit(c) &&
		    (c == '\0' || strchr(extra, c) == NULL)) {
			return false;
		}
	}
	return true;
}

bool
str_is_identifier(struct span s)
{
	return is_word(s, "");
}

bool
str_is_name(struct span s)
{
	return is_word(s, ".-");
}

bool
str_is_env_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') {
			return false;
		}
	}
	return is_word(s, "");
}

bool
str_is_capability_name(struct span s)
{
	const char *dot = s.len == 0 ? NULL : memchr(s.ptr, '.', s.len);

	if (dot == NULL) {
		return false;
	}
	size_t head = (size_t)(dot - s.ptr);
	return str_is_identifier((struct span){s.ptr, head}) &&
	       str_is_identifier((struct span){dot + 1, s.len - head - 1});
}

/* Length of the well-formed sequence at s[pos], 0 if there is none. */
static size_t
utf8_sequence(struct span s, size_t pos)
{
	const unsigned char *p = (const unsigned char *)s.ptr + pos;
	size_t left = s.len - pos;
	size_t len = p[0] < 0x80                    ? 1
		     : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
		     : p[0] >= 0xe0 && p[0] <= 0xef ? 3
		     : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						    : 0;

	if (len == 0 || len > left) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	/* Overlong forms, surrogates, and what lies behind U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
		return 0;
	}
	return len;
}

bool
utf8_is_valid(struct span s)
{
	size_t pos = 0;

	while (pos < s.len) {
		size_t len = utf8_sequence(s, pos);
		if (len == 0) {
			return false;
		}
		pos += len;
	}
	return true;
}

unsigned
utf8_next(struct span s, size_t *pos)
{
	static const unsigned char first_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	const unsigned char *p = (const unsigned char *)s.ptr + *pos;
	size_t len = utf8_sequence(s, *pos);
	unsigned code;

	/* One byte at a time, so that the valid text behind it is still
	 * read. */
	if (len == 0) {
		(*pos)++;
		return 0xfffd;
	}
	code = p[0] & first_mask[len];
	for (size_t i = 1; i < len; i++) {
		code = code << 6 | (p[i] & 0x3fU);
	}
	*pos += len;
	return code;
}

void
utf8_put(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
	} else if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	}
}

size_t
utf8_utf16_len(struct span s)
{
	size_t units = 0;
	size_t pos = 0;

	while (pos < s.len) {
		units += utf8_next(s, &pos) > 0xffff ? 2 : 1;
	}
	return units;
}

bool
utf8_is_visible(unsigned c)
{
	/* What a terminal or browser would not show, or would obey. */
	static const unsigned ranges[][2] = {{0x00, 0x1f}, {0x7f, 0x9f},
	    {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160},
	    {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
	    {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
	    {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
	    {0xfff0, 0xfffb}, {0xe0000, 0xe0fff}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i][0] && c <= ranges[i][1]) {
			return false;
		}
	}
	return true;
}

void
str_escape_for_people(struct buf *b, struct span s)
{
	size_t pos = 0;

	while (pos < s.len) {
		size_t start = pos;
		unsigned c = utf8_next(s, &pos);

		if (c == 0xfffd && pos == start + 1) {
			buf_printf(b, "\\x%02x", (unsigned char)s.ptr[start]);
		} else if (!utf8_is_visible(c)) {
			buf_printf(b, c > 0xffff ? "\\u{%x}" : "\\u%04x", c);
		} else if (c == '\\') {
			/* An escape that we wrote must not be mistaken for
			 * one in the text. */
			buf_puts(b, "\\\\");
		} else {
			buf_append(b, s.ptr + start, pos - start);
		}
	}
}

bool
str_equal_nocase(struct span a, const char *b)
{
	if (a.len != strlen(b)) {
		return false;
	}
	return strncasecmp(a.ptr, b, a.len) == 0;
}

long long
str_to_number(const char *text, long long max)
{
	long long value = 0;

	if (text == NULL || *text == '\0') {
		return -1;
	}
	for (; *text != '\0'; text++) {
		if (!is_digit(*text) || value > (max - (*text - '0')) / 10) {
			return -1;
		}
		value = value * 10 + (*text - '0');
	}
	return value;
}

bool
span_has_word(struct span text, const char *word)
{
	while (text.len > 0) {
		const char *blank = memchr(text.ptr, ' ', text.len);
		size_t len =
		    blank == NULL ? text.len : (size_t)(blank - text.ptr);

		if (len > 0 && span_is((struct span){text.ptr, len}, word)) {
			return true;
		}
		len += blank != NULL;
		text.ptr += len;
		text.len -= len;
	}
	return false;
}
