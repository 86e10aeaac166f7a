/*
 * Buffers, arenas, text rules, times, scalars and errors.
 */
#include "tests/unit/check.h"

#include <errno.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/scalar.h"
#include "common/base/str.h"

static void
a_buffer_grows_and_stays_terminated(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_text(&b), "");
	for (int i = 0; i < 1000; i++) {
		buf_printf(&b, "%d,", i % 10);
		assert_int_equal(b.data[b.len], '\0');
	}
	assert_int_equal(b.len, 2000);
	buf_consume(&b, 1998);
	assert_string_equal(buf_text(&b), "9,");
	buf_reset(&b);
	assert_string_equal(buf_text(&b), "");
	buf_span(&b, LITERAL("a\0b"));
	assert_int_equal(b.len, 3);
	buf_clear(&b);
	assert_null(b.data);
	buf_clear(&b);
}

static void
a_size_that_cannot_be_had_leaves_the_buffer_alone(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "x");
	assert_int_equal(buf_reserve(&b, SIZE_MAX), CS_E_NOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), CS_E_NOMEM);
	assert_string_equal(buf_text(&b), "x");
	assert_int_equal(buf_reserve(&b, 4096), 0);
	assert_true(b.cap > 4096);
	buf_clear(&b);
}

static void
an_arena_gives_zeroed_aligned_memory_again_after_reset(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t len = 0; len < 9000; len += 777) {
			unsigned char *p = arena_alloc(a, len + 1);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t i = 0; i <= len; i++) {
				assert_int_equal(p[i], 0);
			}
			memset(p, 0xff, len + 1);
		}
		arena_reset(a);
	}
	assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
	assert_string_equal(arena_strndup(a, "abc", 2), "ab");
	assert_int_equal(arena_span(a, (struct span){NULL, 0}).len, 0);
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static const struct {
	struct span text;
	bool identifier;
	bool env;
	bool name;
	bool capability;
} words[] = {
    {LITERAL("a"), true, false, true, false},
    {LITERAL("_A9"), true, true, true, false},
    {LITERAL("A_B"), true, true, true, false},
    {LITERAL("a-b"), false, false, true, false},
    {LITERAL("a.b"), false, false, true, true},
    {LITERAL("a.b.c"), false, false, true, false},
    {LITERAL("a."), false, false, true, false},
    {LITERAL(".a"), false, false, false, false},
    {LITERAL("9a"), false, false, false, false},
    {LITERAL("a b"), false, false, false, false},
    {LITERAL("a\0b"), false, false, false, false},
    {LITERAL("a\""), false, false, false, false},
    {LITERAL("\xc3\xa9"), false, false, false, false},
    {LITERAL(""), false, false, false, false},
};

static void
identifiers_are_ascii_words_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct span s = words[i].text;
		assert_int_equal(str_is_identifier(s), words[i].identifier);
		assert_int_equal(str_is_env_name(s), words[i].env);
		assert_int_equal(str_is_name(s), words[i].name);
		assert_int_equal(
		    str_is_capability_name(s), words[i].capability);
	}
}

