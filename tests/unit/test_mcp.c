/*
 * The pure parts of mcpd's MCP: messages, versions, names, tools, statements.
 */
#include "tests/unit/mcp_contract.h"

#include "common/base/arena.h"
#include "mcpd/auth/context.h"
#include "mcpd/mcp/envelope.h"
#include "mcpd/mcp/jsonrpc.h"
#include "mcpd/mcp/tools.h"
#include "mcpd/read/plan.h"

static void
test_classify(void **state)
{
	static const struct {
		const char *text;
		enum rpc_kind kind;
		const char *id;
	} rows[] = {
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", RPC_REQUEST,
		"1"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"m\",\"x\":1}",
		RPC_REQUEST, "0"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"m\"}", RPC_REQUEST,
		"1.0"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":\"\\ud83d\\ude00\",\"method\":"
	     "\"m\"}",
		RPC_REQUEST, "\"\\ud83d\\ude00\""},
	    {"{\"jsonrpc\":\"2.0\",\"id\":90071992547409931234,\"method\":"
	     "\"m\"}",
		RPC_REQUEST, "90071992547409931234"},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", RPC_NOTIFICATION, ""},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", RPC_RESPONSE, ""},
	    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}", RPC_INVALID,
		""},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"m\"}", RPC_INVALID,
		""},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1e400,\"method\":\"m\"}", RPC_INVALID,
		""},
	    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"m\"}", RPC_INVALID,
		"1"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":2}", RPC_INVALID, "1"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":[]}",
		RPC_INVALID, "1"},
	    {"5", RPC_INVALID, ""},
	};
	struct arena *a = arena_new();
	struct json_doc doc;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rpc_message m;

		assert_int_equal(rpc_scan(&doc, span_of(rows[i].text), a), 0);
		m = rpc_classify(&doc, 0, a);
		assert_int_equal(m.kind, rows[i].kind);
		assert_true(span_is(m.id, rows[i].id));
	}
	arena_free(&a);
}

static void
test_scan_codes(void **state)
{
	struct arena *a = arena_new();
	struct json_doc doc;

	(void)state;
	assert_int_equal(
	    rpc_scan(&doc, span_of("{\"a\":"), a), RPC_PARSE_ERROR);
	assert_int_equal(rpc_scan(&doc, span_of("{} {}"), a), RPC_PARSE_ERROR);
	assert_int_equal(
	    rpc_scan(&doc, span_of("\"\xc0\x80\""), a), RPC_PARSE_ERROR);
	assert_int_equal(rpc_scan(&doc, span_of("{\"a\":1,\"a\":2}"), a),
	    RPC_INVALID_REQUEST);
	arena_free(&a);
}

static void
test_cut_text(void **state)
{
	struct span text = span_of("a\xc3\xa9");

	(void)state;
	assert_int_equal(rpc_cut_text(text, 3).len, 3);
	assert_int_equal(rpc_cut_text(text, 2).len, 1);
	assert_int_equal(rpc_cut_text(text, 0).len, 0);
}

static void
test_error_reply(void **state)
{
	struct buf out = BUF_INIT;
	struct json_out j;

	(void)state;
	json_begin(&j, &out, 0);
	rpc_put_error(&j, span_of(""), -32700, "Parse error", span_of(""));
	assert_json(buf_as_span(&out),
	    "{'jsonrpc':'2.0','error':{'code':-32700,"
	    "'message':'Parse error'}}");
	buf_reset(&out);
	json_begin(&j, &out, 0);
	rpc_put_error(&j, span_of("7"), -32002, "no", span_of("{}"));
	assert_json(buf_as_span(&out),
	    "{'jsonrpc':'2.0','id':7,'error':{'code':-32002,"
	    "'message':'no','data':{}}}");
	buf_clear(&out);
}

/* The headers of an HTTP request, by their texts; NULL: not sent. */
static struct http_headers
headers_of(const char *version, const char *method, const char *name)
{
	return (struct http_headers){
	    span_of(version), span_of(method), span_of(name)};
}

