/*
 * tests/vectors is what the code writes today, byte for byte: fuzzers start
 * from these files, schemas are checked against them, other programs may use
 * them. `test_vectors write` makes them again after a deliberate change.
 */
#include "tests/unit/check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "proto/messages.h"
#include "proto/receipt.h"
#include "tests/unit/fixture.h"

#define FOLDER CS_SOURCE_DIR "/tests/vectors/"

static struct fixture f;
static bool writing;
static unsigned written;

/* Compare with the file of this name, or write it. */
static void
vector(const char *name, struct span bytes)
{
	char path[256];
	FILE *file;

	if (!writing) {
		struct span expected = fixture_file(f.arena, name);
		if (!span_equal(bytes, expected)) {
			fail_msg("%s: %.*s", name, SPAN_ARGS(bytes));
		}
		return;
	}
	(void)snprintf(path, sizeof(path), FOLDER "%s", name);
	file = fopen(path, "wb");
	if (file != NULL) {
		written += fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;
		(void)fclose(file);
	}
}

static void
vector_hex(const char *name, struct span bytes)
{
	char *hex = arena_alloc(f.arena, 2 * bytes.len + 2);

	hex_encode(bytes.ptr, bytes.len, hex);
	hex[2 * bytes.len] = '\n';
	vector(name, (struct span){hex, 2 * bytes.len + 1});
}

static void
the_key_of_the_vectors(void **state)
{
	(void)state;
	vector_hex("key.pub.hex",
	    (struct span){(const char *)sign_key_public(f.key), 32});
}

static void
change_set_and_job(void **state)
{
	struct buf text = BUF_INIT;
	struct json_out j;

	(void)state;
	vector("change-set.json", f.built.stored);
	json_begin(&j, &text, 0);
	job_build_writeback(&f.job, &j);
	vector("writeback-job.json", buf_as_span(&text));
	vector("job.json", f.payload);
	vector_hex("job.signature.hex",
	    (struct span){(const char *)f.message.signature, SIGNATURE_LEN});
	buf_reset(&text);
	job_envelope(
	    f.payload, f.message.signature, sign_key_public(f.key), &text);
	vector("job.dsse.json", buf_as_span(&text));
	buf_clear(&text);
}

static void
a_job_with_a_row_hash(void **state)
{
	struct contract_capability weak = *f.cap;
	struct buf text = BUF_INIT;
	struct json_out j;

	(void)state;
	weak.conflict_column = NULL;
	weak.weak_guard_ack = true;
	f.input.cap = &weak;
	fixture_change_set(&f);
	json_begin(&j, &text, 0);
	job_build_writeback(&f.job, &j);
	vector("change-set.row-hash.json", f.built.stored);
	vector("writeback-job.row-hash.json", buf_as_span(&text));
	buf_clear(&text);
}

static void
decisions(void **state)
{
	struct buf text = BUF_INIT;
	struct decision d = f.decision;

	(void)state;
	vector("decision.approve.json", f.decisions[0].statement);
	d.action = DECISION_REJECT;
	d.role = (struct span){"", 0};
	d.reason = (struct span){"", 0};
	decision_build(&d, &text);
	vector("decision.reject.json", buf_as_span(&text));
	buf_clear(&text);
}

static struct receipt
receipt_of(enum receipt_status status, char hash[DIGEST_TEXT_SIZE])
{
	static const char *const codes[RECEIPT_STATUSES] = {"", "",
	    "VERSION_CONFLICT", "TRANSACTION_FAILED", "OUTCOME_UNKNOWN"};
	bool applied = status == RECEIPT_APPLIED;

	receipt_result_hash(
	    f.message.job_id, receipt_status_name(status), NULL, hash);
	return (struct receipt){.job_id = f.message.job_id,
	    .proposal_id = f.cs.proposal_id,
	    .runner_id = span_of("writerd"),
	    .status = status,
	    .rows_affected = applied,
	    .idempotency_key = span_of("wrp_e614446d66885ba2a24e:INV-3001"),
	    .previous_version = f.cs.expected_version.value,
	    .new_version = applied ? f.cs.expected_version.value
				   : (struct scalar){.kind = SCALAR_NULL},
	    .source_database_mutated = applied,
	    .executed_at = span_of("2026-07-01T12:00:30.000Z"),
	    .safe_error_code = span_of(codes[status]),
	    .receipt_hash = span_of(hash),
	    .retryable = status >= RECEIPT_FAILED,
	    .explain = span_of(applied ? "" : "One safe sentence.")};
}

