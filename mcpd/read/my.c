/*
 * MySQL and MariaDB connections for the pool. The driver runs each call on a
 * stack of its own (_start) and comes back here whenever it would wait (_cont).
 * Statements are prepared once per connection, so a read is one round trip.
 */
#include "common/db/my_session.h"

#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/db/my_value.h"
#include "mcpd/read/my_errors.h"
#include "mcpd/read/pool.h"

/* A host may have several addresses, and each is given up by itself. */
#define UNWIND_STEPS 32

/* Which call of the driver is under way. */
enum my_call {
	CALL_NONE,
	CALL_CONNECT,
	CALL_PREPARE,
	CALL_EXECUTE,
	CALL_STORE
};

/* A prepared statement and the types of what its parameters meet. */
struct my_statement {
	MYSQL_STMT *stmt; /* NULL: not prepared in this session */
	enum my_shape shapes[JOB_PARAMS];
};

struct my_conn {
	struct pool_conn base;
	MYSQL *my;
	enum my_call call;
	struct my_login *login;          /* while connecting */
	int waiting;                     /* what the driver waits for, or 0 */
	int failed;                      /* what its last call returned */
	struct my_statement *statements; /* the kept ones, and one more */
	struct my_statement *current;
};

static struct my_conn *
self_of(struct pool_conn *c)
{
	return (struct my_conn *)c;
}

/* Let the driver's call that is under way go on; 0 when it has ended. */
static int
call_cont(struct my_conn *c, int ready)
{
	MYSQL_STMT *stmt = c->current == NULL ? NULL : c->current->stmt;

	switch (c->call) {
	case CALL_CONNECT:
		return my_login_cont(c->login, c->my, ready);
	case CALL_PREPARE:
		return mysql_stmt_prepare_cont(&c->failed, stmt, ready);
	case CALL_EXECUTE:
		return mysql_stmt_execute_cont(&c->failed, stmt, ready);
	case CALL_STORE:
		return mysql_stmt_store_result_cont(&c->failed, stmt, ready);
	case CALL_NONE:
	default:
		return 0;
	}
}

/*
 * A call in the middle of its own stack must return before its connection may
 * be freed: without a socket it fails at once, wherever it is.
 */
static void
unwind(struct my_conn *c)
{
	for (int i = 0; c->waiting != 0 && i < UNWIND_STEPS; i++) {
		my_socket fd = mysql_get_socket(c->my);

		if (fd != MARIADB_INVALID_SOCKET) {
			(void)shutdown(fd, SHUT_RDWR);
		}
		c->waiting = call_cont(
		    c, c->waiting | MYSQL_WAIT_READ | MYSQL_WAIT_WRITE);
	}
	c->waiting = 0;
	c->call = CALL_NONE;
}

static void
login_free(struct my_conn *c)
{
	if (c->login != NULL) {
		my_login_clear(c->login);
	}
	free(c->login);
	c->login = NULL;
}

static void
my_conn_close(struct pool_conn *base)
{
	struct my_conn *c = self_of(base);

	unwind(c);
	my_close(&c->my);
	/* Their connection is gone, so this only frees memory. */
	for (size_t i = 0; c->statements != NULL && i <= base->pool->kept;
	     i++) {
		if (c->statements[i].stmt != NULL) {
			(void)mysql_stmt_close(c->statements[i].stmt);
		}
	}
	free(c->statements);
	c->statements = NULL;
	c->current = NULL;
	login_free(c);
}

/* Watch the socket of the moment; the driver may change it while connecting.
 * Errors show as readable. */
static void
watch(struct my_conn *c)
{
	short want = EV_PERSIST | EV_READ;

	if ((c->waiting & MYSQL_WAIT_WRITE) != 0) {
		want |= EV_WRITE;
		if ((c->waiting & MYSQL_WAIT_READ) == 0) {
			want &= ~EV_READ;
		}
	}
	pool_watch(&c->base, mysql_get_socket(c->my), want);
}

