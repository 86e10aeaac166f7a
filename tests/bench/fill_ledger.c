/*
 * Append COUNT reads to a ledger that nobody has open, as ledgerd itself would
 * have recorded them: same rows, same chain. Only durability is left out, since
 * the file is thrown away after the measurement.
 */
#include "common/base/err.h"
#include "common/crypto/digest.h"
#include "ledgerd/record.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/wal.h"
#include "tests/bench/samples.h"

#define GROUP 20000

static const char usage[] =
    "usage: fill_ledger STORE COUNT KEYS CONTRACT_EVENT";

static const char fast[] = "PRAGMA synchronous = OFF;"
			   "PRAGMA cache_size = -262144;";

struct fill {
	struct store store;
	int64_t keys;
	int64_t contract_event;
	struct buf row;
	struct buf body;
};

static void
must(int rc, const struct err *e)
{
	if (rc != 0) {
		bench_die("%s", e->msg);
	}
}

static void
put_bodies(struct fill *f, const char *id)
{
	buf_reset(&f->row);
	buf_printf(&f->row,
	    "{\"id\":\"%s\",\"status\":\"open\",\"late_fee_cents\":5500,"
	    "\"waiver_reason\":null,\"updated_at\":\"2026-06-20T14:31:08Z\","
	    "\"tenant_id\":\"acme\"}",
	    id);
	buf_reset(&f->body);
	buf_printf(&f->body,
	    "{\"contract_event\":%lld,\"principal\":\"support_agent_17\","
	    "\"provenance\":\"static_dev\",\"args\":{\"invoice_id\":\"%s\"},"
	    "\"row\":%s}",
	    (long long)f->contract_event, id, buf_text(&f->row));
}

/* ID("ev", …) of text that no other event has. */
static void
name_evidence(struct fill *f, int64_t n, char out[ID_TEXT_SIZE])
{
	char hash_id[ID_TEXT_SIZE];

	buf_printf(&f->row, "%lld", (long long)n);
	digest_id("ev", buf_as_span(&f->row), hash_id);
	evidence_id_at(f->store.last_event_id + 1, hash_id, out);
}

static void
append(struct fill *f, int64_t n, struct err *e)
{
	char id[32];
	char evidence[ID_TEXT_SIZE];
	struct event_row row = {.kind = EVENT_READ,
	    .actor = span_of("support_agent_17"),
	    .tenant = span_of("acme"),
	    .capability = span_of("billing.inspect_invoice")};

	(void)snprintf(id, sizeof(id), "INV-%lld", (long long)(n % f->keys));
	put_bodies(f, id);
	name_evidence(f, n, evidence);
	row.object_id = span_of(id);
	row.evidence_id = span_of(evidence);
	row.body = buf_as_span(&f->body);
	must(event_append(&f->store, &row, e), e);
}

int
main(int argc, char **argv)
{
	struct fill f = {0};
	struct err e = {0};
	int64_t count;

	if (argc != 5) {
		bench_die("%s", usage);
	}
	count = bench_number(argv[2], 1);
	f.keys = bench_number(argv[3], 1);
	f.contract_event = bench_number(argv[4], 1);
	crypto_init();
	must(store_open(&f.store, argv[1], &e), &e);
	if (sqlite3_exec(f.store.db, fast, NULL, NULL, NULL) != SQLITE_OK) {
		bench_die("%s", sqlite3_errmsg(f.store.db));
	}
	for (int64_t n = 0; n < count; n++) {
		append(&f, n, &e);
		if (n % GROUP == GROUP - 1) {
			must(store_commit(&f.store, &e), &e);
			wal_upkeep(&f.store);
		}
	}
	must(store_commit(&f.store, &e), &e);
	store_close(&f.store);
	buf_clear(&f.row);
	buf_clear(&f.body);
	return 0;
}
