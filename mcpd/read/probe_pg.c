/*
 * PostgreSQL. Privileges count for every role that the reader could become,
 * not only for those whose privileges it inherits.
 */
#include "mcpd/read/probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct probe_fault role_faults[] = {
    {"ROLE_IS_SUPERUSER",
	"the reader's role is a superuser, for whom no grant, no row security "
	"and no read-only session is a limit",
	"ALTER ROLE %r NOSUPERUSER; or make a role of its own that has only "
	"SELECT, or accept it with reader_can_write in the contract",
	true},
    {"READER_CAN_WRITE", "the reader's role has %w",
	"ALTER ROLE %r NOCREATEROLE NOCREATEDB NOREPLICATION;", true},
    {"READER_CAN_WRITE", "the reader's role is a member of %w",
	"REVOKE %w FROM %r;", true},
    {"READER_CAN_WRITE", "the reader's role may create schemas in %w",
	"REVOKE CREATE ON DATABASE %w FROM %r, PUBLIC;", true},
    {"READER_CAN_WRITE", "the reader's role may create tables in %w",
	"REVOKE CREATE ON SCHEMA %w FROM %r, PUBLIC;", true},
    {"READER_CAN_WRITE", "the reader's role may write into %w",
	"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %w FROM %r, PUBLIC; a "
	"table "
	"of its own needs another owner, a membership has to be revoked",
	true},
};

#define MEMBERS                                              \
	"(SELECT m.oid FROM pg_roles m WHERE NOT r.rolsuper" \
	" AND NOT m.rolsuper AND pg_has_role(r.oid, m.oid, 'MEMBER'))"
#define OURS                                           \
	" NOT IN ('pg_catalog', 'information_schema')" \
	" AND n.nspname !~ '^pg_(toast|temp)'"

static const char role_query[] =
    "SELECT CASE WHEN r.rolsuper THEN quote_ident(r.rolname) END,"
    " CASE WHEN NOT r.rolsuper THEN nullif(concat_ws(', ',"
    " CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,"
    " CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,"
    " CASE WHEN r.rolreplication THEN 'REPLICATION' END), '') END,"
    " (SELECT string_agg(quote_ident(m.rolname), ', ') FROM pg_roles m"
    " WHERE NOT r.rolsuper AND pg_has_role(r.oid, m.oid, 'MEMBER')"
    " AND (m.rolsuper OR m.rolname IN ('pg_write_all_data',"
    " 'pg_read_server_files', 'pg_write_server_files',"
    " 'pg_execute_server_program'))),"
    " (SELECT quote_ident(current_database()) WHERE EXISTS (SELECT"
    " FROM " MEMBERS " m WHERE has_database_privilege(m.oid,"
    " current_database(), 'CREATE'))),"
    " (SELECT string_agg(quote_ident(n.nspname), ', ') FROM pg_namespace n"
    " WHERE n.nspname" OURS " AND EXISTS (SELECT FROM " MEMBERS " m"
    " WHERE has_schema_privilege(m.oid, n.oid, 'CREATE'))),"
    " (SELECT string_agg(t, ', ') FROM (SELECT quote_ident(n.nspname) || '.'"
    " || quote_ident(c.relname) AS t FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname" OURS
    " AND EXISTS (SELECT FROM " MEMBERS " m"
    " WHERE has_table_privilege(m.oid, c.oid,"
    " 'INSERT,UPDATE,DELETE,TRUNCATE')"
    " OR has_any_column_privilege(m.oid, c.oid, 'INSERT,UPDATE'))"
    " ORDER BY t LIMIT 3) AS written),"
    " quote_ident(r.rolname)"
    " FROM pg_roles r WHERE r.rolname = current_user";

