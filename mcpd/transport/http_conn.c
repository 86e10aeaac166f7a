/*
 * evhttp has idle timeouts only, which one byte every few seconds defeats, and
 * tells nobody when a connection that sent no request is gone. So each one has
 * a row here with a reference to its bufferevent; dropping it and being told
 * that it was the last one is how the end is seen. The descriptor must belong
 * to the bufferevent (BEV_OPT_CLOSE_ON_FREE): closed earlier, its number would
 * be a new connection's while the old bufferevent still reads from it.
 */
#include "mcpd/transport/http_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"

#define BUCKETS  1024U
#define SWEEP_MS 250
/* Beyond max: enough to tell some why, not enough to run out of descriptors. */
#define SURPLUS 64U

enum conn_state {
	CONN_IDLE,    /* nothing of a request is there */
	CONN_READING, /* a request has begun to arrive */
	CONN_BUSY     /* it is being worked on */
};

struct http_conn {
	LIST_ENTRY(http_conn) link;
	struct http_conns *conns;
	struct bufferevent *bev; /* our own reference */
	void (*on_gone)(void *arg);
	void *arg;
	enum conn_state state;
	bool is_surplus;
	int64_t began_ms;
};

struct http_conns {
	struct event_base *base;
	struct evconnlistener *listener; /* borrowed */
	struct event sweep;
	LIST_HEAD(, http_conn) buckets[BUCKETS];
	unsigned count;
	unsigned max;
	unsigned next_sweep; /* sweep early at this count */
	unsigned request_ms;
	bool paused;   /* the listener is disabled */
	bool stopping; /* the listener is gone */
};

/* Pointers are aligned: the low bits say nothing. */
static unsigned
bucket_of(const struct bufferevent *bev)
{
	return (unsigned)(((uintptr_t)bev >> 6) % BUCKETS);
}

/* More may come in again. */
static void
update_listener(struct http_conns *conns)
{
	bool full = conns->count >= conns->max + SURPLUS;

	if (full == conns->paused || conns->stopping) {
		return;
	}
	conns->paused = full;
	if (full) {
		log_event(LOG_LEVEL_WARN, "connections_exhausted", "count=%u",
		    conns->count);
		(void)evconnlistener_disable(conns->listener);
	} else {
		(void)evconnlistener_enable(conns->listener);
	}
}

/* Without the reference, which is gone or handed back. */
static void
forget(struct http_conn *c)
{
	LIST_REMOVE(c, link);
	c->conns->count--;
	free(c);
}

/* Let go of our reference for a moment: was it the last one? */
static bool
is_gone(struct http_conn *c)
{
	if (bufferevent_decref(c->bev) != 0) {
		return true;
	}
	bufferevent_incref(c->bev);
	return false;
}

/* evhttp takes it for an end of file and frees its side. */
static void
hang_up(struct http_conn *c)
{
	bufferevent_trigger_event(c->bev, BEV_EVENT_READING | BEV_EVENT_EOF,
	    BEV_TRIG_DEFER_CALLBACKS);
}

/* Is it overdue? A surplus one gets a second, enough to be told. */
static bool
is_late(const struct http_conn *c, int64_t now)
{
	int64_t allowed = c->is_surplus ? 1000 : c->conns->request_ms;

	if (c->conns->stopping) {
		return c->state != CONN_BUSY;
	}
	return c->state == CONN_READING && now - c->began_ms > allowed;
}

static void
sweep(struct http_conns *conns)
{
	int64_t now = clock_mono_ms();

	for (unsigned i = 0; i < BUCKETS; i++) {
		struct http_conn *next = NULL;

		for (struct http_conn *c = LIST_FIRST(&conns->buckets[i]);
		     c != NULL; c = next) {
			next = LIST_NEXT(c, link);
			if (is_gone(c)) {
				forget(c);
			} else if (is_late(c, now)) {
				hang_up(c);
			}
		}
	}
	conns->next_sweep =
	    conns->count < conns->max ? conns->max : conns->count + 8;
	update_listener(conns);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sweep(arg);
}

