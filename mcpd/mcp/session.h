/*
 * A conversation with one client, whatever carries it: requests in flight,
 * answers in the order in which they are ready, batches, cancellation. The
 * transport hands in whole JSON texts and gets whole JSON texts back.
 */
#ifndef CS_MCPD_MCP_SESSION_H
#define CS_MCPD_MCP_SESSION_H

#include <sys/queue.h>

#include "mcpd/mcp/era.h"
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
	struct batch *batch;
	bool cancelled; /* work goes on or stops, but nothing is answered */
	/* Stop the work if that is possible; may end the request. */
	void (*on_cancel)(struct request *r);
	void *work;
};

struct session {
	struct server *server;
	enum mcp_version version; /* as negotiated last */
	/* In flight, oldest first; each is also looked up here by id. */
	TAILQ_HEAD(, request) requests;
	unsigned in_flight;
	/* The transport's: send one text; a request has ended. */
	void (*send)(void *transport, struct span text);
	void (*ended)(void *transport);
	void *transport;
};

/*
 * `send` gets each answer as one JSON text without a newline and copies it;
 * `ended` tells that a request is over, answered or not. Both may be called
 * before session_receive returns.
 */
void session_init(struct session *s, struct server *server,
    void (*send)(void *transport, struct span text),
    void (*ended)(void *transport), void *transport);

/* One JSON text from the client (untrusted; copied, so it may go at once).
 * Every request in it is answered exactly once, unless it is cancelled. */
void session_receive(struct session *s, struct span text);

/* Answer a text that could not even be read: there is no id to echo. */
void session_refuse(struct session *s, int code, const char *message);

/*
 * Answer a request, once: reply_begin, write one value, reply_end. Or
 * reply_error; `data` is raw JSON and may be empty. Both ends free the request
 * with its arena, so nothing of it may be touched afterwards. Nothing else may
 * be written between begin and end: all requests share one output.
 */
struct json_out *reply_begin(struct request *r);
void reply_end(struct request *r);
void reply_error(
    struct request *r, int code, const char *message, struct span data);

/* End a cancelled request without an answer; the client expects none. */
void reply_none(struct request *r);

#endif
