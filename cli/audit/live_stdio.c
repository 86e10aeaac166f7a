/*
 * A server that we start: what it says is read with limits, and whatever it
 * started is ended with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/audit/live.h"
#include "cli/audit/messages.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

#define OUTPUT_MAX (16U << 20)
#define PIECE      65536U
/* How long it may take to leave by itself once its input has ended; less when
 * it has failed us already. */
#define LEAVE_MS        3000
#define LEAVE_FAILED_MS 200

struct server {
	pid_t pid;
	int in, out;
	struct buf said; /* what it has said and we have not looked at */
	size_t total;
	int64_t deadline;
};

/* One word of a command line; steps over it. */
static int
split_word(const char **line, struct buf *word, struct err *e)
{
	const char *p = *line;
	char quote = '\0';

	for (; *p != '\0' && (quote != '\0' || strchr(" \t\n", *p) == NULL);
	     p++) {
		if (quote == '\0' && (*p == '"' || *p == '\'')) {
			quote = *p;
		} else if (quote != '\0' && *p == quote) {
			quote = '\0';
		} else if (*p == '\\' && quote != '\'' && p[1] != '\0') {
			buf_putc(word, *++p);
		} else {
			buf_putc(word, *p);
		}
	}
	*line = p;
	return quote == '\0' ? 0
			     : err_set(e, CS_E_INVALID, "AUDIT_TARGET_INVALID",
				   "a quote of the command does not end");
}

int
live_split(
    struct live_command *c, const char *line, struct arena *a, struct err *e)
{
	struct buf word = BUF_INIT;
	size_t count = 0;
	int rc = 0;

	while (rc == 0 && line[strspn(line, " \t\n")] != '\0') {
		line += strspn(line, " \t\n");
		buf_reset(&word);
		rc = split_word(&line, &word, e);
		if (rc == 0 && count == LIVE_WORDS_MAX) {
			rc = err_set(e, CS_E_TOO_LARGE, "AUDIT_TARGET_INVALID",
			    "the command has more than %d words",
			    LIVE_WORDS_MAX);
		}
		if (rc == 0) {
			c->words[count++] =
			    arena_strndup(a, buf_text(&word), word.len);
		}
	}
	buf_clear(&word);
	if (rc == 0 && count == 0) {
		rc = err_set(e, CS_E_INVALID, "AUDIT_TARGET_INVALID",
		    "the command is empty");
	}
	return rc;
}

static void
pass(struct live_command *c, const char *name, struct arena *a)
{
	const char *value = secure_getenv(name);
	size_t len = strlen(name);
	size_t i = 0;

	for (; c->env[i] != NULL; i++) {
		if (strncmp(c->env[i], name, len) == 0 &&
		    c->env[i][len] == '=') {
			return;
		}
	}
	if (value != NULL && i < LIVE_ENV_MAX) {
		c->env[i] = arena_printf(a, "%s=%s", name, value);
	}
}

void
live_environment(
    struct live_command *c, const struct live_options *o, struct arena *a)
{
	static const char *const always[] = {
	    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", NULL};
	const char *rest = o->pass_env;

	for (size_t i = 0; always[i] != NULL; i++) {
		pass(c, always[i], a);
	}
	while (rest != NULL && *rest != '\0') {
		size_t len = strcspn(rest, ",");
		pass(c, arena_strndup(a, rest, len), a);
		rest += len + (rest[len] == ',' ? 1 : 0);
	}
}

static void __attribute__((noreturn))
become(const struct live_command *c, const int in[2], const int out[2])
{
	const struct rlimit none = {0, 0};
	/* execvpe wants writable words and writes none. */
	union {
		const char *const *read;
		char *const *argv;
	} words = {.read = c->words}, env = {.read = c->env};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	if (dup2(in[0], STDIN_FILENO) >= 0 &&
	    dup2(out[1], STDOUT_FILENO) >= 0 &&
	    dup2(null, STDERR_FILENO) >= 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)execvpe(c->words[0], words.argv, env.argv);
	}
	_exit(127);
}

static int
start(struct server *s, const struct live_command *c, struct err *e)
{
	int in[2] = {-1, -1};
	int out[2] = {-1, -1};

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
	    (s->pid = fork()) < 0) {
		int rc = err_sys(e, "cannot start %s", c->words[0]);
		fd_close(&in[0]);
		fd_close(&in[1]);
		fd_close(&out[0]);
		fd_close(&out[1]);
		return rc;
	}
	if (s->pid == 0) {
		become(c, in, out);
	}
	/* Both sides, so that it is so for whoever comes first. */
	(void)setpgid(s->pid, s->pid);
	fd_close(&in[0]);
	fd_close(&out[1]);
	s->in = in[1];
	s->out = out[0];
	(void)fd_set_nonblocking(s->in);
	return 0;
}

