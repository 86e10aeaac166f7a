#include "cli/jsonc.h"

#include <stdint.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
blank(char *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (text[i] != '\n' && text[i] != '\r') {
			text[i] = ' ';
		}
	}
}

/* Behind the string that begins at `at`. */
static size_t
skip_string(const char *text, size_t at, size_t len)
{
	for (at++; at < len && text[at] != '"'; at++) {
		at += text[at] == '\\' ? 1 : 0;
	}
	return at < len ? at + 1 : len;
}

/* Behind the comment that begins at `at`; `at` itself when there is none. */
static size_t
skip_comment(const char *text, size_t at, size_t len)
{
	size_t i = at + 2;

	if (at + 1 >= len || text[at] != '/') {
		return at;
	}
	if (text[at + 1] == '/') {
		while (i < len && text[i] != '\n') {
			i++;
		}
		return i;
	}
	if (text[at + 1] != '*') {
		return at;
	}
	while (i + 1 < len && (text[i] != '*' || text[i + 1] != '/')) {
		i++;
	}
	/* One that does not end stays and is refused by the scanner. */
	return i + 1 < len ? i + 2 : at;
}

void
jsonc_blank(char *text, size_t len)
{
	size_t comma = SIZE_MAX; /* one with only blanks behind it */
	size_t i = 0;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		blank(text, 0, 3);
	}
	while (i < len) {
		size_t end = skip_comment(text, i, len);

		if (end > i) {
			blank(text, i, end);
			i = end;
			continue;
		}
		if ((text[i] == '}' || text[i] == ']') && comma != SIZE_MAX) {
			text[comma] = ' ';
		}
		if (text[i] == ',') {
			comma = i;
		} else if (!is_blank(text[i])) {
			comma = SIZE_MAX;
		}
		i = text[i] == '"' ? skip_string(text, i, len) : i + 1;
	}
}
