/*
 * Every refusal and failure that a tool call can end in, in one table: what it
 * is called in results of format 1 and 2, whether trying again can help, and
 * the sentence that is shown. Text of drivers, hosts and paths never is.
 */
#ifndef CS_MCPD_MCP_ERRORS_H
#define CS_MCPD_MCP_ERRORS_H

#include <stdint.h>

#include "common/base/span.h"

struct call_error {
	const char *code;    /* format 1 */
	const char *code_v2; /* format 2 */
	bool retryable;
	int64_t retry_after_ms; /* 0: trying again does not help */
	struct span message;    /* safe to show */
};

/*
 * The error for a reason word (ours, the rules' or ledgerd's). `message` is
 * used when the table says that this reason's own text is safe to show, and is
 * replaced by a fixed sentence otherwise. Borrows `reason` and `message`.
 */
struct call_error error_for(const char *reason, struct span message);

/* When ledgerd could not record: nothing may be answered but this, for what
 * is not in the record did not happen. */
struct call_error error_ledger_unavailable(void);

#endif
