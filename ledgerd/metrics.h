/*
 * What this ledgerd has seen since its start, and what is there now, in
 * numbers: for `countersign metrics`. ledgerd has no network to serve them on.
 */
#ifndef CS_LEDGERD_METRICS_H
#define CS_LEDGERD_METRICS_H

#include "ledgerd/ledger.h"
#include "proto/receipt.h"

struct metrics {
	uint64_t replies_held; /* that waited for a commit */
	uint64_t peers_refused;
	uint64_t reports[RECEIPT_STATUSES]; /* of writers; no dry runs */
	int64_t last_report_ms;             /* monotonic; 0: none */
};

/* A writer has reported the end of an apply. */
void metrics_count_report(struct ledger *l, enum receipt_status status);
void metrics_count_refused_peer(struct ledger *l);
void metrics_count_held_reply(struct ledger *l);

/* Append OpenMetrics text. Its cost does not grow with the ledger: what is
 * counted in the file is counted to a bound, along an index. */
int metrics_write(struct ledger *l, struct buf *out, struct err *e);

#endif