static void
receipts(void **state)
{
	(void)state;
	for (unsigned s = 0; s < RECEIPT_STATUSES; s++) {
		enum receipt_status status = (enum receipt_status)s;
		char hash[DIGEST_TEXT_SIZE];
		char name[64];
		struct receipt r = receipt_of(status, hash);
		struct buf text = BUF_INIT;

		receipt_build(&r, &text);
		(void)snprintf(name, sizeof(name), "receipt.%s.json",
		    receipt_status_name(status));
		vector(name, buf_as_span(&text));
		buf_clear(&text);
	}
}

/* One valid frame of every message; requests have id 7. */
static void
frame(uint16_t type, const void *message)
{
	const struct msg_info *info = msg_info(type);
	struct buf out = BUF_INIT;
	char name[64];

	assert_int_equal(
	    msg_encode(&out, type,
		info->policy == POLICY_REPLY ? FRAME_REPLY : 0, 7, message),
	    0);
	(void)snprintf(
	    name, sizeof(name), "frames/%02x-%s.hex", type, info->name);
	vector_hex(name, buf_as_span(&out));
	buf_clear(&out);
}

static void
frames_of_both_directions(void **state)
{
	struct msg_hello hello = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .minor = PROTO_MINOR,
	    .role = ROLE_MCPD,
	    .build = span_of("0.2.0")};
	struct msg_failure failure = {
	    span_of("PATCH_ABOVE_MAXIMUM"), span_of("too much"), false};
	struct msg_document document = {false, span_of("{\"ok\":true}")};
	struct msg_progress progress = {span_of("verifying"), 40};

	(void)state;
	memcpy(hello.contract, f.contract->digest, sizeof(hello.contract));
	frame(MSG_HELLO, &hello);
	frame(MSG_FAILURE, &failure);
	frame(MSG_PING, "");
	frame(MSG_PONG, "");
	frame(MSG_DOCUMENT, &document);
	frame(MSG_PROGRESS, &progress);
}

static void
frames_of_mcpd(void **state)
{
	struct msg_call call = {.capability = span_of(FIXTURE_BILLING),
	    .tenant = f.input.tenant,
	    .principal = f.input.principal,
	    .provenance = PROVENANCE_STATIC_DEV,
	    .row = {fixture_scalars(f.arena, FIXTURE_BILLING_ROW, &(size_t){0}),
		5}};
	size_t count = 0;
	struct msg_recorded recorded = {f.input.evidence_id};
	struct msg_proposed proposed = {f.cs.proposal_id, 1, f.cs.hash,
	    f.input.evidence_id, span_of("pending_review"), true,
	    span_of("2026-07-01T12:00:00.000Z"),
	    {f.cs.patch, (uint32_t)f.cs.patch_count}};
	struct msg_refuse refuse = {span_of("billing__propose"), f.input.tenant,
	    f.input.principal, PROVENANCE_STATIC_DEV,
	    span_of("ARGUMENT_UNKNOWN"),
	    span_of("x is not an argument of this tool")};
	struct msg_resource resource = {RESOURCE_PROPOSAL, f.cs.proposal_id,
	    f.input.tenant, f.input.principal, span_of("")};
	struct msg_status status = {f.cs.proposal_id, f.input.tenant,
	    f.input.principal, span_of("a.b.c")};
	struct msg_stated stated = {.proposal_id = f.cs.proposal_id,
	    .action = span_of(FIXTURE_BILLING),
	    .target = span_of("invoices:INV-3001"),
	    .state = span_of("approved"),
	    .created_at = span_of("2026-07-01T12:00:00.000Z"),
	    .updated_at = span_of("2026-07-01T12:00:01.000Z"),
	    .expired = true};

	(void)state;
	call.args.items = fixture_scalars(f.arena,
	    "{\"invoice_id\":\"INV-3001\","
	    "\"reason\":\"approved support waiver\"}",
	    &count);
	call.args.count = (uint32_t)count;
	frame(MSG_READ, &call);
	frame(MSG_RECORDED, &recorded);
	frame(MSG_PROPOSE, &call);
	frame(MSG_PROPOSED, &proposed);
	frame(MSG_REFUSE, &refuse);
	frame(MSG_RESOURCE, &resource);
	frame(MSG_STATUS, &status);
	frame(MSG_STATED, &stated);
	frame(MSG_WITHDRAW, &status);
}