/* RFC 3629, and the table of the Unicode standard on ill-formed sequences. */
static const struct {
	struct span text;
	bool valid;
	size_t units;
} utf8[] = {
    {LITERAL(""), true, 0},
    {LITERAL("a\0"), true, 2},
    {LITERAL("\x7f"), true, 1},
    {LITERAL("\xc2\x80"), true, 1},
    {LITERAL("\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"), true, 4},
    {LITERAL("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true, 4},
    {LITERAL("\x80"), false, 0},
    {LITERAL("\xc0\x80"), false, 0},
    {LITERAL("\xc1\xbf"), false, 0},
    {LITERAL("\xe0\x9f\xbf"), false, 0},
    {LITERAL("\xed\xa0\x80"), false, 0},
    {LITERAL("\xed\xbf\xbf"), false, 0},
    {LITERAL("\xf0\x8f\xbf\xbf"), false, 0},
    {LITERAL("\xf4\x90\x80\x80"), false, 0},
    {LITERAL("\xf5\x80\x80\x80"), false, 0},
    {LITERAL("\xe2\x82"), false, 0},
    {LITERAL("\xe2\x28\xa1"), false, 0},
    {LITERAL("a\xf0\x9f\x98"), false, 0},
};

static void
utf8_is_checked_to_the_letter(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(utf8); i++) {
		assert_int_equal(utf8_is_valid(utf8[i].text), utf8[i].valid);
		if (utf8[i].valid) {
			assert_int_equal(
			    utf8_utf16_len(utf8[i].text), utf8[i].units);
		}
	}
}

static void
every_code_point_survives_utf8(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (unsigned c = 0; c <= 0x10ffff; c++) {
		size_t pos = 0;
		if (c >= 0xd800 && c <= 0xdfff) {
			continue;
		}
		buf_reset(&b);
		utf8_put(&b, c);
		assert_true(utf8_is_valid(buf_as_span(&b)));
		assert_int_equal(utf8_next(buf_as_span(&b), &pos), c);
		assert_int_equal(pos, b.len);
	}
	buf_clear(&b);
}

static const struct {
	struct span text;
	const char *shown;
} escapes[] = {
    {LITERAL("plain \xc3\xa9 \xf0\x9f\x98\x80"),
	"plain \xc3\xa9 \xf0\x9f\x98\x80"},
    {LITERAL("a\\b"), "a\\\\b"},
    {LITERAL("\x1b[2J\r\n\t\0"), "\\u001b[2J\\u000d\\u000a\\u0009\\u0000"},
    {LITERAL("\x7f\xc2\x9b"), "\\u007f\\u009b"},
    /* Right-to-left override and isolates: "Trojan source". */
    {LITERAL("\xe2\x80\xae"
	     "evil\xe2\x81\xa6"),
	"\\u202eevil\\u2066"},
    {LITERAL("\xd8\x9c"), "\\u061c"},
    {LITERAL("a\xe2\x80\x8b"
	     "b\xe2\x80\x8d\xef\xbb\xbf\xc2\xad"),
	"a\\u200bb\\u200d\\ufeff\\u00ad"},
    {LITERAL("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029"},
    {LITERAL("\xf3\xa0\x81\x81"), "\\u{e0041}"},
    {LITERAL("\xef\xb8\x8f"), "\\ufe0f"},
    {LITERAL("\xff\xc3(\xe2\x82"), "\\xff\\xc3(\\xe2\\x82"},
    {LITERAL("\xef\xbf\xbd"), "\xef\xbf\xbd"},
};

static void
people_see_what_is_really_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(escapes); i++) {
		struct buf b = BUF_INIT;
		str_escape_for_people(&b, escapes[i].text);
		assert_span(buf_as_span(&b), escapes[i].shown);
		buf_clear(&b);
	}
}

static void
small_text_helpers_are_strict(void **state)
{
	(void)state;
	assert_true(str_equal_nocase(LITERAL("BearER"), "bearer"));
	assert_false(str_equal_nocase(LITERAL("bearer "), "bearer"));
	assert_int_equal(str_to_number("65535", 65535), 65535);
	assert_int_equal(str_to_number("65536", 65535), -1);
	assert_int_equal(str_to_number("99999999999999999999", INT64_MAX), -1);
	assert_int_equal(str_to_number("", 5), -1);
	assert_int_equal(str_to_number("-1", 5), -1);
	assert_int_equal(str_to_number(" 1", 5), -1);
	assert_int_equal(str_to_number(NULL, 5), -1);
}

