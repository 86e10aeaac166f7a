/*
 * Version negotiation. Answering with our latest version instead of an error
 * is what keeps newer clients working.
 */
#include "mcpd/mcp/era.h"

#define VERSION_KEY "io.modelcontextprotocol/protocolVersion"

/* By enum mcp_version; a modern revision gets a table of its own. */
static const char *const versions[] = {
    [MCP_2024_11_05] = "2024-11-05",
    [MCP_2025_03_26] = "2025-03-26",
    [MCP_2025_06_18] = "2025-06-18",
    [MCP_2025_11_25] = "2025-11-25",
};

#define VERSIONS ((int)(sizeof(versions) / sizeof(versions[0])))

enum mcp_version
era_negotiate(struct span requested)
{
	for (int i = 0; i < VERSIONS; i++) {
		if (span_is(requested, versions[i])) {
			return (enum mcp_version)i;
		}
	}
	return MCP_LATEST_LEGACY;
}

const char *
era_version_name(enum mcp_version version)
{
	return versions[version];
}

bool
era_has_batches(enum mcp_version version)
{
	return version == MCP_2025_03_26;
}

struct era
era_of(const struct json_doc *doc, uint32_t params, struct arena *a)
{
	struct era era = {ERA_LEGACY, {"", 0}};
	uint32_t meta = JSON_NONE;

	if (params != JSON_NONE) {
		meta = json_get_type(doc, params, "_meta", JSON_OBJECT);
	}
	/* By the member's presence: any value there means that the sender
	 * counts on per-request rules that we do not have. */
	if (meta != JSON_NONE &&
	    json_get(doc, meta, VERSION_KEY) != JSON_NONE) {
		era.era = ERA_UNSUPPORTED;
		era.requested = json_get_string(doc, meta, VERSION_KEY, a);
	}
	return era;
}

void
era_put_unsupported(struct json_out *j, struct span requested)
{
	json_open(j, '{');
	json_key(j, "supported");
	json_open(j, '[');
	for (int i = VERSIONS; i > 0; i--) {
		json_put_text(j, versions[i - 1]);
	}
	json_close(j, ']');
	json_field_span(j, "requested", requested);
	json_close(j, '}');
}
