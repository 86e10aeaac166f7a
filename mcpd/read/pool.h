/*
 * The pool of one source: a few kept connections, the jobs that wait for one,
 * and their time limits. What differs between the servers is a driver, whose
 * connections are small state machines on the event loop.
 *
 * A job waits at most queue_timeout_ms for a connection; then it may run as
 * long as the source's statements may and a second, so that the server's own
 * limit comes first. When that passes too, or nobody wants the answer any more,
 * its connection is thrown away and another one tells the server to end it.
 */
#ifndef CS_MCPD_READ_POOL_H
#define CS_MCPD_READ_POOL_H

#include "mcpd/read/job.h"

enum pool_state {
	CONN_CLOSED,
	CONN_CONNECTING,
	CONN_IDLE,
	CONN_BUSY
};

/* A driver's connection begins with this. */
struct pool_conn {
	struct pool *pool;
	enum pool_state state;
	struct event io;
	struct event timer; /* while connecting */
	struct db_job *job; /* BUSY */
};

/* Long enough for the SQL that ends a session's statement. */
#define POOL_CANCEL_SQL 256

struct pool_driver {
	size_t conn_size; /* zeroed memory of a connection */
	/* Begin to connect. It ends in pool_connected or pool_connect_failed;
	 * an error is the latter. */
	int (*open)(struct pool_conn *c, struct err *e);
	/* Run c->job. It ends in pool_job_done or pool_conn_lost. */
	void (*run)(struct pool_conn *c);
	/* The socket is ready. */
	void (*on_io)(struct pool_conn *c, short what);
	/* Back to nothing, without waiting; what the session knew, too. */
	void (*close)(struct pool_conn *c);
	/* SQL for another session that ends what this one does. */
	void (*cancel_sql)(struct pool_conn *c, char out[POOL_CANCEL_SQL]);
};

struct pool {
	struct link link;
	const struct pool_driver *driver;
	struct event_base *events;
	const struct contract_source *source;
	const struct secret *url;
	size_t kept;
	int64_t timeout_ms;  /* of one job on a connection */
	int64_t retry_at_ms; /* no new connection before */
	int64_t backoff_ms;
	struct pool_conn **conns;
	size_t conn_count;
	struct job_list queue; /* urgent jobs first */
	size_t queued;
	size_t waiting; /* of them not urgent */
	size_t cancels; /* under way */
	bool is_stopping;
	struct reader_stats stats; /* its counters */
};

/* What link_ops wants, for every driver. */
struct pool *pool_new(struct event_base *base, const struct pool_driver *driver,
    const struct contract_source *source, const struct secret *url,
    size_t kept);

/* Watch a socket; what is watched already stays. */
void pool_watch(struct pool_conn *c, evutil_socket_t fd, short what);

/* The driver's reports. After each the connection may be something else. */
void pool_connected(struct pool_conn *c);
void pool_connect_failed(struct pool_conn *c, const char *text);
/* The connection goes on; `error` NULL: the answer is in the job. */
void pool_job_done(struct pool_conn *c, const char *error);
/* It broke. The job that it carried is tried once more, because a kept
 * connection may have been dead for long. */
void pool_conn_lost(struct pool_conn *c);

#endif
