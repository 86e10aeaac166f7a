/*
 * The PostgreSQL pool: a few kept connections, each a small state machine on
 * the event loop. Statements are prepared once per connection, so a read is
 * one round trip. A read that takes too long loses its connection: libpq 15
 * cannot cancel without blocking, and the server's own statement_timeout ends
 * the query there.
 */
#include "common/db/pg_session.h"

#include <event2/event.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/db/pg_value.h"
#include "mcpd/read/pg_errors.h"
#include "mcpd/read/reader.h"

#define POOL_SIZE          4
#define QUEUE_MAX          256
#define CONNECT_TIMEOUT_MS 5000
#define DEFAULT_TIMEOUT_MS 10000
#define BACKOFF_MIN_MS     100
#define BACKOFF_MAX_MS     5000

enum conn_state {
	CONN_CLOSED,
	CONN_CONNECTING,
	CONN_IDLE,
	CONN_PREPARING,
	CONN_READING
};

struct pg_conn {
	struct pg_reader *pool;
	PGconn *pg;
	enum conn_state state;
	struct event io;
	struct event timer;        /* while connecting */
	bool *prepared;            /* by capability index */
	struct read_request *read; /* PREPARING and READING */
	const char *error;         /* of the statement in hand */
	bool lost;                 /* close it when the statement ends */
};

struct pg_reader {
	struct reader base;
	struct event_base *events;
	const struct secret *url;
	const char *source;
	bool accept_superuser;
	struct pg_session session;
	size_t plan_count;
	int64_t timeout_ms;
	int64_t retry_at_ms; /* no new connection before */
	int64_t backoff_ms;
	struct pg_conn conns[POOL_SIZE];
	struct read_list queue;
	unsigned queued;
};

static void pump(struct pg_reader *p);
static void on_io(evutil_socket_t fd, short what, void *arg);

