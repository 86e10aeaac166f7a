/*
 * What is found in a contract, and in which order. Expectations are "path CODE"
 * lines, '~' in front of warnings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/contract.h"
#include "common/crypto/digest.h"
#include "tests/unit/contract_vectors.h"

/* A whole document instead of an edit. */
#define WHOLE(json)                \
	{                          \
		{                  \
			base, json \
		}                  \
	}

/* Appendix C of the reference, row by row. */
#define AUTH                                         \
	"'http_auth':{'issuer':'https://i.example'," \
	"'audience':'https://m.example/mcp',"        \
	"'algorithms':['ES256']"

static const struct vector appendix_c[] = {
    {"base", {{0}}, ""},
    {"root []", WHOLE("[]"), "$ CONFIG_NOT_OBJECT"},
    {"root {}", WHOLE("{}"),
	"$.version UNSUPPORTED_CONFIG_VERSION\n$.mode INVALID_MODE\n"
	"$.sources SOURCES_REQUIRED\n"
	"$.trusted_context TRUSTED_CONTEXT_REQUIRED\n"
	"$.capabilities CAPABILITIES_REQUIRED"},
    {"duplicate capability is valid",
	{{GUARD "}]}",
	    GUARD "},{'name':'a.b','kind':'read','source':'s','target':" TARGET
		  ",'args':{'id':" ARG "},'lookup':" LOOKUP "," VISIBLE "}]}"}},
	"~$.capabilities[1].name DUPLICATE_CAPABILITY"},
    {"extra keys at top, source, capability",
	{{TOP, TOP "'p':1,"}, {"'engine'", "'q':1,'engine'"},
	    {"'name'", "'r':1,'name'"}},
	"$.p UNKNOWN_FIELD\n$.sources.s.q UNKNOWN_FIELD\n" CAP
	".r UNKNOWN_FIELD"},
    {"strict false keeps the forbidden keys",
	{{TOP, TOP "'strict':false,'foo':1,'sql':1,"}},
	"$.sql ARBITRARY_SQL_FORBIDDEN"},
    {"args url and statement",
	{{"'id':" ARG, "'id':" ARG ",'url':" ARG ",'statement':" ARG}},
	CAP ".args.url INLINE_DATABASE_URL_FORBIDDEN\n" CAP
	    ".args.statement ARBITRARY_SQL_FORBIDDEN"},
    {"args column, principal, user_id",
	{{"'id':" ARG, "'id':" ARG ",'column':" ARG ",'principal':" ARG
		       ",'user_id':" ARG}},
	CAP ".args.column MODEL_CONTROLLED_RESERVED_ARG\n" CAP
	    ".args.principal MODEL_CONTROLLED_RESERVED_ARG"},
    {"name with two dots", {{"'a.b'", "'a.b.c'"}},
	CAP ".name INVALID_CAPABILITY_NAME"},
    {"unknown args and key columns in allowed are valid",
	{{LOOKUP, "{'id_from_arg':'nope'}"},
	    {"{'fixed':1}", "{'from_arg':'gone'}"},
	    {ALLOWED, "'allowed_columns':['id','tenant_id']"}},
	"~" CAP ".lookup.id_from_arg LOOKUP_ARG_UNKNOWN\n"
	"~" CAP ".patch.x.from_arg PATCH_ARG_UNKNOWN\n"
	"~" CAP ".patch.x PATCH_COLUMN_NOT_ALLOWED\n"
	"~" CAP ".allowed_columns[0] PATCH_COLUMN_NOT_ALLOWED\n"
	"~" CAP ".allowed_columns[1] PATCH_COLUMN_NOT_ALLOWED"},
    {"patch x both, y neither, z fixed null",
	{{PATCH, "'patch':{'x':{'fixed':1,'from_arg':'id'},'y':{},"
		 "'z':{'fixed':null}}"}},
	CAP ".patch.x INVALID_PATCH_BINDING\n" CAP
	    ".patch.y INVALID_PATCH_BINDING"},
    {"string arg with bounds the wrong way round",
	{{ARG, "{'type':'string','minimum':1,'maximum':0}"}},
	CAP ".args.id NUMERIC_BOUNDS_REQUIRE_NUMBER\n" CAP
	    ".args.id INVALID_NUMERIC_RANGE"},
    {"enum and required are not checked",
	{{ARG, "{'type':'string','enum':'x','required':'maybe'}"}},
	"~" CAP ".args.id.enum ARG_ENUM_EMPTY"},
    {"source name with a dash",
	{{"{'s':{", "{'my-src':{"}, {"'source':'s'", "'source':'my-src'"}},
	"$.sources.my-src UNSAFE_SOURCE_NAME"},
    {"no tenant key", {{",'tenant_key':'tenant_id'", ""}},
	CAP ".target.tenant_key TENANT_GUARD_REQUIRED"},
    {"single tenant",
	{{"'tenant_key':'tenant_id'", "'single_tenant_dev':true"}},
	"~" CAP ".target.single_tenant_dev SINGLE_TENANT_DEV_EXCEPTION"},
    {"cloud block in review", {{TOP, TOP "'cloud':{},"}},
	"$.cloud CLOUD_CONFIG_ONLY_FOR_CLOUD_MODE"},
    {"http executor in read_only",
	{{TOP, "{'version':1,'mode':'read_only','executors':{'h':{'type':"
	       "'http_handler','url_env':'U'},'q':{'type':'sql_update'}},"}},
	"$.executors.h EXECUTOR_INVALID_IN_READ_ONLY"},
    {"weak guard", {{"{'column':'u'}", "{'weak_guard_ack':true}"}}, ""},
    {"empty guard", {{"{'column':'u'}", "{}"}},
	CAP ".conflict_guard.column CONFLICT_GUARD_COLUMN_REQUIRED"},
    {"read-only source", {{"'write_url_env':'W'", "'read_only':true"}},
	CAP ".executor READ_ONLY_SOURCE_DIRECT_WRITEBACK"},
    {"contexts {}", {{CONTEXT, CONTEXT "'contexts':{},"}},
	"$.contexts CONTEXTS_NOT_OBJECT"},
    {"contexts that nobody uses",
	{{CONTEXT, "'contexts':{'c':{'provider':'environment'}},"}},
	"$.trusted_context TRUSTED_CONTEXT_REQUIRED"},
    {"shadow needs no writer",
	{{"'review'", "'shadow'"}, {",'write_url_env':'W'", ""}}, ""},
    {"http executor with everything wrong",
	{{TOP, TOP "'executors':{'h':{'type':'http_handler','url_env':'u',"
		   "'method':'GET','auth':{'type':'basic'},'timeout_ms':0,"
		   "'signing_secret_env':'a'}},"}},
	"$.executors.h.url_env HANDLER_URL_ENV_REQUIRED\n"
	"$.executors.h.method INVALID_HANDLER_METHOD\n"
	"$.executors.h.auth.type INVALID_EXECUTOR_AUTH\n"
	"$.executors.h.auth.token_env EXECUTOR_TOKEN_ENV_REQUIRED\n"
	"$.executors.h.signing_secret_env HANDLER_SIGNING_SECRET_ENV_INVALID\n"
	"$.executors.h.timeout_ms INVALID_HANDLER_TIMEOUT"},
    {"static_dev", {{"'environment'", "'static_dev'"}},
	"~$.trusted_context.provider STATIC_DEV_CONTEXT"},
    {"cloud session",
	WHOLE("{'version':1,'mode':'cloud','cloud':{'base_url_env':'B',"
	      "'runner_token_env':'T','adapter_id':'x','session':1}}"),
	"$.cloud.session INVALID_CLOUD_SESSION"},
    {"bounds and transitions",
	{{PATCH, PATCH ",'numeric_bounds':{'x':{},'q':{'minimum':5,'maximum':1,"
		       "'zz':1}},'transition_guards':{'x':{'allowed':{'':['a'],"
		       "'b':[]}},'y':{'allowed':{}}}"}},
	CAP ".numeric_bounds.x NUMERIC_BOUND_EMPTY\n" CAP
	    ".numeric_bounds.q NUMERIC_BOUND_PATCH_COLUMN_REQUIRED\n" CAP
	    ".numeric_bounds.q.zz UNKNOWN_FIELD\n" CAP
	    ".numeric_bounds.q INVALID_NUMERIC_RANGE\n" CAP
	    ".transition_guards.x.allowed. TRANSITION_FROM_REQUIRED\n" CAP
	    ".transition_guards.x.allowed.b TRANSITION_TO_VALUES_REQUIRED\n" CAP
	    ".transition_guards.y TRANSITION_PATCH_COLUMN_REQUIRED\n" CAP
	    ".transition_guards.y.allowed TRANSITION_ALLOWED_REQUIRED"},
};

