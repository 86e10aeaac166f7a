/*
 * What a source database does without us: N connections, each in a process of
 * its own as writers are, run the same thing over and over. The URL comes on
 * standard input. Prints {"calls": …, "seconds": …}.
 */
#ifndef CS_BENCH_FLOOR_H
#define CS_BENCH_FLOOR_H

#include <stdint.h>

#include "common/base/str.h"

/* So long may a statement or a lock take on a slow machine. */
#define FLOOR_PATIENCE_S 60

struct err;

/* One round of a floor; `db` is what open returned. Mistakes end the program.
 */
struct floor_ops {
	/* NULL and *e when there is no connection to be had (now). */
	void *(*open)(struct span url, const char *mode, struct err *e);
	/* `row` is between 0 and the number of rows, `key` never comes twice.
	 */
	void (*round)(void *db, int64_t row, const char *key);
};

/* The whole program: argv is PROGRAM MODE CONNECTIONS ROWS MILLISECONDS. */
int floor_main(int argc, char **argv, const struct floor_ops *ops);

#endif
