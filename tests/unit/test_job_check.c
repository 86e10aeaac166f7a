/*
 * A writer believes nobody: one valid job passes, and every single thing that
 * is changed about it is refused with its own reason.
 */
#include "tests/unit/check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "tests/unit/fixture.h"
#include "writerd/job_check.h"

static struct fixture f;

static int
set_up(void **state)
{
	(void)state;
	fixture_init(&f, "contract.json", FIXTURE_BILLING);
	fixture_row(&f, FIXTURE_BILLING_ROW);
	fixture_patch(&f, FIXTURE_BILLING_PATCH);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fixture_free(&f);
	return 0;
}

static int
check_with(const uint8_t *key, struct err *e)
{
	struct job_authority authority = {.contract = f.contract,
	    .ledger_key = key,
	    .now_us = f.now_us + FIXTURE_MINUTE};
	struct checked_job checked;

	return job_check(&authority, &f.message, f.arena, &checked, e);
}

static void
assert_refused(const char *what, const char *reason)
{
	struct err e = {0};

	if (check_with(sign_key_public(f.key), &e) == 0) {
		fail_msg("accepted: %s", what);
	}
	if (strcmp(err_reason(&e), reason) != 0) {
		fail_msg("%s: %s instead of %s (%s)", what, err_reason(&e),
		    reason, e.msg);
	}
}

static void
assert_accepted(void)
{
	struct err e = {0};

	if (check_with(sign_key_public(f.key), &e) != 0) {
		fail_msg("%s: %s", err_reason(&e), e.msg);
	}
}

static void
a_valid_job_passes(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	assert_accepted();
}

static void
an_edited_payload_is_refused_before_it_is_parsed(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	char *bytes = arena_strndup(f.arena, f.payload.ptr, f.payload.len);
	f.message.payload.ptr = bytes;
	for (size_t i = 0; i < f.payload.len; i++) {
		bytes[i] ^= 1;
		assert_refused("a byte", "JOB_SIGNATURE_INVALID");
		bytes[i] ^= 1;
	}
	for (size_t i = 0; i < SIGNATURE_LEN; i++) {
		f.message.signature[i] ^= 1;
		assert_refused("the signature", "JOB_SIGNATURE_INVALID");
		f.message.signature[i] ^= 1;
	}
	assert_accepted();
}

static void
a_job_of_another_key_is_refused(void **state)
{
	struct sign_key *other = sign_key_random();
	struct err e = {0};

	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	assert_int_equal(
	    check_with(sign_key_public(other), &e), CS_E_INTEGRITY);
	assert_string_equal(err_reason(&e), "JOB_SIGNATURE_INVALID");
	sign_key_free(&other);
}

/* A signature over a decision must not pass for one over a job. */
static void
a_signature_of_another_document_type_is_refused(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	sign_dsse(f.key, DSSE_TYPE_DECISION, f.payload, f.message.signature);
	assert_refused("type", "JOB_SIGNATURE_INVALID");
}

/* Edits of the payload, signed again: a ledger that lies. The 0.1.1 job comes
 * first in the payload, the change set after it. */
static const struct {
	const char *from;
	const char *to;
	bool last;
	const char *reason;
} payload_edits[] = {
    {"countersign.job.v1", "countersign.job.v2", false, "JOB_INVALID"},
    {"\"dry_run\":false", "\"dry_run\":0", false, "JOB_INVALID"},
    {",\"dry_run\":false", "", false, "JOB_INVALID"},
    {"\"settle\":", "\"x\":1,\"settle\":", false, "JOB_INVALID"},
    {"{\"schema_version\":\"countersign", "[{\"schema_version\":\"countersign",
	false, "JOB_INVALID"},
    {"\"late_fee_cents\":0", "\"late_fee_cents\":1", false, "JOB_MISMATCH"},
    {"\"schema\":\"public\"", "\"schema\":\"private\"", false, "JOB_MISMATCH"},
    {"\"value\":\"INV-3001\"", "\"value\":\"INV-3002\"", false, "JOB_MISMATCH"},
    {"\"value\":\"acme\"", "\"value\":\"other\"", false, "JOB_MISMATCH"},
    {"\"idempotency_key\":\"w", "\"idempotency_key\":\"x", false,
	"JOB_MISMATCH"},
    {"\"late_fee_cents\":0", "\"late_fee_cents\":1", true,
	"PROPOSAL_HASH_MISMATCH"},
    {"\"late_fee_cents\":5500", "\"late_fee_cents\":5501", true,
	"PROPOSAL_HASH_MISMATCH"},
    {"\"source_database_mutated\"", "\"mutated\"", true, "CHANGE_SET_INVALID"},
    {"\"contract_digest\":\"sha256:", "\"contract_digest\":\"sha256:0", false,
	"CONTRACT_DIGEST_MISMATCH"},
    {"\"engine\":\"postgres\"", "\"engine\":\"sqlite\"", false,
	"TARGET_NOT_REVIEWED"},
    {"\"reason\":\"first", "\"reason\":\"First", false,
	"APPROVAL_NOT_VERIFIED"},
    {"\"signature\":\"", "\"signature\":\"0", false, "JOB_INVALID"},
};

