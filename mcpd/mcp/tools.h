/*
 * The tools that are shown, built once from the contract. tools/list is one
 * prepared text: asking for it costs a copy.
 */
#ifndef CS_MCPD_MCP_TOOLS_H
#define CS_MCPD_MCP_TOOLS_H

#include "common/contract/contract.h"
#include "mcpd/auth/context.h"
#include "mcpd/mcp/alias.h"
#include "mcpd/mcp/era.h"

struct tool_list;

struct tools_options {
	enum contract_mode mode; /* in force: --read-only may have narrowed */
	enum name_style style;
	bool has_output; /* results have format 2: describe it */
};

/* Build from a valid contract, which must outlive the list. */
struct tool_list *tools_new(
    const struct contract *c, const struct tools_options *options);
void tools_free(struct tool_list **list);

/* Write the array of tools as an era has it, but for those that these callers
 * may not use; without `set`, all. */
void tools_put(struct json_out *j, const struct tool_list *list,
    enum mcp_era era, const struct context_set *set);

/* Write 0.1.1's list of alias mappings: {canonicalName, exposedName, isAlias,
 * style} of each tool that is shown. */
void tools_put_names(
    struct json_out *j, const struct tool_list *list, enum name_style style);

/*
 * The capability behind an exposed name; NULL if there is none. The name is the
 * model's, and nothing else of the call chooses the capability. In read_only
 * mode proposals are known though not listed, so that the answer can say why
 * they are refused.
 */
const struct contract_capability *tools_find(
    const struct tool_list *list, struct span name);

/* Is it the exposed name of the contract's status tool? */
bool tools_is_status(const struct tool_list *list, struct span name);

#endif
