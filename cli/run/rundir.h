/*
 * <store>.run/: the lock that says who owns the store, and the four sockets.
 * Everything is reached through the folder's descriptor, so that neither the
 * length of the path (sun_path has 108 bytes) nor a renamed parent matters.
 */
#ifndef CS_CLI_RUN_RUNDIR_H
#define CS_CLI_RUN_RUNDIR_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* Users of mode E1. Present only when started as root and all three exist. */
struct identities {
	bool are_separate;
	uid_t ledgerd_uid;
	gid_t ledgerd_gid;
	gid_t mcpd_gid;
	gid_t writerd_gid;
	gid_t handler_gid;   /* 0 when there is no such user */
	gid_t reviewers_gid; /* 0 when there is no such group */
};

struct rundir {
	char *path; /* owned */
	int dir_fd;
	int lock_fd; /* holds the lock once rundir_lock succeeded */
};

/*
 * Create what is missing and check owners and modes of what is there:
 * <store>.run/ must be ours and closed to others, or somebody could put a
 * socket of his own where ours is expected. With separate users the store's
 * folder is given to ledgerd when we made it, and must be its own when we did
 * not. CS_E_DENIED names what to mend.
 */
int rundir_open(struct rundir *d, const char *store,
    const struct identities *ids, struct err *e);

/* Try to own the store, without waiting. 0: ours, until the last process
 * with d->lock_fd ends. CS_E_STATE: another instance owns it. */
int rundir_lock(struct rundir *d, struct err *e);

/* Is whoever owns the store about to leave, or gone? To be asked after
 * connecting: "no" means that the connection will be served. */
bool rundir_is_leaving(const struct rundir *d);

/*
 * A fresh listening socket in the folder, 0600, or 0660 for the group `gid`
 * if that is not 0. The caller owns the descriptor.
 */
int rundir_listen(const struct rundir *d, const char *name, gid_t gid,
    int *fd_out, struct err *e);

/* Connect to a socket in the folder; CS_E_UNAVAILABLE: nobody listens. */
int rundir_connect(
    const struct rundir *d, const char *name, int *fd_out, struct err *e);

/*
 * Where the writer finds ledgerd's public key. With separate users the file
 * beside the store belongs to ledgerd, which a writer must not take at its
 * word: the first one seen is pinned in the folder, root-owned, and another
 * one later is refused. The caller frees *path_out.
 */
int rundir_ledger_key(const struct rundir *d, const char *store,
    const struct identities *ids, char **path_out, struct err *e);

void rundir_close(struct rundir *d);

#endif
