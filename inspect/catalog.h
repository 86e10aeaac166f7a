/*
 * What a database says about its tables, as texts: one set of rows for each
 * kind of fact, the same columns for every engine.
 */
#ifndef CS_INSPECT_CATALOG_H
#define CS_INSPECT_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

struct arena;
struct err;

enum catalog_set {
	SET_INFO, /* server version, current user */
	SET_SCHEMAS,
	SET_TABLES,  /* then: kind, comment */
	SET_COLUMNS, /* then: enum column_cell */
	SET_KEYS,    /* then: enum key_cell */
	SET_FOREIGN, /* then: enum foreign_cell */
	SET_INDEXES, /* then: enum index_cell */
	CATALOG_SETS
};

/* Every set from SET_TABLES on begins with schema and table. */
enum table_cell {
	CELL_SCHEMA,
	CELL_TABLE,
	TABLE_KIND, /* "table" or "view" */
	TABLE_COMMENT,
	TABLE_CELLS
};
enum column_cell {
	COLUMN_NAME = 2,
	COLUMN_TYPE,
	COLUMN_DETAIL,    /* the server's own, longer word for the type */
	COLUMN_NULLABLE,  /* "1" or "0" */
	COLUMN_DEFAULT,   /* NULL: none */
	COLUMN_GENERATED, /* "1" or "0" */
	COLUMN_ORDINAL,
	COLUMN_COMMENT,
	COLUMN_CELLS
};
enum key_cell {
	KEY_NAME = 2,
	KEY_KIND, /* "p" or "u" */
	KEY_COLUMN,
	KEY_CELLS
};
enum foreign_cell {
	FOREIGN_NAME = 2,
	FOREIGN_COLUMN,
	FOREIGN_TO_SCHEMA,
	FOREIGN_TO_TABLE,
	FOREIGN_TO_COLUMN,
	FOREIGN_CELLS
};
enum index_cell {
	INDEX_NAME = 2,
	INDEX_UNIQUE, /* "1" or "0" */
	INDEX_COLUMN, /* NULL: an expression */
	INDEX_DEFINITION,
	INDEX_CELLS
};

/* Cells are valid UTF-8 without NUL, or NULL; they live in the arena. */
struct rows {
	const char **cells;
	size_t columns;
	size_t count;
};

struct catalog {
	const char *engine;
	struct rows set[CATALOG_SETS];
	const char *warning; /* NULL, or what could not be looked at */
};

struct request {
	const char *schema; /* only this one; "" for all */
	int64_t timeout_ms; /* of each statement */
};

/* More rows than this of one kind are not taken. */
#define CATALOG_MAX_ROWS 50000

/*
 * Read the catalog in a read-only session; nothing but the catalog is asked.
 * `url` is the secret's content. CS_E_CONFIG (DATABASE_URL_INVALID),
 * CS_E_UNAVAILABLE (DATABASE_UNAVAILABLE), CS_E_TOO_LARGE
 * (SCHEMA_TOO_LARGE).
 */
int pg_read(struct span url, const struct request *r, struct arena *a,
    struct catalog *out, struct err *e);
int my_read(struct span url, const struct request *r, struct arena *a,
    struct catalog *out, struct err *e);
int lite_read(struct span url, const struct request *r, struct arena *a,
    struct catalog *out, struct err *e);

/* A text of the database as a cell; what is not fit for JSON comes out
 * escaped, and then is no identifier any more. */
const char *catalog_cell(struct arena *a, struct span text);

/* Room for one more row of `columns` cells; NULL when there are too many. */
const char **catalog_add(struct rows *rows, size_t columns, struct arena *a);

int catalog_too_large(struct err *e);

#endif
