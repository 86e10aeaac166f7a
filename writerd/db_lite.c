#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/db/lite.h"
#include "writerd/db.h"

#define BUSY_MS 5000

struct db_lite {
	struct db db;
	sqlite3 *handle;
};

static sqlite3 *
handle_of(struct db *db)
{
	return ((struct db_lite *)db)->handle;
}

static int
lite_db_open(const struct contract_source *source, struct span url,
    struct db **out, struct err *e)
{
	struct db_lite *db = xcalloc(1, sizeof(*db));
	struct arena *a = arena_new();
	const char *path = NULL;
	int rc = lite_url_path(url, a, &path, e);

	(void)source;
	if (rc == 0) {
		rc = lite_open(path, LITE_WRITE, BUSY_MS, &db->handle, e);
	}
	/* Nothing that is answered as applied may be lost by a power cut. */
	if (rc == 0 && sqlite3_exec(db->handle, "PRAGMA synchronous = FULL",
			   NULL, NULL, NULL) != SQLITE_OK) {
		rc = err_set(e, CS_E_UNAVAILABLE, NULL,
		    "the database file could not be prepared");
	}
	arena_free(&a);
	if (rc != 0) {
		lite_close(&db->handle);
		free(db);
		if (e != NULL) {
			e->reason = "DATABASE_UNAVAILABLE";
		}
		return rc;
	}
	db->db.ops = &db_lite_ops;
	*out = &db->db;
	return 0;
}

static int
lite_failure(sqlite3 *handle, struct err *e)
{
	int code = sqlite3_errcode(handle) & 0xff;

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED ||
	    code == SQLITE_IOERR || code == SQLITE_FULL) {
		return err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
		    "the database file could not do it now (SQLite %d)", code);
	}
	return err_set(e, CS_E_DENIED, "TRANSACTION_FAILED",
	    "the database file refused (SQLite %d)", code);
}

static int
copy_row(
    sqlite3_stmt *st, struct arena *a, struct db_result *out, struct err *e)
{
	for (size_t c = 0; c < out->columns; c++) {
		int rc = lite_column_scalar(st, (int)c, a,
		    &out->values[out->rows * out->columns + c], e);
		if (rc != 0) {
			return rc;
		}
	}
	out->rows++;
	return 0;
}

static int
step_all(sqlite3 *handle, sqlite3_stmt *st, struct arena *a,
    struct db_result *out, struct err *e)
{
	int step;

	out->columns = (size_t)sqlite3_column_count(st);
	out->values = arena_array(
	    a, DB_MAX_ROWS * out->columns + 1, sizeof(*out->values));
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		int rc = out->rows < DB_MAX_ROWS ? copy_row(st, a, out, e) : 0;
		if (rc != 0) {
			return rc;
		}
	}
	out->affected = sqlite3_changes64(handle);
	return step == SQLITE_DONE ? 0 : lite_failure(handle, e);
}

static int
lite_db_query(struct db *db, const char *sql, struct db_params params,
    struct arena *a, struct db_result *out, struct err *e)
{
	sqlite3 *handle = handle_of(db);
	sqlite3_stmt *st = NULL;
	int rc = 0;

	*out = (struct db_result){0};
	if (sqlite3_prepare_v2(handle, sql, -1, &st, NULL) != SQLITE_OK) {
		return lite_failure(handle, e);
	}
	for (size_t i = 0; i < params.count && rc == 0; i++) {
		rc = lite_bind_scalar(st, (int)i + 1, params.items[i]);
	}
	rc = rc != 0 ? err_set(e, CS_E_INVALID, "TRANSACTION_FAILED",
			   "a value cannot be bound")
		     : step_all(handle, st, a, out, e);
	(void)sqlite3_finalize(st);
	return rc;
}

static int
lite_db_commit(struct db *db, struct err *e)
{
	sqlite3 *handle = handle_of(db);

	if (sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
		return 0;
	}
	if (!sqlite3_get_autocommit(handle)) {
		/* Still inside the transaction: it can be rolled back. */
		return lite_failure(handle, e);
	}
	return err_set(e, CS_E_UNKNOWN, "OUTCOME_UNKNOWN",
	    "COMMIT failed in a way that leaves the outcome open");
}

static void
lite_db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(handle_of(db))) {
		(void)sqlite3_exec(handle_of(db), "ROLLBACK", NULL, NULL, NULL);
	}
}

static bool
lite_db_is_alive(struct db *db)
{
	return sqlite3_get_autocommit(handle_of(db)) != 0;
}

static void
lite_db_close(struct db *db)
{
	struct db_lite *self = (struct db_lite *)db;

	lite_close(&self->handle);
	free(self);
}

const struct db_ops db_lite_ops = {lite_db_open, lite_db_query, NULL,
    lite_db_commit, lite_db_rollback, lite_db_is_alive, lite_db_close};
