/*
 * How HTTP answers look: the headers that each of them carries, the short JSON
 * bodies of refusals.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_REPLY_H
#define CS_MCPD_TRANSPORT_HTTP_REPLY_H

#include "common/base/span.h"

struct evhttp_request;

#define TYPE_JSON   "application/json"
#define TYPE_EVENTS "text/event-stream"

/* A refusal: status, the word of its body and, where it helps, a header. */
struct http_refusal {
	int status;
	const char *word;
	const char *header; /* NULL, or the name of one more header */
	const char *value;
	bool closes; /* the rest of the connection cannot be trusted */
};

/* Add one header; `value` must not come from a client unchecked. */
void http_add(struct evhttp_request *req, const char *name, const char *value);

/* Nothing is cached, sniffed or referred to; browsers of `cors_origin` (may be
 * NULL) may read the answer. */
void http_add_common(struct evhttp_request *req, const char *cors_origin);

/* Send a whole answer; the request must not be touched afterwards. An empty
 * `type` sends no body. */
void http_send(
    struct evhttp_request *req, int status, const char *type, struct span body);

/* Send {"ok":false,"error":"<word>"}. */
void http_refuse(struct evhttp_request *req, const struct http_refusal *why);

/* The reason phrase of a status; never NULL. */
const char *http_phrase(int status);

#endif
