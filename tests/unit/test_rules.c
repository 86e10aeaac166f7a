/*
 * The rules that every process applies by itself to arguments, patches,
 * versions and numbers, and the search for credentials.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/rules.h"
#include "common/crypto/digest.h"
#include "tests/unit/contract_edit.h"

#define MAX_ENTRIES 8

/* A name and a JSON scalar with ' for "; a NULL name ends the list. */
struct given {
	const char *name;
	const char *json;
};

static struct scalar
scalar_of(const char *json, struct arena *a)
{
	char *text = arena_strndup(a, json, strlen(json));
	struct json_doc doc;
	struct scalar s;

	for (char *p = text; *p != '\0'; p++) {
		if (*p == '\'') {
			*p = '"';
		}
	}
	assert_int_equal(json_scan(&doc, span_of(text), a, NULL), 0);
	assert_int_equal(scalar_from_json(&doc, 0, a, &s), 0);
	return s;
}

static size_t
scalars_of(const struct given *list, struct named_scalar *out, struct arena *a)
{
	size_t count = 0;

	for (; count < MAX_ENTRIES && list[count].name != NULL; count++) {
		out[count].name = span_of(list[count].name);
		out[count].value = scalar_of(list[count].json, a);
	}
	return count;
}

static struct contract *
contract_with(const struct edit *edits, size_t count)
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

/* Arguments of every type, with every limit. */
static struct contract *
args_contract(void)
{
	static const struct edit edits[] = {{"{'id':" ARG "}",
	    "{'id':{'type':'string','max_length':5},"
	    "'n':{'type':'number','required':false,'minimum':-2.5,"
	    "'maximum':9007199254740993},"
	    "'b':{'type':'boolean','required':false},"
	    "'e':{'type':'number','required':false,'enum':[1,2.50,'3']}}"}};

	return contract_with(edits, COUNT(edits));
}

struct args_row {
	struct given args[MAX_ENTRIES + 1];
	const char *reason; /* NULL: accepted */
	const char *message;
};

static const struct args_row args_rows[] = {
    {{{"id", "'abcde'"}}, NULL, NULL},
    {{{"id", "'a'"}, {"n", "-2.5"}, {"b", "true"}, {"e", "2.5"}}, NULL, NULL},
    {{{"id", "'a'"}, {"n", "9007199254740993"}}, NULL, NULL},
    {{{NULL, NULL}}, "ARGUMENT_REQUIRED", "id is required"},
    {{{"id", "null"}}, "ARGUMENT_TYPE_INVALID", "id must be a string"},
    {{{"id", "1"}}, "ARGUMENT_TYPE_INVALID", "id must be a string"},
    {{{"id", "'a'"}, {"n", "'1'"}}, "ARGUMENT_TYPE_INVALID",
	"n must be a number"},
    {{{"id", "'a'"}, {"b", "0"}}, "ARGUMENT_TYPE_INVALID",
	"b must be a boolean"},
    {{{"id", "'abcdef'"}}, "ARGUMENT_TOO_LONG",
	"id must be at most 5 characters long"},
    /* Length counts UTF-16 units: two outside the BMP and one are five. */
    {{{"id", "'\xf0\x9f\x98\x80\xf0\x9f\x98\x80z'"}}, NULL, NULL},
    {{{"id", "'\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80'"}},
	"ARGUMENT_TOO_LONG", "id must be at most 5 characters long"},
    {{{"id", "'a'"}, {"n", "-2.51"}}, "ARGUMENT_BELOW_MINIMUM",
	"n must be at least -2.5"},
    /* A double cannot tell these two from each other. */
    {{{"id", "'a'"}, {"n", "9007199254740994"}}, "ARGUMENT_ABOVE_MAXIMUM",
	"n must be at most 9007199254740993"},
    {{{"id", "'a'"}, {"e", "3"}}, "ARGUMENT_NOT_ALLOWED",
	"e must be one of: 1, 2.5, 3"},
    {{{"id", "'a'"}, {"zz", "1"}}, "ARGUMENT_UNKNOWN",
	"zz is not an argument of this tool"},
    {{{"id", "'a'"}, {"\xe2\x80\xaex\n", "1"}}, "ARGUMENT_UNKNOWN",
	"\\u202ex\\u000a is not an argument of this tool"},
    {{{"id", "'a'"}, {"id", "'b'"}}, "ARGUMENT_DUPLICATE", "id is given twice"},
    /* Reserved before required, configured before unknown. */
    {{{"zz", "1"}, {"tenant_id", "'x'"}}, "MODEL_CANNOT_OVERRIDE_BINDING",
	"tenant_id is set by the trusted context and cannot be given as an "
	"argument"},
    {{{"zz", "1"}, {"id", "2"}}, "ARGUMENT_TYPE_INVALID",
	"id must be a string"},
};

