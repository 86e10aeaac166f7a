#include "mcpd/transport/http_share.h"

#include <sys/queue.h>

#include "common/base/xalloc.h"
#include "mcpd/auth/auth.h"

#define BUCKETS 256U

/* There only while it has requests: the table is bounded by them. */
struct http_share {
	LIST_ENTRY(http_share) link;
	uint8_t identity[DIGEST_LEN];
	unsigned count;
};

struct http_shares {
	LIST_HEAD(, http_share) buckets[BUCKETS];
	unsigned max;
};

struct http_shares *
http_shares_new(unsigned max)
{
	struct http_shares *shares = xcalloc(1, sizeof(*shares));

	shares->max = max;
	return shares;
}

void
http_shares_free(struct http_shares **shares)
{
	for (unsigned i = 0; *shares != NULL && i < BUCKETS; i++) {
		struct http_share *s = NULL;

		while ((s = LIST_FIRST(&(*shares)->buckets[i])) != NULL) {
			LIST_REMOVE(s, link);
			free(s);
		}
	}
	free(*shares);
	*shares = NULL;
}

struct http_share *
http_share_take(struct http_shares *shares, const uint8_t *identity)
{
	struct http_share *s = NULL;

	/* A digest is spread evenly already. */
	LIST_FOREACH (s, &shares->buckets[identity[0]], link) {
		if (memcmp(s->identity, identity, DIGEST_LEN) == 0) {
			break;
		}
	}
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		memcpy(s->identity, identity, DIGEST_LEN);
		LIST_INSERT_HEAD(&shares->buckets[identity[0]], s, link);
	}
	if (s->count >= shares->max) {
		return NULL;
	}
	s->count++;
	return s;
}

void
http_share_release(struct http_share *share)
{
	if (--share->count == 0) {
		LIST_REMOVE(share, link);
		free(share);
	}
}
