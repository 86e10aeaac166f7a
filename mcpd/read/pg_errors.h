/*
 * What a PostgreSQL error means for a read.
 */
#ifndef CS_MCPD_READ_PG_ERRORS_H
#define CS_MCPD_READ_PG_ERRORS_H

#include <stdbool.h>

/*
 * The reason word for a SQLSTATE (NULL or "" for none). A key that the
 * column's type cannot even hold is a row that does not exist.
 */
const char *pg_error_reason(const char *sqlstate);

/* Has the session lost or outlived its statement, so that a fresh one helps? */
bool pg_error_needs_new_session(const char *sqlstate);

#endif
