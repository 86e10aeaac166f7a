/*
 * What the files of the HTTP transport share: http.c (connections and gates),
 * http_exchange.c (requests on their way to an answer), http_probes.c (what
 * watchers ask for). Internal to them.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_PARTS_H
#define CS_MCPD_TRANSPORT_HTTP_PARTS_H

#include <event2/event_struct.h>
#include <event2/http.h>
#include <sys/queue.h>

#include "mcpd/mcp/session.h"
#include "mcpd/metrics.h"
#include "mcpd/transport/http.h"
#include "mcpd/transport/http_conn.h"
#include "mcpd/transport/http_reply.h"
#include "mcpd/transport/http_session.h"
#include "mcpd/transport/http_share.h"

#define TYPE_BRIDGE "application/json; charset=utf-8"

struct exchange;

/* A header that was not sent has no pointer. */
static inline struct span
http_header_span(const char *value)
{
	return (struct span){value, value == NULL ? 0 : strlen(value)};
}

struct http {
	struct event_base *base;
	struct server *server;
	const struct http_config *config;
	struct evhttp *evhttp;
	struct evhttp_bound_socket *socket;
	struct http_conns *conns;
	struct http_shares *shares;
	struct http_sessions *sessions; /* NULL: none are issued */
	struct buf text;                /* scratch of the bridge */
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
	enum mcp_version version; /* when no header says it */
};

/* Count and send a refusal, or the one of a verdict. */
void http_refuse_in(struct incoming *in, const struct http_refusal *why);
void http_challenge_in(struct incoming *in, const struct auth_verdict *who);

extern const struct http_refusal http_not_found;

/* Hand a message to a session of its own; the answer leaves when it is ready.
 * `body` may go afterwards. Takes the verdict's arena over. */
void http_exchange_begin(struct incoming *in, struct auth_verdict *who,
    struct http_share *share, enum http_form form, struct span body);

/* What an exchange needs of the server; clear also forgets the open ones. */
void http_exchanges_init(struct http *http);
void http_exchanges_abandon(struct http *http);
void http_exchanges_clear(struct http *http);
unsigned http_exchanges_count(const struct http *http);

void http_on_health(struct incoming *in);
void http_on_ready(struct incoming *in);
void http_on_metrics(struct incoming *in);

#endif