static void
refuses_arguments_with_the_reasons_of_the_reference(void **state)
{
	struct contract *c = args_contract();
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(args_rows); i++) {
		const struct args_row *row = &args_rows[i];
		struct named_scalar args[MAX_ENTRIES];
		size_t count = scalars_of(row->args, args, a);
		struct err e = {.reason = NULL};
		int rc = rules_check_args(&c->capabilities[0], args, count, &e);
		if (row->reason == NULL) {
			assert_int_equal(rc, 0);
			continue;
		}
		assert_int_equal(rc, CS_E_INVALID);
		assert_string_equal(e.reason, row->reason);
		assert_string_equal(e.msg, row->message);
	}
	arena_free(&a);
	contract_free(&c);
}

/* The sender may call any bytes a number. */
static void
refuses_a_scalar_whose_text_is_not_its_type(void **state)
{
	struct contract *c = args_contract();
	struct named_scalar args[] = {
	    {span_of("id"), {SCALAR_TEXT, span_of("a")}},
	    {span_of("n"), {SCALAR_NUMBER, span_of("NaN")}}};
	struct err e;

	(void)state;
	assert_int_equal(
	    rules_check_args(&c->capabilities[0], args, 2, &e), CS_E_INVALID);
	assert_string_equal(e.reason, "ARGUMENT_TYPE_INVALID");
	contract_free(&c);
}

static void
refuses_every_reserved_name_and_no_other(void **state)
{
	static const char *const names[] = {"tenant_id", "tenantId",
	    "principal", "principal_id", "principalId", "project_id",
	    "projectId", "source_id", "sourceId", "allowed_columns",
	    "allowedColumns", "row_version", "rowVersion", "current_version",
	    "currentVersion", "expected_version", "expectedVersion",
	    "approval_identity", "approvalIdentity"};
	static const char *const others[] = {"", "tenant", "user_id", "column",
	    "Principal", "tenant_id ", "approval"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_true(rules_is_reserved_arg(span_of(names[i])));
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_false(rules_is_reserved_arg(span_of(others[i])));
	}
}

/* x fixed, y and z from arguments; y bounded, z a state that follows s. */
static struct contract *
patch_contract(void)
{
	static const struct edit edits[] = {
	    {"{'id':" ARG "}", "{'id':{'type':'string'},"
			       "'amount':{'type':'number','required':false},"
			       "'to':{'type':'string','required':false}}"},
	    {PATCH ",",
		"'patch':{'y':{'from_arg':'amount'},'x':{'fixed':null},"
		"'z':{'from_arg':'to'}},'numeric_bounds':{'y':"
		"{'minimum':-0.5,'maximum':10}},'transition_guards':{'z':"
		"{'from_column':'s','allowed':{'open':['closed','open'],"
		"'closed':['open']}}},"},
	    {VISIBLE, "'visible_columns':['id','s']"},
	    {ALLOWED, "'allowed_columns':['x','y','z','id','tenant_id','u']"},
	};

	return contract_with(edits, COUNT(edits));
}

