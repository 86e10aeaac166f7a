#include "mcpd/transport/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"

#define BACKLOG     512
#define SOCKET_MODE 0666

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

/* No names: a resolver could decide on which interface we are reachable. */
static int
parse_address(const char *host, uint16_t port, union address *a, socklen_t *len)
{
	memset(a, 0, sizeof(*a));
	if (strcmp(host, "localhost") == 0) {
		host = "127.0.0.1";
	}
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		*len = sizeof(a->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(port);
		*len = sizeof(a->v6);
		return 0;
	}
	return CS_E_INVALID;
}

static int
set_on(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

int
listener_tcp(const char *host, uint16_t port, bool reuse_port, int *fd_out,
    struct err *e)
{
	union address a;
	socklen_t len = 0;
	int fd;

	if (parse_address(host, port, &a, &len) != 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--host %s: an IPv4 or IPv6 address, or localhost", host);
	}
	fd = socket(
	    a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A port whose last connections still linger is free to be used. */
	if (fd < 0 || set_on(fd, SO_REUSEADDR) != 0 ||
	    (reuse_port && set_on(fd, SO_REUSEPORT) != 0) ||
	    bind(fd, &a.any, len) != 0 || listen(fd, BACKLOG) != 0) {
		(void)err_sys(e, "cannot listen on %s port %u", host, port);
		fd_close(&fd);
		return CS_E_IO;
	}
	*fd_out = fd;
	return 0;
}

/* Something is at that path: a socket that nobody serves may go. */
static int
remove_stale(const union address *a, struct err *e)
{
	const char *path = a->local.sun_path;
	struct stat st;
	int fd;
	bool served;

	if (lstat(path, &st) != 0) {
		return errno == ENOENT ? 0
				       : err_sys(e, "cannot look at %s", path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(e, CS_E_STATE, "SOCKET_PATH_TAKEN",
		    "%s exists and is not a socket", path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	served = fd < 0 || connect(fd, &a->any, sizeof(a->local)) == 0 ||
		 errno != ECONNREFUSED;
	fd_close(&fd);
	if (served) {
		return err_set(e, CS_E_STATE, "SOCKET_PATH_TAKEN",
		    "another process serves %s", path);
	}
	return unlink(path) == 0 ? 0 : err_sys(e, "cannot remove %s", path);
}

int
listener_unix(const char *path, int *fd_out, struct err *e)
{
	union address a = {.local.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd;
	int rc;

	if (len >= sizeof(a.local.sun_path)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--socket: a path of a socket has at most %zu bytes",
		    sizeof(a.local.sun_path) - 1);
	}
	memcpy(a.local.sun_path, path, len + 1);
	rc = remove_stale(&a, e);
	if (rc != 0) {
		return rc;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, &a.any, sizeof(a.local)) != 0 ||
	    chmod(path, SOCKET_MODE) != 0 || listen(fd, BACKLOG) != 0) {
		(void)err_sys(e, "cannot listen on %s", path);
		fd_close(&fd);
		return CS_E_IO;
	}
	*fd_out = fd;
	return 0;
}

static bool
address_of(int fd, union address *a)
{
	socklen_t len = sizeof(*a);

	memset(a, 0, sizeof(*a));
	return getsockname(fd, &a->any, &len) == 0;
}

bool
listener_is_loopback(int fd)
{
	union address a;

	if (!address_of(fd, &a)) {
		return false;
	}
	switch (a.any.sa_family) {
	case AF_INET:
		return ntohl(a.v4.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
	case AF_UNIX:
		return true;
	default:
		return false;
	}
}

void
listener_describe(int fd, struct buf *out)
{
	union address a;
	char text[INET6_ADDRSTRLEN] = "?";

	if (!address_of(fd, &a)) {
		buf_puts(out, "?");
	} else if (a.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof(text));
		buf_printf(out, "%s:%u", text, ntohs(a.v4.sin_port));
	} else if (a.any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof(text));
		buf_printf(out, "[%s]:%u", text, ntohs(a.v6.sin6_port));
	} else {
		buf_puts(out, a.local.sun_path);
	}
}
