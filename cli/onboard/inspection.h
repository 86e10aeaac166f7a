/*
 * The schema of a database, as countersign-inspect or a saved file tells it
 * (cli-config.md §3.4).
 */
#ifndef CS_CLI_ONBOARD_INSPECTION_H
#define CS_CLI_ONBOARD_INSPECTION_H

#include <stdbool.h>

#include "common/base/json_scan.h"

struct arena;
struct err;

/* A list of texts in an arena. */
struct names {
	const char **items;
	size_t count;
};

void names_add(struct names *n, const char *text, struct arena *a);
bool names_have(const struct names *n, const char *text);
/* "a, b", or `otherwise` when there are none; in the arena. */
const char *names_join(
    const struct names *n, const char *otherwise, struct arena *a);
/* Items between commas, blanks around them dropped. */
void names_split(struct names *n, struct span list, struct arena *a);

struct inspected_column {
	const char *name;
	const char *data_type;
	bool generated;
};

struct inspected_reason {
	const char *column, *suggestion, *reason;
};

struct inspected_table {
	const char *schema, *name;
	bool is_view;
	struct inspected_column *columns; /* none in a brief inspection */
	size_t column_count;
	struct names key;
	struct names single_unique; /* columns that are unique alone */
	struct names tenant, conflict, sensitive, visible;
	struct inspected_reason *reasons;
	size_t reason_count;
};

struct inspection {
	const char *engine, *server, *user;
	struct names schemas;
	struct inspected_table *tables;
	size_t table_count;
	struct names warnings;
};

/*
 * Read the document (untrusted; must stay). Everything lives in the arena.
 * CS_E_INVALID for what is no inspection; the reason and message of an
 * "error" member become those of *e, with CS_E_UNAVAILABLE.
 */
int inspection_read(
    struct span text, struct arena *a, struct inspection *out, struct err *e);

/* Table "name" or "schema.name"; the first one that fits, or NULL. `schema` may
 * be NULL. */
const struct inspected_table *inspection_find(
    const struct inspection *in, const char *schema, const char *table);

/* Does the table have it? Without columns (brief): is it suggested for
 * anything? */
bool inspected_has(const struct inspected_table *t, const char *column);
const struct inspected_column *inspected_column(
    const struct inspected_table *t, const char *column);

/* The single key column, else the first of id, <object>_id, <table>_id that is
 * there, else NULL. *is_guess says that nothing makes it unique. */
const char *inspected_key(
    const struct inspected_table *t, struct arena *a, bool *is_guess);

/* Why a column was suggested, or NULL. */
const char *inspected_reason(const struct inspected_table *t,
    const char *column, const char *suggestion);

/* Names for people and tools, from those of tables (cli-config.md §4.2). */
const char *name_object(const char *table, struct arena *a);   /* rule A */
const char *name_singular(const char *table, struct arena *a); /* rule B */
const char *name_namespace(const char *object, struct arena *a);

#endif
