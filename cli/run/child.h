/*
 * One child process: spawned, led through the bootstrap, watched by a pidfd.
 * The pidfd names this child and nothing else, for ever: after the supervisor
 * confined itself it is the only thing it can still send signals to.
 */
#ifndef CS_CLI_RUN_CHILD_H
#define CS_CLI_RUN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/run/secrets.h"

struct err;

#define CHILD_ARGS_MAX 128
#define CHILD_FDS_MAX  8

/* What to execute; owns its texts. */
struct command {
	char *args[CHILD_ARGS_MAX + 1]; /* args[0] is the path; NULL ends */
	size_t arg_count;
	char **env; /* NULL-terminated, owned, never NULL when spawned */
	int fds[CHILD_FDS_MAX]; /* inherited under the same number, borrowed */
	size_t fd_count;
	bool keeps_stdio;   /* else stdin and stdout are /dev/null */
	bool loses_network; /* a network namespace of its own, if we may */
};

struct child {
	enum run_role role;
	pid_t pid;
	int pidfd;   /* -1: not running */
	int channel; /* bootstrap, then liveness; -1 */
	int status;  /* as of waitpid, once it has ended */
};

void command_add(struct command *c, const char *arg);
/* Add "<option>" "<prefix><fd>" and let the child inherit fd. */
void command_add_fd(
    struct command *c, const char *option, const char *prefix, int fd);
void command_clear(struct command *c);

/*
 * fork and exec with --bootstrap-fd; the child dies with us. Adds that option
 * to *c, whose last descriptor is then the channel. Afterwards child_deliver
 * leads it to the point where it holds its secrets, and child_await_confined to
 * the point where it serves; each waits up to BOOTSTRAP_TIMEOUT_MS. Both take
 * the child's own words or its exit status into *e when it fails.
 */
int child_spawn(struct child *ch, struct command *c, struct err *e);
int child_deliver(struct child *ch, const struct run_secrets *s, struct err *e);
int child_await_confined(struct child *ch, struct err *e);

/* Send a signal; a child that is gone is not an error. */
void child_signal(const struct child *ch, int sig);

/* After its pidfd became readable: collect the status, close what is open. */
void child_reap(struct child *ch);

/* "ledgerd was killed by signal 9" and the like. */
void child_describe(const struct child *ch, char *out, size_t size);

bool child_is_running(const struct child *ch);

#endif
