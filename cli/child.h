/*
 * Another program of ours, run to its end: what it is told on standard input,
 * what it says on standard output and error.
 */
#ifndef CS_CLI_CHILD_H
#define CS_CLI_CHILD_H

#include <stdint.h>

#include "common/base/buf.h"

struct err;

#define CHILD_WORDS_MAX 24

struct child {
	/* The program's path and its arguments, NULL at the end; borrowed. */
	const char *words[CHILD_WORDS_MAX];
	/* "NAME=value", NULL at the end; NULL as a whole: ours. */
	const char *const *env;
	struct span input;  /* its whole standard input */
	int64_t timeout_ms; /* for everything together */
	size_t max;         /* most bytes of each output */
	struct buf out;     /* child_clear frees both */
	struct buf errors;
	int status; /* its exit status; 128 + signal */
};

/* One more word; more than CHILD_WORDS_MAX is a bug of the caller. */
void child_add(struct child *c, const char *word);

/*
 * Start it, feed it, gather, wait. CS_E_IO if it cannot be started,
 * CS_E_TIMEOUT and CS_E_TOO_LARGE after it was killed. A failing exit status is
 * no error here.
 */
int child_run(struct child *c, struct err *e);
void child_clear(struct child *c);

/* What it said on standard error, its last line without the log's prefix; into
 * *e as `code`. */
int child_explain(const struct child *c, int code, struct err *e);

#endif
