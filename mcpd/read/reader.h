/*
 * Reading one row from a source, whatever kind it is. One reader per source;
 * answers come through a callback, at once or from the event loop.
 */
#ifndef CS_MCPD_READ_READER_H
#define CS_MCPD_READ_READER_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "common/base/scalar.h"
#include "mcpd/read/plan.h"

struct arena;
struct err;
struct event_base;
struct reader;
struct secret;

/* Embedded in whoever asks; must stay until `done` or reader_cancel. */
struct read_request {
	/* Set by the caller. */
	const struct plan *plan;
	struct scalar key;   /* the model's argument */
	struct span tenant;  /* from the trusted context */
	struct arena *arena; /* the row lives here */
	void (*done)(struct read_request *r);
	void *context;

	/* The answer: a reason word of mcp/errors.c, or NULL and the row. */
	const char *error;
	struct named_scalar *row; /* all read columns, in order */

	/* The reader's own. */
	TAILQ_ENTRY(read_request) link;
	struct event timer;
	void *owner;
	bool retried;
};

TAILQ_HEAD(read_list, read_request);

struct reader_ops {
	void (*start)(struct reader *r); /* the loop runs now; may be NULL */
	void (*submit)(struct reader *r, struct read_request *request);
	/* Forget a request that is not done; its callback will not come. */
	void (*cancel)(struct reader *r, struct read_request *request);
	void (*free)(struct reader *r);
};

struct reader {
	const struct reader_ops *ops;
};

/*
 * Readers of one source. `url` is borrowed and stays (a pool connects again).
 * plan_count is the number of all plans, by whose index statements are kept.
 * CS_E_CONFIG or CS_E_UNAVAILABLE.
 */
int pg_reader_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t plan_count, struct reader **out,
    struct err *e);
int my_reader_new(struct event_base *base, const struct contract_source *source,
    const struct secret *url, size_t plan_count, struct reader **out,
    struct err *e);
int lite_reader_new(const struct contract_source *source, const char *path,
    size_t plan_count, struct reader **out, struct err *e);

#endif
