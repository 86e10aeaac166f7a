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

/* How often the key file is looked at, and how often when a token does not fit
 * the keys at hand: bad tokens must not make us look without end. */
#define LOOK_EVERY_MS 1000
#define LOOK_SOON_MS  50

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

/* Are there other keys than before? */
static bool
refresh(struct verifier *v, int64_t every_ms)
{
	struct err e = {0};
	int rc = key_file_refresh(&v->file, every_ms, &e);

	if (rc > 0) {
		log_event(LOG_LEVEL_NOTICE, "token_keys_read", "keys=%zu",
		    token_keys_count(v->file.keys));
		forget(v);
	} else if (rc < 0) {
		log_err(LOG_LEVEL_WARN, "token_keys_unsound", &e);
	}
	return rc > 0;
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

static int
check(struct verifier *v, struct span token, struct arena *a, struct token *out,
    struct err *e)
{
	uint8_t digest[DIGEST_LEN];
	struct token_policy policy;
	struct slot *slot = NULL;
	int rc = 0;

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
	policy =
	    (struct token_policy){v->file.auth, v->file.keys, clock_now_us()};
	rc = token_verify(&policy, token, a, out, e);
	if (rc == 0) {
		remember(slot, digest, out);
	}
	return rc;
}

/* Would newer keys make a difference? Then it is worth to look at once: the
 * process that asked us may have seen them already. */
static bool
wants_keys(const struct err *e)
{
	static const char *const reasons[] = {"TOKEN_KEYS_MISSING",
	    "TOKEN_KEY_UNKNOWN", "TOKEN_SIGNATURE_INVALID"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(err_reason(e), reasons[i]) == 0) {
			return true;
		}
	}
	return false;
}

int
verifier_check(struct verifier *v, struct span token, struct arena *a,
    struct token *out, struct err *e)
{
	struct err first = {0};
	int rc = 0;

	(void)refresh(v, LOOK_EVERY_MS);
	rc = check(v, token, a, out, &first);
	if (rc != 0 && wants_keys(&first) && refresh(v, LOOK_SOON_MS)) {
		first = (struct err){0};
		rc = check(v, token, a, out, &first);
	}
	if (e != NULL) {
		*e = first;
	}
	return rc;
}
