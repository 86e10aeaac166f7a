/*
 * Looking at the databases without their credentials: countersign-run hands
 * them to a process of the role that has them, which prints what it finds as
 * lines of JSON and ends.
 */
#ifndef CS_CLI_CHECKER_H
#define CS_CLI_CHECKER_H

struct err;

/* Become countersign-run with this flag, --check for a writer or
 * --check-reads for mcpd. Returns only on errors. */
int checker_run(const char *config, const char *flag, struct err *e);

#endif
