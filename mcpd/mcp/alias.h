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
	STYLE_BOTH,
	STYLE_FLAT, /* ours: as openai, but never two "_" in a row */
	STYLES
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

/* The alias of one canonical name, before collisions are looked at: at most
 * 64 characters, in the arena. */
const char *alias_of(struct span canonical, struct arena *a);

/*
 * Every exposed name, in the order of `names`, collisions resolved: the later
 * one gets a digest of its canonical name, so that an alias never names two
 * tools. A restart with the same contract gives the same names.
 */
struct exposure_list alias_expose(const char *const *names, size_t count,
    enum name_style style, struct arena *a);

/* "canonical", "openai", "both" or "flat", as on the command line. */
const char *alias_style_name(enum name_style style);

#endif
