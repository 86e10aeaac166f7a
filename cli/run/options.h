/*
 * The command line of countersign-run.
 */
#ifndef CS_CLI_RUN_OPTIONS_H
#define CS_CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* Most --mcpd-arg and most --mcpd-credential. */
#define RUN_LIST_MAX 96

/* In the order in which they are started. */
enum run_role {
	RUN_LEDGERD,
	RUN_WRITERD,
	RUN_HANDLER, /* only where the contract has executors */
	RUN_JWKS,    /* only where the contract has a jwks_url */
	RUN_MCPD,
	RUN_ROLES
};

struct run_options {
	const char *store;   /* NULL: the contract's, else the default */
	const char *libexec; /* NULL: beside ourselves, else CS_LIBEXECDIR */
	bool role[RUN_ROLES];
	bool roles_given; /* then a writer starts without a write URL, too */
	bool exit_idle;
	/* Only one process, that looks at the databases and ends: a writer, or
	 * with `check_reads` mcpd. */
	bool check;
	bool check_reads;
	bool check_handlers; /* a writerd-handler, that only reaches them */
	bool print_ready;
	bool forward_hangup; /* SIGHUP is for mcpd, not the end */
	bool no_stdio;       /* mcpd serves a socket; the terminal is not its */
	bool wants_help;
	const char **mcpd_args; /* owned array of borrowed texts */
	size_t mcpd_arg_count;
	const char **mcpd_credentials; /* likewise: names of more secrets */
	size_t mcpd_credential_count;
};

extern const char run_usage[];

const char *run_role_name(enum run_role role); /* "ledgerd" ... */

/*
 * Read argv, from which startup_harden took the common options. Texts stay
 * borrowed from argv. CS_E_INVALID for anything unknown; run_options_clear is
 * due in any case.
 */
int run_options_parse(
    struct run_options *o, int argc, char **argv, struct err *e);

void run_options_clear(struct run_options *o);

#endif
