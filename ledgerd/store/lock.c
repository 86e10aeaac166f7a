#include "ledgerd/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define LEAVE_MS 2000
#define AGAIN_MS 10

int
store_lock(const char *store, struct err *e)
{
	char path[PATH_MAX];
	int64_t until = clock_mono_ms() + LEAVE_MS;
	int fd;
	int saved;

	/* The key and not the ledger: SQLite's own locks of a file end when any
	 * descriptor of it is closed. */
	(void)snprintf(path, sizeof(path), "%s.key", store);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return err_sys(e, "cannot open %s", path);
	}
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		saved = errno;
		if (saved == EWOULDBLOCK && clock_mono_ms() < until) {
			(void)poll(NULL, 0, AGAIN_MS);
			continue;
		}
		fd_close(&fd);
		errno = saved;
		return saved == EWOULDBLOCK
			   ? err_set(e, CS_E_STATE, "STORE_IN_USE",
				 "another ledgerd has %s; end it first", store)
			   : err_sys(e, "cannot lock %s", path);
	}
	/* Kept open for as long as this process lives. */
	return 0;
}
