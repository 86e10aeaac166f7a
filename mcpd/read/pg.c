/*
 * PostgreSQL connections for the pool. Everything of a job goes out in one
 * pipeline: PREPARE if this session does not know the statement yet, the
 * transaction with the settings that row security asks for if there are any,
 * and the statement itself. So a read is one round trip, the first one too.
 */
#include "common/db/pg_session.h"

#include <event2/event.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/db/pg_scope.h"
#include "common/db/pg_value.h"
#include "mcpd/read/pg_errors.h"
#include "mcpd/read/pool.h"

/* What was put into the pipeline, in order. */
enum pg_step {
	STEP_PREPARE_BEGIN,
	STEP_PREPARE_SCOPE,
	STEP_PREPARE_END,
	STEP_PREPARE,
	STEP_BEGIN,
	STEP_SCOPE,
	STEP_STATEMENT,
	STEP_SYNC,
	STEP_END
};

#define STEPS_MAX 12

struct pg_conn {
	struct pool_conn base;
	PGconn *pg;
	bool *prepared;   /* by number of the statement */
	bool scope_known; /* the three statements around a scoped one */
	enum pg_step steps[STEPS_MAX];
	size_t step;       /* the one whose results come next */
	size_t step_count; /* 0: nothing was sent */
	const char *error; /* of the job in hand */
	bool lost;         /* close it when the pipeline ends */
};

static struct pg_conn *
self_of(struct pool_conn *c)
{
	return (struct pg_conn *)c;
}

/* Send what libpq still holds; 0 or CS_E_IO. */
static int
flush(struct pg_conn *c)
{
	int rc = PQflush(c->pg);

	if (rc < 0) {
		return CS_E_IO;
	}
	pool_watch(&c->base, PQsocket(c->pg),
	    (short)(EV_READ | EV_PERSIST | (rc > 0 ? EV_WRITE : 0)));
	return 0;
}

static void
connect_done(struct pg_conn *c)
{
	if (PQsetnonblocking(c->pg, 1) != 0 ||
	    PQenterPipelineMode(c->pg) != 1) {
		pool_connect_failed(&c->base, "the driver has no pipelines");
		return;
	}
	pool_watch(&c->base, PQsocket(c->pg), EV_READ | EV_PERSIST);
	pool_connected(&c->base);
}

/* One-shot events here: libpq may close and reopen its socket in between. */
static void
connect_step(struct pg_conn *c)
{
	struct err e = {0};

	switch (PQconnectPoll(c->pg)) {
	case PGRES_POLLING_READING:
		pool_watch(&c->base, PQsocket(c->pg), EV_READ);
		break;
	case PGRES_POLLING_WRITING:
		pool_watch(&c->base, PQsocket(c->pg), EV_WRITE);
		break;
	case PGRES_POLLING_OK:
		connect_done(c);
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
	default:
		(void)pg_connect_failure(c->pg, &e);
		pool_connect_failed(&c->base, e.msg);
		break;
	}
}

struct connect_args {
	struct pg_conn *conn;
	struct err *e;
};

/* Runs inside secret_with, so that the URL is never copied by us. */
static int
connect_with(struct span url, void *context)
{
	const struct connect_args *args = context;
	const struct contract_source *source = args->conn->base.pool->source;
	const struct pg_session session = {.read_only = true,
	    .statement_timeout_ms = source->statement_timeout_ms,
	    .application_name = "countersign-mcpd"};

	return pg_connect_start(url, &session, &args->conn->pg, args->e);
}

static int
pg_open(struct pool_conn *base, struct err *e)
{
	struct pg_conn *c = self_of(base);
	struct connect_args args = {c, e};
	int rc = 0;

	/* A fresh session knows no statements. */
	if (c->prepared == NULL) {
		c->prepared = xcalloc(base->pool->kept + 1, sizeof(bool));
	}
	rc = secret_with(base->pool->url, connect_with, &args);
	if (rc == 0) {
		/* libpq wants to be polled as if it had asked to write. */
		pool_watch(base, PQsocket(c->pg), EV_WRITE);
	}
	return rc;
}

/* `sent` is what libpq returned for it. */
static bool
put(struct pg_conn *c, enum pg_step step, int sent)
{
	cs_assert(c->step_count < STEPS_MAX);
	c->steps[c->step_count++] = step;
	return sent == 1;
}

