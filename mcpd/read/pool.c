#include "mcpd/read/pool.h"

#include <event2/event.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"

#define CONNECT_TIMEOUT_MS 5000
#define DEFAULT_TIMEOUT_MS 10000
/* How much longer than the server's own limit an answer may take. */
#define PATIENCE_MS    1000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000

static void pump(struct pool *p);

static struct timeval
timeval_of(int64_t ms)
{
	return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

/* The job is the caller's again before its callback runs. */
static void
finish(struct db_job *j, const char *error)
{
	event_del(&j->timer);
	j->error = error;
	j->done(j);
}

static size_t
count_in(const struct pool *p, enum pool_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < p->conn_count; i++) {
		n += p->conns[i]->state == state ? 1 : 0;
	}
	return n;
}

/* Any connection in this state, or NULL. */
static struct pool_conn *
conn_in(const struct pool *p, enum pool_state state)
{
	for (size_t i = 0; i < p->conn_count; i++) {
		if (p->conns[i]->state == state) {
			return p->conns[i];
		}
	}
	return NULL;
}

/* From here on it waits for a connection, for a while. */
static void
enqueue(struct pool *p, struct db_job *j, bool first)
{
	struct timeval tv = timeval_of(p->source->queue_timeout_ms);

	if (first || j->is_urgent) {
		TAILQ_INSERT_HEAD(&p->queue, j, link);
	} else {
		TAILQ_INSERT_TAIL(&p->queue, j, link);
	}
	p->queued++;
	p->waiting += j->is_urgent ? 0 : 1;
	j->conn = NULL;
	event_add(&j->timer, &tv);
}

static void
dequeue(struct pool *p, struct db_job *j)
{
	TAILQ_REMOVE(&p->queue, j, link);
	p->queued--;
	p->waiting -= j->is_urgent ? 0 : 1;
}

/* Back to nothing; a job on it stays with the caller. */
static void
conn_close(struct pool_conn *c)
{
	if (event_initialized(&c->io)) {
		event_del(&c->io);
	}
	event_del(&c->timer);
	c->pool->driver->close(c);
	c->state = CONN_CLOSED;
	c->job = NULL;
}

/* A statement of the server's own language, and the memory for both. */
struct cancel {
	struct db_job job;
	struct arena *arena;
	struct pool *pool;
	char sql[POOL_CANCEL_SQL];
};

static void
on_cancelled(struct db_job *j)
{
	struct cancel *k = j->context;
	struct arena *a = k->arena;

	if (j->error != NULL) {
		log_event(LOG_LEVEL_WARN, "source_cancel_failed",
		    "source=%s reason=%s", k->pool->source->name, j->error);
	}
	k->pool->cancels--;
	arena_free(&a);
}

/*
 * Throw away a connection whose statement may still run, and have another
 * session of the same role end that. The job stays with the caller.
 */
static void
conn_abandon(struct pool_conn *c)
{
	struct arena *a = arena_new();
	struct cancel *k = arena_alloc(a, sizeof(*k));

	k->arena = a;
	k->pool = c->pool;
	c->pool->driver->cancel_sql(c, k->sql);
	conn_close(c);
	k->job = (struct db_job){.sql = k->sql,
	    .kept = JOB_ONCE,
	    .is_urgent = true,
	    .arena = a,
	    .done = on_cancelled,
	    .context = k};
	k->pool->cancels++;
	k->pool->stats.cancels++;
	k->pool->link.ops->submit(&k->pool->link, &k->job);
}

void
pool_conn_lost(struct pool_conn *c)
{
	struct pool *p = c->pool;
	struct db_job *j = c->job;

	conn_close(c);
	if (j != NULL && !j->retried) {
		j->retried = true;
		enqueue(p, j, true);
	} else if (j != NULL) {
		finish(j, "SOURCE_UNAVAILABLE");
	}
}

void
pool_job_done(struct pool_conn *c, const char *error)
{
	struct db_job *j = c->job;

	c->state = CONN_IDLE;
	c->job = NULL;
	finish(j, error);
}

/*
 * Nobody is told here: pump fails the waiting jobs when no other connection
 * can take them. The wait grows, so that a database that is down is not
 * knocked at by every call.
 */
void
pool_connect_failed(struct pool_conn *c, const char *text)
{
	struct pool *p = c->pool;

	log_event(LOG_LEVEL_WARN, "source_unavailable", "source=%s text=\"%s\"",
	    p->source->name, text);
	p->stats.connect_failures++;
	p->retry_at_ms = clock_mono_ms() + p->backoff_ms;
	p->backoff_ms *= 2;
	if (p->backoff_ms > BACKOFF_MAX_MS) {
		p->backoff_ms = BACKOFF_MAX_MS;
	}
	conn_close(c);
}

