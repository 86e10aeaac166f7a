#include "ledgerd/metrics.h"

#include "common/base/clock.h"
#include "common/base/metric.h"
#include "ledgerd/conn.h"
#include "ledgerd/documents.h"

/* Rows that are counted; more are told as this many. */
#define COUNT_MAX 10000

/* States in which a proposal waits for somebody. Those in which it ends hold
 * ever more rows, so only what has come into them is counted. */
static const enum proposal_state open_states[] = {STATE_PENDING_REVIEW,
    STATE_APPROVED, STATE_PENDING_WORKER, STATE_OUTCOME_UNKNOWN};

void
metrics_count_report(struct ledger *l, enum receipt_status status)
{
	if (l->metrics != NULL) {
		l->metrics->reports[status]++;
		l->metrics->last_report_ms = clock_mono_ms();
	}
}

void
metrics_count_refused_peer(struct ledger *l)
{
	if (l->metrics != NULL) {
		l->metrics->peers_refused++;
	}
}

void
metrics_count_held_reply(struct ledger *l)
{
	if (l->metrics != NULL) {
		l->metrics->replies_held++;
	}
}

/* `sql` selects at most ?2 rows, by ?1. */
static int
count_rows(struct ledger *l, const char *sql, const char *word, uint64_t *out,
    struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = reader_prepare(l, sql, &st, e);

	if (rc != 0) {
		return rc;
	}
	(void)sqlite3_bind_text(st, 1, word, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(st, 2, COUNT_MAX);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = (uint64_t)sqlite3_column_int64(st, 0);
	} else {
		rc = store_error(l->store.reader, e, "be counted");
	}
	(void)sqlite3_finalize(st);
	return rc;
}

static int
put_proposals(struct ledger *l, const struct metric_out *o, struct err *e)
{
	uint64_t count = 0;
	int rc = 0;

	metric_family(o, "proposals", "gauge",
	    "Proposals that wait, by state; at most 10000 are counted.");
	for (size_t i = 0;
	     i < sizeof(open_states) / sizeof(open_states[0]) && rc == 0; i++) {
		const char *name = state_name(open_states[i]);

		rc = count_rows(l,
		    "SELECT count(*) FROM (SELECT 1 FROM proposals"
		    " WHERE state = ?1 LIMIT ?2)",
		    name, &count, e);
		metric_sample(o, "proposals", "", "state", name, count);
	}
	metric_family(o, "proposal_moves", "counter",
	    "Proposals that have come into a state since the start.");
	for (int i = 0; i < STATES; i++) {
		metric_sample(o, "proposal_moves", "_total", "state",
		    state_name((enum proposal_state)i),
		    l->store.turn_counts.moved[i]);
	}
	return rc;
}

static int
put_jobs(struct ledger *l, const struct metric_out *o, struct err *e)
{
	const struct conn *c = NULL;
	uint64_t leased = 0;
	uint64_t waiting = 0;
	int rc = count_rows(l,
	    "SELECT count(*) FROM (SELECT 1 FROM jobs"
	    " WHERE state = 'released' AND ?1 <> '' LIMIT ?2)",
	    "released", &waiting, e);

	TAILQ_FOREACH (c, &l->conns, link) {
		leased += c->leased_seq != 0 ? 1 : 0;
	}
	metric_gauge(o, "jobs_leased", "Jobs that a writer works on.", leased);
	metric_gauge(o, "jobs_waiting",
	    "Jobs that no writer has taken; at most 10000 are counted.",
	    waiting);
	return rc;
}

static void
put_connections(struct ledger *l, const struct metric_out *o)
{
	static const enum proto_role roles[] = {
	    ROLE_MCPD, ROLE_WRITER, ROLE_HANDLER, ROLE_CONTROL};
	const struct conn *c = NULL;
	uint64_t held = 0;

	metric_family(o, "connections", "gauge", "Connections, by role.");
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		uint64_t count = 0;

		TAILQ_FOREACH (c, &l->conns, link) {
			count += c->role == roles[i] ? 1 : 0;
		}
		metric_sample(o, "connections", "", "role",
		    proto_role_name(roles[i]), count);
	}
	TAILQ_FOREACH (c, &l->conns, link) {
		held += c->held.len > 0 ? 1 : 0;
	}
	metric_gauge(o, "connections_held",
	    "Connections with replies that wait for the commit.", held);
}

static void
put_ledger(struct ledger *l, const struct metric_out *o)
{
	const struct store *s = &l->store;

	metric_gauge(o, "chain_head_event_id", "Number of the last event.",
	    (uint64_t)s->last_event_id);
	metric_gauge(o, "signed_head_event_id",
	    "Number of the last event under a signed head.",
	    (uint64_t)l->signed_event_id);
	metric_counter(o, "commits", "Transactions of the ledger.", s->commits);
	metric_counter(o, "commit_failures",
	    "Transactions that failed; all that they held was refused.",
	    s->commit_failures);
}

/* What writers have said. */
static void
put_reports(struct ledger *l, const struct metric_out *o)
{
	const struct metrics *m = l->metrics;

	metric_family(o, "applies", "counter",
	    "Applies that a writer has reported, by outcome; no dry runs.");
	for (int i = 0; i < RECEIPT_STATUSES; i++) {
		metric_sample(o, "applies", "_total", "outcome",
		    receipt_status_name((enum receipt_status)i), m->reports[i]);
	}
	metric_family(o, "last_report_age_seconds", "gauge",
	    "Since a writer reported last; absent if none has.");
	if (m->last_report_ms != 0) {
		metric_sample(o, "last_report_age_seconds", "", NULL, NULL,
		    (uint64_t)(clock_mono_ms() - m->last_report_ms) / 1000);
	}
	metric_counter(o, "replies_held", "Replies that waited for a commit.",
	    m->replies_held);
	metric_counter(o, "peers_refused",
	    "Connections that were refused, or ended for what they sent.",
	    m->peers_refused);
}

int
metrics_write(struct ledger *l, struct buf *out, struct err *e)
{
	const struct metric_out o = {out, "countersign_ledgerd"};
	int rc = put_proposals(l, &o, e);

	if (rc == 0) {
		rc = put_jobs(l, &o, e);
	}
	put_ledger(l, &o);
	put_connections(l, &o);
	if (l->metrics != NULL) {
		put_reports(l, &o);
	}
	metric_end(&o);
	return rc;
}
