/*
 * The guarded transaction on a real SQLite file: what is applied is applied
 * once, and whatever does not hold leaves the row as it was.
 */
#include "tests/unit/check.h"

#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/db/lite.h"
#include "tests/unit/fixture.h"
#include "writerd/apply.h"

#define SCHEMA                                                          \
	"CREATE TABLE orders (id INTEGER, tenant_id TEXT, status TEXT," \
	" total NUMERIC, version TEXT);"                                \
	"INSERT INTO orders VALUES (7, 'acme', 'open', 20, 'v1'),"      \
	" (7, 'other', 'open', 20, 'v1'), (8, 'acme', 'open', 30, NULL);"
#define RECEIPTS                                                      \
	"CREATE TABLE synapsor_writeback_receipts (idempotency_key"   \
	" TEXT PRIMARY KEY, job_id TEXT UNIQUE NOT NULL, proposal_id" \
	" TEXT NOT NULL, status TEXT NOT NULL, result_hash TEXT,"     \
	" created_at TEXT NOT NULL DEFAULT '', completed_at TEXT);"
#define ROW_7                                                   \
	"{\"id\":7,\"tenant_id\":\"acme\",\"status\":\"open\"," \
	"\"total\":20,\"version\":\"v1\"}"
#define ROW_8                                                   \
	"{\"id\":8,\"tenant_id\":\"acme\",\"status\":\"open\"," \
	"\"total\":30,\"version\":null}"
#define ROW_HASHED                                              \
	"{\"id\":7,\"tenant_id\":\"acme\",\"status\":\"open\"," \
	"\"total\":20}"
#define CLOSE "{\"status\":\"closed\",\"total\":12.5}"

static struct fixture f;
static struct db *db;
static char path[] = "/tmp/cs-apply-XXXXXX";
static char url[64];
static sqlite3 *peer; /* the application, on a connection of its own */

static void
sql(const char *text)
{
	char *message = NULL;

	if (sqlite3_exec(peer, text, NULL, NULL, &message) != SQLITE_OK) {
		fail_msg("%s: %s", text, message);
	}
}

