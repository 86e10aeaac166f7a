/*
 * A conversation with one client, whatever carries it: requests in flight,
 * answers in the order in which they are ready, batches, cancellation. The
 * transport hands in whole JSON texts and gets whole JSON texts back.
 */
#ifndef CS_MCPD_MCP_SESSION_H
#define CS_MCPD_MCP_SESSION_H

#include <sys/queue.h>

#include "mcpd/mcp/envelope.h"
#include "mcpd/mcp/jsonrpc.h"
#include "mcpd/server.h"

struct batch;

/* One request on its way to an answer; it lives in its own arena. */
struct request {
	TAILQ_ENTRY(request) link;
	struct session *session;
	struct server *server;
	struct arena *arena;
	struct json_doc doc;
	uint32_t params; /* object node or JSON_NONE */
	struct span id;  /* raw token */
	enum mcp_era era;
	struct envelope envelope; /* of a modern request */
	struct batch *batch;
	bool cancelled; /* work goes on or stops, but nothing is answered */
	/* Stop the work if that is possible; may end the request. */
	void (*on_cancel)(struct request *r);
	void *work;
};

typedef void (*session_send_fn)(
    void *transport, struct span text, int http_status);

struct session {
	struct server *server;
	const struct context_set *contexts; /* whom its calls are for */
	enum mcp_version version;           /* as negotiated last */
	bool initialized;                   /* initialize was answered */
	bool abandoned;                     /* nobody takes answers */
	const char *missing_scope; /* of a call that was answered with 403 */
	/* Of the text that is being received; NULL otherwise. */
	const struct http_headers *headers;
	/* In flight, oldest first; each is also looked up here by id. */
	TAILQ_HEAD(, request) requests;
	unsigned in_flight;
	/* The transport's: send one text; a request has ended. */
	session_send_fn send;
	void (*ended)(void *transport);
	void *transport;
};

/*
 * `send` gets each answer as one JSON text without a newline and copies it,
 * with the status that HTTP gives it; `ended` tells that a request is over,
 * answered or not. Both may be called before session_receive returns. The
 * contexts are the server's until the transport sets others.
 */
void session_init(struct session *s, struct server *server,
    session_send_fn send, void (*ended)(void *transport), void *transport);

/*
 * One JSON text from the client (untrusted; copied, so it may go at once).
 * `headers` of HTTP, else NULL. Every request in it is answered exactly once,
 * unless it is cancelled. When it returns and neither an answer was sent nor
 * a request is in flight, the text was a notification or a response.
 */
void session_receive(
    struct session *s, struct span text, const struct http_headers *headers);

/*
 * The client cannot be answered any more. Nothing is sent from here on; work
 * that may be stopped is (a client of 2026-07-28 cancels by going away, one of
 * an older revision does not). The session must stay until in_flight is 0.
 */
void session_abandon(struct session *s);

/* Answer a text that could not even be read: there is no id to echo. */
void session_refuse(struct session *s, int code, const char *message);

/*
 * Answer a request, once: reply_begin opens the result's object, members
 * follow, reply_end. Or reply_error; `data` is raw JSON and may be empty. Both
 * ends free the request with its arena, so nothing of it may be touched
 * afterwards. Nothing else may be written between begin and end: all requests
 * share one output. `type` is what a modern result says it is ("complete").
 */
struct json_out *reply_begin(struct request *r);
struct json_out *reply_begin_as(struct request *r, const char *type);
void reply_end(struct request *r);
void reply_error(
    struct request *r, int code, const char *message, struct span data);

/* Between begin and end: how long a client may keep a list or a document. */
void reply_put_cache(struct request *r, int64_t ttl_ms);

/* Refuse a request whose message cannot be served: HTTP calls that a bad
 * request, whatever the code. */
void reply_failure(struct request *r, const struct rpc_failure *f);

/* Refuse a call for want of a scope, which HTTP calls forbidden. */
void reply_forbidden(struct request *r, const char *scope);

/* End a cancelled request without an answer; the client expects none. */
void reply_none(struct request *r);

#endif
