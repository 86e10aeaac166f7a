/*
 * An exchange is one message and its answer. It lives until its session has
 * nothing in flight, which may be after the client has gone.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/base/arena.h"
#include "common/base/xalloc.h"
#include "mcpd/transport/bridge.h"
#include "mcpd/transport/http_parts.h"

/* While an answer is being made: what a client may send ahead. */
#define AHEAD_MAX 65536U

/* One POST on its way to an answer. */
struct exchange {
	LIST_ENTRY(exchange) link;
	struct http *http;
	struct evhttp_request *req; /* NULL: answered, or nobody there */
	struct http_conn *conn;     /* as long as there is a request */
	struct session session;
	struct http_share *share;
	struct arena *contexts; /* NULL, or what the session's live in */
	uint8_t identity[DIGEST_LEN];
	enum http_form form;
	bool busy;      /* inside the session: it must not go away */
	bool streaming; /* events have begun */
};

static struct bufferevent *
wire_of(struct evhttp_request *req)
{
	return evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(req));
}

/* The request goes back to evhttp, which answers and reads on. */
static struct evhttp_request *
take_request(struct exchange *x)
{
	struct evhttp_request *req = x->req;

	x->req = NULL;
	http_conn_watch(x->conn, NULL, NULL);
	bufferevent_setwatermark(wire_of(req), EV_READ, 0, 0);
	if (x->http->draining) {
		http_add(req, "Connection", "close");
	}
	return req;
}

static void
answer(struct exchange *x, int status, const char *type, struct span body)
{
	metrics_count_status(x->http->server->metrics, status);
	http_send(take_request(x), status, type, body);
}

/* Freed in the next turn of the loop: our callers still look at it. */
static void
end_exchange(struct exchange *x)
{
	http_share_release(x->share);
	x->share = NULL;
	LIST_REMOVE(x, link);
	LIST_INSERT_HEAD(&x->http->ended, x, link);
	event_active(&x->http->reaper, EV_TIMEOUT, 0);
}

/* Nothing is worked on any more: say so if nothing was said. */
static void
check_ended(struct exchange *x)
{
	if (x->busy || x->session.in_flight > 0 || x->share == NULL) {
		return;
	}
	if (x->req != NULL && x->streaming) {
		evhttp_send_reply_end(take_request(x));
	} else if (x->req != NULL) {
		answer(x, 202, "", span_of(""));
	}
	end_exchange(x);
}

static void
reap(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	struct exchange *x = NULL;

	(void)fd;
	(void)what;
	while ((x = LIST_FIRST(&http->ended)) != NULL) {
		LIST_REMOVE(x, link);
		arena_free(&x->contexts);
		free(x);
	}
}

static void
on_session_ended(void *transport)
{
	check_ended(transport);
}

/* One event of a stream; JSON texts have no line ends in them. */
static void
send_event(struct exchange *x, struct span text)
{
	struct evbuffer *event = evbuffer_new();

	if (event == NULL) {
		return;
	}
	if (!x->streaming) {
		x->streaming = true;
		http_add(x->req, "Content-Type", TYPE_EVENTS);
		http_add(x->req, "X-Accel-Buffering", "no");
		evhttp_send_reply_start(x->req, 200, http_phrase(200));
	}
	(void)evbuffer_add_printf(event, "event: message\ndata: ");
	(void)evbuffer_add(event, text.ptr, text.len);
	(void)evbuffer_add(event, "\n\n", 2);
	evhttp_send_reply_chunk(x->req, event);
	evbuffer_free(event);
}

/* A handshake that succeeded: remember what was agreed on. */
static void
open_session(struct exchange *x)
{
	char id[HTTP_SESSION_ID_SIZE];

	if (x->http->sessions == NULL || !x->session.initialized ||
	    x->streaming) {
		return;
	}
	http_session_open(
	    x->http->sessions, x->identity, x->session.version, id);
	http_add(x->req, "Mcp-Session-Id", id);
}

/* Which scope a refused call would have needed; the contract's word. */
static void
say_scope(struct exchange *x)
{
	const struct claims *claims = x->http->config->claims;

	/* Scopes are of tokens, so there are claims. */
	if (x->session.missing_scope != NULL && claims != NULL &&
	    !x->streaming) {
		http_add(x->req, "WWW-Authenticate",
		    claims_scope_challenge(
			claims, x->session.missing_scope, x->contexts));
	}
}