static void
a_signed_job_is_still_checked_in_every_member(void **state)
{
	struct span payload;

	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	payload = f.payload;
	for (size_t i = 0; i < COUNT(payload_edits); i++) {
		fixture_sign(
		    &f, fixture_replace(f.arena, payload, payload_edits[i].from,
			    payload_edits[i].to, payload_edits[i].last));
		assert_refused(payload_edits[i].to, payload_edits[i].reason);
	}
}

/* Edits of the change set, hashed and signed again: every signature and hash
 * holds, only our own contract disagrees. */
static const struct {
	const char *from;
	const char *to;
	const char *reason;
} core_edits[] = {
    {"review_required", "shadow", "MODE_NOT_REVIEW"},
    {"review_required", "approved_for_writeback", "MODE_NOT_REVIEW"},
    {"propose_late_fee_waiver", "propose_anything", "TARGET_NOT_REVIEWED"},
    {"propose_late_fee_waiver", "inspect_invoice", "TARGET_NOT_REVIEWED"},
    {"\"app_postgres\"", "\"other_source\"", "TARGET_NOT_REVIEWED"},
    {"\"schema\":\"public\"", "\"schema\":\"private\"", "TARGET_NOT_REVIEWED"},
    {"\"table\":\"invoices\"", "\"table\":\"users\"", "TARGET_NOT_REVIEWED"},
    {"\"business_object\":\"invoices\"", "\"business_object\":\"orders\"",
	"TARGET_NOT_REVIEWED"},
    {"{\"column\":\"id\"", "{\"column\":\"tenant_id\"", "TARGET_NOT_REVIEWED"},
    {"sql_update", "my_handler", "TARGET_NOT_REVIEWED"},
    {"{\"column\":\"tenant_id\",\"value\":\"acme\"}",
	"{\"column\":\"__single_tenant_dev\",\"value\":\"single_tenant_dev\"}",
	"TENANT_GUARD_MISMATCH"},
    {"{\"column\":\"tenant_id\",\"value\":\"acme\"}",
	"{\"column\":\"tenant_id\",\"value\":\"other\"}",
	"TENANT_GUARD_MISMATCH"},
    {"{\"column\":\"tenant_id\",\"value\":\"acme\"}",
	"{\"column\":\"tenant_id\",\"value\":null}", "TENANT_GUARD_MISMATCH"},
    {"\"scope\":{\"tenant_id\":\"acme\"", "\"scope\":{\"tenant_id\":\"other\"",
	"TENANT_GUARD_MISMATCH"},
    {"\"before\":{\"id\":\"INV-3001\",\"tenant_id\":\"acme\"",
	"\"before\":{\"id\":\"INV-3001\",\"tenant_id\":\"other\"",
	"TENANT_GUARD_MISMATCH"},
    {"\"value\":\"INV-3001\"", "\"value\":\"INV-3002\"", "ROW_NOT_REVIEWED"},
    {"\"object_id\":\"INV-3001\"", "\"object_id\":\"INV-3002\"",
	"ROW_NOT_REVIEWED"},
    {"\"before\":{\"id\":\"INV-3001\"", "\"before\":{\"id\":\"INV-3002\"",
	"ROW_NOT_REVIEWED"},
    {"\"waiver_reason\":null,", "", "ROW_NOT_REVIEWED"},
    {"\"waiver_reason\":null,", "\"waiver_reason\":null,\"balance\":1,",
	"ROW_NOT_REVIEWED"},
    {"[\"late_fee_cents\",\"waiver_reason\"]",
	"[\"late_fee_cents\",\"waiver_reason\",\"balance\"]",
	"ROW_NOT_REVIEWED"},
    {"[\"late_fee_cents\",\"waiver_reason\"]", "[\"waiver_reason\"]",
	"ROW_NOT_REVIEWED"},
    {"\"after\":{\"id\":\"INV-3001\"", "\"after\":{\"id\":\"INV-3002\"",
	"ROW_NOT_REVIEWED"},
    {"\"after\":{\"id\":\"INV-3001\",", "\"after\":{", "ROW_NOT_REVIEWED"},
    /* The patch says something else than the after image that was shown. */
    {"\"patch\":{\"late_fee_cents\":0", "\"patch\":{\"late_fee_cents\":7",
	"ROW_NOT_REVIEWED"},
    {"\"expected_version\":{\"column\":\"updated_at\"",
	"\"expected_version\":{\"column\":\"waiver_reason\"",
	"CONFLICT_GUARD_MISMATCH"},
    {"\"expected_version\":{\"column\":\"updated_at\",\"value\":\"2026-06-20",
	"\"expected_version\":{\"column\":\"updated_at\",\"value\":"
	"\"2026-06-21",
	"CONFLICT_GUARD_MISMATCH"},
    {"\"expected_version\":{\"column\":\"updated_at\"",
	"\"expected_version\":{\"column\":\"__row_hash\"",
	"CONFLICT_GUARD_MISMATCH"},
};

