#include "ledgerd/store/events.h"

#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"

/* A clock that was set back must not make the record's order doubtful. */
int64_t
event_next_time(const struct store *s)
{
	int64_t now = clock_now_us();

	return now > s->last_at_us ? now : s->last_at_us + 1;
}

#define NUMBER_DIGITS 10

void
evidence_id_at(int64_t event_id, const char *hash_id, char out[32])
{
	/* 2^40 events are thirty years at a thousand a second. */
	cs_assert(event_id > 0 && event_id >> (4 * NUMBER_DIGITS) == 0);
	(void)snprintf(out, 32, "ev_%0*llx%.10s", NUMBER_DIGITS,
	    (unsigned long long)event_id, hash_id + 3);
}

int64_t
evidence_event_of(struct span id)
{
	uint8_t bytes[NUMBER_DIGITS / 2];
	int64_t event_id = 0;

	/* "ev_" and twice ten digits. It may come from a model. */
	if (id.len != 23 || memcmp(id.ptr, "ev_", 3) != 0 ||
	    hex_decode((struct span){id.ptr + 3, NUMBER_DIGITS}, bytes,
		sizeof(bytes)) != 0) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		event_id = event_id << 8 | bytes[i];
	}
	return event_id;
}

/* Length before bytes: "ab","c" and "a","bc" must not hash alike. */
static void
hash_span(crypto_hash_sha256_state *state, struct span s)
{
	uint8_t len[4] = {(uint8_t)(s.len >> 24), (uint8_t)(s.len >> 16),
	    (uint8_t)(s.len >> 8), (uint8_t)s.len};

	(void)crypto_hash_sha256_update(state, len, sizeof(len));
	(void)crypto_hash_sha256_update(
	    state, (const unsigned char *)s.ptr, s.len);
}

static void
hash_number(crypto_hash_sha256_state *state, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	hash_span(state, span_of(text));
}

void
event_hash(const uint8_t previous[32], const struct event_row *row,
    const uint8_t body_digest[32], uint8_t out[32])
{
	crypto_hash_sha256_state state;

	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, previous, 32);
	hash_number(&state, row->event_id);
	hash_number(&state, row->at_us);
	hash_span(&state, span_of(row->kind));
	hash_span(&state, row->actor);
	hash_span(&state, row->tenant);
	hash_span(&state, row->capability);
	hash_span(&state, row->object_id);
	hash_span(&state, row->proposal_id);
	hash_span(&state, row->evidence_id);
	(void)crypto_hash_sha256_update(&state, body_digest, 32);
	(void)crypto_hash_sha256_final(&state, out);
}

void
event_body_digest(struct span salt, struct span body, uint8_t out[32])
{
	crypto_hash_sha256_state state;

	(void)crypto_hash_sha256_init(&state);
	hash_span(&state, salt);
	hash_span(&state, body);
	(void)crypto_hash_sha256_final(&state, out);
}

int
event_append(struct store *s, struct event_row *row, struct err *e)
{
	uint8_t salt[EVENT_SALT_LEN];
	uint8_t digest[32];
	uint8_t hash[32];
	struct span salt_span = {(const char *)salt, sizeof(salt)};
	int rc = store_begin(s, e);

	if (rc != 0) {
		return rc;
	}
	randombytes_buf(salt, sizeof(salt));
	row->event_id = s->last_event_id + 1;
	row->at_us = event_next_time(s);
	event_body_digest(salt_span, row->body, digest);
	event_hash(s->last_hash, row, digest, hash);
	rc = stmt_run(s, STMT_EVENT_ADD, e, "iisttttTTbbff", row->event_id,
	    row->at_us, row->kind, row->actor, row->tenant, row->capability,
	    row->object_id, row->proposal_id, row->evidence_id, salt_span,
	    row->body, digest, hash);
	stmt_done(s, STMT_EVENT_ADD);
	/* The end of the chain has not moved: the next append hangs on the
	 * same predecessor. */
	if (rc != SQLITE_DONE) {
		return CS_E_UNAVAILABLE;
	}
	s->last_event_id = row->event_id;
	s->last_at_us = row->at_us;
	memcpy(s->last_hash, hash, sizeof(hash));
	return 0;
}

int
event_sign_head(struct store *s, const struct sign_key *key, struct err *e)
{
	struct buf statement = BUF_INIT;
	struct json_out j;
	char hash[DIGEST_TEXT_SIZE];
	uint8_t signature[SIGNATURE_LEN];
	int rc;

	/* An empty ledger has nothing to sign. */
	if (s->last_event_id == 0) {
		return 0;
	}
	digest_format(s->last_hash, hash);
	json_begin(&j, &statement, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", "countersign.chain-head.v1");
	json_field_int(&j, "event_id", s->last_event_id);
	json_field_text(&j, "hash", hash);
	json_close(&j, '}');
	sign_dsse(key, DSSE_TYPE_HEAD, buf_as_span(&statement), signature);
	rc = stmt_change(s, STMT_HEAD_ADD, e, "ibg", s->last_event_id,
	    buf_as_span(&statement), signature);
	buf_clear(&statement);
	return rc;
}