/* Give it a moment to leave, then end everything that it started. */
static void
end(struct server *s, int64_t leave_ms)
{
	int64_t deadline = clock_mono_ms() + leave_ms;
	siginfo_t info = {0};

	if (s->pid <= 0) {
		return;
	}
	fd_close(&s->in);
	while (waitid(P_PID, (id_t)s->pid, &info,
		   WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0 && clock_mono_ms() < deadline) {
		(void)poll(NULL, 0, 10);
	}
	/* Not reaped yet, so the number is still this group's. */
	(void)kill(-s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	fd_close(&s->out);
	buf_clear(&s->said);
}

static int
failed(struct err *e, int code, const char *why)
{
	return err_set(e, code, "AUDIT_SERVER_FAILED",
	    "the server %s; start it by hand to see what it says", why);
}

static int
say(struct server *s, const struct buf *message, struct err *e)
{
	int rc = fd_write_all(s->in, message->data, message->len, s->deadline);

	return rc == 0 ? 0 : failed(e, rc, "does not read its input");
}

/* More of what it says. */
static int
hear(struct server *s, struct err *e)
{
	ssize_t n = 0;
	int rc = fd_wait(s->out, POLLIN, s->deadline);

	if (rc != 0) {
		return failed(e, CS_E_TIMEOUT, "did not answer in time");
	}
	if (s->total + PIECE > OUTPUT_MAX ||
	    buf_reserve(&s->said, PIECE + 1) != 0) {
		return failed(e, CS_E_TOO_LARGE, "said too much");
	}
	n = read(s->out, s->said.data + s->said.len, PIECE);
	if (n <= 0) {
		return failed(e, CS_E_UNAVAILABLE, "ended without an answer");
	}
	s->said.len += (size_t)n;
	s->total += (size_t)n;
	return 0;
}

/* Wait for the answer to one request; other lines are stepped over. */
static int
await(struct server *s, int id, struct json_doc *doc, uint32_t *result,
    struct arena *a, struct err *e)
{
	size_t looked = 0;

	for (;;) {
		const char *start = buf_text(&s->said) + looked;
		const char *line_end =
		    s->said.len == looked
			? NULL
			: memchr(start, '\n', s->said.len - looked);
		if (line_end != NULL) {
			struct span line = {
			    s->said.data, (size_t)(line_end - s->said.data)};
			struct span copy = arena_span(a, line);
			bool is_it =
			    message_is_answer(doc, result, copy, id, a);
			buf_consume(&s->said, line.len + 1);
			looked = 0;
			if (is_it) {
				return 0;
			}
		} else {
			int rc = 0;
			looked = s->said.len;
			rc = hear(s, e);
			if (rc != 0) {
				return rc;
			}
		}
	}
}

static int
list_page(struct audit *audit, struct server *s, enum era era, int id,
    struct span *cursor, struct err *e)
{
	struct json_doc *doc = arena_alloc(audit->arena, sizeof(*doc));
	struct buf message = BUF_INIT;
	uint32_t result = JSON_NONE;
	int rc;

	message_list(&message, id, era, *cursor);
	buf_putc(&message, '\n');
	rc = say(s, &message, e);
	buf_clear(&message);
	if (rc == 0) {
		rc = await(s, id, doc, &result, audit->arena, e);
	}
	if (rc == 0 && result == JSON_NONE) {
		rc = failed(e, CS_E_UNAVAILABLE, "refused tools/list");
	}
	if (rc == 0) {
		rc = audit_collect(audit, doc, e);
		*cursor = message_next(doc, result, audit->arena);
	}
	return rc;
}

static int
list(struct audit *audit, struct server *s, struct err *e)
{
	struct buf message = BUF_INIT;
	struct json_doc doc;
	uint32_t result = JSON_NONE;
	enum era era = ERA_HANDSHAKE;
	struct span cursor = {"", 0};
	int id = 1;
	int rc;

	message_initialize(&message, id++);
	buf_putc(&message, '\n');
	rc = say(s, &message, e);
	if (rc == 0) {
		rc = await(s, 1, &doc, &result, audit->arena, e);
	}
	buf_reset(&message);
	if (rc == 0 && result == JSON_NONE) {
		era = ERA_ENVELOPE;
	} else if (rc == 0) {
		message_initialized(&message);
		buf_putc(&message, '\n');
		rc = say(s, &message, e);
	}
	buf_clear(&message);
	do {
		rc = rc != 0 ? rc : list_page(audit, s, era, id, &cursor, e);
	} while (rc == 0 && cursor.len > 0 && id++ < LIST_PAGES_MAX);
	return rc;
}

int
live_stdio(struct audit *audit, const struct live_command *c,
    const struct live_options *o, struct err *e)
{
	struct server s = {.pid = -1, .in = -1, .out = -1};
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	int rc;

	s.deadline = clock_mono_ms() + o->timeout_ms;
	rc = start(&s, c, e);
	if (rc == 0) {
		rc = list(audit, &s, e);
	}
	end(&s, rc == 0 ? LEAVE_MS : LEAVE_FAILED_MS);
	(void)signal(SIGPIPE, before);
	return rc;
}
