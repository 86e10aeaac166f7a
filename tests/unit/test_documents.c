/*
 * The documents byte for byte: the worked examples of engine.md, Appendix A,
 * and that a parser takes its own builder's output and nothing else.
 */
#include "tests/unit/check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "ledgerd/record.h"
#include "proto/receipt.h"
#include "tests/unit/fixture.h"

static struct fixture f;

static int
set_up(void **state)
{
	(void)state;
	fixture_billing(&f);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fixture_free(&f);
	return 0;
}

static void
a1_the_query_fingerprint(void **state)
{
	char text[DIGEST_TEXT_SIZE];

	(void)state;
	change_set_fingerprint(f.cap, span_of("acme"), text);
	assert_string_equal(text, "sha256:c5cfa699e6c77890e72b5100bef129e6525f"
				  "b1426fa5b3d34313d7f3579a7eb8");
}

static void
a2_the_evidence_id(void **state)
{
	char id[ID_TEXT_SIZE];

	(void)state;
	evidence_id_of(f.cap, span_of("acme"), span_of(FIXTURE_BILLING_ROW),
	    "2026-07-01T12:00:00.000Z", id);
	assert_string_equal(id, FIXTURE_EVIDENCE);
}

static void
a3_the_proposal_id(void **state)
{
	struct change_set_output out;

	(void)state;
	assert_string_equal(f.built.proposal_id, "wrp_e614446d66885ba2a24e");
	/* A second proposal of the same change has another id. */
	f.input.attempt = 1;
	assert_int_equal(change_set_build(&f.input, f.arena, &out, NULL), 0);
	assert_string_not_equal(out.proposal_id, f.built.proposal_id);
}

static void
a4_the_change_set_and_its_hash(void **state)
{
	struct span core = fixture_file(f.arena, "change-set.core.json");
	char hash[DIGEST_TEXT_SIZE];

	(void)state;
	assert_int_equal(core.len, 1373);
	digest_text(core, hash);
	assert_string_equal(hash, "sha256:ec57e0cd7ccecf39a54bac8f201dce0e30c6"
				  "45952a1526599b41e4e6deb52d0a");
	assert_string_equal(f.built.hash, hash);
	assert_span(f.built.stored,
	    fixture_replace(f.arena, core, "\"created_at\":",
		arena_printf(f.arena,
		    "\"integrity\":{\"proposal_hash\":\"%s\"},\"created_at\":",
		    hash),
		true)
		.ptr);
	assert_span(f.built.object_id, "INV-3001");
}

static void
a5_a_row_hash_where_the_contract_accepts_it(void **state)
{
	struct contract_capability weak = *f.cap;

	(void)state;
	weak.conflict_column = NULL;
	f.input.cap = &weak;
	assert_int_equal(
	    change_set_build(&f.input, f.arena, &f.built, NULL), CS_E_INVALID);
	weak.weak_guard_ack = true;
	weak.required_role = NULL;
	fixture_change_set(&f);
	assert_span(f.cs.expected_version.name, ROW_HASH_COLUMN);
	assert_span(f.cs.expected_version.value.text,
	    "sha256:"
	    "2af8a1513b0ca067ef968adff0272c5096c88a2b15085d8f1367cd9ae44ff8d4");
	assert_int_equal(f.cs.required_role.len, 0);
	assert_non_null(strstr(
	    f.built.stored.ptr, "\"approval\":{\"status\":\"pending\"}"));
}

static void
a6_the_writeback_job(void **state)
{
	struct buf text = BUF_INIT;
	struct json_out j;

	(void)state;
	json_begin(&j, &text, 0);
	job_build_writeback(&f.job, &j);
	assert_span(buf_as_span(&text),
	    fixture_file(f.arena, "writeback-job.json").ptr);
	buf_clear(&text);
}

