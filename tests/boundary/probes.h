/*
 * What code can try against another process, whatever it runs as. Used from
 * outside (attacker.c) and from inside a confined daemon (inside.c).
 */
#ifndef CS_TESTS_BOUNDARY_PROBES_H
#define CS_TESTS_BOUNDARY_PROBES_H

#include <sys/types.h>

struct target {
	pid_t pid;
	const char *secret; /* NULL: any byte counts */
};

/* 1: it worked; for what reads memory, the secret was found there. 0: it did
 * not, and errno tells why (0: readable, without the secret). */
struct probe {
	const char *name;
	int (*run)(const struct target *t);
};

extern const struct probe probes[]; /* ends with a NULL name */

#endif
