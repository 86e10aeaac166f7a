#include "cli/run/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"

#define BACKLOG      64
#define KEY_FILE_MAX 4096

/* 1: made, with that mode whatever the umask; 0: was there and stays as it is.
 */
static int
make_folder(const char *path, mode_t mode, struct err *e)
{
	if (mkdir(path, 0700) != 0) {
		return errno == EEXIST ? 0
				       : err_sys(e, "cannot create %s", path);
	}
	return chmod(path, mode) == 0
		   ? 1
		   : err_sys(e, "cannot set the mode of %s", path);
}

/* mkdir -p. Folders on the way let nobody look either; with users of their own
 * the daemons have to get through. */
static int
make_folders(char *path, mode_t mode, bool *made_out, struct err *e)
{
	int rc = 0;

	for (char *slash = strchr(path + 1, '/'); slash != NULL && rc >= 0;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		rc = make_folder(path, mode, e);
		*slash = '/';
	}
	if (rc >= 0) {
		rc = make_folder(path, mode, e);
		*made_out = rc == 1;
	}
	return rc < 0 ? rc : 0;
}

/* With separate users the store belongs to ledgerd, and only to it. */
static int
give_to_ledgerd(
    const char *folder, bool made, const struct identities *ids, struct err *e)
{
	struct stat st;

	if (made && chown(folder, ids->ledgerd_uid, ids->ledgerd_gid) != 0) {
		return err_sys(e, "cannot give %s to cs-ledgerd", folder);
	}
	if (stat(folder, &st) != 0) {
		return err_sys(e, "cannot stat %s", folder);
	}
	/* A folder that was there may be anything: not ours to give away. */
	if (st.st_uid != ids->ledgerd_uid) {
		return err_set(e, CS_E_DENIED, "STORE_FOLDER_OWNER",
		    "%s must belong to cs-ledgerd (chown it, or choose a "
		    "folder of its own)",
		    folder);
	}
	return 0;
}

/* The folder of the store itself, made when it is not there. */
static int
prepare_parent(const char *store, const struct identities *ids, struct err *e)
{
	char *copy = xstrdup(store);
	char *folder = xstrdup(dirname(copy)); // NOLINT(concurrency-*)
	bool made = false;
	int rc =
	    make_folders(folder, ids->are_separate ? 0711 : 0700, &made, e);

	if (rc == 0 && ids->are_separate) {
		rc = give_to_ledgerd(folder, made, ids, e);
	}
	free(folder);
	free(copy);
	return rc;
}

/* Whoever can write here could put his own socket where ours is expected. */
static int
check_folder(const struct rundir *d, mode_t mode, struct err *e)
{
	struct stat st;

	if (fstat(d->dir_fd, &st) != 0) {
		return err_sys(e, "cannot stat %s", d->path);
	}
	if (st.st_uid != geteuid()) {
		return err_set(e, CS_E_DENIED, "RUN_FOLDER_OWNER",
		    "%s belongs to uid %u, not to uid %u", d->path, st.st_uid,
		    geteuid());
	}
	if ((st.st_mode & 07777) != mode && fchmod(d->dir_fd, mode) != 0) {
		return err_sys(e, "cannot set the mode of %s", d->path);
	}
	return 0;
}

int
rundir_open(struct rundir *d, const char *store, const struct identities *ids,
    struct err *e)
{
	struct buf path = BUF_INIT;
	/* Reviewers must get to control.sock, but may not list or write. */
	mode_t mode = ids->are_separate ? 0711 : 0700;
	int rc = prepare_parent(store, ids, e);

	*d = (struct rundir){.dir_fd = -1, .lock_fd = -1};
	if (rc != 0) {
		return rc;
	}
	buf_printf(&path, "%s.run", store);
	d->path = xstrdup(buf_text(&path));
	buf_clear(&path);
	if (mkdir(d->path, 0700) != 0 && errno != EEXIST) {
		return err_sys(e, "cannot create %s", d->path);
	}
	d->dir_fd =
	    open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->dir_fd < 0) {
		return err_sys(e, "cannot open %s", d->path);
	}
	return check_folder(d, mode, e);
}

