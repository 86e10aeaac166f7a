/*
 * The process that starts commands. It is forked before any credential
 * arrives, so that it and what it starts never had one, is told the command
 * lines once, confines itself, and then knows numbers and input only: whoever
 * took over writerd-handler later could not have it start something else.
 */
#ifndef CS_WRITERD_HANDLER_LAUNCHER_H
#define CS_WRITERD_HANDLER_LAUNCHER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/contract/contract.h"

struct err;

/* How a command ended. */
enum launch_end {
	LAUNCH_EXITED,      /* with `code` */
	LAUNCH_KILLED,      /* by signal `code`, not ours */
	LAUNCH_TIMEOUT,     /* its process group was killed */
	LAUNCH_TOO_LARGE,   /* the same, for what it wrote */
	LAUNCH_NOT_STARTED, /* nothing was executed */
	LAUNCH_LOST         /* the launcher is gone */
};

struct launch_result {
	enum launch_end end;
	int code;
	struct buf output; /* the caller clears it */
};

struct launcher {
	int fd; /* -1: there is none */
	pid_t pid;
	const struct contract *contract;
};

#define LAUNCH_OUTPUT_MAX 262144U

/*
 * Fork it, after startup_harden and before startup_credentials. `close_fds`
 * are ours alone. `reduced` says that a sandbox which this kernel cannot give
 * is accepted. Does nothing when the contract has no command handler.
 */
int launcher_fork(struct launcher *l, const struct contract *c,
    const int *close_fds, size_t close_count, bool reduced, struct err *e);

/* Tell it the command line of executor `index`, once each; empty: none. */
int launcher_tell(struct launcher *l, struct span line, struct err *e);

/* All have been told: wait until it is confined. */
int launcher_confine(struct launcher *l, struct err *e);

/* Run the command of that executor on this input. */
void launcher_run(struct launcher *l, uint32_t index, struct span input,
    struct launch_result *out);

void launcher_clear(struct launcher *l);

#endif
