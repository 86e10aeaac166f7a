/*
 * The MySQL and MariaDB pool: a few kept connections, each a small state
 * machine on the event loop. The driver runs each call on a stack of its own
 * (_start) and comes back here whenever it would wait (_cont). Statements are
 * prepared once per connection, so a read is one round trip. A read that takes
 * too long loses its connection; the server's own limit ends the query there.
 */
#include "common/db/my_session.h"

#include <event2/event.h>
#include <sys/socket.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/db/my_value.h"
#include "mcpd/read/my_errors.h"
#include "mcpd/read/reader.h"

#define POOL_SIZE          4
#define QUEUE_MAX          256
#define CONNECT_TIMEOUT_MS 5000
#define DEFAULT_TIMEOUT_MS 10000
#define BACKOFF_MIN_MS     100
#define BACKOFF_MAX_MS     5000
/* A host may have several addresses, and each is given up by itself. */
#define UNWIND_STEPS 32

enum conn_state {
	CONN_CLOSED,
	CONN_CONNECTING,
	CONN_IDLE,
	CONN_PREPARING,
	CONN_EXECUTING,
	CONN_STORING
};

/* A prepared statement and the types of what is looked up. */
struct my_statement {
	MYSQL_STMT *stmt; /* NULL: not prepared in this session */
	enum my_shape shapes[2];
};

struct my_conn {
	struct my_reader *pool;
	MYSQL *my;
	enum conn_state state;
	struct my_login *login; /* while connecting */
	struct event io;
	struct event timer;              /* while connecting */
	int waiting;                     /* what the driver waits for, or 0 */
	int failed;                      /* what its last call returned */
	struct my_statement *statements; /* by capability index */
	MYSQL_STMT *stmt;                /* the one in hand */
	struct read_request *read;
};

struct my_reader {
	struct reader base;
	struct event_base *events;
	const struct secret *url;
	const char *source;
	struct my_session session;
	size_t plan_count;
	int64_t timeout_ms;
	int64_t retry_at_ms; /* no new connection before */
	int64_t backoff_ms;
	struct my_conn conns[POOL_SIZE];
	struct read_list queue;
	unsigned queued;
};

static void pump(struct my_reader *p);
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
enqueue(struct my_reader *p, struct read_request *q, bool first)
{
	if (first) {
		TAILQ_INSERT_HEAD(&p->queue, q, link);
	} else {
		TAILQ_INSERT_TAIL(&p->queue, q, link);
	}
	p->queued++;
}

static void
dequeue(struct my_reader *p, struct read_request *q)
{
	TAILQ_REMOVE(&p->queue, q, link);
	p->queued--;
}

/* Let the driver's call that is under way go on; 0 when it has ended. */
static int
conn_cont(struct my_conn *c, int ready)
{
	switch (c->state) {
	case CONN_CONNECTING:
		return my_login_cont(c->login, c->my, ready);
	case CONN_PREPARING:
		return mysql_stmt_prepare_cont(&c->failed, c->stmt, ready);
	case CONN_EXECUTING:
		return mysql_stmt_execute_cont(&c->failed, c->stmt, ready);
	case CONN_STORING:
		return mysql_stmt_store_result_cont(&c->failed, c->stmt, ready);
	case CONN_CLOSED:
	case CONN_IDLE:
	default:
		return 0;
	}
}

/*
 * A call in the middle of its own stack must return before its connection may
 * be freed: without a socket it fails at once, wherever it is.
 */
