#include "common/proc/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"

int
notify_open(const char *address, int *fd_out, struct err *e)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len = strlen(address);

	if ((address[0] != '/' && address[0] != '@') ||
	    len >= sizeof(sun.sun_path)) {
		return err_set(e, CS_E_INVALID, NULL, "bad NOTIFY_SOCKET");
	}
	memcpy(sun.sun_path, address, len);
	/* An abstract address: its first byte is NUL, its length says where
	 * it ends. */
	if (sun.sun_path[0] == '@') {
		sun.sun_path[0] = '\0';
	}
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, size) < 0) {
		int rc = err_sys(e, "cannot reach NOTIFY_SOCKET");
		fd_close(&fd);
		return rc;
	}
	*fd_out = fd;
	return 0;
}

int
notify_ready(int *fd, struct err *e)
{
	static const char text[] = "READY=1";
	int rc = 0;

	if (*fd < 0) {
		return 0;
	}
	if (send(*fd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0) {
		rc = err_sys(e, "cannot notify the service manager");
	}
	fd_close(fd);
	return rc;
}
