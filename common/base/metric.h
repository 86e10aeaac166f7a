/*
 * OpenMetrics text: families and their samples. Names and labels are ours or
 * identifiers of the contract, so nothing is escaped.
 */
#ifndef CS_COMMON_BASE_METRIC_H
#define CS_COMMON_BASE_METRIC_H

#include <stdint.h>

#include "common/base/buf.h"

struct metric_out {
	struct buf *text;
	const char *prefix; /* "countersign_mcpd" */
};

/* Head of a family; `type` is "counter" or "gauge". */
void metric_family(const struct metric_out *o, const char *name,
    const char *type, const char *help);

/* A sample of the family that was begun last. `suffix` is "_total" for counters
 * and "" for gauges; `label` NULL: none. */
void metric_sample(const struct metric_out *o, const char *name,
    const char *suffix, const char *label, const char *value, uint64_t number);

/* A family with one sample and no label. */
void metric_gauge(const struct metric_out *o, const char *name,
    const char *help, uint64_t number);
void metric_counter(const struct metric_out *o, const char *name,
    const char *help, uint64_t number);

void metric_end(const struct metric_out *o);

#endif
