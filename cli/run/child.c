#include "cli/run/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/proc/bootstrap.h"

#define EXIT_EXEC 127

void
command_add(struct command *c, const char *arg)
{
	cs_assert(c->arg_count < CHILD_ARGS_MAX);
	c->args[c->arg_count++] = xstrdup(arg);
}

void
command_add_fd(
    struct command *c, const char *option, const char *prefix, int fd)
{
	char text[64];

	cs_assert(c->fd_count < CHILD_FDS_MAX);
	c->fds[c->fd_count++] = fd;
	(void)snprintf(text, sizeof(text), "%s%d", prefix, fd);
	command_add(c, option);
	command_add(c, text);
}

void
command_clear(struct command *c)
{
	for (size_t i = 0; i < c->arg_count; i++) {
		free(c->args[i]);
		c->args[i] = NULL;
	}
	c->arg_count = 0;
	for (size_t i = 0; c->env != NULL && c->env[i] != NULL; i++) {
		free(c->env[i]);
	}
	free(c->env);
	c->env = NULL;
}

/*
 * Between fork and exec. No terminal for the daemons behind mcpd: Ctrl-C is for
 * the supervisor, which ends them in order.
 */
static void
become_child(const struct command *c, pid_t supervisor)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != supervisor) {
		_exit(EXIT_EXEC); /* it died before the line above */
	}
	if (!c->keeps_stdio) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
		    dup2(null, STDOUT_FILENO) < 0) {
			_exit(EXIT_EXEC);
		}
		(void)setsid();
	}
	/* ledgerd talks over inherited Unix sockets only. Needs root, and in a
	 * container more than that; without it seccomp and Landlock stand
	 * alone. */
	if (c->loses_network && unshare(CLONE_NEWNET) != 0 && geteuid() == 0) {
		log_event(LOG_LEVEL_WARN, "isolation_reduced",
		    "process=ledgerd missing=\"a network namespace of its "
		    "own\"");
	}
	for (size_t i = 0; i < c->fd_count; i++) {
		if (fd_set_cloexec(c->fds[i], false) != 0) {
			_exit(EXIT_EXEC);
		}
	}
	(void)execve(c->args[0], c->args, c->env);
	log_event(LOG_LEVEL_ERR, "exec_failed", "path=\"%s\" error=\"%m\"",
	    c->args[0]);
	_exit(EXIT_EXEC);
}

int
child_spawn(struct child *ch, struct command *c, struct err *e)
{
	int pair[2];
	pid_t self = getpid();
	int rc = bootstrap_pair(pair, e);

	if (rc != 0) {
		return rc;
	}
	command_add_fd(c, "--bootstrap-fd", "", pair[1]);
	ch->pid = fork();
	if (ch->pid == 0) {
		become_child(c, self);
	}
	if (ch->pid < 0) {
		rc = err_sys(e, "cannot fork");
	}
	/* Ours must go, or the end of the child would not show as end of
	 * file. */
	fd_close(&pair[1]);
	ch->channel = pair[0];
	if (rc == 0) {
		/* Not reaped yet, so the pid is certainly still this child. */
		ch->pidfd = (int)syscall(SYS_pidfd_open, ch->pid, 0);
		if (ch->pidfd < 0) {
			rc = err_sys(e, "cannot watch a child");
		}
	}
	return rc;
}

/* The channel broke: the exit status tells more than "end of file". */
static int
explain_end(struct child *ch, struct err *e)
{
	char text[128];

	/* A second to become a zombie: the channel closes a little earlier. */
	if (fd_wait(ch->pidfd, POLLIN, clock_mono_ms() + 1000) != 0) {
		return e->code;
	}
	child_reap(ch);
	child_describe(ch, text, sizeof(text));
	return err_set(e, CS_E_EOF, "CHILD_DIED", "%s while starting", text);
}

/* Wait for one word of the child. Anything else ends the start: it has no
 * reason to say something out of turn. */
static int
await(struct child *ch, enum bootstrap_word word, struct bootstrap_packet *p,
    struct err *e)
{
	const char *name = run_role_name(ch->role);
	int rc = bootstrap_recv(
	    ch->channel, p, clock_mono_ms() + BOOTSTRAP_TIMEOUT_MS, e);

	if (rc == CS_E_EOF) {
		return explain_end(ch, e);
	}
	if (rc != 0) {
		err_context(e, "%s", name);
		return rc;
	}
	secret_free(&p->value); /* a child has no business to send one */
	if (p->word == BOOT_FAILED) {
		return err_set(e, CS_E_STATE, "CHILD_FAILED",
		    "%s does not start: %s", name, p->text);
	}
	if (p->word != word) {
		return err_set(e, CS_E_PROTOCOL, NULL,
		    "%s broke the bootstrap protocol", name);
	}
	return 0;
}

int
child_deliver(struct child *ch, const struct run_secrets *s, struct err *e)
{
	struct bootstrap_packet p;
	/* READY: undumpable. Before that a sibling could read its memory. */
	int rc = await(ch, BOOT_READY, &p, e);

	/* Each role gets its own names and no other. */
	for (size_t i = 0; i < s->count && rc == 0; i++) {
		if (s->list[i].role == ch->role && s->list[i].value != NULL) {
			rc = bootstrap_send_secret(
			    ch->channel, s->list[i].name, s->list[i].value, e);
		}
	}
	return rc == 0 ? bootstrap_send(ch->channel, BOOT_GO, NULL, e) : rc;
}

int
child_await_confined(struct child *ch, struct err *e)
{
	struct bootstrap_packet p;
	int rc = await(ch, BOOT_CONFINED, &p, e);

	if (rc == 0 && p.text[0] != '\0') {
		log_event(LOG_LEVEL_WARN, "isolation_reduced",
		    "process=%s missing=\"%s\"", run_role_name(ch->role),
		    p.text);
	}
	return rc;
}

void
child_signal(const struct child *ch, int sig)
{
	/* Through the pidfd: a pid could be somebody else's by now. */
	if (ch->pidfd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, ch->pidfd, sig, NULL, 0);
	}
}

void
child_reap(struct child *ch)
{
	(void)waitpid(ch->pid, &ch->status, 0);
	fd_close(&ch->pidfd);
	fd_close(&ch->channel);
}

void
child_describe(const struct child *ch, char *out, size_t size)
{
	const char *name = run_role_name(ch->role);

	if (WIFSIGNALED(ch->status)) {
		int sig = WTERMSIG(ch->status);
		(void)snprintf(out, size, "%s was killed by signal %d%s", name,
		    sig, sig == SIGSYS ? " (forbidden system call)" : "");
	} else if (WEXITSTATUS(ch->status) == EXIT_EXEC) {
		(void)snprintf(out, size, "%s could not be executed", name);
	} else {
		(void)snprintf(out, size, "%s ended with status %d", name,
		    WEXITSTATUS(ch->status));
	}
}

bool
child_is_running(const struct child *ch)
{
	return ch->pidfd >= 0;
}