static const struct probe_fault table_faults[] = {
    {"TABLE_MISSING", "there is no table %t",
	"correct target in the contract, or create the table", false},
    {"TABLE_NOT_READABLE", "the reader's role may not read %w of %t",
	"GRANT USAGE ON SCHEMA to %r if it lacks it; GRANT SELECT (%w) ON %t "
	"TO %r;",
	false},
    {"COLUMN_MISSING", "%t has no column %w",
	"correct the contract, or add the column", false},
    {"KEY_NOT_UNIQUE",
	"no valid, complete unique index of %t is over %w alone or with the "
	"tenant column",
	"CREATE UNIQUE INDEX ON %t (%w); or name the real key in primary_key",
	false},
    {"COLUMN_TYPE_UNUSABLE",
	"key, tenant or version column has a type that cannot be compared: %w",
	"use a column of an integer, text, uuid, numeric, date or timestamp "
	"type",
	false},
};

/* Views have no indexes: there each read asks for a second row. */
static const char table_query[] =
    "SELECT CASE WHEN c.oid IS NULL THEN 'missing' END,"
    " (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a"
    " WHERE a.attrelid = c.oid AND NOT a.attisdropped"
    " AND a.attname::text IN (SELECT json_array_elements_text($3::json))"
    " AND NOT (has_column_privilege(c.oid, a.attnum, 'SELECT')"
    " AND has_schema_privilege(n.oid, 'USAGE'))),"
    " (SELECT string_agg(quote_ident(w), ', ')"
    " FROM json_array_elements_text($3::json) w WHERE c.oid IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    " AND NOT a.attisdropped AND a.attname::text = w)),"
    " CASE WHEN c.relkind IN ('r', 'p', 'm') AND NOT EXISTS (SELECT"
    " FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique"
    " AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
    " AND (SELECT bool_and(a.attname::text IN ($4, $5))"
    " AND bool_or(a.attname::text = $4) FROM"
    " generate_series(0, i.indnkeyatts - 1) k JOIN pg_attribute a"
    " ON a.attrelid = c.oid AND a.attnum = i.indkey[k])) THEN"
    " quote_ident($4) END,"
    " (SELECT string_agg(quote_ident(a.attname) || ' ' ||"
    " format_type(a.atttypid, a.atttypmod), ', ') FROM pg_attribute a"
    " JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid"
    " AND NOT a.attisdropped AND a.attname::text IN ($4, $5, $6)"
    " AND (t.typcategory IN ('A', 'G', 'P', 'V') OR t.typname IN ('json',"
    " 'jsonb', 'xml', 'bytea', 'float4', 'float8', 'bool', 'money',"
    " 'tsvector'))),"
    " quote_ident(current_user)"
    " FROM (SELECT) one LEFT JOIN (pg_class c JOIN pg_namespace n"
    " ON n.oid = c.relnamespace AND n.nspname = $1::text)"
    " ON c.relname = $2::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

static const struct probe_fault scope_faults[] = {
    {"POSTGRES_RLS_DISABLED", "row security of %t is off",
	"ALTER TABLE %t ENABLE ROW LEVEL SECURITY;", false},
    {"POSTGRES_RLS_FORCE_DISABLED", "row security of %t spares its owner",
	"ALTER TABLE %t FORCE ROW LEVEL SECURITY;", false},
    {"POSTGRES_RLS_ROLE_EXEMPT", "row security does not hold for the role: %w",
	"ALTER ROLE %r NOSUPERUSER NOBYPASSRLS; and let another role own %t",
	false},
    {"POSTGRES_RLS_SELECT_PERMISSIVE_POLICY_MISSING",
	"no permissive policy of %t lets the role select",
	"CREATE POLICY ... ON %t FOR SELECT TO %r USING (...);", false},
    {"POSTGRES_RLS_SETTING_MISSING",
	"policies of %t do not compare with both settings: %w",
	"ALTER POLICY ... ON %t USING (tenant = current_setting('<tenant "
	"setting>', true) AND ... current_setting('<principal setting>', "
	"true) ...);",
	false},
    {"POSTGRES_RLS_POLICY_NOT_RESTRICTIVE",
	"a permissive policy of %t offers alternatives, and no restrictive "
	"policy holds the scope: %w",
	"CREATE POLICY ... ON %t AS RESTRICTIVE FOR SELECT TO %r USING (...); "
	"with both settings",
	false},
};

