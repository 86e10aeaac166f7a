/*
 * Messages are judged before anything acts on them: what is neither request,
 * notification nor response is refused with the id if there is one that can be
 * echoed.
 */
#include "mcpd/mcp/jsonrpc.h"

#include "common/base/arena.h"
#include "common/base/err.h"

int
rpc_scan(struct json_doc *doc, struct span text, struct arena *a)
{
	struct err e = {0};
	int rc = json_scan(doc, text, a, &e);

	if (rc == 0) {
		return 0;
	}
	/* Valid JSON that we do not take: two members of one name would be
	 * read differently by us and by whoever logs the line. */
	if (rc == CS_E_TOO_LARGE ||
	    strcmp(err_reason(&e), "JSON_DUPLICATE_KEY") == 0) {
		return RPC_INVALID_REQUEST;
	}
	return RPC_PARSE_ERROR;
}

/* An optional sign, then digits only. */
static bool
is_digits(struct span text)
{
	size_t i = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;

	while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9') {
		i++;
	}
	return i == text.len;
}

/* An integer of any size: "-12", also "1.0" and "1e2", which mean one. */
static bool
is_integer(struct span raw)
{
	struct buf canonical = BUF_INIT;
	bool result = is_digits(raw);

	if (!result && json_number_canonical(raw, &canonical) == 0) {
		result = is_digits(buf_as_span(&canonical));
	}
	buf_clear(&canonical);
	return result;
}

bool
rpc_id_is_valid(const struct json_doc *doc, uint32_t node)
{
	struct span raw = json_raw(doc, node);

	/* It is kept and sent back: a client must not choose how much. */
	if (raw.len > RPC_ID_MAX) {
		return false;
	}
	if (doc->nodes[node].type == JSON_STRING) {
		return true;
	}
	return doc->nodes[node].type == JSON_NUMBER && is_integer(raw);
}

/* The same message, refused. */
static struct rpc_message
invalid(struct rpc_message m, const char *error)
{
	m.kind = RPC_INVALID;
	m.error = error;
	return m;
}

/* The members every request and notification has. */
static struct rpc_message
classify_call(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct rpc_message m)
{
	uint32_t method = json_get_type(doc, node, "method", JSON_STRING);
	uint32_t params = json_get(doc, node, "params");

	if (!span_is(json_get_string(doc, node, "jsonrpc", a), "2.0")) {
		return invalid(m, "Invalid Request: jsonrpc must be \"2.0\"");
	}
	if (method == JSON_NONE) {
		return invalid(m, "Invalid Request: method must be a string");
	}
	m.method = json_string(doc, method, a);
	if (params != JSON_NONE && doc->nodes[params].type != JSON_OBJECT) {
		return invalid(m, "Invalid Request: params must be an object");
	}
	m.params = params;
	return m;
}

struct rpc_message
rpc_classify(const struct json_doc *doc, uint32_t node, struct arena *a)
{
	struct rpc_message m = {
	    RPC_NOTIFICATION, {"", 0}, {"", 0}, JSON_NONE, NULL};
	uint32_t id = 0;

	if (doc->nodes[node].type != JSON_OBJECT) {
		return invalid(m, "Invalid Request: an object is needed");
	}
	id = json_get(doc, node, "id");
	/* A response to nothing: ignored, not answered, or two programs that
	 * answer each other's errors would never stop. */
	if (json_get(doc, node, "method") == JSON_NONE &&
	    (json_get(doc, node, "result") != JSON_NONE ||
		json_get(doc, node, "error") != JSON_NONE)) {
		m.kind = RPC_RESPONSE;
		return m;
	}
	if (id != JSON_NONE) {
		if (!rpc_id_is_valid(doc, id)) {
			return invalid(m,
			    "Invalid Request: id must be a string or an "
			    "integer");
		}
		m.kind = RPC_REQUEST;
		m.id = json_raw(doc, id);
	}
	return classify_call(doc, node, a, m);
}

struct span
rpc_cut_text(struct span text, size_t max)
{
	if (text.len <= max) {
		max = text.len;
	} else {
		/* A continuation byte may not be the first one left out. */
		while (max > 0 &&
		       ((unsigned char)text.ptr[max] & 0xc0U) == 0x80U) {
			max--;
		}
	}
	return (struct span){text.ptr, max};
}

void
rpc_begin_result(struct json_out *j, struct span id)
{
	json_open(j, '{');
	json_field_text(j, "jsonrpc", "2.0");
	json_field_raw(j, "id", id);
	json_key(j, "result");
}

void
rpc_end_result(struct json_out *j)
{
	json_close(j, '}');
}

void
rpc_put_error(struct json_out *j, struct span id, int code, const char *message,
    struct span data)
{
	json_open(j, '{');
	json_field_text(j, "jsonrpc", "2.0");
	/* MCP has no null id: what cannot be echoed is left out. */
	if (id.len > 0) {
		json_field_raw(j, "id", id);
	}
	json_key(j, "error");
	json_open(j, '{');
	json_field_int(j, "code", code);
	json_field_text(j, "message", message);
	if (data.len > 0) {
		json_field_raw(j, "data", data);
	}
	json_close(j, '}');
	json_close(j, '}');
}