/* The first column of the first row, as text; "" when there is none. */
static const char *
look_up(const char *text)
{
	static char value[256];
	sqlite3_stmt *st = NULL;

	value[0] = '\0';
	assert_int_equal(
	    sqlite3_prepare_v2(peer, text, -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW) {
		const unsigned char *found = sqlite3_column_text(st, 0);
		(void)snprintf(value, sizeof(value), "%s",
		    found == NULL ? "NULL" : (const char *)found);
	}
	(void)sqlite3_finalize(st);
	return value;
}

static int
set_up(void **state)
{
	struct err e = {0};
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/cs-apply-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	(void)snprintf(url, sizeof(url), "sqlite://%s", path);
	assert_int_equal(sqlite3_open(path, &peer), SQLITE_OK);
	sql(SCHEMA);
	assert_int_equal(db_lite_ops.open(NULL, span_of(url), &db, &e), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	db->ops->close(db);
	(void)sqlite3_close(peer);
	fixture_free(&f);
	return unlink(path);
}

/* A job that was approved now, checked as a writer checks it. */
static struct checked_job
job_for(const char *capability, const char *row, const char *patch)
{
	struct job_authority authority;
	struct checked_job job;
	struct err e = {0};

	if (f.arena != NULL) {
		fixture_free(&f);
	}
	fixture_init(&f, "contract-sqlite.json", capability);
	f.now_us = clock_now_us();
	fixture_row(&f, row);
	fixture_patch(&f, patch);
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	authority = (struct job_authority){.contract = f.contract,
	    .ledger_key = sign_key_public(f.key),
	    .now_us = f.now_us};
	if (job_check(&authority, &f.message, f.arena, &job, &e) != 0) {
		fail_msg("%s: %s", err_reason(&e), e.msg);
	}
	return job;
}

static struct outcome
apply(const struct checked_job *job)
{
	struct outcome out;

	apply_job(db, job, f.arena, &out);
	assert_true(db->ops->is_alive(db));
	return out;
}

static void
assert_outcome(const struct outcome *out, enum receipt_status status,
    const char *code, bool mutated)
{
	if (out->status != status ||
	    strcmp(out->code == NULL ? "" : out->code, code) != 0) {
		fail_msg("%s %s: %s", receipt_status_name(out->status),
		    out->code, out->explain);
	}
	assert_int_equal(out->mutated, mutated);
	assert_int_equal(out->rows, mutated ? 1 : 0);
	assert_memory_equal(out->hash, "sha256:", 7);
}

static void
assert_untouched(void)
{
	assert_string_equal(
	    look_up("SELECT group_concat(status || total) FROM orders"),
	    "open20,open20,open30");
}

static void
an_approved_change_is_applied_to_exactly_its_row(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out = apply(&job);
	char hash[DIGEST_TEXT_SIZE];

	(void)state;
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
	assert_string_equal(
	    look_up("SELECT group_concat(status || total) FROM orders"),
	    "closed12.5,open20,open30");
	assert_string_equal(look_up("SELECT status || completed_at IS NOT NULL"
				    " FROM synapsor_writeback_receipts"),
	    "1");
	assert_span(out.new_version.text, "v1");
	receipt_result_hash(
	    job.job.job_id, "applied", &job.job.guard_value, hash);
	assert_string_equal(out.hash, hash);
	assert_string_equal(
	    look_up("SELECT result_hash FROM synapsor_writeback_receipts"),
	    hash);
}

static void
the_same_job_again_is_already_applied(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome first = apply(&job);
	struct outcome out;

	(void)state;
	/* The application goes on; the second run must not undo that. */
	sql("UPDATE orders SET status = 'reopened' WHERE id = 7");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_ALREADY_APPLIED, "", false);
	assert_string_equal(out.hash, first.hash);
	assert_string_equal(look_up("SELECT status FROM orders"), "reopened");
}

static const struct {
	const char *before;
	const char *code;
} conflicts[] = {
    {"UPDATE orders SET version = 'v2' WHERE tenant_id = 'acme'",
	"VERSION_CONFLICT"},
    {"UPDATE orders SET version = NULL WHERE tenant_id = 'acme'",
	"VERSION_CONFLICT"},
    {"DELETE FROM orders WHERE tenant_id = 'acme'", "ROW_NOT_FOUND"},
    {"UPDATE orders SET tenant_id = 'third' WHERE tenant_id = 'acme'",
	"ROW_NOT_FOUND"},
    /* The rules hold for the row as it is now, not as it was read. */
    {"UPDATE orders SET status = 'closed' WHERE tenant_id = 'acme'",
	"PATCH_TRANSITION_NOT_ALLOWED"},
};

static void
a_row_that_changed_is_a_conflict_and_stays_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(conflicts); i++) {
		struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
		struct outcome out;

		sql("DROP TABLE IF EXISTS orders;"
		    "DROP TABLE IF EXISTS synapsor_writeback_receipts;" SCHEMA
			RECEIPTS);
		sql(conflicts[i].before);
		out = apply(&job);
		assert_outcome(
		    &out, RECEIPT_CONFLICT, conflicts[i].code, false);
		assert_string_equal(look_up("SELECT count(*) FROM orders"
					    " WHERE total = 12.5"),
		    "0");
		/* Put back what was expected: the key is spent all the same. */
		sql("DELETE FROM orders;"
		    "INSERT INTO orders VALUES (7, 'acme', 'open', 20, 'v1')");
		out = apply(&job);
		assert_outcome(
		    &out, RECEIPT_CONFLICT, "IDEMPOTENT_CONFLICT", false);
	}
}

static void
a_null_version_is_a_version(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_8, CLOSE);
	struct outcome out = apply(&job);

	(void)state;
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
	assert_string_equal(
	    look_up("SELECT status FROM orders WHERE id = 8"), "closed");
}