static bool
put_prepare(
    struct pg_conn *c, enum pg_step step, const char *name, const char *sql)
{
	return put(c, step, PQsendPrepare(c->pg, name, sql, 0, NULL));
}

static bool
put_prepared(struct pg_conn *c, enum pg_step step, const char *name, int count,
    const char *const *values)
{
	return put(c, step,
	    PQsendQueryPrepared(c->pg, name, count, values, NULL, NULL, 0));
}

/* The settings end with the transaction, whatever becomes of it. */
static bool
put_scope(struct pg_conn *c, const struct db_job *j)
{
	const struct contract_source *source = c->base.pool->source;
	const char *values[PG_SCOPE_PARAMS];

	pg_scope_params(source, j->tenant, j->principal, j->arena, values);
	return put_prepared(c, STEP_BEGIN, "cs_begin", 0, NULL) &&
	       put_prepared(c, STEP_SCOPE, "cs_scope", PG_SCOPE_PARAMS, values);
}

static bool
put_scope_statements(struct pg_conn *c)
{
	return put_prepare(
		   c, STEP_PREPARE_BEGIN, "cs_begin", "BEGIN READ ONLY") &&
	       put_prepare(c, STEP_PREPARE_SCOPE, "cs_scope", PG_SCOPE_SQL) &&
	       put_prepare(c, STEP_PREPARE_END, "cs_end", "COMMIT");
}

static bool
put_statement(struct pg_conn *c, const struct db_job *j)
{
	const char *values[JOB_PARAMS];
	char name[24] = "";

	for (size_t i = 0; i < j->param_count; i++) {
		values[i] = pg_param_text(j->params[i].value, j->arena);
	}
	if (j->kept == JOB_ONCE) {
		return put(c, STEP_STATEMENT,
		    PQsendQueryParams(c->pg, j->sql, (int)j->param_count, NULL,
			values, NULL, NULL, 0));
	}
	(void)snprintf(name, sizeof(name), "cs_%zu", j->kept);
	return put_prepared(
	    c, STEP_STATEMENT, name, (int)j->param_count, values);
}

static bool
put_prepares(struct pg_conn *c, const struct db_job *j)
{
	char name[24] = "";

	if (j->is_scoped && !c->scope_known && !put_scope_statements(c)) {
		return false;
	}
	if (j->kept == JOB_ONCE || c->prepared[j->kept]) {
		return true;
	}
	(void)snprintf(name, sizeof(name), "cs_%zu", j->kept);
	return put_prepare(c, STEP_PREPARE, name, j->sql);
}

/*
 * The COMMIT lies behind a Sync of its own, so that it is run whatever the
 * statement did: a transaction that failed ends there as well.
 */
static void
pg_run(struct pool_conn *base)
{
	struct pg_conn *c = self_of(base);
	const struct db_job *j = base->job;
	bool ok = true;

	c->error = NULL;
	c->lost = false;
	c->step = 0;
	c->step_count = 0;
	ok = put_prepares(c, j) && (!j->is_scoped || put_scope(c, j)) &&
	     put_statement(c, j) && put(c, STEP_SYNC, PQpipelineSync(c->pg));
	if (ok && j->is_scoped) {
		ok = put_prepared(c, STEP_END, "cs_end", 0, NULL) &&
		     put(c, STEP_SYNC, PQpipelineSync(c->pg));
	}
	if (!ok || flush(c) != 0) {
		pool_conn_lost(base);
	}
}

static const char *
take_rows(const PGresult *result, struct db_job *j)
{
	j->rows = (size_t)PQntuples(result);
	j->columns = (size_t)PQnfields(result);
	j->values = arena_array(j->arena, j->columns + 1, sizeof(*j->values));
	for (size_t i = 0; j->rows > 0 && i < j->columns; i++) {
		if (pg_result_scalar(result, 0, (int)i, j->arena, &j->values[i],
			NULL) != 0) {
			return "VALUE_UNSUPPORTED";
		}
	}
	return NULL;
}

/* The first error is what happened; the rest of its pipeline only follows.
 * Not the message: it may quote values. */