static const char scope_query[] =
    "WITH p AS (SELECT p.polname, p.polpermissive,"
    " coalesce(pg_get_expr(p.polqual, p.polrelid), '') AS expression,"
    " coalesce(pg_get_expr(p.polqual, p.polrelid), '')"
    " LIKE '%' || quote_literal($3::text) || '%'"
    " AND coalesce(pg_get_expr(p.polqual, p.polrelid), '')"
    " LIKE '%' || quote_literal($4::text) || '%' AS holds"
    " FROM pg_policy p WHERE p.polrelid = (SELECT c.oid FROM pg_class c JOIN"
    " pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::text"
    " AND c.relname = $2::text) AND p.polcmd IN ('r', '*')"
    " AND (0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) m"
    " WHERE pg_has_role(current_user, m, 'USAGE'))))"
    " SELECT CASE WHEN NOT c.relrowsecurity THEN 'off' END,"
    " CASE WHEN NOT c.relforcerowsecurity THEN 'off' END,"
    " nullif(concat_ws(', ', CASE WHEN r.rolsuper THEN 'superuser' END,"
    " CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,"
    " CASE WHEN pg_has_role(r.oid, c.relowner, 'MEMBER')"
    " THEN 'owner' END), ''),"
    " (SELECT 'none' WHERE NOT EXISTS (SELECT FROM p WHERE p.polpermissive)),"
    " (SELECT string_agg(quote_ident(p.polname), ', ') FROM p"
    " WHERE NOT p.holds),"
    " (SELECT string_agg(quote_ident(p.polname), ', ') FROM p"
    " WHERE p.polpermissive AND p.expression ~* '\\y(or|case|coalesce)\\y'"
    " AND NOT EXISTS (SELECT FROM p WHERE NOT p.polpermissive AND p.holds"
    " AND p.expression !~* '\\y(or|case|coalesce)\\y')),"
    " quote_ident(r.rolname)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
    " pg_roles r WHERE n.nspname = $1::text AND c.relname = $2::text"
    " AND r.rolname = current_user";

static const struct probe_fault canary_faults[] = {
    {"POSTGRES_RLS_CANARY_FAILED", "%t shows rows in a scope that cannot exist",
	"a policy of %t lets rows through whatever the settings are: add a "
	"restrictive one",
	false},
};

static const struct probe_fault no_scope_faults[] = {
    {"POSTGRES_RLS_CANARY_FAILED",
	"%t shows rows to a session without settings",
	"compare with current_setting('...', true), which is NULL then", false},
};

static const struct probe_fault leftover_faults[] = {
    {"POSTGRES_RLS_SETTING_STAYS",
	"a setting of the transaction is still there after COMMIT: %w",
	"remove it from the settings of role and database (ALTER ROLE ... "
	"RESET), and let no pooler share transactions",
	false},
};

static const char leftover_query[] =
    "SELECT nullif(concat_ws(', ', nullif(current_setting($3, true), ''),"
    " nullif(current_setting($4, true), '')), '')"
    " FROM (SELECT $1::text, $2::text) AS target";

static const struct probe_query queries[] = {
    {"role", PROBE_SOURCE, role_query, role_faults, COUNT(role_faults)},
    {"table", PROBE_CAPABILITY, table_query, table_faults, COUNT(table_faults)},
    {"row-security", PROBE_SCOPE, scope_query, scope_faults,
	COUNT(scope_faults)},
    {"row-security canary", PROBE_CANARY, NULL, canary_faults,
	COUNT(canary_faults)},
    {"settings after COMMIT", PROBE_SCOPE, leftover_query, leftover_faults,
	COUNT(leftover_faults)},
    {"row-security without settings", PROBE_NO_SCOPE, NULL, no_scope_faults,
	COUNT(no_scope_faults)},
};

const struct probe_list probe_pg = {queries, COUNT(queries)};
