/*
 * What an error of MySQL or MariaDB means for a read.
 */
#ifndef CS_MCPD_READ_MY_ERRORS_H
#define CS_MCPD_READ_MY_ERRORS_H

#include <stdbool.h>

/* The reason word for an error number of the server or the driver. */
const char *my_error_reason(unsigned code);

/* Has the session lost or outlived its statement, so that a fresh one helps? */
bool my_error_needs_new_session(unsigned code);

#endif
