/*
 * One row per pair of tenant and capability that was called lately, found by
 * digest. Tenants may come from tokens, so their number is bounded: when all
 * rows are taken, the oldest window gives way.
 */
#include "mcpd/mcp/rate.h"

#include "common/base/xalloc.h"
#include "common/crypto/digest.h"

#define ROWS  4096U
#define PROBE 16U

struct row {
	uint8_t key[DIGEST_LEN];
	int64_t began_ms;
	int64_t count;
};

struct rate {
	struct row rows[ROWS];
};

struct rate *
rate_new(void)
{
	return xcalloc(1, sizeof(struct rate));
}

void
rate_free(struct rate **rate)
{
	free(*rate);
	*rate = NULL;
}

/* The index cannot occur in a tenant's place: it comes first and has a fixed
 * length. */
static void
key_of(const struct contract_capability *cap, struct span tenant,
    uint8_t key[DIGEST_LEN])
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "%08zx", cap->index);
	buf_span(&text, tenant);
	digest_bytes(buf_as_span(&text), key);
	buf_clear(&text);
}

/* Its row, a free one, or the one that gives way, which then starts anew. */
static struct row *
find_row(struct rate *rate, const uint8_t key[DIGEST_LEN])
{
	unsigned start = (unsigned)(key[0] | key[1] << 8) % ROWS;
	struct row *victim = NULL;

	for (unsigned i = 0; i < PROBE; i++) {
		struct row *r = &rate->rows[(start + i) % ROWS];

		if (memcmp(r->key, key, DIGEST_LEN) == 0) {
			return r;
		}
		if (victim == NULL || r->began_ms < victim->began_ms) {
			victim = r;
		}
	}
	memset(victim, 0, sizeof(*victim));
	memcpy(victim->key, key, DIGEST_LEN);
	return victim;
}

int64_t
rate_take(struct rate *rate, const struct contract_capability *cap,
    struct span tenant, int64_t now_ms)
{
	int64_t window_ms = cap->rate_window_s * 1000;
	uint8_t key[DIGEST_LEN];
	struct row *row = NULL;

	if (cap->rate_requests == 0) {
		return 0;
	}
	key_of(cap, tenant, key);
	row = find_row(rate, key);
	if (row->count == 0 || now_ms - row->began_ms >= window_ms) {
		row->began_ms = now_ms;
		row->count = 0;
	}
	if (row->count >= cap->rate_requests) {
		return row->began_ms + window_ms - now_ms;
	}
	row->count++;
	return 0;
}
