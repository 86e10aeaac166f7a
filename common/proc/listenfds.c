#include "common/proc/listenfds.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/proc/envclean.h"

static bool
is_allowed(const char *const *allowed, struct span name)
{
	for (; allowed != NULL && *allowed != NULL; allowed++) {
		if (span_is(name, *allowed)) {
			return true;
		}
	}
	return false;
}

/* A listening stream socket and nothing else may stand behind a role. */
static int
check_listening(int fd, struct err *e)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
		return err_sys(e, "descriptor %d", fd);
	}
	if (listening == 0) {
		return err_set(e, CS_E_INVALID, NULL,
		    "descriptor %d is not a listening socket", fd);
	}
	return fd_set_cloexec(fd, true);
}

/*
 * One name, one descriptor, both new. Everything that does not fit ends the
 * start: a listener that is served under the wrong name is authority for the
 * wrong peer.
 */
static int
add_entry(struct listen_fds *l, const char *const *allowed, struct span name,
    int fd, struct err *e)
{
	if (!is_allowed(allowed, name) || name.len >= LISTEN_NAME_SIZE) {
		return err_set(e, CS_E_INVALID, "LISTEN_NAME_UNKNOWN",
		    "no listener is called '%.*s'", SPAN_ARGS(name));
	}
	if (l->count == LISTEN_FDS_MAX) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "too many listeners");
	}
	for (size_t i = 0; i < l->count; i++) {
		if (span_is(name, l->entries[i].name) ||
		    l->entries[i].fd == fd) {
			return err_set(e, CS_E_INVALID, "LISTEN_NAME_TWICE",
			    "listener '%.*s' or its descriptor is given twice",
			    SPAN_ARGS(name));
		}
	}
	int rc = check_listening(fd, e);
	if (rc != 0) {
		return rc;
	}
	memcpy(l->entries[l->count].name, name.ptr, name.len);
	l->entries[l->count].name[name.len] = '\0';
	l->entries[l->count].fd = fd;
	l->count++;
	return 0;
}

int
listenfds_add(struct listen_fds *l, const char *const *allowed,
    const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	long long fd = -1;

	if (equals != NULL) {
		fd = str_to_number(equals + 1, 65535);
	}
	if (fd < LISTEN_FDS_FIRST) {
		return err_set(e, CS_E_INVALID, NULL,
		    "'%s' is not <name>=<descriptor>", text);
	}
	return add_entry(l, allowed,
	    (struct span){text, (size_t)(equals - text)}, (int)fd, e);
}

/* systemd's names, separated by ':', for descriptors from 3 on. */
static int
add_names(struct listen_fds *l, const char *const *allowed, const char *names,
    long long count, struct err *e)
{
	for (int i = 0; i < (int)count; i++) {
		size_t len = strcspn(names, ":");
		int rc = add_entry(l, allowed, (struct span){names, len},
		    LISTEN_FDS_FIRST + i, e);
		if (rc != 0) {
			return rc;
		}
		names += len + (names[len] == ':' ? 1 : 0);
	}
	return 0;
}

int
listenfds_from_env(struct listen_fds *l, const char *const *allowed,
    const struct env_snapshot *env, struct err *e)
{
	char *pid = env_dup(env, "LISTEN_PID");
	char *fds = env_dup(env, "LISTEN_FDS");
	char *names = env_dup(env, "LISTEN_FDNAMES");
	int rc = 0;

	if (pid != NULL && fds != NULL &&
	    str_to_number(pid, 1LL << 30) == (long long)getpid()) {
		long long count = str_to_number(fds, LISTEN_FDS_MAX);
		if (count < 0) {
			rc = err_set(e, CS_E_INVALID, NULL,
			    "LISTEN_FDS=%s is not a number up to %d", fds,
			    LISTEN_FDS_MAX);
		} else {
			rc = add_names(
			    l, allowed, names == NULL ? "" : names, count, e);
		}
	}
	free(pid);
	free(fds);
	free(names);
	return rc;
}

int
listenfds_get(const struct listen_fds *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->entries[i].name, name) == 0) {
			return l->entries[i].fd;
		}
	}
	return -1;
}
