/*
 * The JSON scanner accepts RFC 8259 in UTF-8 and nothing else, and keeps what
 * it read byte for byte; the writer writes what JSON.stringify writes.
 */
#include "tests/unit/check.h"

#include <math.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_out.h"
#include "common/base/json_scan.h"

static struct arena *arena;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct span accepted[] = {
    LITERAL("null"),
    LITERAL(" \t\r\n true \t\r\n "),
    LITERAL("false"),
    LITERAL("\"\""),
    LITERAL("[]"),
    LITERAL("{}"),
    LITERAL("[ ]"),
    LITERAL("{ }"),
    LITERAL("[[],{},[{}]]"),
    LITERAL("{\"\":0}"),
    LITERAL("{\"a\":1,\"A\":2,\"a \":3}"),
    LITERAL("0"),
    LITERAL("-0"),
    LITERAL("-1.5e+10"),
    LITERAL("1E-2"),
    LITERAL("0.0"),
    LITERAL("123456789012345678901234567890"),
    LITERAL("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\""),
    LITERAL("\"\\ud83d\\ude00\""),
    LITERAL("\"\xf0\x9f\x98\x80 \xe2\x80\xa8 \x7f\""),
    LITERAL("\"\xf4\x8f\xbf\xbf\""),
};

static void
accepts_all_of_rfc_8259(void **state)
{
	struct json_doc doc;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		if (json_scan(&doc, accepted[i], arena, &e) != 0) {
			fail_msg("%s: %s", accepted[i].ptr, e.msg);
		}
	}
}

