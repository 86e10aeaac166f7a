#include "http/describe.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_out.h"
#include "common/base/json_scan.h"
#include "common/base/str.h"

#define CONNECT_MS 5000
#define TOTAL_MS   10000
#define LIMIT_MS   600000
#define MAX_BYTES  (1U << 20)
#define BYTES_TOP  (64U << 20)

static const char *
text_of(const struct json_doc *d, const char *key, const char *otherwise,
    struct arena *a)
{
	uint32_t node = json_get_type(d, 0, key, JSON_STRING);
	struct span text;

	if (node == JSON_NONE) {
		return otherwise;
	}
	text = json_string(d, node, a);
	return arena_strndup(a, text.ptr, text.len);
}

static int64_t
number_of(
    const struct json_doc *d, const char *key, int64_t otherwise, int64_t most)
{
	uint32_t node = json_get_type(d, 0, key, JSON_NUMBER);
	int64_t value = 0;

	if (node == JSON_NONE || json_int64(json_raw(d, node), &value) != 0 ||
	    value <= 0) {
		return otherwise;
	}
	return value < most ? value : most;
}

static bool
is_true(const struct json_doc *d, const char *key)
{
	return json_get_type(d, 0, key, JSON_TRUE) != JSON_NONE;
}

/* [["name", "value"], …] */
static bool
read_headers(struct exchange *x, const struct json_doc *d, struct arena *a)
{
	uint32_t list = json_get(d, 0, "headers");
	struct http_header *headers;
	uint32_t at;

	if (list == JSON_NONE) {
		return true;
	}
	if (d->nodes[list].type != JSON_ARRAY) {
		return false;
	}
	headers = arena_array(a, d->nodes[list].count + 1, sizeof(*headers));
	at = list + 1;
	for (uint32_t i = 0; i < d->nodes[list].count; i++) {
		struct span name;
		struct span value;
		if (d->nodes[at].type != JSON_ARRAY ||
		    d->nodes[at].count != 2 ||
		    d->nodes[at + 1].type != JSON_STRING ||
		    d->nodes[at + 2].type != JSON_STRING) {
			return false;
		}
		name = json_string(d, at + 1, a);
		value = json_string(d, at + 2, a);
		headers[i].name = arena_strndup(a, name.ptr, name.len);
		headers[i].value = arena_strndup(a, value.ptr, value.len);
		at = d->nodes[at].next;
	}
	x->headers = headers;
	x->header_count = d->nodes[list].count;
	return true;
}

int
describe_read(
    struct exchange *x, struct span text, struct arena *a, struct err *e)
{
	static const char *const methods[] = {
	    "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};
	struct json_doc d;
	size_t m = 0;

	*x = (struct exchange){0};
	if (json_scan(&d, text, a, e) != 0 || d.nodes[0].type != JSON_OBJECT) {
		return err_set(e, CS_E_INVALID, "HTTP_DESCRIPTION_INVALID",
		    "standard input is not a JSON object");
	}
	x->url = text_of(&d, "url", NULL, a);
	x->method = text_of(&d, "method", "GET", a);
	while (methods[m] != NULL && strcmp(methods[m], x->method) != 0) {
		m++;
	}
	if (x->url == NULL || methods[m] == NULL || !read_headers(x, &d, a)) {
		return err_set(e, CS_E_INVALID, "HTTP_DESCRIPTION_INVALID",
		    "the description has no url, an unknown method, or other "
		    "headers than [[\"name\", \"value\"]]");
	}
	x->agent = text_of(&d, "agent", "countersign-http", a);
	x->body = json_get_string(&d, 0, "body", a);
	x->ca_file = text_of(&d, "ca_file", NULL, a);
	x->allow_plain = is_true(&d, "allow_plain");
	x->allow_private = is_true(&d, "allow_private");
	x->connect_ms = (long)number_of(&d, "connect_ms", CONNECT_MS, LIMIT_MS);
	x->total_ms = (long)number_of(&d, "total_ms", TOTAL_MS, LIMIT_MS);
	x->max = (size_t)number_of(&d, "max_bytes", MAX_BYTES, BYTES_TOP);
	return 0;
}

/* One "name: value" line; a value that is no UTF-8 is left out. */
static void
put_header(struct json_out *j, struct span line)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct span name;
	struct span value;

	if (colon == NULL || !utf8_is_valid(line) ||
	    memchr(line.ptr, 0, line.len) != NULL) {
		return;
	}
	name = (struct span){line.ptr, (size_t)(colon - line.ptr)};
	value = (struct span){colon + 1, line.len - name.len - 1};
	while (value.len > 0 && (*value.ptr == ' ' || *value.ptr == '\t')) {
		value.ptr++;
		value.len--;
	}
	json_open(j, '[');
	json_put_span(j, name);
	json_put_span(j, value);
	json_close(j, ']');
}

void
describe_answer(const struct exchange_answer *answer, struct buf *out)
{
	struct json_out j;
	const char *text = buf_text(&answer->headers);
	size_t start = 0;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_bool(&j, "ok", true);
	json_field_int(&j, "status", answer->status);
	json_key(&j, "headers");
	json_open(&j, '[');
	for (size_t i = 0; i < answer->headers.len; i++) {
		if (text[i] == '\n') {
			put_header(&j, (struct span){text + start, i - start});
			start = i + 1;
		}
	}
	json_close(&j, ']');
	json_field_int(&j, "body_bytes", (int64_t)answer->body.len);
	json_close(&j, '}');
	buf_putc(out, '\n');
	buf_span(out, buf_as_span(&answer->body));
}

void
describe_failure(const struct err *failure, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_bool(&j, "ok", false);
	json_field_text(&j, "code", err_reason(failure));
	json_field_text(&j, "message", failure->msg);
	json_close(&j, '}');
	buf_putc(out, '\n');
}
