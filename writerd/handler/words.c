#include "writerd/handler/words.h"

#include "common/base/arena.h"

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One word from *at on; false when a quote or an escape does not end. */
static bool
take_word(struct span line, size_t *at, char *word)
{
	char quote = 0;
	size_t len = 0;

	for (; *at < line.len; (*at)++) {
		char c = line.ptr[*at];
		if (c == '\\') {
			if (++*at == line.len) {
				return false;
			}
			word[len++] = line.ptr[*at];
		} else if (quote != 0 ? c == quote : c == '\'' || c == '"') {
			quote = (char)(quote != 0 ? 0 : c);
		} else if (quote == 0 && is_space(c)) {
			break;
		} else {
			word[len++] = c;
		}
	}
	word[len] = '\0';
	return quote == 0;
}

bool
words_split(struct span line, struct arena *a, char **out)
{
	size_t count = 0;
	size_t at = 0;

	for (;;) {
		while (at < line.len && is_space(line.ptr[at])) {
			at++;
		}
		if (at == line.len) {
			break;
		}
		if (count == WORDS_MAX) {
			return false;
		}
		out[count] = arena_alloc(a, line.len - at + 1);
		if (!take_word(line, &at, out[count++])) {
			return false;
		}
	}
	out[count] = NULL;
	return count > 0 && out[0][0] == '/';
}
