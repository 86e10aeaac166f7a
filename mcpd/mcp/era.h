/*
 * Which protocol a message speaks. The handshake revisions ("legacy") agree on
 * a version once per conversation; from 2026-07-28 on every request names its
 * own ("modern"). The decision is taken per message and never pinned, because
 * real clients probe with one and go on with the other on the same pipe.
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

enum mcp_era {
	ERA_LEGACY,
	ERA_UNSUPPORTED /* names a per-request version that we do not speak */
};

struct era {
	enum mcp_era era;
	struct span requested; /* the version named in _meta, if any */
};

/* The version to answer to `initialize`: the same if known, else our latest;
 * the client decides whether it can go on with that. */
enum mcp_version era_negotiate(struct span requested);

/* The date by which a revision goes. */
const char *era_version_name(enum mcp_version version);

/* Must a batch be served? Only 2025-03-26 has them. */
bool era_has_batches(enum mcp_version version);

/* Decide for one message by its params._meta. `params` may be JSON_NONE;
 * `requested` lives in the arena or the document. */
struct era era_of(const struct json_doc *doc, uint32_t params, struct arena *a);

/* The data of RPC_BAD_VERSION: {"supported":[…],"requested":…}. */
void era_put_unsupported(struct json_out *j, struct span requested);

#endif