void
pool_connected(struct pool_conn *c)
{
	event_del(&c->timer);
	c->pool->backoff_ms = BACKOFF_MIN_MS;
	c->pool->retry_at_ms = 0;
	c->state = CONN_IDLE;
}

static void
conn_open(struct pool_conn *c)
{
	struct timeval tv = timeval_of(CONNECT_TIMEOUT_MS);
	struct err e = {0};

	c->state = CONN_CONNECTING;
	event_add(&c->timer, &tv);
	if (c->pool->driver->open(c, &e) != 0) {
		pool_connect_failed(c, e.msg);
	}
}

static void
on_connect_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct pool_conn *c = arg;

	(void)fd;
	(void)what;
	pool_connect_failed(c, "connection attempt timed out");
	pump(c->pool);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct pool_conn *c = arg;
	struct pool *p = c->pool;

	(void)fd;
	p->driver->on_io(c, what);
	pump(p);
}

/* A driver may change its socket while it connects, so that the number alone
 * says nothing: one-shot events are always set anew. */
void
pool_watch(struct pool_conn *c, evutil_socket_t fd, short what)
{
	if (event_initialized(&c->io)) {
		if ((what & EV_PERSIST) != 0 && event_get_fd(&c->io) == fd &&
		    event_get_events(&c->io) == what &&
		    event_pending(&c->io, EV_READ | EV_WRITE, NULL) != 0) {
			return;
		}
		event_del(&c->io);
	}
	event_assign(&c->io, c->pool->events, fd, what, on_io, c);
	event_add(&c->io, NULL);
}

/* Give a waiting job to an idle connection. */
static void
conn_begin(struct pool_conn *c, struct db_job *j)
{
	struct timeval tv = timeval_of(c->pool->timeout_ms);

	event_add(&j->timer, &tv);
	j->conn = c;
	c->job = j;
	c->state = CONN_BUSY;
	c->pool->driver->run(c);
}

/* Nobody can serve the queue and nothing is on its way: say so at once. */
static void
fail_queue(struct pool *p)
{
	struct db_job *j = NULL;

	while (count_in(p, CONN_CLOSED) == p->conn_count &&
	       (j = TAILQ_FIRST(&p->queue)) != NULL) {
		dequeue(p, j);
		finish(j, "SOURCE_UNAVAILABLE");
	}
}

/* Give waiting jobs to idle connections, open more while jobs wait. */
static void
pump(struct pool *p)
{
	struct db_job *j = NULL;
	struct pool_conn *c = NULL;

	while ((j = TAILQ_FIRST(&p->queue)) != NULL &&
	       (c = conn_in(p, CONN_IDLE)) != NULL) {
		dequeue(p, j);
		conn_begin(c, j);
	}
	while (p->queued > count_in(p, CONN_CONNECTING) &&
	       clock_mono_ms() >= p->retry_at_ms &&
	       (c = conn_in(p, CONN_CLOSED)) != NULL) {
		conn_open(c);
	}
	fail_queue(p);
}

/* Take a job back, wherever it is. */
static void
withdraw(struct pool *p, struct db_job *j)
{
	event_del(&j->timer);
	if (j->conn == NULL) {
		dequeue(p, j);
	} else if (j->is_urgent) {
		conn_close(j->conn);
	} else {
		conn_abandon(j->conn);
	}
}

static void
pool_cancel(struct link *l, struct db_job *j)
{
	withdraw((struct pool *)l, j);
	pump((struct pool *)l);
}

/* A job that never got a connection waited for one that is busy, or for one
 * that cannot be had. */
static const char *
timeout_reason(const struct pool *p, const struct db_job *j)
{
	return j->conn == NULL && count_in(p, CONN_BUSY) > 0
		   ? "SOURCE_POOL_TIMEOUT"
		   : "SOURCE_UNAVAILABLE";
}

static void
on_job_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct db_job *j = arg;
	struct pool *p = j->owner;
	const char *reason = timeout_reason(p, j);

	(void)fd;
	(void)what;
	log_event(LOG_LEVEL_WARN, "source_timeout",
	    "source=%s capability=%s " JOB_CALL_FMT " reason=%s",
	    p->source->name, j->label == NULL ? "none" : j->label,
	    JOB_CALL_ARGS(j), reason);
	if (j->conn == NULL) {
		p->stats.queue_timeouts++;
	} else {
		p->stats.statement_timeouts++;
	}
	withdraw(p, j);
	finish(j, reason);
	pump(p);
}

