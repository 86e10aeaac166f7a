/*
 * Opening SQLite files. The path comes from the operator, the file may come
 * from anyone: a schema can hold triggers, views and functions, so it gets no
 * trust.
 */
#include "common/db/lite.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/crypto/digest.h"

#define REASON     "DATABASE_URL_INVALID"
#define LENGTH_MAX (16 * 1024 * 1024)

bool
lite_url_is(struct span url)
{
	return url.len >= 7 && memcmp(url.ptr, "sqlite:", 7) == 0;
}

/* Percent-decode into the arena; NULL for a bad escape or a control byte. */
static const char *
decode_path(struct span raw, struct arena *a)
{
	char *out = arena_strndup(a, raw.ptr, raw.len);
	size_t used = 0;
	size_t i = 0;

	for (i = 0; i < raw.len; i++, used++) {
		out[used] = raw.ptr[i];
		if (raw.ptr[i] == '%') {
			if (i + 2 >= raw.len ||
			    hex_decode((struct span){raw.ptr + i + 1, 2},
				&out[used], 1) != 0) {
				return NULL;
			}
			i += 2;
		}
		if ((unsigned char)out[used] < 0x20) {
			return NULL;
		}
	}
	out[used] = '\0';
	return out;
}

int
lite_url_path(
    struct span url, struct arena *a, const char **path_out, struct err *e)
{
	struct span path = {url.ptr + 7, url.len - 7};

	if (!lite_url_is(url)) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: must start with sqlite:");
	}
	if (path.len >= 2 && path.ptr[0] == '/' && path.ptr[1] == '/') {
		path.ptr += 2;
		path.len -= 2;
		if (path.len == 0 || path.ptr[0] != '/') {
			return err_set(e, CS_E_CONFIG, REASON,
			    "database URL: write sqlite:///path, a host "
			    "makes no sense");
		}
	}
	if (path.len == 0 || memchr(path.ptr, '?', path.len) != NULL ||
	    memchr(path.ptr, '#', path.len) != NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: a path without parameters is needed");
	}
	*path_out = decode_path(path, a);
	if (*path_out == NULL || strcmp(*path_out, ":memory:") == 0) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: the path cannot be used");
	}
	return 0;
}

/* Bounds for what a hostile file could make us do, and no way to attach
 * another one or to load code. */
static void
set_limits(sqlite3 *db)
{
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 65536);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, 1024);
	sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 16);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* "x" is a column or an error, never quietly the text 'x'. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
}

int
lite_open(const char *path, enum lite_mode mode, int busy_ms, sqlite3 **out,
    struct err *e)
{
	int flags =
	    mode == LITE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int r = sqlite3_open_v2(path, out,
	    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (r == SQLITE_OK) {
		set_limits(*out);
		sqlite3_busy_timeout(*out, busy_ms);
		/* Reads the first page, so a broken file is found here. */
		r = sqlite3_exec(*out,
		    mode == LITE_READ
			? "PRAGMA query_only=1; PRAGMA schema_version"
			: "PRAGMA foreign_keys=1; PRAGMA schema_version",
		    NULL, NULL, NULL);
	}
	if (r == SQLITE_OK) {
		return 0;
	}
	err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE", "%s: %s", path,
	    *out == NULL ? "no memory" : sqlite3_errmsg(*out));
	lite_close(out);
	return CS_E_UNAVAILABLE;
}

void
lite_close(sqlite3 **db)
{
	sqlite3_close_v2(*db);
	*db = NULL;
}