static const struct {
	struct span text;
	const char *reason;
} refused[] = {
    {LITERAL(""), "JSON_INVALID"},
    {LITERAL("  "), "JSON_INVALID"},
    {LITERAL("nul"), "JSON_INVALID"},
    {LITERAL("True"), "JSON_INVALID"},
    {LITERAL("NaN"), "JSON_INVALID"},
    {LITERAL("Infinity"), "JSON_INVALID"},
    {LITERAL("undefined"), "JSON_INVALID"},
    {LITERAL("1 2"), "JSON_INVALID"},
    {LITERAL("{}{}"), "JSON_INVALID"},
    {LITERAL("[1,]"), "JSON_INVALID"},
    {LITERAL("[,1]"), "JSON_INVALID"},
    {LITERAL("[1 2]"), "JSON_INVALID"},
    {LITERAL("[1"), "JSON_INVALID"},
    {LITERAL("1]"), "JSON_INVALID"},
    {LITERAL("[1}"), "JSON_INVALID"},
    {LITERAL("{\"a\":1]"), "JSON_INVALID"},
    {LITERAL("{\"a\"}"), "JSON_INVALID"},
    {LITERAL("{\"a\":}"), "JSON_INVALID"},
    {LITERAL("{\"a\":1,}"), "JSON_INVALID"},
    {LITERAL("{,}"), "JSON_INVALID"},
    {LITERAL("{a:1}"), "JSON_INVALID"},
    {LITERAL("{1:1}"), "JSON_INVALID"},
    {LITERAL("{'a':1}"), "JSON_INVALID"},
    {LITERAL("{\"a\" 1}"), "JSON_INVALID"},
    {LITERAL("[:1]"), "JSON_INVALID"},
    {LITERAL("// x\n1"), "JSON_INVALID"},
    {LITERAL("\f1"), "JSON_INVALID"},
    {LITERAL("\xef\xbb\xbf{}"), "JSON_INVALID"},
    /* Numbers. */
    {LITERAL("+1"), "JSON_INVALID"},
    {LITERAL("01"), "JSON_INVALID"},
    {LITERAL("-01"), "JSON_INVALID"},
    {LITERAL("-"), "JSON_INVALID"},
    {LITERAL(".5"), "JSON_INVALID"},
    {LITERAL("5."), "JSON_INVALID"},
    {LITERAL("1e"), "JSON_INVALID"},
    {LITERAL("1e+"), "JSON_INVALID"},
    {LITERAL("1.e1"), "JSON_INVALID"},
    {LITERAL("0x10"), "JSON_INVALID"},
    {LITERAL("1_0"), "JSON_INVALID"},
    /* Strings. */
    {LITERAL("\""), "JSON_INVALID"},
    {LITERAL("\"\\"), "JSON_INVALID"},
    {LITERAL("\"\\\""), "JSON_INVALID"},
    {LITERAL("\"\\x41\""), "JSON_INVALID"},
    {LITERAL("\"\\u12\""), "JSON_INVALID"},
    {LITERAL("\"\\u12g4\""), "JSON_INVALID"},
    {LITERAL("\"\n\""), "JSON_INVALID"},
    {LITERAL("\"\x1f\""), "JSON_INVALID"},
    {LITERAL("\"a\0b\""), "JSON_INVALID"},
    {LITERAL("1\0"), "JSON_INVALID"},
    {LITERAL("\0"), "JSON_INVALID"},
    {LITERAL("\"\\\0\""), "JSON_INVALID"},
    {LITERAL("\"\\u0000\""), "JSON_INVALID"},
    {LITERAL("\"\\ud800\""), "JSON_INVALID"},
    {LITERAL("\"\\ud800x\""), "JSON_INVALID"},
    {LITERAL("\"\\ud800\\n\""), "JSON_INVALID"},
    {LITERAL("\"\\ud800\\ud800\""), "JSON_INVALID"},
    {LITERAL("\"\\ud83d\\u0041\""), "JSON_INVALID"},
    {LITERAL("\"\\ud83d\\u"), "JSON_INVALID"},
    {LITERAL("\"\\udc00\""), "JSON_INVALID"},
    {LITERAL("\"\\udc00\\ud800\""), "JSON_INVALID"},
    /* UTF-8: stray, cut, overlong, surrogate, beyond U+10FFFF. */
    {LITERAL("\"\x80\""), "JSON_NOT_UTF8"},
    {LITERAL("\"\xc3\""), "JSON_NOT_UTF8"},
    {LITERAL("\"\xc0\xaf\""), "JSON_NOT_UTF8"},
    {LITERAL("\"\xe0\x80\xaf\""), "JSON_NOT_UTF8"},
    {LITERAL("\"\xed\xa0\x80\""), "JSON_NOT_UTF8"},
    {LITERAL("\"\xf4\x90\x80\x80\""), "JSON_NOT_UTF8"},
    {LITERAL("\"\xff\""), "JSON_NOT_UTF8"},
    {LITERAL("{}\xff"), "JSON_NOT_UTF8"},
    /* Two readers could see two values. */
    {LITERAL("{\"a\":1,\"a\":1}"), "JSON_DUPLICATE_KEY"},
    {LITERAL("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "JSON_DUPLICATE_KEY"},
    {LITERAL("{\"\":1,\"\":2}"), "JSON_DUPLICATE_KEY"},
    {LITERAL("[{\"x\":{\"y\":1,\"z\":{},\"y\":[]}}]"), "JSON_DUPLICATE_KEY"},
};

static void
refuses_everything_else_and_says_why(void **state)
{
	struct json_doc doc;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct err e = {0};
		if (json_scan(&doc, refused[i].text, arena, &e) == 0) {
			fail_msg("accepted: %s", refused[i].text.ptr);
		}
		assert_string_equal(err_reason(&e), refused[i].reason);
	}
}

static int
scan_nested(unsigned depth, char open, char close)
{
	char text[200];
	struct json_doc doc;
	size_t len = 0;

	for (unsigned i = 0; i < depth; i++) {
		text[len++] = open;
	}
	for (unsigned i = 0; i < depth; i++) {
		text[len++] = close;
	}
	return json_scan(&doc, (struct span){text, len}, arena, NULL);
}

static void
nests_64_deep_and_no_deeper(void **state)
{
	(void)state;
	assert_int_equal(scan_nested(JSON_MAX_DEPTH, '[', ']'), 0);
	assert_int_equal(
	    scan_nested(JSON_MAX_DEPTH + 1, '[', ']'), CS_E_TOO_LARGE);
	assert_int_equal(scan_nested(1, '{', '}'), 0);
}

/* An array of `count` zeros has count + 1 nodes. */
static int
scan_many(uint32_t count)
{
	struct buf text = BUF_INIT;
	struct json_doc doc;
	int rc;

	buf_putc(&text, '[');
	for (uint32_t i = 0; i < count; i++) {
		buf_puts(&text, i > 0 ? ",0" : "0");
	}
	buf_putc(&text, ']');
	rc = json_scan(&doc, buf_as_span(&text), arena, NULL);
	assert_true(rc != 0 || doc.nodes[0].count == count);
	buf_clear(&text);
	return rc;
}

static void
holds_65536_values_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(scan_many(JSON_MAX_NODES - 1), 0);
	assert_int_equal(scan_many(JSON_MAX_NODES), CS_E_TOO_LARGE);
}

