/*
 * What a contract becomes, and which files are loaded at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/contract/contract.h"
#include "common/crypto/digest.h"
#include "tests/unit/contract_edit.h"

static struct contract *
parsed(const struct edit *edits, size_t count)
{
	struct buf text = edited(edits, count);
	struct contract *c = NULL;
	struct err e = {.code = 0};

	if (contract_parse(buf_as_span(&text), &c, &e) != 0) {
		fail_msg("%s", e.msg);
	}
	buf_clear(&text);
	return c;
}

static void
gives_the_defaults_of_0_1_1(void **state)
{
	struct contract *c = parsed(NULL, 0);
	const struct contract_capability *cap =
	    contract_capability(c, span_of("a.b"));
	char digest[DIGEST_TEXT_SIZE];

	(void)state;
	assert_int_equal(c->mode, MODE_REVIEW);
	assert_int_equal(c->result_format, 1);
	assert_null(c->sqlite_path);
	assert_int_equal(c->apply, APPLY_MANUAL);
	assert_false(c->has_reviewers);
	assert_ptr_equal(cap->source, contract_source(c, span_of("s")));
	assert_int_equal(cap->source->statement_timeout_ms, 0);
	assert_ptr_equal(cap->context, c->trusted_context);
	assert_string_equal(cap->context->tenant_id_env, "SYNAPSOR_TENANT_ID");
	assert_string_equal(cap->context->principal_env, "SYNAPSOR_PRINCIPAL");
	assert_string_equal(cap->executor, "sql_update");
	assert_null(cap->handler);
	assert_true(cap->args[0].required);
	assert_int_equal(cap->max_rows, 1);
	assert_int_equal(cap->approval_expires_s, 86400);
	assert_null(cap->required_role);
	assert_int_equal(cap->read_count, 3);
	assert_string_equal(cap->read_columns[0], "id");
	assert_string_equal(cap->read_columns[1], "tenant_id");
	assert_string_equal(cap->read_columns[2], "u");
	assert_null(contract_capability(c, span_of("a.")));
	assert_null(contract_source(c, span_of("")));
	digest_text(c->bytes, digest);
	assert_string_equal(c->digest_text, digest);
	contract_free(&c);
	assert_null(c);
	contract_free(&c);
}

static void
keeps_numbers_exact_and_target_in_file_order(void **state)
{
	static const struct edit edits[] = {
	    {TARGET, "{ 'tenant_key' : 'tenant_id', 'table':'t',"
		     " 'primary_key':'id','schema':'public' }"},
	    {ARG, "{'type':'number','minimum':-9007199254740993,"
		  "'maximum':0.30000000000000000001,'enum':[1.0,'a',null]}"},
	    {"{'fixed':1}", "{'fixed':9223372036854775807}"},
	};
	struct contract *c = parsed(edits, COUNT(edits));
	const struct contract_capability *cap = &c->capabilities[0];
	const struct contract_arg *arg = &cap->args[0];

	(void)state;
	assert_true(span_is(cap->target_json,
	    "{\"tenant_key\":\"tenant_id\",\"table\":\"t\","
	    "\"primary_key\":\"id\",\"schema\":\"public\"}"));
	assert_true(span_is(arg->minimum, "-9007199254740993"));
	assert_true(span_is(arg->maximum, "0.30000000000000000001"));
	assert_int_equal(arg->allowed_count, 3);
	assert_true(span_is(arg->allowed[0].text, "1"));
	assert_true(span_is(cap->patch[0].fixed.text, "9223372036854775807"));
	contract_free(&c);
}

static void
resolves_every_reference_of_a_capability(void **state)
{
	static const struct edit edits[] = {
	    {TOP, TOP "'executors':{'sql_update':{'type':'http_handler',"
		      "'url_env':'X'},'h':{'type':'http_handler','url_env':'U',"
		      "'auth':{'type':'bearer_env','token_env':'T'}}},"
		      "'apply':'on_approval','reviewers':{'ann':{'uid':7,"
		      "'roles':['r1','r2']},'bo':{'roles':[]}},"},
	    {CONTEXT,
		CONTEXT "'contexts':{'c':{'provider':'static_dev','values':{"
			"'tenant_id_env':5,'tenant_id':'acme',"
			"'principal':''}}},"},
	    {"'name'", "'context':'c','executor':'h','name'"},
	    {GUARD,
		GUARD ",'approval':{'required_role':'r1','expires_s':1e300},"
		      "'transition_guards':{'x':{'from_column':'id',"
		      "'allowed':{'a':['b','c']}}}"},
	};
	struct contract *c = parsed(edits, COUNT(edits));
	const struct contract_capability *cap = &c->capabilities[0];

	(void)state;
	assert_string_equal(cap->context->name, "c");
	assert_string_equal(cap->context->tenant_id_env, "");
	assert_string_equal(cap->context->tenant_id, "acme");
	assert_null(cap->context->principal);
	assert_string_equal(cap->handler->name, "h");
	assert_string_equal(cap->handler->method, "POST");
	assert_string_equal(cap->handler->token_env, "T");
	assert_int_equal(cap->handler->timeout_ms, 5000);
	assert_string_equal(cap->required_role, "r1");
	assert_int_equal(cap->approval_expires_s, INT32_MAX);
	assert_string_equal(cap->transitions[0].from_column, "id");
	assert_true(span_is(cap->transitions[0].states[0].to[1], "c"));
	assert_int_equal(c->apply, APPLY_ON_APPROVAL);
	assert_int_equal(c->reviewer_count, 2);
	assert_int_equal(c->reviewers[0].uid, 7);
	assert_string_equal(c->reviewers[0].roles[1], "r2");
	assert_int_equal(c->reviewers[1].uid, -1);
	contract_free(&c);
}

static void
takes_who_must_approve_and_what_needs_nobody(void **state)
{
	static const struct edit people[] = {
	    {TOP, TOP "'allowed_signers':'/k',"},
	    {GUARD, GUARD ",'approval':{'required_approvals':3,"
			  "'signatures':'required','separate_applier':true}"},
	};
	static const struct edit of_all[] = {
	    {TOP, TOP "'allowed_signers':'/k','signatures':'required',"}};
	static const struct edit nobody[] = {
	    {PATCH, "'patch':{'x':{'fixed':1},'y':{'fixed':'a'}}"},
	    {ALLOWED, "'allowed_columns':['x','y']"},
	    {GUARD, GUARD
		",'approval':{'automatic':{'columns':{'x':{'minimum':-5,"
		"'maximum':9007199254740993},'y':{'one_of':['a',null]}},"
		"'limits':[{'maximum':4,'window':'day','per':'tenant'},"
		"{'column':'x','maximum':7,'window':'24h','per':'object'}]}}"},
	};
	struct contract *c = parsed(NULL, 0);
	const struct contract_automatic *a;

	(void)state;
	assert_null(c->allowed_signers);
	assert_int_equal(c->capabilities[0].approvals_needed, 1);
	assert_false(c->capabilities[0].signatures);
	assert_false(c->capabilities[0].separate_applier);
	assert_null(c->capabilities[0].automatic);
	contract_free(&c);

	c = parsed(people, COUNT(people));
	assert_string_equal(c->allowed_signers, "/k");
	assert_int_equal(c->capabilities[0].approvals_needed, 3);
	assert_true(c->capabilities[0].signatures);
	assert_true(c->capabilities[0].separate_applier);
	contract_free(&c);

	c = parsed(of_all, COUNT(of_all));
	assert_true(c->capabilities[0].signatures);
	contract_free(&c);

	c = parsed(nobody, COUNT(nobody));
	a = c->capabilities[0].automatic;
	assert_int_equal(a->rule_count, 2);
	assert_string_equal(a->rules[0].column, "x");
	assert_true(span_is(a->rules[0].minimum, "-5"));
	assert_true(span_is(a->rules[0].maximum, "9007199254740993"));
	assert_int_equal(a->rules[0].one_of_count, 0);
	assert_int_equal(a->rules[1].one_of_count, 2);
	assert_int_equal(a->rules[1].minimum.len, 0);
	assert_int_equal(a->limit_count, 2);
	assert_null(a->limits[0].column);
	assert_int_equal(a->limits[0].maximum, 4);
	assert_int_equal(a->limits[0].window, WINDOW_DAY);
	assert_false(a->limits[0].per_object);
	assert_string_equal(a->limits[1].column, "x");
	assert_int_equal(a->limits[1].window, WINDOW_24H);
	assert_true(a->limits[1].per_object);
	contract_free(&c);
}

/* No declaration can put an application behind the built-in name. */
static void
keeps_sql_update_for_direct_writes(void **state)
{
	static const struct edit edits[] = {
	    {TOP, TOP "'executors':{'sql_update':{'type':'http_handler',"
		      "'url_env':'X'}},"}};
	struct contract *c = parsed(edits, COUNT(edits));

	(void)state;
	assert_null(c->capabilities[0].handler);
	contract_free(&c);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
loads_only_a_file_that_others_cannot_write(void **state)
{
	char folder[] = "/tmp/cs-contract-XXXXXX";
	char old[4096];
	struct buf text = edited(NULL, 0);
	struct contract *c = NULL;
	const char *path = NULL;
	struct err e;

	(void)state;
	assert_non_null(getcwd(old, sizeof(old)));
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(contract_find(NULL, &path, &e), CS_E_NOT_FOUND);
	assert_non_null(strstr(e.msg, "countersign.json"));
	assert_non_null(strstr(e.msg, "synapsor.runner.json"));
	write_file("synapsor.runner.json", "[]", 0666);
	assert_int_equal(contract_find(NULL, &path, &e), 0);
	assert_string_equal(path, "synapsor.runner.json");
	assert_int_equal(contract_load(path, &c, &e), CS_E_DENIED);
	assert_non_null(strstr(e.msg, "chmod"));
	write_file("countersign.json", buf_text(&text), 0600);
	assert_int_equal(contract_find(NULL, &path, &e), 0);
	assert_string_equal(path, "countersign.json");
	assert_int_equal(contract_load(path, &c, &e), 0);
	contract_free(&c);
	assert_int_equal(symlink("countersign.json", "link"), 0);
	assert_int_equal(contract_load("link", &c, &e), CS_E_DENIED);
	assert_non_null(strstr(e.msg, "symbolic link"));
	assert_int_equal(contract_load("missing", &c, &e), CS_E_NOT_FOUND);
	assert_null(c);
	assert_int_equal(unlink("link") | unlink("countersign.json") |
			     unlink("synapsor.runner.json"),
	    0);
	assert_int_equal(chdir(old), 0);
	assert_int_equal(rmdir(folder), 0);
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_the_defaults_of_0_1_1),
	    cmocka_unit_test(keeps_numbers_exact_and_target_in_file_order),
	    cmocka_unit_test(resolves_every_reference_of_a_capability),
	    cmocka_unit_test(takes_who_must_approve_and_what_needs_nobody),
	    cmocka_unit_test(keeps_sql_update_for_direct_writes),
	    cmocka_unit_test(loads_only_a_file_that_others_cannot_write),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
