/*
 * MCP over stdin and stdout: one JSON text per line. Only protocol data goes
 * to stdout.
 */
#ifndef CS_MCPD_TRANSPORT_STDIO_H
#define CS_MCPD_TRANSPORT_STDIO_H

#include <stdbool.h>

struct event_base;
struct server;
struct stdio;

/*
 * Serve descriptors 0 and 1, which become non-blocking if they are pipes or
 * sockets. `finished` is called once, when stdin has ended (or stdio_drain was
 * called) and every answer is written, or when the client is gone. It must not
 * free the object.
 */
struct stdio *stdio_new(struct event_base *base, struct server *server,
    void (*finished)(void *arg), void *arg);
void stdio_free(struct stdio **s);

/* Take nothing more, finish what is in flight; `finished` follows. May be
 * called more than once. */
void stdio_drain(struct stdio *s);

/* Can the kernel's poll mechanism wait for stdin (a file cannot be waited
 * for with epoll)? */
bool stdio_needs_poll(void);

#endif