static void
builds_the_patch_in_contract_order_and_skips_what_is_left_out(void **state)
{
	static const struct given all[] = {
	    {"id", "'i'"}, {"to", "'closed'"}, {"amount", "5"}, {NULL, NULL}};
	struct contract *c = patch_contract();
	struct arena *a = arena_new();
	struct named_scalar args[MAX_ENTRIES];
	struct named_scalar patch[MAX_ENTRIES];
	size_t count = scalars_of(all, args, a);
	size_t n = 0;

	(void)state;
	assert_int_equal(rules_build_patch(
			     &c->capabilities[0], args, count, patch, &n, NULL),
	    0);
	assert_int_equal(n, 3);
	assert_true(span_is(patch[0].name, "y"));
	assert_true(span_is(patch[0].value.text, "5"));
	assert_true(span_is(patch[1].name, "x"));
	assert_int_equal(patch[1].value.kind, SCALAR_NULL);
	assert_true(span_is(patch[2].value.text, "closed"));
	assert_int_equal(
	    rules_build_patch(&c->capabilities[0], args, 1, patch, &n, NULL),
	    0);
	assert_int_equal(n, 1);
	assert_true(span_is(patch[0].name, "x"));
	arena_free(&a);
	contract_free(&c);
}

static void
builds_no_patch_that_changes_nothing_or_holds_no_scalar(void **state)
{
	static const struct edit empty[] = {
	    {"{'fixed':1}", "{'from_arg':'id'}"},
	    {ARG, "{'type':'string','required':false}"}};
	static const struct edit list[] = {{"{'fixed':1}", "{'fixed':[1]}"}};
	struct contract *c = contract_with(empty, COUNT(empty));
	struct named_scalar patch[1];
	size_t n = 9;
	struct err e;

	(void)state;
	assert_int_equal(
	    rules_build_patch(&c->capabilities[0], NULL, 0, patch, &n, &e),
	    CS_E_INVALID);
	assert_string_equal(e.reason, "PATCH_REQUIRED");
	assert_int_equal(n, 0);
	contract_free(&c);
	c = contract_with(list, COUNT(list));
	assert_int_equal(
	    rules_build_patch(&c->capabilities[0], NULL, 0, patch, &n, &e),
	    CS_E_INVALID);
	assert_string_equal(e.reason, "PATCH_FIXED_INVALID");
	contract_free(&c);
}

struct patch_row {
	const char *state; /* the row's column s, NULL: not read */
	struct given patch[MAX_ENTRIES + 1];
	const char *reason; /* NULL: accepted */
};

static const struct patch_row patch_rows[] = {
    {"'open'", {{"y", "10"}, {"x", "null"}, {"z", "'closed'"}}, NULL},
    {"'open'", {{"y", "-0.5"}}, NULL},
    {"1", {{"y", "1"}}, NULL}, /* no transition asked for */
    {"'open'", {{NULL, NULL}}, "PATCH_REQUIRED"},
    {"'open'", {{"y", "'5'"}}, "PATCH_NUMERIC_BOUND_TYPE_INVALID"},
    {"'open'", {{"y", "null"}}, "PATCH_NUMERIC_BOUND_TYPE_INVALID"},
    {"'open'", {{"y", "-0.51"}}, "PATCH_BELOW_MINIMUM"},
    {"'open'", {{"y", "10.000000000000001"}}, "PATCH_ABOVE_MAXIMUM"},
    {"'open'", {{"z", "'open'"}}, NULL},
    {"'closed'", {{"z", "'closed'"}}, "PATCH_TRANSITION_NOT_ALLOWED"},
    {"'new'", {{"z", "'open'"}}, "PATCH_TRANSITION_NOT_ALLOWED"},
    {"'open'", {{"z", "1"}}, "PATCH_TRANSITION_TYPE_INVALID"},
    {"null", {{"z", "'open'"}}, "PATCH_TRANSITION_TYPE_INVALID"},
    {NULL, {{"z", "'open'"}}, "PATCH_TRANSITION_TYPE_INVALID"},
    {"'open'", {{"w", "1"}}, "PATCH_COLUMN_NOT_ALLOWED"},
    /* In allowed_columns, but keys and the guard never change. */
    {"'open'", {{"id", "'2'"}}, "PATCH_COLUMN_NOT_ALLOWED"},
    {"'open'", {{"tenant_id", "'t'"}}, "PATCH_COLUMN_NOT_ALLOWED"},
    {"'open'", {{"u", "1"}}, "PATCH_COLUMN_NOT_ALLOWED"},
    /* A second entry of a column passes no check by hiding. */
    {"'open'", {{"y", "5"}, {"y", "99"}}, "PATCH_ABOVE_MAXIMUM"},
    {"'open'", {{"z", "'closed'"}, {"z", "'gone'"}},
	"PATCH_TRANSITION_NOT_ALLOWED"},
    {"'open'", {{"x", "1"}, {"x", "2"}}, "PATCH_COLUMN_DUPLICATE"},
    /* Bounds, then transitions, then columns. */
    {"1", {{"w", "1"}, {"z", "'open'"}, {"y", "11"}}, "PATCH_ABOVE_MAXIMUM"},
    {"1", {{"w", "1"}, {"z", "'open'"}}, "PATCH_TRANSITION_TYPE_INVALID"},
};

