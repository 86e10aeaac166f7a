/*
 * Results of formats 1 and 2, byte for byte (engine.md §1.13).
 */
#include "tests/unit/mcp_contract.h"

#include "common/base/arena.h"
#include "mcpd/mcp/result.h"

static struct named_scalar row[] = {
    {{"id", 2}, {SCALAR_TEXT, {"O-1", 3}}},
    {{"fee", 3}, {SCALAR_NUMBER, {"5", 1}}},
    {{"tenant_id", 9}, {SCALAR_TEXT, {"acme", 4}}},
    {{"rev", 3}, {SCALAR_NUMBER, {"17", 2}}},
};
static struct named_scalar patch[] = {
    {{"fee", 3}, {SCALAR_NUMBER, {"0", 1}}},
    {{"why", 3}, {SCALAR_TEXT, {"a", 1}}},
};

struct fixture {
	struct contract *contract;
	struct msg_proposed proposed;
	struct call_result read;
	struct call_result proposal;
	struct buf out;
};

static struct json_out
writer(struct fixture *f)
{
	struct json_out j;

	buf_reset(&f->out);
	json_begin(&j, &f->out, 0);
	return j;
}

static int
setup(void **state)
{
	static struct fixture f;

	f.contract = test_contract();
	f.proposed = (struct msg_proposed){.proposal_id = span_of("wrp_1"),
	    .proposal_version = 1,
	    .proposal_hash = span_of("sha256:00"),
	    .evidence_id = span_of("ev_1"),
	    .state = span_of("pending_review"),
	    .created = true,
	    .patch = {patch, 2}};
	f.read = (struct call_result){.cap = &f.contract->capabilities[0],
	    .mode = MODE_REVIEW,
	    .tenant = span_of("acme"),
	    .principal = span_of("agent"),
	    .provenance = "environment",
	    .object_id = span_of("O-1"),
	    .row = {row, 3},
	    .evidence_id = span_of("ev_1")};
	f.proposal = f.read;
	f.proposal.cap = &f.contract->capabilities[1];
	f.proposal.row.count = 4;
	f.proposal.proposed = &f.proposed;
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	contract_free(&f->contract);
	buf_clear(&f->out);
	return 0;
}

/* The tenant and version columns were read, but are not visible. */
static void
test_v1_read(void **state)
{
	struct fixture *f = *state;
	struct json_out j = writer(f);

	result_v1.put_read(&j, &f->read);
	assert_json(buf_as_span(&f->out),
	    "{'status':'ok','action':'shop.look','mode':'review',"
	    "'business_object':{'type':'orders','id':'O-1'},"
	    "'data':{'id':'O-1','fee':5},"
	    "'trusted_context':{'tenant_id':'acme','principal':'agent',"
	    "'provenance':'environment'},'evidence_bundle_id':'ev_1',"
	    "'evidence_resource':'synapsor://evidence/ev_1',"
	    "'source_database_changed':false,"
	    "'source_database_mutated':false}");
}

static void
test_v1_proposal(void **state)
{
	struct fixture *f = *state;
	struct json_out j = writer(f);

	result_v1.put_proposal(&j, &f->proposal);
	assert_json(buf_as_span(&f->out),
	    "{'status':'review_required','action':'shop.waive',"
	    "'proposal_id':'wrp_1','proposal_version':1,"
	    "'proposal_hash':'sha256:00','target':{'type':'orders',"
	    "'id':'O-1','tenant_id':'acme'},"
	    "'diff':{'fee':{'before':5,'proposed':0},"
	    "'why':{'before':null,'proposed':'a'}},"
	    "'evidence_bundle_id':'ev_1',"
	    "'evidence_resource':'synapsor://evidence/ev_1',"
	    "'proposal_resource':'synapsor://proposals/wrp_1',"
	    "'replay_resource':'synapsor://replay/replay_wrp_1',"
	    "'approval_required':true,'writeback':{'status':'not_applied',"
	    "'mode':'trusted_worker_required','executor':'sql_update'},"
	    "'source_database_changed':false,"
	    "'source_database_mutated':false}");
	f->proposal.mode = MODE_SHADOW;
	assert_string_equal(
	    result_proposal_status(&f->proposal), "shadow_proposal_created");
}

static void
test_v2_read(void **state)
{
	struct fixture *f = *state;
	struct json_out j = writer(f);

	result_v2.put_read(&j, &f->read);
	assert_json(buf_as_span(&f->out),
	    "{'ok':true,'summary':'Read orders O-1 through shop.look. "
	    "Source database changed: no.','action':'shop.look',"
	    "'kind':'read','data':{'id':'O-1','fee':5},'proposal':null,"
	    "'error':null,'evidence':{'bundle_id':'ev_1','note':'Recorded "
	    "for audit and replay; you do not need to act on it.'},"
	    "'source_database_changed':false,'_meta':{'tenant_id':'acme',"
	    "'principal':'agent','provenance':'environment',"
	    "'canonical_capability':'shop.look'}}");
}

