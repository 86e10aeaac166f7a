#include "cli/audit/messages.h"

#include <stdio.h>

#include "common/base/json_out.h"

#define CLIENT_NAME "synapsor-mcp-audit"

static void
begin(struct json_out *j, struct buf *out, const char *method, int id)
{
	json_begin(j, out, 0);
	json_open(j, '{');
	json_field_text(j, "jsonrpc", "2.0");
	if (id > 0) {
		json_field_int(j, "id", id);
	}
	json_field_text(j, "method", method);
}

static void
put_client(struct json_out *j, const char *key)
{
	json_key(j, key);
	json_open(j, '{');
	json_field_text(j, "name", CLIENT_NAME);
	json_field_text(j, "version", CS_VERSION);
	json_close(j, '}');
}

static void
put_empty(struct json_out *j, const char *key)
{
	json_key(j, key);
	json_open(j, '{');
	json_close(j, '}');
}

void
message_initialize(struct buf *out, int id)
{
	struct json_out j;

	begin(&j, out, "initialize", id);
	json_key(&j, "params");
	json_open(&j, '{');
	json_field_text(&j, "protocolVersion", HANDSHAKE_VERSION);
	put_empty(&j, "capabilities");
	put_client(&j, "clientInfo");
	json_close(&j, '}');
	json_close(&j, '}');
}

void
message_initialized(struct buf *out)
{
	struct json_out j;

	begin(&j, out, "notifications/initialized", 0);
	json_close(&j, '}');
}

void
message_list(struct buf *out, int id, enum era era, struct span cursor)
{
	struct json_out j;

	begin(&j, out, "tools/list", id);
	json_key(&j, "params");
	json_open(&j, '{');
	if (cursor.len > 0) {
		json_field_span(&j, "cursor", cursor);
	}
	if (era == ERA_ENVELOPE) {
		json_key(&j, "_meta");
		json_open(&j, '{');
		json_field_text(&j, "io.modelcontextprotocol/protocolVersion",
		    ENVELOPE_VERSION);
		put_client(&j, "io.modelcontextprotocol/clientInfo");
		put_empty(&j, "io.modelcontextprotocol/clientCapabilities");
		json_close(&j, '}');
	}
	json_close(&j, '}');
	json_close(&j, '}');
}

bool
message_is_answer(struct json_doc *doc, uint32_t *result, struct span text,
    int id, struct arena *a)
{
	char number[16];
	uint32_t node;

	(void)snprintf(number, sizeof(number), "%d", id);
	if (json_scan(doc, text, a, NULL) != 0 ||
	    doc->nodes[0].type != JSON_OBJECT) {
		return false;
	}
	node = json_get_type(doc, 0, "id", JSON_NUMBER);
	if (node == JSON_NONE || !span_is(json_raw(doc, node), number)) {
		return false;
	}
	*result = json_get_type(doc, 0, "result", JSON_OBJECT);
	return true;
}

struct span
message_next(const struct json_doc *doc, uint32_t result, struct arena *a)
{
	return json_get_string(doc, result, "nextCursor", a);
}
