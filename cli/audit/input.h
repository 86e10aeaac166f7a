/*
 * Where the tools to review come from.
 */
#ifndef CS_CLI_AUDIT_INPUT_H
#define CS_CLI_AUDIT_INPUT_H

#include "cli/args.h"
#include "cli/audit/live.h"

struct target {
	enum {
		TARGET_FILE,
		TARGET_URL,
		TARGET_STDIO,
		TARGET_EXAMPLE
	} kind;
	const char *name;  /* path, URL, command line, example */
	const char *shown; /* as it stands in the report */
};

/* Which one the words and flags name; USAGE when none. */
int input_target(
    struct target *t, const struct args *a, struct arena *arena, struct err *e);

/* Collect its tools, and judge what a client's configuration says. */
int input_read(struct audit *audit, const struct target *t,
    const struct args *a, struct err *e);

#endif
