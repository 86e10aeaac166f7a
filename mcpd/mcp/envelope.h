/*
 * What a request of 2026-07-28 carries besides its parameters: params._meta,
 * and over HTTP the headers that repeat parts of the body (mcp.md §1.4, §1.6).
 * Pure functions over untrusted text.
 */
#ifndef CS_MCPD_MCP_ENVELOPE_H
#define CS_MCPD_MCP_ENVELOPE_H

#include "mcpd/mcp/era.h"

struct arena;

/* The extension by which a proposal is a task, as clients declare it. */
#define EXTENSION_TASKS "io.modelcontextprotocol/tasks"

struct envelope {
	bool declares_tasks; /* the client knows the tasks extension */
};

/* Why a request cannot be served. */
struct rpc_failure {
	int code; /* 0: it can */
	const char *message;
	struct span data; /* raw JSON, or empty */
};

/*
 * Check the envelope of one modern request. `params` may be JSON_NONE;
 * `headers` is NULL where there are none; `method` is decoded. A header must
 * say exactly what the body says: whoever routes by the one must not be made to
 * believe something else than who acts on the other.
 */
struct rpc_failure envelope_check(const struct json_doc *doc, uint32_t params,
    struct span method, const struct http_headers *headers, struct arena *a,
    struct envelope *out);

/*
 * The text of an Mcp-Name header: blanks around it are left out, and
 * `=?base64?…?=` is decoded. false when that is no base64 or no UTF-8.
 */
bool envelope_header_text(
    struct span header, struct arena *a, struct span *out);

#endif
