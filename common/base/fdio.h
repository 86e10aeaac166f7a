/*
 * Descriptors: whole reads and writes with a deadline, files read under rules.
 */
#ifndef CS_COMMON_BASE_FDIO_H
#define CS_COMMON_BASE_FDIO_H

#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"

struct err;

/* 0 or CS_E_IO; errno tells why. */
int fd_set_nonblocking(int fd);
int fd_set_cloexec(int fd, bool on);

/* Close *fd if it is open and set it to -1. */
void fd_close(int *fd);

/*
 * Wait until `fd` is ready for `events` (poll's) or the monotonic deadline
 * (clock_mono_ms) passes: 0, CS_E_TIMEOUT or CS_E_IO. A deadline of -1 waits
 * for ever. Ready includes hung up: the read or write that follows tells.
 */
int fd_wait(int fd, short events, int64_t deadline_ms);

/* Read exactly `len` bytes: 0, CS_E_EOF, CS_E_TIMEOUT or CS_E_IO. On errors
 * part of `out` may be filled. Blocking and non-blocking descriptors alike. */
int fd_read_exact(int fd, void *out, size_t len, int64_t deadline_ms);

/* Write everything: 0, CS_E_EOF (peer gone), CS_E_TIMEOUT or CS_E_IO. On
 * errors it is not known how much arrived: do not send the rest again. */
int fd_write_all(int fd, const void *data, size_t len, int64_t deadline_ms);

/* Append the rest of `fd`, at most `max` bytes (CS_E_TOO_LARGE beyond, and
 * then part of it is in `out`). No deadline: for files. */
int fd_read_rest(int fd, size_t max, struct buf *out, struct err *e);

/*
 * Read a regular file that only root or the caller's user may have written:
 * not group- or world-writable, not a link in its last component, at most `max`
 * bytes. Anything else is refused and *e says how to mend it.
 */
int file_read_trusted(
    const char *path, size_t max, struct buf *out, struct err *e);

/* The same for a file that another account keeps, which the caller was told to
 * believe: any owner, but writable by nobody else. */
int file_read_public(
    const char *path, size_t max, struct buf *out, struct err *e);

/*
 * Replace `path` atomically (temporary file, fsync, rename, fsync folder):
 * after a crash there is the old file or the new one, never half of one. `mode`
 * is set before the name is there, so a secret is at no moment readable by
 * others.
 */
int file_write_atomic(
    const char *path, const void *data, size_t len, mode_t mode, struct err *e);

#endif
