#include "mcpd/read/pg_errors.h"

#include <stddef.h>
#include <string.h>

/* A row matches when the SQLSTATE starts with its text; the first one wins. */
static const struct {
	const char *sqlstate;
	const char *reason;
} reasons[] = {
    {"22P02", "ROW_NOT_FOUND"},      /* invalid text for the type */
    {"22003", "ROW_NOT_FOUND"},      /* out of range */
    {"22007", "ROW_NOT_FOUND"},      /* invalid date */
    {"22008", "ROW_NOT_FOUND"},      /* date out of range */
    {"22001", "ROW_NOT_FOUND"},      /* too long */
    {"57014", "SOURCE_UNAVAILABLE"}, /* statement timeout */
    {"57P", "SOURCE_UNAVAILABLE"},   /* shutting down */
    {"08", "SOURCE_UNAVAILABLE"},    /* connection */
    {"40", "SOURCE_UNAVAILABLE"},    /* rolled back, recovery conflict */
    {"53", "SOURCE_UNAVAILABLE"},    /* out of something */
    {"55P03", "SOURCE_UNAVAILABLE"}, /* lock not available */
};

const char *
pg_error_reason(const char *sqlstate)
{
	if (sqlstate == NULL || sqlstate[0] == '\0') {
		return "SOURCE_UNAVAILABLE";
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strncmp(sqlstate, reasons[i].sqlstate,
			strlen(reasons[i].sqlstate)) == 0) {
			return reasons[i].reason;
		}
	}
	return "SOURCE_QUERY_FAILED";
}

bool
pg_error_needs_new_session(const char *sqlstate)
{
	if (sqlstate == NULL) {
		return true;
	}
	/* A cached plan whose result type changed; a statement that is gone, or
	 * that was prepared for the type a column had before; an idle session
	 * that the server ended. */
	return strcmp(sqlstate, "0A000") == 0 ||
	       strcmp(sqlstate, "26000") == 0 ||
	       strcmp(sqlstate, "42883") == 0 ||
	       strcmp(sqlstate, "42804") == 0 ||
	       strncmp(sqlstate, "57P", 3) == 0;
}
