#include "writerd/posture_rules.h"

#include <stddef.h>

#include "common/contract/receipt_table.h"

#define RECEIPTS     "'" RECEIPT_TABLE "'"
#define GRANTS_AGAIN " then 'countersign writeback grants'"

/* Tables of people, with their quoted names. */
#define PG_TABLES                                                       \
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON" \
	" n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"         \
	" AND n.nspname NOT IN ('pg_catalog', 'information_schema')"    \
	" AND n.nspname !~ '^pg_toast'"
#define PG_TABLE_NAMES                                \
	"string_agg(quote_ident(n.nspname) || '.' ||" \
	" quote_ident(c.relname), ', ')"
#define PG_THIS " AND n.nspname = $1::text AND c.relname = $2::text"

static const struct posture_rule postgres[] = {
    {"ROLE_IS_SUPERUSER", true, "", "the role is a superuser",
	"ALTER ROLE %r NOSUPERUSER;",
	"SELECT 'SUPERUSER' FROM pg_catalog.pg_roles"
	" WHERE rolname = current_user AND rolsuper"},
    {"ROLE_BYPASSES_RLS", true, "", "no row security holds for the role",
	"ALTER ROLE %r NOBYPASSRLS;",
	"SELECT 'BYPASSRLS' FROM pg_catalog.pg_roles"
	" WHERE rolname = current_user AND rolbypassrls"},
    {"ROLE_CAN_ESCALATE", true, "", "the role has %w",
	"ALTER ROLE %r NOCREATEROLE NOREPLICATION;",
	"SELECT concat_ws(' ', CASE WHEN rolcreaterole THEN 'CREATEROLE' END,"
	" CASE WHEN rolreplication THEN 'REPLICATION' END)"
	" FROM pg_catalog.pg_roles WHERE rolname = current_user"
	" AND (rolcreaterole OR rolreplication)"},
    {"ROLE_CAN_BECOME_MORE", true, "", "the role is a member of %w",
	"REVOKE %w FROM %r;",
	"SELECT string_agg(quote_ident(o.rolname), ', ')"
	" FROM pg_catalog.pg_roles o, pg_catalog.pg_roles r"
	" WHERE r.rolname = current_user AND NOT r.rolsuper"
	" AND o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')"
	" AND (o.rolsuper OR o.rolbypassrls OR o.rolcreaterole"
	" OR o.rolreplication OR o.rolname IN ('pg_write_all_data',"
	" 'pg_write_server_files', 'pg_execute_server_program',"
	" 'pg_read_server_files', 'pg_database_owner'))"},
    {"ROLE_OWNS_TABLE", false, "", "the role may act as the owner of %w",
	"ALTER TABLE %w OWNER TO <another role>;",
	"SELECT " PG_TABLE_NAMES PG_TABLES
	" AND pg_has_role(c.relowner, 'USAGE')"},
    {"OTHER_TABLE_PRIVILEGE", false, "l",
	"the role has privileges on %w, which this contract does not write",
	"REVOKE ALL ON %w FROM %r;",
	"SELECT " PG_TABLE_NAMES PG_TABLES " AND c.relname <> " RECEIPTS
	" AND NOT pg_has_role(c.relowner, 'USAGE')"
	" AND (has_table_privilege(c.oid, 'DELETE, TRUNCATE, TRIGGER')"
	" OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE,"
	" REFERENCES')) AND n.nspname || '.' || c.relname"
	" <> ALL (string_to_array($1::text, ','))"},
    {"SCHEMA_CREATE_NOT_NEEDED", false, "l",
	"the receipt table is there, and the role may still create others in"
	" %w",
	"REVOKE CREATE ON SCHEMA %w FROM %r;",
	"SELECT string_agg(quote_ident(n.nspname), ', ')"
	" FROM pg_catalog.pg_namespace n WHERE EXISTS (SELECT FROM"
	" pg_catalog.pg_class r WHERE r.relname = " RECEIPTS
	" AND r.relkind IN ('r', 'p')) AND $1::text IS NOT NULL"
	" AND n.nspname !~ '^pg_' AND has_schema_privilege(n.oid, 'CREATE')"},
    {"TABLE_PRIVILEGE_NOT_REVIEWED", false, "st",
	"the role has %w on the table", "REVOKE %w ON %t FROM %r;",
	"SELECT (SELECT string_agg(p, ', ') FROM"
	" unnest('{INSERT,DELETE,TRUNCATE,TRIGGER}'::text[]) p"
	" WHERE has_table_privilege(c.oid, p))" PG_TABLES PG_THIS
	" AND NOT pg_has_role(c.relowner, 'USAGE')"},
    {"COLUMN_PRIVILEGE_NOT_REVIEWED", false, "stc", "the role may change %w",
	"REVOKE UPDATE ON %t FROM %r;" GRANTS_AGAIN,
	"SELECT string_agg(quote_ident(a.attname), ', ')"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
	" ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a"
	" ON a.attrelid = c.oid WHERE a.attnum > 0 AND NOT a.attisdropped"
	" AND NOT pg_has_role(c.relowner, 'USAGE')"
	" AND has_column_privilege(c.oid, a.attnum, 'UPDATE')" PG_THIS
	" AND a.attname::text <> ALL (string_to_array($3::text, ','))"},
    {NULL, false, NULL, NULL, NULL, NULL}};

const struct posture_engine posture_postgres = {
    "SELECT quote_ident(current_user)", postgres};

/* The account as the catalog spells it. */
#define MY_ME "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"
#define MY_LIST(what)                                           \
	"SELECT GROUP_CONCAT(DISTINCT " what " SEPARATOR ', ')" \
	" FROM information_schema."