static void
a7_the_result_hashes(void **state)
{
	static const struct {
		const char *status;
		const char *version; /* NULL: none */
		const char *hash;
	} rows[] = {
	    {"applied", "2026-06-20T14:31:08Z",
		"67f88a06b75bec256b7387fd8e504217"
		"537464dd6bec8ed43fe1fe733e4b1acd"},
	    {"dry-run", NULL,
		"74ace37cb62b7714230da00165bb76ed"
		"42efc47f4ea71d46e78bc3509667d38c"},
	    {"ROW_NOT_FOUND", NULL,
		"890bc772a58a2f4c7e074d9467daa322"
		"0684975e30f53e2f4220337f94dbb9ef"},
	    {"VERSION_CONFLICT", "2026-05-16 00:00:00.123456",
		"57ecd3502fa6892f6af619552a060ed4"
		"909e5fa1dd64dec83cca3b2e9c6c8459"},
	    {"idempotent", NULL,
		"24f63292766ec24bb646b85bb2d6741f"
		"ede889b37803ae4e1d5f96cb41f46a14"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char hash[DIGEST_TEXT_SIZE];
		struct scalar v = {SCALAR_TEXT, span_of(rows[i].version)};
		receipt_result_hash(span_of("wbj_1"), rows[i].status,
		    rows[i].version == NULL ? NULL : &v, hash);
		assert_string_equal(hash + strlen("sha256:"), rows[i].hash);
	}
}

static void
a_change_set_says_what_went_in(void **state)
{
	const struct change_set *cs = &f.cs;

	(void)state;
	assert_span(cs->proposal_id, f.built.proposal_id);
	assert_int_equal(cs->proposal_version, 1);
	assert_span(cs->action, FIXTURE_BILLING);
	assert_span(cs->tenant, "acme");
	assert_span(cs->principal, "support_agent_17");
	assert_span(cs->object_id, "INV-3001");
	assert_span(cs->primary_key.name, "id");
	assert_int_equal(cs->before_count, 5);
	assert_int_equal(cs->patch_count, 2);
	assert_int_equal(cs->after_count, 5);
	assert_int_equal(cs->before[3].value.kind, SCALAR_NULL);
	assert_span(cs->after[3].value.text, "approved support waiver");
	assert_int_equal(cs->allowed_count, 2);
	assert_span(cs->expected_version.name, "updated_at");
	assert_span(cs->required_role, "support_lead");
	assert_span(cs->executor, "sql_update");
	assert_span(cs->hash, f.built.hash);
}

/* A copy of exactly this size, so that ASan sees a read behind its end. */
static int
parse_copy(struct span text)
{
	char *copy = test_malloc(text.len + 1);
	struct change_set cs;
	struct arena *a = arena_new();
	int rc;

	memcpy(copy, text.ptr, text.len);
	rc = change_set_parse((struct span){copy, text.len}, a, &cs, NULL);
	arena_free(&a);
	test_free(copy);
	return rc;
}

static void
any_changed_byte_of_a_change_set_is_refused(void **state)
{
	struct span stored = arena_span(f.arena, f.built.stored);
	char *bytes = (char *)(uintptr_t)stored.ptr;

	(void)state;
	assert_int_equal(parse_copy(stored), 0);
	for (size_t i = 0; i < stored.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] ^= (char)(1U << bit);
			if (parse_copy(stored) != CS_E_INTEGRITY) {
				fail_msg("byte %zu, bit %u", i, bit);
			}
			bytes[i] ^= (char)(1U << bit);
		}
	}
}

static void
any_cut_or_grown_change_set_is_refused(void **state)
{
	struct span stored = f.built.stored;

	(void)state;
	for (size_t len = 0; len < stored.len; len++) {
		struct span head = {stored.ptr, len};
		struct span tail = {stored.ptr + stored.len - len, len};
		assert_int_equal(parse_copy(head), CS_E_INTEGRITY);
		assert_int_equal(parse_copy(tail), CS_E_INTEGRITY);
	}
	/* A space anywhere outside strings changes no JSON value. */
	for (size_t i = 0; i <= stored.len; i++) {
		const char *text = arena_printf(
		    f.arena, "%.*s %s", (int)i, stored.ptr, stored.ptr + i);
		assert_int_equal(parse_copy(span_of(text)), CS_E_INTEGRITY);
	}
}