/* At once where a connection is idle; else queue it, and pump finds one. A
 * full queue is said at once, too. */
static void
pool_submit(struct link *l, struct db_job *j)
{
	struct pool *p = (struct pool *)l;
	struct pool_conn *idle =
	    TAILQ_EMPTY(&p->queue) ? conn_in(p, CONN_IDLE) : NULL;

	j->retried = false;
	j->owner = p;
	j->conn = NULL;
	evtimer_assign(&j->timer, p->events, on_job_timeout, j);
	if (!j->is_urgent &&
	    (p->is_stopping || p->waiting >= (size_t)p->source->queue_limit)) {
		finish(j, p->is_stopping ? "SOURCE_UNAVAILABLE"
					 : "SOURCE_POOL_QUEUE_FULL");
		return;
	}
	if (idle != NULL) {
		conn_begin(idle, j);
	} else {
		enqueue(p, j, false);
	}
	pump(p);
}

/* One connection ahead of the first read. */
static void
pool_start(struct link *l)
{
	struct pool *p = (struct pool *)l;

	if (count_in(p, CONN_CLOSED) == p->conn_count) {
		conn_open(p->conns[0]);
	}
}

/* A job that the server is to forget, or NULL. */
static struct db_job *
any_job(const struct pool *p)
{
	struct db_job *j = NULL;

	for (size_t i = 0; i < p->conn_count; i++) {
		j = p->conns[i]->job;
		if (j != NULL && !j->is_urgent) {
			return j;
		}
	}
	TAILQ_FOREACH (j, &p->queue, link) {
		if (!j->is_urgent) {
			return j;
		}
	}
	return NULL;
}

/* Looked for anew each time: a callback may take others away. */
static void
pool_stop(struct link *l)
{
	struct pool *p = (struct pool *)l;
	struct db_job *j = NULL;

	p->is_stopping = true;
	while ((j = any_job(p)) != NULL) {
		withdraw(p, j);
		finish(j, "SOURCE_UNAVAILABLE");
	}
	pump(p);
}

static bool
pool_is_ending(const struct link *l)
{
	return ((const struct pool *)l)->cancels > 0;
}

static void
pool_stats(const struct link *l, struct reader_stats *out)
{
	const struct pool *p = (const struct pool *)l;

	*out = p->stats;
	out->max = p->conn_count;
	out->open = p->conn_count - count_in(p, CONN_CLOSED) -
		    count_in(p, CONN_CONNECTING);
	out->active = count_in(p, CONN_BUSY);
	out->waiting = p->waiting;
}

/* Our own jobs own their memory; those of others are theirs. */
static void
pool_free(struct link *l)
{
	struct pool *p = (struct pool *)l;
	struct db_job *j = NULL;

	while ((j = TAILQ_FIRST(&p->queue)) != NULL) {
		dequeue(p, j);
		event_del(&j->timer);
		if (j->done == on_cancelled) {
			on_cancelled(j);
		}
	}
	for (size_t i = 0; i < p->conn_count; i++) {
		j = p->conns[i]->job;
		if (j != NULL) {
			event_del(&j->timer);
		}
		conn_close(p->conns[i]);
		if (j != NULL && j->done == on_cancelled) {
			on_cancelled(j);
		}
		free(p->conns[i]);
	}
	free(p->conns);
	free(p);
}

static const struct link_ops pool_ops = {pool_start, pool_submit, pool_cancel,
    pool_free, pool_stop, pool_is_ending, pool_stats};

struct pool *
pool_new(struct event_base *base, const struct pool_driver *driver,
    const struct contract_source *source, const struct secret *url, size_t kept)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->link.ops = &pool_ops;
	p->driver = driver;
	p->events = base;
	p->source = source;
	p->url = url;
	p->kept = kept;
	p->timeout_ms = source->statement_timeout_ms > 0
			    ? source->statement_timeout_ms
			    : DEFAULT_TIMEOUT_MS;
	p->timeout_ms += PATIENCE_MS;
	p->backoff_ms = BACKOFF_MIN_MS;
	TAILQ_INIT(&p->queue);
	p->conn_count = (size_t)source->max_connections;
	p->conns = xcalloc(p->conn_count, sizeof(struct pool_conn *));
	for (size_t i = 0; i < p->conn_count; i++) {
		p->conns[i] = xcalloc(1, driver->conn_size);
		p->conns[i]->pool = p;
		evtimer_assign(
		    &p->conns[i]->timer, base, on_connect_timeout, p->conns[i]);
	}
	return p;
}
