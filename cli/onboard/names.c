/* Names of tools and arguments, made from the names of tables. */
#include <ctype.h>

#include "cli/onboard/inspection.h"
#include "common/base/arena.h"

/* What a name may hold. */
static bool
is_word(char c)
{
	return isalnum((unsigned char)c) != 0 || c == '_';
}

const char *
name_object(const char *table, struct arena *a)
{
	size_t len = strlen(table);
	char *out = arena_strndup(a, table, len);

	for (size_t i = 0; i < len; i++) {
		if (!is_word(out[i])) {
			out[i] = '_';
		}
	}
	if (len > 1 && out[len - 1] == 's') {
		out[len - 1] = '\0';
	}
	return isdigit((unsigned char)out[0]) || out[0] == '\0'
		   ? arena_printf(a, "record_%s", out)
		   : out;
}

static char
lower(char c)
{
	return (char)tolower((unsigned char)c);
}

static bool
is_letter_or_digit(char c)
{
	return isalnum((unsigned char)c) != 0;
}

/* Lower case, one underscore for a run of others, none at the ends. */
static size_t
put_words(const char *text, char *out)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (is_letter_or_digit(*text)) {
			out[n++] = lower(*text);
		} else if (n > 0 && out[n - 1] != '_') {
			out[n++] = '_';
		}
	}
	while (n > 0 && out[n - 1] == '_') {
		n--;
	}
	out[n] = '\0';
	return n;
}

const char *
name_singular(const char *table, struct arena *a)
{
	char *out = arena_alloc(a, strlen(table) + 2);
	size_t n = put_words(table, out);

	if (n > 3 && strcmp(out + n - 3, "ies") == 0) {
		memcpy(out + n - 3, "y", 2);
	} else if (n > 1 && out[n - 1] == 's') {
		out[n - 1] = '\0';
	}
	if (out[0] == '\0') {
		return "record";
	}
	return isdigit((unsigned char)out[0])
		   ? arena_printf(a, "record_%s", out)
		   : out;
}

const char *
name_namespace(const char *object, struct arena *a)
{
	size_t start = strspn(object, "_");
	size_t len = strcspn(object + start, "_");

	return len == 0 ? object : arena_strndup(a, object + start, len);
}
