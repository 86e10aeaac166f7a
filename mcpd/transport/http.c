/*
 * A request passes its gates in a fixed order: shape, Host, Origin, path,
 * identity, method, forms, session, share. Only then is its body worked on.
 */
#include "mcpd/transport/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/base/arena.h"
#include "common/base/xalloc.h"
#include "mcpd/transport/bridge.h"
#include "mcpd/transport/http_parts.h"
#include "mcpd/transport/tls.h"

#define BODY_MAX     ((size_t)1 << 20)
#define PARSER_MAX   (64U << 10) /* head; what is over HTTP_HEAD_MAX gets 431 */
#define IDLE_SECONDS 60
#define DRAIN_MS     20

#define ALL_METHODS 0xffffU

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

static const struct http_refusal no_session = {
    .status = 404, .word = "session_not_found"};
static const struct http_refusal needs_session = {
    .status = 400, .word = "session_required"};
const struct http_refusal http_not_found = {.status = 404, .word = "not_found"};
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
static const struct http_refusal only_get = {.status = 405,
    .word = "method_not_allowed",
    .header = "Allow",
    .value = "GET"};
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

void
http_refuse_in(struct incoming *in, const struct http_refusal *why)
{
	metrics_count_status(in->http->server->metrics, why->status);
	http_refuse(in->req, why);
}

/* Not let in: say how to. */
void
http_challenge_in(struct incoming *in, const struct auth_verdict *who)
{
	struct http_refusal refusal = {.status = who->status,
	    .word = who->status == 401 ? "unauthorized" : "forbidden",
	    .header = who->challenge != NULL ? "WWW-Authenticate" : NULL,
	    .value = who->challenge};

	http_refuse_in(in, &refusal);
}

/* Does the body begin a session, or need none? Only what the era says counts,
 * so it is scanned before the session does it again. */
static bool
needs_session_id(struct incoming *in, struct span body)
{
	struct arena *a = arena_new();
	struct http_headers headers = {
	    .version = http_header_span(in->head.version)};
	struct json_doc doc;
	bool needs = false;

	if (rpc_scan(&doc, body, a) != 0) {
		needs = false; /* the session says what is wrong with it */
	} else if (doc.nodes[0].type != JSON_OBJECT) {
		needs = true; /* a batch, which never begins one */
	} else {
		uint32_t params = json_get_type(&doc, 0, "params", JSON_OBJECT);

		needs = era_of(&doc, params, &headers) == ERA_LEGACY &&
			!span_is(json_get_string(&doc, 0, "method", a),
			    "initialize");
	}
	arena_free(&a);
	return needs;
}

/* Sessions are for the handshake revisions; NULL: the request may go on. */
static const struct http_refusal *
check_session(
    struct incoming *in, const struct auth_verdict *who, struct span body)
{
	struct http_sessions *sessions = in->http->sessions;
	const char *id = in->head.session;

	if (sessions == NULL || !needs_session_id(in, body)) {
		return NULL;
	}
	if (id == NULL) {
		return &needs_session;
	}
	return http_session_find(sessions, id, who->identity, &in->version)
		   ? NULL
		   : &no_session;
}

static void
on_other_method(struct incoming *in, const struct auth_verdict *who)
{
	struct http_sessions *sessions = in->http->sessions;

	if (sessions == NULL || in->head.session == NULL ||
	    evhttp_request_get_command(in->req) != EVHTTP_REQ_DELETE) {
		http_refuse_in(in, &bad_method);
	} else if (http_session_close(
		       sessions, in->head.session, who->identity)) {
		http_send(in->req, 200, "", span_of(""));
	} else {
		http_refuse_in(in, &no_session);
	}
}

/* Everything is in order: work on it. */
static void
accept_message(struct incoming *in, struct auth_verdict *who,
    enum http_form form, struct span body)
{
	struct http_share *share =
	    http_share_take(in->http->shares, who->identity);

	if (share == NULL) {
		http_refuse_in(in, &too_many);
	} else {
		http_exchange_begin(in, who, share, form, body);
	}
}

static void
on_message(struct incoming *in, struct auth_verdict *who)
{
	enum http_form form = http_form_of(in->head.accept);
	struct span body = body_of(in->req);
	const struct http_refusal *refusal = NULL;

	if (!http_is_json(in->head.content_type)) {
		refusal = &bad_type;
	} else if (form == HTTP_FORM_NONE) {
		refusal = &bad_accept;
	} else {
		refusal = check_session(in, who, body);
	}
	if (refusal != NULL) {
		http_refuse_in(in, refusal);
	} else {
		accept_message(in, who, form, body);
	}
}

