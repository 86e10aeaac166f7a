#include "writerd/handler/call.h"

#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/path.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "http/exchange.h"
#include "http/target.h"
#include "writerd/handler/request.h"

#define RESPONSE_MAX 262144U
#define CONNECT_MS   3000
#define HEADERS_MAX  8
#define PROBE_MS     3000
#define PROBE_MAX_MS 10000
#define AGENT        "countersign-handler"

static void
add_name(struct handlers *h, const char *name)
{
	for (size_t i = 0; name != NULL && i < h->credential_count; i++) {
		if (strcmp(h->credentials[i].name, name) == 0) {
			return;
		}
	}
	if (name != NULL) {
		h->credentials[h->credential_count++].name = name;
	}
}

void
handlers_init(struct handlers *h, const struct contract *c)
{
	*h = (struct handlers){.contract = c};
	h->credentials =
	    xcalloc(4 * c->executor_count + 1, sizeof(*h->credentials));
	for (size_t i = 0; i < c->executor_count; i++) {
		const struct contract_executor *x = &c->executors[i];
		add_name(h, x->url_env);
		add_name(h, x->token_env);
		add_name(h, x->signing_secret_env);
		add_name(h, x->command_env);
	}
}

void
handlers_clear(struct handlers *h)
{
	credentials_clear(h->credentials, h->credential_count);
	free(h->credentials);
	*h = (struct handlers){0};
}

const struct secret *
handlers_secret(const struct handlers *h, const char *name)
{
	for (size_t i = 0; name != NULL && i < h->credential_count; i++) {
		if (strcmp(h->credentials[i].name, name) == 0) {
			return h->credentials[i].value;
		}
	}
	return NULL;
}

static int
port_of(struct span url, void *context)
{
	struct target t = {.port = ""};
	unsigned long port = 0;

	if (target_parse(url.ptr, &t)) {
		port = strtoul(t.port, NULL, 10);
	}
	*(uint16_t *)context = (uint16_t)(port <= UINT16_MAX ? port : 0);
	return 0;
}

void
handlers_confine(const struct handlers *h, struct arena *a, struct confine *out)
{
	uint16_t *ports =
	    arena_array(a, h->contract->executor_count + 1, sizeof(*ports));

	*out = (struct confine){.is_db_client = true, .tcp_ports = ports};
	if (h->contract->allowed_signers != NULL) {
		struct span folder = path_folder(h->contract->allowed_signers);
		struct path_rule *rule = arena_alloc(a, sizeof(*rule));
		*rule = (struct path_rule){
		    arena_strndup(a, folder.ptr, folder.len), PATH_RO};
		out->paths = rule;
		out->path_count = 1;
	}
	for (size_t i = 0; i < h->contract->executor_count; i++) {
		const struct secret *url =
		    handlers_secret(h, h->contract->executors[i].url_env);
		uint16_t port = 0;
		if (url != NULL) {
			(void)secret_with(url, port_of, &port);
		}
		if (port != 0) {
			ports[out->tcp_port_count++] = port;
		}
	}
}

/* Copies of secrets for as long as one exchange takes; wiped behind it. */
struct texts {
	struct buf url;
	struct buf authorization;
	char signature[REQUEST_SIGNATURE_SIZE];
};

static void
wipe(struct buf *b)
{
	if (b->data != NULL) {
		sodium_memzero(b->data, b->cap);
	}
	buf_clear(b);
}

static void
texts_clear(struct texts *t)
{
	wipe(&t->url);
	wipe(&t->authorization);
}

/* With room first: a buffer that grows leaves its content behind. */
static int
append_to(struct span value, void *context)
{
	struct buf *b = context;
	int rc = buf_reserve(b, SECRET_MAX + 16);

	if (rc == 0) {
		buf_span(b, value);
	}
	return rc;
}

struct signing {
	struct span body;
	char *out;
};

static int
sign_with(struct span value, void *context)
{
	const struct signing *s = context;

	request_sign(value, s->body, s->out);
	return 0;
}

/* A variable that the contract names and nobody set: nothing is sent without
 * it, least of all an unsigned request. */
static bool
is_missing(const struct handlers *h, const char *name, struct arena *a,
    struct answer *out)
{
	if (name == NULL || handlers_secret(h, name) != NULL) {
		return false;
	}
	answer_failed(out, "HANDLER_CREDENTIAL_MISSING",
	    arena_printf(a,
		"writerd-handler was not given %s. Nothing was sent; set it "
		"and apply again.",
		name));
	return true;
}

static bool
gather_texts(const struct handlers *h, const struct call *c, struct texts *t,
    struct arena *a, struct answer *out)
{
	const struct contract_executor *x = c->executor;
	struct signing s = {c->body, t->signature};