static void
every_prefix_of_a_document_is_refused(void **state)
{
	static const char text[] =
	    "{\"a\":[1.5e3,\"\\ud83d\\ude00\",null],\"b\":{\"c\":true}}";
	struct json_doc doc;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		/* A copy of that length, so that reading on is caught. */
		char *copy = test_malloc(len + 1);
		memcpy(copy, text, len);
		struct span s = {copy, len};
		assert_int_not_equal(json_scan(&doc, s, arena, NULL), 0);
		test_free(copy);
	}
	assert_int_equal(json_scan(&doc, LITERAL(text), arena, NULL), 0);
}

static void
keeps_raw_bytes_and_finds_members(void **state)
{
	static const char text[] =
	    " {\"a\" : [ 1.50 , {} ] , \"b\\n\":\"\\u00e9\\ud83d\\ude00\\/\","
	    "\"n\":-0.10E+2} ";
	struct json_doc doc;

	(void)state;
	assert_int_equal(json_scan(&doc, LITERAL(text), arena, NULL), 0);
	assert_span(json_raw(&doc, json_get(&doc, 0, "a")), "[ 1.50 , {} ]");
	assert_span(json_raw(&doc, json_get(&doc, 0, "n")), "-0.10E+2");
	assert_int_equal(doc.nodes[json_get(&doc, 0, "a")].count, 2);
	assert_int_equal(json_get(&doc, 0, "A"), JSON_NONE);
	assert_int_equal(json_get(&doc, 0, ""), JSON_NONE);
	assert_int_equal(
	    json_get(&doc, json_get(&doc, 0, "n"), "a"), JSON_NONE);
	assert_int_equal(json_get_type(&doc, 0, "a", JSON_STRING), JSON_NONE);
	assert_int_equal(json_get_string(&doc, 0, "n", arena).len, 0);
	/* An escaped key is another spelling, so it is not ours. */
	assert_int_equal(json_get(&doc, 0, "b\n"), JSON_NONE);
}

static const struct {
	const char *json;
	const char *text;
} strings[] = {
    {"\"plain\"", "plain"},
    {"\"\"", ""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    {"\"\\u00e9\\u20ac\\ud83d\\ude00\"",
	"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"\"\\uD83D\\uDE00\\uFFFF\"", "\xf0\x9f\x98\x80\xef\xbf\xbf"},
    {"\"a\\u0001b\"", "a\x01"
		      "b"},
};

static void
decodes_strings(void **state)
{
	struct json_doc doc;

	(void)state;
	for (size_t i = 0; i < COUNT(strings); i++) {
		assert_int_equal(
		    json_scan(&doc, span_of(strings[i].json), arena, NULL), 0);
		assert_span(json_string(&doc, 0, arena), strings[i].text);
	}
}

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} integers[] = {
    {"0", true, 0},
    {"-0", true, 0},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"9223372036854775808", false, 0},
    {"-9223372036854775809", false, 0},
    {"99999999999999999999", false, 0},
    {"1.0", false, 0},
    {"1e2", false, 0},
    {"-", false, 0},
    {"", false, 0},
};