static void
test_era(void **state)
{
	static const char modern[] =
	    "{\"params\":{\"_meta\":{\"" META_VERSION "\":7}}}";
	struct http_headers h = headers_of("2026-07-28", NULL, NULL);
	struct arena *a = arena_new();
	struct json_doc doc;

	(void)state;
	assert_string_equal(
	    era_version_name(era_negotiate(span_of("2025-03-26"))),
	    "2025-03-26");
	assert_string_equal(
	    era_version_name(era_negotiate(span_of("2026-07-28"))),
	    "2025-11-25");
	assert_true(era_has_batches(MCP_2025_03_26));
	assert_false(era_has_batches(MCP_2025_06_18));
	assert_int_equal(json_scan(&doc, span_of(modern), a, NULL), 0);
	assert_int_equal(
	    era_of(&doc, json_get(&doc, 0, "params"), NULL), ERA_MODERN);
	assert_int_equal(era_of(&doc, JSON_NONE, NULL), ERA_LEGACY);
	assert_int_equal(era_of(&doc, JSON_NONE, &h), ERA_MODERN);
	for (const char *const *text = (const char *const[]){"2025-11-25",
		 "1999-01-01", "draft", "9999-99-9", "", NULL};
	     *text != NULL; text++) {
		h = headers_of(*text, NULL, NULL);
		assert_int_equal(era_of(&doc, JSON_NONE, &h), ERA_LEGACY);
	}
	arena_free(&a);
}

#define META(rest)                                      \
	"{'name':'t','uri':'u','_meta':{'" META_VERSION \
	"':'2026-07-28','" META_CAPS "':{}" rest "}}"

static const struct {
	const char *params;
	const char *method;
	const char *headers[3]; /* version, method, name; {NULL}: stdio */
	int code;
} envelopes[] = {
    {META(""), "tools/call", {NULL}, 0},
    {META(",'progressToken':1,'" META_LOG "':'debug'"), "tools/call", {NULL},
	0},
    {META(",'" META_LOG "':'loud'"), "tools/call", {NULL}, RPC_INVALID_PARAMS},
    {META(",'progressToken':1.5"), "tools/call", {NULL}, RPC_INVALID_PARAMS},
    {"{}", "tools/call", {NULL}, RPC_INVALID_PARAMS},
    {"{'_meta':{'" META_VERSION "':'2026-07-28'}}", "tools/list", {NULL},
	RPC_INVALID_PARAMS},
    {"{'_meta':{'" META_VERSION "':'2026-07-28','" META_CAPS "':7}}",
	"tools/list", {NULL}, RPC_INVALID_PARAMS},
    {"{'_meta':{'" META_VERSION "':'2027-01-01','" META_CAPS "':{}}}",
	"tools/list", {NULL}, RPC_BAD_VERSION},
    {META(""), "tools/call", {"2026-07-28", "tools/call", "t"}, 0},
    {META(""), "tools/call", {"2026-07-28", "tools/call", " t\t"}, 0},
    {META(""), "tools/call", {"2026-07-28", "tools/call", "=?base64?dA==?="},
	0},
    {META(""), "tools/call", {"2026-07-28", "tools/call", "=?base64?dA?="},
	RPC_HEADER_MISMATCH},
    {META(""), "tools/call", {"2026-07-28", "tools/call", "T"},
	RPC_HEADER_MISMATCH},
    {META(""), "tools/call", {"2026-07-28", "tools/call", NULL},
	RPC_HEADER_MISMATCH},
    {META(""), "tools/call", {"2026-07-28", "TOOLS/CALL", "t"},
	RPC_HEADER_MISMATCH},
    {META(""), "tools/call", {"2026-07-28", NULL, "t"}, RPC_HEADER_MISMATCH},
    {META(""), "tools/list", {"2025-11-25", "tools/list", NULL},
	RPC_HEADER_MISMATCH},
    {META(""), "tools/list", {"2026-07-28", "tools/list", NULL}, 0},
    {META(""), "resources/read", {"2026-07-28", "resources/read", "u"}, 0},
    {META(""), "resources/read", {"2026-07-28", "resources/read", "t"},
	RPC_HEADER_MISMATCH},
};

/* Every rule of mcp.md §1.4 and §1.6 about what a modern request carries. */
static void
test_envelope(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++) {
		char *text = arena_strndup(
		    a, envelopes[i].params, strlen(envelopes[i].params));
		const char *const *h = envelopes[i].headers;
		struct http_headers headers = headers_of(h[0], h[1], h[2]);
		struct envelope envelope = {0};
		struct json_doc doc;

		for (char *c = text; *c != '\0'; c++) {
			*c = *c == '\'' ? '"' : *c;
		}
		assert_int_equal(json_scan(&doc, span_of(text), a, NULL), 0);
		assert_int_equal(
		    envelope_check(&doc, 0, span_of(envelopes[i].method),
			h[0] == NULL ? NULL : &headers, a, &envelope)
			.code,
		    envelopes[i].code);
	}
	arena_free(&a);
}

