/*
 * MCP over HTTP/1.1: one POST is one message and gets one answer (Streamable
 * HTTP, mcp.md §1.6). Everything about a request that is not JSON is judged
 * here: who sends it, from where, how much, in which form; what it says is for
 * mcpd/mcp.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_H
#define CS_MCPD_TRANSPORT_HTTP_H

#include "mcpd/auth/bearer.h"
#include "mcpd/auth/claims.h"
#include "mcpd/transport/http_check.h"

struct event_base;
struct http;
struct server;
struct tls;

struct http_config {
	struct http_names hosts;
	struct http_names origins;
	const char *cors_origin; /* the one that browsers may call from */
	const struct bearer *bearer;
	const struct claims *claims;  /* by http_auth; NULL: by bearer */
	const struct bearer *metrics; /* of /metrics; no token: no metrics */
	bool is_bridge;               /* 0.1.1's JSON-RPC */
	int64_t session_idle_ms;      /* 0: no sessions */
	struct tls *tls;              /* NULL: plain */
	unsigned max_connections;
	unsigned max_per_identity; /* requests in flight */
	unsigned request_ms;       /* for a whole request to arrive */
};

/*
 * Serve `fd`, a listening socket, which is the server's from here on. The
 * config and what it points to must stay. `finished` is called once, after
 * http_drain, when the last answer is written; it must not free the object.
 */
struct http *http_new(struct event_base *base, struct server *server,
    const struct http_config *config, int fd, void (*finished)(void *arg),
    void *arg);
void http_free(struct http **http);

/* Take no connection and no request any more, answer what is in flight. */
void http_drain(struct http *http);

#endif
