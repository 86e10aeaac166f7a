/*
 * What this process has done, in numbers: no names but the contract's, no
 * tenants, no values.
 */
#ifndef CS_MCPD_METRICS_H
#define CS_MCPD_METRICS_H

#include <stdint.h>

#include "common/contract/contract.h"

/* Of one capability. */
struct metrics_capability {
	uint64_t calls;
	uint64_t refusals; /* told to the model as an error, and recorded */
	uint64_t rate_limited;
};

/* Every status that HTTP answers with; others count as the last. */
#define METRICS_STATUSES 16U

struct reader;

struct metrics {
	const struct contract *contract;
	struct reader *const *readers; /* by source index, borrowed; or NULL */
	struct metrics_capability *capabilities; /* by index */
	uint64_t unknown_tools;
	bool *source_failed; /* by index: its last read found no database */
	uint64_t http_status[METRICS_STATUSES];
	uint64_t connections; /* accepted */
};

void metrics_init(struct metrics *m, const struct contract *c);
void metrics_clear(struct metrics *m);

/* Count an answer of HTTP. */
void metrics_count_status(struct metrics *m, int status);

/* The moment's values, from whoever knows them. */
struct metrics_now {
	unsigned connections;
	unsigned in_flight;
	unsigned sessions;
	bool ledger_ready;
};

bool metrics_sources_ready(const struct metrics *m);

/* Append the OpenMetrics text, with its "# EOF". */
void metrics_write(
    const struct metrics *m, const struct metrics_now *now, struct buf *out);

#endif