/* engine.md §1.4, every row of its table. */
static void
test_alias(void **state)
{
	static const struct {
		const char *name;
		const char *alias;
	} rows[] = {
	    {"billing.inspect_invoice", "billing__inspect_invoice"},
	    {"a..b", "a__b"},
	    {"x.y__z", "x__y__z"},
	    {"x.-y", "x__-y"},
	    {"___", "tool_bda25155"},
	    {"...", "tool_ab5df625"},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "aaaaaa.b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_"
		"88701e7e"},
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(
		    alias_of(span_of(rows[i].name), a), rows[i].alias);
	}
	arena_free(&a);
}

static void
test_alias_collisions(void **state)
{
	static const char *const names[] = {"a.b", "a__b", "a._b"};
	static const char *const both[] = {
	    "a.b", "a__b_2e7336dc", "a__b", "a._b", "a__b_dd1c251a"};
	static const char *const flat[] = {
	    "a_b", "a_b_63e5c1c4", "a_b_dd1c251a"};
	static const char *const openai[] = {
	    "a__b", "a__b_63e5c1c4", "a__b_dd1c251a"};
	struct arena *a = arena_new();
	struct exposure_list list = alias_expose(names, 3, STYLE_BOTH, a);

	(void)state;
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(list.items[i].name, both[i]);
	}
	list = alias_expose(names, 3, STYLE_OPENAI, a);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(list.items[i].name, openai[i]);
		assert_int_equal(list.items[i].capability, i);
	}
	assert_int_equal(alias_expose(names, 3, STYLE_CANONICAL, a).count, 3);
	list = alias_expose(names, 3, STYLE_FLAT, a);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(list.items[i].name, flat[i]);
	}
	arena_free(&a);
}

#define NOTE                                                                \
	"Evidence ids in the result are audit/replay handles; there is no " \
	"need to call them this turn."
#define TAIL(kind, name)                                             \
	"'execution':{'taskSupport':'forbidden'},"                   \
	"'_meta':{'synapsor.kind':'" kind "','synapsor.source':'s'," \
	"'synapsor.target':'public.orders',"                         \
	"'synapsor.canonical_tool_name':'" name                      \
	"','synapsor.exposed_tool_name':'" name                      \
	"','synapsor.tool_name_style':'canonical',"                  \
	"'synapsor.raw_sql_exposed':false,'synapsor.approval_tool':false}}"
#define SCHEMA_END "'additionalProperties':false},"
#define READ_TOOL                                                             \
	"{'name':'shop.look','title':'shop.look','description':"              \
	"'Reviewed, tenant-scoped read of public.orders with "                \
	"evidence.\\n" NOTE "','inputSchema':{'type':'object','properties':{" \
	"'order_id':{'type':'string','maxLength':8,"                          \
	"'description':'order_id business argument'}},"                       \
	"'required':['order_id']," SCHEMA_END                                 \
	"'annotations':{'readOnlyHint':true,'destructiveHint':false,"         \
	"'idempotentHint':true,'openWorldHint':false}," TAIL(                 \
	    "read", "shop.look")
#define PROPOSAL_TOOL                                                  \
	"{'name':'shop.waive','title':'shop.waive','description':"     \
	"'Waive it.\\nA proposal.\\n" NOTE                             \
	"','inputSchema':{'type':'object','properties':{"              \
	"'order_id':{'type':'string',"                                 \
	"'description':'order_id business argument'},"                 \
	"'fee':{'type':'number','minimum':0,'maximum':9,"              \
	"'description':'New fee'},"                                    \
	"'why':{'type':'string','enum':['a','b'],"                     \
	"'description':'why business argument'}},"                     \
	"'required':['order_id','why']," SCHEMA_END                    \
	"'annotations':{'readOnlyHint':false,'destructiveHint':false," \
	"'idempotentHint':false,'openWorldHint':false}," TAIL(         \
	    "proposal", "shop.waive")

/* The list as these callers get it; in one buffer of the test. */
static struct span
listed(const struct tool_list *list, enum mcp_era era,
    const struct context_set *set)
{
	static char text[16384];
	struct buf out = BUF_INIT;
	struct json_out j;

	json_begin(&j, &out, 0);
	tools_put(&j, list, era, set);
	assert_true(out.len < sizeof(text));
	memcpy(text, out.data, out.len);
	text[out.len] = '\0';
	buf_clear(&out);
	return span_of(text);
}

