/*
 * Another spelling of the approved value is that value; anything else is not.
 */
#include "tests/unit/check.h"

#include "writerd/post_image.h"

#define NUMBER(text)                         \
	{                                    \
		SCALAR_NUMBER, LITERAL(text) \
	}
#define TEXT(text)                         \
	{                                  \
		SCALAR_TEXT, LITERAL(text) \
	}
#define BOOL(text)                         \
	{                                  \
		SCALAR_BOOL, LITERAL(text) \
	}
#define NOTHING               \
	{                     \
		SCALAR_NULL,  \
		{             \
			"", 0 \
		}             \
	}

static const struct {
	struct scalar actual;
	struct scalar meant;
	bool equal;
} rows[] = {
    {TEXT("a"), TEXT("a"), true},
    {TEXT("a"), TEXT("A"), false},
    {TEXT("a "), TEXT("a"), false},
    {TEXT(""), TEXT(""), true},
    {NOTHING, NOTHING, true},
    {NOTHING, TEXT(""), false},
    {TEXT(""), NOTHING, false},
    {NOTHING, NUMBER("0"), false},
    {NOTHING, BOOL("false"), false},
    /* Decimals come as text, padded to the column's scale. */
    {TEXT("12.50"), NUMBER("12.5"), true},
    {TEXT("-12.50"), NUMBER("-12.5"), true},
    {TEXT("12.51"), NUMBER("12.5"), false},
    {TEXT("100"), NUMBER("1e+2"), true},
    {TEXT("9007199254740993"), NUMBER("9007199254740992"), false},
    {TEXT("12.50"), TEXT("12.5"), true},
    {TEXT("1-2"), NUMBER("1"), false},
    {TEXT("-"), NUMBER("0"), false},
    {TEXT("."), NUMBER("0"), false},
    {TEXT("1.2.3"), NUMBER("1.2"), false},
    {TEXT("0x10"), NUMBER("16"), false},
    {TEXT(""), NUMBER("0"), false},
    {TEXT("NaN"), NUMBER("0"), false},
    {NUMBER("1"), NUMBER("2"), false},
    /* SQLite has no bool. */
    {NUMBER("1"), BOOL("true"), true},
    {NUMBER("0"), BOOL("false"), true},
    {NUMBER("0"), BOOL("true"), false},
    {NUMBER("2"), BOOL("true"), false},
    {BOOL("true"), BOOL("false"), false},
    {TEXT("true"), BOOL("true"), false},
    /* Timestamps are moments. */
    {TEXT("2026-06-20T14:31:08Z"), TEXT("2026-06-20T14:31:08.000Z"), true},
    {TEXT("2026-06-20T14:31:08Z"), TEXT("2026-06-20 14:31:08+00"), true},
    {TEXT("2026-06-20T14:31:08Z"), TEXT("2026-06-20 16:31:08+02"), true},
    {TEXT("2026-06-20T14:31:09Z"), TEXT("2026-06-20T14:31:08Z"), false},
    {TEXT("2026-06-20T14:31:08.000001Z"), TEXT("2026-06-20T14:31:08Z"), false},
    /* Text that only looks a little like one is compared as it is. */
    {TEXT("2026-quarter-three "), TEXT("2026-quarter-three"), false},
    {TEXT(" 2026-06-20T14:31:08Z"), TEXT("2026-06-20T14:31:08Z"), false},
    {TEXT("note-2026-06-20 14:31:08 "), TEXT("note-2026-06-20 14:31:08"),
	false},
    {TEXT("\t123-a note of nineteen"), TEXT("123-a note of nineteen"), false},
};

static void
only_another_spelling_of_the_same_value_is_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (post_image_equal(rows[i].actual, rows[i].meant) !=
		    rows[i].equal) {
			fail_msg("'%s' and '%s'", rows[i].actual.text.ptr,
			    rows[i].meant.text.ptr);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_another_spelling_of_the_same_value_is_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