static void
connect_done(struct my_conn *c)
{
	struct err e = {0};

	c->call = CALL_NONE;
	if (my_login_finish(c->login, c->my, &e) != 0) {
		pool_connect_failed(&c->base, e.msg);
		return;
	}
	login_free(c);
	c->statements =
	    xcalloc(c->base.pool->kept + 1, sizeof(struct my_statement));
	pool_connected(&c->base);
}

/* A parameter has the type of the column that it is compared with. */
static void
take_shapes(struct my_statement *s, const struct db_job *j)
{
	MYSQL_RES *fields = mysql_stmt_result_metadata(s->stmt);

	for (size_t i = 0; i < j->param_count; i++) {
		int column = j->params[i].column;

		s->shapes[i] = MY_TEXT;
		if (fields != NULL && column != NO_COLUMN) {
			s->shapes[i] = my_shape_of(
			    mysql_fetch_field_direct(fields, (unsigned)column));
		}
	}
	mysql_free_result(fields);
}

static void
start_execute(struct my_conn *c)
{
	const struct db_job *j = c->base.job;
	struct scalar values[JOB_PARAMS];

	for (size_t i = 0; i < j->param_count; i++) {
		values[i] = j->params[i].value;
	}
	c->call = CALL_EXECUTE;
	c->failed = mysql_stmt_bind_param(c->current->stmt,
			my_params_bind(values, c->current->shapes,
			    j->param_count, j->arena)) != 0;
	if (c->failed == 0) {
		c->waiting =
		    mysql_stmt_execute_start(&c->failed, c->current->stmt);
	}
}

/* Prepare first if this session does not know the statement yet. */
static void
start_job(struct my_conn *c)
{
	const struct db_job *j = c->base.job;
	size_t kept = c->base.pool->kept;

	c->current = &c->statements[j->kept == JOB_ONCE ? kept : j->kept];
	if (c->current->stmt != NULL) {
		start_execute(c);
		return;
	}
	c->call = CALL_PREPARE;
	c->current->stmt = mysql_stmt_init(c->my);
	c->failed = c->current->stmt == NULL;
	if (c->failed == 0) {
		c->waiting = mysql_stmt_prepare_start(
		    &c->failed, c->current->stmt, j->sql, strlen(j->sql));
	}
}

static const char *
take_rows(struct my_conn *c)
{
	struct db_job *j = c->base.job;
	struct my_rows rows;
	struct err e = {0};

	if (my_rows_take(c->current->stmt, 1, j->arena, &rows, &e) != 0) {
		return e.reason != NULL ? e.reason : "SOURCE_UNAVAILABLE";
	}
	j->rows = rows.total;
	j->columns = rows.columns;
	j->values = rows.values;
	return NULL;
}

/* Closing a statement tells the server without waiting for an answer. */
static void
forget(struct my_conn *c)
{
	if (c->current->stmt != NULL) {
		(void)mysql_stmt_close(c->current->stmt);
	}
	c->current->stmt = NULL;
}

static void
job_done(struct my_conn *c, const char *error)
{
	if (c->base.job->kept == JOB_ONCE || c->call == CALL_PREPARE) {
		forget(c);
	} else {
		(void)mysql_stmt_free_result(c->current->stmt);
	}
	c->call = CALL_NONE;
	c->current = NULL;
	pool_job_done(&c->base, error);
}

/* Not the message: it may quote values. */
static void
job_failed(struct my_conn *c)
{
	const struct db_job *j = c->base.job;
	MYSQL_STMT *stmt = c->current->stmt;
	unsigned code = stmt == NULL ? 0 : mysql_stmt_errno(stmt);
	const char *reason = my_error_reason(code);

	if (j->label != NULL && strcmp(reason, "ROW_NOT_FOUND") != 0) {
		log_event(LOG_LEVEL_WARN, "source_query_failed",
		    "source=%s capability=%s " JOB_CALL_FMT " mysql=%u",
		    c->base.pool->source->name, j->label, JOB_CALL_ARGS(j),
		    code);
	}
	if (my_error_needs_new_session(code)) {
		pool_conn_lost(&c->base);
	} else {
		job_done(c, reason);
	}
}

