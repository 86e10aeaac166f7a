/*
 * SQLite, by its pragma functions. Table by table, because one broken view
 * fails the statement that looks at it.
 */
#include "inspect/catalog.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/lite.h"

#define BUSY_MS 2000

static const char *const queries[CATALOG_SETS] = {
    [SET_INFO] = "SELECT 'SQLite ' || sqlite_version(), '(file owner)'",
    [SET_SCHEMAS] = "SELECT 'main'",
    /* Virtual tables have no root page; their modules are left alone, and so
     * are the tables <name>_... in which they keep their data. */
    [SET_TABLES] =
	"SELECT 'main', name, type, NULL FROM sqlite_schema t WHERE"
	" (type = 'view' OR type = 'table' AND rootpage > 0)"
	" AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND NOT EXISTS"
	" (SELECT 1 FROM sqlite_schema v WHERE v.type = 'table'"
	" AND v.rootpage = 0 AND substr(t.name, 1, length(v.name) + 1)"
	" = v.name || '_') ORDER BY name",
    [SET_COLUMNS] =
	"SELECT 'main', ?1, name, coalesce(lower(type), ''), "
	"coalesce(lower(type), ''),"
	" CASE WHEN \"notnull\" THEN '0' ELSE '1' END, dflt_value,"
	" CASE WHEN hidden IN (2, 3) THEN '1' ELSE '0' END, cid + 1, NULL"
	" FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
    [SET_KEYS] =
	"SELECT 'main', ?1, 'primary', 'p', name FROM"
	" (SELECT * FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk)"
	" UNION ALL SELECT 'main', ?1, n, 'u', c FROM (SELECT l.name AS n,"
	" i.name AS c FROM pragma_index_list(?1) l,"
	" pragma_index_info(l.name) i WHERE l.\"unique\" AND NOT l.partial"
	" AND l.origin <> 'pk' AND NOT EXISTS (SELECT 1 FROM"
	" pragma_index_info(l.name) x WHERE x.name IS NULL)"
	" ORDER BY l.seq, i.seqno)",
    [SET_FOREIGN] = "SELECT 'main', ?1, 'fk_' || id, \"from\", 'main',"
		    " \"table\", coalesce(\"to\", '(key)')"
		    " FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    [SET_INDEXES] =
	"SELECT 'main', ?1, l.name, CASE WHEN l.\"unique\" THEN '1' ELSE"
	" '0' END, CASE WHEN NOT l.partial THEN i.name END, NULL"
	" FROM pragma_index_list(?1) l, pragma_index_info(l.name) i"
	" ORDER BY l.seq, i.seqno",
};

static const char *
cell(sqlite3_stmt *stmt, int column, struct arena *a)
{
	/* The text first: the length is that of what it was turned into. */
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	int len = sqlite3_column_bytes(stmt, column);

	return text == NULL ? NULL
			    : catalog_cell(a, (struct span){text, (size_t)len});
}

/* One statement, with the table's name where it wants one. */
static int
query(sqlite3 *db, enum catalog_set set, const char *table, struct arena *a,
    struct catalog *out, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;
	int r = sqlite3_prepare_v2(db, queries[set], -1, &stmt, NULL);

	if (r == SQLITE_OK && table != NULL) {
		r = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	}
	while (r == SQLITE_OK && rc == 0 &&
	       (r = sqlite3_step(stmt)) == SQLITE_ROW) {
		int columns = sqlite3_column_count(stmt);
		const char **cells =
		    catalog_add(&out->set[set], (size_t)columns, a);

		rc = cells == NULL ? catalog_too_large(e) : 0;
		for (int i = 0; cells != NULL && i < columns; i++) {
			cells[i] = cell(stmt, i, a);
		}
		r = SQLITE_OK;
	}
	if (rc == 0 && r != SQLITE_DONE) {
		rc = err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE", "%s",
		    sqlite3_errmsg(db));
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* A view that cannot be compiled is left out, and said. */
static int
query_table(sqlite3 *db, const char *table, struct arena *a,
    struct catalog *out, struct err *e)
{
	int rc = 0;

	for (int set = SET_COLUMNS; rc == 0 && set < CATALOG_SETS; set++) {
		rc = query(db, (enum catalog_set)set, table, a, out, e);
		if (set == SET_COLUMNS && rc == CS_E_UNAVAILABLE) {
			out->warning =
			    arena_printf(a, "%s has no columns here: %s", table,
				sqlite3_errmsg(db));
			return 0;
		}
	}
	return rc;
}

/* Work that a hostile file could make endless. */
static int
on_progress(void *context)
{
	int *left = context;

	return --*left < 0;
}

int
lite_read(struct span url, const struct request *r, struct arena *a,
    struct catalog *out, struct err *e)
{
	const char *path = NULL;
	sqlite3 *db = NULL;
	int left = 20000;
	int rc = lite_url_path(url, a, &path, e);

	if (rc == 0) {
		rc = lite_open(path, LITE_READ, BUSY_MS, &db, e);
	}
	if (rc == 0) {
		sqlite3_progress_handler(db, 1000, on_progress, &left);
	}
	for (int set = 0; rc == 0 && set <= SET_TABLES; set++) {
		rc = query(db, (enum catalog_set)set, NULL, a, out, e);
	}
	if (rc == 0 && r->schema[0] != '\0' && strcmp(r->schema, "main") != 0) {
		out->set[SET_TABLES].count = 0;
	}
	for (size_t i = 0; rc == 0 && i < out->set[SET_TABLES].count; i++) {
		rc = query_table(db,
		    out->set[SET_TABLES].cells[i * TABLE_CELLS + CELL_TABLE], a,
		    out, e);
	}
	lite_close(&db);
	return rc;
}
