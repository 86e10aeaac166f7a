/*
 * sd_notify without libsystemd. The socket is opened before the sandbox
 * forbids AF_UNIX and closed after READY=1: a datagram socket left open in
 * mcpd could send to every datagram socket of the host.
 */
#ifndef CS_COMMON_PROC_NOTIFY_H
#define CS_COMMON_PROC_NOTIFY_H

struct err;

/* Connect to NOTIFY_SOCKET's value (pathname or @abstract). CS_E_INVALID for
 * another form, CS_E_IO when nobody is there. The caller owns *fd_out. */
int notify_open(const char *address, int *fd_out, struct err *e);

/* Say READY=1, close *fd and set it to -1. Does nothing when *fd is -1. */
int notify_ready(int *fd, struct err *e);

#endif