static void
test_v2_proposal(void **state)
{
	struct fixture *f = *state;
	struct json_out j = writer(f);

	result_v2.put_proposal(&j, &f->proposal);
	assert_json(buf_as_span(&f->out),
	    "{'ok':true,'summary':'Created proposal wrp_1 for orders O-1. "
	    "Source database changed: no.','action':'shop.waive',"
	    "'kind':'proposal','data':null,'proposal':{'id':'wrp_1',"
	    "'state':'review_required','target':'orders:O-1',"
	    "'diff':{'fee':{'before':5,'proposed':0},"
	    "'why':{'before':null,'proposed':'a'}},"
	    "'approval_required':true,'writeback':{'mode':'direct_update',"
	    "'applied':false},'next':'A person has to review this outside "
	    "of these tools. Nothing was changed.'},'error':null,"
	    "'evidence':{'bundle_id':'ev_1','note':'Recorded for audit and "
	    "replay; you do not need to act on it.'},"
	    "'source_database_changed':false,'_meta':{'tenant_id':'acme',"
	    "'canonical_capability':'shop.waive'}}");
}

static void
test_errors(void **state)
{
	struct fixture *f = *state;
	struct call_error e =
	    error_for("ARGUMENT_TOO_LONG", span_of("x is too long"));
	struct json_out j = writer(f);

	result_v1.put_error(&j, f->read.cap, &e);
	assert_json(buf_as_span(&f->out),
	    "{'ok':false,'code':'ARGUMENT_TOO_LONG',"
	    "'error':'x is too long'}");
	j = writer(f);
	result_v2.put_error(&j, f->proposal.cap, &e);
	assert_json(buf_as_span(&f->out),
	    "{'ok':false,'summary':'x is too long','action':'shop.waive',"
	    "'kind':'proposal','data':null,'proposal':null,"
	    "'error':{'code':'INVALID_ARGUMENT','message':'x is too long',"
	    "'retryable':false},'evidence':null,"
	    "'source_database_changed':false,"
	    "'_meta':{'canonical_capability':'shop.waive'}}");
}

/* Whatever a driver or ledgerd says, only what the table allows is shown. */
static void
test_error_table(void **state)
{
	struct call_error e;

	(void)state;
	e = error_for("SOURCE_QUERY_FAILED", span_of("host=10.0.0.1"));
	assert_string_equal(e.code, "MCP_TOOL_FAILED");
	assert_string_equal(e.code_v2, "INTERNAL");
	assert_null(strstr(e.message.ptr, "10.0.0.1"));
	e = error_for("SOMETHING_NEW", span_of("secret"));
	assert_string_equal(e.code, "SOMETHING_NEW");
	assert_string_equal(e.code_v2, "INTERNAL");
	assert_null(strstr(e.message.ptr, "secret"));
	e = error_for("ROW_NOT_UNIQUE", span_of(""));
	assert_string_equal(e.code_v2, "MULTI_ROW_BLOCKED");
	e = error_ledger_unavailable();
	assert_string_equal(e.code, "TEMPORARILY_UNAVAILABLE");
	assert_true(e.retryable);
	assert_int_equal(e.retry_after_ms, 1000);
	e = error_for("SOURCE_POOL_TIMEOUT", span_of(""));
	assert_string_equal(e.code_v2, "TEMPORARILY_UNAVAILABLE");
	assert_int_equal(e.retry_after_ms, 1000);
	assert_int_equal(
	    error_for("ROW_NOT_FOUND", span_of("")).retry_after_ms, 0);
}

/* A row that clients would drop is cut where everybody sees it, between
 * characters; one that is just small enough is whole. */
static void
test_long_values_are_cut(void **state)
{
	struct fixture *f = *state;
	struct scalar id = row[0].value;
	char *text = malloc(50001);
	struct json_out j = writer(f);
	struct json_doc doc;
	struct arena *a = arena_new();
	struct span shown;

	assert_non_null(text);
	for (size_t i = 0; i < 50000; i += 2) {
		memcpy(text + i, "\xc3\xa4", 2);
	}
	row[0].value = (struct scalar){SCALAR_TEXT, {text, 50000}};
	result_v2.put_read(&j, &f->read);
	assert_true(f->out.len < 20000);
	assert_int_equal(json_scan(&doc, buf_as_span(&f->out), a, NULL), 0);
	shown = json_get_string(&doc, json_get(&doc, 0, "data"), "id", a);
	assert_non_null(memmem(shown.ptr, shown.len,
	    "[cut here: 13332 of 50000 bytes shown; the evidence holds all]",
	    62));
	j = writer(f);
	row[0].value.text.len = 39000;
	result_v2.put_read(&j, &f->read);
	assert_true(f->out.len > 39000);
	row[0].value = id;
	free(text);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_v1_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_v1_proposal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_v2_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_v2_proposal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_long_values_are_cut, setup, teardown),
	    cmocka_unit_test(test_error_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