static void
conn_unwind(struct my_conn *c)
{
	for (int i = 0; c->waiting != 0 && i < UNWIND_STEPS; i++) {
		my_socket fd = mysql_get_socket(c->my);

		if (fd != MARIADB_INVALID_SOCKET) {
			(void)shutdown(fd, SHUT_RDWR);
		}
		c->waiting = conn_cont(
		    c, c->waiting | MYSQL_WAIT_READ | MYSQL_WAIT_WRITE);
	}
	c->waiting = 0;
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

/* Back to nothing; a request on it stays with the caller. */
static void
conn_close(struct my_conn *c)
{
	if (event_initialized(&c->io)) {
		event_del(&c->io);
	}
	event_del(&c->timer);
	conn_unwind(c);
	my_close(&c->my);
	/* Their connection is gone, so this only frees memory. */
	for (size_t i = 0; i < c->pool->plan_count; i++) {
		if (c->statements[i].stmt != NULL) {
			(void)mysql_stmt_close(c->statements[i].stmt);
			c->statements[i].stmt = NULL;
		}
	}
	login_free(c);
	c->state = CONN_CLOSED;
	c->stmt = NULL;
	c->read = NULL;
}

/* The connection broke: a read that it carried is tried once more, because a
 * kept connection may have been dead for long. */
static void
conn_lost(struct my_conn *c)
{
	struct my_reader *p = c->pool;
	struct read_request *q = c->read;

	conn_close(c);
	if (q != NULL && !q->retried) {
		q->retried = true;
		enqueue(p, q, true);
	} else if (q != NULL) {
		finish(q, "SOURCE_UNAVAILABLE");
	}
}

/* Watch the socket of the moment; the driver may change it while connecting.
 * Errors show as readable. */
static void
conn_watch(struct my_conn *c, int wait)
{
	my_socket fd = mysql_get_socket(c->my);
	short want = EV_PERSIST | EV_READ;

	if ((wait & MYSQL_WAIT_WRITE) != 0) {
		want |= EV_WRITE;
		if ((wait & MYSQL_WAIT_READ) == 0) {
			want &= ~EV_READ;
		}
	}
	if (event_initialized(&c->io)) {
		if (event_get_fd(&c->io) == fd &&
		    event_get_events(&c->io) == want &&
		    event_pending(&c->io, EV_READ | EV_WRITE, NULL) != 0) {
			return;
		}
		event_del(&c->io);
	}
	event_assign(&c->io, c->pool->events, fd, want, on_io, c);
	event_add(&c->io, NULL);
}

/*
 * Nobody is told here: pump fails the waiting reads when no other connection
 * can take them. The wait grows, so that a database that is down is not
 * knocked at by every call.
 */
static void
connect_failed(struct my_conn *c, const char *text)
{
	struct my_reader *p = c->pool;

	log_event(LOG_LEVEL_WARN, "source_unavailable", "source=%s text=\"%s\"",
	    p->source, text);
	p->retry_at_ms = clock_mono_ms() + p->backoff_ms;
	p->backoff_ms *= 2;
	if (p->backoff_ms > BACKOFF_MAX_MS) {
		p->backoff_ms = BACKOFF_MAX_MS;
	}
	conn_close(c);
}

static void
connect_done(struct my_conn *c)
{
	struct err e = {0};

	if (my_login_finish(c->login, c->my, &e) != 0) {
		connect_failed(c, e.msg);
		return;
	}
	login_free(c);
	event_del(&c->timer);
	c->pool->backoff_ms = BACKOFF_MIN_MS;
	c->pool->retry_at_ms = 0;
	c->state = CONN_IDLE;
}

/* Types of key and tenant, which are always among the columns read. */
static void
take_shapes(struct my_statement *s, const struct contract_capability *cap)
{
	MYSQL_RES *fields = mysql_stmt_result_metadata(s->stmt);

	for (unsigned i = 0; fields != NULL && i < cap->read_count; i++) {
		enum my_shape shape =
		    my_shape_of(mysql_fetch_field_direct(fields, i));

		if (strcmp(cap->read_columns[i], cap->primary_key) == 0) {
			s->shapes[0] = shape;
		}
		if (cap->tenant_key != NULL &&
		    strcmp(cap->read_columns[i], cap->tenant_key) == 0) {
			s->shapes[1] = shape;
		}
	}
	mysql_free_result(fields);
}

static struct my_statement *
statement_of(struct my_conn *c)
{
	return &c->statements[c->read->plan->cap->index];
}

static void
start_execute(struct my_conn *c)
{
	const struct read_request *q = c->read;
	struct scalar values[2] = {q->key, {SCALAR_TEXT, q->tenant}};
	size_t count = q->plan->cap->tenant_key == NULL ? 1 : 2;

	c->state = CONN_EXECUTING;
	c->stmt = statement_of(c)->stmt;
	c->failed = 0;
	if (mysql_stmt_bind_param(
		c->stmt, my_params_bind(values, statement_of(c)->shapes, count,
			     q->arena)) != 0) {
		c->failed = 1;
	}
	if (c->failed == 0) {
		c->waiting = mysql_stmt_execute_start(&c->failed, c->stmt);
	}
}

/* Prepare first if this session does not know the statement yet. */
static void
start_read(struct my_conn *c, struct read_request *q)
{
	c->read = q;
	c->failed = 0;
	if (statement_of(c)->stmt != NULL) {
		start_execute(c);
		return;
	}
	c->state = CONN_PREPARING;
	c->stmt = mysql_stmt_init(c->my);
	c->failed = c->stmt == NULL;
	if (c->failed == 0) {
		statement_of(c)->stmt = c->stmt;
		c->waiting = mysql_stmt_prepare_start(
		    &c->failed, c->stmt, q->plan->sql, strlen(q->plan->sql));
	}
}

static const char *
take_row(struct my_conn *c)
{
	struct read_request *q = c->read;
	const struct contract_capability *cap = q->plan->cap;
	struct my_rows rows;
	struct err e = {0};

	if (my_rows_take(c->stmt, 1, q->arena, &rows, &e) != 0) {
		return e.reason != NULL ? e.reason : "SOURCE_UNAVAILABLE";
	}
	if (rows.total != 1) {
		return rows.total == 0 ? "ROW_NOT_FOUND" : "ROW_NOT_UNIQUE";
	}
	cs_assert(rows.columns == cap->read_count);
	q->row = arena_array(q->arena, cap->read_count, sizeof(*q->row));
	for (size_t i = 0; i < cap->read_count; i++) {
		q->row[i].name = span_of(cap->read_columns[i]);
		q->row[i].value = rows.values[i];
	}
	return NULL;
}

static void
read_done(struct my_conn *c, const char *error)
{
	struct read_request *q = c->read;

	(void)mysql_stmt_free_result(c->stmt);
	c->state = CONN_IDLE;
	c->stmt = NULL;
	c->read = NULL;
	finish(q, error);
}

/* Not the message: it may quote values. */
static void
statement_failed(struct my_conn *c)
{
	unsigned code = c->stmt == NULL ? 0 : mysql_stmt_errno(c->stmt);
	const char *reason = my_error_reason(code);

	if (strcmp(reason, "ROW_NOT_FOUND") != 0) {
		log_event(LOG_LEVEL_WARN, "source_query_failed",
		    "source=%s capability=%s mysql=%u", c->pool->source,
		    c->read->plan->cap->name, code);
	}
	if (my_error_needs_new_session(code)) {
		conn_lost(c);
		return;
	}
	if (c->state == CONN_PREPARING) {
		(void)mysql_stmt_close(c->stmt);
		statement_of(c)->stmt = NULL;
		c->stmt = NULL;
		c->state = CONN_IDLE;
	}
	read_done(c, reason);
}

/* The driver's call ended: what comes next? */
static void
call_done(struct my_conn *c)
{
	if (c->state == CONN_CONNECTING) {
		connect_done(c);
	} else if (c->failed != 0) {
		statement_failed(c);
	} else if (c->state == CONN_PREPARING) {
		take_shapes(statement_of(c), c->read->plan->cap);
		start_execute(c);
	} else if (c->state == CONN_EXECUTING) {
		c->state = CONN_STORING;
		c->waiting = mysql_stmt_store_result_start(&c->failed, c->stmt);
	} else {
		read_done(c, take_row(c));
	}
}

/* Go on until the driver has to wait or nothing is left to do. */
static void
conn_run(struct my_conn *c)
{
	while (c->waiting == 0 && c->state != CONN_IDLE &&
	       c->state != CONN_CLOSED) {
		call_done(c);
	}
	if (c->state != CONN_CLOSED) {
		conn_watch(c, c->waiting);
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

	return my_login_start(
	    url, &c->pool->session, c->login, &c->my, &c->waiting, args->e);
}

static void
conn_open(struct my_conn *c)
{
	struct timeval tv = timeval_of(CONNECT_TIMEOUT_MS);
	struct err e = {0};
	struct connect_args args = {c, &e};

	c->state = CONN_CONNECTING;
	c->login = xcalloc(1, sizeof(*c->login));
	if (secret_with(c->pool->url, connect_with, &args) != 0) {
		connect_failed(c, e.msg);
		return;
	}
	event_add(&c->timer, &tv);
	conn_run(c);
}

static void
on_connect_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct my_conn *c = arg;

	(void)fd;
	(void)what;
	connect_failed(c, "connection attempt timed out");
	pump(c->pool);
}

/* On an idle connection input is the end: the server never speaks first. */
static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct my_conn *c = arg;
	struct my_reader *p = c->pool;
	int ready = 0;

	(void)fd;
	if (c->state == CONN_IDLE) {
		conn_close(c);
		pump(p);
		return;
	}
	ready |= (what & EV_READ) != 0 ? MYSQL_WAIT_READ : 0;
	ready |= (what & EV_WRITE) != 0 ? MYSQL_WAIT_WRITE : 0;
	c->waiting = conn_cont(c, ready);
	conn_run(c);
	pump(p);
}

