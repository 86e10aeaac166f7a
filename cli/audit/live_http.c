/* A server over HTTP: the handshake first, then the other eras. */
#include "cli/audit/live.h"
#include "cli/audit/messages.h"
#include "cli/http_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

#define ANSWER_MAX (8 << 20)
#define BOTH_TYPES "application/json, text/event-stream"

/* What goes on over several requests. */
struct talk {
	struct audit *audit;
	const char *url;
	const struct http_field *headers;
	const struct live_options *o;
	enum era era;
	const char *session; /* Mcp-Session-Id, or NULL */
	int id;
	int status;
};

/* The data of the server-sent event that answers; others are stepped over. */
static bool
find_event(struct json_doc *doc, uint32_t *result, struct span body, int id,
    struct arena *a)
{
	struct buf data = BUF_INIT;
	bool found = false;
	size_t at = 0;

	while (!found && at < body.len) {
		const char *nl = memchr(body.ptr + at, '\n', body.len - at);
		struct span line = {body.ptr + at,
		    nl == NULL ? body.len - at : (size_t)(nl - body.ptr) - at};
		at += line.len + 1;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
			line.len--;
		}
		if (line.len >= 5 && memcmp(line.ptr, "data:", 5) == 0) {
			buf_append(&data, line.ptr + 5, line.len - 5);
		}
		if (line.len == 0 || at >= body.len) {
			found = message_is_answer(doc, result,
			    arena_span(a, buf_as_span(&data)), id, a);
			buf_reset(&data);
		}
	}
	buf_clear(&data);
	return found;
}

static void
prepare(struct http_request *q, const struct talk *t, const char *method)
{
	http_add(q, "Content-Type", "application/json");
	http_add(
	    q, "Accept", t->era == ERA_BARE ? "application/json" : BOTH_TYPES);
	for (const struct http_field *h = t->headers;
	     h != NULL && h->name != NULL; h++) {
		http_add(q, h->name, h->value);
	}
	if (t->session != NULL) {
		http_add(q, "Mcp-Session-Id", t->session);
	}
	if (t->era == ERA_ENVELOPE) {
		http_add(q, "MCP-Protocol-Version", ENVELOPE_VERSION);
		http_add(q, "Mcp-Method", method);
	} else if (t->era == ERA_HANDSHAKE &&
		   strcmp(method, "initialize") != 0) {
		http_add(q, "MCP-Protocol-Version", HANDSHAKE_VERSION);
	}
}

/*
 * Send one message. 0 with *result when it was answered, also by an error of
 * the protocol (JSON_NONE); `doc` may be NULL for a notification.
 */
static int
post(struct talk *t, const struct buf *message, const char *method,
    struct json_doc *doc, uint32_t *result, struct err *e)
{
	struct http_request q = {.url = t->url,
	    .method = "POST",
	    .agent = "synapsor-mcp-audit",
	    .body = buf_as_span(message),
	    .allow_plain = t->o->allow_plain,
	    .allow_private = true,
	    .total_ms = t->o->timeout_ms,
	    .max_bytes = ANSWER_MAX};
	struct http_response r = {0};
	struct arena *a = t->audit->arena;
	struct span kind;
	struct span session;
	int rc;

	prepare(&q, t, method);
	rc = http_exchange(&q, &r, a, e);
	if (rc != 0) {
		return rc;
	}
	t->status = r.status;
	session = http_header(&r, "mcp-session-id", a);
	if (strcmp(method, "initialize") == 0 && session.len > 0) {
		t->session = arena_strndup(a, session.ptr, session.len);
	}
	if (doc == NULL) {
		return 0;
	}
	*result = JSON_NONE;
	kind = http_header(&r, "content-type", a);
	if (kind.len >= 17 && memcmp(kind.ptr, "text/event-stream", 17) == 0) {
		(void)find_event(doc, result, r.body, t->id, a);
	} else {
		(void)message_is_answer(doc, result, r.body, t->id, a);
	}
	if (r.status < 200 || r.status > 299) {
		*result = JSON_NONE;
	}
	return 0;
}

/* initialize; true when the server is of that era. */
static int
shake_hands(struct talk *t, bool *shaken, struct err *e)
{
	struct buf message = BUF_INIT;
	struct json_doc doc;
	uint32_t result = JSON_NONE;
	int rc;

	message_initialize(&message, t->id);
	rc = post(t, &message, "initialize", &doc, &result, e);
	*shaken = rc == 0 && result != JSON_NONE;
	if (*shaken) {
		buf_reset(&message);
		message_initialized(&message);
		rc = post(
		    t, &message, "notifications/initialized", NULL, NULL, e);
	}
	buf_clear(&message);
	return rc;
}

static int
list_page(struct talk *t, struct span *cursor, bool *listed, struct err *e)
{
	struct json_doc *doc = arena_alloc(t->audit->arena, sizeof(*doc));
	struct buf message = BUF_INIT;
	uint32_t result = JSON_NONE;
	int rc;

	t->id++;
	message_list(&message, t->id, t->era, *cursor);
	rc = post(t, &message, "tools/list", doc, &result, e);
	buf_clear(&message);
	*listed = rc == 0 && result != JSON_NONE;
	*cursor = (struct span){"", 0};
	if (*listed) {
		rc = audit_collect(t->audit, doc, e);
		*cursor = message_next(doc, result, t->audit->arena);
	}
	return rc;
}

static int
list(struct talk *t, bool *listed, struct err *e)
{
	struct span cursor = {"", 0};
	int pages = 0;
	int rc;

	do {
		rc = list_page(t, &cursor, listed, e);
	} while (rc == 0 && cursor.len > 0 && ++pages < LIST_PAGES_MAX);
	return rc;
}

int
live_http(struct audit *audit, const char *url,
    const struct http_field *headers, const struct live_options *o,
    struct err *e)
{
	static const enum era others[] = {ERA_ENVELOPE, ERA_BARE};
	struct talk t = {
	    .audit = audit, .url = url, .headers = headers, .o = o, .id = 1};
	bool is_done = false;
	int rc = shake_hands(&t, &is_done, e);

	if (rc == 0 && is_done) {
		rc = list(&t, &is_done, e);
	}
	/* A server that wants a token wants it in every era. */
	for (size_t i = 0;
	     rc == 0 && !is_done && i < 2 && t.status != 401 && t.status != 403;
	     i++) {
		t.era = others[i];
		t.session = NULL;
		rc = list(&t, &is_done, e);
	}
	if (rc == 0 && !is_done) {
		rc = err_set(e, CS_E_UNAVAILABLE, "AUDIT_SERVER_FAILED",
		    "%s did not list its tools: HTTP status %d%s",
		    http_shown_url(url, audit->arena), t.status,
		    t.status == 401 || t.status == 403
			? "; --bearer-env names the variable with its token"
			: "");
	}
	return rc;
}
