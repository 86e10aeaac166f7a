/*
 * Lines of the log: what somebody else chose never leaves its value, in either
 * format.
 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdarg.h>

#include "common/base/arena.h"
#include "common/base/json_scan.h"
#include "common/base/log_line.h"

static struct log_line line;

__attribute__((format(printf, 2, 3))) static const char *
make(enum log_format format, const char *fmt, ...)
{
	static const struct log_head head = {
	    LOG_LEVEL_WARN, "mcpd", "tested", 1782052268120000};
	va_list ap;

	memset(&line, 'X', sizeof(line));
	line.format = format;
	va_start(ap, fmt);
	log_line_make(&line, &head, ENOENT, fmt, ap);
	va_end(ap);
	assert_true(line.len < sizeof(line.text));
	assert_int_equal(line.text[line.len - 1], '\n');
	assert_null(memchr(line.text, '\n', line.len - 1));
	line.text[line.len - 1] = '\0';
	return line.text;
}

#define KV(...)   make(LOG_FORMAT_KV, __VA_ARGS__)
#define JSON(...) make(LOG_FORMAT_JSON, __VA_ARGS__)
#define HEAD                                                                 \
	"{\"timestamp\":\"2026-06-21T14:31:08.120Z\",\"level\":\"warning\"," \
	"\"program\":\"mcpd\",\"event\":\"tested\""

static void
both_formats_have_the_same_fields(void **state)
{
	(void)state;
	assert_string_equal(
	    KV("source=%s why=\"%s\" count=%u", "shop", "it is away", 7U),
	    "<4>mcpd: tested source=shop why=\"it is away\" count=7");
	assert_string_equal(
	    JSON("source=%s why=\"%s\" count=%u", "shop", "it is away", 7U),
	    HEAD ",\"source\":\"shop\",\"why\":\"it is away\",\"count\":7}");
	assert_string_equal(
	    KV("url=%s://%s/mcp auth=\"%s%s\"", "https", "h:1", "a", "b"),
	    "<4>mcpd: tested url=https://h:1/mcp auth=\"ab\"");
	assert_string_equal(JSON("action=exit"), HEAD ",\"action\":\"exit\"}");
}

static void
every_conversion_is_read(void **state)
{
	(void)state;
	assert_string_equal(
	    JSON("a=%d b=%lld c=%zu d=%llu e=%x f=%ld g=\"%u\" h=%u%%", -1,
		-9000000000LL, (size_t)3, 18446744073709551615ULL, 255U, -4L,
		5U, 6U),
	    HEAD ",\"a\":-1,\"b\":-9000000000,\"c\":3,"
		 "\"d\":18446744073709551615,\"e\":\"ff\",\"f\":-4,"
		 "\"g\":\"5\",\"h\":\"6%\"}");
	assert_string_equal(KV("error=\"%m\" part=\"%.*s\" none=%s at=%s:%d", 2,
				"abcd", (const char *)NULL, "file.c", 12),
	    "<4>mcpd: tested error=\"No such file or directory\" part=\"ab\" "
	    "none=none at=file.c:12");
	assert_string_equal(KV("empty=\"%.*s\"", 0, (const char *)NULL),
	    "<4>mcpd: tested "
	    "empty=\"\"");
}

static void
text_stays_inside_its_value(void **state)
{
	static const char text[] = "a\" level=\"error\nb\\c\t\x7f\x01";
	static const char escaped[] =
	    "a\\\" level=\\\"error\\u000ab\\\\c\\u0009"
	    "\\u007f\\u0001";

	(void)state;
	KV("why=\"%s\" n=%d", text, 1);
	assert_string_equal(strstr(line.text, "why="),
	    "why=\"a\\\" level=\\\"error\\u000ab\\\\c\\u0009\\u007f\\u0001\" "
	    "n=1");
	JSON("why=\"%s\" n=%d", text, 1);
	assert_non_null(strstr(line.text, escaped));
	/* Where the format has no quotes, a value that needs them gets them. */
	assert_string_equal(KV("source=%s", "two words"),
	    "<4>mcpd: tested source=\"two words\"");
	assert_string_equal(KV("source=%s", "a=b"), "<4>mcpd: tested "
						    "source=\"a=b\"");
	assert_string_equal(KV("source=%s x=%s", "", "%s%n"),
	    "<4>mcpd: tested source=\"\" x=%s%n");
}