static void
frames_of_writers(void **state)
{
	struct msg_claim claim = {1000};
	char hash[DIGEST_TEXT_SIZE];
	struct receipt r = receipt_of(RECEIPT_APPLIED, hash);
	struct buf text = BUF_INIT;
	struct msg_report report = {.job_id = f.message.job_id};
	struct msg_applying applying = {f.message.job_id};
	struct msg_stop stop = {f.message.job_id, span_of("FROZEN")};
	struct msg_observed observed = {.job_id = f.message.job_id,
	    .observation = OBSERVED_MATCHES_BEFORE,
	    .code = span_of(""),
	    .explain = span_of("The row still has the version."),
	    .row = {f.cs.before, (uint32_t)f.cs.before_count}};

	(void)state;
	receipt_build(&r, &text);
	report.receipt = buf_as_span(&text);
	frame(MSG_CLAIM, &claim);
	frame(MSG_JOB, &f.message);
	frame(MSG_IDLE, "");
	frame(MSG_REPORT, &report);
	frame(MSG_APPLYING, &applying);
	frame(MSG_OBSERVED, &observed);
	frame(MSG_STOP, &stop);
	buf_clear(&text);
}

static void
frames_of_people(void **state)
{
	struct msg_filter filter = {span_of("state"), span_of("applied")};
	struct msg_query query = {QUERY_PROPOSALS, 20, {&filter, 1}};
	struct msg_show show = {SHOW_PROPOSAL, span_of("latest")};
	struct msg_decide decide = {f.cs.proposal_id, f.cs.hash, 1,
	    DECISION_APPROVE, span_of("checked with billing")};
	struct msg_apply apply = {f.cs.proposal_id, false, 30000};
	struct msg_inspect inspect = {f.cs.proposal_id, 30000};
	struct msg_resolve resolve = {f.cs.proposal_id, RESOLUTION_FAILED,
	    span_of("the row is as it was reviewed")};
	struct msg_keep keep = {KEEP_PRUNE, 2592000, true, false};
	struct msg_shadow shadow = {f.cs.proposal_id,
	    span_of("{\"late_fee_cents\":0}"), span_of("by phone")};
	struct msg_signed with_key = {
	    f.job.decisions[0].statement, span_of("SSHSIG")};
	struct msg_erase erase = {
	    span_of("acme"), span_of("INV-3001"), span_of("request 12"), true};
	struct msg_freeze freeze = {
	    FREEZE_TENANT, span_of("acme"), true, span_of("incident 7")};

	(void)state;
	frame(MSG_QUERY, &query);
	frame(MSG_SHOW, &show);
	frame(MSG_DECIDE, &decide);
	frame(MSG_APPLY, &apply);
	frame(MSG_INSPECT, &inspect);
	frame(MSG_RESOLVE, &resolve);
	frame(MSG_KEEP, &keep);
	frame(MSG_SHADOW, &shadow);
	frame(MSG_PREPARE, &decide);
	frame(MSG_SIGNED, &with_key);
	frame(MSG_FREEZE, &freeze);
	frame(MSG_ERASE, &erase);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_key_of_the_vectors),
	    TEST(change_set_and_job),
	    TEST(a_job_with_a_row_hash),
	    TEST(decisions),
	    TEST(receipts),
	    TEST(frames_of_both_directions),
	    TEST(frames_of_mcpd),
	    TEST(frames_of_writers),
	    TEST(frames_of_people),
	};
	int failed;

	writing = argc > 1 && strcmp(argv[1], "write") == 0;
	if (writing) {
		(void)mkdir(FOLDER "frames", 0755);
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (writing) {
		print_message("%u files written\n", written);
	}
	return failed;
}
