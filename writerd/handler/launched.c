#include "writerd/handler/launched.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/proc/sandbox.h"
#include "writerd/handler/words.h"

#define INPUT_MAX (1U << 20)
#define PATHS_MAX 256U
#define PIECE     16384

/* One executor's command; words[0] is NULL when it has none that is valid. */
struct command {
	char *words[WORDS_MAX + 1];
	int64_t timeout_ms;
};

struct launched {
	int fd;
	const struct contract *contract;
	struct command *commands; /* by executor */
	struct arena *arena;
};

int
launched_send(int fd, struct span bytes, int64_t patience_ms)
{
	uint32_t len = (uint32_t)bytes.len;
	int64_t deadline = clock_mono_ms() + patience_ms;
	int rc = fd_write_all(fd, &len, sizeof(len), deadline);

	return rc != 0 || len == 0 ? rc
				   : fd_write_all(fd, bytes.ptr, len, deadline);
}

static int
receive(int fd, struct buf *out)
{
	uint32_t len;
	int rc = fd_read_exact(fd, &len, sizeof(len), -1);

	buf_reset(out);
	if (rc != 0 || len > INPUT_MAX || buf_reserve(out, len + 1) != 0) {
		return rc != 0 ? rc : CS_E_TOO_LARGE;
	}
	rc = fd_read_exact(fd, out->data, len, -1);
	out->len = rc == 0 ? len : 0;
	out->data[out->len] = '\0';
	return rc;
}

/* The command lines, in the order of the executors. */
static int
learn(struct launched *l)
{
	struct buf line = BUF_INIT;
	size_t count = l->contract->executor_count;
	int rc = 0;

	l->commands = arena_array(l->arena, count + 1, sizeof(*l->commands));
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct command *c = &l->commands[i];
		rc = receive(l->fd, &line);
		c->timeout_ms = l->contract->executors[i].timeout_ms;
		if (rc == 0 && line.len > 0 &&
		    !words_split(buf_as_span(&line), l->arena, c->words)) {
			c->words[0] = NULL;
			log_event(LOG_LEVEL_WARN, "command_not_valid",
			    "executor=\"%s\" why=\"not an absolute path and "
			    "arguments\"",
			    l->contract->executors[i].name);
		}
	}
	buf_clear(&line);
	return rc;
}

/* Where programs and libraries are; not /proc, /run, /home or /var. */
static const struct path_rule system_paths[] = {
    {"/usr", PATH_RX},
    {"/bin", PATH_RX},
    {"/sbin", PATH_RX},
    {"/lib", PATH_RX},
    {"/lib32", PATH_RX},
    {"/lib64", PATH_RX},
    {"/opt", PATH_RX},
    {"/etc", PATH_RO},
    {"/run/systemd/resolve", PATH_RO},
    {"/dev/null", PATH_RW},
    {"/dev/zero", PATH_RO},
    {"/dev/random", PATH_RO},
};
#define SYSTEM_PATHS (sizeof(system_paths) / sizeof(system_paths[0]))

/* A word that is a folder, or the folder of one that is a file. */
static void
allow_folder(struct launched *l, struct confine *c, struct path_rule *paths,
    const char *word)
{
	struct stat st;
	bool is_there = word[0] == '/' && stat(word, &st) == 0;
	struct span folder =
	    is_there && S_ISDIR(st.st_mode) ? span_of(word) : path_folder(word);

	if (is_there && folder.len > 1 && c->path_count < PATHS_MAX) {
		paths[c->path_count++] = (struct path_rule){
		    arena_strndup(l->arena, folder.ptr, folder.len), PATH_RX};
	}
}

static void
allow_all(struct launched *l, struct confine *c, struct path_rule *paths)
{
	memcpy(paths, system_paths, sizeof(system_paths));
	c->path_count = SYSTEM_PATHS;
	for (size_t i = 0; i < l->contract->executor_count; i++) {
		const struct contract_executor *x = &l->contract->executors[i];
		for (char **w = l->commands[i].words; *w != NULL; w++) {
			allow_folder(l, c, paths, *w);
		}
		for (size_t k = 0;
		     k < x->writable_count && c->path_count < PATHS_MAX; k++) {
			paths[c->path_count++] =
			    (struct path_rule){x->writable_paths[k], PATH_RW};
		}
	}
}

/* What is confined here is every command, for ever. */
static int
confine(struct launched *l, bool reduced, struct err *e)
{
	struct path_rule *paths =
	    arena_array(l->arena, PATHS_MAX, sizeof(*paths));
	struct confine c = {.paths = paths};
	struct buf missing = BUF_INIT;
	int rc;

	allow_all(l, &c, paths);
	rc = sandbox_landlock(PROC_COMMAND, &c, &missing, e);
	if (rc == 0 || (rc == CS_E_UNSUPPORTED && reduced)) {
		rc = sandbox_seccomp(PROC_COMMAND, &c, e);
	}
	buf_clear(&missing);
	return rc == CS_E_UNSUPPORTED && reduced ? 0 : rc;
}

/* A command that is running. */
struct running {
	pid_t pid;
	int in;  /* we write its input */
	int out; /* we read its output */
	int why; /* end of file: it was executed; else the errno follows */
};

_Noreturn static void
become(const struct command *c, int in, int out, int why)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char lang[] = "LANG=C.UTF-8";
	char *const env[] = {path, lang, NULL};
	int null = open("/dev/null", O_WRONLY);
	char failed = 1;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null >= 0 && dup2(in, STDIN_FILENO) >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0) {
		(void)close(null);
		(void)execve(c->words[0], c->words, env);
	}
	(void)!write(why, &failed, 1);
	_exit(CS_EXIT_ENVIRONMENT);
}

