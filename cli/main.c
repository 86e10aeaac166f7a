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

/* What a word may be: the first word of a command? */
static bool
is_group(const char *word)
{
	const struct command *c = NULL;

	while ((c = command_next(c)) != NULL) {
		if (strcmp(word, c->group) == 0) {
			return true;
		}
	}
	return false;
}

/* Whether some command's flag of this spelling takes the word behind it. */
static bool
takes_value(const char *flag)
{
	const struct command *c = NULL;

	while ((c = command_next(c)) != NULL) {
		for (const struct args_spec *s = c->spec; s->name != NULL;
		     s++) {
			if (s->kind != ARGS_FLAG && s->kind != ARGS_OBJECT &&
			    strcmp(s->name, flag + 2) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* Flags may stand before the command: where its first word is, or argc. */
static int
command_word(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-') {
		i += strncmp(argv[i], "--", 2) == 0 && takes_value(argv[i]) ? 2
									    : 1;
	}
	return i < argc ? i : argc;
}

/* The row for a word and perhaps the one behind it; with a verb before
 * without. */
static const struct command *
find_command(const char *word, const char *second)
{
	const struct command *c = NULL;
	const struct command *bare = NULL;

	while ((c = command_next(c)) != NULL) {
		if (strcmp(word, c->group) != 0) {
			continue;
		}
		if (c->verb == NULL) {
			bare = c;
		} else if (second != NULL && strcmp(second, c->verb) == 0) {
			return c;
		}
	}
	return bare;
}

/* A group without a verb is a question: it gets the group's commands. */
static int
unknown_command(const char *word)
{
	struct buf out = BUF_INIT;

	if (is_group(word)) {
		help_print(word, STDOUT_FILENO);
		return EXIT_NO_COMMAND;
	}
	buf_printf(&out,
	    "Unknown command: countersign %s\n\nTry:\n  countersign --help\n",
	    word);
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

/* argv without the words of the command, so that flags before it count. */
static int
run_command(const struct command *c, int at, int argc, char **argv)
{
	int words = c->verb == NULL ? 1 : 2;
	int kept = at - 1;
	struct args a;
	struct err e = {0};
	int rc;

	for (int i = at + words; i < argc; i++) {
		argv[1 + kept++] = argv[i];
	}
	rc = args_parse(&a, c->spec, kept, argv + 1, &e);
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
	int at = command_word(argc, argv);
	const char *word = at < argc ? argv[at] : NULL;
	const struct command *c;

	log_init("countersign", LOG_LEVEL_WARN);
	crypto_init();
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)fd_write_all(
		    STDOUT_FILENO, version, sizeof(version) - 1, -1);
		return CS_EXIT_OK;
	}
	if (word == NULL) {
		if (argc < 2 || asks_help(argc, argv)) {
			help_print(NULL, STDOUT_FILENO);
			return CS_EXIT_OK;
		}
		return unknown_command(argv[1]);
	}
	c = find_command(word, at + 1 < argc ? argv[at + 1] : NULL);
	/* Before anything is done: asking what a command would do does not
	 * do it. */
	if (asks_help(argc, argv)) {
		if (c != NULL) {
			help_print_command(c, STDOUT_FILENO);
		} else {
			help_print(is_group(word) ? word : NULL, STDOUT_FILENO);
		}
		return CS_EXIT_OK;
	}
	return c == NULL ? unknown_command(word)
			 : run_command(c, at, argc, argv);
}
