#include "mcpd/mcp/envelope.h"

#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/str.h"
#include "mcpd/mcp/jsonrpc.h"

#define BASE64_PREFIX "=?base64?"
#define BASE64_SUFFIX "?="

static const struct rpc_failure fine = {0, NULL, {NULL, 0}};

static struct rpc_failure
failure(int code, const char *message)
{
	return (struct rpc_failure){code, message, {NULL, 0}};
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 &&
	       (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
		s.len--;
	}
	return s;
}

bool
envelope_header_text(struct span header, struct arena *a, struct span *out)
{
	const size_t before = sizeof(BASE64_PREFIX) - 1;
	const size_t after = sizeof(BASE64_SUFFIX) - 1;
	struct span text = trim(header);
	size_t len = 0;
	unsigned char *bytes = NULL;

	*out = text;
	if (text.len < before + after ||
	    memcmp(text.ptr, BASE64_PREFIX, before) != 0 ||
	    memcmp(text.ptr + text.len - after, BASE64_SUFFIX, after) != 0) {
		return utf8_is_valid(text);
	}
	text.ptr += before;
	text.len -= before + after;
	bytes = arena_alloc(a, text.len + 1);
	if (sodium_base642bin(bytes, text.len, text.ptr, text.len, NULL, &len,
		NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
		return false;
	}
	*out = (struct span){(const char *)bytes, len};
	return utf8_is_valid(*out);
}

/* Methods whose target is repeated in Mcp-Name, and the member it repeats. */
static const struct {
	const char *method;
	const char *member;
} named[] = {
    {"tools/call", "name"},
    {"prompts/get", "name"},
    {"resources/read", "uri"},
    {"tasks/get", "taskId"},
    {"tasks/update", "taskId"},
    {"tasks/cancel", "taskId"},
};

/* A member that is not there, or no text, is an error of its own later. */
static struct rpc_failure
check_name(const struct json_doc *doc, uint32_t params, struct span method,
    const struct http_headers *headers, struct arena *a)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct span wanted = {"", 0};
		struct span given = {"", 0};

		if (!span_is(method, named[i].method)) {
			continue;
		}
		if (params != JSON_NONE) {
			wanted =
			    json_get_string(doc, params, named[i].member, a);
		}
		if (headers->name.ptr == NULL ||
		    !envelope_header_text(headers->name, a, &given) ||
		    !span_equal(given, wanted)) {
			return failure(RPC_HEADER_MISMATCH,
			    "Header mismatch: Mcp-Name is not what the body "
			    "names");
		}
	}
	return fine;
}

static struct rpc_failure
check_headers(const struct json_doc *doc, uint32_t params, struct span method,
    struct span version, const struct http_headers *headers, struct arena *a)
{
	if (!span_equal(trim(headers->version), version)) {
		return failure(RPC_HEADER_MISMATCH,
		    "Header mismatch: MCP-Protocol-Version is not the version "
		    "in _meta");
	}
	if (!span_is(version, MCP_MODERN)) {
		return fine; /* told as an unsupported version */
	}
	if (!span_equal(trim(headers->method), method)) {
		return failure(RPC_HEADER_MISMATCH,
		    "Header mismatch: Mcp-Method is not the body's method");
	}
	return check_name(doc, params, method, headers, a);
}

/* We send no log messages, so any level that exists is fine. */
static bool
is_log_level(struct span level)
{
	static const char *const levels[] = {"debug", "info", "notice",
	    "warning", "error", "critical", "alert", "emergency"};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (span_is(level, levels[i])) {
			return true;
		}
	}
	return false;
}

/* Members that must be there, and the types of those that may. */
static struct rpc_failure
check_meta(const struct json_doc *doc, uint32_t meta, struct arena *a)
{
	uint32_t level = JSON_NONE;
	uint32_t token = JSON_NONE;

	if (meta == JSON_NONE ||
	    json_get_type(doc, meta, META_VERSION, JSON_STRING) == JSON_NONE) {
		return failure(RPC_INVALID_PARAMS,
		    "Invalid params: _meta needs \"" META_VERSION "\"");
	}
	if (json_get_type(doc, meta, META_CAPS, JSON_OBJECT) == JSON_NONE) {
		return failure(RPC_INVALID_PARAMS,
		    "Invalid params: _meta needs \"" META_CAPS "\"");
	}
	level = json_get(doc, meta, META_LOG);
	if (level != JSON_NONE &&
	    !is_log_level(json_get_string(doc, meta, META_LOG, a))) {
		return failure(
		    RPC_INVALID_PARAMS, "Invalid params: unknown logLevel");
	}
	token = json_get(doc, meta, "progressToken");
	if (token != JSON_NONE && !rpc_id_is_valid(doc, token)) {
		return failure(RPC_INVALID_PARAMS,
		    "Invalid params: progressToken must be a string or an "
		    "integer");
	}
	return fine;
}

static bool
declares(const struct json_doc *doc, uint32_t meta, const char *extension)
{
	uint32_t caps = json_get_type(doc, meta, META_CAPS, JSON_OBJECT);
	uint32_t extensions =
	    json_get_type(doc, caps, "extensions", JSON_OBJECT);

	return extensions != JSON_NONE &&
	       json_get(doc, extensions, extension) != JSON_NONE;
}

static struct span
unsupported(struct span requested, struct arena *a)
{
	struct buf data = BUF_INIT;
	struct json_out j;
	struct span copy = {"", 0};

	json_begin(&j, &data, 0);
	era_put_unsupported(&j, requested);
	copy = arena_span(a, buf_as_span(&data));
	buf_clear(&data);
	return copy;
}

struct rpc_failure
envelope_check(const struct json_doc *doc, uint32_t params, struct span method,
    const struct http_headers *headers, struct arena *a, struct envelope *out)
{
	uint32_t meta = params == JSON_NONE
			    ? JSON_NONE
			    : json_get_type(doc, params, "_meta", JSON_OBJECT);
	struct rpc_failure f = check_meta(doc, meta, a);
	struct span version = {"", 0};

	if (f.code != 0) {
		return f;
	}
	version = json_get_string(doc, meta, META_VERSION, a);
	if (headers != NULL) {
		f = check_headers(doc, params, method, version, headers, a);
	}
	if (f.code == 0 && !span_is(version, MCP_MODERN)) {
		f = failure(RPC_BAD_VERSION, "Unsupported protocol version");
		f.data = unsupported(version, a);
	}
	out->declares_tasks = declares(doc, meta, EXTENSION_TASKS);
	return f;
}
