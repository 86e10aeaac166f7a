/*
 * A source as the tools see it: reads become jobs of its link, and none passes
 * before the probe has.
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/db/pg_scope.h"
#include "mcpd/read/probe.h"
#include "mcpd/read/reader.h"

struct gate {
	struct reader reader;
	struct link *link;
	struct probe *probe;
	const struct contract_source *source;
	struct read_list held;
};

static void
finish(struct read_request *q, const char *error)
{
	q->error = error;
	q->done(q);
}

/* The row with the names of its columns. */
static void
on_job(struct db_job *j)
{
	struct read_request *q = j->context;
	const struct contract_capability *cap = q->plan->cap;

	if (j->error != NULL || j->rows != 1) {
		finish(q, j->error != NULL ? j->error
			  : j->rows == 0   ? "ROW_NOT_FOUND"
					   : "ROW_NOT_UNIQUE");
		return;
	}
	cs_assert(j->columns == cap->read_count);
	q->row = arena_array(q->arena, cap->read_count, sizeof(*q->row));
	for (size_t i = 0; i < cap->read_count; i++) {
		q->row[i].name = span_of(cap->read_columns[i]);
		q->row[i].value = j->values[i];
	}
	finish(q, NULL);
}

/* Key and tenant are always among the columns that are read. */
static int
column_of(const struct contract_capability *cap, const char *name)
{
	size_t i = 0;

	while (strcmp(cap->read_columns[i], name) != 0) {
		i++;
		cs_assert(i < cap->read_count);
	}
	return (int)i;
}

static void
send_job(struct gate *g, struct read_request *q)
{
	const struct contract_capability *cap = q->plan->cap;
	struct db_job *j = &q->job;

	*j = (struct db_job){.label = cap->name,
	    .request = q->request,
	    .call = q->call,
	    .sql = q->plan->sql,
	    .kept = cap->index,
	    .params = {{q->key, column_of(cap, cap->primary_key)}},
	    .param_count = 1,
	    .is_scoped = pg_scope_is_set(g->source),
	    .tenant = q->tenant,
	    .principal = q->principal,
	    .arena = q->arena,
	    .done = on_job,
	    .context = q};
	if (cap->tenant_key != NULL) {
		j->params[j->param_count++] = (struct db_param){
		    {SCALAR_TEXT, q->tenant}, column_of(cap, cap->tenant_key)};
	}
	g->link->ops->submit(g->link, j);
}

/* Answers at once where the probe has decided. */
static void
pass(struct gate *g, struct read_request *q)
{
	struct err e = {0};

	if (pg_scope_is_set(g->source) &&
	    pg_scope_check(q->tenant, q->principal, &e) != 0) {
		finish(q, e.reason);
		return;
	}
	switch (probe_verdict(g->probe, q->plan->cap)) {
	case PROBE_PASSED:
		send_job(g, q);
		break;
	case PROBE_REFUSED:
		finish(q, "SOURCE_REFUSED");
		break;
	case PROBE_UNKNOWN:
	default:
		finish(q, "SOURCE_UNAVAILABLE");
		break;
	}
}

/* Only those that are there now: an answer may bring another read. */
static void
on_probed(void *context)
{
	struct gate *g = context;
	struct read_list held = TAILQ_HEAD_INITIALIZER(held);
	struct read_request *q = NULL;

	TAILQ_CONCAT(&held, &g->held, link);
	while ((q = TAILQ_FIRST(&held)) != NULL) {
		TAILQ_REMOVE(&held, q, link);
		q->is_held = false;
		pass(g, q);
	}
}

static void
gate_submit(struct reader *r, struct read_request *q)
{
	struct gate *g = (struct gate *)r;

	q->is_held = probe_verdict(g->probe, q->plan->cap) == PROBE_UNKNOWN;
	if (q->is_held) {
		TAILQ_INSERT_TAIL(&g->held, q, link);
		probe_run(g->probe); /* may end before it returns */
	} else {
		pass(g, q);
	}
}

static void
gate_cancel(struct reader *r, struct read_request *q)
{
	struct gate *g = (struct gate *)r;

	if (q->is_held) {
		TAILQ_REMOVE(&g->held, q, link);
	} else {
		g->link->ops->cancel(g->link, &q->job);
	}
}

static void
gate_start(struct reader *r)
{
	struct gate *g = (struct gate *)r;

	if (g->link->ops->start != NULL) {
		g->link->ops->start(g->link);
	}
	probe_run(g->probe);
}

static void
gate_free(struct reader *r)
{
	struct gate *g = (struct gate *)r;

	g->link->ops->free(g->link);
	probe_free(&g->probe);
	free(g);
}

static void
gate_stop(struct reader *r)
{
	struct gate *g = (struct gate *)r;

	if (g->link->ops->stop != NULL) {
		g->link->ops->stop(g->link);
	}
}

static bool
gate_is_ending(const struct reader *r)
{
	const struct gate *g = (const struct gate *)r;

	return g->link->ops->is_ending != NULL &&
	       g->link->ops->is_ending(g->link);
}

static void
gate_stats(const struct reader *r, struct reader_stats *out)
{
	const struct gate *g = (const struct gate *)r;

	*out = (struct reader_stats){0};
	if (g->link->ops->stats != NULL) {
		g->link->ops->stats(g->link, out);
	}
	probe_stats(g->probe, out);
}

static const struct reader_ops gate_ops = {gate_start, gate_submit, gate_cancel,
    gate_free, gate_stop, gate_is_ending, gate_stats};

struct reader *
gate_new(struct event_base *base, const struct contract *c,
    const struct contract_source *source, struct link *link)
{
	struct gate *g = xcalloc(1, sizeof(*g));

	g->reader.ops = &gate_ops;
	g->link = link;
	g->source = source;
	g->probe = probe_new(base, c, source, link);
	probe_on_end(g->probe, on_probed, g);
	TAILQ_INIT(&g->held);
	return &g->reader;
}

struct probe *
gate_probe(struct reader *r)
{
	return ((struct gate *)r)->probe;
}
