/* Usage, from the tables of the commands; and the commands that tell it. */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

static void
print(int fd, const struct buf *text)
{
	(void)fd_write_all(fd, text->data, text->len, -1);
}

static void
usage_line(const struct command *c, struct buf *out)
{
	buf_printf(out, "  countersign %s%s%s%s%s", c->group,
	    c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "",
	    c->words[0] != '\0' ? " " : "", c->words);
}

/* All commands, or those of one group. */
void
help_print(const char *group, int fd)
{
	struct buf out = BUF_INIT;

	buf_puts(&out, "Usage:\n");
	for (const struct command *c = command_next(NULL); c != NULL;
	     c = command_next(c)) {
		if (group == NULL || strcmp(group, c->group) == 0) {
			size_t start = out.len;
			usage_line(c, &out);
			while (out.len - start < 46) {
				buf_putc(&out, ' ');
			}
			buf_printf(&out, " %s\n", c->summary);
		}
	}
	buf_puts(
	    &out, "\nEvery command: --help. Version: countersign --version\n");
	print(fd, &out);
	buf_clear(&out);
}

void
help_print_command(const struct command *c, int fd)
{
	struct buf out = BUF_INIT;

	buf_printf(&out, "%s.\n\nUsage:\n", c->summary);
	usage_line(c, &out);
	buf_puts(&out, "\n\nOptions:\n");
	for (const struct args_spec *s = c->spec; s->name != NULL; s++) {
		buf_printf(&out, "  --%s%s\n", s->name,
		    s->kind == ARGS_FLAG     ? ""
		    : s->kind == ARGS_OBJECT ? " [OBJECT]"
					     : " VALUE");
		if (s->help != NULL) {
			buf_printf(&out, "        %s\n", s->help);
		}
	}
	if (command_examples(c) != NULL) {
		buf_printf(&out, "\nExamples:\n%s", command_examples(c));
	}
	print(fd, &out);
	buf_clear(&out);
}

/* countersign help [group [verb]] */
static int
cmd_help(const struct args *a, struct err *e)
{
	const struct command *c = NULL;
	const char *group = a->word_count > 0 ? a->words[0] : NULL;

	while (group != NULL && (c = command_next(c)) != NULL) {
		bool here = strcmp(c->group, group) == 0;
		if (here && (c->verb == NULL ||
				(a->word_count > 1 &&
				    strcmp(c->verb, a->words[1]) == 0))) {
			help_print_command(c, STDOUT_FILENO);
			return CS_EXIT_OK;
		}
		if (here && a->word_count == 1) {
			break;
		}
	}
	if (group != NULL && c == NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "no such command: %s; countersign help lists all", group);
	}
	help_print(group, STDOUT_FILENO);
	return CS_EXIT_OK;
}

static const struct args_spec help_spec[] = {ARG_HELP, ARG_END};

const struct command help_commands[] = {
    {"help", NULL, "[command]", "Show what there is, or one command", help_spec,
	cmd_help},
    {"completion", NULL, "<bash|zsh|fish>",
	"Print the shell's completion of this command", help_spec,
	cmd_completion},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
