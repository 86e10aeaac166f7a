/*
 * One GET of a JWK set (beyond.md D10): HTTPS with verification (plain HTTP on
 * loopback only), the address looked up once and pinned, no redirect, no proxy,
 * a time limit and a size limit.
 */
#ifndef CS_JWKS_FETCH_H
#define CS_JWKS_FETCH_H

#include "common/base/buf.h"

struct err;

#define FETCH_TIMEOUT_MS 10000

/* Where a URL leads, for the sandbox: its port; 0 when it has none that can be
 * read. */
unsigned fetch_port(const char *url);

/*
 * Append the body to *out, at most `max` bytes. `url` was checked by the
 * contract. CS_E_UNAVAILABLE with JWKS_UNAVAILABLE in *e; texts of the other
 * side stay out of it.
 */
int fetch(const char *url, size_t max, struct buf *out, struct err *e);

#endif
