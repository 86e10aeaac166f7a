#include <errno.h>
#include <poll.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/db/pg_session.h"
#include "common/db/pg_value.h"
#include "writerd/db.h"

#define STATEMENT_TIMEOUT_MS 15000
#define LOCK_TIMEOUT_MS      5000
/* How much longer than the server's own limit an answer may take. */
#define PATIENCE_MS 2000

/* Statements that a connection keeps; when there are more, it begins anew. */
#define KEPT_MAX  128
#define STEPS_MAX 4

/*
 * A prepared statement. Its name is made of its text: should a pooler mix the
 * sessions of several writers, a name still means one statement everywhere.
 */
struct kept {
	char *sql;
	char name[ID_TEXT_SIZE];
};

struct db_pg {
	struct db db;
	PGconn *conn;
	int64_t answer_ms; /* an answer later than this is lost */
	bool lost;         /* the connection is never used again */
	bool stale;        /* what is kept has to be prepared anew */
	bool is_shared;    /* sessions are a pooler's: keep nothing */
	struct kept kept[KEPT_MAX];
	size_t kept_count;
};

static struct db_pg *
self_of(struct db *db)
{
	return (struct db_pg *)db;
}

static PGconn *
conn_of(struct db *db)
{
	return self_of(db)->conn;
}

static int
pg_db_open(const struct contract_source *source, struct span url,
    struct db **out, struct err *e)
{
	struct pg_session session = {
	    .statement_timeout_ms = source->statement_timeout_ms > 0
					? source->statement_timeout_ms
					: STATEMENT_TIMEOUT_MS,
	    .lock_timeout_ms = LOCK_TIMEOUT_MS,
	    .application_name = "countersign-writerd"};
	struct db_pg *db = xcalloc(1, sizeof(*db));
	int rc = pg_connect(url, &session, &db->conn, e);

	if (rc != 0) {
		free(db);
		if (e != NULL) {
			e->reason = "DATABASE_UNAVAILABLE";
		}
		return rc;
	}
	db->db.ops = &db_pg_ops;
	db->answer_ms = session.statement_timeout_ms + PATIENCE_MS;
	(void)PQsetnonblocking(db->conn, 1);
	*out = &db->db;
	return 0;
}

/* Wait until the server has read all and answered: 0, or -1 when the time is
 * over or the connection ended. */
static int
await_answer(PGconn *conn, int64_t deadline)
{
	int unsent;

	while ((unsent = PQflush(conn)) == 1 || PQisBusy(conn)) {
		struct pollfd p = {.fd = PQsocket(conn),
		    .events = (short)(POLLIN | (unsent == 1 ? POLLOUT : 0))};
		int64_t left = deadline - clock_mono_ms();

		if (left <= 0 ||
		    (poll(&p, 1, (int)left) < 0 && errno != EINTR)) {
			return -1;
		}
		if (p.revents != 0 && PQconsumeInput(conn) == 0) {
			return -1;
		}
	}
	return unsent < 0 ? -1 : 0;
}

/* NULL: nothing more of this statement, or the connection is lost. */
static PGresult *
next_result(struct db_pg *db, int64_t deadline)
{
	db->lost = db->lost || await_answer(db->conn, deadline) != 0;
	return db->lost ? NULL : PQgetResult(db->conn);
}

/* The last result of what was sent, as PQexec gives it; but PQexec waits for
 * ever when an answer got lost on the way. NULL: no complete answer. */
static PGresult *
take_result(struct db_pg *db, int sent)
{
	int64_t deadline = clock_mono_ms() + db->answer_ms;
	PGresult *last = NULL;
	PGresult *next = NULL;

	db->lost = db->lost || sent == 0;
	while ((next = next_result(db, deadline)) != NULL) {
		PQclear(last);
		last = next;
	}
	db->lost = db->lost || PQstatus(db->conn) != CONNECTION_OK;
	if (db->lost) {
		PQclear(last);
		last = NULL;
	}
	return last;
}

static bool
starts_with_any(const char *state, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strncmp(state, *list, strlen(*list)) == 0) {
			return true;
		}
	}
	return false;
}

/* Only the SQLSTATE leaves: the server's text may hold values. */
static int
pg_failure(struct db_pg *db, const PGresult *result, struct err *e)
{
	static const char *const passing[] = {"40001", "40P01", NULL};
	static const char *const transient[] = {
	    "40001", "40P01", "53", "55P03", "57014", "57P0", "08", NULL};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL) {
		return err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE",
		    "the connection to the database was lost");
	}
	db->db.would_pass = starts_with_any(state, passing);
	if (starts_with_any(state, transient)) {
		return err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
		    "the database could not do it now (SQLSTATE %s)", state);
	}
	return err_set(e, CS_E_DENIED, "TRANSACTION_FAILED",
	    "the database refused (SQLSTATE %s); compare its grants with "
	    "'countersign writeback grants' or look into its log",
	    state);
}

