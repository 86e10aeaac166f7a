/*
 * What a command is: two words, a table of flags, a function, a help text.
 */
#ifndef CS_CLI_COMMAND_H
#define CS_CLI_COMMAND_H

#include "cli/args.h"

struct err;

/* One row of a folder's table. */
struct command {
	const char *group; /* "proposals" */
	const char *verb;  /* "show"; NULL when the group is the command */
	const char *words; /* for the usage line: "<id|latest>" */
	const char *summary;
	const struct args_spec *spec;
	/* Returns the exit code; a negative CS_E_ code with *e filled is an
	 * error that main prints. */
	int (*run)(const struct args *a, struct err *e);
};

/* The tables of every folder, in the order of the help; NULL ends it. */
extern const struct command *const command_tables[];

/*
 * Print usage: all commands, those of one group (NULL: all), or one command
 * with its flags.
 */
void help_print(const char *group, int fd);
void help_print_command(const struct command *c, int fd);

/* Example lines of a command, or NULL (examples.c). */
const char *command_examples(const struct command *c);

/* countersign completion <shell>: from the same tables. */
int cmd_completion(const struct args *a, struct err *e);

/* Visit every command: NULL to begin, NULL at the end. */
const struct command *command_next(const struct command *c);

/* Flags that many commands share. */
#define ARG_STORE                                                   \
	{                                                           \
		"store", ARGS_VALUE,                                \
		    "ledger file (default ./.countersign/local.db)" \
	}
#define ARG_CONFIG                                    \
	{                                             \
		"config", ARGS_VALUE, "contract file" \
	}
#define ARG_JSON                                \
	{                                       \
		"json", ARGS_FLAG, "print JSON" \
	}
#define ARG_HELP                                    \
	{                                           \
		"help", ARGS_FLAG, "show this help" \
	}
#define ARG_END                       \
	{                             \
		NULL, ARGS_FLAG, NULL \
	}

#endif
