/*
 * PostgreSQL, by pg_catalog: information_schema hides the keys of tables that
 * a role may only read.
 */
#include "inspect/catalog.h"

#include "common/base/err.h"
#include "common/db/pg_session.h"

#define OURS                                                     \
	" n.nspname NOT IN ('pg_catalog', 'information_schema')" \
	" AND n.nspname !~ '^pg_(toast|temp)'"                   \
	" AND has_schema_privilege(n.oid, 'USAGE')"              \
	" AND ($1::text = '' OR n.nspname::text = $1::text)"

/* The tables and views that this role may read something of. */
#define TABLES                                                        \
	"WITH t AS (SELECT c.oid, c.relkind, n.nspname::text AS s,"   \
	" c.relname::text AS t FROM pg_class c"                       \
	" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE"        \
	" c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition" \
	" AND (has_table_privilege(c.oid, 'SELECT')"                  \
	" OR has_any_column_privilege(c.oid, 'SELECT')) AND" OURS ") "

static const char *const queries[CATALOG_SETS] = {
    [SET_INFO] = "SELECT version(), current_user, $1::text",
    [SET_SCHEMAS] =
	"SELECT n.nspname FROM pg_namespace n WHERE n.nspname NOT IN"
	" ('pg_catalog', 'information_schema') AND n.nspname !~"
	" '^pg_(toast|temp)' AND $1::text IS NOT NULL ORDER BY 1",
    [SET_TABLES] =
	TABLES "SELECT s, t, CASE WHEN relkind IN ('r', 'p') THEN 'table'"
	       " ELSE 'view' END, obj_description(oid, 'pg_class')"
	       " FROM t ORDER BY s COLLATE \"C\", t COLLATE \"C\"",
    [SET_COLUMNS] =
	TABLES "SELECT s, t, a.attname, CASE WHEN y.typcategory = 'A' THEN"
	       " 'ARRAY' WHEN y.typtype = 'd' THEN"
	       " format_type(y.typbasetype, NULL)"
	       " WHEN y.typnamespace <> 'pg_catalog'::regnamespace THEN"
	       " 'USER-DEFINED' ELSE format_type(a.atttypid, NULL) END,"
	       " y.typname, CASE WHEN a.attnotnull THEN '0' ELSE '1' END,"
	       " CASE WHEN a.attgenerated = '' THEN"
	       " pg_get_expr(d.adbin, d.adrelid) END,"
	       " CASE WHEN a.attgenerated = '' THEN '0' ELSE '1' END,"
	       " a.attnum, col_description(t.oid, a.attnum)"
	       " FROM t JOIN pg_attribute a ON a.attrelid = t.oid"
	       " JOIN pg_type y ON y.oid = a.atttypid"
	       " LEFT JOIN pg_attrdef d ON d.adrelid = t.oid"
	       " AND d.adnum = a.attnum"
	       " WHERE a.attnum > 0 AND NOT a.attisdropped"
	       " AND has_column_privilege(t.oid, a.attnum, 'SELECT')"
	       " ORDER BY s COLLATE \"C\", t COLLATE \"C\", a.attnum",
    [SET_KEYS] =
	TABLES "SELECT s, t, k.conname, k.contype, a.attname"
	       " FROM t JOIN pg_constraint k ON k.conrelid = t.oid"
	       " CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY"
	       " AS o(n, i) JOIN pg_attribute a ON a.attrelid = t.oid"
	       " AND a.attnum = o.n WHERE k.contype IN ('p', 'u')"
	       " ORDER BY s COLLATE \"C\", t COLLATE \"C\", k.conname, o.i",
    [SET_FOREIGN] =
	TABLES "SELECT s, t, k.conname, a.attname, n.nspname, c.relname,"
	       " b.attname FROM t JOIN pg_constraint k"
	       " ON k.conrelid = t.oid AND k.contype = 'f'"
	       " CROSS JOIN LATERAL unnest(k.conkey, k.confkey)"
	       " WITH ORDINALITY AS o(n, m, i) JOIN pg_attribute a"
	       " ON a.attrelid = t.oid AND a.attnum = o.n"
	       " JOIN pg_class c ON c.oid = k.confrelid"
	       " JOIN pg_namespace n ON n.oid = c.relnamespace"
	       " JOIN pg_attribute b ON b.attrelid = c.oid"
	       " AND b.attnum = o.m"
	       " ORDER BY s COLLATE \"C\", t COLLATE \"C\", k.conname, o.i",
    /* An index over a part of the rows says nothing about all of them. */
    [SET_INDEXES] =
	TABLES "SELECT s, t, x.relname, CASE WHEN i.indisunique THEN '1'"
	       " ELSE '0' END, CASE WHEN i.indpred IS NULL THEN"
	       " a.attname END, pg_get_indexdef(i.indexrelid)"
	       " FROM t JOIN pg_index i ON i.indrelid = t.oid"
	       " AND i.indisvalid"
	       " JOIN pg_class x ON x.oid = i.indexrelid"
	       " CROSS JOIN generate_series(0, i.indnkeyatts - 1) k"
	       " LEFT JOIN pg_attribute a ON a.attrelid = t.oid"
	       " AND a.attnum = i.indkey[k] AND a.attnum > 0"
	       " ORDER BY s COLLATE \"C\", t COLLATE \"C\", x.relname, k",
};

static int
take(const PGresult *result, struct arena *a, struct rows *out, struct err *e)
{
	int columns = PQnfields(result);

	for (int row = 0; row < PQntuples(result); row++) {
		const char **cells = catalog_add(out, (size_t)columns, a);

		if (cells == NULL) {
			return catalog_too_large(e);
		}
		for (int i = 0; i < columns; i++) {
			cells[i] =
			    PQgetisnull(result, row, i)
				? NULL
				: catalog_cell(a,
				      (struct span){PQgetvalue(result, row, i),
					  (size_t)PQgetlength(result, row, i)});
		}
	}
	return 0;
}

static int
query(PGconn *conn, enum catalog_set set, const struct request *r,
    struct arena *a, struct catalog *out, struct err *e)
{
	const char *params[] = {r->schema};
	PGresult *result =
	    PQexecParams(conn, queries[set], 1, NULL, params, NULL, NULL, 0);
	int rc = 0;

	if (PQresultStatus(result) == PGRES_TUPLES_OK) {
		rc = take(result, a, &out->set[set], e);
	} else {
		rc = pg_connect_failure(conn, e);
	}
	PQclear(result);
	return rc;
}

int
pg_read(struct span url, const struct request *r, struct arena *a,
    struct catalog *out, struct err *e)
{
	struct pg_session session = {.read_only = true,
	    .statement_timeout_ms = r->timeout_ms,
	    .lock_timeout_ms = r->timeout_ms,
	    .application_name = "countersign-inspect"};
	PGconn *conn = NULL;
	int rc = pg_connect(url, &session, &conn, e);

	for (int set = 0; rc == 0 && set < CATALOG_SETS; set++) {
		rc = query(conn, (enum catalog_set)set, r, a, out, e);
	}
	pg_close(&conn);
	return rc;
}
