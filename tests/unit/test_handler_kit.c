/*
 * The C kit against the vectors that every language of it is tested with, and
 * what a handler refuses to be made from.
 */

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/db/pg_value.h"
#include "kit/c/internal.h"
#include "tests/unit/check.h"

#define HEADERS_MAX 16

struct vectors {
	struct arena *arena;
	struct json_doc doc;
	uint32_t cases;
};

static void
load(struct vectors *v, const char *name, const char *list)
{
	char path[512];
	struct buf text = BUF_INIT;
	char chunk[4096];
	size_t n;
	FILE *file;
	struct err e = {0};

	(void)snprintf(
	    path, sizeof(path), "%s/kit/vectors/%s", CS_SOURCE_DIR, name);
	file = fopen(path, "re");
	assert_non_null(file);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		buf_append(&text, chunk, n);
	}
	assert_int_equal(fclose(file), 0);
	v->arena = arena_new();
	assert_int_equal(
	    json_scan(&v->doc, arena_span(v->arena, buf_as_span(&text)),
		v->arena, &e),
	    0);
	buf_clear(&text);
	v->cases = json_get_type(&v->doc, 0, list, JSON_ARRAY);
	assert_true(v->cases != JSON_NONE && v->doc.nodes[v->cases].count > 20);
}

static const char *
text_of(const struct vectors *v, uint32_t node)
{
	assert_int_equal(v->doc.nodes[node].type, JSON_STRING);
	return arena_span(v->arena, json_string(&v->doc, node, v->arena)).ptr;
}

static const char *
member(const struct vectors *v, uint32_t object, const char *key)
{
	uint32_t node = json_get(&v->doc, object, key);

	return node == JSON_NONE || v->doc.nodes[node].type == JSON_NULL
		   ? NULL
		   : text_of(v, node);
}

static struct cs_handler_value
value_of(const struct vectors *v, uint32_t node)
{
	struct scalar s;

	assert_true(node != JSON_NONE);
	assert_int_equal(scalar_from_json(&v->doc, node, v->arena, &s), 0);
	return kit_value(s, v->arena);
}

/* A string, {"hex"}, or {"prefix","repeat","times","suffix"}. */
static struct span
body_of(const struct vectors *v, uint32_t node)
{
	struct buf out = BUF_INIT;
	struct span body;
	const char *hex;

	if (v->doc.nodes[node].type == JSON_STRING) {
		return json_string(&v->doc, node, v->arena);
	}
	hex = member(v, node, "hex");
	if (hex != NULL) {
		for (; hex[0] != '\0'; hex += 2) {
			char byte[3] = {hex[0], hex[1], '\0'};
			buf_putc(&out, (char)strtol(byte, NULL, 16));
		}
	} else {
		int64_t times = 0;

		assert_int_equal(
		    json_int64(
			json_raw(&v->doc, json_get(&v->doc, node, "times")),
			&times),
		    0);
		buf_puts(&out, member(v, node, "prefix"));
		for (int64_t i = 0; i < times; i++) {
			buf_puts(&out, member(v, node, "repeat"));
		}
		buf_puts(&out, member(v, node, "suffix"));
	}
	body = arena_span(v->arena, buf_as_span(&out));
	buf_clear(&out);
	return body;
}

static size_t
headers_of(const struct vectors *v, uint32_t object,
    struct cs_handler_header out[HEADERS_MAX])
{
	size_t count = 0;
	uint32_t node = object + 1;

	if (object == JSON_NONE) {
		return 0;
	}
	for (; count < v->doc.nodes[object].count; count++) {
		assert_true(count < HEADERS_MAX);
		out[count] = (struct cs_handler_header){
		    text_of(v, node), text_of(v, node + 1)};
		node = v->doc.nodes[node + 1].next;
	}
	return count;
}

static void
same_text(const char *name, const char *is, const char *wanted)
{
	if ((is == NULL) != (wanted == NULL) ||
	    (is != NULL && strcmp(is, wanted) != 0)) {
		fail_msg("%s: '%s' instead of '%s'", name,
		    is == NULL ? "(null)" : is,
		    wanted == NULL ? "(null)" : wanted);
	}
}