/* The driver's call ended: what comes next? */
static void
call_done(struct my_conn *c)
{
	if (c->call == CALL_CONNECT) {
		connect_done(c);
	} else if (c->failed != 0) {
		job_failed(c);
	} else if (c->call == CALL_PREPARE) {
		take_shapes(c->current, c->base.job);
		start_execute(c);
	} else if (c->call == CALL_EXECUTE &&
		   mysql_stmt_field_count(c->current->stmt) > 0) {
		c->call = CALL_STORE;
		c->waiting =
		    mysql_stmt_store_result_start(&c->failed, c->current->stmt);
	} else {
		job_done(c, c->call == CALL_STORE ? take_rows(c) : NULL);
	}
}

/* Go on until the driver has to wait or nothing is left to do. */
static void
run(struct my_conn *c)
{
	while (c->waiting == 0 && c->call != CALL_NONE) {
		call_done(c);
	}
	if (c->base.state != CONN_CLOSED) {
		watch(c);
	}
}

struct connect_args {
	struct my_conn *conn;
	struct err *e;
};

/* Runs inside secret_with. */
static int
connect_with(struct span url, void *context)
{
	const struct connect_args *args = context;
	struct my_conn *c = args->conn;
	const struct my_session session = {.read_only = true,
	    .non_blocking = true,
	    .statement_timeout_ms = c->base.pool->source->statement_timeout_ms};

	return my_login_start(
	    url, &session, c->login, &c->my, &c->waiting, args->e);
}

static int
my_open(struct pool_conn *base, struct err *e)
{
	struct my_conn *c = self_of(base);
	struct connect_args args = {c, e};
	int rc = 0;

	c->login = xcalloc(1, sizeof(*c->login));
	rc = secret_with(base->pool->url, connect_with, &args);
	if (rc == 0) {
		c->call = CALL_CONNECT;
		run(c);
	}
	return rc;
}

static void
my_run(struct pool_conn *base)
{
	struct my_conn *c = self_of(base);

	start_job(c);
	run(c);
}

/* On an idle connection input is the end: the server never speaks first. */
static void
my_on_io(struct pool_conn *base, short what)
{
	struct my_conn *c = self_of(base);
	int ready = 0;

	if (base->state == CONN_IDLE) {
		pool_conn_lost(base);
		return;
	}
	ready |= (what & EV_READ) != 0 ? MYSQL_WAIT_READ : 0;
	ready |= (what & EV_WRITE) != 0 ? MYSQL_WAIT_WRITE : 0;
	c->waiting = call_cont(c, ready);
	run(c);
}

/* The whole session: what it does next would be nobody's. */
static void
my_cancel_sql(struct pool_conn *base, char out[POOL_CANCEL_SQL])
{
	(void)snprintf(out, POOL_CANCEL_SQL, "KILL %lu",
	    mysql_thread_id(self_of(base)->my));
}

static const struct pool_driver my_driver = {sizeof(struct my_conn), my_open,
    my_run, my_on_io, my_conn_close, my_cancel_sql};

/* Found out at start instead of with the first read. */
static int
check_url(struct span url, void *context)
{
	struct my_url parsed;
	int rc = my_url_parse(url, &parsed, context);

	my_url_clear(&parsed);
	return rc;
}

int
my_link_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t kept, struct link **out, struct err *e)
{
	int rc = secret_with(url, check_url, e);

	if (rc != 0) {
		err_context(e, "source %s", source->name);
		return rc;
	}
	*out = &pool_new(base, &my_driver, source, url, kept)->link;
	return 0;
}