static void
test_tools(void **state)
{
	const struct context_set all = {.items = NULL};
	struct context_set few = {.is_scoped = true, .scope = span_of("b a")};
	struct contract *c = test_contract();
	struct tool_list *list = tools_new(
	    c, &(struct tools_options){MODE_REVIEW, STYLE_CANONICAL, false});

	(void)state;
	assert_json(listed(list, ERA_LEGACY, &all),
	    "[" READ_TOOL "," PROPOSAL_TOOL "]");
	assert_null(
	    strstr(listed(list, ERA_MODERN, &all).ptr, "\"taskSupport\""));
	assert_ptr_equal(
	    tools_find(list, span_of("shop.look")), &c->capabilities[0]);
	assert_null(tools_find(list, span_of("shop__look")));
	/* A scope hides from who does not have it, and shows to who has. */
	c->capabilities[0].scope = "a";
	c->capabilities[1].scope = "write";
	assert_json(listed(list, ERA_LEGACY, &few), "[" READ_TOOL "]");
	few.scope = span_of("");
	assert_json(listed(list, ERA_LEGACY, &few), "[]");
	tools_free(&list);
	list = tools_new(
	    c, &(struct tools_options){MODE_READ_ONLY, STYLE_CANONICAL, false});
	assert_json(listed(list, ERA_LEGACY, &all), "[" READ_TOOL "]");
	/* Known, so that the refusal can say why. */
	assert_non_null(tools_find(list, span_of("shop.waive")));
	tools_free(&list);
	list = tools_new(
	    c, &(struct tools_options){MODE_REVIEW, STYLE_OPENAI, false});
	assert_ptr_equal(
	    tools_find(list, span_of("shop__look")), &c->capabilities[0]);
	assert_non_null(strstr(listed(list, ERA_LEGACY, &all).ptr,
	    "\"description\":\"Canonical Synapsor capability: shop.look.\\n"));
	tools_free(&list);
	contract_free(&c);
}

static void
test_plan(void **state)
{
	struct contract *c = test_contract();
	struct arena *a = arena_new();
	struct plan *plans = plans_build(c, a);
	struct named_scalar row[] = {
	    {span_of("id"), {SCALAR_NUMBER, span_of("5")}},
	    {span_of("fee"), {SCALAR_NULL, span_of("")}},
	    {span_of("tenant_id"), {SCALAR_TEXT, span_of("acme")}},
	};
	struct scalar key = {SCALAR_TEXT, span_of("5")};
	struct scalar other = {SCALAR_TEXT, span_of("05")};

	(void)state;
	assert_string_equal(plans[0].sql,
	    "SELECT \"id\", \"fee\", \"tenant_id\" FROM \"public\".\"orders\" "
	    "WHERE \"id\" = $1 AND \"tenant_id\" = $2 LIMIT 2");
	assert_true(plan_row_matches(plans[0].cap, row, key, span_of("acme")));
	assert_false(
	    plan_row_matches(plans[0].cap, row, other, span_of("acme")));
	assert_false(plan_row_matches(plans[0].cap, row, key, span_of("ACME")));
	arena_free(&a);
	contract_free(&c);
}

static char *
lookup(void *arg, const char *name)
{
	const char *const *tenant = arg;

	return strcmp(name, "T") != 0 ? strdup("agent")
	       : *tenant == NULL      ? NULL
				      : strdup(*tenant);
}

static void
test_context(void **state)
{
	struct contract *c = test_contract();
	struct context_set set;
	const char *tenant = "acme";

	(void)state;
	context_resolve(&set, c, lookup, &tenant);
	assert_int_equal(set.count, 1);
	assert_null(set.items[0].refusal);
	assert_true(span_is(set.items[0].tenant, "acme"));
	assert_true(span_is(set.items[0].principal, "agent"));
	assert_ptr_equal(
	    context_of(&set, c->capabilities[0].context), &set.items[0]);
	context_clear(&set);
	tenant = NULL;
	context_resolve(&set, c, lookup, &tenant);
	assert_string_equal(set.items[0].refusal, "TRUSTED_BINDING_MISSING");
	context_clear(&set);
	contract_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_classify),
	    cmocka_unit_test(test_scan_codes),
	    cmocka_unit_test(test_cut_text),
	    cmocka_unit_test(test_error_reply),
	    cmocka_unit_test(test_era),
	    cmocka_unit_test(test_envelope),
	    cmocka_unit_test(test_alias),
	    cmocka_unit_test(test_alias_collisions),
	    cmocka_unit_test(test_tools),
	    cmocka_unit_test(test_plan),
	    cmocka_unit_test(test_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
