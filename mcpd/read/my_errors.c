#include "mcpd/read/my_errors.h"

#include <stddef.h>

/* The driver's own numbers: the connection is gone or the statement is. */
#define DRIVER_FIRST 2000
#define DRIVER_LAST  2999

/* MariaDB and MySQL number these alike, except for the time limit. */
static const struct {
	const char *reason;
	unsigned code;
	bool is_fatal; /* only another session helps */
} reasons[] = {
    {"SOURCE_UNAVAILABLE", 1040, true},  /* too many connections */
    {"SOURCE_UNAVAILABLE", 1053, true},  /* shutting down */
    {"SOURCE_UNAVAILABLE", 1203, true},  /* too many of this user */
    {"SOURCE_UNAVAILABLE", 1927, true},  /* killed (MariaDB) */
    {"SOURCE_UNAVAILABLE", 1243, true},  /* statement is not known */
    {"SOURCE_UNAVAILABLE", 1615, true},  /* must be prepared again */
    {"SOURCE_UNAVAILABLE", 1205, false}, /* lock wait */
    {"SOURCE_UNAVAILABLE", 1213, false}, /* deadlock */
    {"SOURCE_UNAVAILABLE", 1317, false}, /* interrupted */
    {"SOURCE_UNAVAILABLE", 1969, false}, /* time limit (MariaDB) */
    {"SOURCE_UNAVAILABLE", 3024, false}, /* time limit (MySQL) */
    {"SOURCE_UNAVAILABLE", 4031, true},  /* idle too long (MySQL) */
    {"ROW_NOT_FOUND", 1264, false},      /* key out of range */
    {"ROW_NOT_FOUND", 1292, false},      /* key is no such value */
    {"ROW_NOT_FOUND", 1366, false},      /* key is no such text */
    {"ROW_NOT_FOUND", 1525, false},      /* key is no date (MySQL) */
};

const char *
my_error_reason(unsigned code)
{
	if (code == 0 || (code >= DRIVER_FIRST && code <= DRIVER_LAST)) {
		return "SOURCE_UNAVAILABLE";
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code) {
			return reasons[i].reason;
		}
	}
	return "SOURCE_QUERY_FAILED";
}

bool
my_error_needs_new_session(unsigned code)
{
	if (code == 0 || (code >= DRIVER_FIRST && code <= DRIVER_LAST)) {
		return true;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code) {
			return reasons[i].is_fatal;
		}
	}
	return false;
}