static void
gives_every_result_of_appendix_c(void **state)
{
	(void)state;
	check_vectors(appendix_c, COUNT(appendix_c));
}

/* Codes of §1.8 outside capabilities that Appendix C leaves out. */
static const struct vector top_codes[] = {
    {"version", {{"'version':1", "'version':2"}},
	"$.version UNSUPPORTED_CONFIG_VERSION"},
    {"version as text", {{"'version':1", "'version':'1'"}},
	"$.version UNSUPPORTED_CONFIG_VERSION"},
    {"version 1.0 is 1", {{"'version':1", "'version':1.0"}}, ""},
    {"result_format", {{TOP, TOP "'result_format':3,"}},
	"$.result_format INVALID_RESULT_FORMAT"},
    {"result_format null", {{TOP, TOP "'result_format':null,"}},
	"$.result_format INVALID_RESULT_FORMAT"},
    {"result_format 2", {{TOP, TOP "'result_format':2,"}}, ""},
    {"mode", {{"'review'", "'live'"}}, "$.mode INVALID_MODE"},
    {"storage type", {{TOP, TOP "'storage':[],"}},
	"$.storage STORAGE_NOT_OBJECT"},
    {"storage path blank", {{TOP, TOP "'storage':{'sqlite_path':' '},"}},
	"$.storage.sqlite_path INVALID_SQLITE_PATH"},
    {"storage extra", {{TOP, TOP "'storage':{'x':1},"}},
	"$.storage.x UNKNOWN_FIELD"},
    {"cloud missing", WHOLE("{'version':1,'mode':'cloud'}"),
	"$.cloud CLOUD_CONFIG_REQUIRED"},
    {"cloud without sources is valid",
	WHOLE("{'version':1,'mode':'cloud','cloud':{'base_url_env':'B',"
	      "'runner_token_env':'T','adapter_id':'x','engines':['mysql'],"
	      "'capabilities':['a.b'],'session':{'a':1}}}"),
	""},
    {"cloud with everything wrong",
	WHOLE("{'version':1,'mode':'cloud','cloud':{'z':1,'base_url_env':'b',"
	      "'adapter_id':'','source_id':'','runner_id':1,"
	      "'runner_version':' ','project_id':null,'engines':['sqlite'],"
	      "'capabilities':[]},'sources':{},'capabilities':[]}"),
	"$.cloud.z UNKNOWN_FIELD\n"
	"$.cloud.base_url_env CLOUD_BASE_URL_ENV_REQUIRED\n"
	"$.cloud.runner_token_env CLOUD_RUNNER_TOKEN_ENV_REQUIRED\n"
	"$.cloud.adapter_id CLOUD_ADAPTER_ID_REQUIRED\n"
	"$.cloud.source_id INVALID_CLOUD_SOURCE_ID\n"
	"$.cloud.runner_id INVALID_CLOUD_RUNNER_ID\n"
	"$.cloud.runner_version INVALID_CLOUD_RUNNER_VERSION\n"
	"$.cloud.project_id INVALID_CLOUD_PROJECT_ID\n"
	"$.cloud.engines INVALID_CLOUD_ENGINES\n"
	"$.cloud.capabilities INVALID_CLOUD_CAPABILITIES\n"
	"$.sources SOURCES_REQUIRED\n$.capabilities CAPABILITIES_REQUIRED"},
    {"source not an object", {{SOURCE, "1"}}, "$.sources.s SOURCE_NOT_OBJECT"},
    {"source with everything wrong",
	{{SOURCE,
	    "{'engine':'oracle','read_url_env':'postgres://x',"
	    "'write_url_env':'','read_only':0,'statement_timeout_ms':1.5}"}},
	"$.sources.s.engine INVALID_SOURCE_ENGINE\n"
	"$.sources.s.read_url_env READ_URL_ENV_REQUIRED\n"
	"$.sources.s.write_url_env INVALID_WRITE_URL_ENV\n"
	"$.sources.s.statement_timeout_ms INVALID_TIMEOUT\n"
	"$.sources.s.read_only INVALID_SOURCE_READ_ONLY"},
    {"integral numbers and ssl are fine",
	{{"'engine'", "'statement_timeout_ms':5.0,'ssl':{'any':1},'engine'"}},
	""},
    {"context name",
	{{CONTEXT, CONTEXT "'contexts':{'1c':{'provider':'http_claims'}},"}},
	"$.contexts.1c INVALID_CONTEXT_NAME\n~$.http_auth HTTP_AUTH_MISSING"},
    {"http_auth by file", {{CONTEXT, CONTEXT AUTH ",'jwks_file':'/k'},"}}, ""},
    {"http_auth by URL",
	{{CONTEXT, CONTEXT AUTH
	    ",'jwks_file':'/k','jwks_url':'https://i.example/keys'},"}},
	""},
    {"http_auth without keys", {{CONTEXT, CONTEXT AUTH "},"}},
	"$.http_auth.jwks_file AUTH_KEYS_REQUIRED"},
    {"http_auth with two keys",
	{{CONTEXT, CONTEXT AUTH ",'jwks_file':'/k','pem_file':'/p'},"}},
	"$.http_auth.jwks_file AUTH_KEYS_REQUIRED"},
    {"http_auth URL without file",
	{{CONTEXT, CONTEXT AUTH
	    ",'pem_file':'/p','jwks_url':'https://i.example/keys'},"}},
	"$.http_auth.jwks_url AUTH_KEYS_REQUIRED"},
    {"http_auth in the clear",
	{{CONTEXT, CONTEXT AUTH
	    ",'jwks_file':'/k','jwks_url':'http://i.example/keys'},"}},
	"$.http_auth.jwks_url INVALID_JWKS_URL"},
    {"http_auth with a password",
	{{CONTEXT, CONTEXT AUTH
	    ",'jwks_file':'/k','jwks_url':'https://u:p@i.example/keys'},"}},
	"$.http_auth.jwks_url INVALID_JWKS_URL"},
    {"http_auth with HS256",
	{{CONTEXT, CONTEXT "'http_auth':{'issuer':'https://i.example',"
			   "'audience':'https://m.example/mcp','algorithms':"
			   "['HS256'],'jwks_file':'k'},"}},
	"$.http_auth.algorithms INVALID_ALGORITHMS\n"
	"$.http_auth.jwks_file INVALID_KEY_FILE"},
    {"status_tool of a capability",
	{{CONTEXT, CONTEXT "'status_tool':'status',"}},
	"$.status_tool INVALID_STATUS_TOOL"},
    {"context not an object", {{CONTEXT, CONTEXT "'contexts':{'c':1},"}},
	"$.contexts.c TRUSTED_CONTEXT_NOT_OBJECT"},
    {"trusted_context null", {{"{'provider':'environment'}", "null"}},
	"$.trusted_context TRUSTED_CONTEXT_NOT_OBJECT"},
    {"context extra and provider",
	{{"{'provider':'environment'}", "{'provider':'x','k':1}"}},
	"$.trusted_context.k UNKNOWN_FIELD\n"
	"$.trusted_context.provider INVALID_CONTEXT_PROVIDER"},
    {"named contexts replace the global one",
	{{CONTEXT, "'contexts':{'c':{'provider':'environment','values':1}},"},
	    {"'name'", "'context':'c','name'"}},
	""},
    {"executors empty", {{TOP, TOP "'executors':{},"}},
	"$.executors EXECUTORS_NOT_OBJECT"},
    {"executor name, type of value and type",
	{{TOP, TOP "'executors':{'-x':{'type':'sql_update'},'y':[],"
		   "'z':{'type':'soap','url_env':1}},"}},
	"$.executors.-x INVALID_EXECUTOR_NAME\n"
	"$.executors.y EXECUTOR_NOT_OBJECT\n"
	"$.executors.z.type INVALID_EXECUTOR_TYPE"},
    {"executor auth not an object",
	{{TOP, TOP "'executors':{'h':{'type':'http_handler','url_env':'U',"
		   "'auth':'x'}},"}},
	"$.executors.h.auth EXECUTOR_AUTH_NOT_OBJECT"},
    {"command without variable and with timeout",
	{{TOP, TOP "'executors':{'h':{'type':'command_handler',"
		   "'timeout_ms':-1}},"}},
	"$.executors.h.command_env COMMAND_ENV_REQUIRED\n"
	"$.executors.h.timeout_ms INVALID_HANDLER_TIMEOUT"},
    {"capability not an object", {{GUARD "}]}", GUARD "},7]}"}},
	"$.capabilities[1] CAPABILITY_NOT_OBJECT"},
    {"no writer", {{",'write_url_env':'W'", ""}},
	"~$.sources.s.write_url_env WRITEBACK_DISABLED"},
    {"a handler needs neither writer nor writable source",
	{{TOP, TOP "'executors':{'h':{'type':'http_handler',"
		   "'url_env':'U'}},"},
	    {"'write_url_env':'W'", "'read_only':true"},
	    {"'name'", "'executor':'h','name'"}},
	""},
};

