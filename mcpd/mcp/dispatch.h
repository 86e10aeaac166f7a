/*
 * The methods of MCP that this server has.
 */
#ifndef CS_MCPD_MCP_DISPATCH_H
#define CS_MCPD_MCP_DISPATCH_H

#include "mcpd/mcp/session.h"

/* How long a client may keep a list: they change with a restart only, and what
 * is gone by then is refused when it is called. */
#define LIST_TTL_MS 60000

/* Answer the request, at once or later. `method` is the client's word. The
 * request may be gone when this returns. */
void dispatch_request(struct request *r, struct span method);

/* tools/call (call.c) and resources/read (resources.c). */
void on_tools_call(struct request *r);
void on_resources_read(struct request *r);

/* The results of resources/list and resources/templates/list. */
void on_resources_list(struct request *r);
void on_resources_templates(struct request *r);

#endif
