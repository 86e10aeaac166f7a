/*
 * MySQL and MariaDB, by information_schema. Every label is given, for MySQL 8
 * returns them in upper case. Keys come from the indexes: of its constraints
 * MariaDB shows nothing to an account that may only read.
 */
#include "inspect/catalog.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/my_session.h"
#include "common/db/my_value.h"

#define ASKED "(SELECT CONVERT(? USING utf8) AS s) AS asked"
#define SERVERS_OWN \
	"('information_schema', 'mysql', 'performance_schema', 'sys')"
/* Behind the table x: what was asked for, and is not the server's. */
#define WANTED                                                 \
	", " ASKED " WHERE x.TABLE_SCHEMA NOT IN " SERVERS_OWN \
	" AND (asked.s = '' OR x.TABLE_SCHEMA = asked.s)"
#define TABLE "SELECT x.TABLE_SCHEMA AS a, x.TABLE_NAME AS b,"

static const char info_query[] =
    "SELECT VERSION() AS a, CURRENT_USER() AS b FROM " ASKED;

static const char schemas_query[] =
    "SELECT x.SCHEMA_NAME AS a FROM information_schema.SCHEMATA x, " ASKED
    " WHERE x.SCHEMA_NAME NOT IN " SERVERS_OWN " ORDER BY 1";

static const char tables_query[] =
    TABLE " CASE WHEN x.TABLE_TYPE = 'VIEW' THEN 'view' ELSE 'table' END AS c,"
	  " CASE WHEN x.TABLE_TYPE = 'VIEW' THEN NULL ELSE"
	  " NULLIF(x.TABLE_COMMENT, '') END AS d"
	  " FROM information_schema.TABLES x" WANTED
	  " AND x.TABLE_TYPE IN ('BASE TABLE', 'VIEW') ORDER BY 1, 2";

/* MariaDB writes the word NULL for no default, and quotes the text. */
static const char columns_query[] =
    TABLE " x.COLUMN_NAME AS c, CONVERT(x.DATA_TYPE USING utf8mb4) AS d,"
	  " CONVERT(x.COLUMN_TYPE USING utf8mb4) AS e,"
	  " CASE WHEN x.IS_NULLABLE = 'YES' THEN '1' ELSE '0' END AS f,"
	  " CASE WHEN VERSION() LIKE '%MariaDB%' THEN"
	  " NULLIF(CONVERT(x.COLUMN_DEFAULT USING utf8mb4), 'NULL') ELSE"
	  " CONVERT(x.COLUMN_DEFAULT USING utf8mb4) END AS g,"
	  " CASE WHEN x.EXTRA LIKE '%STORED%' OR x.EXTRA LIKE '%VIRTUAL%'"
	  " OR x.EXTRA LIKE '%PERSISTENT%' THEN '1' ELSE '0' END AS h,"
	  " x.ORDINAL_POSITION AS i,"
	  " NULLIF(CONVERT(x.COLUMN_COMMENT USING utf8mb4), '') AS j"
	  " FROM information_schema.COLUMNS x" WANTED
	  " AND FIND_IN_SET('select', x.PRIVILEGES) > 0"
	  " ORDER BY 1, 2, x.ORDINAL_POSITION";

/* An index over the beginning of a text, or over an expression, is no key. */
static const char keys_query[] =
    TABLE " x.INDEX_NAME AS c, CASE WHEN x.INDEX_NAME = 'PRIMARY' THEN 'p'"
	  " ELSE 'u' END AS d, x.COLUMN_NAME AS e"
	  " FROM information_schema.STATISTICS x" WANTED
	  " AND x.NON_UNIQUE = 0 AND NOT EXISTS (SELECT 1"
	  " FROM information_schema.STATISTICS y"
	  " WHERE y.TABLE_SCHEMA = x.TABLE_SCHEMA"
	  " AND y.TABLE_NAME = x.TABLE_NAME AND y.INDEX_NAME = x.INDEX_NAME"
	  " AND (y.SUB_PART IS NOT NULL OR y.COLUMN_NAME IS NULL))"
	  " ORDER BY 1, 2, 3, x.SEQ_IN_INDEX";

static const char foreign_query[] =
    TABLE " x.CONSTRAINT_NAME AS c, x.COLUMN_NAME AS d,"
	  " x.REFERENCED_TABLE_SCHEMA AS e, x.REFERENCED_TABLE_NAME AS f,"
	  " x.REFERENCED_COLUMN_NAME AS g"
	  " FROM information_schema.KEY_COLUMN_USAGE x" WANTED
	  " AND x.REFERENCED_TABLE_NAME IS NOT NULL"
	  " ORDER BY 1, 2, 3, x.ORDINAL_POSITION";

static const char indexes_query[] =
    TABLE " x.INDEX_NAME AS c,"
	  " CASE WHEN x.NON_UNIQUE = 0 THEN '1' ELSE '0' END AS d,"
	  " CASE WHEN x.SUB_PART IS NULL THEN x.COLUMN_NAME END AS e,"
	  " NULL AS f FROM information_schema.STATISTICS x" WANTED
	  " ORDER BY 1, 2, 3, x.SEQ_IN_INDEX";

static const char *const queries[CATALOG_SETS] = {
    [SET_INFO] = info_query,
    [SET_SCHEMAS] = schemas_query,
    [SET_TABLES] = tables_query,
    [SET_COLUMNS] = columns_query,
    [SET_KEYS] = keys_query,
    [SET_FOREIGN] = foreign_query,
    [SET_INDEXES] = indexes_query,
};

static int
take(MYSQL_STMT *stmt, struct arena *a, struct rows *out, struct err *e)
{
	struct my_rows rows;
	int rc = my_rows_take(stmt, CATALOG_MAX_ROWS, a, &rows, e);

	if (rc == 0 && rows.total > rows.rows) {
		rc = catalog_too_large(e);
	}
	for (size_t row = 0; rc == 0 && row < rows.rows; row++) {
		const char **cells = catalog_add(out, rows.columns, a);

		for (size_t i = 0; i < rows.columns; i++) {
			const struct scalar *value =
			    &rows.values[row * rows.columns + i];
			cells[i] = value->kind == SCALAR_NULL
				       ? NULL
				       : catalog_cell(a, value->text);
		}
	}
	return rc;
}

static int
query(MYSQL *my, const char *sql, const struct request *r, struct arena *a,
    struct rows *out, struct err *e)
{
	struct scalar schema = {SCALAR_TEXT, span_of(r->schema)};
	MYSQL_STMT *stmt = mysql_stmt_init(my);
	int rc = 0;

	if (stmt == NULL) {
		return err_set(e, CS_E_NOMEM, NULL, "no memory");
	}
	if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0 ||
	    mysql_stmt_bind_param(stmt, my_params_bind(&schema, NULL, 1, a)) !=
		0 ||
	    mysql_stmt_execute(stmt) != 0 ||
	    mysql_stmt_store_result(stmt) != 0) {
		rc = err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE", "%s",
		    mysql_stmt_error(stmt));
	} else {
		rc = take(stmt, a, out, e);
	}
	(void)mysql_stmt_close(stmt);
	return rc;
}

int
my_read(struct span url, const struct request *r, struct arena *a,
    struct catalog *out, struct err *e)
{
	struct my_session session = {
	    .read_only = true, .statement_timeout_ms = r->timeout_ms};
	MYSQL *my = NULL;
	int rc = my_connect(url, &session, &my, e);

	for (int set = 0; rc == 0 && set < CATALOG_SETS; set++) {
		rc = query(my, queries[set], r, a, &out->set[set], e);
	}
	my_close(&my);
	return rc;
}
