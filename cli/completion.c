/*
 * Completion for bash, zsh and fish, from the tables of the commands: every
 * word, every flag with its help. Files are offered where a flag takes a value.
 */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

/* Is this the first row of its group? */
static bool
opens_group(const struct command *c)
{
	const struct command *other = NULL;

	while ((other = command_next(other)) != c) {
		if (strcmp(other->group, c->group) == 0) {
			return false;
		}
	}
	return true;
}

static void
put_groups(struct buf *out)
{
	const struct command *c = NULL;

	while ((c = command_next(c)) != NULL) {
		if (opens_group(c)) {
			buf_printf(out, " %s", c->group);
		}
	}
}

static void
put_verbs(struct buf *out, const char *group)
{
	const struct command *c = NULL;

	while ((c = command_next(c)) != NULL) {
		if (c->verb != NULL && strcmp(c->group, group) == 0) {
			buf_printf(out, " %s", c->verb);
		}
	}
}

static void
put_flags(struct buf *out, const struct command *c)
{
	for (const struct args_spec *s = c->spec; s->name != NULL; s++) {
		buf_printf(out, " --%s", s->name);
	}
}

/* One function for both: zsh runs it through bashcompinit. */
static void
put_bash(struct buf *out)
{
	const struct command *c = NULL;

	buf_puts(out,
	    "_countersign() {\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} words\n"
	    "\tif [ \"$COMP_CWORD\" -gt 1 ] && [[ $cur != -* ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	    "\tfi\n"
	    "\tcase \"$COMP_CWORD ${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n"
	    "\t\"1 \"*) words=\"");
	put_groups(out);
	buf_puts(out, "\" ;;\n");
	while ((c = command_next(c)) != NULL) {
		if (c->verb != NULL && opens_group(c)) {
			buf_printf(out, "\t\"2 %s \"*) words=\"", c->group);
			put_verbs(out, c->group);
			buf_puts(out, "\" ;;\n");
		}
	}
	while ((c = command_next(c)) != NULL) {
		buf_printf(out, "\t*\" %s %s\"%s) words=\"", c->group,
		    c->verb != NULL ? c->verb : "", c->verb != NULL ? "" : "*");
		put_flags(out, c);
		buf_puts(out, "\" ;;\n");
	}
	buf_puts(out, "\t*) return ;;\n\tesac\n"
		      "\tCOMPREPLY+=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
		      "complete -o filenames -F _countersign countersign\n");
}

static void
put_zsh(struct buf *out)
{
	buf_puts(out, "#compdef countersign\n"
		      "autoload -U +X bashcompinit && bashcompinit\n");
	put_bash(out);
}

/* fish quotes like sh, but knows \' inside. */
static void
put_fish_text(struct buf *out, const char *text)
{
	buf_putc(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\') {
			buf_putc(out, '\\');
		}
		buf_putc(out, *text);
	}
	buf_putc(out, '\'');
}

static void
put_fish(struct buf *out)
{
	const struct command *c = NULL;

	while ((c = command_next(c)) != NULL) {
		if (opens_group(c)) {
			buf_printf(out,
			    "complete -c countersign -f -n "
			    "__fish_use_subcommand"
			    " -a %s\n",
			    c->group);
		}
		if (c->verb != NULL) {
			buf_printf(out,
			    "complete -c countersign -f -n"
			    " '__fish_seen_subcommand_from %s' -a %s -d ",
			    c->group, c->verb);
			put_fish_text(out, c->summary);
			buf_putc(out, '\n');
		}
		for (const struct args_spec *s = c->spec; s->name != NULL;
		     s++) {
			buf_printf(out,
			    "complete -c countersign -n"
			    " '__fish_seen_subcommand_from %s",
			    c->group);
			if (c->verb != NULL) {
				buf_printf(out,
				    "; and __fish_seen_subcommand_from %s",
				    c->verb);
			}
			buf_printf(out, "' -l %s%s -d ", s->name,
			    s->kind == ARGS_FLAG ? "" : " -r");
			put_fish_text(out, s->help);
			buf_putc(out, '\n');
		}
	}
}

int
cmd_completion(const struct args *a, struct err *e)
{
	static const struct {
		const char *shell;
		void (*put)(struct buf *out);
	} shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (a->word_count == 1 &&
		    strcmp(a->words[0], shells[i].shell) == 0) {
			shells[i].put(&out);
			(void)fd_write_all(
			    STDOUT_FILENO, out.data, out.len, -1);
			buf_clear(&out);
			return CS_EXIT_OK;
		}
	}
	return err_set(e, CS_E_INVALID, "USAGE",
	    "countersign completion wants one of bash, zsh and fish");
}