/* Texts that mean the same to a JSON parser but are not the stored form. */
static const struct {
	const char *from;
	const char *to;
	const char *reason;
} respelled[] = {
    {"\"integrity\"", "\"\\u0069ntegrity\"", "CHANGE_SET_INVALID"},
    {"\"proposal_hash\"", "\"proposal\\u005fhash\"", "CHANGE_SET_INVALID"},
    {"\"sha256:ec57", "\"\\u0073ha256:ec57", "CHANGE_SET_INVALID"},
    {"{\"proposal_hash\":", "{ \"proposal_hash\":", "CHANGE_SET_INVALID"},
    {"\"proposal_hash\":\"sha256:ec57", "\"proposal_hash\": \"sha256:ec57",
	"CHANGE_SET_INVALID"},
    {"},\"created_at\"", "} ,\"created_at\"", "CHANGE_SET_INVALID"},
    {"\"integrity\":", "\"integrity\": ", "CHANGE_SET_INVALID"},
    {"\"INV-3001\"", "\"INV\\u002d3001\"", "PROPOSAL_HASH_MISMATCH"},
    {"5500", "5.5e3", "PROPOSAL_HASH_MISMATCH"},
    {"\"created_at\"", "\"extra\":1,\"created_at\"", "CHANGE_SET_INVALID"},
    {"\"before\"", "\"before\":{},\"before\"", "CHANGE_SET_INVALID"},
    {"\"items\":[]", "\"items\":{}", "CHANGE_SET_INVALID"},
    {"change-set.v1", "change-set.v2", "CHANGE_SET_INVALID"},
};

static void
only_the_stored_spelling_is_a_change_set(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(respelled); i++) {
		struct change_set cs;
		struct err e = {0};
		struct span text = fixture_replace(f.arena, f.built.stored,
		    respelled[i].from, respelled[i].to, false);
		if (change_set_parse(text, f.arena, &cs, &e) == 0) {
			fail_msg("accepted %s", respelled[i].to);
		}
		assert_string_equal(err_reason(&e), respelled[i].reason);
	}
}

static void
a_decision_survives_and_nothing_is_optional(void **state)
{
	struct span text = f.decisions[0].statement;
	struct decision d;

	(void)state;
	assert_int_equal(decision_parse(text, f.arena, &d, NULL), 0);
	assert_int_equal(d.action, DECISION_APPROVE);
	assert_span(d.proposal_id, f.built.proposal_id);
	assert_span(d.proposal_hash, f.built.hash);
	assert_span(d.user, "alice");
	assert_int_equal(d.uid, 1001);
	assert_span(d.role, "support_lead");
	assert_int_equal(d.issued_us, FIXTURE_NOW);
	assert_int_equal(d.expires_us, FIXTURE_NOW + 1440 * FIXTURE_MINUTE);
	for (size_t len = 0; len < text.len; len++) {
		assert_int_equal(decision_parse((struct span){text.ptr, len},
				     f.arena, &d, NULL),
		    CS_E_INVALID);
	}
}

static void
an_empty_role_and_reason_are_null(void **state)
{
	struct buf text = BUF_INIT;
	struct decision d = f.decision;

	(void)state;
	d.role = (struct span){"", 0};
	d.reason = (struct span){"", 0};
	d.action = DECISION_REJECT;
	decision_build(&d, &text);
	assert_non_null(strstr(text.data, "\"role\":null"));
	assert_non_null(strstr(text.data, "\"reason\":null"));
	assert_int_equal(
	    decision_parse(buf_as_span(&text), f.arena, &d, NULL), 0);
	assert_int_equal(d.action, DECISION_REJECT);
	assert_int_equal(d.role.len, 0);
	buf_clear(&text);
}

static const struct {
	const char *from;
	const char *to;
} bad_decisions[] = {
    {"\"approve\"", "\"Approve\""},
    {"\"approve\"", "\"\""},
    {"decision.v1", "decision.v2"},
    {"\"uid\":1001", "\"uid\":1001.5"},
    {"\"uid\":1001", "\"uid\":\"1001\""},
    {"\"role\":\"support_lead\"", "\"role\":1"},
    {",\"role\":\"support_lead\"", ""},
    {"2026-07-01T12:00:00.000Z", "2026-07-01 12:00:00"},
    {"\"reviewer\"", "\"x\":0,\"reviewer\""},
    {"\"issued_at\"", "\"at\""},
};

static void
any_other_decision_document_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_decisions); i++) {
		struct decision d;
		struct span text =
		    fixture_replace(f.arena, f.decisions[0].statement,
			bad_decisions[i].from, bad_decisions[i].to, false);
		assert_int_equal(
		    decision_parse(text, f.arena, &d, NULL), CS_E_INVALID);
	}
}

