/*
 * A request passes its gates in a fixed order: shape, Host, Origin, path,
 * identity, method, forms, shares. Only then is its body looked at. An exchange
 * lives from there until the session has nothing in flight, which may be after
 * the client has gone.
 */
#include "mcpd/transport/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdint.h>

#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "mcpd/mcp/session.h"
#include "mcpd/transport/http_conn.h"
#include "mcpd/transport/http_reply.h"
#include "mcpd/transport/http_share.h"

#define BODY_MAX     ((size_t)1 << 20)
#define PARSER_MAX   (64U << 10) /* head; what is over HTTP_HEAD_MAX gets 431 */
#define IDLE_SECONDS 60
#define DRAIN_MS     20
/* While an answer is being made: what a client may send ahead. */
#define AHEAD_MAX 65536U

#define ALL_METHODS 0xffffU

/* One POST on its way to an answer. */
struct exchange {
	LIST_ENTRY(exchange) link;
	struct http *http;
	struct evhttp_request *req; /* NULL: answered, or nobody there */
	struct http_conn *conn;     /* as long as there is a request */
	struct session session;
	struct http_share *share;
	enum http_form form;
	bool busy;      /* inside the session: it must not go away */
	bool streaming; /* events have begun */
};

struct http {
	struct event_base *base;
	struct server *server;
	const struct http_config *config;
	struct evhttp *evhttp;
	struct evhttp_bound_socket *socket;
	struct http_conns *conns;
	struct http_shares *shares;
	LIST_HEAD(, exchange) exchanges;
	LIST_HEAD(, exchange) ended; /* to free in the next turn */
	struct event reaper;
	struct event drained;
	bool draining;
	bool finished;
	void (*on_finished)(void *arg);
	void *arg;
};

/* A request at the gates. */
struct incoming {
	struct http *http;
	struct evhttp_request *req;
	struct http_conn *conn;
	struct http_head head;
};

/* ---- exchanges ------------------------------------------------------- */

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
		http_send(take_request(x), 202, "", span_of(""));
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

