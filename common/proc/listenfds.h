/*
 * Inherited listening sockets by name. The name is the authority of whoever
 * connects there, so an unknown or repeated name is fatal, never skipped.
 */
#ifndef CS_COMMON_PROC_LISTENFDS_H
#define CS_COMMON_PROC_LISTENFDS_H

#include <stddef.h>

struct env_snapshot;
struct err;

#define LISTEN_FDS_MAX   8
#define LISTEN_NAME_SIZE 32
#define LISTEN_FDS_FIRST 3 /* systemd's SD_LISTEN_FDS_START */

struct listen_fds {
	struct {
		char name[LISTEN_NAME_SIZE];
		int fd;
	} entries[LISTEN_FDS_MAX];
	size_t count;
};

/*
 * Add "name=N" from the command line. `allowed` is a NULL-terminated list of
 * the names that this program knows (NULL: none). CS_E_INVALID for another
 * name, a repeated one, or a descriptor that does not listen; CS_E_TOO_LARGE.
 */
int listenfds_add(struct listen_fds *l, const char *const *allowed,
    const char *text, struct err *e);

/*
 * Add what systemd passed (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES). Nothing
 * passed, or passed to another process, is no error.
 */
int listenfds_from_env(struct listen_fds *l, const char *const *allowed,
    const struct env_snapshot *env, struct err *e);

/* The descriptor of `name`, or -1. It stays owned by the list. */
int listenfds_get(const struct listen_fds *l, const char *name);

#endif
