#include "common/base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/path.h"

int
fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		return CS_E_IO;
	}
	return 0;
}

int
fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? CS_E_IO : 0;
}

void
fd_close(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
	*fd = -1;
}

int
fd_wait(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int timeout = -1;
		if (deadline_ms >= 0) {
			int64_t left = deadline_ms - clock_mono_ms();
			if (left <= 0) {
				return CS_E_TIMEOUT;
			}
			timeout = left > INT_MAX ? INT_MAX : (int)left;
		}
		int ready = poll(&p, 1, timeout);
		if (ready > 0) {
			return 0;
		}
		if (ready < 0 && errno != EINTR) {
			return CS_E_IO;
		}
	}
}

int
fd_read_exact(int fd, void *out, size_t len, int64_t deadline_ms)
{
	char *p = out;

	while (len > 0) {
		int rc = fd_wait(fd, POLLIN, deadline_ms);
		if (rc != 0) {
			return rc;
		}
		ssize_t n = read(fd, p, len);
		if (n == 0) {
			return CS_E_EOF;
		}
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN) {
				continue;
			}
			return errno == ECONNRESET ? CS_E_EOF : CS_E_IO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Like write, but a closed socket is an error, not a signal. */
static ssize_t
write_no_signal(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK) {
		n = write(fd, data, len);
	}
	return n;
}

int
fd_write_all(int fd, const void *data, size_t len, int64_t deadline_ms)
{
	const char *p = data;

	while (len > 0) {
		int rc = fd_wait(fd, POLLOUT, deadline_ms);
		if (rc != 0) {
			return rc;
		}
		ssize_t n = write_no_signal(fd, p, len);
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN) {
				continue;
			}
			return errno == EPIPE || errno == ECONNRESET ? CS_E_EOF
								     : CS_E_IO;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_read_rest(int fd, size_t max, struct buf *out, struct err *e)
{
	char chunk[4096];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n == 0) {
			return 0;
		}
		if (n < 0) {
			if (errno == EINTR) {
				continue;
			}
			return err_sys(e, "cannot read");
		}
		total += (size_t)n;
		/* Counted and not taken from fstat: a file may grow while it
		 * is read. */
		if (total > max) {
			return err_set(e, CS_E_TOO_LARGE, NULL,
			    "more than %zu bytes", max);
		}
		buf_append(out, chunk, (size_t)n);
	}
}

/* Who may have written this file? Only root or us, or its content is not ours
 * to trust. */
static int
check_trusted(const struct stat *st, bool any_owner, struct err *e)
{
	if (!S_ISREG(st->st_mode)) {
		return err_set(
		    e, CS_E_DENIED, "FILE_NOT_REGULAR", "not a regular file");
	}
	if (!any_owner && st->st_uid != 0 && st->st_uid != geteuid()) {
		return err_set(e, CS_E_DENIED, "FILE_OWNER_UNTRUSTED",
		    "owned by uid %u, must be owned by root or by uid %u "
		    "(chown it)",
		    st->st_uid, geteuid());
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return err_set(e, CS_E_DENIED, "FILE_WRITABLE_BY_OTHERS",
		    "mode %04o lets others write it (chmod go-w)",
		    (unsigned)st->st_mode & 07777U);
	}
	return 0;
}

static int
read_checked(const char *path, bool any_owner, size_t max, struct buf *out,
    struct err *e)
{
	struct stat st;
	/*
	 * The checks look at the descriptor that is read, so the path may be
	 * exchanged in between; O_NONBLOCK because a FIFO would wait for a
	 * writer.
	 */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc;

	if (fd < 0) {
		rc = err_sys(e, "cannot open %s", path);
		if (e != NULL && e->saved_errno == ENOENT) {
			e->code = rc = CS_E_NOT_FOUND;
		}
		return rc;
	}
	if (fstat(fd, &st) < 0) {
		rc = err_sys(e, "cannot stat");
	} else if ((rc = check_trusted(&st, any_owner, e)) == 0) {
		rc = fd_read_rest(fd, max, out, e);
	}
	fd_close(&fd);
	if (rc != 0) {
		err_context(e, "%s", path);
	}
	return rc;
}

int
file_read_trusted(const char *path, size_t max, struct buf *out, struct err *e)
{
	return read_checked(path, false, max, out, e);
}

int
file_read_public(const char *path, size_t max, struct buf *out, struct err *e)
{
	return read_checked(path, true, max, out, e);
}

/* A rename is on disk only when the folder is. */
static int
sync_folder(const char *path, struct err *e)
{
	char folder[PATH_MAX];
	int rc = 0;

	(void)snprintf(
	    folder, sizeof(folder), "%.*s", SPAN_ARGS(path_folder(path)));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0) {
		rc = err_sys(e, "cannot sync the folder of %s", path);
	}
	fd_close(&fd);
	return rc;
}

int
file_write_atomic(
    const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	char temporary[PATH_MAX];
	int fd;
	int rc;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >=
	    (int)sizeof(temporary)) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "path too long");
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		return err_sys(e, "cannot create %s", temporary);
	}
	rc = fd_write_all(fd, data, len, -1);
	if (rc != 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
	    rename(temporary, path) < 0) {
		rc = err_sys(e, "cannot write %s", path);
		(void)unlink(temporary);
	} else {
		rc = sync_folder(path, e);
	}
	fd_close(&fd);
	return rc;
}
