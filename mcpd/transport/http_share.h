/*
 * How much of the server each caller uses: requests in flight by identity.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_SHARE_H
#define CS_MCPD_TRANSPORT_HTTP_SHARE_H

#include <stdint.h>

struct http_share;
struct http_shares;

struct http_shares *http_shares_new(unsigned max);
void http_shares_free(struct http_shares **shares);

/* One more request of this identity (DIGEST_LEN bytes): NULL if it has `max`
 * already, else what http_share_release gives back, exactly once. */
struct http_share *http_share_take(
    struct http_shares *shares, const uint8_t *identity);
void http_share_release(struct http_share *share);

#endif