static struct receipt
receipt_of(enum receipt_status status)
{
	return (struct receipt){.job_id = span_of("wbj_1"),
	    .proposal_id = span_of("wrp_1"),
	    .runner_id = span_of("writerd-1"),
	    .status = status,
	    .rows_affected = status == RECEIPT_APPLIED,
	    .idempotency_key = span_of("wrp_1:INV-3001"),
	    .previous_version = {SCALAR_TEXT, span_of("2026-06-20T14:31:08Z")},
	    .source_database_mutated = status == RECEIPT_APPLIED,
	    .executed_at = span_of("2026-07-01T12:00:01.000Z"),
	    .safe_error_code =
		span_of(status == RECEIPT_APPLIED ? "" : "VERSION_CONFLICT"),
	    .receipt_hash = span_of("sha256:receipt"),
	    .retryable = status == RECEIPT_FAILED,
	    .explain = span_of("a \"quoted\" sentence")};
}

static void
every_receipt_survives(void **state)
{
	(void)state;
	for (unsigned s = 0; s < RECEIPT_STATUSES; s++) {
		struct receipt in = receipt_of((enum receipt_status)s);
		struct receipt out;
		struct buf text = BUF_INIT;
		struct buf again = BUF_INIT;

		receipt_build(&in, &text);
		assert_int_equal(
		    receipt_parse(buf_as_span(&text), f.arena, &out, NULL), 0);
		assert_int_equal(out.status, s);
		receipt_build(&out, &again);
		assert_span(buf_as_span(&again), text.data);
		buf_clear(&text);
		buf_clear(&again);
	}
}

static const struct {
	const char *from;
	const char *to;
} bad_receipts[] = {
    {"\"applied\"", "\"canceled\""},
    {"\"applied\"", "\"APPLIED\""},
    {"\"rows_affected\":1", "\"rows_affected\":1000001"},
    {"\"rows_affected\":1", "\"rows_affected\":-1"},
    {"\"rows_affected\":1", "\"rows_affected\":true"},
    {"receipt.v1", "receipt.v0"},
    {"\"runner_id\"", "\"runner\""},
    {"\"dry_run\":false", "\"dry_run\":null"},
    {",\"retryable\":false", ""},
    {"\"previous_version\":\"2026-06-20T14:31:08Z\"",
	"\"previous_version\":[]"},
    {"\"executed_at\"", "\"new_version\":1,\"executed_at\""},
    {"sentence\"}}", "sentence\"},\"x\":1}"},
};

static void
any_other_receipt_document_is_refused(void **state)
{
	struct receipt in = receipt_of(RECEIPT_APPLIED);
	struct buf text = BUF_INIT;

	(void)state;
	receipt_build(&in, &text);
	for (size_t i = 0; i < COUNT(bad_receipts); i++) {
		struct receipt out;
		struct err e = {0};
		struct span bad = fixture_replace(f.arena, buf_as_span(&text),
		    bad_receipts[i].from, bad_receipts[i].to, false);
		if (receipt_parse(bad, f.arena, &out, &e) == 0) {
			fail_msg("accepted %s", bad_receipts[i].to);
		}
		assert_string_equal(err_reason(&e), "RECEIPT_INVALID");
	}
	buf_clear(&text);
}

static void
a_job_says_what_went_in(void **state)
{
	struct job job;

	(void)state;
	assert_int_equal(job_parse(f.payload, f.arena, &job, NULL), 0);
	assert_span(job.job_id, "wbj_wrp_e614446d66885ba2a24e");
	assert_span(job.change_set, f.built.stored.ptr);
	assert_span(job.contract_digest, f.contract->digest_text);
	assert_int_equal(job.issued_us, FIXTURE_NOW);
	assert_int_equal(job.expires_us, FIXTURE_NOW + 5 * FIXTURE_MINUTE);
	assert_int_equal(job.decision_count, 1);
	assert_span(job.decisions[0].statement, f.decisions[0].statement.ptr);
	assert_memory_equal(job.decisions[0].signature,
	    f.decisions[0].signature, SIGNATURE_LEN);
	assert_false(job.dry_run || job.settle || job.row_hash);
	assert_int_equal(job_check_derivation(&job, &f.cs, f.arena, NULL), 0);
}

/* Everything in the 0.1.1 job follows from the change set, so that nothing of
 * it can be chosen by whoever wrote the job. */