static void
names_every_top_level_fault(void **state)
{
	(void)state;
	check_vectors(top_codes, COUNT(top_codes));
}

static const struct vector capability_codes[] = {
    {"scalars of a capability",
	{{"'name':'a.b','kind':'proposal','source':'s'",
	    "'name':'','kind':'write','description':'','returns_hint':3,"
	    "'source':'t','context':'c','executor':'','max_rows':0"}},
	CAP ".name INVALID_CAPABILITY_NAME\n" CAP
	    ".kind INVALID_CAPABILITY_KIND\n" CAP
	    ".description INVALID_CAPABILITY_DESCRIPTION\n" CAP
	    ".returns_hint INVALID_RETURNS_HINT\n" CAP
	    ".source UNKNOWN_SOURCE\n" CAP ".context UNKNOWN_CONTEXT\n" CAP
	    ".executor INVALID_EXECUTOR_REFERENCE\n" CAP
	    ".max_rows INVALID_MAX_ROWS"},
    {"everything missing",
	{{"{'name':'a.b','kind':'proposal','source':'s',"
	  "'target':" TARGET ",'args':{'id':" ARG "},'lookup':" LOOKUP
	  "," VISIBLE "," PATCH "," ALLOWED "," GUARD "}",
	    "{'kind':'proposal'}"}},
	CAP ".name INVALID_CAPABILITY_NAME\n" CAP ".source UNKNOWN_SOURCE\n" CAP
	    ".target TARGET_REQUIRED\n" CAP ".args ARGS_REQUIRED\n" CAP
	    ".lookup LOOKUP_REQUIRED\n" CAP
	    ".visible_columns VISIBLE_COLUMNS_REQUIRED\n" CAP
	    ".patch PATCH_REQUIRED\n" CAP
	    ".allowed_columns ALLOWED_COLUMNS_REQUIRED\n" CAP
	    ".conflict_guard CONFLICT_GUARD_REQUIRED"},
    {"executor unknown", {{"'name'", "'executor':'x','name'"}},
	CAP ".executor UNKNOWN_EXECUTOR"},
    {"target identifiers",
	{{TARGET, "{'z':1,'schema':'a b','table':'','tenant_key':'1'}"}},
	CAP ".target.z UNKNOWN_FIELD\n" CAP
	    ".target.schema INVALID_TARGET_IDENTIFIER\n" CAP
	    ".target.table INVALID_TARGET_IDENTIFIER\n" CAP
	    ".target.primary_key INVALID_TARGET_IDENTIFIER\n" CAP
	    ".target.tenant_key TENANT_GUARD_REQUIRED"},
    {"tenant key that cannot be a column, even when excused",
	{{"'tenant_key':'tenant_id'",
	    "'tenant_key':'a b','single_tenant_dev':true"}},
	CAP ".target.tenant_key INVALID_TARGET_IDENTIFIER\n~" CAP
	    ".target.single_tenant_dev SINGLE_TENANT_DEV_EXCEPTION"},
    {"args {}", {{"'args':{'id':" ARG "}", "'args':{}"}},
	CAP ".args ARGS_REQUIRED"},
    {"arg not an object", {{ARG, "'string'"}}, CAP ".args.id ARG_NOT_OBJECT"},
    {"arg with everything wrong",
	{{ARG, "{'type':'int','k':1,'description':' ','max_length':0,"
	       "'minimum':'1','maximum':1e999}"}},
	CAP ".args.id.k UNKNOWN_FIELD\n" CAP
	    ".args.id.type INVALID_ARG_TYPE\n" CAP
	    ".args.id.description INVALID_ARG_DESCRIPTION\n" CAP
	    ".args.id.max_length INVALID_MAX_LENGTH\n" CAP
	    ".args.id NUMERIC_BOUNDS_REQUIRE_NUMBER\n" CAP
	    ".args.id.minimum INVALID_MINIMUM\n" CAP
	    ".args.id.maximum INVALID_MAXIMUM"},
    {"huge integers compare exactly",
	{{ARG, "{'type':'number','minimum':9007199254740993,"
	       "'maximum':9007199254740992}"}},
	CAP ".args.id INVALID_NUMERIC_RANGE"},
    {"lookup", {{LOOKUP, "{'id_from_arg':'','x':1}"}},
	CAP ".lookup.x UNKNOWN_FIELD\n" CAP
	    ".lookup.id_from_arg LOOKUP_ARG_REQUIRED"},
    {"columns",
	{{VISIBLE, "'visible_columns':['id','a b',3]"},
	    {ALLOWED, "'allowed_columns':['x','']"}},
	CAP ".visible_columns[1] INVALID_VISIBLE_COLUMN\n" CAP
	    ".visible_columns[2] INVALID_VISIBLE_COLUMN\n" CAP
	    ".allowed_columns[1] INVALID_ALLOWED_COLUMN"},
    {"patch {}", {{PATCH, "'patch':{}"}}, CAP ".patch PATCH_REQUIRED"},
    {"patch bindings", {{PATCH, "'patch':{'a b':1,'x':{'from_arg':'','k':1}}"}},
	CAP ".patch.a b INVALID_PATCH_COLUMN\n" CAP
	    ".patch.a b PATCH_BINDING_NOT_OBJECT\n" CAP
	    ".patch.x.k UNKNOWN_FIELD\n" CAP
	    ".patch.x.from_arg INVALID_PATCH_ARG"},
    {"numeric_bounds type", {{GUARD, GUARD ",'numeric_bounds':[]"}},
	CAP ".numeric_bounds NUMERIC_BOUNDS_NOT_OBJECT"},
    {"numeric bound",
	{{GUARD, GUARD ",'numeric_bounds':{'a b':{'minimum':1},'x':3}"}},
	CAP ".numeric_bounds.a b INVALID_NUMERIC_BOUND_COLUMN\n" CAP
	    ".numeric_bounds.a b NUMERIC_BOUND_PATCH_COLUMN_REQUIRED\n" CAP
	    ".numeric_bounds.x NUMERIC_BOUND_NOT_OBJECT"},
    {"numeric bound values",
	{{GUARD,
	    GUARD ",'numeric_bounds':{'x':{'minimum':null,'maximum':'2'}}"}},
	CAP ".numeric_bounds.x.minimum INVALID_MINIMUM\n" CAP
	    ".numeric_bounds.x.maximum INVALID_MAXIMUM"},
    {"transition_guards type", {{GUARD, GUARD ",'transition_guards':1"}},
	CAP ".transition_guards TRANSITION_GUARDS_NOT_OBJECT"},
    {"transition guards",
	{{GUARD, GUARD ",'transition_guards':{'a b':1,'x':{'from_column':'no',"
		       "'allowed':{'a':['']},'k':1}}"}},
	CAP ".transition_guards.a b INVALID_TRANSITION_GUARD_COLUMN\n" CAP
	    ".transition_guards.a b TRANSITION_PATCH_COLUMN_REQUIRED\n" CAP
	    ".transition_guards.a b TRANSITION_GUARD_NOT_OBJECT\n" CAP
	    ".transition_guards.x.k UNKNOWN_FIELD\n" CAP
	    ".transition_guards.x.from_column "
	    "TRANSITION_FROM_COLUMN_NOT_VISIBLE\n" CAP
	    ".transition_guards.x.allowed.a TRANSITION_TO_VALUES_REQUIRED"},
    {"transition from_column",
	{{GUARD, GUARD ",'transition_guards':{'x':{'from_column':'',"
		       "'allowed':{'a':['b']}}}"}},
	CAP ".transition_guards.x.from_column INVALID_TRANSITION_FROM_COLUMN"},
    {"from_column may be the guard's column",
	{{GUARD, GUARD ",'transition_guards':{'x':{'from_column':'u',"
		       "'allowed':{'a':['b']}}}"}},
	""},
    {"guard extra and column",
	{{"{'column':'u'}", "{'column':'a b','weak_guard_ack':true,'k':1}"}},
	CAP ".conflict_guard.k UNKNOWN_FIELD\n" CAP
	    ".conflict_guard.column CONFLICT_GUARD_COLUMN_REQUIRED"},
    {"posture that is not accept",
	{{"'write_url_env':'W'",
	    "'write_url_env':'W','writer_posture':'accept',"
	    "'reader_can_write':true"}},
	"$.sources.s.reader_can_write INVALID_POSTURE"},
    {"pool and scope",
	{{"'write_url_env':'W'",
	    "'write_url_env':'W','pool':{'max_connections':64,"
	    "'queue_limit':1,'queue_timeout_ms':60000},'probe_interval_s':1,"
	    "'database_scope':{'tenant':'app.t','principal':'app.p'}"}},
	""},
    {"pool out of bounds",
	{{"'write_url_env':'W'",
	    "'write_url_env':'W','pool':{'max_connections':65,"
	    "'queue_limit':0,'queue_timeout_ms':1.5},'probe_interval_s':0"}},
	"$.sources.s.probe_interval_s INVALID_PROBE_INTERVAL\n"
	"$.sources.s.pool.max_connections INVALID_POOL\n"
	"$.sources.s.pool.queue_limit INVALID_POOL\n"
	"$.sources.s.pool.queue_timeout_ms INVALID_POOL"},
    {"scope that PostgreSQL could not set",
	{{"'write_url_env':'W'",
	    "'write_url_env':'W','database_scope':{'tenant':'search_path'}"}},
	"$.sources.s.database_scope.tenant INVALID_DATABASE_SCOPE\n"
	"$.sources.s.database_scope.principal INVALID_DATABASE_SCOPE"},
    {"scope in one setting",
	{{"'write_url_env':'W'",
	    "'write_url_env':'W','database_scope':{'tenant':'app.t',"
	    "'principal':'app.t'}"}},
	"$.sources.s.database_scope INVALID_DATABASE_SCOPE"},
    {"version moved by us",
	{{"{'column':'u'}", "{'column':'u','advance':'integer_increment'}"}},
	""},
    {"version moved by the database",
	{{"{'column':'u'}", "{'column':'u','advance':'database_generated'}"}},
	""},
    {"version moved by nobody",
	{{"{'column':'u'}", "{'column':'u','advance':true}"}},
	CAP ".conflict_guard.advance INVALID_VERSION_ADVANCE"},
    {"a hash cannot move",
	{{"{'column':'u'}",
	    "{'weak_guard_ack':true,'advance':'integer_increment'}"}},
	CAP ".conflict_guard.advance INVALID_VERSION_ADVANCE"},
    {"approval type", {{GUARD, GUARD ",'approval':'human'"}},
	CAP ".approval APPROVAL_NOT_OBJECT"},
    {"approval extra", {{GUARD, GUARD ",'approval':{'mode':1,'k':1}"}},
	CAP ".approval.k UNKNOWN_FIELD"},
    {"a read needs no patch and its rest is not looked at",
	{{"'proposal'", "'read'"},
	    {PATCH "," ALLOWED "," GUARD,
		"'patch':1,'conflict_guard':{'column':'a b'},'approval':2"}},
	""},
    {"forbidden keys: every spelling, in file order, strict or not",
	{{TOP, TOP "'strict':false,'a':[{'url':1,'database_url':1,"
		   "'databaseUrl':1,'read_url':1,'readUrl':1,'write_url':1,"
		   "'writeUrl':{'sql':1,'raw_sql':1,'rawSql':1}}],"
		   "'connection_string':1,'connectionString':1,'statement':1,"
		   "'query_sql':1,'querySql':1,"}},
	"$.a[0].url INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].database_url INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].databaseUrl INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].read_url INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].readUrl INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].write_url INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].writeUrl INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.a[0].writeUrl.sql ARBITRARY_SQL_FORBIDDEN\n"
	"$.a[0].writeUrl.raw_sql ARBITRARY_SQL_FORBIDDEN\n"
	"$.a[0].writeUrl.rawSql ARBITRARY_SQL_FORBIDDEN\n"
	"$.connection_string INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.connectionString INLINE_DATABASE_URL_FORBIDDEN\n"
	"$.statement ARBITRARY_SQL_FORBIDDEN\n"
	"$.query_sql ARBITRARY_SQL_FORBIDDEN\n"
	"$.querySql ARBITRARY_SQL_FORBIDDEN"},
    {"an escaped key hides from no rule",
	{{TOP, TOP "'s\\u0071l':1,'\\u0072esult_format':9,"}},
	"$.sql UNKNOWN_FIELD\n$.result_format INVALID_RESULT_FORMAT\n"
	"$.sql ARBITRARY_SQL_FORBIDDEN"},
};

