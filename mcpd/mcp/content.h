/*
 * The members of a CallToolResult: one value, twice.
 */
#ifndef CS_MCPD_MCP_CONTENT_H
#define CS_MCPD_MCP_CONTENT_H

#include "mcpd/server.h"

/* Writes one JSON value; called once for each form. */
typedef void (*content_put_fn)(struct json_out *j, const void *value);

struct content {
	bool failed;
	bool structured; /* also as structuredContent */
	content_put_fn put;
	const void *value;
};

/* Write isError, content and structuredContent into the open object: the value
 * as indented text for models, as JSON for programs. Uses s->text. */
void content_write(
    struct server *s, struct json_out *j, const struct content *c);

#endif