/* ledgerd shares its lock before it looks for the last time who is there. */
bool
rundir_is_leaving(const struct rundir *d)
{
	int fd = openat(
	    d->dir_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool leaving = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;

	fd_close(&fd);
	return leaving;
}

int
rundir_lock(struct rundir *d, struct err *e)
{
	if (d->lock_fd < 0) {
		d->lock_fd = openat(d->dir_fd, "lock",
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (d->lock_fd < 0) {
		return err_sys(e, "cannot open %s/lock", d->path);
	}
	/* flock and not fcntl: the lock goes to ledgerd with the descriptor. */
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0) {
		return 0;
	}
	if (errno != EWOULDBLOCK) {
		return err_sys(e, "cannot lock %s/lock", d->path);
	}
	return err_set(e, CS_E_STATE, "STORE_IN_USE",
	    "another instance owns the store behind %s", d->path);
}

/* Through our descriptor of the folder: short, and still the same folder
 * when its path means another one. */
static void
socket_address(
    const struct rundir *d, const char *name, struct sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	(void)snprintf(out->sun_path, sizeof(out->sun_path),
	    "/proc/self/fd/%d/%s", d->dir_fd, name);
}

/* bind() made it 0700 under our umask; only then it may become wider. */
static int
set_socket_access(
    const struct rundir *d, const char *name, gid_t gid, struct err *e)
{
	/* Group before mode: at no moment is it open for a wrong group. */
	if (gid != 0 &&
	    fchownat(d->dir_fd, name, 0, gid, AT_SYMLINK_NOFOLLOW) != 0) {
		return err_sys(e, "cannot change the group of %s", name);
	}
	if (fchmodat(d->dir_fd, name, gid != 0 ? 0660 : 0600, 0) != 0) {
		return err_sys(e, "cannot change the mode of %s", name);
	}
	return 0;
}

int
rundir_listen(const struct rundir *d, const char *name, gid_t gid, int *fd_out,
    struct err *e)
{
	struct sockaddr_un sun;
	int rc = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	socket_address(d, name, &sun);
	/* We hold the lock: a socket that is still there is a dead one's. */
	if (unlinkat(d->dir_fd, name, 0) != 0 && errno != ENOENT) {
		rc = err_sys(e, "cannot remove %s/%s", d->path, name);
	} else if (fd < 0 ||
		   bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		rc = err_sys(e, "cannot bind %s/%s", d->path, name);
	} else {
		rc = set_socket_access(d, name, gid, e);
	}
	if (rc == 0 && listen(fd, BACKLOG) != 0) {
		rc = err_sys(e, "cannot listen on %s/%s", d->path, name);
	}
	if (rc != 0) {
		fd_close(&fd);
	}
	*fd_out = fd;
	return rc;
}

int
rundir_connect(
    const struct rundir *d, const char *name, int *fd_out, struct err *e)
{
	struct sockaddr_un sun;
	int rc = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	socket_address(d, name, &sun);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		rc = err_sys(e, "cannot connect to %s/%s", d->path, name);
		/* No socket, or one that nobody listens on any more: both
		 * may pass. */
		if (e->saved_errno == ECONNREFUSED ||
		    e->saved_errno == ENOENT) {
			rc = e->code = CS_E_UNAVAILABLE;
		}
		fd_close(&fd);
	}
	*fd_out = fd;
	return rc;
}

/* A regular file of exactly this owner; a FIFO must not block us. */
static int
read_key_file(const char *path, uid_t owner, struct buf *out, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = err_sys(e, "cannot open %s", path);
	} else if (!S_ISREG(st.st_mode) || st.st_uid != owner) {
		rc = err_set(e, CS_E_DENIED, "KEY_FILE_OWNER",
		    "%s must be a file of uid %u", path, owner);
	} else {
		rc = fd_read_rest(fd, KEY_FILE_MAX, out, e);
	}
	fd_close(&fd);
	return rc;
}

/*
 * Compare ledgerd's public key with the one that was first seen. ledgerd can
 * write the file beside the store, but not the pinned copy: a writer that root
 * starts does not change its idea of the signer because ledgerd says so.
 */
static int
pin_key(
    const char *current, const char *pinned, uid_t ledgerd_uid, struct err *e)
{
	struct buf now = BUF_INIT;
	struct buf before = BUF_INIT;
	int rc = read_key_file(current, ledgerd_uid, &now, e);

	if (rc == 0 && access(pinned, F_OK) != 0) {
		rc = file_write_atomic(pinned, now.data, now.len, 0644, e);
	} else if (rc == 0) {
		rc = read_key_file(pinned, 0, &before, e);
		if (rc == 0 &&
		    !span_equal(buf_as_span(&now), buf_as_span(&before))) {
			rc = err_set(e, CS_E_INTEGRITY, "LEDGER_KEY_CHANGED",
			    "%s is not the key pinned in %s: if ledgerd was "
			    "given a new key on purpose, remove the latter",
			    current, pinned);
		}
	}
	buf_clear(&now);
	buf_clear(&before);
	return rc;
}

int
rundir_ledger_key(const struct rundir *d, const char *store,
    const struct identities *ids, char **path_out, struct err *e)
{
	struct buf current = BUF_INIT;
	struct buf pinned = BUF_INIT;
	int rc = 0;

	buf_printf(&current, "%s.key.pub", store);
	buf_printf(&pinned, "%s/ledger.key.pub", d->path);
	if (ids->are_separate) {
		rc = pin_key(
		    buf_text(&current), buf_text(&pinned), ids->ledgerd_uid, e);
	}
	*path_out = xstrdup(buf_text(ids->are_separate ? &pinned : &current));
	buf_clear(&current);
	buf_clear(&pinned);
	return rc;
}

void
rundir_close(struct rundir *d)
{
	free(d->path);
	d->path = NULL;
	fd_close(&d->dir_fd);
	fd_close(&d->lock_fd);
}
