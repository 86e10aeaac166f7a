/*
 * MCP over a byte stream: one JSON text per line, as on stdin and stdout or on
 * a Unix socket. Only protocol data is written to it.
 */
#ifndef CS_MCPD_TRANSPORT_STREAM_H
#define CS_MCPD_TRANSPORT_STREAM_H

#include <stdbool.h>

struct event_base;
struct server;
struct stream;

/*
 * Serve two descriptors, which may be the same and stay the caller's; they
 * become non-blocking if they are pipes or sockets. `finished` is called once,
 * when the input has ended (or stream_drain was called) and every answer is
 * written, or when the client is gone and nothing is in flight. It must not
 * free the object.
 */
struct stream *stream_new(struct event_base *base, struct server *server,
    int in_fd, int out_fd, void (*finished)(void *arg), void *arg);
void stream_free(struct stream **s);

/* Take nothing more, finish what is in flight; `finished` follows. May be
 * called more than once. */
void stream_drain(struct stream *s);

/* Is there one that epoll cannot wait for, such as a file? */
bool stream_needs_poll(int in_fd, int out_fd);

#endif