static void
names_every_fault_of_a_capability(void **state)
{
	(void)state;
	check_vectors(capability_codes, COUNT(capability_codes));
}

#define REVIEWERS(json)                                  \
	{                                                \
		{                                        \
			TOP, TOP "'reviewers':" json "," \
		}                                        \
	}
/* What 0.1.1 does not know, and what it takes but nobody should rely on. */
static const struct vector our_codes[] = {
    {"sqlite", {{"'postgres'", "'sqlite'"}, {"'public'", "'main'"}}, ""},
    {"sqlite schema", {{"'postgres'", "'sqlite'"}},
	CAP ".target.schema INVALID_TARGET_IDENTIFIER"},
    {"apply policy", {{TOP, TOP "'apply':'on_approval',"}}, ""},
    {"apply policy unknown", {{TOP, TOP "'apply':true,"}},
	"$.apply INVALID_APPLY_POLICY"},
    {"reviewers",
	REVIEWERS("{'ann':{'uid':0,'roles':['r']},'bo':{'roles':"
		  "[]}}"),
	""},
    {"reviewers empty", REVIEWERS("{}"), "$.reviewers INVALID_REVIEWERS"},
    {"reviewer name and type", REVIEWERS("{'a b':{'roles':[]},'c':'r'}"),
	"$.reviewers.a b INVALID_REVIEWERS\n$.reviewers.c INVALID_REVIEWERS"},
    {"reviewer extra and uid",
	REVIEWERS("{'a':{'uid':4294967295,'roles':[],'k':1},"
		  "'b':{'uid':'1','roles':[]},'c':{'uid':-1,'roles':[]}}"),
	"$.reviewers.a.k UNKNOWN_FIELD\n$.reviewers.a.uid INVALID_REVIEWERS\n"
	"$.reviewers.b.uid INVALID_REVIEWERS\n"
	"$.reviewers.c.uid INVALID_REVIEWERS"},
    {"one uid is one person",
	REVIEWERS("{'a':{'uid':5,'roles':[]},'b':{'uid':5,'roles':[]}}"),
	"$.reviewers.b.uid INVALID_REVIEWERS"},
    {"reviewer roles",
	REVIEWERS("{'a':{},'b':{'roles':['x',' ']},'c':{'roles':'x'}}"),
	"$.reviewers.a.roles INVALID_REVIEWER_ROLES\n"
	"$.reviewers.b.roles[1] INVALID_REVIEWER_ROLES\n"
	"$.reviewers.c.roles INVALID_REVIEWER_ROLES"},
    {"approval role", APPROVAL("{'required_role':['a']}"),
	CAP ".approval.required_role INVALID_APPROVAL_ROLE"},
    {"approval expiry", APPROVAL("{'required_role':'r','expires_s':60}"), ""},
    {"approval expiry 0", APPROVAL("{'expires_s':0}"),
	CAP ".approval.expires_s INVALID_APPROVAL_EXPIRY"},
    {"our findings keep 0.1.1's order",
	{{TOP, TOP "'zz':1,'apply':1,'storage':1,'reviewers':1,'cloud':1,"},
	    {SOURCE, "1"}},
	"$.zz UNKNOWN_FIELD\n$.storage STORAGE_NOT_OBJECT\n"
	"$.cloud CLOUD_CONFIG_ONLY_FOR_CLOUD_MODE\n"
	"$.apply INVALID_APPLY_POLICY\n$.reviewers INVALID_REVIEWERS\n"
	"$.sources.s SOURCE_NOT_OBJECT"},
    {"patch outside allowed_columns", {{ALLOWED, "'allowed_columns':['y']"}},
	"~" CAP ".patch.x PATCH_COLUMN_NOT_ALLOWED"},
    {"patch of the guard column",
	{{"'patch':{'x'", "'patch':{'u'"},
	    {ALLOWED, "'allowed_columns':['u']"}},
	"~" CAP ".patch.u PATCH_COLUMN_NOT_ALLOWED"},
    {"fixed value that no column holds", {{"{'fixed':1}", "{'fixed':{}}"}},
	"~" CAP ".patch.x.fixed PATCH_FIXED_NOT_SCALAR"},
    {"fixed value out of range", {{"{'fixed':1}", "{'fixed':1e999}"}},
	"~" CAP ".patch.x.fixed PATCH_FIXED_NOT_SCALAR"},
    {"fixed value that would be rounded",
	{{"{'fixed':1}", "{'fixed':12345678901234567890}"}},
	"~" CAP ".patch.x.fixed PATCH_FIXED_ROUNDED"},
    {"enum with a list in it", {{ARG, "{'type':'string','enum':['a',[]]}"}},
	"~" CAP ".args.id.enum ARG_ENUM_NOT_SCALARS"},
    {"transition of a column that is not read",
	{{GUARD, GUARD ",'transition_guards':{'x':{'allowed':{'a':['b']}}}"}},
	"~" CAP ".transition_guards.x TRANSITION_COLUMN_NOT_VISIBLE"},
    {"our warnings follow all of 0.1.1's",
	{{ALLOWED, "'allowed_columns':['y']"}, {",'write_url_env':'W'", ""}},
	"~$.sources.s.write_url_env WRITEBACK_DISABLED\n~" CAP
	".patch.x PATCH_COLUMN_NOT_ALLOWED"},
};

