/*
 * SQLite is read in place: one read-only handle, one kept statement per
 * capability. A read blocks the loop, so it may not take long: locks are
 * waited for briefly and a progress handler ends a query that scans.
 */
#include "common/db/lite.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "mcpd/read/reader.h"

#define BUSY_MS            250
#define DEFAULT_TIMEOUT_MS 2000
#define PROGRESS_STEPS     2000

struct lite_reader {
	struct reader base;
	sqlite3 *db;
	sqlite3_stmt **statements; /* by capability index; NULL: not yet */
	size_t count;
	int64_t timeout_ms;
	int64_t deadline_ms;
};

/* Called every few thousand steps of the virtual machine. */
static int
is_over_time(void *arg)
{
	const struct lite_reader *r = arg;

	return clock_mono_ms() > r->deadline_ms;
}

/* A lock or a file that is away may come back; the rest is an error of the
 * contract or the schema. SQLite's text stays in the log. */
static const char *
reason_of(struct lite_reader *r, int code, const char *capability)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		log_event(LOG_LEVEL_WARN, "source_unavailable",
		    "capability=%s sqlite=%d", capability, code);
		return "SOURCE_UNAVAILABLE";
	default:
		log_event(LOG_LEVEL_ERR, "source_query_failed",
		    "capability=%s sqlite=%d text=\"%s\"", capability, code,
		    sqlite3_errmsg(r->db));
		return "SOURCE_QUERY_FAILED";
	}
}

/* Kept for good: SQLite prepares it anew by itself when the schema
 * changes. */
static int
prepare(struct lite_reader *r, const struct plan *plan, sqlite3_stmt **out)
{
	size_t i = plan->cap->index;
	int rc = SQLITE_OK;

	cs_assert(i < r->count);
	if (r->statements[i] == NULL) {
		rc = sqlite3_prepare_v3(r->db, plan->sql, -1,
		    SQLITE_PREPARE_PERSISTENT, &r->statements[i], NULL);
	}
	*out = r->statements[i];
	return rc;
}

static int
bind_values(sqlite3_stmt *stmt, const struct read_request *q)
{
	struct scalar tenant = {SCALAR_TEXT, q->tenant};
	int rc = lite_bind_scalar(stmt, 1, q->key);

	if (rc == 0 && q->plan->cap->tenant_key != NULL) {
		rc = lite_bind_scalar(stmt, 2, tenant);
	}
	return rc == 0 ? SQLITE_OK : SQLITE_TOOBIG;
}

/* All read columns; they stay valid when the statement is reset. */
static const char *
take_row(sqlite3_stmt *stmt, struct read_request *q)
{
	const struct contract_capability *cap = q->plan->cap;

	q->row = arena_array(q->arena, cap->read_count, sizeof(*q->row));
	for (size_t i = 0; i < cap->read_count; i++) {
		q->row[i].name = span_of(cap->read_columns[i]);
		if (lite_column_scalar(
			stmt, (int)i, q->arena, &q->row[i].value, NULL) != 0) {
			return "VALUE_UNSUPPORTED";
		}
	}
	return NULL;
}

/* Step twice: the second step proves that there is no other row. */
static const char *
read_row(struct lite_reader *r, sqlite3_stmt *stmt, struct read_request *q)
{
	const char *capability = q->plan->cap->name;
	const char *error = NULL;
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE) {
		return "ROW_NOT_FOUND";
	}
	if (rc != SQLITE_ROW) {
		return reason_of(r, rc, capability);
	}
	error = take_row(stmt, q);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		return "ROW_NOT_UNIQUE";
	}
	if (rc != SQLITE_DONE) {
		return reason_of(r, rc, capability);
	}
	return error;
}

static void
lite_submit(struct reader *reader, struct read_request *q)
{
	struct lite_reader *r = (struct lite_reader *)reader;
	sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_OK;

	r->deadline_ms = clock_mono_ms() + r->timeout_ms;
	rc = prepare(r, q->plan, &stmt);
	if (rc == SQLITE_OK) {
		rc = bind_values(stmt, q);
	}
	q->error = rc == SQLITE_OK ? read_row(r, stmt, q)
				   : reason_of(r, rc, q->plan->cap->name);
	if (stmt != NULL) {
		sqlite3_reset(stmt); /* ends the read transaction */
		sqlite3_clear_bindings(stmt);
	}
	q->done(q);
}

/* Nothing is ever under way between two calls. */
static void
lite_cancel(struct reader *reader, struct read_request *q)
{
	(void)reader;
	(void)q;
}

static void
lite_free(struct reader *reader)
{
	struct lite_reader *r = (struct lite_reader *)reader;

	for (size_t i = 0; i < r->count; i++) {
		sqlite3_finalize(r->statements[i]);
	}
	lite_close(&r->db);
	free(r->statements);
	free(r);
}

static const struct reader_ops lite_ops = {
    NULL, lite_submit, lite_cancel, lite_free};

int
lite_reader_new(const struct contract_source *source, const char *path,
    size_t plan_count, struct reader **out, struct err *e)
{
	struct lite_reader *r = xcalloc(1, sizeof(*r));
	int rc = lite_open(path, LITE_READ, BUSY_MS, &r->db, e);

	if (rc != 0) {
		err_context(e, "source %s", source->name);
		free(r);
		return rc;
	}
	r->base.ops = &lite_ops;
	r->count = plan_count;
	r->statements = xcalloc(plan_count + 1, sizeof(sqlite3_stmt *));
	r->timeout_ms = source->statement_timeout_ms > 0
			    ? source->statement_timeout_ms
			    : DEFAULT_TIMEOUT_MS;
	sqlite3_progress_handler(r->db, PROGRESS_STEPS, is_over_time, r);
	*out = &r->base;
	return 0;
}