static struct timeval
timeval_of(int64_t ms)
{
	return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

/* The request is the caller's again before its callback runs. */
static void
finish(struct read_request *q, const char *error)
{
	event_del(&q->timer);
	q->error = error;
	q->done(q);
}

static void
enqueue(struct pg_reader *p, struct read_request *q, bool first)
{
	if (first) {
		TAILQ_INSERT_HEAD(&p->queue, q, link);
	} else {
		TAILQ_INSERT_TAIL(&p->queue, q, link);
	}
	p->queued++;
}

static void
dequeue(struct pg_reader *p, struct read_request *q)
{
	TAILQ_REMOVE(&p->queue, q, link);
	p->queued--;
}

/* Back to nothing; a request on it stays with the caller. */
static void
conn_close(struct pg_conn *c)
{
	if (event_initialized(&c->io)) {
		event_del(&c->io);
	}
	event_del(&c->timer);
	pg_close(&c->pg);
	c->state = CONN_CLOSED;
	c->read = NULL;
	c->lost = false;
}

/* The connection broke: a read that it carried is tried once more, because a
 * kept connection may have been dead for long. */
static void
conn_lost(struct pg_conn *c)
{
	struct pg_reader *p = c->pool;
	struct read_request *q = c->read;

	conn_close(c);
	if (q != NULL && !q->retried) {
		q->retried = true;
		enqueue(p, q, true);
	} else if (q != NULL) {
		finish(q, "SOURCE_UNAVAILABLE");
	}
}

static void
conn_watch(struct pg_conn *c, short what)
{
	if (event_initialized(&c->io)) {
		event_del(&c->io);
	}
	event_assign(&c->io, c->pool->events, PQsocket(c->pg), what, on_io, c);
	event_add(&c->io, NULL);
}

/* Send what libpq still holds; 0 or CS_E_IO. */
static int
conn_flush(struct pg_conn *c)
{
	int rc = PQflush(c->pg);
	short now = event_get_events(&c->io);
	short want = EV_READ | EV_PERSIST;

	if (rc < 0) {
		return CS_E_IO;
	}
	if (rc > 0) {
		want |= EV_WRITE;
	}
	if ((now & (EV_READ | EV_WRITE | EV_PERSIST)) != want) {
		conn_watch(c, want);
	}
	return 0;
}

/*
 * Nobody is told here: pump fails the waiting reads when no other
 * connection can take them. The wait grows, so that a database that is
 * down is not knocked at by every call.
 */
static void
connect_failed(struct pg_conn *c, const char *text)
{
	struct pg_reader *p = c->pool;

	log_event(LOG_LEVEL_WARN, "source_unavailable", "source=%s text=\"%s\"",
	    p->source, text);
	p->retry_at_ms = clock_mono_ms() + p->backoff_ms;
	p->backoff_ms *= 2;
	if (p->backoff_ms > BACKOFF_MAX_MS) {
		p->backoff_ms = BACKOFF_MAX_MS;
	}
	conn_close(c);
}

/* A fresh session knows no statements. */
static void
connect_done(struct pg_conn *c)
{
	event_del(&c->timer);
	memset(c->prepared, 0, c->pool->plan_count * sizeof(*c->prepared));
	c->pool->backoff_ms = BACKOFF_MIN_MS;
	c->pool->retry_at_ms = 0;
	c->state = CONN_IDLE;
	(void)PQsetnonblocking(c->pg, 1);
	conn_watch(c, EV_READ | EV_PERSIST);
}

static const char superuser_text[] =
    "reason=ROLE_IS_SUPERUSER: the reader's role is a superuser; make a role "
    "of its own that has only SELECT, or ALTER ROLE ... NOSUPERUSER, or accept "
    "it with reader_can_write in the contract";

/* A read-only session is no limit for a superuser, who can end it. */
static bool
is_too_powerful(const struct pg_conn *c)
{
	const struct pg_reader *p = c->pool;

	if (!pg_is_superuser(c->pg)) {
		return false;
	}
	if (p->accept_superuser) {
		log_event(LOG_LEVEL_WARN, "reader_is_superuser",
		    "source=%s accepted=\"reader_can_write\"", p->source);
	}
	return !p->accept_superuser;
}

/* One-shot events here: libpq may close and reopen its socket in between. */
static void
connect_step(struct pg_conn *c)
{
	switch (PQconnectPoll(c->pg)) {
	case PGRES_POLLING_READING:
		conn_watch(c, EV_READ);
		break;
	case PGRES_POLLING_WRITING:
		conn_watch(c, EV_WRITE);
		break;
	case PGRES_POLLING_OK:
		if (is_too_powerful(c)) {
			connect_failed(c, superuser_text);
		} else {
			connect_done(c);
		}
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
	default:
		connect_failed(c, PQerrorMessage(c->pg));
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

	return pg_connect_start(
	    url, &args->conn->pool->session, &args->conn->pg, args->e);
}

static void
conn_open(struct pg_conn *c)
{
	struct timeval tv = timeval_of(CONNECT_TIMEOUT_MS);
	struct err e = {0};
	struct connect_args args = {c, &e};

	c->state = CONN_CONNECTING;
	if (secret_with(c->pool->url, connect_with, &args) != 0) {
		connect_failed(c, e.msg);
		return;
	}
	event_add(&c->timer, &tv);
	/* libpq wants to be polled as if it had asked to write. */
	conn_watch(c, EV_WRITE);
}

static void
on_connect_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct pg_conn *c = arg;

	(void)fd;
	(void)what;
	connect_failed(c, "connection attempt timed out");
	pump(c->pool);
}

/* Send the prepared query; 0 or CS_E_IO. */
static int
send_query(struct pg_conn *c)
{
	const struct read_request *q = c->read;
	const char *values[2];
	struct scalar tenant = {SCALAR_TEXT, q->tenant};

	values[0] = pg_param_text(q->key, q->arena);
	values[1] = pg_param_text(tenant, q->arena);
	c->state = CONN_READING;
	if (PQsendQueryPrepared(c->pg, q->plan->name,
		q->plan->cap->tenant_key == NULL ? 1 : 2, values, NULL, NULL,
		0) == 0) {
		return CS_E_IO;
	}
	return conn_flush(c);
}

/* Prepare first if this session does not know the statement yet. */
static void
conn_begin(struct pg_conn *c, struct read_request *q)
{
	int rc = 0;

	c->read = q;
	c->error = NULL;
	if (c->prepared[q->plan->cap->index]) {
		rc = send_query(c);
	} else {
		c->state = CONN_PREPARING;
		rc = PQsendPrepare(
			 c->pg, q->plan->name, q->plan->sql, 0, NULL) == 0
			 ? CS_E_IO
			 : conn_flush(c);
	}
	if (rc != 0) {
		conn_lost(c);
	}
}

static const char *
take_row(const PGresult *result, struct read_request *q)
{
	const struct contract_capability *cap = q->plan->cap;

	if (PQntuples(result) != 1) {
		return PQntuples(result) == 0 ? "ROW_NOT_FOUND"
					      : "ROW_NOT_UNIQUE";
	}
	cs_assert((size_t)PQnfields(result) == cap->read_count);
	q->row = arena_array(q->arena, cap->read_count, sizeof(*q->row));
	for (size_t i = 0; i < cap->read_count; i++) {
		q->row[i].name = span_of(cap->read_columns[i]);
		if (pg_result_scalar(result, 0, (int)i, q->arena,
			&q->row[i].value, NULL) != 0) {
			return "VALUE_UNSUPPORTED";
		}
	}
	return NULL;
}

/* Remember what went wrong until the statement has ended. */
static void
take_error(struct pg_conn *c, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	c->error = pg_error_reason(sqlstate);
	c->lost = pg_error_needs_new_session(sqlstate);
	/* Not the message: it may quote values. */
	if (strcmp(c->error, "ROW_NOT_FOUND") != 0) {
		log_event(LOG_LEVEL_WARN, "source_query_failed",
		    "source=%s capability=%s sqlstate=%s", c->pool->source,
		    c->read->plan->cap->name,
		    sqlstate == NULL ? "none" : sqlstate);
	}
}

static void
take_result(struct pg_conn *c, const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (c->read == NULL) {
		return;
	}
	if (status == PGRES_TUPLES_OK) {
		c->error = take_row(result, c->read);
	} else if (status != PGRES_COMMAND_OK) {
		take_error(c, result);
	}
}

/* All results of the statement are in. */
static void
statement_done(struct pg_conn *c)
{
	struct read_request *q = c->read;

	if (q == NULL) {
		return;
	}
	if (c->lost) {
		conn_lost(c);
		return;
	}
	if (c->state == CONN_PREPARING && c->error == NULL) {
		c->prepared[q->plan->cap->index] = true;
		if (send_query(c) != 0) {
			conn_lost(c);
		}
		return;
	}
	c->state = CONN_IDLE;
	c->read = NULL;
	finish(q, c->error);
}

/* Read what came. On an idle connection that is a notice, or the end. */
static void
take_input(struct pg_conn *c)
{
	PGresult *result = NULL;
	enum conn_state before = c->state;

	if (PQconsumeInput(c->pg) == 0) {
		conn_lost(c);
		return;
	}
	while (!PQisBusy(c->pg)) {
		result = PQgetResult(c->pg);
		if (result == NULL) {
			break;
		}
		take_result(c, result);
		PQclear(result);
	}
	if (PQstatus(c->pg) == CONNECTION_BAD) {
		conn_lost(c);
	} else if (before != CONN_IDLE && !PQisBusy(c->pg)) {
		statement_done(c);
	}
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct pg_conn *c = arg;
	struct pg_reader *p = c->pool;

	(void)fd;
	if (c->state == CONN_CONNECTING) {
		connect_step(c);
	} else if ((what & EV_WRITE) != 0 && conn_flush(c) != 0) {
		conn_lost(c);
	} else if ((what & EV_READ) != 0) {
		take_input(c);
	}
	pump(p);
}

/* Any connection in this state, or NULL. */
static struct pg_conn *
conn_in(struct pg_reader *p, enum conn_state state)
{
	for (size_t i = 0; i < POOL_SIZE; i++) {
		if (p->conns[i].state == state) {
			return &p->conns[i];
		}
	}
	return NULL;
}

static unsigned
count_in(const struct pg_reader *p, enum conn_state state)
{
	unsigned n = 0;

	for (size_t i = 0; i < POOL_SIZE; i++) {
		n += p->conns[i].state == state ? 1 : 0;
	}
	return n;
}

/* Nobody can serve the queue and nothing is on its way: say so at once. */
static void
fail_queue(struct pg_reader *p)
{
	struct read_request *q = NULL;

	while (count_in(p, CONN_CLOSED) == POOL_SIZE &&
	       (q = TAILQ_FIRST(&p->queue)) != NULL) {
		dequeue(p, q);
		finish(q, "SOURCE_UNAVAILABLE");
	}
}

/* Give waiting reads to idle connections, open more while reads wait. */
static void
pump(struct pg_reader *p)
{
	struct read_request *q = NULL;
	struct pg_conn *c = NULL;

	while ((q = TAILQ_FIRST(&p->queue)) != NULL &&
	       (c = conn_in(p, CONN_IDLE)) != NULL) {
		dequeue(p, q);
		conn_begin(c, q);
	}
	while (p->queued > count_in(p, CONN_CONNECTING) &&
	       clock_mono_ms() >= p->retry_at_ms &&
	       (c = conn_in(p, CONN_CLOSED)) != NULL) {
		conn_open(c);
	}
	fail_queue(p);
}

/* Called for a read that is queued or under way. Closing is all that can
 * be done without blocking. */
static void
pg_cancel(struct reader *reader, struct read_request *q)
{
	struct pg_reader *p = (struct pg_reader *)reader;

	event_del(&q->timer);
	for (size_t i = 0; i < POOL_SIZE; i++) {
		if (p->conns[i].read == q) {
			conn_close(&p->conns[i]);
			return;
		}
	}
	dequeue(p, q);
}

/* Covers the wait for a connection as well as the query. */
static void
on_read_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct read_request *q = arg;
	struct pg_reader *p = q->owner;

	(void)fd;
	(void)what;
	log_event(LOG_LEVEL_WARN, "source_timeout", "source=%s capability=%s",
	    p->source, q->plan->cap->name);
	pg_cancel(&p->base, q);
	finish(q, "SOURCE_UNAVAILABLE");
	pump(p);
}