static void
send_answer(void *transport, struct span text, int status)
{
	struct exchange *x = transport;

	if (x->req == NULL) {
		return;
	}
	if (x->form == HTTP_FORM_EVENTS && (x->streaming || status == 200)) {
		send_event(x, text);
	} else {
		http_send(take_request(x), status, TYPE_JSON, text);
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

static struct span
header_span(const char *value)
{
	return value == NULL ? (struct span){NULL, 0} : span_of(value);
}

/* The body as one piece; evhttp has checked its length. */
static struct span
body_of(struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t len = evbuffer_get_length(in);

	if (len == 0) {
		return span_of("");
	}
	return (struct span){(const char *)evbuffer_pullup(in, -1), len};
}

static void
begin_exchange(struct incoming *in, const struct auth_verdict *who,
    struct http_share *share, enum http_form form)
{
	struct http *http = in->http;
	const struct http_head *head = &in->head;
	struct exchange *x = xcalloc(1, sizeof(*x));
	struct http_headers headers = {.version = header_span(head->version),
	    .method = header_span(head->method),
	    .name = header_span(head->name)};

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
	}
	/* mcp.md §1.6: who does not say speaks 2025-03-26. */
	x->session.version = head->version == NULL
				 ? MCP_2025_03_26
				 : era_negotiate(headers.version);
	x->busy = true;
	session_receive(&x->session, body_of(in->req), &headers);
	x->busy = false;
	if (x->req != NULL && x->session.in_flight > 0) {
		watch_client(x);
	}
	check_ended(x);
}

/* ---- gates ------------------------------------------------------------ */

static const struct http_refusal not_found = {
    .status = 404, .word = "not_found"};
static const struct http_refusal bad_method = {.status = 405,
    .word = "method_not_allowed",
    .header = "Allow",
    .value = "POST"};
static const struct http_refusal bad_type = {
    .status = 415, .word = "content_type_must_be_application_json"};
static const struct http_refusal bad_accept = {
    .status = 406, .word = "not_acceptable"};
static const struct http_refusal too_many = {.status = 429,
    .word = "too_many_requests_in_flight",
    .header = "Retry-After",
    .value = "1"};
static const struct http_refusal is_full = {.status = 503,
    .word = "too_many_connections",
    .header = "Retry-After",
    .value = "5",
    .closes = true};
static const struct http_refusal is_leaving = {.status = 503,
    .word = "shutting_down",
    .header = "Retry-After",
    .value = "5",
    .closes = true};
static const struct http_refusal bad_request = {
    .status = 400, .word = "bad_request", .closes = true};
static const struct http_refusal long_url = {
    .status = 414, .word = "url_too_long", .closes = true};
static const struct http_refusal long_head = {
    .status = 431, .word = "headers_too_large", .closes = true};
static const struct http_refusal bad_host = {
    .status = 403, .word = "host_forbidden", .closes = true};
static const struct http_refusal bad_origin = {
    .status = 403, .word = "origin_forbidden", .closes = true};

/* What holds for every request, whatever its path: NULL if it may go on. */
static const struct http_refusal *
screen(
    const struct http *http, struct evhttp_request *req, struct http_head *head)
{
	const char *target = evhttp_request_get_uri(req);
	int status;

	if (http->draining) {
		return &is_leaving;
	}
	if (strlen(target) > HTTP_URL_MAX) {
		return &long_url;
	}
	status = http_head_read(head, evhttp_request_get_input_headers(req));
	if (status != 0) {
		return status == 431 ? &long_head : &bad_request;
	}
	if (http_path_of(target).len == 0 || head->host == NULL) {
		return &bad_request;
	}
	if (!http_host_is_allowed(&http->config->hosts, head->host)) {
		return &bad_host;
	}
	return http_origin_is_allowed(&http->config->origins, head->origin)
		   ? NULL
		   : &bad_origin;
}

static void
on_mcp(struct incoming *in)
{
	struct http *http = in->http;
	struct evhttp_request *req = in->req;
	const struct http_head *head = &in->head;
	enum http_form form = http_form_of(head->accept);
	struct auth_verdict who;
	struct http_share *share = NULL;

	bearer_check(http->config->bearer, head->authorization, &who);
	if (who.status != 200) {
		struct http_refusal refusal = {.status = who.status,
		    .word = who.status == 401 ? "unauthorized" : "forbidden",
		    .header = "WWW-Authenticate",
		    .value = who.challenge};

		http_refuse(req, &refusal);
	} else if (evhttp_request_get_command(req) != EVHTTP_REQ_POST) {
		http_refuse(req, &bad_method);
	} else if (!http_is_json(head->content_type)) {
		http_refuse(req, &bad_type);
	} else if (form == HTTP_FORM_NONE) {
		http_refuse(req, &bad_accept);
	} else if ((share = http_share_take(http->shares, who.identity)) ==
		   NULL) {
		http_refuse(req, &too_many);
	} else {
		begin_exchange(in, &who, share, form);
	}
}

static const struct {
	const char *path;
	void (*handle)(struct incoming *in);
} routes[] = {
    {"/mcp", on_mcp},
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Browsers ask first, without credentials. */
static void
answer_preflight(struct evhttp_request *req)
{
	http_add(
	    req, "Access-Control-Allow-Methods", "POST, GET, DELETE, OPTIONS");
	http_add(req, "Access-Control-Allow-Headers",
	    "authorization, content-type, mcp-session-id, "
	    "mcp-protocol-version, mcp-method, mcp-name, last-event-id");
	http_add(req, "Access-Control-Max-Age", "600");
	http_send(req, 204, "", span_of(""));
}

static void
on_answered(struct evhttp_request *req, void *arg)
{
	(void)req;
	http_conn_end(arg);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct http *http = arg;
	const char *cors = http->config->cors_origin;
	struct incoming in = {.http = http,
	    .req = req,
	    .conn = http_conn_begin(http->conns, req)};
	const struct http_refusal *refusal = http_conn_is_surplus(in.conn)
						 ? &is_full
						 : screen(http, req, &in.head);
	struct span path = http_path_of(evhttp_request_get_uri(req));
	size_t i = 0;

	evhttp_request_set_on_complete_cb(req, on_answered, in.conn);
	http_add_common(req, refusal == NULL ? cors : NULL);
	if (refusal != NULL) {
		http_refuse(req, refusal);
		return;
	}
	if (cors != NULL &&
	    evhttp_request_get_command(req) == EVHTTP_REQ_OPTIONS) {
		answer_preflight(req);
		return;
	}
	while (i < ROUTES && !span_is(path, routes[i].path)) {
		i++;
	}
	if (i == ROUTES) {
		http_refuse(req, &not_found);
	} else {
		routes[i].handle(&in);
	}
}

/* ---- the server ------------------------------------------------------- */

/* evhttp takes a connection over: count it. */
static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	struct http *http = arg;
	struct bufferevent *bev =
	    bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (bev != NULL) {
		http_conns_add(http->conns, bev);
	}
	return bev;
}

static void
set_limits(struct evhttp *evhttp)
{
	evhttp_set_max_body_size(evhttp, BODY_MAX);
	evhttp_set_max_headers_size(evhttp, PARSER_MAX);
	evhttp_set_timeout(evhttp, IDLE_SECONDS);
	evhttp_set_default_content_type(evhttp, NULL);
	/* Also those that we refuse: in our own words, not with 501. */
	evhttp_set_allowed_methods(evhttp, ALL_METHODS);
	/* Who sends too much reads the answer before the connection ends. */
	(void)evhttp_set_flags(evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
}

struct http *
http_new(struct event_base *base, struct server *server,
    const struct http_config *config, int fd, void (*finished)(void *arg),
    void *arg)
{
	struct http *http = xcalloc(1, sizeof(*http));
	struct evconnlistener *listener = NULL;

	http->base = base;
	http->server = server;
	http->config = config;
	http->on_finished = finished;
	http->arg = arg;
	http->shares = http_shares_new(config->max_per_identity);
	http->evhttp = evhttp_new(base);
	cs_assert(http->evhttp != NULL);
	set_limits(http->evhttp);
	listener = evconnlistener_new(base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	cs_assert(listener != NULL);
	http->socket = evhttp_bind_listener(http->evhttp, listener);
	cs_assert(http->socket != NULL);
	http->conns = http_conns_new(
	    base, listener, config->max_connections, config->request_ms);
	evhttp_set_bevcb(http->evhttp, on_connection, http);
	evhttp_set_gencb(http->evhttp, on_request, http);
	event_assign(&http->reaper, base, -1, 0, reap, http);
	return http;
}

/* Until the last answer has left. */
static void
check_drained(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;

	(void)fd;
	(void)what;
	if (http_conns_left(http->conns) == 0 && !http->finished &&
	    LIST_EMPTY(&http->exchanges)) {
		http->finished = true;
		http->on_finished(http->arg);
	}
}

void
http_drain(struct http *http)
{
	struct timeval period = {0, DRAIN_MS * 1000};

	if (http->draining) {
		return;
	}
	http->draining = true;
	http_conns_stop(http->conns);
	evhttp_del_accept_socket(http->evhttp, http->socket);
	event_assign(
	    &http->drained, http->base, -1, EV_PERSIST, check_drained, http);
	event_add(&http->drained, &period);
}

void
http_free(struct http **http)
{
	struct exchange *x = NULL;

	if (*http == NULL) {
		return;
	}
	if ((*http)->draining) {
		event_del(&(*http)->drained);
	}
	event_del(&(*http)->reaper);
	LIST_FOREACH (x, &(*http)->exchanges, link) {
		x->session.abandoned = true;
	}
	evhttp_free((*http)->evhttp);
	http_conns_free(&(*http)->conns);
	reap(-1, 0, *http);
	while ((x = LIST_FIRST(&(*http)->exchanges)) != NULL) {
		LIST_REMOVE(x, link);
		free(x);
	}
	http_shares_free(&(*http)->shares);
	free(*http);
	*http = NULL;
}