static void
take_error(struct pg_conn *c, const PGresult *result)
{
	const struct db_job *j = c->base.job;
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (c->error != NULL) {
		return;
	}
	c->error = pg_error_reason(sqlstate);
	c->lost = pg_error_needs_new_session(sqlstate);
	if (j->label != NULL && strcmp(c->error, "ROW_NOT_FOUND") != 0) {
		log_event(LOG_LEVEL_WARN, "source_query_failed",
		    "source=%s capability=%s " JOB_CALL_FMT " sqlstate=%s",
		    c->base.pool->source->name, j->label, JOB_CALL_ARGS(j),
		    sqlstate == NULL ? "none" : sqlstate);
	}
}

static void
take_done(struct pg_conn *c, enum pg_step step)
{
	if (step == STEP_PREPARE) {
		c->prepared[c->base.job->kept] = true;
	} else if (step == STEP_PREPARE_END) {
		c->scope_known = true;
	}
}

static void
take_result(struct pg_conn *c, const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_PIPELINE_SYNC) {
		c->step++; /* it has no end of its own */
	} else if (status == PGRES_COMMAND_OK) {
		take_done(c, c->steps[c->step]);
	} else if (status != PGRES_TUPLES_OK &&
		   status != PGRES_PIPELINE_ABORTED) {
		take_error(c, result);
	} else if (c->steps[c->step] == STEP_STATEMENT && c->error == NULL) {
		c->error = take_rows(result, c->base.job);
	}
}

/* All that has come; a step ends with a NULL. */
static void
take_results(struct pg_conn *c)
{
	while (c->step < c->step_count && !PQisBusy(c->pg)) {
		PGresult *result = PQgetResult(c->pg);

		if (result == NULL) {
			c->step++;
		} else {
			take_result(c, result);
			PQclear(result);
		}
		if (PQstatus(c->pg) == CONNECTION_BAD) {
			return;
		}
	}
}

/* Read what came. On an idle connection that is a notice, or the end. */
static void
take_input(struct pg_conn *c)
{
	if (PQconsumeInput(c->pg) == 0) {
		pool_conn_lost(&c->base);
		return;
	}
	if (c->base.job != NULL) {
		take_results(c);
	} else {
		(void)PQisBusy(c->pg); /* parses */
	}
	if (PQstatus(c->pg) == CONNECTION_BAD) {
		pool_conn_lost(&c->base);
	} else if (c->base.job != NULL && c->step == c->step_count) {
		if (c->lost) {
			pool_conn_lost(&c->base);
		} else {
			pool_job_done(&c->base, c->error);
		}
	}
}

static void
pg_on_io(struct pool_conn *base, short what)
{
	struct pg_conn *c = self_of(base);

	if (base->state == CONN_CONNECTING) {
		connect_step(c);
	} else if ((what & EV_WRITE) != 0 && flush(c) != 0) {
		pool_conn_lost(base);
	} else if ((what & EV_READ) != 0) {
		take_input(c);
	}
}

static void
pg_conn_close(struct pool_conn *base)
{
	struct pg_conn *c = self_of(base);

	pg_close(&c->pg);
	free(c->prepared);
	c->prepared = NULL;
	c->scope_known = false;
}

/*
 * A pooler between us gives numbers of its own, so the session must be one of
 * ours besides: same role, same name of the application.
 */
static void
pg_cancel_sql(struct pool_conn *base, char out[POOL_CANCEL_SQL])
{
	(void)snprintf(out, POOL_CANCEL_SQL,
	    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
	    " WHERE pid = %d AND usename = current_user AND application_name ="
	    " current_setting('application_name')",
	    PQbackendPID(self_of(base)->pg));
}

static const struct pool_driver pg_driver = {sizeof(struct pg_conn), pg_open,
    pg_run, pg_on_io, pg_conn_close, pg_cancel_sql};

/* Found out at start instead of with the first read. */
static int
check_url(struct span url, void *context)
{
	struct pg_url parsed;
	int rc = pg_url_parse(url, &parsed, context);

	pg_url_clear(&parsed);
	return rc;
}

int
pg_link_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t kept, struct link **out, struct err *e)
{
	int rc = secret_with(url, check_url, e);

	if (rc != 0) {
		err_context(e, "source %s", source->name);
		return rc;
	}
	*out = &pool_new(base, &pg_driver, source, url, kept)->link;
	return 0;
}
