/*
 * Recipes: selections for common tables, as data (schemas/recipes, embedded).
 */
#ifndef CS_CLI_ONBOARD_RECIPES_H
#define CS_CLI_ONBOARD_RECIPES_H

#include "cli/onboard/selection.h"

struct recipe {
	const char *id, *title, *summary;
	struct names columns; /* of the table, in the order to ask for them */
	struct span spec;     /* its selection, JSON */
	struct json_doc doc;
};

/* The texts of all recipes, sorted by id; ends with NULL. */
extern const char *const recipe_texts[];

/*
 * A recipe by its id, or from a file when the word is a path. Lives in the
 * arena. CS_E_NOT_FOUND (RECIPE_UNKNOWN), CS_E_INVALID (RECIPE_INVALID).
 */
int recipe_find(
    const char *word, struct arena *a, struct recipe *out, struct err *e);

/* The same of a text that is known to be one; for walking recipe_texts. */
int recipe_read(
    struct span text, struct arena *a, struct recipe *out, struct err *e);

#endif
