/*
 * Version negotiation. Answering with our latest version instead of an error
 * is what keeps newer clients working.
 */
#include "mcpd/mcp/era.h"

/* By enum mcp_version. */
static const char *const versions[] = {
    [MCP_2024_11_05] = "2024-11-05",
    [MCP_2025_03_26] = "2025-03-26",
    [MCP_2025_06_18] = "2025-06-18",
    [MCP_2025_11_25] = "2025-11-25",
};

#define VERSIONS ((int)(sizeof(versions) / sizeof(versions[0])))

bool
era_find_version(struct span name, enum mcp_version *out)
{
	for (int i = 0; i < VERSIONS; i++) {
		if (span_is(name, versions[i])) {
			*out = (enum mcp_version)i;
			return true;
		}
	}
	return false;
}

enum mcp_version
era_negotiate(struct span requested)
{
	enum mcp_version version = MCP_LATEST_LEGACY;

	(void)era_find_version(requested, &version);
	return version;
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

/* YYYY-MM-DD, so that later means greater. */
static bool
is_date(struct span text)
{
	static const char form[] = "0000-00-00";

	if (text.len != sizeof(form) - 1) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';

		if (form[i] == '-' ? text.ptr[i] != '-' : !digit) {
			return false;
		}
	}
	return true;
}

bool
era_header_is_modern(const struct http_headers *headers)
{
	return headers != NULL && is_date(headers->version) &&
	       memcmp(headers->version.ptr, versions[MCP_LATEST_LEGACY],
		   headers->version.len) > 0;
}

enum mcp_era
era_of(const struct json_doc *doc, uint32_t params,
    const struct http_headers *headers)
{
	uint32_t meta = JSON_NONE;

	if (params != JSON_NONE) {
		meta = json_get_type(doc, params, "_meta", JSON_OBJECT);
	}
	/* By the member's presence: any value there means that the sender
	 * counts on the rules of the envelope. */
	if (era_header_is_modern(headers) ||
	    (meta != JSON_NONE &&
		json_get(doc, meta, META_VERSION) != JSON_NONE)) {
		return ERA_MODERN;
	}
	return ERA_LEGACY;
}

void
era_put_unsupported(struct json_out *j, struct span requested)
{
	json_open(j, '{');
	json_field_raw(j, "supported", span_of("[\"" MCP_MODERN "\"]"));
	json_field_span(j, "requested", requested);
	json_close(j, '}');
}