static void
a_change_set_that_the_contract_does_not_contain_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(core_edits); i++) {
		(void)tear_down(NULL);
		(void)set_up(NULL);
		fixture_change_set(&f);
		fixture_edit_core(&f, core_edits[i].from, core_edits[i].to);
		fixture_decide(&f);
		fixture_mint(&f);
		assert_refused(core_edits[i].to, core_edits[i].reason);
	}
}

static const struct {
	const char *patch;
	const char *reason;
} patches[] = {
    {"{\"late_fee_cents\":10000,\"waiver_reason\":\"x\"}", NULL},
    {"{\"late_fee_cents\":0}", NULL},
    {"{\"late_fee_cents\":10001,\"waiver_reason\":\"x\"}",
	"PATCH_ABOVE_MAXIMUM"},
    {"{\"late_fee_cents\":-1}", "PATCH_BELOW_MINIMUM"},
    {"{\"late_fee_cents\":\"0\"}", "PATCH_NUMERIC_BOUND_TYPE_INVALID"},
    {"{\"balance\":0}", "PATCH_COLUMN_NOT_ALLOWED"},
    {"{\"id\":\"INV-1\"}", "PATCH_COLUMN_NOT_ALLOWED"},
    {"{\"tenant_id\":\"other\"}", "PATCH_COLUMN_NOT_ALLOWED"},
    {"{\"updated_at\":\"2026-06-20T14:31:08Z\"}", "PATCH_COLUMN_NOT_ALLOWED"},
    {"{\"late_fee_cents\\\"=0;--\":0}", "PATCH_COLUMN_NOT_ALLOWED"},
    {"{}", "PATCH_REQUIRED"},
};

static void
the_rules_hold_again_in_the_writer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(patches); i++) {
		(void)tear_down(NULL);
		(void)set_up(NULL);
		fixture_patch(&f, patches[i].patch);
		fixture_change_set(&f);
		fixture_decide(&f);
		fixture_mint(&f);
		if (patches[i].reason == NULL) {
			assert_accepted();
		} else {
			assert_refused(patches[i].patch, patches[i].reason);
		}
	}
}

/* Each changes one thing about the decision before it is signed. */
static void
by_nobody(void)
{
	f.decision.user = span_of("mallory");
}

static void
by_another_uid(void)
{
	f.decision.uid = 1002;
}

static void
without_the_role(void)
{
	f.decision.user = span_of("bob");
	f.decision.uid = 1002;
}

static void
by_the_proposer(void)
{
	f.decision.user = span_of("support_agent_17");
	f.decision.uid = 1017;
}

static void
as_rejection(void)
{
	f.decision.action = DECISION_REJECT;
}

static void
expired(void)
{
	f.decision.expires_us = f.now_us + FIXTURE_MINUTE;
}

static void
about_another_proposal(void)
{
	f.decision.proposal_id = span_of("wrp_00000000000000000000");
}

static void
about_another_hash(void)
{
	f.decision.proposal_hash = span_of("sha256:0");
}

static void
about_another_version(void)
{
	f.decision.proposal_version = 2;
}

static void
under_another_contract(void)
{
	f.decision.contract_digest = span_of("sha256:0");
}

static void
expiring_later(void)
{
	f.decision.expires_us = f.now_us + FIXTURE_MINUTE + 1000;
}

static const struct {
	void (*change)(void);
	const char *reason; /* NULL: accepted */
} decisions[] = {
    {by_nobody, "APPROVAL_NOT_VERIFIED"},
    {by_another_uid, "APPROVAL_NOT_VERIFIED"},
    {without_the_role, "APPROVAL_NOT_VERIFIED"},
    {by_the_proposer, "APPROVAL_NOT_VERIFIED"},
    {as_rejection, "APPROVAL_NOT_VERIFIED"},
    {expired, "APPROVAL_EXPIRED"},
    {about_another_proposal, "APPROVAL_NOT_VERIFIED"},
    {about_another_hash, "APPROVAL_NOT_VERIFIED"},
    {about_another_version, "APPROVAL_NOT_VERIFIED"},
    {under_another_contract, "APPROVAL_NOT_VERIFIED"},
    {expiring_later, NULL},
};

