/*
 * How every daemon starts. The order is the protection: a secret arrives only
 * after the process became undumpable, the sandbox closes before the first
 * untrusted byte. In main(), before anything else:
 *
 *	static const char *const listeners[] = {"mcpd", "writer", NULL};
 *	struct startup s = {.role = PROC_LEDGERD, .program = "ledgerd",
 *	    .listen_names = listeners};
 *
 *	if (startup_harden(&s, &argc, argv, &e) != 0)
 *		return startup_fail(&s, &e);
 *	... own options, contract, startup_env_dup() ...
 *	startup_credentials(&s, list, count, &e)
 *	... store, listeners, TLS, libraries ...
 *	startup_confine(&s, &confine, &e)
 *	... HELLO ...
 *	startup_ready(&s, &e)
 */
#ifndef CS_COMMON_PROC_STARTUP_H
#define CS_COMMON_PROC_STARTUP_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/proc/credentials.h"
#include "common/proc/listenfds.h"
#include "common/proc/sandbox.h"

struct env_snapshot;
struct err;

struct startup {
	/* Set by the caller. */
	enum proc_role role;
	const char *program;
	const char *const *listen_names; /* NULL-terminated, NULL: none */

	/* Set by startup_harden from the common options. */
	const char
	    *config;      /* --config, borrowed from argv; NULL if not given */
	const char *user; /* --user */
	int bootstrap_fd; /* --bootstrap-fd; -1: not under countersign-run */
	int ledger_fd;    /* --ledger-fd: connected to ledgerd; -1 */
	/* --ledger-socket: connect to it, instead; NULL */
	const char *ledger_socket;
	int lock_fd; /* --lock-fd: held until exit; -1 */
	bool accept_reduced_isolation;
	struct listen_fds listeners; /* --listen-fd name=N, or systemd's */

	/* Degradations so far, joined by "; ": log and record them. */
	struct buf degraded;

	/* Private. */
	struct env_snapshot *env;
	char *credentials_folder;
	int notify_fd;
};

/*
 * Steps 1-6: descriptors, signals and umask; undumpable, no core files; the
 * environment copied, overwritten and emptied; everything closed that was not
 * named on the command line; no_new_privs; from root to --user with a test that
 * there is no way back. Common options are taken out of argv, the rest is left
 * for the caller; connected to --ledger-socket. CS_E_INVALID: usage.
 */
int startup_harden(struct startup *s, int *argc, char **argv, struct err *e);

/*
 * A context value (tenant, principal) from the environment that we were
 * started with; the caller frees. NULL if not set, and after startup_confine.
 */
char *startup_env_dup(const struct startup *s, const char *name);

/*
 * Step 8: fill the values of the list (names distinct). Under countersign-run
 * this says READY and waits for GO, so every daemon calls it, with count 0 if
 * it needs none. What was not delivered stays NULL; the caller judges.
 */
int startup_credentials(
    struct startup *s, struct credential *list, size_t count, struct err *e);

/*
 * Steps 10-12: limits, Landlock, seccomp, and the environment copy is wiped.
 * No thread may exist. A sandbox that this kernel cannot give is an error
 * unless --accept-reduced-isolation; what is missing is in s->degraded and
 * logged.
 */
int startup_confine(struct startup *s, const struct confine *c, struct err *e);

/* Step 14: tell the supervisor or the service manager that we serve, and
 * which degradations we run with. Nothing untrusted is read before. */
int startup_ready(struct startup *s, struct err *e);

/* Log the failure, tell the supervisor, release everything: returns the exit
 * code for main(): CS_EXIT_USAGE for CS_E_INVALID, else CS_EXIT_ENVIRONMENT. */
int startup_fail(struct startup *s, const struct err *e);

/*
 * Readable or hung up means that the supervisor is gone and so must we be;
 * put it into the poll set. -1 when there is none.
 */
int startup_liveness_fd(const struct startup *s);

/* Free what startup holds; descriptors handed out stay open. */
void startup_clear(struct startup *s);

#endif