static void
a_null_version_that_was_set_is_a_conflict(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_8, CLOSE);
	struct outcome out;

	(void)state;
	sql("UPDATE orders SET version = '' WHERE id = 8");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_CONFLICT, "VERSION_CONFLICT", false);
	assert_untouched();
}

static void
a_row_hash_guards_every_reviewed_column(void **state)
{
	struct checked_job job =
	    job_for("orders.close_by_hash", ROW_HASHED, CLOSE);
	struct outcome out;

	(void)state;
	/* A column that nobody reviewed may change. */
	sql("UPDATE orders SET version = 'v9'");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
}

static void
a_row_hash_that_differs_is_a_conflict(void **state)
{
	struct checked_job job =
	    job_for("orders.close_by_hash", ROW_HASHED, CLOSE);
	struct outcome out;

	(void)state;
	sql("UPDATE orders SET total = 20.01 WHERE id = 7");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_CONFLICT, "VERSION_CONFLICT", false);
	assert_string_equal(look_up("SELECT status FROM orders"), "open");
}

static const struct {
	const char *trigger;
	const char *code;
} triggers[] = {
    {"UPDATE orders SET status = 'escalated' WHERE rowid = new.rowid",
	"POST_IMAGE_MISMATCH"},
    {"UPDATE orders SET total = total + 1 WHERE rowid = new.rowid",
	"POST_IMAGE_MISMATCH"},
    {"UPDATE orders SET tenant_id = 'x' WHERE rowid = new.rowid",
	"POST_IMAGE_MISMATCH"},
    {"DELETE FROM orders WHERE rowid = new.rowid", "POST_IMAGE_MISMATCH"},
    {"INSERT INTO orders SELECT * FROM orders WHERE rowid = new.rowid",
	"POST_IMAGE_MISMATCH"},
    {"SELECT RAISE(ABORT, 'no')", "TRANSACTION_FAILED"},
    {"SELECT RAISE(ROLLBACK, 'no')", "TRANSACTION_FAILED"},
};

static void
a_trigger_with_other_ideas_rolls_everything_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(triggers); i++) {
		struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
		char text[256];
		struct outcome out;

		(void)snprintf(text, sizeof(text),
		    "CREATE TRIGGER t AFTER UPDATE OF status ON orders"
		    " WHEN new.status = 'closed' BEGIN %s; END",
		    triggers[i].trigger);
		sql(text);
		out = apply(&job);
		assert_outcome(&out, RECEIPT_FAILED, triggers[i].code, false);
		assert_untouched();
		assert_string_equal(look_up("SELECT count(*) FROM"
					    " synapsor_writeback_receipts"),
		    "0");
		sql("DROP TRIGGER t");
	}
}

/* The patch changes nothing, so the row as it was would look right. */
static void
a_row_that_a_trigger_takes_away_is_missed(void **state)
{
	struct checked_job job =
	    job_for("orders.close", ROW_7, "{\"total\":20}");
	struct outcome out;

	(void)state;
	sql("CREATE TRIGGER t AFTER UPDATE ON orders BEGIN"
	    " DELETE FROM orders WHERE rowid = new.rowid; END");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "POST_IMAGE_MISMATCH", false);
	assert_untouched();
}

static void
an_update_that_a_trigger_swallows_fails(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out;

	(void)state;
	sql("CREATE TRIGGER t BEFORE UPDATE ON orders BEGIN"
	    " SELECT RAISE(IGNORE); END");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "VERSION_CONFLICT", false);
	assert_untouched();
}

static void
two_rows_with_one_key_are_refused(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out;

	(void)state;
	sql("INSERT INTO orders VALUES (7, 'acme', 'open', 20, 'v1')");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "MULTI_ROW_WRITE_BLOCKED", false);
	assert_false(out.retryable);
	assert_string_equal(
	    look_up("SELECT count(*) FROM orders WHERE status = 'open'"), "4");
}

