/*
 * The JSON-RPC bridge of 0.1.1 (engine.md §1.18): three methods without a
 * handshake. Its requests become ordinary ones, and the answers go back in its
 * shape. Pure functions but for the tool list, which is the contract's.
 */
#ifndef CS_MCPD_TRANSPORT_BRIDGE_H
#define CS_MCPD_TRANSPORT_BRIDGE_H

#include "common/base/json_out.h"
#include "common/contract/contract.h"

enum bridge_kind {
	BRIDGE_CALL,   /* *out is a request for a session */
	BRIDGE_ANSWER, /* *out is the answer, status 200 */
	BRIDGE_REFUSED /* the same, status 400 */
};

/*
 * Read a body (untrusted) and append a request or an answer to *out. The
 * request has the caller's id, or 0 where that cannot be one.
 */
enum bridge_kind bridge_translate(struct span body, const struct contract *c,
    enum contract_mode mode, struct buf *out);

/* Append an answer of a session in the bridge's form: indented, one newline. */
void bridge_format(struct span answer, struct buf *out);

#endif