static void
refuses_patches_with_the_reasons_of_the_reference(void **state)
{
	struct contract *c = patch_contract();
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(patch_rows); i++) {
		const struct patch_row *row = &patch_rows[i];
		struct named_scalar patch[MAX_ENTRIES];
		struct named_scalar seen[1];
		size_t count = scalars_of(row->patch, patch, a);
		size_t seen_count = row->state == NULL ? 0 : 1;
		struct err e = {.reason = "none"};
		int rc;

		if (row->state != NULL) {
			seen[0].name = span_of("s");
			seen[0].value = scalar_of(row->state, a);
		}
		rc = rules_check_patch(
		    &c->capabilities[0], seen, seen_count, patch, count, &e);
		if (rc != (row->reason == NULL ? 0 : CS_E_INVALID) ||
		    (rc != 0 && strcmp(e.reason, row->reason) != 0)) {
			fail_msg("row %zu: %s (%s)", i, e.reason, e.msg);
		}
	}
	arena_free(&a);
	contract_free(&c);
}

struct version_row {
	const char *actual;
	const char *expected;
	bool equal;
};

static const struct version_row version_rows[] = {
    /* The reference's table. */
    {"2026-05-16 00:00:00.123456", "2026-05-16T00:00:00.123456Z", true},
    {"2026-05-16 00:00:00.123456", "2026-05-16T00:00:00.123Z", false},
    {"2026-06-20 14:31:08+00", "2026-06-20T14:31:08Z", true},
    {"2026-06-20 07:31:08-07", "2026-06-20T14:31:08Z", true},
    /* Offsets with minutes, across midnight, month, leap day and year. */
    {"2026-06-20 20:01:08+05:30", "2026-06-20 14:31:08", true},
    {"2026-06-20 20:01:08+0530", "2026-06-20t14:31:08z", true},
    {"2024-03-01 00:30:00+01", "2024-02-29T23:30:00Z", true},
    {"2023-03-01 00:30:00+01", "2023-02-28T23:30:00Z", true},
    {"2026-12-31 20:00:00-05", "2027-01-01T01:00:00Z", true},
    {"2000-02-29 12:00:00", "2000-02-29T12:00:00.0Z", true},
    {"2026-06-20 14:31:08-00:30", "2026-06-20 14:01:08", false},
    /* Six fraction digits count, the rest is cut. */
    {"2026-05-16 00:00:00.5", "2026-05-16 00:00:00.500000", true},
    {"2026-05-16 00:00:00.1234567", "2026-05-16 00:00:00.123456", true},
    {"2026-05-16 00:00:00.123457", "2026-05-16 00:00:00.123456", false},
    {"2026-05-16 00:00:00.1234567891", "2026-05-16 00:00:00.123456", false},
    /* Everything else is text, and text is not a date. */
    {" 7 ", "7", true},
    {"7", "07", false},
    {"50", "1950", false},
    {"2026-06-20", "2026-06-20T00:00:00Z", false},
    {"2026-06-20 14:31:08 +00", "2026-06-20 14:31:08", false},
    {"2026-02-29 00:00:00+00", "2026-03-01T00:00:00Z", false},
    {"2026-13-01 00:00:00", "2026-13-01 00:00:00", true},
    {"2026-06-20 14:31:08.", "2026-06-20 14:31:08", false},
    {"v1", "V1", false},
    {"", "  ", true},
    {"\xc2\xa0v1", "v1", true},
};

