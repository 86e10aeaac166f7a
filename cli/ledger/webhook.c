/*
 * events webhook: every event to somebody's URL, at least once, in order. The
 * request leaves through countersign-http; a cursor file remembers how far it
 * came.
 */
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/http_client.h"
#include "cli/ledger/commands.h"
#include "cli/ledger/events.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

#define TIMEOUT_MS     5000
#define TIMEOUT_MIN_MS 250
#define BODY_MAX       65536U /* of what a receiver is sent */
#define ANSWER_MAX     65536
#define SHOWN_MAX      200U
#define BACKOFF_MAX_MS 60000
#define AGENT          "synapsor-runner-events-webhook"
#define SCHEMA         "synapsor.local-event-webhook.v1"

struct hook {
	const struct args *args;
	struct arena *arena; /* lives as long as the command */
	const char *url;
	const char *shown; /* without user and query */
	const char *token; /* NULL: none */
	const char *secret;
	const char *store;
	const char *cursor; /* NULL: none is kept */
	int64_t timeout_ms;
	bool is_dry;
	int64_t delivered;
	struct buf events; /* for --json: the list's elements */
};

static int
from_env(
    const struct args *a, const char *flag, const char **out, struct err *e)
{
	const char *name = args_get(a, flag);

	*out = name == NULL ? NULL : secure_getenv(name);
	if (name != NULL && (*out == NULL || **out == '\0')) {
		return err_set(e, CS_E_INVALID, "USAGE", "--%s: %s is not set",
		    flag, name);
	}
	return 0;
}

static int
read_flags(struct hook *h, const struct args *a, struct err *e)
{
	const char *timeout = args_get(a, "timeout-ms");
	const char *hidden = NULL;
	int rc = from_env(a, "url-env", &hidden, e);

	h->url = args_get(a, "url");
	if (rc == 0 && (h->url == NULL) == (hidden == NULL)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "one of --url and --url-env is wanted");
	}
	h->url = h->url != NULL ? h->url : hidden;
	if (rc == 0) {
		rc = from_env(a, "auth-token-env", &h->token, e);
	}
	if (rc == 0) {
		rc = from_env(a, "signing-secret-env", &h->secret, e);
	}
	h->timeout_ms =
	    timeout == NULL ? TIMEOUT_MS : str_to_number(timeout, 600000);
	if (rc == 0 && h->timeout_ms < TIMEOUT_MIN_MS) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--timeout-ms wants at least %d", TIMEOUT_MIN_MS);
	}
	if (rc == 0 && args_has(a, "json") && args_has(a, "follow")) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--json and --follow do not go together");
	}
	if (rc == 0) {
		h->shown = http_shown_url(h->url, h->arena);
		h->is_dry = args_has(a, "dry-run");
	}
	return rc;
}

/* The body that is sent and signed. --ids-only leaves the payload out. */
static void
put_body(const struct hook *h, struct view *v, uint32_t event, struct buf *out)
{
	static const char *const members[] = {
	    "event_id", "proposal_id", "kind", "actor", "created_at"};
	char now[CLOCK_TEXT_SIZE];
	struct json_out j;

	clock_format(clock_now_us(), now);
	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", SCHEMA);
	json_field_text(&j, "delivered_at", now);
	json_key(&j, "source");
	json_open(&j, '{');
	json_field_text(&j, "kind", "local_store");
	json_field_text(&j, "store_path", h->store);
	json_close(&j, '}');
	if (!args_has(h->args, "ids-only")) {
		json_field_raw(&j, "event", json_raw(&v->doc, event));
	} else {
		json_key(&j, "event");
		json_open(&j, '{');
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]);
		     i++) {
			uint32_t m = json_get(&v->doc, event, members[i]);
			if (m != JSON_NONE) {
				json_field_raw(
				    &j, members[i], json_raw(&v->doc, m));
			}
		}
		json_close(&j, '}');
	}
	json_close(&j, '}');
}

/* HMAC-SHA256 over "v1.<timestamp>.<event id>.<body>". */
static const char *
sign(const struct hook *h, const char *timestamp, const char *id,
    struct span body, struct arena *a)
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char hex[2 * sizeof(mac) + 1];
	const char *head = arena_printf(a, "v1.%s.%s.", timestamp, id);
	union {
		const char *text;
		const unsigned char *bytes;
	} secret = {h->secret}, start = {head}, rest = {body.ptr};

	(void)crypto_auth_hmacsha256_init(
	    &state, secret.bytes, strlen(h->secret));
	(void)crypto_auth_hmacsha256_update(&state, start.bytes, strlen(head));
	(void)crypto_auth_hmacsha256_update(&state, rest.bytes, body.len);
	(void)crypto_auth_hmacsha256_final(&state, mac);
	hex_encode(mac, sizeof(mac), hex);
	return arena_printf(a, "sha256=%s", hex);
}

