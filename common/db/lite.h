/*
 * Opening a SQLite source: sqlite:///abs/path and sqlite:rel/path. The file's
 * schema is not trusted (triggers and views of a hostile file must not run
 * surprising code), extensions cannot be loaded, sizes are limited.
 *
 * A reader of a WAL-mode file still has to write its -shm index, so the folder
 * must be writable for it, or the -shm and -wal files must already exist.
 */
#ifndef CS_COMMON_DB_LITE_H
#define CS_COMMON_DB_LITE_H

#include <sqlite3.h>

#include "common/base/scalar.h"

struct arena;
struct err;

enum lite_mode {
	LITE_READ,
	LITE_WRITE
};

/* Is this a URL for SQLite? */
bool lite_url_is(struct span url);

/*
 * The path in the URL, percent-decoded, in the arena. CS_E_CONFIG
 * (DATABASE_URL_INVALID) for another scheme, a host, parameters or no path.
 */
int lite_url_path(
    struct span url, struct arena *a, const char **path_out, struct err *e);

/*
 * Open an existing file; it is never created. Waits `busy_ms` for locks. The
 * caller owns *out (lite_close). CS_E_UNAVAILABLE otherwise.
 */
int lite_open(const char *path, enum lite_mode mode, int busy_ms, sqlite3 **out,
    struct err *e);

/* Close; NULL is fine; *db becomes NULL. Statements must be finalized. */
void lite_close(sqlite3 **db);

/*
 * A column of the current row: INTEGER -> NUMBER (exact), REAL -> NUMBER
 * (infinities -> TEXT), TEXT -> TEXT, BLOB -> TEXT "\x<hex>". The result lives
 * in the arena. CS_E_INVALID (VALUE_UNSUPPORTED) for text that is not UTF-8 or
 * holds NUL.
 */
int lite_column_scalar(sqlite3_stmt *stmt, int column, struct arena *a,
    struct scalar *out, struct err *e);

/*
 * Bind by kind: BOOL as 0 or 1, integers exactly, other numbers as REAL. Text
 * is bound as text: the column's affinity does the rest, so a number never
 * equals text that does not spell it. Returns 0 or CS_E_INVALID.
 */
int lite_bind_scalar(sqlite3_stmt *stmt, int index, struct scalar value);

#endif
