/*
 * synapsor://proposals/<id>, synapsor://evidence/<id>, synapsor://replay/<id>.
 */
#ifndef CS_MCPD_MCP_RESOURCE_URI_H
#define CS_MCPD_MCP_RESOURCE_URI_H

#include "proto/messages.h"

/*
 * Split a URI (untrusted). CS_E_INVALID unless it is one of ours with exactly
 * one plain id; *id_out is borrowed and not percent-decoded.
 */
int resource_uri_parse(
    struct span uri, enum resource_kind *kind_out, struct span *id_out);

/* Ids are ours and never need escapes: can this be one? */
bool resource_id_is_plain(struct span id);

#endif
