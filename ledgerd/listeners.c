#include "ledgerd/listeners.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "ledgerd/conn.h"

#define LISTENERS 4
#define CONTROL   2

const char *const listener_names[] = {
    "mcpd", "writer", "control", "handler", NULL};

/* In the order of listener_names: the name decides the role. */
static const enum proto_role roles[LISTENERS] = {
    ROLE_MCPD, ROLE_WRITER, ROLE_CONTROL, ROLE_HANDLER};

static struct listener {
	struct ledger *ledger;
	enum proto_role role;
	struct event *on_accept;
} listeners[LISTENERS];

/* EAGAIN and ECONNABORTED are a peer that changed its mind. */
static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (peer >= 0) {
		conn_open(listener->ledger, peer, listener->role);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		log_event(LOG_LEVEL_WARN, "accept_failed", "errno=%d", errno);
	}
}

int
listeners_open(struct ledger *l, const struct listen_fds *fds, struct err *e)
{
	for (size_t i = 0; i < LISTENERS; i++) {
		int fd = listenfds_get(fds, listener_names[i]);
		/* Only control has to be there, see below. */
		if (fd < 0) {
			continue;
		}
		if (fd_set_nonblocking(fd) != 0) {
			return err_sys(e, "listener %s", listener_names[i]);
		}
		listeners[i] = (struct listener){l, roles[i], NULL};
		listeners[i].on_accept = event_new(l->base, fd,
		    EV_READ | EV_PERSIST, on_accept, &listeners[i]);
		cs_assert(listeners[i].on_accept != NULL);
		(void)event_add(listeners[i].on_accept, NULL);
	}
	/* Without mcpd or writer there is less to do; without control nobody
	 * could look or decide. */
	if (listeners[CONTROL].on_accept == NULL) {
		return err_set(e, CS_E_CONFIG, NULL,
		    "no control listener was inherited: start ledgerd through "
		    "countersign-run or its socket units");
	}
	return 0;
}

bool
listeners_take_pending(void)
{
	bool any = false;

	for (size_t i = 0; i < LISTENERS; i++) {
		struct listener *listener = &listeners[i];
		int peer = -1;

		while (listener->on_accept != NULL &&
		       (peer = accept4(event_get_fd(listener->on_accept), NULL,
			    NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
			conn_open(listener->ledger, peer, listener->role);
			any = true;
		}
	}
	return any;
}

void
listeners_close(void)
{
	for (size_t i = 0; i < LISTENERS; i++) {
		if (listeners[i].on_accept != NULL) {
			event_free(listeners[i].on_accept);
			listeners[i].on_accept = NULL;
		}
	}
}