static void
add_headers(const struct hook *h, struct http_request *q, const char *id,
    struct arena *a)
{
	const char *timestamp =
	    arena_printf(a, "%lld", (long long)(clock_now_us() / 1000000));

	http_add(q, "Content-Type", "application/json");
	http_add(q, "Accept", "application/json");
	http_add(q, "X-Countersign-Event-Id", id);
	http_add(q, "X-Countersign-Timestamp", timestamp);
	if (h->token != NULL) {
		http_add(
		    q, "Authorization", arena_printf(a, "Bearer %s", h->token));
	}
	if (h->secret != NULL) {
		http_add(q, "X-Countersign-Signature-Version", "v1");
		http_add(q, "X-Countersign-Signature",
		    sign(h, timestamp, id, q->body, a));
	}
}

/* The first of what the receiver said, unless it says our secrets. */
static int
not_taken(const struct hook *h, const struct http_response *r, struct err *e)
{
	struct buf text = BUF_INIT;
	struct span said = {
	    r->body.ptr, r->body.len < SHOWN_MAX ? r->body.len : SHOWN_MAX};
	bool echoes =
	    (h->token != NULL && memmem(r->body.ptr, r->body.len, h->token,
				     strlen(h->token)) != NULL) ||
	    (h->secret != NULL && memmem(r->body.ptr, r->body.len, h->secret,
				      strlen(h->secret)) != NULL);
	int rc;

	if (!echoes) {
		str_escape_for_people(&text, said);
	}
	rc = err_set(e, CS_E_UNAVAILABLE, "WEBHOOK_NOT_TAKEN",
	    "%s answered %d: %.200s", h->shown, r->status, buf_text(&text));
	buf_clear(&text);
	return rc;
}

static int
post(struct hook *h, const struct buf *body, const char *id, struct arena *a,
    struct err *e)
{
	struct http_request q = {.url = h->url,
	    .method = "POST",
	    .agent = AGENT,
	    .body = buf_as_span(body),
	    .ca_file = args_get(h->args, "ca-file"),
	    .allow_private = args_has(h->args, "allow-private-address"),
	    .total_ms = h->timeout_ms,
	    .max_bytes = ANSWER_MAX};
	struct http_response r = {0};
	int rc;

	add_headers(h, &q, id, a);
	rc = http_exchange(&q, &r, a, e);
	if (rc == 0 && (r.status < 200 || r.status > 299)) {
		rc = not_taken(h, &r, e);
	}
	return rc;
}

/* {"webhook": "…", "last_event_id": n} */
static int
remember(const struct hook *h, struct span id, struct err *e)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	int rc = 0;

	if (h->cursor != NULL) {
		json_begin(&j, &text, 0);
		json_open(&j, '{');
		json_field_text(&j, "webhook", h->shown);
		json_field_raw(&j, "last_event_id", id);
		json_close(&j, '}');
		buf_putc(&text, '\n');
		rc = file_write_atomic(h->cursor, text.data, text.len, 0600, e);
		buf_clear(&text);
	}
	return rc;
}

static void
tell(const struct hook *h, struct view *v, uint32_t event,
    const struct buf *body)
{
	if (args_has(h->args, "json")) {
		return;
	}
	if (h->is_dry) {
		(void)printf("%s\n", buf_text(body));
	} else {
		(void)printf("pushed event %s %s for %s to %s\n",
		    view_scalar(v, json_get(&v->doc, event, "event_id")),
		    view_text(v, event, "kind", "?"),
		    view_text(v, event, "proposal_id", "none"), h->shown);
	}
	(void)fflush(stdout);
}

static int
deliver(struct view *v, uint32_t event, void *arg, struct err *e)
{
	struct hook *h = arg;
	struct span id =
	    json_raw(&v->doc, json_get(&v->doc, event, "event_id"));
	struct arena *a = arena_new();
	struct buf body = BUF_INIT;
	int rc = 0;

	put_body(h, v, event, &body);
	if (body.len > BODY_MAX) {
		rc = err_set(e, CS_E_TOO_LARGE, "WEBHOOK_TOO_LARGE",
		    "event %.*s is larger than 64 KiB; --ids-only leaves "
		    "payloads out",
		    SPAN_ARGS(id));
	} else if (!h->is_dry) {
		rc = post(h, &body, arena_strndup(a, id.ptr, id.len), a, e);
		if (rc == 0) {
			rc = remember(h, id, e);
		}
	}
	if (rc == 0) {
		tell(h, v, event, &body);
		buf_puts(&h->events, h->delivered > 0 ? "," : "");
		if (args_has(h->args, "json")) {
			buf_span(&h->events, json_raw(&v->doc, event));
		}
		h->delivered += 1;
	}
	buf_clear(&body);
	arena_free(&a);
	return rc;
}

