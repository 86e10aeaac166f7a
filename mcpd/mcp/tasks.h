/*
 * Proposals as tasks, for clients of 2026-07-28 that declare the extension
 * (mcp.md §1.8): a task is a proposal, its id the proposal's. Nothing is kept
 * here; ledgerd knows.
 */
#ifndef CS_MCPD_MCP_TASKS_H
#define CS_MCPD_MCP_TASKS_H

#include "mcpd/mcp/session.h"

/* Is a proposal of this request answered as a task? Only where a person may
 * bring it to an end: not in shadow mode. */
bool tasks_apply(const struct request *r);

/* Answer a call that made or found this proposal with its task. */
void tasks_reply_created(
    struct request *r, const struct msg_proposed *proposed);

void on_tasks_get(struct request *r);
void on_tasks_update(struct request *r);
void on_tasks_cancel(struct request *r);

#endif
