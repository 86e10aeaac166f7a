/*
 * The table of methods. What is not in it does not exist, and a notification
 * never reaches it: a request method without an id has no effect.
 */
#include "mcpd/mcp/dispatch.h"

#include "common/base/arena.h"

/* May come at any time and again; only the version of later batches depends
 * on it. No listChanged: the tools never change while we run. */
static void
on_initialize(struct request *r)
{
	uint32_t asked = JSON_NONE;
	struct json_out *j = NULL;

	if (r->params != JSON_NONE) {
		asked = json_get_type(
		    &r->doc, r->params, "protocolVersion", JSON_STRING);
	}
	if (asked == JSON_NONE) {
		reply_error(r, RPC_INVALID_PARAMS,
		    "Invalid params: protocolVersion must be a string",
		    span_of(""));
		return;
	}
	/* The last one counts: clients probe with one version and stay with
	 * another. */
	r->session->version =
	    era_negotiate(json_string(&r->doc, asked, r->arena));
	r->session->initialized = true;
	j = reply_begin(r);
	json_open(j, '{');
	json_field_text(
	    j, "protocolVersion", era_version_name(r->session->version));
	json_field_raw(
	    j, "capabilities", span_of("{\"tools\":{},\"resources\":{}}"));
	json_key(j, "serverInfo");
	json_open(j, '{');
	json_field_text(j, "name", "countersign");
	json_field_text(j, "version", CS_VERSION);
	json_close(j, '}');
	json_close(j, '}');
	reply_end(r);
}

/* Clients check that this is exactly an empty object. */
static void
on_ping(struct request *r)
{
	json_put_raw(reply_begin(r), span_of("{}"));
	reply_end(r);
}

/* We never hand out a cursor, so only the empty one can be right. */
static bool
has_bad_cursor(const struct request *r)
{
	uint32_t cursor = JSON_NONE;

	if (r->params != JSON_NONE) {
		cursor = json_get(&r->doc, r->params, "cursor");
	}
	return cursor != JSON_NONE &&
	       !span_is(json_raw(&r->doc, cursor), "\"\"");
}

/* Must not wait for anything: clients give up early at start. */
static void
on_tools_list(struct request *r)
{
	if (has_bad_cursor(r)) {
		reply_error(r, RPC_INVALID_PARAMS,
		    "Invalid params: unknown cursor", span_of(""));
		return;
	}
	json_put_raw(reply_begin(r), tools_json(r->server->tools));
	reply_end(r);
}

static const struct {
	const char *name;
	void (*handle)(struct request *r);
} methods[] = {
    {"tools/call", on_tools_call},
    {"tools/list", on_tools_list},
    {"initialize", on_initialize},
    {"ping", on_ping},
    {"resources/read", on_resources_read},
    {"resources/list", on_resources_list},
    {"resources/templates/list", on_resources_templates},
};

/* The message names a per-request version: say which ones we have. */
static void
refuse_version(struct request *r, struct span requested)
{
	struct buf data = BUF_INIT;
	struct json_out j;

	json_begin(&j, &data, 0);
	era_put_unsupported(&j, requested);
	reply_error(r, RPC_BAD_VERSION, "Unsupported protocol version",
	    buf_as_span(&data));
	buf_clear(&data);
}

void
dispatch_request(struct request *r, struct span method)
{
	struct era era = era_of(&r->doc, r->params, r->arena);

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!span_is(method, methods[i].name)) {
			continue;
		}
		/* Only for methods that exist: an unknown one is told as
		 * such first. */
		if (era.era == ERA_UNSUPPORTED) {
			refuse_version(r, era.requested);
		} else {
			methods[i].handle(r);
		}
		return;
	}
	/* Clients that probe with server/discover fall back on this. */
	reply_error(r, RPC_METHOD_NOT_FOUND, "Method not found", span_of(""));
}
