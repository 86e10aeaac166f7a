/*
 * MySQL and MariaDB. An account sees its own rows of information_schema, and
 * there is nothing in them that it may not know.
 */
#include "mcpd/read/probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct probe_fault role_faults[] = {
    {"READER_CAN_WRITE", "the reader's account has %w",
	"REVOKE %w FROM %r; it needs SELECT on the contract's tables and "
	"nothing else",
	true},
    {"READER_CAN_WRITE", "the reader's account may grant what it has: %w",
	"REVOKE GRANT OPTION ON *.* FROM %r; and ON each of: %w", true},
    {"READER_CAN_WRITE",
	"the reader's account may take on roles, whose rights it cannot show: "
	"%w",
	"REVOKE %w FROM %r; and GRANT SELECT to the account itself", true},
};

#define ME   "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
#define OURS "GRANTEE = " ME

#define ALLOWED                                                            \
	"('USAGE', 'SELECT', 'SHOW VIEW', 'SHOW DATABASES', 'REFERENCES'," \
	" 'EXECUTE', 'PROCESS')"

#define ALL_PRIVILEGES                                                        \
	"(SELECT GRANTEE, PRIVILEGE_TYPE AS p, '*.*' AS o, IS_GRANTABLE AS g" \
	" FROM information_schema.USER_PRIVILEGES"                            \
	" UNION ALL SELECT GRANTEE, PRIVILEGE_TYPE,"                          \
	" CONCAT(TABLE_SCHEMA, '.*'), IS_GRANTABLE"                           \
	" FROM information_schema.SCHEMA_PRIVILEGES"                          \
	" UNION ALL SELECT GRANTEE, PRIVILEGE_TYPE,"                          \
	" CONCAT(TABLE_SCHEMA, '.', TABLE_NAME), IS_GRANTABLE"                \
	" FROM information_schema.TABLE_PRIVILEGES"                           \
	" UNION ALL SELECT GRANTEE, CONCAT(PRIVILEGE_TYPE, ' (',"             \
	" COLUMN_NAME, ')'), CONCAT(TABLE_SCHEMA, '.', TABLE_NAME),"          \
	" IS_GRANTABLE FROM information_schema.COLUMN_PRIVILEGES"             \
	" WHERE PRIVILEGE_TYPE NOT IN " ALLOWED ") AS granted"

static const char role_query[] =
    "SELECT (SELECT LEFT(GROUP_CONCAT(CONCAT(p, ' ON ', o)"
    " ORDER BY o, p SEPARATOR ', '), 300) FROM " ALL_PRIVILEGES
    " WHERE p NOT IN " ALLOWED " AND " OURS "),"
    " (SELECT LEFT(GROUP_CONCAT(DISTINCT o ORDER BY o SEPARATOR ', '), 300)"
    " FROM " ALL_PRIVILEGES " WHERE g = 'YES' AND " OURS "),"
    " (SELECT GROUP_CONCAT(ROLE_NAME SEPARATOR ', ')"
    " FROM information_schema.APPLICABLE_ROLES), " ME;

static const struct probe_fault table_faults[] = {
    {"TABLE_MISSING",
	"there is no table %t, or the reader's account has no right to it",
	"correct target in the contract, or GRANT SELECT ON %t TO %r;", false},
    {"COLUMN_MISSING",
	"%t has no column %w, or the reader's account may not read it",
	"correct the contract, or GRANT SELECT (%w) ON %t TO %r;", false},
    {"KEY_NOT_UNIQUE",
	"no unique index of %t is over %w alone or with the tenant column",
	"ALTER TABLE %t ADD UNIQUE (%w); or name the real key in primary_key",
	false},
    {"COLUMN_TYPE_UNUSABLE",
	"key, tenant or version column has a type that cannot be compared: %w",
	"use a column of an integer, text, decimal, date or timestamp type",
	false},
};

/*
 * The parameters come once and in order; MySQL has none that are numbered. Of
 * views that call functions MariaDB shows no columns at all: their reads have
 * to tell.
 */
static const char table_query[] =
    "SELECT CASE WHEN t.TABLE_NAME IS NULL THEN 'missing' END,"
    " CASE WHEN t.TABLE_TYPE <> 'VIEW' OR EXISTS (SELECT 1"
    " FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = w0.s"
    " AND c.TABLE_NAME = w0.t) THEN"
    " (SELECT GROUP_CONCAT(w.c SEPARATOR ', ') FROM"
    " JSON_TABLE(w0.columns, '$[*]' COLUMNS (c varchar(64) PATH '$')) AS w"
    " WHERE NOT EXISTS (SELECT 1 FROM information_schema.COLUMNS c"
    " WHERE c.TABLE_SCHEMA = w0.s AND c.TABLE_NAME = w0.t"
    " AND c.COLUMN_NAME = CONVERT(w.c USING utf8) AND"
    " FIND_IN_SET('select', c.PRIVILEGES) > 0)) END,"
    " CASE WHEN t.TABLE_TYPE = 'BASE TABLE' AND NOT EXISTS (SELECT 1"
    " FROM information_schema.STATISTICS i WHERE i.TABLE_SCHEMA = w0.s"
    " AND i.TABLE_NAME = w0.t AND i.NON_UNIQUE = 0"
    " GROUP BY i.INDEX_NAME HAVING"
    " MIN(i.COLUMN_NAME IN (w0.k, w0.tenant)"
    " AND i.SUB_PART IS NULL) = 1 AND MAX(i.COLUMN_NAME = w0.k) = 1)"
    " THEN w0.k END,"
    " (SELECT GROUP_CONCAT(CONCAT(c.COLUMN_NAME, ' ', c.DATA_TYPE)"
    " SEPARATOR ', ') FROM information_schema.COLUMNS c"
    " WHERE c.TABLE_SCHEMA = w0.s AND c.TABLE_NAME = w0.t"
    " AND c.COLUMN_NAME IN (w0.k, w0.tenant, w0.version)"
    " AND c.DATA_TYPE IN ('json', 'tinyblob', 'blob', 'mediumblob',"
    " 'longblob', 'binary', 'varbinary', 'bit', 'float', 'double',"
    " 'geometry', 'point')),"
    " " ME
    " FROM (SELECT CONVERT(? USING utf8) AS s, CONVERT(? USING utf8) AS t,"
    " CONVERT(? USING utf8mb4) AS columns, CONVERT(? USING utf8) AS k,"
    " CONVERT(? USING utf8) AS tenant, CONVERT(? USING utf8) AS version)"
    " AS w0 LEFT JOIN information_schema.TABLES t"
    " ON t.TABLE_SCHEMA = w0.s AND t.TABLE_NAME = w0.t";

static const struct probe_query queries[] = {
    {"role", PROBE_SOURCE, role_query, role_faults, COUNT(role_faults)},
    {"table", PROBE_CAPABILITY, table_query, table_faults, COUNT(table_faults)},
};

const struct probe_list probe_my = {queries, COUNT(queries)};
