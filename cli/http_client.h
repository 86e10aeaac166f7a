/*
 * The command's way to an HTTP server: countersign-http does the exchange, with
 * an empty environment; the request travels over a pipe.
 */
#ifndef CS_CLI_HTTP_CLIENT_H
#define CS_CLI_HTTP_CLIENT_H

#include "common/base/buf.h"
#include "common/base/json_scan.h"

struct arena;
struct err;

#define HTTP_HEADERS_MAX 12

struct http_field {
	const char *name;
	const char *value;
};

struct http_request {
	const char *url;
	const char *method;
	const char *agent;
	struct http_field headers[HTTP_HEADERS_MAX]; /* to a NULL name */
	struct span body;                            /* UTF-8 */
	const char *ca_file; /* NULL: the system's authorities */
	bool allow_plain;    /* http beyond loopback */
	bool allow_private;  /* addresses of private networks */
	int64_t total_ms;
	int64_t max_bytes;
};

struct http_response {
	int status;
	struct span body;    /* untrusted, in the arena */
	struct json_doc doc; /* of the headers */
	uint32_t headers;    /* node: [[name, value], …] */
};

/* One more header; more than HTTP_HEADERS_MAX is a bug of the caller. Both
 * texts are borrowed. */
void http_add(struct http_request *q, const char *name, const char *value);

/*
 * Do it: 0 for any answer, whatever its status. Else the helper's code
 * (HTTP_UNAVAILABLE, HTTP_TIMEOUT, HTTP_REFUSED …) and its sentence, which hold
 * nothing of the request but the host.
 */
int http_exchange(const struct http_request *q, struct http_response *out,
    struct arena *a, struct err *e);

/* Value of the first header of that name, in any case of letters; empty when
 * there is none. */
struct span http_header(
    const struct http_response *r, const char *name, struct arena *a);

/* A URL as it may be shown: without user, password, query and fragment. */
const char *http_shown_url(const char *url, struct arena *a);

#endif