static void
reads_int64_exactly_or_not_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(integers); i++) {
		int64_t value = 0;
		int rc = json_int64(span_of(integers[i].text), &value);
		assert_int_equal(rc == 0, integers[i].ok);
		assert_true(rc != 0 || value == integers[i].value);
	}
}

static const struct {
	const char *raw;
	const char *canonical; /* NULL: refused */
} numbers[] = {
    {"0", "0"},
    {"-0", "0"},
    {"-0.0", "0"},
    {"0e5", "0"},
    {"1.0", "1"},
    {"1e2", "100"},
    {"1.50", "1.5"},
    {"-1.5e-3", "-0.0015"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9007199254740993", "9007199254740993"},
    {"9223372036854775808", "9223372036854776000"},
    /* engine.md, Appendix A9. */
    {"1e21", "1e+21"},
    {"1e-7", "1e-7"},
    {"0.30000000000000004", "0.30000000000000004"},
    {"123456789012345680000", "123456789012345680000"},
    {"5e-324", "5e-324"},
    {"1e20", "100000000000000000000"},
    {"100000000000000000000", "100000000000000000000"},
    {"0.000001", "0.000001"},
    {"0.0000001", "1e-7"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"2.2250738585072014e-308", "2.2250738585072014e-308"},
    {"123.456", "123.456"},
    {"4.35", "4.35"},
    {"1e-400", "0"},
    {"1e400", NULL},
    {"-1e400", NULL},
    {"", NULL},
};

static void
writes_numbers_as_ecmascript_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct buf out = BUF_INIT;
		int rc = json_number_canonical(span_of(numbers[i].raw), &out);
		if (numbers[i].canonical == NULL) {
			assert_int_not_equal(rc, 0);
		} else {
			assert_int_equal(rc, 0);
			assert_span(buf_as_span(&out), numbers[i].canonical);
		}
		buf_clear(&out);
	}
}

static void
a_number_longer_than_any_buffer_is_read_whole(void **state)
{
	struct buf text = BUF_INIT;
	struct buf out = BUF_INIT;

	(void)state;
	buf_puts(&text, "0.");
	for (int i = 0; i < 100; i++) {
		buf_putc(&text, '0');
	}
	buf_puts(&text, "25e100");
	assert_int_equal(json_number_canonical(buf_as_span(&text), &out), 0);
	assert_span(buf_as_span(&out), "0.25");
	buf_clear(&text);
	buf_clear(&out);
}