static const struct {
	const char *in;
	const char *out; /* NULL: refused */
	int64_t us;
} times[] = {
    {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", 0},
    {"2026-07-01T12:00:00.000Z", "2026-07-01T12:00:00.000Z", 1782907200000000},
    {"2026-07-01T12:00:00.1Z", "2026-07-01T12:00:00.100Z", 1782907200100000},
    {"2026-07-01T12:00:00.123456Z", "2026-07-01T12:00:00.123Z",
	1782907200123456},
    {"2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z", 1709251199999000},
    {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z", -1000},
    {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z", 253402300799000000},
    {"2026-07-01T12:00:00.1234567Z", NULL, 0},
    {"2026-07-01T12:00:00.Z", NULL, 0},
    {"2026-07-01T12:00:00", NULL, 0},
    {"2026-07-01T12:00:00+00:00", NULL, 0},
    {"2026-07-01 12:00:00Z", NULL, 0},
    {"2026-07-01t12:00:00z", NULL, 0},
    {"2026-7-01T12:00:00Z", NULL, 0},
    {"2026-13-01T12:00:00Z", NULL, 0},
    {"2026-00-01T12:00:00Z", NULL, 0},
    {"2026-02-00T12:00:00Z", NULL, 0},
    {"2026-02-29T12:00:00Z", NULL, 0},
    {"2026-04-31T12:00:00Z", NULL, 0},
    {"2026-07-01T24:00:00Z", NULL, 0},
    {"2026-07-01T12:60:00Z", NULL, 0},
    {"2026-07-01T12:00:60Z", NULL, 0},
    {"2026-07-01T12:00:00Z ", NULL, 0},
    {"+026-07-01T12:00:00Z", NULL, 0},
    {"", NULL, 0},
};

static void
times_are_read_strictly_and_written_with_milliseconds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		char text[CLOCK_TEXT_SIZE];
		int64_t us = 0;
		int rc = clock_parse(times[i].in, strlen(times[i].in), &us);
		if ((rc == 0) != (times[i].out != NULL)) {
			fail_msg("%s: %d", times[i].in, rc);
		}
		if (rc == 0) {
			assert_int_equal(us, times[i].us);
			clock_format(us, text);
			assert_string_equal(text, times[i].out);
		}
	}
}

static const struct {
	enum scalar_kind kind;
	struct span text;
	bool valid;
} scalars[] = {
    {SCALAR_NULL, LITERAL(""), true},
    {SCALAR_NULL, LITERAL("null"), false},
    {SCALAR_BOOL, LITERAL("true"), true},
    {SCALAR_BOOL, LITERAL("false"), true},
    {SCALAR_BOOL, LITERAL("TRUE"), false},
    {SCALAR_BOOL, LITERAL("1"), false},
    {SCALAR_BOOL, LITERAL(""), false},
    {SCALAR_NUMBER, LITERAL("0"), true},
    {SCALAR_NUMBER, LITERAL("-9223372036854775808"), true},
    {SCALAR_NUMBER, LITERAL("1.5"), true},
    {SCALAR_NUMBER, LITERAL("1e+21"), true},
    {SCALAR_NUMBER, LITERAL("-0"), false},
    {SCALAR_NUMBER, LITERAL("01"), false},
    {SCALAR_NUMBER, LITERAL("1.0"), false},
    {SCALAR_NUMBER, LITERAL("1e2"), false},
    {SCALAR_NUMBER, LITERAL("+1"), false},
    {SCALAR_NUMBER, LITERAL(" 1"), false},
    {SCALAR_NUMBER, LITERAL("1 "), false},
    {SCALAR_NUMBER, LITERAL("1\0"), false},
    {SCALAR_NUMBER, LITERAL("0x10"), false},
    {SCALAR_NUMBER, LITERAL("nan"), false},
    {SCALAR_NUMBER, LITERAL("inf"), false},
    {SCALAR_NUMBER, LITERAL("1e400"), false},
    {SCALAR_NUMBER, LITERAL("-"), false},
    {SCALAR_NUMBER, LITERAL(""), false},
    {SCALAR_NUMBER, LITERAL("1,2"), false},
    {SCALAR_TEXT, LITERAL(""), true},
    {SCALAR_TEXT, LITERAL("\xc3\xa9"), true},
    {SCALAR_TEXT, LITERAL("\xc3"), false},
    {SCALAR_TEXT, LITERAL("a\0b"), false},
    {SCALAR_KINDS, LITERAL(""), false},
};

static void
a_scalar_is_what_its_kind_promises(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scalars); i++) {
		struct scalar s = {scalars[i].kind, scalars[i].text};
		if (scalar_is_valid(s) != scalars[i].valid) {
			fail_msg("row %zu: %s", i, scalars[i].text.ptr);
		}
	}
}