static void
only_an_approval_of_exactly_this_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(decisions); i++) {
		(void)tear_down(NULL);
		(void)set_up(NULL);
		fixture_change_set(&f);
		decisions[i].change();
		fixture_decide(&f);
		fixture_mint(&f);
		if (decisions[i].reason == NULL) {
			assert_accepted();
		} else {
			assert_refused("decision", decisions[i].reason);
		}
	}
}

static void
one_bad_approval_spoils_the_good_one(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	by_the_proposer();
	fixture_decide(&f);
	fixture_mint(&f);
	assert_refused("second approval", "APPROVAL_NOT_VERIFIED");
}

static void
an_approval_needs_its_own_signature(void **state)
{
	struct sign_key *other = sign_key_random();

	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	sign_dsse(other, DSSE_TYPE_DECISION, f.decisions[0].statement,
	    f.decisions[0].signature);
	fixture_mint(&f);
	assert_refused("approval's key", "APPROVAL_NOT_VERIFIED");
	/* And not one over the same bytes as another kind of document. */
	sign_dsse(f.key, DSSE_TYPE_JOB, f.decisions[0].statement,
	    f.decisions[0].signature);
	fixture_mint(&f);
	assert_refused("approval's type", "APPROVAL_NOT_VERIFIED");
	sign_key_free(&other);
}

static void
a_job_without_approval_only_settles(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_mint(&f);
	assert_refused("no approval", "APPROVAL_MISSING");
	f.job.dry_run = true;
	fixture_mint(&f);
	assert_refused("dry run without approval", "APPROVAL_MISSING");
	f.job.dry_run = false;
	f.job.settle = true;
	fixture_mint(&f);
	assert_accepted();
}

static const struct {
	int64_t issued_us;
	int64_t expires_us;
	const char *reason;
} leases[] = {
    {0, FIXTURE_MINUTE + 1000, NULL},
    {0, FIXTURE_MINUTE, "JOB_EXPIRED"},
    {-10 * FIXTURE_MINUTE, -FIXTURE_MINUTE, "JOB_EXPIRED"},
    {6 * FIXTURE_MINUTE, 9 * FIXTURE_MINUTE, NULL},
    {7 * FIXTURE_MINUTE, 9 * FIXTURE_MINUTE, "JOB_EXPIRED"},
};

static void
a_job_counts_only_during_its_lease(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	for (size_t i = 0; i < COUNT(leases); i++) {
		f.job.issued_us = f.now_us + leases[i].issued_us;
		f.job.expires_us = f.now_us + leases[i].expires_us;
		fixture_mint(&f);
		if (leases[i].reason == NULL) {
			assert_accepted();
		} else {
			assert_refused("lease", leases[i].reason);
		}
	}
}

static void
the_job_must_be_the_one_that_was_announced(void **state)
{
	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	f.message.job_id = span_of("wbj_other");
	assert_refused("job id", "JOB_MISMATCH");
}

static void
a_writer_with_another_contract_does_nothing(void **state)
{
	static const enum contract_mode modes[] = {
	    MODE_READ_ONLY, MODE_SHADOW, MODE_CLOUD};

	(void)state;
	fixture_change_set(&f);
	fixture_decide(&f);
	fixture_mint(&f);
	for (size_t i = 0; i < COUNT(modes); i++) {
		f.contract->mode = modes[i];
		assert_refused("mode", "MODE_NOT_REVIEW");
	}
	f.contract->mode = MODE_REVIEW;
	f.contract->sources[0].read_only = true;
	assert_refused("read_only", "TARGET_NOT_REVIEWED");
	f.contract->sources[0].read_only = false;
	f.contract->sources[0].write_url_env = NULL;
	assert_refused("no write URL", "TARGET_NOT_REVIEWED");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_valid_job_passes),
	    TEST(an_edited_payload_is_refused_before_it_is_parsed),
	    TEST(a_job_of_another_key_is_refused),
	    TEST(a_signature_of_another_document_type_is_refused),
	    TEST(a_signed_job_is_still_checked_in_every_member),
	    TEST(a_change_set_that_the_contract_does_not_contain_is_refused),
	    TEST(the_rules_hold_again_in_the_writer),
	    TEST(only_an_approval_of_exactly_this_counts),
	    TEST(one_bad_approval_spoils_the_good_one),
	    TEST(an_approval_needs_its_own_signature),
	    TEST(a_job_without_approval_only_settles),
	    TEST(a_job_counts_only_during_its_lease),
	    TEST(the_job_must_be_the_one_that_was_announced),
	    TEST(a_writer_with_another_contract_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
