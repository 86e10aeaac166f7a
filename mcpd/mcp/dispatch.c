/*
 * The table of methods. What is not in it does not exist, and a notification
 * never reaches it: a request method without an id has no effect.
 */
#include "mcpd/mcp/dispatch.h"

#include "common/base/arena.h"
#include "mcpd/mcp/tasks.h"

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
	json_field_text(
	    j, "protocolVersion", era_version_name(r->session->version));
	json_field_raw(
	    j, "capabilities", span_of("{\"tools\":{},\"resources\":{}}"));
	json_key(j, "serverInfo");
	server_put_info(j);
	reply_end(r);
}

/* The modern handshake: asked at any time, changes nothing. Without a
 * listChanged there is nothing to subscribe to. */
static void
on_discover(struct request *r)
{
	struct json_out *j = reply_begin(r);

	json_field_raw(j, "supportedVersions", span_of("[\"" MCP_MODERN "\"]"));
	json_field_raw(j, "capabilities",
	    span_of(r->server->mode == MODE_REVIEW
			? "{\"tools\":{},\"resources\":{},\"extensions\":"
			  "{\"" EXTENSION_TASKS "\":{}}}"
			: "{\"tools\":{},\"resources\":{}}"));
	reply_put_cache(r, LIST_TTL_MS);
	reply_end(r);
}

/* Clients check that this is exactly an empty object. */
static void
on_ping(struct request *r)
{
	(void)reply_begin(r);
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
	struct json_out *j = NULL;

	if (has_bad_cursor(r)) {
		reply_error(r, RPC_INVALID_PARAMS,
		    "Invalid params: unknown cursor", span_of(""));
		return;
	}
	j = reply_begin(r);
	json_key(j, "tools");
	tools_put(j, r->server->tools, r->era, r->session->contexts);
	reply_put_cache(r, LIST_TTL_MS);
	reply_end(r);
}

#define BOTH (ERA_LEGACY | ERA_MODERN)

static const struct {
	const char *name;
	unsigned eras;
	void (*handle)(struct request *r);
} methods[] = {
    {"tools/call", BOTH, on_tools_call},
    {"tools/list", BOTH, on_tools_list},
    {"server/discover", ERA_MODERN, on_discover},
    {"initialize", ERA_LEGACY, on_initialize},
    {"ping", ERA_LEGACY, on_ping},
    {"resources/read", BOTH, on_resources_read},
    {"tasks/get", ERA_MODERN, on_tasks_get},
    {"tasks/update", ERA_MODERN, on_tasks_update},
    {"tasks/cancel", ERA_MODERN, on_tasks_cancel},
    {"resources/list", BOTH, on_resources_list},
    {"resources/templates/list", BOTH, on_resources_templates},
};

void
dispatch_request(struct request *r, struct span method)
{
	struct rpc_failure failure = {0};

	if (r->era == ERA_MODERN) {
		failure = envelope_check(&r->doc, r->params, method,
		    r->session->headers, r->arena, &r->envelope);
	}
	if (failure.code != 0) {
		reply_failure(r, &failure);
		return;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if ((methods[i].eras & r->era) != 0 &&
		    span_is(method, methods[i].name)) {
			methods[i].handle(r);
			return;
		}
	}
	/* Clients that probe with server/discover fall back on this. */
	reply_error(r, RPC_METHOD_NOT_FOUND, "Method not found", span_of(""));
}
