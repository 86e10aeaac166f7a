/*
 * Who is at the other end of a transport. One place turns what a caller showed
 * (a header, a peer's uid) into a verdict; transports only act on it.
 */
#ifndef CS_MCPD_AUTH_AUTH_H
#define CS_MCPD_AUTH_AUTH_H

#include <stdint.h>

#include "common/crypto/digest.h"
#include "mcpd/auth/context.h"

/*
 * What to do with a caller. `identity` is equal for the same caller and says
 * nothing about its credential: caps and sessions are bound to it.
 */
struct auth_verdict {
	int status;            /* 200, or the HTTP status of the refusal */
	const char *challenge; /* WWW-Authenticate of a refusal, or NULL */
	const struct context_set *contexts; /* NULL: the server's own */
	struct arena *arena; /* NULL, or what contexts live in: to be freed */
	uint8_t identity[DIGEST_LEN];
};

#endif