static const char *const *
copy_names(const PGresult *result, struct arena *a)
{
	int columns = PQnfields(result);
	const char **names =
	    arena_array(a, (size_t)columns + 1, sizeof(*names));

	for (int i = 0; i < columns; i++) {
		names[i] = arena_span(a, span_of(PQfname(result, i))).ptr;
	}
	return names;
}

static int
copy_rows(const struct db *db, PGresult *result, struct arena *a,
    struct db_result *out, struct err *e)
{
	int max = db->max_rows > 0 ? (int)db->max_rows : DB_MAX_ROWS;
	int rows = PQntuples(result);
	int columns = PQnfields(result);

	rows = rows < max ? rows : max;
	out->names = db->max_rows > 0 ? copy_names(result, a) : NULL;
	out->rows = (size_t)rows;
	out->columns = (size_t)columns;
	out->values =
	    arena_array(a, out->rows * out->columns + 1, sizeof(*out->values));
	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < columns; c++) {
			int rc = pg_result_scalar(
			    result, r, c, a, &out->values[r * columns + c], e);
			if (rc != 0) {
				return rc;
			}
		}
	}
	out->affected = strtoll(PQcmdTuples(result), NULL, 10);
	return 0;
}

/* Once: parameters go as text; the server types them by the column (unnamed
 * prepared statement: parse, bind, execute in one round trip). */
static int
pg_db_query(struct db *db, const char *sql, struct db_params params,
    struct arena *a, struct db_result *out, struct err *e)
{
	const char **values = arena_array(a, params.count + 1, sizeof(*values));
	PGresult *result;
	ExecStatusType status;
	int rc;

	*out = (struct db_result){0};
	for (size_t i = 0; i < params.count; i++) {
		values[i] = pg_param_text(params.items[i], a);
	}
	result = take_result(
	    self_of(db), PQsendQueryParams(conn_of(db), sql, (int)params.count,
			     NULL, values, NULL, NULL, 0));
	status = PQresultStatus(result);
	rc = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK
		 ? copy_rows(db, result, a, out, e)
		 : pg_failure(self_of(db), result, e);
	PQclear(result);
	return rc;
}

static void
drop_kept(struct db_pg *db)
{
	while (db->kept_count > 0) {
		free(db->kept[--db->kept_count].sql);
	}
	db->stale = false;
}

/* Forget what is prepared, here and there. */
static void
forget_kept(struct db_pg *db)
{
	PGresult *result =
	    take_result(db, PQsendQuery(db->conn, "DEALLOCATE ALL"));

	db->lost = db->lost || PQresultStatus(result) != PGRES_COMMAND_OK;
	PQclear(result);
	drop_kept(db);
}

/* What a run puts into the pipeline. */
struct pipe_item {
	struct db_step *step;
	bool prepares; /* before its statement, if this session needs that */
	bool is_kept;  /* it was prepared by an earlier run */
};

struct pipe {
	struct pipe_item items[2 * STEPS_MAX];
	size_t count;
};

static const struct kept *
find_kept(const struct db_pg *db, const char *sql)
{
	size_t i = 0;

	while (i < db->kept_count && strcmp(db->kept[i].sql, sql) != 0) {
		i++;
	}
	return i < db->kept_count ? &db->kept[i] : NULL;
}

/* No name, and it is prepared for this once. */
static bool
put_unnamed(struct db_pg *db, struct pipe *pipe, struct db_step *step,
    const char *const *values)
{
	pipe->items[pipe->count++] = (struct pipe_item){.step = step};
	return PQsendQueryParams(db->conn, step->sql, (int)step->params.count,
		   NULL, values, NULL, NULL, 0) == 1;
}

static bool
put_step(
    struct db_pg *db, struct pipe *pipe, struct db_step *step, struct arena *a)
{
	const char **values =
	    arena_array(a, step->params.count + 1, sizeof(*values));
	const struct kept *kept = find_kept(db, step->sql);
	char name[ID_TEXT_SIZE];
	int sent = 1;

	for (size_t i = 0; i < step->params.count; i++) {
		values[i] = pg_param_text(step->params.items[i], a);
	}
	if (db->is_shared) {
		return put_unnamed(db, pipe, step, values);
	}
	if (kept == NULL) {
		digest_id("cs", span_of(step->sql), name);
		pipe->items[pipe->count++] =
		    (struct pipe_item){.step = step, .prepares = true};
		sent = PQsendPrepare(db->conn, name, step->sql, 0, NULL);
	}
	pipe->items[pipe->count++] =
	    (struct pipe_item){.step = step, .is_kept = kept != NULL};
	return sent == 1 &&
	       PQsendQueryPrepared(db->conn, kept != NULL ? kept->name : name,
		   (int)step->params.count, values, NULL, NULL, 0) == 1;
}

/*
 * A statement was prepared for the tables as they were then. Where that may be
 * why it failed, nothing is said about this transaction: it is done again with
 * everything prepared anew, which cannot fail for this reason.
 */
