/*
 * JSON-RPC 2.0 messages: what a line is, and how answers are written. Pure
 * functions over untrusted text. Ids are kept as raw bytes and echoed exactly:
 * a rounded id would answer another request.
 */
#ifndef CS_MCPD_MCP_JSONRPC_H
#define CS_MCPD_MCP_JSONRPC_H

#include "common/base/json_out.h"
#include "common/base/json_scan.h"

#define RPC_PARSE_ERROR      (-32700)
#define RPC_INVALID_REQUEST  (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS   (-32602)
#define RPC_INTERNAL         (-32603)
#define RPC_NOT_FOUND        (-32002) /* resources, up to 2025-11-25 */
/* From 2026-07-28 on. */
#define RPC_HEADER_MISMATCH    (-32020)
#define RPC_MISSING_CAPABILITY (-32021)
#define RPC_BAD_VERSION        (-32022)

/* Longest raw id that we keep. */
#define RPC_ID_MAX 256U

enum rpc_kind {
	RPC_REQUEST,
	RPC_NOTIFICATION,
	RPC_RESPONSE, /* we ask nothing, so these are ignored */
	RPC_INVALID
};

struct rpc_message {
	enum rpc_kind kind;
	struct span id;     /* raw token; empty when there is none to echo */
	struct span method; /* decoded; in the arena or the document */
	uint32_t params;    /* object node, or JSON_NONE */
	const char *error;  /* RPC_INVALID: what is wrong, static */
};

/*
 * Scan a whole text (untrusted; must stay as long as *doc). 0, or the JSON-RPC
 * code to answer: RPC_PARSE_ERROR, or RPC_INVALID_REQUEST for duplicate keys
 * and exceeded limits.
 */
int rpc_scan(struct json_doc *doc, struct span text, struct arena *a);

/* Classify one message (never a batch). `doc` was scanned by rpc_scan; a
 * kind of RPC_INVALID still carries the id when there is one to echo. */
struct rpc_message rpc_classify(
    const struct json_doc *doc, uint32_t node, struct arena *a);

/* Is the raw token a string or an integer of at most RPC_ID_MAX bytes? */
bool rpc_id_is_valid(const struct json_doc *doc, uint32_t node);

/* Cut valid UTF-8 to at most `max` bytes without splitting a character.
 * Borrows. */
struct span rpc_cut_text(struct span text, size_t max);

/* Write `{"jsonrpc":"2.0","id":…,"result":`; the caller writes the value. */
void rpc_begin_result(struct json_out *j, struct span id);

/* Close what rpc_begin_result opened. */
void rpc_end_result(struct json_out *j);

/*
 * A whole error reply; no id member when `id` is empty, no data when empty.
 * `message` is escaped, `id` and `data` go out as they are, so they must be
 * checked JSON.
 */
void rpc_put_error(struct json_out *j, struct span id, int code,
    const char *message, struct span data);

#endif
