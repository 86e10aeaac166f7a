/*
 * SQLite: the file is open for reading only, so there is no role to look at.
 */
#include "mcpd/read/probe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct probe_fault table_faults[] = {
    {"TABLE_MISSING", "there is no table %t",
	"correct target in the contract, or create the table", false},
    {"COLUMN_MISSING", "%t has no column %w",
	"correct the contract, or add the column", false},
    {"KEY_NOT_UNIQUE",
	"no complete unique index of %t is over %w alone or with the tenant "
	"column",
	"CREATE UNIQUE INDEX one_row ON %t (%w); or name the real key in "
	"primary_key",
	false},
};

#define IS_KEY_PART(column) "lower(" column ") IN (lower(?4), lower(?5))"

/* ?6, the version column, may have any type here. */
static const char table_query[] =
    "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?2, ?1))"
    " THEN 'missing' END,"
    " CASE WHEN EXISTS (SELECT 1 FROM pragma_table_xinfo(?2, ?1)) THEN"
    " (SELECT group_concat(w.value, ', ') FROM json_each(?3) w"
    " WHERE lower(w.value) NOT IN (SELECT lower(name)"
    " FROM pragma_table_xinfo(?2, ?1))) END,"
    " CASE WHEN EXISTS (SELECT 1 FROM pragma_table_list(?2)"
    " WHERE schema = ?1 AND type IN ('table', 'virtual'))"
    " AND coalesce((SELECT min(" IS_KEY_PART(
	"name") ")"
		" AND max(lower(name) = lower(?4)) FROM pragma_table_info(?2, "
		"?1)"
		" WHERE pk > 0), 0) = 0"
		" AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?2, ?1) l"
		" WHERE l.\"unique\" = 1 AND l.partial = 0 AND (SELECT"
		" min(i.name IS NOT NULL AND " IS_KEY_PART(
		    "i.name") ")"
			      " AND max(lower(i.name) = lower(?4))"
			      " FROM pragma_index_info(l.name, ?1) i)) THEN ?4 "
			      "END"
			      " WHERE ?6 IS NOT NULL";

static const struct probe_query queries[] = {
    {"table", PROBE_CAPABILITY, table_query, table_faults, COUNT(table_faults)},
};

const struct probe_list probe_lite = {queries, COUNT(queries)};