	if (is_missing(h, x->url_env, a, out) ||
	    is_missing(h, x->token_env, a, out) ||
	    is_missing(h, x->signing_secret_env, a, out)) {
		return false;
	}
	(void)secret_with(handlers_secret(h, x->url_env), append_to, &t->url);
	if (x->token_env != NULL) {
		(void)buf_reserve(&t->authorization, SECRET_MAX + 16);
		buf_puts(&t->authorization, "Bearer ");
		(void)secret_with(handlers_secret(h, x->token_env), append_to,
		    &t->authorization);
	}
	if (x->signing_secret_env != NULL) {
		(void)secret_with(
		    handlers_secret(h, x->signing_secret_env), sign_with, &s);
	}
	return true;
}

static void
add_header(struct exchange *x, struct http_header *list, const char *name,
    const char *value)
{
	if (value[0] != '\0') {
		list[x->header_count++] = (struct http_header){name, value};
	}
}

/* It left, or not; both are told apart wherever they can be. */
static void
judge_failure(const struct exchange_answer *got, const struct err *e,
    struct arena *a, struct answer *out)
{
	const char *why = arena_strndup(a, e->msg, strlen(e->msg));

	if (!got->was_sent) {
		answer_failed(out, "HANDLER_REQUEST_FAILED",
		    e->code == CS_E_DENIED || e->code == CS_E_INVALID
			? "The handler's URL is not one that may be called: "
			  "https, or http on this machine, and no private "
			  "network unless the contract allows it. Nothing was "
			  "sent."
			: "The handler could not be reached; nothing was "
			  "sent.");
		return;
	}
	answer_unknown(out,
	    e->code == CS_E_TIMEOUT     ? "HANDLER_TIMEOUT"
	    : e->code == CS_E_TOO_LARGE ? "HANDLER_RESPONSE_TOO_LARGE"
					: "HANDLER_REQUEST_FAILED",
	    arena_printf(a,
		"The request was sent and no whole answer came (%s). Whether "
		"the application changed anything is not known.",
		why));
}

void
call_http(const struct handlers *h, const struct call *c, struct arena *a,
    struct answer *out)
{
	struct http_header headers[HEADERS_MAX];
	struct texts t = {.url = BUF_INIT};
	long timeout_ms = (long)c->executor->timeout_ms;
	struct exchange x = {.method = c->executor->method,
	    .agent = AGENT,
	    .headers = headers,
	    .body = c->body,
	    .allow_private = c->executor->allow_private,
	    .connect_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS,
	    .total_ms = timeout_ms,
	    .max = RESPONSE_MAX};
	struct exchange_answer got = {0};
	struct err e = {0};

	if (!gather_texts(h, c, &t, a, out)) {
		texts_clear(&t);
		return;
	}
	x.url = buf_text(&t.url);
	add_header(&x, headers, "accept", "application/json");
	add_header(&x, headers, "content-type", "application/json");
	add_header(&x, headers, "idempotency-key", c->idempotency_key);
	add_header(&x, headers, "authorization", buf_text(&t.authorization));
	add_header(&x, headers, "x-synapsor-issued-at", c->issued_at);
	add_header(&x, headers, "x-synapsor-proposal-id", c->proposal_id);
	add_header(&x, headers, "x-synapsor-signature", t.signature);
	if (exchange_run(&x, &got, &e) != 0) {
		judge_failure(&got, &e, a, out);
	} else if (got.status < 200 || got.status > 299) {
		answer_from_status(got.status, a, out);
	} else {
		answer_from_receipt(
		    arena_span(a, buf_as_span(&got.body)), c->dry_run, a, out);
	}
	exchange_clear(&got);
	texts_clear(&t);
}

int
call_probe(
    const struct handlers *h, const struct contract_executor *x, struct err *e)
{
	struct buf url = BUF_INIT;
	int64_t timeout_ms = x->timeout_ms > 0 ? x->timeout_ms : PROBE_MS;
	struct exchange probe = {.method = "OPTIONS",
	    .agent = AGENT,
	    .allow_private = x->allow_private,
	    .max = RESPONSE_MAX};
	struct exchange_answer got = {0};
	struct err why = {0};
	int rc;

	probe.total_ms =
	    (long)(timeout_ms < PROBE_MAX_MS ? timeout_ms : PROBE_MAX_MS);
	probe.connect_ms = probe.total_ms;
	if (handlers_secret(h, x->url_env) == NULL) {
		return err_set(e, CS_E_NOT_FOUND, "HANDLER_CREDENTIAL_MISSING",
		    "%s is not set", x->url_env);
	}
	(void)secret_with(handlers_secret(h, x->url_env), append_to, &url);
	probe.url = buf_text(&url);
	rc = exchange_run(&probe, &got, &why);
	/* Its text may name the host; ours does not. */
	if (rc != 0 && rc != CS_E_TOO_LARGE) {
		rc = err_set(e, rc, "HANDLER_REQUEST_FAILED", "%s",
		    rc == CS_E_TIMEOUT   ? "no answer in time"
		    : rc == CS_E_DENIED  ? "its URL is not one that may be "
					   "called"
		    : rc == CS_E_INVALID ? "its URL cannot be read"
					 : "nobody answers there");
	} else {
		rc = 0;
	}
	exchange_clear(&got);
	wipe(&url);
	return rc;
}
