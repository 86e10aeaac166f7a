#include "mcpd/metrics.h"

#include <stdio.h>

#include "common/base/metric.h"
#include "common/base/xalloc.h"
#include "mcpd/read/reader.h"

static const int statuses[METRICS_STATUSES] = {200, 202, 204, 400, 401, 403,
    404, 405, 406, 413, 414, 415, 429, 431, 503, 0};

void
metrics_init(struct metrics *m, const struct contract *c)
{
	*m = (struct metrics){.contract = c};
	m->capabilities =
	    xcalloc(c->capability_count + 1, sizeof(*m->capabilities));
	m->source_failed =
	    xcalloc(c->source_count + 1, sizeof(*m->source_failed));
}

void
metrics_clear(struct metrics *m)
{
	free(m->capabilities);
	free(m->source_failed);
	*m = (struct metrics){0};
}

void
metrics_count_status(struct metrics *m, int status)
{
	size_t i = 0;

	while (i + 1 < METRICS_STATUSES && statuses[i] != status) {
		i++;
	}
	m->http_status[i]++;
}

bool
metrics_sources_ready(const struct metrics *m)
{
	for (size_t i = 0; i < m->contract->source_count; i++) {
		if (m->source_failed[i]) {
			return false;
		}
	}
	return true;
}

/* One counter of every capability. */
static void
put_capabilities(const struct metrics *m, const struct metric_out *o,
    const char *name, const char *help, size_t offset)
{
	metric_family(o, name, "counter", help);
	for (size_t i = 0; i < m->contract->capability_count; i++) {
		const char *field = (const char *)&m->capabilities[i] + offset;
		uint64_t value = 0;

		memcpy(&value, field, sizeof(value));
		metric_sample(o, name, "_total", "capability",
		    m->contract->capabilities[i].name, value);
	}
}

static void
put_statuses(const struct metrics *m, const struct metric_out *o)
{
	char text[16];

	metric_family(o, "http_answers", "counter", "Answers by status.");
	for (size_t i = 0; i < METRICS_STATUSES; i++) {
		if (m->http_status[i] > 0) {
			(void)snprintf(text, sizeof(text), "%d", statuses[i]);
			metric_sample(o, "http_answers", "_total", "status",
			    text, m->http_status[i]);
		}
	}
}

/* What is said of a source; in this order. */
static const struct source_row {
	const char *name;
	const char *type;
	const char *help;
	size_t offset; /* a uint64_t of struct reader_stats */
} source_rows[] = {
#define FIELD(name) offsetof(struct reader_stats, name)
    {"source_connections_max", "gauge", "Connections that its pool may have.",
	FIELD(max)},
    {"source_connections", "gauge", "Connections that are open.", FIELD(open)},
    {"source_active", "gauge", "Statements under way.", FIELD(active)},
    {"source_waiting", "gauge", "Reads that wait for a connection.",
	FIELD(waiting)},
    {"source_queue_timeouts", "counter",
	"Reads that waited too long for a connection.", FIELD(queue_timeouts)},
    {"source_queue_full", "counter", "Reads that found the queue full.",
	FIELD(queue_full)},
    {"source_statement_timeouts", "counter",
	"Statements that were given up by us.", FIELD(statement_timeouts)},
    {"source_cancels", "counter", "Statements that the server was told to end.",
	FIELD(cancels)},
    {"source_connect_failures", "counter", "Connection attempts that failed.",
	FIELD(connect_failures)},
    {"source_probe_known", "gauge", "Its probe has come to an end once.",
	FIELD(probe_known)},
    {"source_probe_refused", "gauge",
	"Tools that its last probe took out of service.", FIELD(probe_refused)},
#undef FIELD
};

static void
put_source_row(const struct metrics *m, const struct metric_out *o,
    const struct source_row *row)
{
	metric_family(o, row->name, row->type, row->help);
	for (size_t i = 0; i < m->contract->source_count; i++) {
		struct reader_stats stats = {0};
		uint64_t value = 0;

		if (m->readers[i] == NULL) {
			continue; /* no credential */
		}
		m->readers[i]->ops->stats(m->readers[i], &stats);
		memcpy(
		    &value, (const char *)&stats + row->offset, sizeof(value));
		metric_sample(o, row->name, row->type[0] == 'c' ? "_total" : "",
		    "source", m->contract->sources[i].name, value);
	}
}

void
metrics_write(
    const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
	const struct metric_out o = {out, "countersign_mcpd"};

	put_capabilities(m, &o, "calls", "Tool calls begun.",
	    offsetof(struct metrics_capability, calls));
	put_capabilities(m, &o, "refusals",
	    "Calls that ended in an error that the model was told.",
	    offsetof(struct metrics_capability, refusals));
	put_capabilities(m, &o, "rate_limited",
	    "Calls refused by a limit of the contract.",
	    offsetof(struct metrics_capability, rate_limited));
	metric_counter(
	    &o, "unknown_tools", "Calls of no known tool.", m->unknown_tools);
	put_statuses(m, &o);
	metric_counter(
	    &o, "connections_accepted", "Connections so far.", m->connections);
	metric_gauge(&o, "connections", "Connections open.", now->connections);
	metric_gauge(
	    &o, "in_flight", "Requests being worked on.", now->in_flight);
	metric_gauge(&o, "sessions", "Sessions remembered.", now->sessions);
	metric_gauge(&o, "ledger_ready", "ledgerd answers.", now->ledger_ready);
	metric_gauge(&o, "sources_ready",
	    "No source failed when it was last read.",
	    metrics_sources_ready(m));
	for (size_t i = 0; m->readers != NULL &&
			   i < sizeof(source_rows) / sizeof(source_rows[0]);
	     i++) {
		put_source_row(m, &o, &source_rows[i]);
	}
	metric_end(&o);
}