/* A digest of the whole database file. */
static void
file_digest(char out[DIGEST_TEXT_SIZE])
{
	struct buf bytes = BUF_INIT;
	FILE *file = fopen(path, "rb");
	int c;

	assert_non_null(file);
	while ((c = fgetc(file)) != EOF) {
		buf_putc(&bytes, (char)c);
	}
	(void)fclose(file);
	digest_text(buf_as_span(&bytes), out);
	buf_clear(&bytes);
}

/* A dry run for this row must leave every byte of the file alone. */
static void
run_dry(const char *row, enum receipt_status status, const char *code)
{
	struct checked_job job = job_for("orders.close", row, CLOSE);
	char before[DIGEST_TEXT_SIZE];
	char after[DIGEST_TEXT_SIZE];
	struct outcome out;

	job.job.dry_run = true;
	file_digest(before);
	out = apply(&job);
	file_digest(after);
	assert_outcome(&out, status, code, false);
	assert_string_equal(before, after);
}

static void
a_dry_run_changes_no_byte_of_the_file(void **state)
{
	(void)state;
	run_dry(ROW_7, RECEIPT_APPLIED, "");
	sql(RECEIPTS);
	run_dry(ROW_7, RECEIPT_APPLIED, "");
	sql("UPDATE orders SET version = 'v2'");
	run_dry(ROW_7, RECEIPT_CONFLICT, "VERSION_CONFLICT");
	sql("DELETE FROM orders");
	run_dry(ROW_7, RECEIPT_CONFLICT, "ROW_NOT_FOUND");
}

static void
a_dry_run_spends_no_key(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out;

	(void)state;
	sql(RECEIPTS);
	job.job.dry_run = true;
	(void)apply(&job);
	job.job.dry_run = false;
	out = apply(&job);
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
}

static void
settling_tells_what_became_of_it_and_writes_nothing(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out;

	(void)state;
	job.job.settle = true;
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "NOT_APPLIED", false);
	assert_true(out.retryable);
	sql(RECEIPTS);
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "NOT_APPLIED", false);
	assert_untouched();
	job.job.settle = false;
	(void)apply(&job);
	job.job.settle = true;
	out = apply(&job);
	assert_outcome(&out, RECEIPT_ALREADY_APPLIED, "", false);
}

static const struct {
	const char *status;
	enum receipt_status result;
	const char *code;
} leftovers[] = {
    {"applied", RECEIPT_ALREADY_APPLIED, ""},
    {"already_applied", RECEIPT_ALREADY_APPLIED, ""},
    {"conflict", RECEIPT_CONFLICT, "IDEMPOTENT_CONFLICT"},
    {"failed", RECEIPT_FAILED, "IDEMPOTENT_FAILED"},
    {"in_progress", RECEIPT_FAILED, "IDEMPOTENCY_RECEIPT_IN_PROGRESS"},
    {"doctor", RECEIPT_FAILED, "IDEMPOTENCY_RECEIPT_IN_PROGRESS"},
};

static void
a_receipt_that_is_there_decides(void **state)
{
	(void)state;
	sql(RECEIPTS);
	for (size_t i = 0; i < COUNT(leftovers); i++) {
		struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
		char text[512];
		struct outcome out;

		(void)snprintf(text, sizeof(text),
		    "DELETE FROM synapsor_writeback_receipts;"
		    "INSERT INTO synapsor_writeback_receipts (idempotency_key,"
		    " job_id, proposal_id, status) VALUES"
		    " ('%.*s', 'j', 'p', '%s')",
		    SPAN_ARGS(job.job.idempotency_key), leftovers[i].status);
		sql(text);
		out = apply(&job);
		assert_outcome(
		    &out, leftovers[i].result, leftovers[i].code, false);
		assert_untouched();
	}
}

static void
a_lease_that_ran_out_is_not_committed(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out;

	(void)state;
	job.job.expires_us = clock_now_us() - 1;
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "JOB_EXPIRED", false);
	assert_true(out.retryable);
	assert_untouched();
}