static void
scalars_compare_by_kind_and_text(void **state)
{
	struct scalar one = {SCALAR_NUMBER, LITERAL("1")};
	struct scalar text = {SCALAR_TEXT, LITERAL("1")};
	struct scalar null = {.kind = SCALAR_NULL};
	struct named_scalar list[] = {
	    {LITERAL("a"), one}, {LITERAL("b"), null}, {LITERAL("c"), text}};
	struct buf out = BUF_INIT;
	struct json_out j;

	(void)state;
	assert_true(scalar_equal(one, one));
	assert_false(scalar_equal(one, text));
	assert_true(scalar_equal(null, null));
	assert_false(scalar_equal(null, (struct scalar){SCALAR_TEXT, {"", 0}}));
	assert_ptr_equal(scalars_find(list, 3, LITERAL("c")), &list[2]);
	assert_null(scalars_find(list, 3, LITERAL("A")));
	assert_span(scalar_as_string(null), "null");
	json_begin(&j, &out, 0);
	scalars_put(&j, list, 3);
	assert_span(buf_as_span(&out), "{\"a\":1,\"b\":null,\"c\":\"1\"}");
	buf_clear(&out);
}

static void
errors_gather_context_and_never_overflow(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(
	    err_set(&e, CS_E_STATE, "WORD", "%s", "why"), CS_E_STATE);
	err_context(&e, "file %d", 7);
	assert_string_equal(e.msg, "file 7: why");
	assert_string_equal(err_reason(&e), "WORD");
	for (int i = 0; i < 100; i++) {
		err_context(&e, "outer context number %d", i);
	}
	assert_true(strlen(e.msg) < sizeof(e.msg));
	errno = ENOENT;
	assert_int_equal(err_sys(&e, "open"), CS_E_IO);
	assert_string_equal(e.msg, "open: No such file or directory");
	assert_int_equal(e.saved_errno, ENOENT);
	assert_string_equal(err_reason(&e), "IO");
	assert_int_equal(err_set(NULL, CS_E_EOF, NULL, "x"), CS_E_EOF);
	err_context(NULL, "x");
}

static void
every_error_code_has_a_name_and_a_text(void **state)
{
	(void)state;
	for (int code = CS_OK; code >= CS_E_UNKNOWN; code--) {
		struct err e = {.code = code};
		assert_string_not_equal(cs_strerror(code), "unknown error");
		assert_string_not_equal(err_reason(&e), "INTERNAL");
	}
	assert_string_equal(cs_strerror(CS_E_UNKNOWN - 1), "unknown error");
	assert_string_equal(cs_strerror(1), "unknown error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_buffer_grows_and_stays_terminated),
	    cmocka_unit_test(a_size_that_cannot_be_had_leaves_the_buffer_alone),
	    cmocka_unit_test(
		an_arena_gives_zeroed_aligned_memory_again_after_reset),
	    cmocka_unit_test(identifiers_are_ascii_words_and_nothing_else),
	    cmocka_unit_test(utf8_is_checked_to_the_letter),
	    cmocka_unit_test(every_code_point_survives_utf8),
	    cmocka_unit_test(people_see_what_is_really_there),
	    cmocka_unit_test(small_text_helpers_are_strict),
	    cmocka_unit_test(
		times_are_read_strictly_and_written_with_milliseconds),
	    cmocka_unit_test(a_scalar_is_what_its_kind_promises),
	    cmocka_unit_test(scalars_compare_by_kind_and_text),
	    cmocka_unit_test(errors_gather_context_and_never_overflow),
	    cmocka_unit_test(every_error_code_has_a_name_and_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