/* Any connection in this state, or NULL. */
static struct my_conn *
conn_in(struct my_reader *p, enum conn_state state)
{
	for (size_t i = 0; i < POOL_SIZE; i++) {
		if (p->conns[i].state == state) {
			return &p->conns[i];
		}
	}
	return NULL;
}

static unsigned
count_in(const struct my_reader *p, enum conn_state state)
{
	unsigned n = 0;

	for (size_t i = 0; i < POOL_SIZE; i++) {
		n += p->conns[i].state == state ? 1 : 0;
	}
	return n;
}

/* Nobody can serve the queue and nothing is on its way: say so at once. */
static void
fail_queue(struct my_reader *p)
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
pump(struct my_reader *p)
{
	struct read_request *q = NULL;
	struct my_conn *c = NULL;

	while ((q = TAILQ_FIRST(&p->queue)) != NULL &&
	       (c = conn_in(p, CONN_IDLE)) != NULL) {
		dequeue(p, q);
		start_read(c, q);
		conn_run(c);
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
my_cancel(struct reader *reader, struct read_request *q)
{
	struct my_reader *p = (struct my_reader *)reader;

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
	struct my_reader *p = q->owner;

	(void)fd;
	(void)what;
	log_event(LOG_LEVEL_WARN, "source_timeout", "source=%s capability=%s",
	    p->source, q->plan->cap->name);
	my_cancel(&p->base, q);
	finish(q, "SOURCE_UNAVAILABLE");
	pump(p);
}

/* Queue it; the loop or pump finds a connection. A full queue is said at
 * once. */
static void
my_submit(struct reader *reader, struct read_request *q)
{
	struct my_reader *p = (struct my_reader *)reader;
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
my_start(struct reader *reader)
{
	struct my_reader *p = (struct my_reader *)reader;

	if (count_in(p, CONN_CLOSED) == POOL_SIZE) {
		conn_open(&p->conns[0]);
	}
}

static void
my_free(struct reader *reader)
{
	struct my_reader *p = (struct my_reader *)reader;

	for (size_t i = 0; i < POOL_SIZE; i++) {
		conn_close(&p->conns[i]);
		free(p->conns[i].statements);
	}
	free(p);
}

static const struct reader_ops my_ops = {
    my_start, my_submit, my_cancel, my_free};

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
my_reader_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t plan_count, struct reader **out,
    struct err *e)
{
	struct my_reader *p = NULL;
	int rc = secret_with(url, check_url, e);

	if (rc != 0) {
		err_context(e, "source %s", source->name);
		return rc;
	}
	p = xcalloc(1, sizeof(*p));
	p->base.ops = &my_ops;
	p->events = base;
	p->url = url;
	p->source = source->name;
	p->plan_count = plan_count;
	p->session = (struct my_session){.read_only = true,
	    .non_blocking = true,
	    .statement_timeout_ms = source->statement_timeout_ms};
	p->timeout_ms = source->statement_timeout_ms > 0
			    ? source->statement_timeout_ms
			    : DEFAULT_TIMEOUT_MS;
	p->timeout_ms += 1000; /* the server's own timeout should win */
	p->backoff_ms = BACKOFF_MIN_MS;
	TAILQ_INIT(&p->queue);
	for (size_t i = 0; i < POOL_SIZE; i++) {
		p->conns[i].pool = p;
		p->conns[i].statements =
		    xcalloc(plan_count + 1, sizeof(struct my_statement));
		evtimer_assign(
		    &p->conns[i].timer, base, on_connect_timeout, &p->conns[i]);
	}
	*out = &p->base;
	return 0;
}