/* The bridge takes any content type, and answers in one form. */
static void
on_bridge_message(struct incoming *in, struct auth_verdict *who)
{
	const struct server *s = in->http->server;
	struct buf text = BUF_INIT;
	enum bridge_kind kind =
	    bridge_translate(body_of(in->req), s->contract, s->mode, &text);

	if (kind == BRIDGE_CALL) {
		accept_message(in, who, HTTP_FORM_JSON, buf_as_span(&text));
	} else {
		http_send(in->req, kind == BRIDGE_REFUSED ? 400 : 200,
		    TYPE_BRIDGE, buf_as_span(&text));
	}
	buf_clear(&text);
}

static void
judge(const struct incoming *in, struct auth_verdict *who)
{
	const struct http_config *config = in->http->config;

	if (config->claims != NULL) {
		claims_check(config->claims, in->head.authorization, who);
	} else {
		bearer_check(config->bearer, in->head.authorization, who);
	}
}

/* Where tokens are to be had: told to everybody, or nobody could ask. */
static void
on_metadata(struct incoming *in)
{
	if (evhttp_request_get_command(in->req) != EVHTTP_REQ_GET) {
		http_refuse_in(in, &only_get);
		return;
	}
	http_send(
	    in->req, 200, TYPE_JSON, claims_metadata(in->http->config->claims));
}

static void
on_mcp(struct incoming *in)
{
	bool is_post = evhttp_request_get_command(in->req) == EVHTTP_REQ_POST;
	struct auth_verdict who;

	in->version = MCP_2025_03_26;
	judge(in, &who);
	if (in->http->config->is_bridge && !is_post) {
		http_refuse_in(in, &bad_method);
	} else if (who.status != 200) {
		http_challenge_in(in, &who);
	} else if (!is_post) {
		on_other_method(in, &who);
	} else if (in->http->config->is_bridge) {
		on_bridge_message(in, &who);
	} else {
		on_message(in, &who);
	}
	arena_free(&who.arena);
}

static const struct {
	const char *path;
	void (*handle)(struct incoming *in);
} routes[] = {
    {"/mcp", on_mcp},
    {"/healthz", http_on_health},
    {"/readyz", http_on_ready},
    {"/metrics", http_on_metrics},
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
		http_refuse_in(&in, refusal);
		return;
	}
	if (cors != NULL &&
	    evhttp_request_get_command(req) == EVHTTP_REQ_OPTIONS) {
		answer_preflight(req);
		return;
	}
	if (http->config->claims != NULL &&
	    claims_is_metadata_path(http->config->claims, path)) {
		on_metadata(&in);
		return;
	}
	while (i < ROUTES && !span_is(path, routes[i].path)) {
		i++;
	}
	if (i == ROUTES) {
		http_refuse_in(&in, &http_not_found);
	} else {
		routes[i].handle(&in);
	}
}

/* evhttp takes a connection over: count it. */
static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	struct http *http = arg;
	struct bufferevent *bev =
	    http->config->tls != NULL
		? tls_accept(http->config->tls, base)
		: bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	http->server->metrics->connections++;
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

/* Accepted sockets inherit it. TLS writes head and body as two records, and
 * without it the second one waits for the client's delayed acknowledgement. A
 * Unix socket has nothing of the kind. */
static void
send_at_once(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
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
	if (config->session_idle_ms > 0) {
		http->sessions = http_sessions_new(config->session_idle_ms);
	}
	http->evhttp = evhttp_new(base);
	cs_assert(http->evhttp != NULL);
	set_limits(http->evhttp);
	send_at_once(fd);
	listener = evconnlistener_new(base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	cs_assert(listener != NULL);
	http->socket = evhttp_bind_listener(http->evhttp, listener);
	cs_assert(http->socket != NULL);
	http->conns = http_conns_new(
	    base, listener, config->max_connections, config->request_ms);
	evhttp_set_bevcb(http->evhttp, on_connection, http);
	evhttp_set_gencb(http->evhttp, on_request, http);
	http_exchanges_init(http);
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
	struct timeval period = {0, DRAIN_MS * 1000L};

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
	if (*http == NULL) {
		return;
	}
	if ((*http)->draining) {
		event_del(&(*http)->drained);
	}
	http_exchanges_abandon(*http);
	evhttp_free((*http)->evhttp);
	http_conns_free(&(*http)->conns);
	http_exchanges_clear(*http);
	http_shares_free(&(*http)->shares);
	http_sessions_free(&(*http)->sessions);
	buf_clear(&(*http)->text);
	free(*http);
	*http = NULL;
}