static void
judge_kept(
    struct db_pg *db, const struct pipe_item *item, const PGresult *result)
{
	/* Columns or parameters of another type; what is not there any more. */
	static const char *const outdated[] = {"0A000", "22", "42", NULL};
	/* The session does not know it; or knows it, but not from us. */
	static const char *const strange[] = {"26000", "42P05", NULL};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL) {
		return;
	}
	if ((item->is_kept || item->prepares) &&
	    starts_with_any(state, strange)) {
		db->is_shared = true;
	} else if (!item->is_kept || !starts_with_any(state, outdated)) {
		return;
	}
	db->stale = true;
	db->db.would_pass = true;
}

/* One result of one item; the first error is what happened, and the server
 * skips the rest. */
static int
take_item(struct db_pg *db, const struct pipe_item *item, PGresult *result,
    struct arena *a, struct err *e)
{
	ExecStatusType status = PQresultStatus(result);
	struct kept *kept = &db->kept[db->kept_count];
	int rc;

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
		rc = pg_failure(db, result, e);
		judge_kept(db, item, result);
		return rc;
	}
	if (!item->prepares) {
		return copy_rows(&db->db, result, a, &item->step->result, e);
	}
	cs_assert(db->kept_count < KEPT_MAX);
	kept->sql = xstrdup(item->step->sql);
	digest_id("cs", span_of(kept->sql), kept->name);
	db->kept_count++;
	return 0;
}

/* Read the answers, each with the time that one statement may take. */
static int
take_pipe(struct db_pg *db, const struct pipe *pipe, struct arena *a,
    size_t *done, struct err *e)
{
	PGresult *result;
	int rc = 0;

	for (size_t i = 0; i < pipe->count && !db->lost; i++) {
		int64_t deadline = clock_mono_ms() + db->answer_ms;

		while ((result = next_result(db, deadline)) != NULL) {
			rc = rc != 0
				 ? rc
				 : take_item(db, &pipe->items[i], result, a, e);
			PQclear(result);
		}
		*done += rc == 0 && !db->lost && !pipe->items[i].prepares;
	}
	result = next_result(db, clock_mono_ms() + db->answer_ms);
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC ||
	    PQexitPipelineMode(db->conn) != 1 ||
	    PQstatus(db->conn) != CONNECTION_OK) {
		db->lost = true;
		rc = pg_failure(db, NULL, e);
	}
	PQclear(result);
	return rc;
}

static int
pg_db_run(struct db *db, struct db_step *steps, size_t count, struct arena *a,
    size_t *done, struct err *e)
{
	struct db_pg *self = self_of(db);
	struct pipe pipe = {.count = 0};
	bool ok;

	cs_assert(count <= STEPS_MAX);
	*done = 0;
	if (self->kept_count + count > KEPT_MAX) {
		forget_kept(self);
	}
	ok = !self->lost && PQenterPipelineMode(self->conn) == 1;
	for (size_t i = 0; i < count && ok; i++) {
		steps[i].result = (struct db_result){0};
		ok = put_step(self, &pipe, &steps[i], a);
	}
	if (!ok || PQpipelineSync(self->conn) != 1) {
		self->lost = true;
		return pg_failure(self, NULL, e);
	}
	return take_pipe(self, &pipe, a, done, e);
}

static int
pg_db_commit(struct db *db, struct err *e)
{
	PGresult *result =
	    take_result(self_of(db), PQsendQuery(conn_of(db), "COMMIT"));
	int rc;

	if (PQresultStatus(result) == PGRES_COMMAND_OK) {
		/* COMMIT of a failed transaction answers ROLLBACK. */
		rc = strcmp(PQcmdStatus(result), "COMMIT") == 0
			 ? 0
			 : err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
			       "the database rolled the transaction back");
	} else if (PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL &&
		   PQtransactionStatus(conn_of(db)) == PQTRANS_IDLE) {
		/* An error, and the server says that no transaction is open. */
		rc = pg_failure(self_of(db), result, e);
	} else {
		self_of(db)->lost = true;
		rc = err_set(e, CS_E_UNKNOWN, "OUTCOME_UNKNOWN",
		    "COMMIT was sent and no answer came");
	}
	PQclear(result);
	return rc;
}

static void
pg_db_rollback(struct db *db)
{
	struct db_pg *self = self_of(db);

	if (!self->lost && PQtransactionStatus(self->conn) != PQTRANS_IDLE) {
		PQclear(take_result(self, PQsendQuery(self->conn, "ROLLBACK")));
	}
	if (!self->lost && self->stale) {
		forget_kept(self);
	}
}

/* Reads what came meanwhile, so that a server that went away shows here. */
static bool
pg_db_is_alive(struct db *db)
{
	return !self_of(db)->lost && PQconsumeInput(conn_of(db)) == 1 &&
	       PQstatus(conn_of(db)) == CONNECTION_OK &&
	       PQtransactionStatus(conn_of(db)) == PQTRANS_IDLE;
}

static void
pg_db_close(struct db *db)
{
	struct db_pg *self = self_of(db);

	pg_close(&self->conn);
	drop_kept(self);
	free(self);
}

const struct db_ops db_pg_ops = {pg_db_open, pg_db_query, pg_db_run,
    pg_db_commit, pg_db_rollback, pg_db_is_alive, pg_db_close};
