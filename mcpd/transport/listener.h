/*
 * Listening sockets. They are made before the sandbox closes, which then
 * forbids bind and listen, or are inherited from a service manager.
 */
#ifndef CS_MCPD_TRANSPORT_LISTENER_H
#define CS_MCPD_TRANSPORT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"

struct err;

/*
 * Listen on an address (numeric, or "localhost") and port; 0 takes any port.
 * With `reuse_port` other processes of this user may share it. Non-blocking and
 * close-on-exec; the caller owns *fd_out.
 */
int listener_tcp(const char *host, uint16_t port, bool reuse_port, int *fd_out,
    struct err *e);

/*
 * Listen on a Unix socket at `path`, mode 0666: who may speak is decided by
 * uid after connecting, and by the folder. A socket that nobody serves any more
 * is replaced, one that is served is CS_E_STATE; anything else at that path is
 * never touched.
 */
int listener_unix(const char *path, int *fd_out, struct err *e);

/* Is the socket bound to a loopback address, or not to the network at all?
 * Asked of the kernel, because the socket may be inherited. */
bool listener_is_loopback(int fd);

/* Append "127.0.0.1:8766", "[::1]:8766" or the path. */
void listener_describe(int fd, struct buf *out);

#endif
