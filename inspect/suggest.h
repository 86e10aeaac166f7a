/*
 * Guesses from the names and types of columns (cli-config.md §3.3). They are
 * proposals to a person, never a decision.
 */
#ifndef CS_INSPECT_SUGGEST_H
#define CS_INSPECT_SUGGEST_H

#include <stdbool.h>

enum suggestion {
	SUGGEST_TENANT,
	SUGGEST_CONFLICT,
	SUGGEST_SENSITIVE,
	SUGGEST_IMMUTABLE,
	SUGGEST_BINARY,
	SUGGESTIONS
};

/* Why a column is taken for each of them; NULL: it is not. Static texts. */
struct suggested {
	const char *why[SUGGESTIONS];
};

/* Look at one column; name and types are the database's own words. */
void suggest_column(const char *name, const char *type, const char *detail,
    bool in_primary_key, struct suggested *out);

/* Its name in JSON. */
const char *suggest_name(enum suggestion s);

#endif
