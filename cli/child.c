#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"

#define PIECE 16384

/* The child's ends and ours; closed ones are -1. */
struct pipes {
	int in[2], out[2], errors[2];
};

void
child_add(struct child *c, const char *word)
{
	size_t i = 0;

	while (c->words[i] != NULL) {
		i++;
	}
	cs_assert(i + 1 < CHILD_WORDS_MAX);
	c->words[i] = word;
}

static void
close_all(struct pipes *p)
{
	int *const ends[] = {&p->in[0], &p->in[1], &p->out[0], &p->out[1],
	    &p->errors[0], &p->errors[1]};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		fd_close(ends[i]);
	}
}

static void __attribute__((noreturn))
become(const struct child *c, const struct pipes *p)
{
	/* execv wants writable words and writes none. */
	union {
		const char *const *read;
		char *const *argv;
	} words = {.read = c->words}, env = {.read = c->env};

	if (dup2(p->in[0], STDIN_FILENO) >= 0 &&
	    dup2(p->out[1], STDOUT_FILENO) >= 0 &&
	    dup2(p->errors[1], STDERR_FILENO) >= 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		if (c->env == NULL) {
			(void)execv(c->words[0], words.argv);
		} else {
			(void)execve(c->words[0], words.argv, env.argv);
		}
	}
	_exit(CS_EXIT_ENVIRONMENT);
}

/* Some of the input, if it wants any: a child that does not read is not waited
 * for. */
static void
feed(const struct child *c, struct pipes *p, size_t *sent)
{
	ssize_t n = write(p->in[1], c->input.ptr + *sent, c->input.len - *sent);

	if (n > 0) {
		*sent += (size_t)n;
	}
	if (*sent == c->input.len || (n < 0 && errno != EAGAIN)) {
		fd_close(&p->in[1]);
	}
}

/* False when this output is over. */
static int
gather(int *fd, struct buf *into, size_t max)
{
	char piece[PIECE];
	ssize_t n = read(*fd, piece, sizeof(piece));

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	if (n <= 0) {
		fd_close(fd);
		return 0;
	}
	if (into->len + (size_t)n > max) {
		return CS_E_TOO_LARGE;
	}
	buf_append(into, piece, (size_t)n);
	return 0;
}

/* Until both outputs are over. */
static int
talk(struct child *c, struct pipes *p)
{
	int64_t deadline = clock_mono_ms() + c->timeout_ms;
	size_t sent = 0;
	int rc = 0;

	(void)fd_set_nonblocking(p->in[1]);
	if (c->input.len == 0) {
		fd_close(&p->in[1]);
	}
	while (rc == 0 && (p->out[0] >= 0 || p->errors[0] >= 0)) {
		struct pollfd fds[3] = {{p->in[1], POLLOUT, 0},
		    {p->out[0], POLLIN, 0}, {p->errors[0], POLLIN, 0}};
		int64_t left = deadline - clock_mono_ms();
		if (left <= 0 || poll(fds, 3, (int)left) == 0) {
			return CS_E_TIMEOUT;
		}
		if (fds[0].revents != 0) {
			feed(c, p, &sent);
		}
		if (fds[1].revents != 0) {
			rc = gather(&p->out[0], &c->out, c->max);
		}
		if (rc == 0 && fds[2].revents != 0) {
			rc = gather(&p->errors[0], &c->errors, c->max);
		}
	}
	return rc;
}

static int
reap(struct child *c, pid_t pid, int rc)
{
	int status = 0;

	if (rc != 0) {
		(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	c->status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return rc;
}

int
child_run(struct child *c, struct err *e)
{
	struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}};
	void (*before)(int) = NULL;
	pid_t pid = -1;
	int rc;

	if (pipe2(p.in, O_CLOEXEC) != 0 || pipe2(p.out, O_CLOEXEC) != 0 ||
	    pipe2(p.errors, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		rc = err_sys(e, "cannot start %s", c->words[0]);
		close_all(&p);
		return rc;
	}
	if (pid == 0) {
		become(c, &p);
	}
	fd_close(&p.in[0]);
	fd_close(&p.out[1]);
	fd_close(&p.errors[1]);
	before = signal(SIGPIPE, SIG_IGN);
	rc = reap(c, pid, talk(c, &p));
	(void)signal(SIGPIPE, before);
	close_all(&p);
	return rc == 0 ? 0
		       : err_set(e, rc, "CHILD_FAILED", "%s %s; it was ended",
			     c->words[0],
			     rc == CS_E_TIMEOUT ? "did not answer in time"
						: "said too much");
}

void
child_clear(struct child *c)
{
	buf_clear(&c->out);
	buf_clear(&c->errors);
}

int
child_explain(const struct child *c, int code, struct err *e)
{
	size_t end = c->errors.len;
	size_t start;
	const char *text = c->errors.data;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' ')) {
		end--;
	}
	start = end;
	while (start > 0 && text[start - 1] != '\n') {
		start--;
	}
	/* "<3>mcpd: event …": the priority is for journald. */
	if (end - start > 3 && text[start] == '<' && text[start + 2] == '>') {
		start += 3;
	}
	if (end == start) {
		return err_set(e, code, "CHILD_FAILED",
		    "%s ended with status %d", c->words[0], c->status);
	}
	return err_set(
	    e, code, "CHILD_FAILED", "%.*s", (int)(end - start), text + start);
}