static const struct {
	const char *from;
	const char *to;
} other_jobs[] = {
    {"\"writeback_job_id\":\"wbj_", "\"writeback_job_id\":\"wbj-"},
    {"\"proposal_version\":1", "\"proposal_version\":2"},
    {"\"project_id\":\"local\"", "\"project_id\":\"other\""},
    {"\"source_id\":\"app_postgres\"", "\"source_id\":\"app\""},
    {"\"schema\":\"public\"", "\"schema\":\"private\""},
    {"\"table\":\"invoices\"", "\"table\":\"users\""},
    {"\"value\":\"INV-3001\"", "\"value\":\"INV-3002\""},
    {"\"value\":\"acme\"", "\"value\":\"other\""},
    {"[\"late_fee_cents\",", "[\"late_fee_cents\",\"total\","},
    {"\"late_fee_cents\":0", "\"late_fee_cents\":1"},
    {"\"expected_value\":\"2026-06-20T14:31:08Z\"",
	"\"expected_value\":\"2026-06-20T14:31:09Z\""},
    {"\"kind\":\"column\",\"column\":\"updated_at\",\"expected_value\"",
	"\"kind\":\"row_hash\",\"expected_hash\""},
    {"\"idempotency_key\":\"wrp_", "\"idempotency_key\":\"wrq_"},
    {"\"lease_id\":\"lease_", "\"lease_id\":\"l_"},
    {"\"expires_at\":\"2026-07-01T12:05:00.000Z\"",
	"\"expires_at\":\"2026-07-02T12:05:00.000Z\""},
    {"\"attempt\":1", "\"attempt\":1.0"},
    {"\"late_fee_cents\":0", "\"late_fee_cents\":0.0"},
    {"\"operation\":", "\"operation\": "},
};

static void
a_job_that_does_not_follow_from_its_change_set_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(other_jobs); i++) {
		struct job job;
		struct err e = {0};
		struct span text = fixture_replace(f.arena, f.payload,
		    other_jobs[i].from, other_jobs[i].to, false);
		int rc = job_parse(text, f.arena, &job, &e);
		if (rc == 0) {
			rc = job_check_derivation(&job, &f.cs, f.arena, &e);
		}
		if (rc == 0) {
			fail_msg("accepted %s", other_jobs[i].to);
		}
	}
}

static void
a_job_id_is_safe_in_any_system(void **state)
{
	struct buf id = BUF_INIT;

	(void)state;
	job_id_of(LITERAL("wrp:a-B_9/ \xc3\xa9\0"), &id);
	assert_span(buf_as_span(&id), "wbj_wrp:a-B_9_____");
	buf_clear(&id);
}

static void
more_decisions_than_a_job_may_have_are_refused(void **state)
{
	struct job job;

	(void)state;
	while (f.job.decision_count < JOB_MAX_DECISIONS) {
		fixture_decide(&f);
	}
	fixture_mint(&f);
	assert_int_equal(job_parse(f.payload, f.arena, &job, NULL), 0);
	fixture_decide(&f);
	fixture_mint(&f);
	assert_int_equal(
	    job_parse(f.payload, f.arena, &job, NULL), CS_E_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a1_the_query_fingerprint),
	    TEST(a2_the_evidence_id),
	    TEST(a3_the_proposal_id),
	    TEST(a4_the_change_set_and_its_hash),
	    TEST(a5_a_row_hash_where_the_contract_accepts_it),
	    TEST(a6_the_writeback_job),
	    TEST(a7_the_result_hashes),
	    TEST(a_change_set_says_what_went_in),
	    TEST(any_changed_byte_of_a_change_set_is_refused),
	    TEST(any_cut_or_grown_change_set_is_refused),
	    TEST(only_the_stored_spelling_is_a_change_set),
	    TEST(a_decision_survives_and_nothing_is_optional),
	    TEST(an_empty_role_and_reason_are_null),
	    TEST(any_other_decision_document_is_refused),
	    TEST(every_receipt_survives),
	    TEST(any_other_receipt_document_is_refused),
	    TEST(a_job_says_what_went_in),
	    TEST(a_job_that_does_not_follow_from_its_change_set_is_refused),
	    TEST(a_job_id_is_safe_in_any_system),
	    TEST(more_decisions_than_a_job_may_have_are_refused),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
