/*
 * Arguments by table: flags anywhere, --flag value or --flag=value, words in
 * order. What a command does not name is an error, never ignored.
 */
#ifndef CS_CLI_ARGS_H
#define CS_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum args_kind {
	ARGS_FLAG,   /* present or not */
	ARGS_VALUE,  /* one value, the last one counts */
	ARGS_OBJECT, /* a flag that takes the next word if it is a JSON object
		      */
	ARGS_FILTER, /* a value that goes to the ledger as a filter of that name
		      */
	ARGS_REPEAT  /* a value; every one counts (args_nth) */
};

/* One flag of a command. For ARGS_FILTER the name is also the name of the
 * ledger's filter, so a new filter needs no code here. */
struct args_spec {
	const char *name; /* without dashes */
	enum args_kind kind;
	const char *help; /* one line */
};

#define ARGS_MAX   96
#define WORDS_MAX  4
#define REPEAT_MAX 128

struct args {
	const struct args_spec *spec;
	const char *values[ARGS_MAX]; /* by position in spec; "" for flags */
	const char *words[WORDS_MAX];
	size_t word_count;
	/* Of the repeatable flags, in order. */
	struct {
		size_t at; /* position in spec */
		const char *value;
	} repeats[REPEAT_MAX];
	size_t repeat_count;
	const char *const *rest; /* NULL-terminated: behind "--" */
};

/*
 * Parse argv behind the command's words. `spec` ends with a NULL name and has
 * at most ARGS_MAX rows; texts are borrowed from argv. Stops at "--".
 * CS_E_INVALID with USAGE names the bad word. How many words are right is the
 * command's to check.
 */
int args_parse(struct args *a, const struct args_spec *spec, int argc,
    char **argv, struct err *e);

/* Value of a flag, or NULL. */
const char *args_get(const struct args *a, const char *name);
bool args_has(const struct args *a, const char *name);

/* The n-th value of a repeatable flag; NULL behind the last one. */
const char *args_nth(const struct args *a, const char *name, size_t n);

#endif