static void
send_answer(void *transport, struct span text, int status)
{
	struct exchange *x = transport;

	if (x->req == NULL) {
		return;
	}
	if (x->http->config->is_bridge) {
		buf_reset(&x->http->text);
		bridge_format(text, &x->http->text);
		answer(x, 200, TYPE_BRIDGE, buf_as_span(&x->http->text));
		return;
	}
	open_session(x);
	say_scope(x);
	if (x->form == HTTP_FORM_EVENTS && (x->streaming || status == 200)) {
		send_event(x, text);
	} else {
		answer(x, status, TYPE_JSON, text);
	}
}

/* The client is gone. What it asked for is stopped where it may be, and what
 * is recorded stays recorded. */
static void
abandon(struct exchange *x)
{
	x->req = NULL;
	x->busy = true;
	session_abandon(&x->session);
	x->busy = false;
	check_ended(x);
}

static void
on_wire_event(struct bufferevent *bev, short what, void *arg)
{
	struct exchange *x = arg;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
		/* Takes the request with it, and tells on_gone first. */
		evhttp_connection_free(evhttp_request_get_connection(x->req));
	} else if ((what & BEV_EVENT_TIMEOUT) != 0) {
		/* It waits for us, as it should. */
		(void)bufferevent_enable(bev, EV_READ);
	}
}

/* The connection goes away. evhttp has let go of the request when that was the
 * client's doing and events had begun. */
static void
on_gone(void *arg)
{
	struct exchange *x = arg;
	struct evhttp_request *req = x->req;

	abandon(x);
	if (evhttp_request_get_connection(req) == NULL) {
		evhttp_request_free(req);
	}
}

/* evhttp stops reading while a request is worked on; we go on, to see the
 * client go. It puts its own callbacks back when it answers. */
static void
watch_client(struct exchange *x)
{
	struct bufferevent *bev = wire_of(x->req);

	http_conn_watch(x->conn, on_gone, x);
	bufferevent_setwatermark(bev, EV_READ, 0, AHEAD_MAX);
	if (!x->streaming) {
		bufferevent_setcb(bev, NULL, NULL, on_wire_event, x);
	}
	(void)bufferevent_enable(bev, EV_READ);
}

void
http_exchange_begin(struct incoming *in, struct auth_verdict *who,
    struct http_share *share, enum http_form form, struct span body)
{
	struct http *http = in->http;
	const struct http_head *head = &in->head;
	struct exchange *x = xcalloc(1, sizeof(*x));
	struct http_headers headers = {
	    .version = http_header_span(head->version),
	    .method = http_header_span(head->method),
	    .name = http_header_span(head->name)};

	x->http = http;
	x->req = in->req;
	x->conn = in->conn;
	x->share = share;
	x->form = form;
	LIST_INSERT_HEAD(&http->exchanges, x, link);
	session_init(
	    &x->session, http->server, send_answer, on_session_ended, x);
	if (who->contexts != NULL) {
		x->session.contexts = who->contexts;
		x->contexts = who->arena;
		who->arena = NULL;
	}
	/* mcp.md §1.6: who does not say speaks 2025-03-26. */
	x->session.version = head->version == NULL
				 ? in->version
				 : era_negotiate(headers.version);
	memcpy(x->identity, who->identity, DIGEST_LEN);
	x->busy = true;
	session_receive(
	    &x->session, body, http->config->is_bridge ? NULL : &headers);
	x->busy = false;
	if (x->req != NULL && x->session.in_flight > 0) {
		watch_client(x);
	}
	check_ended(x);
}

void
http_exchanges_init(struct http *http)
{
	event_assign(&http->reaper, http->base, -1, 0, reap, http);
}

void
http_exchanges_abandon(struct http *http)
{
	struct exchange *x = NULL;

	LIST_FOREACH (x, &http->exchanges, link) {
		x->session.abandoned = true;
	}
}

void
http_exchanges_clear(struct http *http)
{
	struct exchange *x = NULL;

	event_del(&http->reaper);
	reap(-1, 0, http);
	while ((x = LIST_FIRST(&http->exchanges)) != NULL) {
		LIST_REMOVE(x, link);
		arena_free(&x->contexts);
		free(x);
	}
}

unsigned
http_exchanges_count(const struct http *http)
{
	const struct exchange *x = NULL;
	unsigned count = 0;

	LIST_FOREACH (x, &http->exchanges, link) {
		count++;
	}
	return count;
}
