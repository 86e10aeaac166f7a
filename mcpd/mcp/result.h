/*
 * What a finished tool call looks like on the wire, in formats 1 and 2
 * (engine.md §1.13). Only visible columns are shown to the model, whatever
 * else was read for the ledger.
 */
#ifndef CS_MCPD_MCP_RESULT_H
#define CS_MCPD_MCP_RESULT_H

#include "common/contract/contract.h"
#include "mcpd/mcp/errors.h"
#include "proto/messages.h"

/* Everything is borrowed for the time of the call. */
struct call_result {
	const struct contract_capability *cap;
	enum contract_mode mode;
	struct span tenant;
	struct span principal;
	const char *provenance;
	struct span object_id;
	struct scalar_list row; /* all read columns */
	struct span evidence_id;
	const struct msg_proposed *proposed; /* NULL for a read */
};

/* How one format writes the three ends that a call can have. Each writes one
 * JSON value; call.c writes it twice. */
struct result_format {
	/* Format 1 repeats an error as structuredContent, as 0.1.1 does. */
	bool structured_errors;
	void (*put_read)(struct json_out *j, const struct call_result *r);
	void (*put_proposal)(struct json_out *j, const struct call_result *r);
	/* `cap` is NULL when the tool is not known. */
	void (*put_error)(struct json_out *j,
	    const struct contract_capability *cap, const struct call_error *e);
};

extern const struct result_format result_v1;
extern const struct result_format result_v2;

/* Shared: the visible columns as one object, in the contract's order. A
 * column that is not in the row is left out. */
void result_put_data(struct json_out *j, const struct call_result *r);

/* Shared: {"column":{"before":…,"proposed":…},…} in patch order. The patch
 * is ledgerd's, not the model's: what is shown is what was proposed. */
void result_put_diff(struct json_out *j, const struct call_result *r);

/* Shared: the word for a proposal's state in results. Of a shadow proposal
 * it says at once that it will never be applied. */
const char *result_proposal_status(const struct call_result *r);

/* Shared: `key`: `prefix` followed by `id`. */
void result_put_resource(
    struct json_out *j, const char *key, const char *prefix, struct span id);

#endif
