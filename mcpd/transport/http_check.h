/*
 * What can be said of an HTTP request before anybody works on it: is its shape
 * safe, is it meant for us, may that page send it, can we answer in a form that
 * it takes. Pure functions over untrusted text.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_CHECK_H
#define CS_MCPD_TRANSPORT_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/span.h"

struct evkeyvalq;

#define HTTP_URL_MAX  8192U
#define HTTP_HEAD_MAX 16384U /* all header lines together */

/* The headers that mean something here; NULL: not sent. Borrowed. */
struct http_head {
	const char *host;
	const char *origin;
	const char *authorization;
	const char *accept;
	const char *content_type;
	const char *content_length;
	const char *transfer_encoding;
	const char *session;
	const char *version;
	const char *method;
	const char *name;
};

/*
 * Read the header lines into *head. 0, or the status to answer with: 400 for
 * what two parsers could read in two ways (a repeated header of the list above,
 * a name that is no token, a length that is no number, both lengths, a transfer
 * coding other than chunked), 431 for too much of them. The connection must be
 * closed then: nobody can say where the next request begins.
 */
int http_head_read(struct http_head *head, const struct evkeyvalq *lines);

/* Names that reach us. An entry without a port allows every port. */
struct http_names {
	const char *const *items;
	size_t count;
	bool loopback; /* localhost, 127.0.0.1 and [::1] as well */
};

/* Does the Host header (never NULL) name us? Exact, but for letter case. */
bool http_host_is_allowed(const struct http_names *names, const char *host);

/*
 * May a page of this origin call us? `origin` is the header, and NULL, which
 * means that it was no page, is allowed. Entries are whole origins; `loopback`
 * stands for http and https of the loopback names with any port.
 */
bool http_origin_is_allowed(
    const struct http_names *origins, const char *origin);

enum http_form {
	HTTP_FORM_JSON,
	HTTP_FORM_EVENTS, /* text/event-stream */
	HTTP_FORM_NONE    /* 406 */
};

/* The form to answer in: JSON unless the Accept header excludes it. */
enum http_form http_form_of(const char *accept);

/* Is it application/json, with or without parameters? */
bool http_is_json(const char *content_type);

/* The path of a request target, without its query; empty unless the target
 * begins with a slash. */
struct span http_path_of(const char *target);

#endif