static void
what_is_not_shown_or_not_utf8_is_escaped(void **state)
{
	(void)state;
	/* A lone byte, a cut sequence, an overlong NUL, a surrogate. */
	assert_string_equal(JSON("why=\"%s\"", "a\xff"
					       "b\xe2\x82"
					       "c\xc0\x80"
					       "d\xed\xa0\x80"),
	    HEAD ",\"why\":\"a\\ufffdb\\ufffd\\ufffdc\\ufffd\\ufffdd\\ufffd"
		 "\\ufffd\\ufffd\"}");
	/* Right-to-left override, a line separator, C1, a tag. */
	assert_string_equal(KV("why=\"%s\"", "\u202e"
					     "x\u2028\xc2\x9b\U000e0041"),
	    "<4>mcpd: tested why=\"\\u202ex\\u2028\\u009b\\udb40\\udc41\"");
	assert_string_equal(
	    JSON("why=\"%s\"", "größer 😀"), HEAD ",\"why\":\"größer 😀\"}");
}

static void
long_values_are_cut_and_lines_stay_whole(void **state)
{
	char text[5000];
	const char *found = NULL;

	(void)state;
	memset(text, 'v', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	KV("why=\"%s\" code=%s", text, "AFTER");
	found = strstr(line.text, "v...\" code=AFTER");
	assert_non_null(found);
	assert_int_equal(
	    strspn(strstr(line.text, "\"v") + 1, "v"), LOG_VALUE_MAX);
	/* Without a bound on the value, "%s" of a text that never ends. */
	KV("why=\"%.*s\"", 4999, text);
	assert_non_null(strstr(line.text, "v...\""));
	/* Not inside a character. */
	for (size_t i = 0; i + 2 < sizeof(text); i += 2) {
		memcpy(text + i, "\xc3\xb6", 2);
	}
	text[4998] = '\0';
	JSON("why=\"x%s\"", text);
	assert_non_null(strstr(line.text, "ö...\"}"));
	assert_null(strstr(line.text, "ufffd"));
}

static void
a_field_without_room_is_left_out(void **state)
{
	char text[LOG_VALUE_MAX + 1];

	(void)state;
	memset(text, '\x01', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	JSON("a=\"%s\" b=\"%s\" c=%d", text, text, 3);
	assert_non_null(strstr(line.text, "\"a\":\"\\u0001"));
	assert_null(strstr(line.text, "\"b\""));
	assert_non_null(strstr(line.text, ",\"c\":3,\"cut\":true}"));
	KV("a=\"%s\" b=\"%s\" c=%d", text, text, 3);
	assert_non_null(strstr(line.text, " c=3 cut=true"));
}

/* Each byte alone and among others: JSON that a strict reader takes. */
static void
every_byte_gives_valid_json(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		char text[] = {'a', (char)c, '"', (char)c, (char)c, '\0'};
		struct json_doc doc;

		JSON("why=\"%s\" x=%s", text, text);
		assert_int_equal(
		    json_scan(&doc, span_of(line.text), a, NULL), 0);
		arena_reset(a);
	}
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_formats_have_the_same_fields),
	    cmocka_unit_test(every_conversion_is_read),
	    cmocka_unit_test(text_stays_inside_its_value),
	    cmocka_unit_test(what_is_not_shown_or_not_utf8_is_escaped),
	    cmocka_unit_test(long_values_are_cut_and_lines_stay_whole),
	    cmocka_unit_test(a_field_without_room_is_left_out),
	    cmocka_unit_test(every_byte_gives_valid_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
