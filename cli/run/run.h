/*
 * The state of countersign-run and its two halves: start (root, secrets, exec)
 * and supervise (none of these any more).
 */
#ifndef CS_CLI_RUN_RUN_H
#define CS_CLI_RUN_RUN_H

#include <signal.h>

#include "cli/run/child.h"
#include "cli/run/options.h"
#include "cli/run/rundir.h"
#include "cli/run/secrets.h"
#include "common/proc/startup.h"

struct contract;

struct run {
	struct startup startup;
	struct run_options options;
	struct contract *contract;
	const char *config; /* which file it came from */
	const char *store;
	char *libexec; /* owned */
	struct identities ids;
	struct rundir dir;
	struct run_secrets secrets;
	int ledger_fd[RUN_ROLES]; /* for mcpd and the writers; -1 */
	bool owns_store; /* else another instance's ledgerd serves us */
	struct child children[RUN_ROLES];
	sigset_t while_waiting; /* the signal mask of run_supervise's wait */
};

/*
 * Start everything in the order that is a security property: ledgerd, writerd,
 * mcpd last, each undumpable before it gets a secret and confined before the
 * next one exists.
 */
int run_start(struct run *r, struct err *e);

/* Give up secrets, root, files and almost all system calls. */
int run_confine(struct run *r, struct err *e);

/*
 * From here on SIGTERM, SIGINT and SIGHUP wait for run_supervise, which drains.
 * Before, they simply end us, and the children follow.
 */
void run_catch_signals(struct run *r);

/* Wait until there is nothing left to supervise: the exit code. */
int run_supervise(struct run *r);

/* End what runs: mcpd, then writerd, then ledgerd, SIGKILL after 5 s. */
void run_stop(struct run *r);

#endif
