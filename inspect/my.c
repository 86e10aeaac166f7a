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
#define OURS(column)                                     \
	column " NOT IN ('information_schema', 'mysql'," \
	       " 'performance_schema', 'sys')"           \
	       " AND (asked.s = '' OR " column " = asked.s)"
#define TEXT(column) "CONVERT(" column " USING utf8mb4)"

static const char
    *const
	queries
	    [CATALOG_SETS] =
		{
		    [SET_INFO] = "SELECT " TEXT("VERSION()") " AS a, " TEXT(
			"CURRENT_USER()") " AS b FROM " ASKED,
		    [SET_SCHEMAS] = "SELECT " TEXT(
			"x.SCHEMA_NAME") " AS a FROM"
					 " information_schema.SCHEMATA "
					 "x, " ASKED
					 " WHERE x.SCHEMA_NAME NOT IN "
					 "('information_schema', 'mysql',"
					 " 'performance_schema', 'sys') ORDER "
					 "BY 1",
		    [SET_TABLES] =
			"SELECT " TEXT("x.TABLE_SCHEMA") " AS a, " TEXT(
			    "x.TABLE_NAME") " AS b,"
					    " CASE WHEN x.TABLE_TYPE = 'VIEW' "
					    "THEN 'view' ELSE "
					    "'table' END"
					    " AS c, CASE WHEN x.TABLE_TYPE = "
					    "'VIEW' THEN NULL "
					    "ELSE"
					    " NULLIF(" TEXT(
						"x.TABLE_COMMENT") ", '') END "
								   "AS d"
								   " FROM "
								   "information"
								   "_schema."
								   "TABLES "
								   "x, " ASKED
								   " WHERE "
								   "x.TABLE_"
								   "TYPE IN "
								   "('BASE "
								   "TABLE', "
								   "'VIEW')"
								   " AND " OURS(
								       "x."
								       "TABLE_"
								       "SCHEMA") " ORDE"
										 "R BY "
										 "1, 2",
		    [SET_COLUMNS] = "SELECT " TEXT("x.TABLE_SCHEMA") " AS "
								     "a, " TEXT("x."
										"TABLE_"
										"NAME") " AS b, " TEXT("x.COLUMN_NAME") " AS c, " TEXT("x.DATA_TYPE") " AS d, " TEXT("x.COLUMN_TYPE") " AS e,"
																						      " CASE WHEN "
																						      "x.IS_NULLABLE = "
																						      "'YES' THEN '1' "
																						      "ELSE '0' END AS f,"
																						      " CASE WHEN "
																						      "VERSION() LIKE "
																						      "'%MariaDB%' THEN "
																						      "NULLIF(" TEXT(
																							  "x."
																							  "COLU"
																							  "MN_"
																							  "DEFA"
																							  "ULT") ", 'NULL') ELSE " TEXT("x.COLUMN_"
																											"DEFAULT") " END"
																												   " AS "
																												   "g,"
																												   " CAS"
																												   "E "
																												   "WHEN"
																												   " x."
																												   "EXTR"
																												   "A "
																												   "LIKE"
																												   " '%"
																												   "STOR"
																												   "ED%'"
																												   " OR "
																												   "x."
																												   "EXTR"
																												   "A "
																												   "LIKE"
																												   " '%"
																												   "VIRT"
																												   "UAL%"
																												   "'"
																												   " OR "
																												   "x."
																												   "EXTR"
																												   "A "
																												   "LIKE"
																												   " '%"
																												   "PERS"
																												   "ISTE"
																												   "NT%'"
																												   " THE"
																												   "N "
																												   "'1' "
																												   "ELSE"
																												   " '0'"
																												   " END"
																												   " AS "
																												   "h,"
																												   " x."
																												   "ORDI"
																												   "NAL_"
																												   "POSI"
																												   "TION"
																												   " AS "
																												   "i, "
																												   "NULL"
																												   "IF"
																												   "(" TEXT(
																												       "x.COLUMN_COMMENT") ", '') AS j"
																															   " FROM information_schema.COLUMNS x, " ASKED
																															   " WHERE FIND_IN_SET('select', x.PRIVILEGES) > 0 AND " OURS(
																															       "x.TABLE_SCHEMA") " ORDER BY 1, 2, x.ORDINAL_POSITION",
		    [SET_KEYS] =
			"SELECT " TEXT("x.TABLE_SCHEMA") " AS a, " TEXT("x."
									"TABLE_"
									"NAME") " AS b, " TEXT(
			    "x.INDEX_NAME") " AS c,"
					    " CASE WHEN "
					    "x.INDEX_NAME = "
					    "'PRIMARY' THEN "
					    "'p' ELSE 'u' "
					    "END AS "
					    "d, " TEXT(
						"x.COLUMN_"
						"NAME") " AS"
							" e"
							" FR"
							"OM "
							"inf"
							"orm"
							"ati"
							"on_"
							"sch"
							"ema"
							".ST"
							"ATI"
							"STI"
							"CS "
							"x,"
							" " ASKED " WH"
							"ERE"
							" x."
							"NON"
							"_UN"
							"IQU"
							"E "
							"= "
							"0 "
							"AND"
							" NO"
							"T "
							"EXI"
							"STS"
							" ("
							"SEL"
							"ECT"
							" 1 "
							"FRO"
							"M"
							" in"
							"for"
							"mat"
							"ion"
							"_sc"
							"hem"
							"a."
							"STA"
							"TIS"
							"TIC"
							"S "
							"y "
							"WHE"
							"RE "
							"y."
							"TAB"
							"LE_"
							"SCH"
							"EMA"
							" ="
							" x."
							"TAB"
							"LE_"
							"SCH"
							"EMA"
							" AN"
							"D "
							"y."
							"TAB"
							"LE_"
							"NAM"
							"E "
							"= "
							"x."
							"TAB"
							"LE_"
							"NAM"
							"E "
							"AND"
							" y."
							"IND"
							"EX_"
							"NAM"
							"E"
							" = "
							"x."
							"IND"
							"EX_"
							"NAM"
							"E "
							"AND"
							" ("
							"y."
							"SUB"
							"_PA"
							"RT "
							"IS "
							"NOT"
							" NU"
							"LL "
							"OR "
							"y."
							"COL"
							"UMN"
							"_NA"
							"ME "
							"IS"
							" NU"
							"LL)"
							") "
							"AND"
							" " OURS("x.TABLE_"
								 "SCHEMA") " OR"
									   "DER"
									   " BY"
									   " 1,"
									   " 2,"
									   " 3,"
									   " x."
									   "SEQ"
									   "_IN"
									   "_IN"
									   "DE"
									   "X",
		    [SET_FOREIGN] = "SELECT " TEXT(
			"x.TABLE_SCHEMA") " AS a, " TEXT("x."
							 "TABLE_"
							 "NAME") " AS b, " TEXT("x.CONSTRAINT_NAME") " AS c, " TEXT("x.COLUMN_NAME") " AS d, " TEXT("x.REFERENCED_TABLE_SCHEMA") " AS e, " TEXT("x.REFERENCED_TABLE_NAME") " AS f, " TEXT("x.REFERENCED_COLUMN_"
																													  "NAME") " AS g"
																														  " FROM "
																														  "information_"
																														  "schema.KEY_"
																														  "COLUMN_USAGE "
																														  "x, " ASKED
																														  " WHERE "
																														  "x.REFERENCED_"
																														  "TABLE_NAME IS "
																														  "NOT NULL "
																														  "AND " OURS(
																														      "x.TABLE_"
																														      "SCHEMA") " O"
																																"RD"
																																"ER"
																																" B"
																																"Y "
																																"1,"
																																" 2"
																																", "
																																"3,"
																																" x"
																																".O"
																																"RD"
																																"IN"
																																"AL"
																																"_P"
																																"OS"
																																"IT"
																																"IO"
																																"N",
		    [SET_INDEXES] =
			"SELECT " TEXT("x.TABLE_SCHEMA") " AS a, " TEXT(
			    "x."
			    "TABLE_"
			    "NAME") " AS b, " TEXT("x.INDEX_NAME") " AS c,"
								   " CASE WHEN "
								   "x.NON_"
								   "UNIQUE = 0 "
								   "THEN '1' "
								   "ELSE '0' "
								   "END "
								   "AS d,"
								   " CASE WHEN "
								   "x.SUB_PART "
								   "IS NULL "
								   "THEN " TEXT(
								       "x."
								       "COLUMN_"
								       "NAME") " END AS e, NULL AS f"
									       " FROM "
									       "information_schema."
									       "STATISTICS x, " ASKED
									       " WHERE " OURS(
										   "x.TABLE_SCHEMA") " ORDER "
												     "BY 1, "
												     "2, 3, "
												     "x.SEQ_"
												     "IN_"
												     "INDEX",
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