static void
same_value(const char *name, struct cs_handler_value is,
    struct cs_handler_value wanted)
{
	if (is.kind != wanted.kind) {
		fail_msg("%s: another kind of value", name);
	}
	same_text(name, is.text, wanted.text);
}

static void
same_column(const struct vectors *v, const char *name,
    const struct cs_handler_field *is, uint32_t wanted)
{
	assert_true(wanted != JSON_NONE);
	same_text(name, is->name, member(v, wanted, "column"));
	same_value(
	    name, is->value, value_of(v, json_get(&v->doc, wanted, "value")));
}

static void
same_job(const struct vectors *v, const char *name,
    const struct cs_handler_job *job, uint32_t wanted)
{
	const struct {
		const char *key;
		const char *is;
	} texts[] = {{"protocol_version", job->protocol_version},
	    {"proposal_id", job->proposal_id},
	    {"proposal_hash", job->proposal_hash},
	    {"idempotency_key", job->idempotency_key}, {"action", job->action},
	    {"tenant_id", job->tenant_id}, {"object_id", job->object_id},
	    {"principal", job->principal}};
	uint32_t target = json_get(&v->doc, wanted, "target");
	uint32_t patch = json_get(&v->doc, wanted, "patch");
	uint32_t node = json_get(&v->doc, wanted, "issued_at");

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		same_text(name, texts[i].is, member(v, wanted, texts[i].key));
	}
	if (node != JSON_NONE && v->doc.nodes[node].type == JSON_STRING) {
		same_text(name, job->issued_at, text_of(v, node));
	}
	same_text(name, job->schema, member(v, target, "schema"));
	same_text(name, job->table, member(v, target, "table"));
	same_column(v, name, &job->primary_key,
	    json_get(&v->doc, target, "primary_key"));
	same_column(v, name, &job->tenant_guard,
	    json_get(&v->doc, wanted, "tenant_guard"));
	same_column(v, name, &job->expected_version,
	    json_get(&v->doc, wanted, "expected_version"));
	assert_int_equal(job->patch_count, v->doc.nodes[patch].count);
	for (size_t i = 0; i < job->patch_count; i++) {
		node = json_get(&v->doc, patch, job->patch[i].name);
		same_value(name, job->patch[i].value, value_of(v, node));
	}
	node = json_get(&v->doc, wanted, "dry_run");
	assert_int_equal(job->dry_run, v->doc.nodes[node].type == JSON_TRUE);
}

static int
never(const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context)
{
	(void)job;
	(void)tx;
	(void)context;
	return -1;
}

static struct cs_handler *
handler_of(const struct vectors *v, bool command_mode)
{
	char error[CS_HANDLER_ERROR_SIZE];
	uint32_t list = json_get(&v->doc, 0, "actions");
	struct cs_handler_action action = {text_of(v, list + 1), never, NULL};
	struct cs_handler_options o = {.actions = &action,
	    .action_count = 1,
	    .verify_only = true,
	    .token = member(v, 0, "token"),
	    .signing_secret = member(v, 0, "secret"),
	    .command_mode = command_mode};
	struct cs_handler *h = cs_handler_new(&o, error);

	assert_non_null(h);
	return h;
}

static void
run_case(const struct vectors *v, const struct cs_handler *h, uint32_t one,
    int64_t now_ms)
{
	const char *name = member(v, one, "name");
	struct cs_handler_header headers[HEADERS_MAX];
	struct span body = body_of(v, json_get(&v->doc, one, "body"));
	struct cs_handler_request request = {.method = member(v, one, "method"),
	    .headers = headers,
	    .header_count =
		headers_of(v, json_get(&v->doc, one, "headers"), headers),
	    .body = body.ptr,
	    .body_len = body.len};
	uint32_t expect = json_get(&v->doc, one, "expect");
	uint32_t job = json_get(&v->doc, expect, "job");
	uint32_t http = json_get(&v->doc, expect, "http");
	struct cs_handler_checked got;
	int64_t status = 0;

	cs_handler_verify(h, &request, now_ms, &got);
	if (job != JSON_NONE) {
		if (got.job == NULL) {
			fail_msg("%s: refused with %s", name, got.code);
		}
		same_job(v, name, got.job, job);
	} else {
		if (http != JSON_NONE) {
			(void)json_int64(json_raw(&v->doc, http), &status);
		}
		if (got.job != NULL ||
		    (http != JSON_NONE && status != got.http_status)) {
			fail_msg("%s: %d %s instead of %d", name,
			    got.http_status, got.code, (int)status);
		}
		if (status != 204) {
			same_text(name, got.code,
			    member(v, expect, "safe_error_code"));
		}
	}
	cs_handler_checked_clear(&got);
}