/* The first bytes of a request start its clock. */
static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *c = arg;

	(void)input;
	if (info->n_added > 0 && c->state == CONN_IDLE) {
		c->state = CONN_READING;
		c->began_ms = clock_mono_ms();
	}
}

/* evhttp frees the connection of a request: no need to wait for the sweep. */
static void
on_closed(struct evhttp_connection *wire, void *arg)
{
	struct http_conn *c = arg;

	evhttp_connection_set_closecb(wire, NULL, NULL);
	if (c->on_gone != NULL) {
		c->on_gone(c->arg);
	}
	evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
	(void)bufferevent_decref(c->bev);
	forget(c);
}

struct http_conns *
http_conns_new(struct event_base *base, struct evconnlistener *listener,
    unsigned max, unsigned request_ms)
{
	struct http_conns *conns = xcalloc(1, sizeof(*conns));
	struct timeval period = {0, SWEEP_MS * 1000L};

	conns->base = base;
	conns->listener = listener;
	conns->max = max;
	conns->next_sweep = max;
	conns->request_ms = request_ms;
	event_assign(&conns->sweep, base, -1, EV_PERSIST, on_sweep, conns);
	event_add(&conns->sweep, &period);
	return conns;
}

void
http_conns_free(struct http_conns **conns)
{
	if (*conns == NULL) {
		return;
	}
	event_del(&(*conns)->sweep);
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct http_conn *c = NULL;

		while ((c = LIST_FIRST(&(*conns)->buckets[i])) != NULL) {
			struct evbuffer *in = NULL;

			/* The one before was unlinked before it was freed. */
			in = bufferevent_get_input(c->bev); // NOLINT
			evbuffer_remove_cb(in, on_input, c);
			(void)bufferevent_decref(c->bev);
			forget(c);
		}
	}
	free(*conns);
	*conns = NULL;
}

void
http_conns_add(struct http_conns *conns, struct bufferevent *bev)
{
	struct http_conn *c = NULL;

	/* Those that are gone still count until somebody looks. */
	if (conns->count >= conns->next_sweep) {
		sweep(conns);
	}
	c = xcalloc(1, sizeof(*c));
	c->conns = conns;
	c->bev = bev;
	c->state = CONN_READING;
	c->began_ms = clock_mono_ms();
	bufferevent_incref(bev);
	evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
	LIST_INSERT_HEAD(&conns->buckets[bucket_of(bev)], c, link);
	conns->count++;
	c->is_surplus = conns->count > conns->max;
	update_listener(conns);
}

struct http_conn *
http_conn_begin(struct http_conns *conns, struct evhttp_request *req)
{
	struct evhttp_connection *wire = evhttp_request_get_connection(req);
	struct bufferevent *bev = evhttp_connection_get_bufferevent(wire);
	struct http_conn *c = NULL;

	LIST_FOREACH (c, &conns->buckets[bucket_of(bev)], link) {
		if (c->bev == bev) {
			break;
		}
	}
	cs_assert(c != NULL);
	c->state = CONN_BUSY;
	evhttp_connection_set_closecb(wire, on_closed, c);
	return c;
}

void
http_conn_watch(struct http_conn *c, void (*on_gone)(void *arg), void *arg)
{
	c->on_gone = on_gone;
	c->arg = arg;
}

void
http_conn_end(struct http_conn *c)
{
	bool more = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;

	/* What was sent ahead is the next request already. */
	c->state = more ? CONN_READING : CONN_IDLE;
	c->began_ms = clock_mono_ms();
}

bool
http_conn_is_surplus(const struct http_conn *c)
{
	return c->is_surplus;
}

unsigned
http_conns_count(const struct http_conns *conns)
{
	return conns->count;
}

void
http_conns_stop(struct http_conns *conns)
{
	conns->stopping = true;
}

unsigned
http_conns_left(struct http_conns *conns)
{
	sweep(conns);
	return conns->count;
}
