/*
 * MCP on a Unix socket: several clients, each a stream, each known by the uid
 * that the kernel reports.
 */
#ifndef CS_MCPD_TRANSPORT_UNIX_H
#define CS_MCPD_TRANSPORT_UNIX_H

#include <stddef.h>
#include <sys/types.h>

struct event_base;
struct server;
struct unix_server;

struct unix_config {
	uid_t owner; /* let in always */
	const uid_t *allowed;
	size_t allowed_count;
	unsigned max_clients;
	unsigned max_per_uid;
};

/* Serve `fd`, a listening socket, which is the server's from here on. The
 * config must stay. `finished` comes once, after unix_drain. */
struct unix_server *unix_new(struct event_base *base, struct server *server,
    const struct unix_config *config, int fd, void (*finished)(void *arg),
    void *arg);
void unix_free(struct unix_server **u);

/* Let nobody in any more, finish what is in flight. */
void unix_drain(struct unix_server *u);

#endif
