/*
 * The socket's mode lets everybody connect; the peer's uid decides who stays.
 * It is the kernel's word, taken once at connect().
 */
#include "mcpd/transport/unix.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "mcpd/transport/stream.h"

/* One client. */
struct client {
	LIST_ENTRY(client) link;
	struct unix_server *server;
	struct stream *stream;
	int fd;
	uid_t uid;
	bool finished;
};

struct unix_server {
	struct event_base *base;
	struct server *server;
	const struct unix_config *config;
	struct evconnlistener *listener;
	LIST_HEAD(, client) clients;
	unsigned count;
	struct event reaper;
	bool draining;
	bool finished;
	void (*on_finished)(void *arg);
	void *arg;
};

static void
free_client(struct client *c)
{
	LIST_REMOVE(c, link);
	c->server->count--;
	stream_free(&c->stream);
	fd_close(&c->fd);
	free(c);
}

/* In a turn of its own: a stream must not be freed by what it calls. */
static void
reap(evutil_socket_t fd, short what, void *arg)
{
	struct unix_server *u = arg;
	struct client *next = NULL;

	(void)fd;
	(void)what;
	for (struct client *c = LIST_FIRST(&u->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->finished) {
			free_client(c);
		}
	}
	if (u->draining && u->count == 0 && !u->finished) {
		u->finished = true;
		u->on_finished(u->arg);
	}
}

static void
on_client_finished(void *arg)
{
	struct client *c = arg;

	c->finished = true;
	event_active(&c->server->reaper, EV_TIMEOUT, 0);
}

static bool
is_allowed(const struct unix_config *config, uid_t uid)
{
	if (uid == config->owner) {
		return true;
	}
	for (size_t i = 0; i < config->allowed_count; i++) {
		if (config->allowed[i] == uid) {
			return true;
		}
	}
	return false;
}

static unsigned
count_of(const struct unix_server *u, uid_t uid)
{
	const struct client *c = NULL;
	unsigned count = 0;

	LIST_FOREACH (c, &u->clients, link) {
		count += c->uid == uid ? 1 : 0;
	}
	return count;
}

/* Why this peer may not stay, or NULL. */
static const char *
objection(const struct unix_server *u, uid_t uid)
{
	if (!is_allowed(u->config, uid)) {
		return "uid_not_allowed";
	}
	if (u->count >= u->config->max_clients) {
		return "too_many_clients";
	}
	return count_of(u, uid) >= u->config->max_per_uid
		   ? "too_many_clients_of_uid"
		   : NULL;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int address_len, void *arg)
{
	struct unix_server *u = arg;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	const char *why = "no_peer_credentials";
	struct client *c = NULL;

	(void)listener;
	(void)address;
	(void)address_len;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
		why = objection(u, peer.uid);
	}
	if (why != NULL) {
		log_event(LOG_LEVEL_WARN, "client_refused", "uid=%u why=%s",
		    peer.uid, why);
		fd_close(&fd);
		return;
	}
	log_event(LOG_LEVEL_INFO, "client", "uid=%u", peer.uid);
	c = xcalloc(1, sizeof(*c));
	c->server = u;
	c->fd = fd;
	c->uid = peer.uid;
	LIST_INSERT_HEAD(&u->clients, c, link);
	u->count++;
	c->stream =
	    stream_new(u->base, u->server, fd, fd, on_client_finished, c);
}

struct unix_server *
unix_new(struct event_base *base, struct server *server,
    const struct unix_config *config, int fd, void (*finished)(void *arg),
    void *arg)
{
	struct unix_server *u = xcalloc(1, sizeof(*u));

	u->base = base;
	u->server = server;
	u->config = config;
	u->on_finished = finished;
	u->arg = arg;
	u->listener = evconnlistener_new(base, on_accept, u,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	cs_assert(u->listener != NULL);
	event_assign(&u->reaper, base, -1, 0, reap, u);
	return u;
}

void
unix_drain(struct unix_server *u)
{
	struct client *c = NULL;

	if (u->draining) {
		return;
	}
	u->draining = true;
	evconnlistener_free(u->listener);
	u->listener = NULL;
	LIST_FOREACH (c, &u->clients, link) {
		stream_drain(c->stream);
	}
	event_active(&u->reaper, EV_TIMEOUT, 0);
}

void
unix_free(struct unix_server **u)
{
	struct client *c = NULL;

	if (*u == NULL) {
		return;
	}
	while ((c = LIST_FIRST(&(*u)->clients)) != NULL) {
		free_client(c); // NOLINT(clang-analyzer-unix.Malloc)
	}
	if ((*u)->listener != NULL) {
		evconnlistener_free((*u)->listener);
	}
	event_del(&(*u)->reaper);
	free(*u);
	*u = NULL;
}