static void
checks_our_own_fields_without_changing_the_order(void **state)
{
	(void)state;
	check_vectors(our_codes, COUNT(our_codes));
}

static void
refuses_every_reserved_argument(void **state)
{
	static const char *const names[] = {"tenant_id", "tenantId",
	    "principal", "principal_id", "principalId", "project_id",
	    "projectId", "source_id", "sourceId", "allowed_columns",
	    "allowedColumns", "row_version", "rowVersion", "current_version",
	    "currentVersion", "expected_version", "expectedVersion",
	    "approval_identity", "approvalIdentity", "table", "table_name",
	    "tableName", "schema", "schema_name", "schemaName", "column",
	    "columns", "column_name", "columnName", "database", "database_name",
	    "databaseName"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char arg[80];
		char path[120];
		(void)snprintf(
		    arg, sizeof(arg), "'id':" ARG ",'%s':" ARG, names[i]);
		(void)snprintf(path, sizeof(path),
		    CAP ".args.%s MODEL_CONTROLLED_RESERVED_ARG", names[i]);
		const struct vector v = {names[i], {{"'id':" ARG, arg}}, path};
		check_vectors(&v, 1);
	}
}

/* The codes of whole texts that are no contract. */
static void
refuses_text_that_two_parsers_could_read_differently(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *code;
	} rows[] = {
	    {"", 0, "CONFIG_NOT_JSON"},
	    {"{", 1, "CONFIG_NOT_JSON"},
	    {"{} x", 4, "CONFIG_NOT_JSON"},
	    {"{\"a\":\"\xff\"}", 9, "CONFIG_NOT_JSON"},
	    {"\xef\xbb\xbf{}", 5, "CONFIG_NOT_JSON"},
	    {"{\"a\":1,\"a\":1}", 13, "CONFIG_DUPLICATE_KEY"},
	    {"{\"a\":1,\"\\u0061\":1}", 18, "CONFIG_DUPLICATE_KEY"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span text = {rows[i].text, rows[i].len};
		struct contract_report report;
		struct contract *c = NULL;
		struct err e = {.code = 0};
		assert_int_equal(
		    contract_validate(text, &report, &e), CS_E_CONFIG);
		assert_int_equal(report.count, 1);
		assert_string_equal(report.issues[0].code, rows[i].code);
		assert_string_equal(e.reason, rows[i].code);
		assert_int_equal(contract_parse(text, &c, NULL), CS_E_CONFIG);
		assert_null(c);
		contract_report_clear(&report);
	}
}

