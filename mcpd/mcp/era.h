/*
 * Which protocol a message speaks. The handshake revisions ("legacy") agree on
 * a version once per conversation; from 2026-07-28 on every request names its
 * own ("modern"). The decision is taken per message and never pinned, because
 * real clients probe with one and go on with the other on the same pipe
 * (mcp.md §1.6).
 */
#ifndef CS_MCPD_MCP_ERA_H
#define CS_MCPD_MCP_ERA_H

#include "common/base/json_out.h"
#include "common/base/json_scan.h"

enum mcp_version {
	MCP_2024_11_05,
	MCP_2025_03_26,
	MCP_2025_06_18,
	MCP_2025_11_25,
	MCP_LATEST_LEGACY = MCP_2025_11_25
};

/* Bits, so that a method can belong to both. */
enum mcp_era {
	ERA_LEGACY = 1,
	ERA_MODERN = 2
};

/* The one modern revision. */
#define MCP_MODERN "2026-07-28"

/* Members of params._meta that decide or describe a modern request. */
#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPS    "io.modelcontextprotocol/clientCapabilities"
#define META_LOG     "io.modelcontextprotocol/logLevel"

/*
 * What the HTTP headers of a message say of it, raw and untrusted; the body has
 * to agree. Without a pointer the header was not sent.
 */
struct http_headers {
	struct span version; /* MCP-Protocol-Version */
	struct span method;  /* Mcp-Method */
	struct span name;    /* Mcp-Name */
};

/* The version to answer to `initialize`: the same if known, else our latest;
 * the client decides whether it can go on with that. */
enum mcp_version era_negotiate(struct span requested);

/* Find a legacy revision by its date; false when there is none. */
bool era_find_version(struct span name, enum mcp_version *out);

/* The date by which a revision goes. */
const char *era_version_name(enum mcp_version version);

/* Must a batch be served? Only 2025-03-26 has them. */
bool era_has_batches(enum mcp_version version);

/* Does the header name a revision after the last handshake? `headers` may be
 * NULL, and the body decides alone. */
bool era_header_is_modern(const struct http_headers *headers);

/* Decide for one message. `params` may be JSON_NONE, `headers` NULL. */
enum mcp_era era_of(const struct json_doc *doc, uint32_t params,
    const struct http_headers *headers);

/* The data of RPC_BAD_VERSION: {"supported":[…],"requested":…}. */
void era_put_unsupported(struct json_out *j, struct span requested);

#endif
