/*
 * Reading one row from a source, whatever kind it is. One reader per source;
 * answers come through a callback, at once or from the event loop.
 */
#ifndef CS_MCPD_READ_READER_H
#define CS_MCPD_READ_READER_H

#include "common/base/scalar.h"
#include "mcpd/read/job.h"
#include "mcpd/read/plan.h"

struct probe;
struct reader;

/* Embedded in whoever asks; must stay until `done` or reader_cancel. */
struct read_request {
	/* Set by the caller. */
	const struct plan *plan;
	struct span request; /* for the log, as in db_job */
	unsigned long long call;
	struct scalar key;  /* the model's argument */
	struct span tenant; /* from the trusted context */
	struct span principal;
	struct arena *arena; /* the row lives here */
	void (*done)(struct read_request *r);
	void *context;

	/* The answer: a reason word of mcp/errors.c, or NULL and the row. */
	const char *error;
	struct named_scalar *row; /* all read columns, in order */

	/* The reader's own. */
	TAILQ_ENTRY(read_request) link;
	struct db_job job;
	bool is_held; /* until the source has been looked at */
};

TAILQ_HEAD(read_list, read_request);

struct reader_ops {
	void (*start)(struct reader *r); /* the loop runs now; may be NULL */
	void (*submit)(struct reader *r, struct read_request *request);
	/* Forget a request that is not done; its callback will not come. */
	void (*cancel)(struct reader *r, struct read_request *request);
	void (*free)(struct reader *r);
	/* As in link_ops, but never NULL. */
	void (*stop)(struct reader *r);
	bool (*is_ending)(const struct reader *r);
	void (*stats)(const struct reader *r, struct reader_stats *out);
};

struct reader {
	const struct reader_ops *ops;
};

/*
 * The reader of one source, over a link that it owns from here on. Nothing is
 * read before the source has passed its probe; reads that come earlier are held
 * for so long. `base` and the contract must outlive it.
 */
struct reader *gate_new(struct event_base *base, const struct contract *c,
    const struct contract_source *source, struct link *link);

/* Its probe, for `mcpd --check`. */
struct probe *gate_probe(struct reader *r);

#endif