static void
compares_versions_as_instants_or_else_as_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(version_rows); i++) {
		const struct version_row *r = &version_rows[i];
		struct span a = span_of(r->actual);
		struct span b = span_of(r->expected);
		if (rules_version_equal(a, b) != r->equal ||
		    rules_version_equal(b, a) != r->equal) {
			fail_msg("%s / %s", r->actual, r->expected);
		}
	}
}

/* In ascending order; texts of one line are equal. */
static const char *const ranks[][4] = {
    {"-1e400", "-10e399"},
    {"-9223372036854775809"},
    {"-9223372036854775808", "-9223372036854775808.0"},
    {"-12.5", "-12.50", "-1.25e1"},
    {"-0.1"},
    {"-1e-999999999999999999999"},
    {"0", "-0", "0.00", "0e5"},
    {"1e-7", "0.0000001"},
    {"0.1", "+0.1", "00.10", "1E-1"},
    {"0.10000000000000000001"},
    {"1", "1.0", "1e0", "0.01e+2"},
    {"9.99999999999999999999"},
    {"10", "1e1"},
    {"9007199254740992"},
    {"9007199254740993"},
    {"100000000000000000000", "1e20"},
    {"100000000000000000000.5"},
    {"1e400"},
    {"1e999999999999999999999"},
};

#define PER_RANK COUNT(ranks[0])

static void
compare_with_all(size_t i)
{
	const char *x = ranks[i / PER_RANK][i % PER_RANK];

	for (size_t k = 0; x != NULL && k < COUNT(ranks) * PER_RANK; k++) {
		size_t a = i / PER_RANK;
		size_t b = k / PER_RANK;
		const char *y = ranks[b][k % PER_RANK];
		if (y != NULL && rules_compare_numbers(span_of(x),
				     span_of(y)) != (a > b) - (a < b)) {
			fail_msg("%s <=> %s", x, y);
		}
	}
}

static void
compares_numbers_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ranks) * PER_RANK; i++) {
		compare_with_all(i);
	}
}

/* The reason of a scan of {"k":[{<member>}]}, NULL if nothing was found. */
static const char *
scan_member(const char *member, struct err *e)
{
	struct arena *a = arena_new();
	char *json = arena_printf(a, "{'k':[{%s}]}", member);
	struct json_doc doc;
	int rc;

	for (char *p = json; *p != '\0'; p++) {
		if (*p == '\'') {
			*p = '"';
		}
	}
	assert_int_equal(json_scan(&doc, span_of(json), a, NULL), 0);
	rc = rules_scan_secrets("root", &doc, a, e);
	arena_free(&a);
	return rc == 0 ? NULL : e->reason;
}