/* Three pipes, all close-on-exec; our ends are left in *r. */
static bool
start(const struct command *c, struct running *r)
{
	int in[2] = {-1, -1};
	int out[2] = {-1, -1};
	int why[2] = {-1, -1};
	bool ok = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
		  pipe2(why, O_CLOEXEC) == 0;

	r->pid = ok ? fork() : -1;
	if (r->pid == 0) {
		become(c, in[0], out[1], why[1]);
	}
	fd_close(&in[0]);
	fd_close(&out[1]);
	fd_close(&why[1]);
	r->in = in[1];
	r->out = out[0];
	r->why = why[0];
	if (r->pid <= 0) {
		fd_close(&r->in);
		fd_close(&r->out);
		fd_close(&r->why);
		return false;
	}
	(void)setpgid(r->pid, r->pid);
	(void)fd_set_nonblocking(r->in);
	return true;
}

/* Did execve fail? Waits for it to be over. */
static bool
was_executed(struct running *r)
{
	char failed;
	ssize_t n;

	do {
		n = read(r->why, &failed, 1);
	} while (n < 0 && errno == EINTR);
	fd_close(&r->why);
	return n == 0;
}

/* Some of the input: a command that does not read it is not waited for. */
static void
feed(struct running *r, struct span input, size_t *sent)
{
	ssize_t n = write(r->in, input.ptr + *sent, input.len - *sent);

	if (n > 0) {
		*sent += (size_t)n;
	}
	if (*sent == input.len || (n < 0 && errno != EAGAIN)) {
		fd_close(&r->in);
	}
}

/* Until its output ends: LAUNCH_EXITED, or why it has to be killed. */
static enum launch_end
talk(struct running *r, struct span input, int64_t deadline, struct buf *out)
{
	char piece[PIECE];
	size_t sent = 0;

	for (;;) {
		struct pollfd fds[2] = {
		    {r->out, POLLIN, 0}, {r->in, POLLOUT, 0}};
		int64_t left = deadline - clock_mono_ms();
		ssize_t n;

		if (left <= 0 || poll(fds, 2, (int)left) == 0) {
			return LAUNCH_TIMEOUT;
		}
		if (fds[1].revents != 0) {
			feed(r, input, &sent);
		}
		if (fds[0].revents == 0) {
			continue;
		}
		n = read(r->out, piece, sizeof(piece));
		if (n == 0 || (n < 0 && errno != EINTR)) {
			return LAUNCH_EXITED;
		}
		if (n > 0 && out->len + (size_t)n > LAUNCH_OUTPUT_MAX) {
			return LAUNCH_TOO_LARGE;
		}
		buf_append(out, piece, n > 0 ? (size_t)n : 0);
	}
}

/* It closed its output; now it has to end, in what is left of its time. */
static bool
ends_in_time(pid_t pid, int64_t deadline)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info,
			WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid != 0) {
			return true;
		}
		if (clock_mono_ms() >= deadline) {
			return false;
		}
		(void)usleep(5000);
	}
}

static void
run(const struct command *c, struct span input, struct launched_end *end,
    struct buf *out)
{
	struct running r;
	int64_t deadline = clock_mono_ms() + c->timeout_ms;
	int status = 0;

	end->end = LAUNCH_NOT_STARTED;
	if (c->words[0] != NULL && start(c, &r)) {
		bool executed = was_executed(&r);
		enum launch_end how = executed ? talk(&r, input, deadline, out)
					       : LAUNCH_NOT_STARTED;
		if (how == LAUNCH_EXITED && !ends_in_time(r.pid, deadline)) {
			how = LAUNCH_TIMEOUT;
		}
		/* Its whole group, also what it left behind: the leader is
		 * not reaped yet, so the number is still its own. */
		(void)kill(-r.pid, SIGKILL);
		while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR) {
		}
		if (how == LAUNCH_EXITED && WIFSIGNALED(status)) {
			how = LAUNCH_KILLED;
		}
		end->end = how;
		end->code =
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
		fd_close(&r.in);
		fd_close(&r.out);
	}
	if (end->end != LAUNCH_EXITED) {
		buf_reset(out);
	}
}

/* A number, then its input; until the other side ends. */
static void
serve(struct launched *l)
{
	struct buf number = BUF_INIT;
	struct buf input = BUF_INIT;
	struct buf out = BUF_INIT;

	while (receive(l->fd, &number) == 0 && receive(l->fd, &input) == 0) {
		struct launched_end end = {.end = LAUNCH_NOT_STARTED};
		uint32_t index = UINT32_MAX;

		if (number.len == sizeof(index)) {
			memcpy(&index, number.data, sizeof(index));
		}
		buf_reset(&out);
		if (index < l->contract->executor_count) {
			run(&l->commands[index], buf_as_span(&input), &end,
			    &out);
		}
		end.len = (uint32_t)out.len;
		if (fd_write_all(l->fd, &end, sizeof(end), -1) != 0 ||
		    fd_write_all(l->fd, out.data, out.len, -1) != 0) {
			break;
		}
	}
}

void
launched_main(int fd, const struct contract *c, bool reduced)
{
	struct launched l = {.fd = fd, .contract = c, .arena = arena_new()};
	struct launched_end ready = {.end = LAUNCH_EXITED};
	struct err e = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (learn(&l) != 0) {
		_exit(CS_EXIT_ENVIRONMENT);
	}
	if (confine(&l, reduced, &e) != 0) {
		log_err(LOG_LEVEL_ERR, "launcher_not_confined", &e);
		_exit(CS_EXIT_ENVIRONMENT);
	}
	if (fd_write_all(fd, &ready, sizeof(ready), -1) == 0) {
		serve(&l);
	}
	_exit(CS_EXIT_OK);
}
