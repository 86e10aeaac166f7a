#include "mcpd/transport/http_session.h"

#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "mcpd/auth/auth.h"

#define SESSIONS_MAX 1024U
#define ID_BYTES     16U

struct http_session {
	char id[HTTP_SESSION_ID_SIZE]; /* empty: free */
	uint8_t identity[DIGEST_LEN];
	enum mcp_version version;
	int64_t used_ms;
};

/* Looked through from end to end: 1024 ids are compared faster than a request
 * is parsed. */
struct http_sessions {
	struct http_session rows[SESSIONS_MAX];
	int64_t idle_ms;
};

struct http_sessions *
http_sessions_new(int64_t idle_ms)
{
	struct http_sessions *sessions = xcalloc(1, sizeof(*sessions));

	sessions->idle_ms = idle_ms;
	return sessions;
}

void
http_sessions_free(struct http_sessions **sessions)
{
	free(*sessions);
	*sessions = NULL;
}

static bool
is_open(const struct http_sessions *sessions, const struct http_session *s)
{
	return s->id[0] != '\0' &&
	       clock_mono_ms() - s->used_ms < sessions->idle_ms;
}

void
http_session_open(struct http_sessions *sessions, const uint8_t *identity,
    enum mcp_version version, char id[HTTP_SESSION_ID_SIZE])
{
	uint8_t bytes[ID_BYTES];
	struct http_session *s = &sessions->rows[0];

	for (size_t i = 1; i < SESSIONS_MAX; i++) {
		struct http_session *other = &sessions->rows[i];

		/* Free ones were never used. */
		if (other->used_ms < s->used_ms) {
			s = other;
		}
	}
	randombytes_buf(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), s->id);
	memcpy(s->identity, identity, DIGEST_LEN);
	s->version = version;
	s->used_ms = clock_mono_ms();
	memcpy(id, s->id, HTTP_SESSION_ID_SIZE);
}

static struct http_session *
find(struct http_sessions *sessions, const char *id, const uint8_t *identity)
{
	if (strlen(id) != HTTP_SESSION_ID_SIZE - 1) {
		return NULL;
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct http_session *s = &sessions->rows[i];

		/* Somebody else's id is as good as none. */
		if (is_open(sessions, s) &&
		    sodium_memcmp(s->id, id, HTTP_SESSION_ID_SIZE) == 0) {
			return memcmp(s->identity, identity, DIGEST_LEN) == 0
				   ? s
				   : NULL;
		}
	}
	return NULL;
}

bool
http_session_find(struct http_sessions *sessions, const char *id,
    const uint8_t *identity, enum mcp_version *version)
{
	struct http_session *s = find(sessions, id, identity);

	if (s == NULL) {
		return false;
	}
	s->used_ms = clock_mono_ms();
	*version = s->version;
	return true;
}

bool
http_session_close(
    struct http_sessions *sessions, const char *id, const uint8_t *identity)
{
	struct http_session *s = find(sessions, id, identity);

	if (s != NULL) {
		*s = (struct http_session){.used_ms = 0};
	}
	return s != NULL;
}

unsigned
http_sessions_count(const struct http_sessions *sessions)
{
	unsigned count = 0;

	for (size_t i = 0; sessions != NULL && i < SESSIONS_MAX; i++) {
		count += is_open(sessions, &sessions->rows[i]) ? 1 : 0;
	}
	return count;
}
