/*
 * The SQL that a writer may run, text by text. Identifiers come from the
 * contract and are identifiers, or there is no statement at all.
 */
#include "tests/unit/check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "tests/unit/fixture.h"
#include "writerd/stmt_plan.h"

static struct fixture f;

static int
tear_down(void **state)
{
	(void)state;
	fixture_free(&f);
	return 0;
}

static void
begin(const char *contract, const char *capability)
{
	fixture_init(&f, contract, capability);
}

static struct stmt_plan
plan(const char *patch, const char *receipts)
{
	struct stmt_plan out;
	struct err e = {0};

	f.cs.patch = fixture_scalars(f.arena, patch, &f.cs.patch_count);
	if (stmt_plan_build(f.cap, &f.cs, receipts, f.arena, &out, &e) != 0) {
		fail_msg("%s", e.msg);
	}
	return out;
}

static void
postgres_statements_are_these(void **state)
{
	struct stmt_plan p;

	(void)state;
	begin("contract.json", FIXTURE_BILLING);
	p = plan(FIXTURE_BILLING_PATCH, "\"r\".\"receipts\"");
	assert_string_equal(p.begin, "BEGIN");
	assert_string_equal(p.claim,
	    "INSERT INTO \"r\".\"receipts\" (idempotency_key, job_id,"
	    " proposal_id, status, result_hash) VALUES ($1, $2, $3,"
	    " 'in_progress', NULL) ON CONFLICT (idempotency_key) DO NOTHING"
	    " RETURNING status");
	assert_string_equal(p.existing,
	    "SELECT status, result_hash FROM \"r\".\"receipts\""
	    " WHERE idempotency_key = $1 FOR UPDATE");
	assert_string_equal(p.complete,
	    "UPDATE \"r\".\"receipts\" SET status = $1, result_hash = $2,"
	    " completed_at = now() WHERE idempotency_key = $3");
	assert_string_equal(p.lock_row,
	    "SELECT \"id\", \"tenant_id\", \"updated_at\","
	    " \"late_fee_cents\", \"waiver_reason\""
	    " FROM \"public\".\"invoices\""
	    " WHERE \"id\" = $1 AND \"tenant_id\" = $2 LIMIT 2 FOR UPDATE");
	assert_string_equal(p.update,
	    "UPDATE \"public\".\"invoices\" SET \"late_fee_cents\" = $1,"
	    " \"waiver_reason\" = $2 WHERE \"id\" = $3"
	    " AND \"tenant_id\" = $4"
	    " AND \"updated_at\" IS NOT DISTINCT FROM $5");
	assert_int_equal(p.column_count, 5);
	assert_span(p.columns[0], "id");
	assert_span(p.columns[4], "waiver_reason");
}

static void
sqlite_statements_are_these(void **state)
{
	struct stmt_plan p;

	(void)state;
	begin("contract-sqlite.json", "orders.close");
	p = plan("{\"status\":\"closed\"}", "\"main\".\"receipts\"");
	assert_string_equal(p.begin, "BEGIN IMMEDIATE");
	assert_string_equal(p.existing,
	    "SELECT status, result_hash FROM \"main\".\"receipts\""
	    " WHERE idempotency_key = ?1");
	assert_string_equal(p.complete,
	    "UPDATE \"main\".\"receipts\" SET status = ?1, result_hash = ?2,"
	    " completed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
	    " WHERE idempotency_key = ?3");
	assert_string_equal(p.lock_row,
	    "SELECT \"id\", \"tenant_id\", \"version\", \"status\""
	    " FROM \"main\".\"orders\""
	    " WHERE \"id\" = ?1 AND \"tenant_id\" = ?2 LIMIT 2");
	assert_string_equal(p.update,
	    "UPDATE \"main\".\"orders\" SET \"status\" = ?1"
	    " WHERE \"id\" = ?2 AND \"tenant_id\" = ?3"
	    " AND \"version\" IS ?4");
}

/* Parameters have no numbers there, so their order is the order of the text. */
static void
mysql_statements_are_these(void **state)
{
	struct stmt_plan p;

	(void)state;
	begin("contract.json", FIXTURE_BILLING);
	f.contract->sources[0].engine = ENGINE_MYSQL;
	p = plan(FIXTURE_BILLING_PATCH, "`r`.`receipts`");
	assert_string_equal(p.begin, "START TRANSACTION");
	assert_string_equal(p.claim,
	    "INSERT INTO `r`.`receipts` (idempotency_key, job_id,"
	    " proposal_id, status, result_hash) VALUES (?, ?, ?,"
	    " 'in_progress', NULL)");
	assert_string_equal(p.existing,
	    "SELECT status, result_hash FROM `r`.`receipts`"
	    " WHERE idempotency_key = ? FOR UPDATE");
	assert_string_equal(p.complete,
	    "UPDATE `r`.`receipts` SET status = ?, result_hash = ?,"
	    " completed_at = now() WHERE idempotency_key = ?");
	assert_string_equal(p.lock_row,
	    "SELECT `id`, `tenant_id`, `updated_at`, `late_fee_cents`,"
	    " `waiver_reason` FROM `public`.`invoices`"
	    " WHERE `id` = ? AND `tenant_id` = ? LIMIT 2 FOR UPDATE");
	assert_string_equal(p.update,
	    "UPDATE `public`.`invoices` SET `late_fee_cents` = ?,"
	    " `waiver_reason` = ? WHERE `id` = ? AND `tenant_id` = ?"
	    " AND `updated_at` <=> ?");
}