static void
keeps_a_report_of_endless_faults_small(void **state)
{
	struct buf text = BUF_INIT;
	struct contract_report report;
	struct contract *c = NULL;
	struct err e;

	(void)state;
	buf_puts(&text, "{\"");
	for (int i = 0; i < 5000; i++) {
		buf_puts(&text, "\xc3\xa9");
	}
	buf_puts(&text, "\":{");
	for (int i = 0; i < 3000; i++) {
		buf_printf(&text, "%s\"k%d\":{\"sql\":1}", i > 0 ? "," : "", i);
	}
	buf_puts(&text, "}}");
	assert_int_equal(
	    contract_validate(buf_as_span(&text), &report, &e), CS_E_CONFIG);
	assert_int_equal(report.count, CONTRACT_MAX_ISSUES);
	assert_true(report.errors > 3000);
	for (size_t i = 0; i < report.count; i++) {
		struct span path = span_of(report.issues[i].path);
		assert_true(path.len < 1100 && utf8_is_valid(path));
	}
	contract_report_clear(&report);
	assert_int_equal(
	    contract_parse(buf_as_span(&text), &c, &e), CS_E_CONFIG);
	assert_non_null(strstr(e.msg, "Invalid Synapsor runner config:\n"));
	assert_non_null(strstr(e.msg, " more)"));
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_every_result_of_appendix_c),
	    cmocka_unit_test(names_every_top_level_fault),
	    cmocka_unit_test(names_every_fault_of_a_capability),
	    cmocka_unit_test(checks_our_own_fields_without_changing_the_order),
	    cmocka_unit_test(refuses_every_reserved_argument),
	    cmocka_unit_test(
		refuses_text_that_two_parsers_could_read_differently),
	    cmocka_unit_test(keeps_a_report_of_endless_faults_small),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
