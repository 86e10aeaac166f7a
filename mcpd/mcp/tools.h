/*
 * The tools that are shown, built once from the contract. tools/list is one
 * prepared text: asking for it costs a copy.
 */
#ifndef CS_MCPD_MCP_TOOLS_H
#define CS_MCPD_MCP_TOOLS_H

#include "common/contract/contract.h"
#include "mcpd/mcp/alias.h"

struct tool_list;

/* Build from a valid contract, which must outlive the list. `mode` is the
 * one in force, which --read-only may have narrowed. */
struct tool_list *tools_new(
    const struct contract *c, enum contract_mode mode, enum name_style style);
void tools_free(struct tool_list **list);

/* The result of tools/list, compact JSON; borrowed from the list. */
struct span tools_json(const struct tool_list *list);

/*
 * The capability behind an exposed name; NULL if there is none. The name is the
 * model's, and nothing else of the call chooses the capability. In read_only
 * mode proposals are known though not listed, so that the answer can say why
 * they are refused.
 */
const struct contract_capability *tools_find(
    const struct tool_list *list, struct span name);

#endif
