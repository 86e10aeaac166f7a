/*
 * countersign - the operator's and reviewer's command.
 *
 * SECURITY
 *	Holds no credential of a database and opens no ledger file: it talks to
 *	ledgerd's control socket, where this person is the uid that the kernel
 *	reports. Documents come from the ledger and are shown escaped, because a
 *	model or a database wrote what is in them.
 *
 * DIAGNOSTICS
 *	Exit 0: done; 1: an error or a negative verdict, explained on standard
 *	error; 2: no such command. Every error says what did not happen.
 */
#include <unistd.h>

#include "cli/command.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/crypto/digest.h"

#define EXIT_NO_COMMAND 2

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
static void
print_help(const char *group, int fd)
{
	struct buf out = BUF_INIT;

	buf_puts(&out, "Usage:\n");
	for (const struct command *c = commands; c->group != NULL; c++) {
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

static void
print_command_help(const struct command *c)
{
	struct buf out = BUF_INIT;

	buf_printf(&out, "%s.\n\nUsage:\n", c->summary);
	usage_line(c, &out);
	buf_puts(&out, "\n\nOptions:\n");
	for (const struct args_spec *s = c->spec; s->name != NULL; s++) {
		buf_printf(&out, "  --%s%s\n", s->name,
		    s->kind == ARGS_FLAG ? "" : " VALUE");
		if (s->help != NULL) {
			buf_printf(&out, "        %s\n", s->help);
		}
	}
	print(STDOUT_FILENO, &out);
	buf_clear(&out);
}

/* The row for the first word or two, and how many words it took. */
static const struct command *
find_command(int argc, char **argv, int *used)
{
	for (const struct command *c = commands; c->group != NULL; c++) {
		if (strcmp(argv[1], c->group) != 0) {
			continue;
		}
		if (c->verb == NULL) {
			*used = 2;
			return c;
		}
		if (argc > 2 && strcmp(argv[2], c->verb) == 0) {
			*used = 3;
			return c;
		}
	}
	return NULL;
}

static bool
is_group(const char *word)
{
	for (const struct command *c = commands; c->group != NULL; c++) {
		if (strcmp(word, c->group) == 0) {
			return true;
		}
	}
	return false;
}

/* A group without a verb is a question: it gets the group's commands. */
static int
unknown_command(char **argv)
{
	struct buf out = BUF_INIT;

	if (is_group(argv[1])) {
		print_help(argv[1], STDOUT_FILENO);
		return EXIT_NO_COMMAND;
	}
	buf_printf(&out,
	    "Unknown command: countersign %s\n\nTry:\n  countersign --help\n",
	    argv[1]);
	print(STDERR_FILENO, &out);
	buf_clear(&out);
	return EXIT_NO_COMMAND;
}

/* Reason word first, for programs that read standard error. */
static void
print_error(const struct err *e)
{
	struct buf out = BUF_INIT;

	if (e->reason != NULL && strcmp(e->reason, "USAGE") != 0) {
		buf_printf(&out, "error: %s: %s\n", e->reason, e->msg);
	} else {
		buf_printf(&out, "error: %s\n", e->msg);
	}
	print(STDERR_FILENO, &out);
	buf_clear(&out);
}

/* Anywhere before "--", also beside a mistake: help must not need correct
 * arguments. */
static bool
asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			return true;
		}
	}
	return false;
}

static int
run_command(const struct command *c, int argc, char **argv)
{
	struct args a;
	struct err e = {0};
	int rc = args_parse(&a, c->spec, argc, argv, &e);

	if (rc == 0) {
		rc = c->run(&a, &e);
	}
	/* Negative is an error to explain; the rest are exit codes. */
	if (rc < 0) {
		print_error(&e);
		return CS_EXIT_FAILED;
	}
	return rc;
}

int
main(int argc, char **argv)
{
	static const char version[] = "countersign " CS_VERSION "\n";
	const struct command *c;
	int used = 0;

	log_init("countersign", LOG_LEVEL_WARN);
	crypto_init();
	if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(NULL, STDOUT_FILENO);
		return CS_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)fd_write_all(
		    STDOUT_FILENO, version, sizeof(version) - 1, -1);
		return CS_EXIT_OK;
	}
	c = find_command(argc, argv, &used);
	/* Before anything is done: asking what a command would do does not
	 * do it. */
	if (asks_help(argc, argv)) {
		if (c != NULL) {
			print_command_help(c);
		} else {
			print_help(
			    is_group(argv[1]) ? argv[1] : NULL, STDOUT_FILENO);
		}
		return CS_EXIT_OK;
	}
	return c == NULL ? unknown_command(argv)
			 : run_command(c, argc - used, argv + used);
}