static void
every_request_vector_holds(void **state)
{
	struct vectors v;
	struct cs_handler *h[2];
	const char *clock;
	int64_t now_us = 0;
	uint32_t node;

	(void)state;
	load(&v, "requests.json", "cases");
	h[0] = handler_of(&v, false);
	h[1] = handler_of(&v, true);
	clock = member(&v, 0, "clock");
	assert_int_equal(clock_parse(clock, strlen(clock), &now_us), 0);
	node = v.cases + 1;
	for (uint32_t i = 0; i < v.doc.nodes[v.cases].count; i++) {
		bool by_command =
		    strcmp(member(&v, node, "mode"), "command") == 0;
		run_case(&v, h[by_command], node, now_us / 1000);
		node = v.doc.nodes[node].next;
	}
	cs_handler_free(h[0]);
	cs_handler_free(h[1]);
	arena_free(&v.arena);
}

static void
every_version_vector_holds(void **state)
{
	struct vectors v;
	uint32_t node;

	(void)state;
	load(&v, "versions.json", "cases");
	node = v.cases + 1;
	for (uint32_t i = 0; i < v.doc.nodes[v.cases].count; i++) {
		struct cs_handler_value a =
		    value_of(&v, json_get(&v.doc, node, "a"));
		struct cs_handler_value b =
		    value_of(&v, json_get(&v.doc, node, "b"));
		bool equal = json_get_type(&v.doc, node, "equal", JSON_TRUE) !=
			     JSON_NONE;

		if (kit_version_equal(a, b) != equal ||
		    kit_version_equal(b, a) != equal) {
			fail_msg("versions.json, case %u", i);
		}
		node = v.doc.nodes[node].next;
	}
	arena_free(&v.arena);
}

static size_t
row_of(const struct vectors *v, uint32_t object, struct cs_handler_field *out)
{
	size_t count = 0;
	uint32_t node = object + 1;

	for (; count < v->doc.nodes[object].count; count++) {
		assert_true(count < HEADERS_MAX);
		out[count].name = text_of(v, node);
		out[count].value = value_of(v, node + 1);
		node = v->doc.nodes[node + 1].next;
	}
	return count;
}

static void
every_row_hash_vector_holds(void **state)
{
	struct cs_handler_field row[HEADERS_MAX];
	struct vectors v;
	uint32_t node;

	(void)state;
	load(&v, "row_hash.json", "postgres_values");
	v.cases = json_get(&v.doc, 0, "cases");
	assert_true(v.doc.nodes[v.cases].count > 5);
	node = v.cases + 1;
	for (uint32_t i = 0; i < v.doc.nodes[v.cases].count; i++) {
		size_t count = row_of(&v, json_get(&v.doc, node, "row"), row);

		assert_string_equal(
		    kit_row_hash(row, count, row, count, v.arena),
		    member(&v, node, "hash"));
		assert_null(kit_row_hash(row, count, row, count - 1, v.arena));
		node = v.doc.nodes[node].next;
	}
	arena_free(&v.arena);
}

/* The library's rows are made by the reader's own conversions. */
static void
every_postgres_value_vector_holds(void **state)
{
	struct vectors v;
	uint32_t node;

	(void)state;
	load(&v, "row_hash.json", "postgres_values");
	node = v.cases + 1;
	for (uint32_t i = 0; i < v.doc.nodes[v.cases].count; i++) {
		int64_t oid = 0;
		const char *text = member(&v, node, "text");
		struct scalar s = {SCALAR_NULL, {"", 0}};

		(void)json_int64(
		    json_raw(&v.doc, json_get(&v.doc, node, "oid")), &oid);
		if (text != NULL) {
			assert_int_equal(pg_value_scalar((Oid)oid,
					     span_of(text), v.arena, &s, NULL),
			    0);
		}
		same_value(text == NULL ? "null" : text, kit_value(s, v.arena),
		    value_of(&v, json_get(&v.doc, node, "value")));
		node = v.doc.nodes[node].next;
	}
	arena_free(&v.arena);
}