#define MY_MINE " WHERE GRANTEE = " MY_ME
/* Reading and looking around: not reviewed, but no way to write. */
#define MY_HARMLESS                                                     \
	"('USAGE', 'SELECT', 'PROCESS', 'SHOW DATABASES', 'SHOW VIEW'," \
	" 'REPLICATION CLIENT', 'BINLOG MONITOR', 'LOCK TABLES',"       \
	" 'CREATE TEMPORARY TABLES')"
#define MY_OTHER                       \
	" AND TABLE_NAME <> " RECEIPTS \
	" AND NOT FIND_IN_SET(CONCAT(TABLE_SCHEMA, '.', TABLE_NAME), l)"
#define MY_THIS " AND TABLE_SCHEMA = ? AND TABLE_NAME = ?"

static const struct posture_rule mysql[] = {
    {"ROLE_IS_SUPERUSER", true, "", "the account has %w on everything",
	"REVOKE %w ON *.* FROM %r;",
	MY_LIST("privilege_type") "user_privileges" MY_MINE
				  " AND PRIVILEGE_TYPE NOT "
				  "IN " MY_HARMLESS},
    {"ROLE_CAN_GRANT", true, "", "the account may pass its privileges on: %w",
	"REVOKE GRANT OPTION ON %w FROM %r;",
	"SELECT GROUP_CONCAT(DISTINCT place SEPARATOR ', ') FROM ("
	"SELECT '*.*' AS place FROM "
	"information_schema.USER_PRIVILEGES" MY_MINE
	" AND IS_GRANTABLE = 'YES' UNION SELECT CONCAT('`', "
	"TABLE_SCHEMA,"
	" '`.*') FROM information_schema.SCHEMA_PRIVILEGES" MY_MINE
	" AND IS_GRANTABLE = 'YES' UNION SELECT CONCAT('`', "
	"TABLE_SCHEMA,"
	" '`.`', TABLE_NAME, '`') FROM "
	"information_schema.TABLE_PRIVILEGES" MY_MINE
	" AND IS_GRANTABLE = 'YES') g"},
    {"GLOBAL_PRIVILEGE_NOT_REVIEWED", false, "",
	"the account has %w on everything", "REVOKE %w ON *.* FROM %r;",
	MY_LIST("privilege_type") "user_privileges" MY_MINE
				  " AND PRIVILEGE_TYPE IN " MY_HARMLESS
				  " AND PRIVILEGE_TYPE <> 'USAGE'"},
    {"SCHEMA_PRIVILEGE_NOT_REVIEWED", false, "",
	"the account has whole databases: %w",
	"SHOW GRANTS FOR %r; REVOKE each of: %w FROM %r;",
	MY_LIST("CONCAT(PRIVILEGE_TYPE, ' ON `', TABLE_SCHEMA, "
		"'`.*')") "schema_privileges" MY_MINE
			  " AND PRIVILEGE_TYPE <> 'USAGE'"},
    {"OTHER_TABLE_PRIVILEGE", false, "l",
	"the account has privileges on %w, which this contract "
	"does not write",
	"REVOKE ALL PRIVILEGES ON %w FROM %r;",
	"SELECT GROUP_CONCAT(DISTINCT CONCAT('`', TABLE_SCHEMA, "
	"'`.`',"
	" TABLE_NAME, '`') SEPARATOR ', ') FROM (SELECT "
	"TABLE_SCHEMA,"
	" TABLE_NAME FROM "
	"information_schema.TABLE_PRIVILEGES" MY_MINE
	" UNION SELECT TABLE_SCHEMA, TABLE_NAME"
	" FROM information_schema.COLUMN_PRIVILEGES" MY_MINE
	") p, (SELECT ? AS l) q WHERE TRUE" MY_OTHER},
    {"SCHEMA_CREATE_NOT_NEEDED", false, "",
	"the receipt table is there, and the account may still "
	"create it: %w",
	"REVOKE CREATE ON %w FROM %r;",
	MY_LIST("CONCAT('`', p.TABLE_SCHEMA, '`.`', p.TABLE_NAME, "
		"'`')") "TABLE_PRIVILEGES p JOIN "
			"information_schema.TABLES t"
			" ON t.TABLE_SCHEMA = p.TABLE_SCHEMA AND "
			"t.TABLE_NAME = p.TABLE_NAME" MY_MINE
			" AND PRIVILEGE_TYPE = 'CREATE' AND "
			"p.TABLE_NAME = " RECEIPTS},
    {"TABLE_PRIVILEGE_NOT_REVIEWED", false, "st",
	"the account has %w on the table",
	"REVOKE %w ON %t FROM %r;" GRANTS_AGAIN,
	MY_LIST("privilege_type") "table_privileges" MY_MINE
				  " AND PRIVILEGE_TYPE NOT IN "
				  "('SELECT', 'USAGE')" MY_THIS},
    {"COLUMN_PRIVILEGE_NOT_REVIEWED", false, "stc", "the account may change %w",
	"REVOKE UPDATE (%w) ON %t FROM %r;",
	MY_LIST("CONCAT('`', COLUMN_NAME, '`')") "COLUMN_"
						 "PRIVILEGES" MY_MINE
						 " AND PRIVILEGE_TYPE "
						 "= 'UPDATE'" MY_THIS
						 " AND NOT "
						 "FIND_IN_SET(COLUMN_"
						 "NAME, ?)"},
    {NULL, false, NULL, NULL, NULL, NULL}};

const struct posture_engine posture_mysql = {"SELECT " MY_ME, mysql};