static void
finds_credentials_by_key(void **state)
{
	static const char *const rejected[] = {"password", "user_password",
	    "api_key", "apikey", "apiKey", "api-key", "accessKey", "access_key",
	    "cookie", "session_cookie_id", "token", "Token", "secret",
	    "databaseUrl", "database_url", "connection-string", "read_url",
	    "credential", "private_key_id", "passwd", "write-url",
	    "ConnectionString", "x--token", "\\u0074oken"};
	static const char *const accepted[] = {"passwordless", "tokens",
	    "secretary", "credentials", "", "_", "api__key", "mytoken",
	    "urltoken", "read_urls", "keyapi"};
	char member[80];
	struct err e = {.msg = ""};

	(void)state;
	for (size_t i = 0; i < COUNT(rejected); i++) {
		(void)snprintf(member, sizeof(member), "'%s':1", rejected[i]);
		if (scan_member(member, &e) == NULL) {
			fail_msg("missed %s", rejected[i]);
		}
		assert_string_equal(e.reason, "SECRET_MATERIAL_REJECTED");
	}
	for (size_t i = 0; i < COUNT(accepted); i++) {
		(void)snprintf(member, sizeof(member), "'%s':1", accepted[i]);
		if (scan_member(member, &e) != NULL) {
			fail_msg("refused %s", accepted[i]);
		}
	}
}

static void
finds_credentials_by_value(void **state)
{
	static const char *const rejected[] = {"postgres://u:p@h/d",
	    "see PostgreSQL://x", "mysql://", "Bearer abc", "bearer shares",
	    "a bearer\\t/", "Bearer \xc2\xa0 x", "syn_wbr_0", "xSYN_WBR_a",
	    "-----BEGIN PRIVATE KEY-----",
	    "-----BEGIN RSA PRIVATE KEY-----\\nMII",
	    "-----begin ec private key-----"};
	static const char *const accepted[] = {"token", "postgres:/x",
	    "postgresqlx://", "mysqlx://", "bearer", "bearer ", "bearers x",
	    "bearer \xc3\xa9", "syn_wbr_", "syn_wbr_ x",
	    "-----BEGIN PUBLIC KEY-----", "-----BEGIN PRIVATE KEY----",
	    "-----BEGIN PRIVATE KEYS-----", "-----BEGIN PRIV4TE KEY-----", ""};
	char member[120];
	struct err e = {.msg = ""};

	(void)state;
	for (size_t i = 0; i < COUNT(rejected); i++) {
		(void)snprintf(member, sizeof(member), "'v':'%s'", rejected[i]);
		if (scan_member(member, &e) == NULL) {
			fail_msg("missed %s", rejected[i]);
		}
	}
	for (size_t i = 0; i < COUNT(accepted); i++) {
		(void)snprintf(member, sizeof(member), "'v':'%s'", accepted[i]);
		if (scan_member(member, &e) != NULL) {
			fail_msg("refused %s", accepted[i]);
		}
	}
}

static void
names_the_path_of_a_credential_and_never_the_value(void **state)
{
	struct err e = {.msg = ""};

	(void)state;
	(void)scan_member("'a':{'b':[0,'Bearer hunter2']}", &e);
	assert_non_null(strstr(e.msg, "root.k[0].a.b[1] "));
	assert_null(strstr(e.msg, "hunter2"));
	(void)scan_member("'api_key':'hunter2'", &e);
	assert_non_null(strstr(e.msg, "root.k[0].api_key "));
	assert_null(strstr(e.msg, "hunter2"));
	(void)scan_member("'\\u202e\\n':{'token':1}", &e);
	assert_non_null(strstr(e.msg, "root.k[0].\\u202e\\u000a.token "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		refuses_arguments_with_the_reasons_of_the_reference),
	    cmocka_unit_test(refuses_a_scalar_whose_text_is_not_its_type),
	    cmocka_unit_test(refuses_every_reserved_name_and_no_other),
	    cmocka_unit_test(
		builds_the_patch_in_contract_order_and_skips_what_is_left_out),
	    cmocka_unit_test(
		builds_no_patch_that_changes_nothing_or_holds_no_scalar),
	    cmocka_unit_test(refuses_patches_with_the_reasons_of_the_reference),
	    cmocka_unit_test(compares_versions_as_instants_or_else_as_text),
	    cmocka_unit_test(compares_numbers_exactly),
	    cmocka_unit_test(finds_credentials_by_key),
	    cmocka_unit_test(finds_credentials_by_value),
	    cmocka_unit_test(
		names_the_path_of_a_credential_and_never_the_value),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