static const struct cs_handler_action one_action = {"a.b", never, NULL};

/* Made, or refused with a sentence that has these words. */
static void
expect_refused(const struct cs_handler_options *o, const char *words)
{
	char error[CS_HANDLER_ERROR_SIZE] = "";
	struct cs_handler *h = cs_handler_new(o, error);

	if (h != NULL || strstr(error, words) == NULL) {
		fail_msg("'%s' instead of '%s'", error, words);
	}
}

static void
what_is_missing_is_refused_when_it_is_made(void **state)
{
	static const struct cs_handler_action twice[] = {
	    {"a.b", never, NULL}, {"a.b", never, NULL}};
	struct cs_handler_options good = {.actions = &one_action,
	    .action_count = 1,
	    .verify_only = true,
	    .token = "0123456789abcdef",
	    .signing_secret_env = ""};
	struct cs_handler_options o = good;
	char error[CS_HANDLER_ERROR_SIZE];

	(void)state;
	(void)unsetenv("SYNAPSOR_APP_WRITEBACK_TOKEN");
	(void)unsetenv("SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET");
	cs_handler_free(cs_handler_new(&good, error));
	o.verify_only = false;
	expect_refused(&o, "no database");
	o = good;
	o.token = "0123456789abcde";
	expect_refused(&o, "shorter than 16 bytes");
	o = good;
	o.token = NULL;
	expect_refused(&o, "SYNAPSOR_APP_WRITEBACK_TOKEN is not set");
	o.token_env = "";
	expect_refused(&o, "neither a token nor a signing secret");
	o.signing_secret_env = NULL;
	expect_refused(&o, "SIGNING_SECRET is not set");
	o = good;
	o.action_count = 0;
	expect_refused(&o, "no action");
	o = good;
	o.actions = twice;
	o.action_count = 2;
	expect_refused(&o, "named twice");
	o = good;
	o.token = NULL;
	o.token_env = "";
	o.allow_unauthenticated = true;
	cs_handler_free(cs_handler_new(&o, error));
}

/* A header that is there twice could mean either. */
static void
a_header_that_comes_twice_is_refused(void **state)
{
	static const struct cs_handler_header twice[] = {
	    {"Authorization", "Bearer 0123456789abcdef"},
	    {"authorization", "Bearer 0123456789abcdef"},
	    {"X-Synapsor-Issued-At", "2026-07-01T12:00:00.000Z"}};
	struct cs_handler_options o = {.actions = &one_action,
	    .action_count = 1,
	    .verify_only = true,
	    .token = "0123456789abcdef",
	    .signing_secret_env = ""};
	char error[CS_HANDLER_ERROR_SIZE];
	struct cs_handler *h = cs_handler_new(&o, error);
	struct cs_handler_request r = {"POST", twice, 3, "{}", 2};
	struct cs_handler_checked got;

	(void)state;
	cs_handler_verify(h, &r, INT64_C(1782907200000), &got);
	assert_string_equal(got.code, "UNAUTHORIZED");
	cs_handler_checked_clear(&got);
	r.headers = &twice[1];
	r.header_count = 2;
	cs_handler_verify(h, &r, INT64_C(1782907200000), &got);
	assert_string_equal(got.code, "INVALID_ISSUED_AT"); /* of the body */
	cs_handler_checked_clear(&got);
	cs_handler_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_request_vector_holds),
	    cmocka_unit_test(every_version_vector_holds),
	    cmocka_unit_test(every_row_hash_vector_holds),
	    cmocka_unit_test(every_postgres_value_vector_holds),
	    cmocka_unit_test(what_is_missing_is_refused_when_it_is_made),
	    cmocka_unit_test(a_header_that_comes_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
