/*
 * What a source must be before anything is read from it, and again and again
 * afterwards: a role that cannot write, tables and columns that exist, keys
 * that are unique, row security where the contract counts on it. Each check is
 * a column of a query's only row; whatever is not NULL there is wrong.
 */
#ifndef CS_MCPD_READ_PROBE_H
#define CS_MCPD_READ_PROBE_H

#include "common/contract/finding.h"
#include "mcpd/read/job.h"

struct probe;

enum probe_verdict {
	PROBE_UNKNOWN, /* never looked at to the end */
	PROBE_PASSED,
	PROBE_REFUSED
};

/* One column. %t is the table, %w what the column holds, %r what the last
 * column does: the role. */
struct probe_fault {
	const char *code;
	const char *detail;
	const char *remedy;
	bool is_write; /* reader_can_write accepts it */
};

/* What a query is asked about. */
enum probe_subject {
	PROBE_SOURCE,
	PROBE_CAPABILITY,
	PROBE_SCOPE,   /* of a capability, where database_scope is set */
	PROBE_CANARY,  /* the same, within a scope that cannot exist */
	PROBE_NO_SCOPE /* the same, without one */
};

/*
 * Parameters of PROBE_CAPABILITY: schema, table, the columns as a JSON array,
 * key, tenant column or '', version column or ''. Of PROBE_SCOPE: schema,
 * table, and the two settings. The canaries' text comes from plan.c.
 */
struct probe_query {
	const char *check;
	enum probe_subject subject;
	const char *sql;
	const struct probe_fault *faults;
	size_t fault_count;
};

/* The queries of an engine, in the order in which they are asked. */
struct probe_list {
	const struct probe_query *queries;
	size_t count;
};

extern const struct probe_list probe_pg, probe_my, probe_lite;

/* Borrows everything; the link must end before the probe does. */
struct probe *probe_new(struct event_base *base, const struct contract *c,
    const struct contract_source *source, struct link *link);
void probe_free(struct probe **p);

/* Called at the end of each run, whatever came out. */
void probe_on_end(struct probe *p, void (*end)(void *context), void *context);

/* Look now, unless it is being looked at; from then on the timer does. */
void probe_run(struct probe *p);

enum probe_verdict probe_verdict(
    const struct probe *p, const struct contract_capability *cap);

void probe_stats(const struct probe *p, struct reader_stats *out);

/* The findings of the last run that came to its end, as lines; empty if none
 * did. Borrowed until the next run ends. */
struct span probe_lines(const struct probe *p);

#endif