/* Beside the ledger, one for each receiver. */
static int
find_cursor(struct hook *h, struct feed *f, struct err *e)
{
	char digest[9];
	struct control c;
	int rc = control_locate(&c, f->args, e);

	if (rc == 0) {
		h->store = arena_strndup(h->arena, c.store, strlen(c.store));
		h->cursor = args_get(h->args, "cursor");
		digest_short(span_of(h->shown), digest);
		if (h->cursor == NULL) {
			h->cursor = arena_printf(
			    h->arena, "%s.webhook-%s.json", h->store, digest);
		}
	}
	control_close(&c);
	return rc;
}

/* --since-event-id, else the cursor, else the newest --limit events. */
static int
find_start(struct hook *h, struct feed *f, struct err *e)
{
	const char *since = args_get(h->args, "since-event-id");
	struct buf text = BUF_INIT;
	struct json_doc doc;
	uint32_t node = JSON_NONE;
	int rc = find_cursor(h, f, e);

	if (rc != 0) {
		return rc;
	}
	if (since != NULL) {
		f->last = str_to_number(since, INT64_MAX);
		return f->last >= 0 ? 0
				    : err_set(e, CS_E_INVALID, "USAGE",
					  "--since-event-id wants a number");
	}
	if (access(h->cursor, F_OK) != 0) {
		return feed_start_newest(f, e);
	}
	rc = file_read_trusted(h->cursor, 4096, &text, e);
	if (rc == 0 &&
	    json_scan(&doc, buf_as_span(&text), h->arena, NULL) == 0) {
		node = json_get(&doc, 0, "last_event_id");
	}
	if (rc == 0 && (node == JSON_NONE ||
			   json_int64(json_raw(&doc, node), &f->last) != 0)) {
		rc = err_set(e, CS_E_INVALID, "WEBHOOK_CURSOR_INVALID",
		    "%s does not say how far the webhook came; nothing was "
		    "sent: --since-event-id says where to begin",
		    h->cursor);
	}
	buf_clear(&text);
	return rc;
}

/* Again and again, later and later; the event that failed comes first. */
static void
follow(struct feed *f, int64_t interval, int rc, struct err *e)
{
	int64_t backoff = interval;

	while (!feed_stopped()) {
		if (rc != 0) {
			(void)fprintf(stderr,
			    "error: %s: %s; trying again in %lld ms\n",
			    err_reason(e), e->msg, (long long)backoff);
		}
		feed_sleep(rc == 0 ? interval : backoff);
		if (feed_stopped()) {
			break;
		}
		backoff = rc == 0 ? interval : backoff * 2;
		backoff = backoff < BACKOFF_MAX_MS ? backoff : BACKOFF_MAX_MS;
		*e = (struct err){0};
		rc = feed_advance(f, e);
	}
}

static void
print_json(const struct hook *h)
{
	struct buf out = BUF_INIT;
	struct buf list = BUF_INIT;
	struct buf pretty = BUF_INIT;
	struct json_out j;
	struct json_doc doc;

	json_begin(&j, &out, 0);
	json_open(&j, '{');
	json_field_bool(&j, "ok", true);
	json_field_bool(&j, "dry_run", h->is_dry);
	json_field_int(&j, "delivered", h->is_dry ? 0 : h->delivered);
	json_field_text(&j, "webhook", h->shown);
	buf_printf(&list, "[%s]", buf_text(&h->events));
	json_field_raw(&j, "events", buf_as_span(&list));
	json_close(&j, '}');
	if (json_scan(&doc, buf_as_span(&out), h->arena, NULL) == 0) {
		json_begin(&j, &pretty, 2);
		json_rewrite(&j, &doc, 0, h->arena);
		buf_putc(&pretty, '\n');
		(void)fd_write_all(STDOUT_FILENO, pretty.data, pretty.len, -1);
	}
	buf_clear(&out);
	buf_clear(&list);
	buf_clear(&pretty);
}

int
cmd_events_webhook(const struct args *a, struct err *e)
{
	struct hook h = {.args = a, .arena = arena_new()};
	struct feed f = {.args = a, .each = deliver, .arg = &h};
	int64_t interval = 0;
	int rc = read_flags(&h, a, e);

	if (rc == 0) {
		rc = feed_interval(a, &interval, e);
	}
	feed_catch_signals();
	if (rc == 0) {
		rc = find_start(&h, &f, e);
	}
	/* What fails at first is a mistake; what fails later passes. */
	if (rc == 0) {
		rc = feed_advance(&f, e);
		if (rc == 0 && args_has(a, "follow")) {
			follow(&f, interval, rc, e);
		}
	}
	if (rc == 0 && args_has(a, "json")) {
		print_json(&h);
	}
	feed_close(&f);
	buf_clear(&h.events);
	arena_free(&h.arena);
	return rc;
}
