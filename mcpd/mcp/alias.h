/*
 * Names under which tools are shown. Canonical names hold a dot, which several
 * clients refuse, so each has an alias of [A-Za-z0-9_-] (engine.md §1.4).
 */
#ifndef CS_MCPD_MCP_ALIAS_H
#define CS_MCPD_MCP_ALIAS_H

#include "common/base/span.h"

struct arena;

enum name_style {
	STYLE_CANONICAL,
	STYLE_OPENAI,
	STYLE_BOTH
};

struct exposure {
	size_t capability; /* index into the names given */
	const char *name;  /* in the arena */
	bool is_alias;
};

struct exposure_list {
	struct exposure *items; /* in the arena */
	size_t count;
};

/* The alias of one canonical name, before collisions are looked at. */
const char *alias_of(struct span canonical, struct arena *a);

/* Every exposed name, in the order of `names`, collisions resolved. */
struct exposure_list alias_expose(const char *const *names, size_t count,
    enum name_style style, struct arena *a);

const char *alias_style_name(enum name_style style);

#endif
