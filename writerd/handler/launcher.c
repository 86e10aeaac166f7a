/* Our side of it: the fork, and messages of a length and that many bytes. */
#include "writerd/handler/launcher.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "writerd/handler/launched.h"

#define CONFINE_MS 10000
/* Above a command's own time: the launcher answers before that. */
#define SLACK_MS 5000

static bool
has_commands(const struct contract *c)
{
	for (size_t i = 0; i < c->executor_count; i++) {
		if (c->executors[i].type == EXECUTOR_COMMAND) {
			return true;
		}
	}
	return false;
}

int
launcher_fork(struct launcher *l, const struct contract *c,
    const int *close_fds, size_t close_count, bool reduced, struct err *e)
{
	int ends[2];

	*l = (struct launcher){.fd = -1, .contract = c};
	if (!has_commands(c)) {
		return 0;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		return err_sys(e, "cannot make a channel to the launcher");
	}
	l->pid = fork();
	if (l->pid < 0) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return err_sys(e, "cannot fork the launcher");
	}
	if (l->pid == 0) {
		for (size_t i = 0; i < close_count; i++) {
			int fd = close_fds[i];
			fd_close(&fd);
		}
		fd_close(&ends[0]);
		launched_main(ends[1], c, reduced);
	}
	fd_close(&ends[1]);
	l->fd = ends[0];
	return 0;
}

static int
lost(struct err *e)
{
	return err_set(e, CS_E_EOF, "HANDLER_LAUNCHER_GONE",
	    "the process that starts commands is gone; see the lines before");
}

int
launcher_tell(struct launcher *l, struct span line, struct err *e)
{
	return launched_send(l->fd, line, CONFINE_MS) == 0 ? 0 : lost(e);
}

int
launcher_confine(struct launcher *l, struct err *e)
{
	struct launched_end end;

	if (l->fd < 0) {
		return 0;
	}
	return fd_read_exact(
		   l->fd, &end, sizeof(end), clock_mono_ms() + CONFINE_MS) == 0
		   ? 0
		   : lost(e);
}

/* One command through the channel. */
static void
exchange(struct launcher *l, uint32_t index, struct span input,
    struct launch_result *out)
{
	struct launched_end end = {.end = LAUNCH_LOST};
	struct span number = {(const char *)&index, sizeof(index)};
	int64_t deadline;

	*out = (struct launch_result){.end = LAUNCH_NOT_STARTED};
	if (launched_send(l->fd, number, SLACK_MS) != 0) {
		return;
	}
	/* From here on it may have been started. */
	out->end = LAUNCH_LOST;
	deadline = clock_mono_ms() + l->contract->executors[index].timeout_ms +
		   SLACK_MS;
	if (launched_send(l->fd, input, SLACK_MS) != 0 ||
	    fd_read_exact(l->fd, &end, sizeof(end), deadline) != 0 ||
	    end.len > LAUNCH_OUTPUT_MAX ||
	    buf_reserve(&out->output, end.len + 1) != 0) {
		return;
	}
	if (fd_read_exact(l->fd, out->output.data, end.len, deadline) == 0) {
		out->output.len = end.len;
		out->output.data[end.len] = '\0';
		out->end = (enum launch_end)end.end;
		out->code = end.code;
	}
}

void
launcher_run(struct launcher *l, uint32_t index, struct span input,
    struct launch_result *out)
{
	exchange(l, index, input, out);
	/* An answer that comes after we gave up would be taken for the next
	 * command's. */
	if (out->end == LAUNCH_LOST) {
		log_event(LOG_LEVEL_ERR, "launcher_lost",
		    "action=\"no command is started any more: restart\"");
		launcher_clear(l);
	}
}

/* End of file is its order to leave; PDEATHSIG stands behind that. */
void
launcher_clear(struct launcher *l)
{
	fd_close(&l->fd);
}
