/*
 * Sessions of the handshake revisions, for clients that want one: an id that
 * is remembered with the version that was agreed on, bound to the caller.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_SESSION_H
#define CS_MCPD_TRANSPORT_HTTP_SESSION_H

#include <stdint.h>

#include "mcpd/mcp/era.h"

#define HTTP_SESSION_ID_SIZE 33 /* 32 hex digits and NUL */

struct http_sessions;

/* At most 1024; one that is not used for `idle_ms` ends. */
struct http_sessions *http_sessions_new(int64_t idle_ms);
void http_sessions_free(struct http_sessions **sessions);

/* A new session of this identity; when there is no room, the one that was idle
 * longest ends. Its id goes to `id`. */
void http_session_open(struct http_sessions *sessions, const uint8_t *identity,
    enum mcp_version version, char id[HTTP_SESSION_ID_SIZE]);

/* Is it a session of this identity (the id is untrusted)? Then it counts as
 * used, and its version goes to *version. */
bool http_session_find(struct http_sessions *sessions, const char *id,
    const uint8_t *identity, enum mcp_version *version);

/* End it; false when it is no session of this identity. */
bool http_session_close(
    struct http_sessions *sessions, const char *id, const uint8_t *identity);

unsigned http_sessions_count(const struct http_sessions *sessions);

#endif
