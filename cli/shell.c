#include "cli/shell.h"

#include <string.h>

#include "cli/args.h"
#include "common/base/arena.h"
#include "common/base/buf.h"

const char *
shell_word(const char *word, struct arena *a)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:,=@%+";
	struct buf out = BUF_INIT;
	const char *text = NULL;

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		return word;
	}
	buf_putc(&out, '\'');
	for (; *word != '\0'; word++) {
		buf_puts(&out, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
	}
	buf_putc(&out, '\'');
	text = arena_strndup(a, out.data, out.len);
	buf_clear(&out);
	return text;
}

const char *
shell_place(const struct args *a, struct arena *arena)
{
	const char *store = args_get(a, "store");
	const char *config = args_get(a, "config");

	return arena_printf(arena, "%s%s%s%s", store != NULL ? " --store " : "",
	    store != NULL ? shell_word(store, arena) : "",
	    config != NULL ? " --config " : "",
	    config != NULL ? shell_word(config, arena) : "");
}
