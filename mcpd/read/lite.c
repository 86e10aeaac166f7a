/*
 * SQLite is read in place: one read-only handle, its statements kept. A read
 * blocks the loop, so it may not take long: locks are waited for briefly and a
 * progress handler ends a query that scans.
 */
#include "common/db/lite.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "mcpd/read/job.h"

#define BUSY_MS            250
#define DEFAULT_TIMEOUT_MS 2000
#define PROGRESS_STEPS     2000

struct lite_link {
	struct link base;
	sqlite3 *db;
	sqlite3_stmt **statements; /* the kept ones; NULL: not yet */
	size_t count;
	int64_t timeout_ms;
	int64_t deadline_ms;
};

/* Called every few thousand steps of the virtual machine. */
static int
is_over_time(void *arg)
{
	const struct lite_link *r = arg;

	return clock_mono_ms() > r->deadline_ms;
}

/* A lock or a file that is away may come back; the rest is an error of the
 * contract or the schema. Not the message: it may quote values. */
static const char *
reason_of(int code, const struct db_job *j)
{
	const char *label = j->label == NULL ? "none" : j->label;

	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		log_event(LOG_LEVEL_WARN, "source_unavailable",
		    "capability=%s " JOB_CALL_FMT " sqlite=%d", label,
		    JOB_CALL_ARGS(j), code);
		return "SOURCE_UNAVAILABLE";
	default:
		log_event(LOG_LEVEL_ERR, "source_query_failed",
		    "capability=%s " JOB_CALL_FMT " sqlite=%d text=\"%s\"",
		    label, JOB_CALL_ARGS(j), code, sqlite3_errstr(code));
		return "SOURCE_QUERY_FAILED";
	}
}

/* Kept for good: SQLite prepares it anew by itself when the schema
 * changes. */
static int
prepare(struct lite_link *l, const struct db_job *j, sqlite3_stmt **out)
{
	if (j->kept == JOB_ONCE) {
		return sqlite3_prepare_v2(l->db, j->sql, -1, out, NULL);
	}
	cs_assert(j->kept < l->count);
	*out = l->statements[j->kept];
	if (*out == NULL &&
	    sqlite3_prepare_v3(l->db, j->sql, -1, SQLITE_PREPARE_PERSISTENT,
		out, NULL) == SQLITE_OK) {
		l->statements[j->kept] = *out;
	}
	return *out != NULL ? SQLITE_OK : sqlite3_errcode(l->db);
}

static int
bind_values(sqlite3_stmt *stmt, const struct db_job *j)
{
	for (size_t i = 0; i < j->param_count; i++) {
		if (lite_bind_scalar(stmt, (int)i + 1, j->params[i].value) !=
		    0) {
			return SQLITE_TOOBIG;
		}
	}
	return SQLITE_OK;
}

/* All columns; they stay valid when the statement is reset. */
static const char *
take_row(sqlite3_stmt *stmt, struct db_job *j)
{
	j->columns = (size_t)sqlite3_column_count(stmt);
	j->values = arena_array(j->arena, j->columns + 1, sizeof(*j->values));
	for (size_t i = 0; i < j->columns; i++) {
		if (lite_column_scalar(
			stmt, (int)i, j->arena, &j->values[i], NULL) != 0) {
			return "VALUE_UNSUPPORTED";
		}
	}
	return NULL;
}

/* Step to the end: reads have a limit of two rows. */
static const char *
take_rows(sqlite3_stmt *stmt, struct db_job *j)
{
	const char *error = NULL;
	int rc = sqlite3_step(stmt);

	for (j->rows = 0; rc == SQLITE_ROW; j->rows++) {
		if (j->rows == 0) {
			error = take_row(stmt, j);
		}
		rc = sqlite3_step(stmt);
	}
	return rc == SQLITE_DONE ? error : reason_of(rc, j);
}

static void
lite_submit(struct link *base, struct db_job *j)
{
	struct lite_link *l = (struct lite_link *)base;
	sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_OK;

	l->deadline_ms = clock_mono_ms() + l->timeout_ms;
	rc = prepare(l, j, &stmt);
	if (rc == SQLITE_OK) {
		rc = bind_values(stmt, j);
	}
	j->error = rc == SQLITE_OK ? take_rows(stmt, j) : reason_of(rc, j);
	if (j->kept == JOB_ONCE) {
		sqlite3_finalize(stmt);
	} else if (stmt != NULL) {
		sqlite3_reset(stmt); /* ends the read transaction */
		sqlite3_clear_bindings(stmt);
	}
	j->done(j);
}

/* Nothing is ever under way between two calls. */
static void
lite_cancel(struct link *base, struct db_job *j)
{
	(void)base;
	(void)j;
}

static void
lite_free(struct link *base)
{
	struct lite_link *r = (struct lite_link *)base;

	for (size_t i = 0; i < r->count; i++) {
		sqlite3_finalize(r->statements[i]);
	}
	lite_close(&r->db);
	free(r->statements);
	free(r);
}

static const struct link_ops lite_ops = {
    .submit = lite_submit, .cancel = lite_cancel, .free = lite_free};

int
lite_link_new(const struct contract_source *source, const char *path,
    size_t kept, struct link **out, struct err *e)
{
	struct lite_link *r = xcalloc(1, sizeof(*r));
	int rc = lite_open(path, LITE_READ, BUSY_MS, &r->db, e);

	if (rc != 0) {
		err_context(e, "source %s", source->name);
		free(r);
		return rc;
	}
	r->base.ops = &lite_ops;
	r->count = kept;
	r->statements = xcalloc(kept + 1, sizeof(sqlite3_stmt *));
	r->timeout_ms = source->statement_timeout_ms > 0
			    ? source->statement_timeout_ms
			    : DEFAULT_TIMEOUT_MS;
	sqlite3_progress_handler(r->db, PROGRESS_STEPS, is_over_time, r);
	*out = &r->base;
	return 0;
}
