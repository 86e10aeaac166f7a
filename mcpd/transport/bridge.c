/*
 * What callers of 0.1.1 see is kept: arguments under either name, no jsonrpc
 * member needed, status 200 for errors of a call, indented answers. What it got
 * wrong is not: the id comes back with errors as well.
 */
#include "mcpd/transport/bridge.h"

#include "common/base/arena.h"
#include "mcpd/mcp/jsonrpc.h"

#define BRIDGE_ERROR (-32000)

/* One body while it is read. */
struct reading {
	struct json_doc doc;
	struct arena *arena;
	struct span id; /* raw; "null" if it has none to echo */
	struct buf *out;
};

static void
put_error(struct reading *r, int code, const char *message)
{
	struct json_out j;

	json_begin(&j, r->out, 2);
	json_open(&j, '{');
	json_field_text(&j, "jsonrpc", "2.0");
	json_field_raw(&j, "id", r->id);
	json_key(&j, "error");
	json_open(&j, '{');
	json_field_int(&j, "code", code);
	json_field_text(&j, "message", message);
	json_close(&j, '}');
	json_close(&j, '}');
	buf_putc(r->out, '\n');
}

/* Not JSON Schema: the map of 0.1.1, which its callers read. */
static void
put_arguments(struct json_out *j, const struct contract_capability *cap)
{
	static const char *const types[] = {
	    [ARG_STRING] = "string",
	    [ARG_NUMBER] = "number",
	    [ARG_BOOLEAN] = "boolean",
	};

	json_key(j, "inputSchema");
	json_open(j, '{');
	for (size_t i = 0; i < cap->arg_count; i++) {
		const struct contract_arg *arg = &cap->args[i];

		json_key(j, arg->name);
		json_open(j, '{');
		json_field_text(j, "type", types[arg->type]);
		json_field_bool(j, "required", arg->required);
		if (arg->description != NULL) {
			json_field_text(j, "description", arg->description);
		}
		if (arg->max_length > 0) {
			json_field_int(j, "max_length", arg->max_length);
		}
		if (arg->minimum.len > 0) {
			json_field_raw(j, "minimum", arg->minimum);
		}
		if (arg->maximum.len > 0) {
			json_field_raw(j, "maximum", arg->maximum);
		}
		if (arg->allowed != NULL) {
			json_key(j, "enum");
			json_open(j, '[');
			for (size_t k = 0; k < arg->allowed_count; k++) {
				scalar_put(j, arg->allowed[k]);
			}
			json_close(j, ']');
		}
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void
put_flags(struct json_out *j, bool is_read)
{
	static const char *const meta[] = {"synapsor.raw_sql_exposed",
	    "synapsor.approval_tool", "synapsor.database_credentials_exposed",
	    "synapsor.model_controlled_tenant_authority"};

	json_key(j, "annotations");
	json_open(j, '{');
	json_field_bool(j, "readOnlyHint", is_read);
	json_field_bool(j, "destructiveHint", false);
	json_field_bool(j, "idempotentHint", is_read);
	json_field_bool(j, "openWorldHint", false);
	json_field_bool(j, "raw_sql_exposed", false);
	json_field_bool(j, "approval_or_commit_tool", false);
	json_close(j, '}');
	json_key(j, "_meta");
	json_open(j, '{');
	for (size_t i = 0; i < sizeof(meta) / sizeof(meta[0]); i++) {
		json_field_bool(j, meta[i], false);
	}
	json_close(j, '}');
}

static void
put_tools(struct reading *r, const struct contract *c, enum contract_mode mode)
{
	struct json_out j;

	json_begin(&j, r->out, 2);
	json_open(&j, '{');
	json_field_text(&j, "jsonrpc", "2.0");
	json_field_raw(&j, "id", r->id);
	json_key(&j, "result");
	json_open(&j, '{');
	json_key(&j, "tools");
	json_open(&j, '[');
	for (size_t i = 0; i < c->capability_count; i++) {
		const struct contract_capability *cap = &c->capabilities[i];

		if (cap->kind != KIND_READ && mode == MODE_READ_ONLY) {
			continue;
		}
		json_open(&j, '{');
		json_field_text(&j, "name", cap->name);
		json_field_text(&j, "title", cap->name);
		json_field_text(&j, "description",
		    cap->description != NULL ? cap->description : cap->name);
		put_arguments(&j, cap);
		put_flags(&j, cap->kind == KIND_READ);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	buf_putc(r->out, '\n');
}

/* The same request as MCP has it. */
static enum bridge_kind
put_request(
    struct reading *r, const char *method, const char *member, uint32_t params)
{
	struct json_out j;
	uint32_t value = json_get_type(&r->doc, params, member, JSON_STRING);
	uint32_t args =
	    json_get_type(&r->doc, params, "arguments", JSON_OBJECT);

	if (value == JSON_NONE) {
		put_error(r, BRIDGE_ERROR,
		    arena_printf(
			r->arena, "params.%s must be a string", member));
		return BRIDGE_ANSWER;
	}
	if (args == JSON_NONE) {
		args = json_get_type(&r->doc, params, "args", JSON_OBJECT);
	}
	json_begin(&j, r->out, 0);
	json_open(&j, '{');
	json_field_text(&j, "jsonrpc", "2.0");
	json_field_raw(&j, "id", span_is(r->id, "null") ? span_of("0") : r->id);
	json_field_text(&j, "method", method);
	json_key(&j, "params");
	json_open(&j, '{');
	json_field_raw(&j, member, json_raw(&r->doc, value));
	if (strcmp(member, "name") == 0) {
		json_field_raw(&j, "arguments",
		    args == JSON_NONE ? span_of("{}")
				      : json_raw(&r->doc, args));
	}
	json_close(&j, '}');
	json_close(&j, '}');
	return BRIDGE_CALL;
}

static enum bridge_kind
translate(struct reading *r, const struct contract *c, enum contract_mode mode)
{
	uint32_t id = json_get(&r->doc, 0, "id");
	uint32_t params = json_get_type(&r->doc, 0, "params", JSON_OBJECT);
	struct span method = {NULL, 0};

	if (id != JSON_NONE && rpc_id_is_valid(&r->doc, id)) {
		r->id = json_raw(&r->doc, id);
	}
	if (json_get_type(&r->doc, 0, "method", JSON_STRING) == JSON_NONE) {
		put_error(r, RPC_INVALID_REQUEST, "method must be a string");
		return BRIDGE_REFUSED;
	}
	method = json_get_string(&r->doc, 0, "method", r->arena);
	if (span_is(method, "tools/list")) {
		put_tools(r, c, mode);
		return BRIDGE_ANSWER;
	}
	if (params != JSON_NONE && span_is(method, "tools/call")) {
		return put_request(r, "tools/call", "name", params);
	}
	if (params != JSON_NONE && span_is(method, "resources/read")) {
		return put_request(r, "resources/read", "uri", params);
	}
	put_error(r, BRIDGE_ERROR,
	    "This bridge has tools/list, tools/call and resources/read; the "
	    "last two need params.");
	return BRIDGE_ANSWER;
}

enum bridge_kind
bridge_translate(struct span body, const struct contract *c,
    enum contract_mode mode, struct buf *out)
{
	struct reading r = {
	    .arena = arena_new(), .id = span_of("null"), .out = out};
	enum bridge_kind kind = BRIDGE_ANSWER;

	if (rpc_scan(&r.doc, body, r.arena) != 0) {
		put_error(&r, BRIDGE_ERROR, "The body is not acceptable JSON.");
	} else if (r.doc.nodes[0].type != JSON_OBJECT) {
		put_error(
		    &r, RPC_INVALID_REQUEST, "The body must be an object.");
		kind = BRIDGE_REFUSED;
	} else {
		kind = translate(&r, c, mode);
	}
	arena_free(&r.arena);
	return kind;
}

void
bridge_format(struct span answer, struct buf *out)
{
	struct arena *arena = arena_new();
	struct json_doc doc;
	struct json_out j;

	/* Our own text: it is JSON, unless it is too deep for the scanner. */
	if (rpc_scan(&doc, answer, arena) == 0) {
		json_begin(&j, out, 2);
		json_rewrite(&j, &doc, 0, arena);
	} else {
		buf_span(out, answer);
	}
	buf_putc(out, '\n');
	arena_free(&arena);
}
