#include "writerd/post_image.h"

#include "common/contract/rules.h"

/* Digits with an optional sign and point: how databases write decimals. */
static bool
is_decimal(struct span s)
{
	bool digit = false;
	bool point = false;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c >= '0' && c <= '9') {
			digit = true;
		} else if (c == '.' && !point) {
			point = true;
		} else if (c != '-' || i > 0) {
			return false;
		}
	}
	return digit;
}

static bool
is_number(struct scalar s)
{
	return s.kind == SCALAR_NUMBER ||
	       (s.kind == SCALAR_TEXT && is_decimal(s.text));
}

/* SQLite has no boolean type: true is stored as 1. */
static struct scalar
bool_as_number(struct scalar s)
{
	if (s.kind == SCALAR_BOOL) {
		return (struct scalar){SCALAR_NUMBER,
		    span_of(span_is(s.text, "true") ? "1" : "0")};
	}
	return s;
}

/* Could this be a moment? Comparing versions trims blanks, and a blank more or
 * less in text that was written is another text. */
static bool
may_be_time(struct span s)
{
	char last;

	if (s.len < 19) {
		return false;
	}
	last = s.ptr[s.len - 1];
	return s.ptr[0] >= '0' && s.ptr[0] <= '9' && s.ptr[4] == '-' &&
	       ((last >= '0' && last <= '9') || last == 'Z' || last == 'z');
}

bool
post_image_equal(struct scalar actual, struct scalar meant)
{
	if (scalar_equal(actual, meant)) {
		return true;
	}
	if (actual.kind == SCALAR_NULL || meant.kind == SCALAR_NULL) {
		return false;
	}
	if (actual.kind != meant.kind) {
		actual = bool_as_number(actual);
		meant = bool_as_number(meant);
		return is_number(actual) && is_number(meant) &&
		       rules_compare_numbers(actual.text, meant.text) == 0;
	}
	if (actual.kind != SCALAR_TEXT) {
		return false;
	}
	if (is_number(actual) && is_number(meant)) {
		return rules_compare_numbers(actual.text, meant.text) == 0;
	}
	return may_be_time(actual.text) && may_be_time(meant.text) &&
	       rules_version_equal(actual.text, meant.text);
}