static void
a_row_hash_reads_the_whole_reviewed_row(void **state)
{
	struct stmt_plan p;

	(void)state;
	begin("contract-sqlite.json", "orders.close_by_hash");
	p = plan("{\"status\":\"closed\"}", "\"main\".\"receipts\"");
	assert_string_equal(p.lock_row,
	    "SELECT \"id\", \"tenant_id\", \"status\", \"total\""
	    " FROM \"main\".\"orders\""
	    " WHERE \"id\" = ?1 AND \"tenant_id\" = ?2 LIMIT 2");
	assert_string_equal(p.update,
	    "UPDATE \"main\".\"orders\" SET \"status\" = ?1"
	    " WHERE \"id\" = ?2 AND \"tenant_id\" = ?3");
}

static void
without_a_tenant_only_the_key_is_bound(void **state)
{
	struct stmt_plan p;

	(void)state;
	begin("contract-sqlite.json", "orders.close_single");
	p = plan("{\"status\":\"closed\"}", "");
	assert_string_equal(p.update,
	    "UPDATE \"main\".\"orders\" SET \"status\" = ?1"
	    " WHERE \"id\" = ?2 AND \"version\" IS ?3");
	/* A dry run without a receipt table claims nothing. */
	assert_null(p.claim);
	assert_null(p.existing);
	assert_null(p.complete);
}

static const char *const unsafe[] = {"{\"a\\\"b\":1}", "{\"a b\":1}",
    "{\"a;drop table t\":1}", "{\"a--\":1}", "{\"\":1}", "{\"9a\":1}",
    "{\"\\u00e9\":1}", "{\"a\\\\\":1}", "{\"a.b\":1}", "{\"x\":1,\"a`b\":1}"};

static void
a_patch_column_that_is_no_identifier_makes_no_statement(void **state)
{
	(void)state;
	begin("contract.json", FIXTURE_BILLING);
	for (size_t i = 0; i < COUNT(unsafe); i++) {
		struct stmt_plan p;
		struct err e = {0};
		f.cs.patch =
		    fixture_scalars(f.arena, unsafe[i], &f.cs.patch_count);
		assert_int_equal(
		    stmt_plan_build(f.cap, &f.cs, "", f.arena, &p, &e),
		    CS_E_INVALID);
		assert_string_equal(err_reason(&e), "UNSAFE_IDENTIFIER");
	}
}

/* The contract's own names are checked again too, one after the other. */
static void
a_contract_name_that_is_no_identifier_makes_no_statement(void **state)
{
	static const size_t names[] = {
	    offsetof(struct contract_capability, schema),
	    offsetof(struct contract_capability, table),
	    offsetof(struct contract_capability, primary_key),
	    offsetof(struct contract_capability, tenant_key),
	    offsetof(struct contract_capability, conflict_column)};
	static const char bad[] = "x\" = 1 OR \"x";

	(void)state;
	begin("contract.json", FIXTURE_BILLING);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct contract_capability cap = *f.cap;
		struct stmt_plan p;
		struct err e = {0};
		const char *name = bad;
		memcpy((char *)&cap + names[i], &name, sizeof(name));
		assert_int_equal(
		    stmt_plan_build(&cap, &f.cs, "", f.arena, &p, &e),
		    CS_E_INVALID);
		assert_string_equal(err_reason(&e), "UNSAFE_IDENTIFIER");
	}
}

static void
the_receipt_table_is_quoted_and_qualified(void **state)
{
	const struct dialect *d = dialect_of(ENGINE_POSTGRES);
	char out[160];
	char small[20];
	struct err e = {0};

	(void)state;
	begin("contract.json", FIXTURE_BILLING);
	assert_int_equal(
	    stmt_receipt_table(d, LITERAL("app"), out, sizeof(out), &e), 0);
	assert_string_equal(out, "\"app\".\"synapsor_writeback_receipts\"");
	assert_int_equal(
	    stmt_receipt_table(d, LITERAL("app"), small, sizeof(small), &e),
	    CS_E_INVALID);
	assert_int_equal(
	    stmt_receipt_table(d, LITERAL("a\".\"b"), out, sizeof(out), &e),
	    CS_E_INVALID);
	assert_string_equal(err_reason(&e), "UNSAFE_IDENTIFIER");
}

static void
an_engine_that_this_build_lacks_has_no_dialect(void **state)
{
	(void)state;
	begin("contract.json", FIXTURE_BILLING);
	assert_null(dialect_of((enum source_engine)99));
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(postgres_statements_are_these),
	    TEST(sqlite_statements_are_these),
	    TEST(mysql_statements_are_these),
	    TEST(a_row_hash_reads_the_whole_reviewed_row),
	    TEST(without_a_tenant_only_the_key_is_bound),
	    TEST(a_patch_column_that_is_no_identifier_makes_no_statement),
	    TEST(a_contract_name_that_is_no_identifier_makes_no_statement),
	    TEST(the_receipt_table_is_quoted_and_qualified),
	    TEST(an_engine_that_this_build_lacks_has_no_dialect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
