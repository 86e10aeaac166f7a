/*
 * PostgreSQL values <-> scalars. The server's text is kept exactly: nothing is
 * rounded, timestamps keep their microseconds.
 */
#ifndef CS_COMMON_DB_PG_VALUE_H
#define CS_COMMON_DB_PG_VALUE_H

#include <libpq-fe.h>

#include "common/base/scalar.h"

struct arena;
struct err;

/*
 * One value in text format of the type `oid` (engine.md §1.10, §9 D4):
 * bool -> BOOL; int2, int4, oid, float4, float8 -> NUMBER (NaN and infinities
 * -> TEXT); timestamptz -> "YYYY-MM-DDTHH:MM:SS[.ffffff]Z", timestamp the same
 * without Z; all others -> TEXT as the server wrote it. The result lives in
 * the arena. CS_E_INVALID (VALUE_UNSUPPORTED) for text that is not UTF-8.
 */
int pg_value_scalar(Oid oid, struct span text, struct arena *a,
    struct scalar *out, struct err *e);

/* A field of a text-format result; SQL NULL -> SCALAR_NULL. */
int pg_result_scalar(const PGresult *result, int row, int column,
    struct arena *a, struct scalar *out, struct err *e);

/* A parameter in text format: NULL for SQL NULL, else a copy in the arena. */
const char *pg_param_text(struct scalar value, struct arena *a);

#endif