static void
a_table_that_is_gone_fails_and_can_be_retried(void **state)
{
	struct checked_job job = job_for("orders.close", ROW_7, CLOSE);
	struct outcome out;

	(void)state;
	sql("ALTER TABLE orders RENAME TO elsewhere");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_FAILED, "TRANSACTION_FAILED", false);
	assert_true(out.retryable);
	sql("ALTER TABLE elsewhere RENAME TO orders");
	out = apply(&job);
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
}

/* Apply with this rule about the version, with `version` as what is there. */
static struct outcome
apply_advance(enum version_advance advance, const char *version)
{
	char row[128];
	char insert[128];
	struct checked_job job;
	struct contract_capability cap;
	struct outcome out;

	(void)snprintf(row, sizeof(row),
	    "{\"id\":7,\"tenant_id\":\"acme\",\"status\":\"open\","
	    "\"total\":20,\"version\":%s}",
	    version);
	(void)snprintf(insert, sizeof(insert),
	    "INSERT INTO orders VALUES (7, 'acme', 'open', 20, %s)", version);
	sql("DROP TABLE orders;"
	    "DROP TABLE IF EXISTS synapsor_writeback_receipts;" RECEIPTS
	    "CREATE TABLE orders (id INTEGER, tenant_id TEXT, status TEXT,"
	    " total NUMERIC, version)");
	sql(insert);
	job = job_for("orders.close", row, CLOSE);
	cap = *job.cap;
	cap.advance = advance;
	job.cap = &cap;
	out = apply(&job);
	return out;
}

static void
a_version_that_we_move_is_one_more(void **state)
{
	static const char *const not_whole[] = {"null", "2.5"};
	struct outcome out = apply_advance(ADVANCE_INTEGER_INCREMENT, "41");

	(void)state;
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
	assert_span(out.new_version.text, "42");
	assert_string_equal(look_up("SELECT version FROM orders"), "42");
	for (size_t i = 0; i < COUNT(not_whole); i++) {
		out = apply_advance(ADVANCE_INTEGER_INCREMENT, not_whole[i]);
		assert_outcome(
		    &out, RECEIPT_FAILED, "VERSION_DID_NOT_ADVANCE", false);
		assert_string_equal(
		    look_up("SELECT status FROM orders"), "open");
	}
}

static void
a_version_that_the_database_moves_must_move(void **state)
{
	struct outcome out = apply_advance(ADVANCE_DATABASE_GENERATED, "41");

	(void)state;
	assert_outcome(&out, RECEIPT_FAILED, "VERSION_DID_NOT_ADVANCE", false);
	assert_string_equal(look_up("SELECT status FROM orders"), "open");
	out = apply_advance(ADVANCE_NOT_CHECKED, "41");
	assert_outcome(&out, RECEIPT_APPLIED, "", true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_approved_change_is_applied_to_exactly_its_row),
	    TEST(the_same_job_again_is_already_applied),
	    TEST(a_row_that_changed_is_a_conflict_and_stays_one),
	    TEST(a_null_version_is_a_version),
	    TEST(a_null_version_that_was_set_is_a_conflict),
	    TEST(a_row_hash_guards_every_reviewed_column),
	    TEST(a_row_hash_that_differs_is_a_conflict),
	    TEST(a_trigger_with_other_ideas_rolls_everything_back),
	    TEST(a_row_that_a_trigger_takes_away_is_missed),
	    TEST(an_update_that_a_trigger_swallows_fails),
	    TEST(two_rows_with_one_key_are_refused),
	    TEST(a_dry_run_changes_no_byte_of_the_file),
	    TEST(a_dry_run_spends_no_key),
	    TEST(settling_tells_what_became_of_it_and_writes_nothing),
	    TEST(a_receipt_that_is_there_decides),
	    TEST(a_lease_that_ran_out_is_not_committed),
	    TEST(a_table_that_is_gone_fails_and_can_be_retried),
	    TEST(a_version_that_we_move_is_one_more),
	    TEST(a_version_that_the_database_moves_must_move),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