static void
not_a_number_is_null(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {{NAN, "null"}, {INFINITY, "null"}, {-INFINITY, "null"},
	    {0.1 + 0.2, "0.30000000000000004"}, {-0.0, "0"}, {1e21, "1e+21"},
	    {-1e-7, "-1e-7"},
	    {123456789012345680000.0, "123456789012345680000"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = BUF_INIT;
		json_number_es(rows[i].value, &out);
		assert_span(buf_as_span(&out), rows[i].text);
		buf_clear(&out);
	}
}

static const struct {
	struct span text;
	const char *quoted;
} quotes[] = {
    {LITERAL(""), "\"\""},
    {LITERAL("\"\\"), "\"\\\"\\\\\""},
    {LITERAL("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
    {LITERAL("\0\x01\x0b\x1f"), "\"\\u0000\\u0001\\u000b\\u001f\""},
    {LITERAL("/\x7f"), "\"/\x7f\""},
    {LITERAL("\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9\xf0\x9f\x98\x80"),
	"\"\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9\xf0\x9f\x98\x80\""},
};

static void
quotes_strings_as_json_stringify_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(quotes); i++) {
		struct buf out = BUF_INIT;
		json_quote(&out, quotes[i].text);
		assert_span(buf_as_span(&out), quotes[i].quoted);
		buf_clear(&out);
	}
}

static const struct {
	const char *in;
	const char *compact;
	const char *pretty;
} rewrites[] = {
    {" null ", "null", "null"},
    {"\"\\u0041\\/\"", "\"A/\"", "\"A/\""},
    {"[ ]", "[]", "[]"},
    {"{ }", "{}", "{}"},
    {"[[ ],{ }]", "[[],{}]", "[\n  [],\n  {}\n]"},
    {"{\"a\":{},\"b\":[]}", "{\"a\":{},\"b\":[]}",
	"{\n  \"a\": {},\n  \"b\": []\n}"},
    {"{\"z\":1.0,\"a\":[1,{\"b\":[[]]},2],\"c\":true}",
	"{\"z\":1,\"a\":[1,{\"b\":[[]]},2],\"c\":true}",
	"{\n  \"z\": 1,\n  \"a\": [\n    1,\n    {\n      \"b\": [\n"
	"        []\n      ]\n    },\n    2\n  ],\n  \"c\": true\n}"},
    {"[{\"a\":{\"b\":{\"c\":{}}}},[]]", "[{\"a\":{\"b\":{\"c\":{}}}},[]]",
	"[\n  {\n    \"a\": {\n      \"b\": {\n        \"c\": {}\n      }\n"
	"    }\n  },\n  []\n]"},
};

static void
rewrites_values_compact_and_pretty(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(rewrites); i++) {
		struct buf out = BUF_INIT;
		struct json_doc doc;
		struct json_out j;
		bool pretty = i % 2 != 0;

		assert_int_equal(
		    json_scan(&doc, span_of(rewrites[i / 2].in), arena, NULL),
		    0);
		json_begin(&j, &out, pretty ? 2 : 0);
		json_rewrite(&j, &doc, 0, arena);
		assert_span(buf_as_span(&out),
		    pretty ? rewrites[i / 2].pretty : rewrites[i / 2].compact);
		buf_clear(&out);
	}
}

static void
rewrites_one_member_inside_another_document(void **state)
{
	struct buf out = BUF_INIT;
	struct json_doc doc;
	struct json_out j;

	(void)state;
	assert_int_equal(
	    json_scan(
		&doc, LITERAL("{\"a\":[{},{\"k\":[1]}],\"b\":2}"), arena, NULL),
	    0);
	json_begin(&j, &out, 0);
	json_open(&j, '{');
	json_key(&j, "x");
	json_rewrite(&j, &doc, json_get(&doc, 0, "a"), arena);
	json_field_int(&j, "y", INT64_MIN);
	json_field_text(&j, "z", NULL);
	json_close(&j, '}');
	assert_span(buf_as_span(&out),
	    "{\"x\":[{},{\"k\":[1]}],\"y\":-9223372036854775808,\"z\":null}");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_all_of_rfc_8259),
	    cmocka_unit_test(refuses_everything_else_and_says_why),
	    cmocka_unit_test(nests_64_deep_and_no_deeper),
	    cmocka_unit_test(holds_65536_values_and_no_more),
	    cmocka_unit_test(every_prefix_of_a_document_is_refused),
	    cmocka_unit_test(keeps_raw_bytes_and_finds_members),
	    cmocka_unit_test(decodes_strings),
	    cmocka_unit_test(reads_int64_exactly_or_not_at_all),
	    cmocka_unit_test(writes_numbers_as_ecmascript_does),
	    cmocka_unit_test(a_number_longer_than_any_buffer_is_read_whole),
	    cmocka_unit_test(not_a_number_is_null),
	    cmocka_unit_test(quotes_strings_as_json_stringify_does),
	    cmocka_unit_test(rewrites_values_compact_and_pretty),
	    cmocka_unit_test(rewrites_one_member_inside_another_document),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