/* Queue it; the loop or pump finds a connection. A full queue is said at
 * once. */
static void
pg_submit(struct reader *reader, struct read_request *q)
{
	struct pg_reader *p = (struct pg_reader *)reader;
	struct timeval tv = timeval_of(p->timeout_ms);

	q->retried = false;
	q->owner = p;
	evtimer_assign(&q->timer, p->events, on_read_timeout, q);
	if (p->queued >= QUEUE_MAX) {
		finish(q, "SOURCE_BUSY");
		return;
	}
	event_add(&q->timer, &tv);
	enqueue(p, q, false);
	pump(p);
}

/* One connection ahead of the first read. */
static void
pg_start(struct reader *reader)
{
	struct pg_reader *p = (struct pg_reader *)reader;

	if (count_in(p, CONN_CLOSED) == POOL_SIZE) {
		conn_open(&p->conns[0]);
	}
}

static void
pg_free(struct reader *reader)
{
	struct pg_reader *p = (struct pg_reader *)reader;

	for (size_t i = 0; i < POOL_SIZE; i++) {
		conn_close(&p->conns[i]);
		free(p->conns[i].prepared);
	}
	free(p);
}

static const struct reader_ops pg_ops = {
    pg_start, pg_submit, pg_cancel, pg_free};

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
pg_reader_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t plan_count, struct reader **out,
    struct err *e)
{
	struct pg_reader *p = NULL;
	int rc = secret_with(url, check_url, e);

	if (rc != 0) {
		err_context(e, "source %s", source->name);
		return rc;
	}
	p = xcalloc(1, sizeof(*p));
	p->base.ops = &pg_ops;
	p->events = base;
	p->url = url;
	p->source = source->name;
	p->accept_superuser = source->accept_reader_can_write;
	p->plan_count = plan_count;
	p->session = (struct pg_session){.read_only = true,
	    .statement_timeout_ms = source->statement_timeout_ms,
	    .application_name = "countersign-mcpd"};
	p->timeout_ms = source->statement_timeout_ms > 0
			    ? source->statement_timeout_ms
			    : DEFAULT_TIMEOUT_MS;
	p->timeout_ms += 1000; /* the server's own timeout should win */
	p->backoff_ms = BACKOFF_MIN_MS;
	TAILQ_INIT(&p->queue);
	for (size_t i = 0; i < POOL_SIZE; i++) {
		p->conns[i].pool = p;
		p->conns[i].prepared = xcalloc(plan_count + 1, sizeof(bool));
		evtimer_assign(
		    &p->conns[i].timer, base, on_connect_timeout, &p->conns[i]);
	}
	*out = &p->base;
	return 0;
}
