/*
 * MySQL and MariaDB values <-> scalars, by prepared statements only: values
 * travel in the binary protocol and never inside the text of a statement, so
 * no setting of the server can change how they are quoted.
 */
#ifndef CS_COMMON_DB_MY_VALUE_H
#define CS_COMMON_DB_MY_VALUE_H

#include <mysql.h>

#include "common/base/scalar.h"

struct arena;
struct err;

/* How a column's values arrive and leave. */
enum my_shape {
	MY_TEXT,
	MY_BYTES,
	MY_INTEGER,
	MY_UNSIGNED,
	MY_SINGLE,
	MY_DOUBLE,
	MY_DATE,
	MY_TIME_OF_DAY,
	MY_DATETIME, /* without a zone */
	MY_TIMESTAMP /* a moment; the session is in UTC */
};

enum my_shape my_shape_of(const MYSQL_FIELD *field);

/* One value as the driver hands it over; `bytes` for MY_TEXT and MY_BYTES. */
struct my_cell {
	enum my_shape shape;
	my_bool is_null;
	unsigned long length;
	union {
		long long integer;
		float single;
		double real;
		MYSQL_TIME time;
	} as;
};

/*
 * docs/values.md has the table. The result lives in the arena. CS_E_INVALID
 * (VALUE_UNSUPPORTED) for text that is not UTF-8 or holds NUL.
 */
int my_cell_scalar(const struct my_cell *cell, struct span bytes,
    struct arena *a, struct scalar *out, struct err *e);

struct my_rows {
	struct scalar *values; /* rows x columns, in the arena */
	size_t rows;           /* that were taken */
	size_t total;          /* that there are */
	size_t columns;
};

/*
 * Take up to `max` rows of an executed statement whose result was stored. No
 * network. CS_E_INVALID as above, CS_E_IO when the driver fails.
 */
int my_rows_take(MYSQL_STMT *stmt, size_t max, struct arena *a,
    struct my_rows *out, struct err *e);

/*
 * Parameters for `shapes` (NULL: not known, all text), in the arena. Text goes
 * as text, so that a number never equals text that does not spell it; only for
 * an integer column an integer goes as one, for the server would compare texts
 * with it as doubles. For times the Z is left out, which it does not read.
 */
MYSQL_BIND *my_params_bind(const struct scalar *values,
    const enum my_shape *shapes, size_t count, struct arena *a);

#endif
