/*
 * One statement for a source and its answer, whatever kind of database it is:
 * a read for the model, a check of ours, or the end of another statement. A
 * link carries jobs out; answers come through a callback, at once or from the
 * event loop.
 */
#ifndef CS_MCPD_READ_JOB_H
#define CS_MCPD_READ_JOB_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "common/contract/contract.h"

struct arena;
struct err;
struct event_base;
struct pool_conn;
struct secret;

#define JOB_PARAMS 6
/* Not kept: prepared, run and forgotten. */
#define JOB_ONCE  SIZE_MAX
#define NO_COLUMN (-1)

/* For a line of the log: which call it is about. */
#define JOB_CALL_FMT     "request=\"%.*s\" call=%llu"
#define JOB_CALL_ARGS(j) SPAN_ARGS((j)->request), (j)->call

struct db_param {
	struct scalar value;
	int column; /* of the answer, whose type it has; or NO_COLUMN */
};

/* What a link has done and does; its users add what they know. */
struct reader_stats {
	uint64_t max; /* connections */
	uint64_t open;
	uint64_t active;
	uint64_t waiting;
	uint64_t queue_timeouts;
	uint64_t queue_full;
	uint64_t statement_timeouts;
	uint64_t cancels;
	uint64_t connect_failures;
	uint64_t probe_known;   /* 0 or 1 */
	uint64_t probe_refused; /* tools */
};

/* Must stay until `done` or link cancel. */
struct db_job {
	/* Set by the caller. */
	const char *label; /* the capability, for the log; NULL: say nothing */
	struct span request;     /* the client's id of it, raw; untrusted */
	unsigned long long call; /* and ours; 0: none of a client */
	const char *sql;
	size_t kept; /* number of its prepared statement, or JOB_ONCE */
	struct db_param params[JOB_PARAMS];
	size_t param_count;
	/* Tenant and principal as settings of the transaction, where the
	 * contract has the database enforce them. */
	bool is_scoped;
	struct span tenant;
	struct span principal;
	/* Ours: before the others, and not counted among them. */
	bool is_urgent;
	struct arena *arena; /* the answer lives here */
	void (*done)(struct db_job *j);
	void *context;

	/* The answer: a reason word of mcp/errors.c, or NULL, the number of
	 * rows, and the values of the first one. */
	const char *error;
	size_t rows;
	size_t columns;
	struct scalar *values;

	/* The link's own. */
	TAILQ_ENTRY(db_job) link;
	struct event timer;
	void *owner;
	struct pool_conn *conn; /* NULL: it waits */
	bool retried;
};

TAILQ_HEAD(job_list, db_job);

struct link;

struct link_ops {
	void (*start)(struct link *l); /* the loop runs now; may be NULL */
	void (*submit)(struct link *l, struct db_job *j);
	/* Forget a job that is not done; its callback will not come. What it
	 * does on the server is ended. */
	void (*cancel)(struct link *l, struct db_job *j);
	void (*free)(struct link *l);
	/* Answer SOURCE_UNAVAILABLE to every job, now and from now on; what
	 * they do on the server is ended. NULL: jobs never wait. */
	void (*stop)(struct link *l);
	/* Is something still being ended on the server? NULL: never. */
	bool (*is_ending)(const struct link *l);
	/* Fill in what a link knows. NULL: nothing. */
	void (*stats)(const struct link *l, struct reader_stats *out);
};

struct link {
	const struct link_ops *ops;
};

/*
 * Links of one source. `url` is borrowed and stays (a pool connects again).
 * `kept` is the number of statements that are kept. CS_E_CONFIG or
 * CS_E_UNAVAILABLE.
 */
int pg_link_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t kept, struct link **out, struct err *e);
int my_link_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t kept, struct link **out, struct err *e);
int lite_link_new(const struct contract_source *source, const char *path,
    size_t kept, struct link **out, struct err *e);

#endif
