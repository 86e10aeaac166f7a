#include "mcpd/metrics.h"

#include "common/base/xalloc.h"

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

static void
put_family(
    struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# TYPE countersign_mcpd_%s %s\n", name, type);
	buf_printf(out, "# HELP countersign_mcpd_%s %s\n", name, help);
}

static void
put_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
	put_family(out, name, "gauge", help);
	buf_printf(
	    out, "countersign_mcpd_%s %llu\n", name, (unsigned long long)value);
}

/* One counter of every capability; their names are identifiers. */
static void
put_capabilities(const struct metrics *m, struct buf *out, const char *name,
    const char *help, size_t offset)
{
	put_family(out, name, "counter", help);
	for (size_t i = 0; i < m->contract->capability_count; i++) {
		const char *field = (const char *)&m->capabilities[i] + offset;
		uint64_t value = 0;

		memcpy(&value, field, sizeof(value));
		buf_printf(out,
		    "countersign_mcpd_%s_total{capability=\"%s\"} %llu\n", name,
		    m->contract->capabilities[i].name,
		    (unsigned long long)value);
	}
}

static void
put_statuses(const struct metrics *m, struct buf *out)
{
	put_family(out, "http_answers", "counter", "Answers by status.");
	for (size_t i = 0; i < METRICS_STATUSES; i++) {
		if (m->http_status[i] > 0) {
			buf_printf(out,
			    "countersign_mcpd_http_answers_total"
			    "{status=\"%d\"} %llu\n",
			    statuses[i], (unsigned long long)m->http_status[i]);
		}
	}
}

void
metrics_write(
    const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
	put_capabilities(m, out, "calls", "Tool calls begun.",
	    offsetof(struct metrics_capability, calls));
	put_capabilities(m, out, "refusals",
	    "Calls that ended in an error that the model was told.",
	    offsetof(struct metrics_capability, refusals));
	put_capabilities(m, out, "rate_limited",
	    "Calls refused by a limit of the contract.",
	    offsetof(struct metrics_capability, rate_limited));
	put_family(out, "unknown_tools", "counter", "Calls of no known tool.");
	buf_printf(out, "countersign_mcpd_unknown_tools_total %llu\n",
	    (unsigned long long)m->unknown_tools);
	put_statuses(m, out);
	put_family(
	    out, "connections_accepted", "counter", "Connections so far.");
	buf_printf(out, "countersign_mcpd_connections_accepted_total %llu\n",
	    (unsigned long long)m->connections);
	put_gauge(out, "connections", "Connections open.", now->connections);
	put_gauge(
	    out, "in_flight", "Requests being worked on.", now->in_flight);
	put_gauge(out, "sessions", "Sessions remembered.", now->sessions);
	put_gauge(out, "ledger_ready", "ledgerd answers.", now->ledger_ready);
	put_gauge(out, "sources_ready",
	    "No source failed when it was last read.",
	    metrics_sources_ready(m));
	buf_puts(out, "# EOF\n");
}
