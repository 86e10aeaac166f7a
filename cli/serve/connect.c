/*
 * A pipe between an MCP client's standard streams and the Unix socket of an
 * mcpd that runs under another account: what the client starts holds nothing.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/serve/commands.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define CHUNK 65536
/* Of packaging/systemd/countersign-mcpd.socket. */
#define SERVICE_SOCKET "/run/countersign/mcp.sock"

/* Bytes one way: from `from` to `to`, which is shut down at the end. */
struct direction {
	int from;
	int to;
	bool is_open;
	struct buf pending; /* what `to` has not taken yet */
};

static int
connect_to(const char *path, int *out, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(address.sun_path)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--socket: at most %zu bytes",
		    sizeof(address.sun_path) - 1);
	}
	memcpy(address.sun_path, path, len + 1);
	*out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*out < 0 || connect(*out, (const struct sockaddr *)&address,
			    sizeof(address)) != 0) {
		return err_sys(e, "cannot connect to %s", path);
	}
	return 0;
}

/* Read when nothing is pending: a slow reader holds the writer back. */
static bool
take(struct direction *d)
{
	ssize_t n;

	if (buf_reserve(&d->pending, CHUNK) != 0) {
		return false;
	}
	n = read(d->from, d->pending.data, CHUNK);
	if (n > 0) {
		d->pending.len = (size_t)n;
		return true;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return true;
	}
	d->is_open = false;
	/* A pipe has no half that could be shut down. */
	(void)shutdown(d->to, SHUT_WR);
	return true;
}

static bool
give(struct direction *d)
{
	ssize_t n = write(d->to, d->pending.data, d->pending.len);

	if (n < 0) {
		return errno == EINTR || errno == EAGAIN;
	}
	buf_consume(&d->pending, (size_t)n);
	return true;
}

static struct pollfd
interest_of(const struct direction *d)
{
	if (d->pending.len > 0) {
		return (struct pollfd){.fd = d->to, .events = POLLOUT};
	}
	return (struct pollfd){
	    .fd = d->is_open ? d->from : -1, .events = POLLIN};
}

/* Until the server has said everything; the client may stop earlier. */
static int
pump(struct direction *up, struct direction *down, struct err *e)
{
	struct direction *both[] = {up, down};

	while (down->is_open || down->pending.len > 0) {
		struct pollfd fds[] = {interest_of(up), interest_of(down)};

		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return err_sys(e, "cannot wait");
		}
		for (size_t i = 0; i < 2; i++) {
			bool ok = true;

			if (fds[i].revents != 0) {
				ok = both[i]->pending.len > 0 ? give(both[i])
							      : take(both[i]);
			}
			if (!ok) {
				return err_sys(e, "the connection broke");
			}
		}
	}
	return 0;
}

int
cmd_mcp_connect(const struct args *a, struct err *e)
{
	const char *path = args_get(a, "socket");
	int fd = -1;
	int rc = 0;

	rc = connect_to(path != NULL ? path : SERVICE_SOCKET, &fd, e);
	if (rc == 0) {
		struct direction up = {STDIN_FILENO, fd, true, BUF_INIT};
		struct direction down = {fd, STDOUT_FILENO, true, BUF_INIT};

		rc = pump(&up, &down, e);
		buf_clear(&up.pending);
		buf_clear(&down.pending);
	}
	fd_close(&fd);
	return rc;
}
