#include "cli/http_client.h"

#include <limits.h>
#include <strings.h>

#include "cli/child.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_out.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

/* The helper keeps its own limits; this is for one that hangs. */
#define GRACE_MS  5000
#define HEAD_ROOM (1 << 20)

void
http_add(struct http_request *q, const char *name, const char *value)
{
	size_t i = 0;

	while (q->headers[i].name != NULL) {
		i++;
	}
	cs_assert(i + 1 < HTTP_HEADERS_MAX);
	q->headers[i] = (struct http_field){name, value};
}

static void
describe(const struct http_request *q, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "url", q->url);
	json_field_text(&j, "method", q->method);
	if (q->agent != NULL) {
		json_field_text(&j, "agent", q->agent);
	}
	json_key(&j, "headers");
	json_open(&j, '[');
	for (size_t i = 0; q->headers[i].name != NULL; i++) {
		json_open(&j, '[');
		json_put_text(&j, q->headers[i].name);
		json_put_text(&j, q->headers[i].value);
		json_close(&j, ']');
	}
	json_close(&j, ']');
	json_field_span(&j, "body", q->body);
	if (q->ca_file != NULL) {
		json_field_text(&j, "ca_file", q->ca_file);
	}
	json_field_bool(&j, "allow_plain", q->allow_plain);
	json_field_bool(&j, "allow_private", q->allow_private);
	json_field_int(&j, "connect_ms", q->total_ms);
	json_field_int(&j, "total_ms", q->total_ms);
	json_field_int(&j, "max_bytes", q->max_bytes);
	json_close(&j, '}');
}

/* The helper's line, and the body behind it. */
static int
open_answer(
    struct span text, struct http_response *out, struct arena *a, struct err *e)
{
	const char *end = memchr(text.ptr, '\n', text.len);
	struct span head = {
	    text.ptr, end == NULL ? 0 : (size_t)(end - text.ptr)};
	struct span code;
	struct span message;
	int64_t status = 0;

	if (json_scan(&out->doc, head, a, e) != 0) {
		return err_set(e, CS_E_UNAVAILABLE, "CHILD_FAILED",
		    "countersign-http ended without an answer");
	}
	if (json_get_type(&out->doc, 0, "ok", JSON_TRUE) == JSON_NONE) {
		code = json_get_string(&out->doc, 0, "code", a);
		message = json_get_string(&out->doc, 0, "message", a);
		return err_set(e, CS_E_UNAVAILABLE,
		    err_intern(code.ptr, code.len), "%.*s", SPAN_ARGS(message));
	}
	(void)json_int64(
	    json_raw(&out->doc, json_get(&out->doc, 0, "status")), &status);
	out->status = (int)status;
	out->headers = json_get(&out->doc, 0, "headers");
	out->body =
	    (struct span){text.ptr + head.len + 1, text.len - head.len - 1};
	return 0;
}

int
http_exchange(const struct http_request *q, struct http_response *out,
    struct arena *a, struct err *e)
{
	static const char *const no_env[] = {NULL};
	char program[PATH_MAX];
	struct buf text = BUF_INIT;
	struct child c = {.env = no_env,
	    .timeout_ms = q->total_ms + GRACE_MS,
	    .max = (size_t)q->max_bytes + HEAD_ROOM};
	int rc;

	if (!utf8_is_valid(span_of(q->url))) {
		return err_set(e, CS_E_INVALID, "HTTP_URL_INVALID",
		    "the URL is not UTF-8; nothing was sent");
	}
	rc = sibling_program("countersign-http", program, sizeof(program), e);
	if (rc == 0) {
		describe(q, &text);
		c.input = buf_as_span(&text);
		child_add(&c, program);
		rc = child_run(&c, e);
	}
	if (rc == 0) {
		rc = open_answer(arena_span(a, buf_as_span(&c.out)), out, a, e);
	}
	/* It may have held a token. */
	if (text.len > 0) {
		explicit_bzero(text.data, text.len);
	}
	buf_clear(&text);
	child_clear(&c);
	return rc;
}

struct span
http_header(const struct http_response *r, const char *name, struct arena *a)
{
	const struct json_doc *d = &r->doc;
	uint32_t at = r->headers + 1;

	for (uint32_t i = 0;
	     r->headers != JSON_NONE && i < d->nodes[r->headers].count; i++) {
		if (str_equal_nocase(json_string(d, at + 1, a), name)) {
			return json_string(d, at + 2, a);
		}
		at = d->nodes[at].next;
	}
	return (struct span){"", 0};
}

const char *
http_shown_url(const char *url, struct arena *a)
{
	size_t len = strcspn(url, "?#");
	const char *host = strstr(url, "://");
	const char *at = NULL;

	if (host == NULL || (size_t)(host - url) > len) {
		return arena_strndup(a, url, len);
	}
	host += 3;
	/* The last @ before the path ends the user. */
	for (const char *p = host; p < url + len && *p != '/'; p++) {
		if (*p == '@') {
			at = p + 1;
		}
	}
	return at == NULL ? arena_strndup(a, url, len)
			  : arena_printf(a, "%.*s%.*s", (int)(host - url), url,
				(int)(url + len - at), at);
}
