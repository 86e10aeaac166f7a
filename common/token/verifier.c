#include "common/token/verifier.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/token/key_file.h"

/* One place for each first byte of a digest, so that looking up costs one
 * comparison and a flood of tokens only pushes others out. */
#define SLOTS 256U

struct slot {
	uint8_t digest[DIGEST_LEN];
	struct arena *arena; /* NULL: empty */
	struct token token;
};

struct verifier {
	struct key_file file;
	struct slot slots[SLOTS];
};

const char *
verifier_path(const struct contract_auth *auth)
{
	return key_file_path(auth);
}

int
verifier_new(
    const struct contract_auth *auth, struct verifier **out, struct err *e)
{
	struct verifier *v = xcalloc(1, sizeof(*v));
	int rc = key_file_open(&v->file, auth, e);

	if (rc != 0) {
		verifier_free(&v);
	}
	*out = v;
	return rc;
}

/* What was found good by keys that may be gone. */
static void
forget(struct verifier *v)
{
	for (size_t i = 0; i < SLOTS; i++) {
		arena_free(&v->slots[i].arena);
	}
}

void
verifier_free(struct verifier **v)
{
	if (*v != NULL) {
		forget(*v);
		key_file_clear(&(*v)->file);
		free(*v);
	}
	*v = NULL;
}

static void
refresh(struct verifier *v)
{
	struct err e = {0};
	int rc = key_file_refresh(&v->file, &e);

	if (rc > 0) {
		log_event(LOG_LEVEL_NOTICE, "token_keys_read", "keys=%zu",
		    token_keys_count(v->file.keys));
		forget(v);
	} else if (rc < 0) {
		log_err(LOG_LEVEL_WARN, "token_keys_unsound", &e);
	}
}

static void
copy(const struct token *from, struct arena *a, struct token *out)
{
	*out = *from;
	out->payload = arena_span(a, from->payload);
	out->subject = arena_span(a, from->subject);
	out->scope = arena_span(a, from->scope);
}

static void
remember(
    struct slot *slot, const uint8_t digest[DIGEST_LEN], const struct token *t)
{
	arena_free(&slot->arena);
	slot->arena = arena_new();
	memcpy(slot->digest, digest, DIGEST_LEN);
	copy(t, slot->arena, &slot->token);
	slot->token.text = (struct span){"", 0};
}

static bool
is_good_still(const struct slot *slot, const uint8_t digest[DIGEST_LEN])
{
	return slot->arena != NULL &&
	       memcmp(slot->digest, digest, DIGEST_LEN) == 0 &&
	       slot->token.expires_us > clock_now_us();
}

int
verifier_check(struct verifier *v, struct span token, struct arena *a,
    struct token *out, struct err *e)
{
	uint8_t digest[DIGEST_LEN];
	struct token_policy policy;
	struct slot *slot = NULL;
	int rc = 0;

	refresh(v);
	if (v->file.keys == NULL) {
		return err_set(e, CS_E_UNAVAILABLE, "TOKEN_KEYS_MISSING",
		    "the issuer's keys are not there yet");
	}
	digest_bytes(token, digest);
	slot = &v->slots[digest[0]];
	if (is_good_still(slot, digest)) {
		copy(&slot->token, a, out);
		out->text = token;
		return 0;
	}
	policy = (struct token_policy){
	    v->file.auth, v->file.keys, clock_now_us()};
	rc = token_verify(&policy, token, a, out, e);
	if (rc == 0) {
		remember(slot, digest, out);
	}
	return rc;
}
