/*
 * Checks 1 to 10 of docs/handler-kit.md: what is asked, by whom, and when. The
 * order is part of the protocol: the same request gets the same code from the
 * kit of every language.
 */
#include <sodium.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "kit/c/internal.h"

#define MAC_TEXT_LEN 64

/* The only header of this name, NULL when there is none. One that is there
 * twice could mean either: *twice, and the caller refuses. */
static const char *
header(const struct cs_handler_request *r, const char *name, bool *twice)
{
	const char *found = NULL;

	for (size_t i = 0; i < r->header_count; i++) {
		if (strcasecmp(r->headers[i].name, name) == 0) {
			*twice = *twice || found != NULL;
			found = r->headers[i].value;
		}
	}
	return found;
}

/* The same, NULL also when it is there twice. */
static const char *
single(const struct cs_handler_request *r, const char *name)
{
	bool twice = false;
	const char *value = header(r, name, &twice);

	return twice ? NULL : value;
}

/* The scheme in any case, one blank, and exactly the token; compared in a
 * time that tells neither length nor content. */
static bool
is_authorized(const struct cs_handler *h, const struct cs_handler_request *r)
{
	static const char scheme[] = "bearer ";
	const char *value = single(r, "authorization");

	return h->token == NULL ||
	       (value != NULL &&
		   strncasecmp(value, scheme, sizeof(scheme) - 1) == 0 &&
		   secret_equal(h->token, span_of(value + sizeof(scheme) - 1)));
}

struct signing {
	const struct cs_handler_request *request;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
};

/* With the secret at hand for as long as this takes. */
static int
compute_mac(struct span secret, void *context)
{
	struct signing *s = context;
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(
	    &state, (const uint8_t *)secret.ptr, secret.len);
	(void)crypto_auth_hmacsha256_update(
	    &state, s->request->body, s->request->body_len);
	(void)crypto_auth_hmacsha256_final(&state, s->mac);
	sodium_memzero(&state, sizeof(state));
	return 0;
}

/* Of the raw body, as it was received: a body that is parsed and written
 * anew is another one. */
static bool
is_signed(const struct cs_handler *h, const struct cs_handler_request *r)
{
	static const char prefix[] = "sha256=";
	const char *value = single(r, "x-synapsor-signature");
	uint8_t said[crypto_auth_hmacsha256_BYTES];
	size_t len = 0;
	struct signing s = {.request = r};

	if (h->signing_secret == NULL) {
		return true;
	}
	if (value == NULL || strncmp(value, prefix, sizeof(prefix) - 1) != 0 ||
	    strlen(value) != sizeof(prefix) - 1 + MAC_TEXT_LEN ||
	    sodium_hex2bin(said, sizeof(said), value + sizeof(prefix) - 1,
		MAC_TEXT_LEN, NULL, &len, NULL) != 0 ||
	    len != sizeof(said)) {
		return false;
	}
	(void)secret_with(h->signing_secret, compute_mac, &s);
	return sodium_memcmp(s.mac, said, sizeof(said)) == 0;
}

/* Seven to nine fraction digits are cut to the six that count. */
static bool
read_time(const char *text, int64_t *us)
{
	size_t len = strlen(text);
	size_t digits = len > 21 ? len - 21 : 0;
	char cut[32];

	if (digits <= 6) {
		return clock_parse(text, len, us) == 0;
	}
	if (digits > 9 || text[19] != '.' ||
	    strspn(text + 20, "0123456789") != digits || text[len - 1] != 'Z') {
		return false;
	}
	memcpy(cut, text, 26);
	cut[26] = 'Z';
	return clock_parse(cut, 27, us) == 0;
}

/* Old and far ahead alike: a body that was recorded is of no use later, and
 * none can be made now for later. */
static bool
is_fresh(const struct cs_handler *h, const char *issued_at, int64_t now_us)
{
	int64_t us = 0;

	return issued_at != NULL && read_time(issued_at, &us) &&
	       us >= now_us - h->skew_us && us <= now_us + h->skew_us;
}

/* "" for OPTIONS, NULL to go on. */
static const char *
check_method(const char *method)
{
	static const char *const known[] = {"POST", "PUT", "PATCH"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(method, known[i]) == 0) {
			return NULL;
		}
	}
	return strcmp(method, "OPTIONS") == 0 ? "" : "METHOD_NOT_ALLOWED";
}

/* Checks 1 to 5; NULL when all hold. */
static const char *
check_sender(const struct cs_handler *h, const struct cs_handler_request *r,
    int64_t now_us, const char **issued_at)
{
	const char *refusal = check_method(r->method);

	if (refusal != NULL) {
		return refusal;
	}
	if (r->body_len > CS_HANDLER_BODY_MAX) {
		return "REQUEST_TOO_LARGE";
	}
	if (!is_authorized(h, r)) {
		return "UNAUTHORIZED";
	}
	if (!is_signed(h, r)) {
		return "INVALID_SIGNATURE";
	}
	*issued_at = single(r, "x-synapsor-issued-at");
	return is_fresh(h, *issued_at, now_us) ? NULL : "INVALID_ISSUED_AT";
}

/* A header that repeats what the body says, blanks around it left out. */
static bool
repeats(const struct cs_handler_request *r, const char *name, const char *said)
{
	bool twice = false;
	const char *value = header(r, name, &twice);
	size_t len;

	if (value == NULL) {
		return true;
	}
	value += strspn(value, " \t");
	len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
		len--;
	}
	return !twice && span_equal((struct span){value, len}, span_of(said));
}

/* In the order of docs/handler-kit.md; the first that does not hold is the
 * answer. Nobody learns about the body who could not sign it. */
static const char *
check(const struct cs_handler *h, const struct cs_handler_request *r,
    int64_t now_us, struct arena *a, struct cs_handler_job *job)
{
	const char *issued_at = NULL;
	const char *refusal = NULL;
	bool version_ok = false;

	if (!h->command_mode) {
		refusal = check_sender(h, r, now_us, &issued_at);
	} else if (r->body_len > CS_HANDLER_BODY_MAX) {
		refusal = "REQUEST_TOO_LARGE";
	}
	if (refusal == NULL) {
		refusal = kit_read_job((struct span){r->body, r->body_len},
		    issued_at, a, job, &version_ok);
	}
	if (refusal != NULL) {
		return refusal;
	}
	if (!repeats(r, "idempotency-key", job->idempotency_key) ||
	    !repeats(r, "x-synapsor-proposal-id", job->proposal_id)) {
		return "BAD_WRITEBACK_REQUEST";
	}
	if (!version_ok) {
		return "UNSUPPORTED_PROTOCOL_VERSION";
	}
	return kit_action(h, job->action) == NULL ? "UNSUPPORTED_ACTION" : NULL;
}

void
cs_handler_verify(const struct cs_handler *h,
    const struct cs_handler_request *request, int64_t now_ms,
    struct cs_handler_checked *out)
{
	struct arena *a = arena_new();
	struct cs_handler_job *job = arena_alloc(a, sizeof(*job));
	const char *refusal = check(h, request, now_ms * 1000, a, job);

	*out = (struct cs_handler_checked){.memory = a};
	if (refusal == NULL) {
		out->job = job;
		out->http_status = 200;
		out->code = "";
	} else {
		out->code = refusal;
		out->http_status = kit_http_status(refusal);
	}
}

void
cs_handler_checked_clear(struct cs_handler_checked *c)
{
	struct arena *a = c->memory;

	arena_free(&a);
	*c = (struct cs_handler_checked){.code = ""};
}
