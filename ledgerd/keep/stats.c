/* store stats: counted by walking, so that nobody waits for it. */
#include "common/base/xalloc.h"
#include "ledgerd/keep/keep.h"

enum count {
	COUNT_READS,
	COUNT_OF_PROPOSALS, /* events about one */
	COUNT_OTHERS,
	COUNTS
};

struct stats {
	struct ledger *ledger;
	sqlite3_stmt *st;
	int64_t counts[COUNTS];
	int64_t last_id;
};

/* Small tables, or such that SQLite counts by an index. */
static const struct {
	const char *key;
	const char *sql;
} tables[] = {
    {"proposals", "SELECT count(*) FROM proposals"},
    {"approvals", "SELECT count(*) FROM decisions"},
    {"writeback_jobs", "SELECT count(*) FROM jobs"},
    {"writeback_receipts", "SELECT count(*) FROM receipts"},
    {"idempotency_receipts",
	"SELECT count(DISTINCT idempotency_key) FROM receipts"},
    {"tombstones", "SELECT count(*) FROM tombstones"},
    {"page_count", "PRAGMA page_count"},
    {"page_size", "PRAGMA page_size"},
};

static int
step(void *work, struct err *e)
{
	struct stats *s = work;
	sqlite3 *reader = s->ledger->store.reader;
	int rc;

	if (s->st == NULL &&
	    sqlite3_prepare_v2(reader,
		"SELECT event_id, kind = 'read_recorded',"
		" proposal_id IS NOT NULL FROM events ORDER BY event_id",
		-1, &s->st, NULL) != SQLITE_OK) {
		return store_error(reader, e, "be read");
	}
	rc = sqlite3_step(s->st);
	if (rc == SQLITE_ROW) {
		s->last_id = stmt_int(s->st, 0);
		s->counts[stmt_int(s->st, 1) != 0   ? COUNT_READS
			  : stmt_int(s->st, 2) != 0 ? COUNT_OF_PROPOSALS
						    : COUNT_OTHERS]++;
		return 1;
	}
	return rc == SQLITE_DONE ? 0 : store_error(reader, e, "be read");
}

static int64_t
number(struct ledger *l, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t value = 0;

	if (sqlite3_prepare_v2(l->store.reader, sql, -1, &st, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		value = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return value;
}

/* 0.1.1's names: one read is a bundle, an item and an audit record. */
static void
put(void *work, struct json_out *j)
{
	struct stats *s = work;
	int64_t bytes = 1;

	json_open(j, '{');
	json_field_text(j, "path", keep_path(s->ledger));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int64_t value = number(s->ledger, tables[i].sql);
		json_field_int(j, tables[i].key, value);
		if (strncmp(tables[i].key, "page_", 5) == 0) {
			bytes *= value;
		}
	}
	json_field_int(j, "evidence_bundles", s->counts[COUNT_READS]);
	json_field_int(j, "evidence_items", s->counts[COUNT_READS]);
	json_field_int(j, "query_audit", s->counts[COUNT_READS]);
	json_field_int(j, "proposal_events", s->counts[COUNT_OF_PROPOSALS]);
	json_field_int(j, "other_events", s->counts[COUNT_OTHERS]);
	json_field_int(j, "replay_records",
	    number(s->ledger, "SELECT count(*) FROM proposals"));
	json_field_int(j, "approx_bytes", bytes);
	json_close(j, '}');
}

static unsigned
percent(const void *work, const char **phase)
{
	const struct stats *s = work;

	*phase = "counting";
	return (
	    unsigned)(s->last_id * 100 / (s->ledger->store.last_event_id + 1));
}

static void
free_stats(void *work)
{
	struct stats *s = work;

	(void)sqlite3_finalize(s->st);
	free(s);
}

void
stats_start(struct conn *c, uint32_t id)
{
	static const struct slice_ops ops = {step, put, percent, free_stats};
	struct stats *s = xcalloc(1, sizeof(*s));

	s->ledger = c->ledger;
	slices_start(c, id, &ops, s);
}
