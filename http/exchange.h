/*
 * One HTTP exchange under strict rules: certificates verified, plain HTTP on
 * loopback only unless it is asked for, the address looked up once and pinned,
 * no redirect, no proxy, time and size limits.
 */
#ifndef CS_HTTP_EXCHANGE_H
#define CS_HTTP_EXCHANGE_H

#include <stdbool.h>

#include "common/base/buf.h"

struct err;

struct http_header {
	const char *name;
	const char *value;
};

struct exchange {
	const char *url; /* untrusted texts are fine in all of these */
	const char *method;
	const char *agent; /* User-Agent */
	const struct http_header *headers;
	size_t header_count;
	struct span body;
	const char *ca_file; /* NULL: the system's authorities */
	bool allow_plain;    /* http beyond loopback */
	bool allow_private;  /* names and addresses of private networks */
	long connect_ms;
	long total_ms;
	size_t max; /* of the answer's body, and of its headers */
};

struct exchange_answer {
	long status;
	struct buf headers; /* "name: value\n" each, of the final answer */
	struct buf body;
	/* Something of the request left; false: the other side cannot have
	 * acted on it. Set on failures, too. */
	bool was_sent;
};

/*
 * Do it. 0 for any answer, whatever its status. CS_E_INVALID with
 * HTTP_URL_INVALID, CS_E_DENIED with HTTP_REFUSED for what the rules forbid:
 * nothing was sent then. CS_E_UNAVAILABLE with HTTP_UNAVAILABLE, CS_E_TIMEOUT
 * with HTTP_TIMEOUT, CS_E_TOO_LARGE with HTTP_TOO_LARGE. No text of the other
 * side and no part of the URL but its host gets into *e. The caller clears the
 * answer in any case.
 */
int exchange_run(
    const struct exchange *x, struct exchange_answer *out, struct err *e);
void exchange_clear(struct exchange_answer *a);

#endif
