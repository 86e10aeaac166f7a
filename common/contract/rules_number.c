/*
 * Exact comparison of decimal texts: digit by digit, never through a double.
 */
#include "common/contract/rules.h"

/* Exponents beyond this are all the same: no text has that many digits. */
#define EXPONENT_LIMIT ((int64_t)1 << 60)

/* value = ± 0.d1d2d3… * 10^magnitude, d1 not zero; zero has no digits. */
struct decimal {
	bool negative;
	struct span digits; /* from d1 on; one '.' may be among them */
	int64_t magnitude;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Step over a sign at *pos: is it a minus? */
static bool
read_sign(struct span s, size_t *pos)
{
	bool negative = *pos < s.len && s.ptr[*pos] == '-';

	if (*pos < s.len && (negative || s.ptr[*pos] == '+')) {
		(*pos)++;
	}
	return negative;
}

/* The value behind 'e', 0 without one; clamped where no text could reach. */
static int64_t
read_exponent(struct span s, size_t pos)
{
	int64_t value = 0;
	bool negative;

	if (pos >= s.len || (s.ptr[pos] != 'e' && s.ptr[pos] != 'E')) {
		return 0;
	}
	pos++;
	negative = read_sign(s, &pos);
	for (; pos < s.len && is_digit(s.ptr[pos]); pos++) {
		value = value * 10 + (s.ptr[pos] - '0');
		if (value > EXPONENT_LIMIT / 16) {
			value = EXPONENT_LIMIT / 16;
		}
	}
	return negative ? -value : value;
}

/* Leading zeros only move the point, trailing ones compare equal to none: every
 * spelling of one value ends up the same. */
static struct decimal
read_decimal(struct span s)
{
	struct decimal d = {.negative = false};
	size_t pos = 0;
	bool fraction = false;

	d.negative = read_sign(s, &pos);
	for (; pos < s.len && (is_digit(s.ptr[pos]) || s.ptr[pos] == '.');
	     pos++) {
		if (s.ptr[pos] == '.') {
			fraction = true;
		} else if (d.digits.ptr == NULL && s.ptr[pos] == '0') {
			d.magnitude -= fraction ? 1 : 0;
		} else {
			if (d.digits.ptr == NULL) {
				d.digits.ptr = s.ptr + pos;
			}
			d.magnitude += fraction ? 0 : 1;
		}
	}
	if (d.digits.ptr == NULL) {
		return (struct decimal){.negative = false};
	}
	d.digits.len = (size_t)(s.ptr + pos - d.digits.ptr);
	d.magnitude += read_exponent(s, pos);
	return d;
}

/* The next digit; zeros without end behind the last one. */
static char
next_digit(struct span digits, size_t *pos)
{
	if (*pos < digits.len && digits.ptr[*pos] == '.') {
		(*pos)++;
	}
	if (*pos == digits.len) {
		return '0';
	}
	return digits.ptr[(*pos)++];
}

/* Both start at their first digit that is not zero, on the same power of ten.
 * */
static int
compare_digits(struct span a, struct span b)
{
	size_t i = 0;
	size_t k = 0;

	while (i < a.len || k < b.len) {
		char x = next_digit(a, &i);
		char y = next_digit(b, &k);
		if (x != y) {
			return x < y ? -1 : 1;
		}
	}
	return 0;
}

/* Without the signs; zero is smaller than everything else. */
static int
compare_size(const struct decimal *a, const struct decimal *b)
{
	if (a->digits.len == 0 || b->digits.len == 0) {
		return (a->digits.len > 0) - (b->digits.len > 0);
	}
	if (a->magnitude != b->magnitude) {
		return a->magnitude < b->magnitude ? -1 : 1;
	}
	return compare_digits(a->digits, b->digits);
}

/* -0 has lost its sign by now. */
int
rules_compare_numbers(struct span a, struct span b)
{
	struct decimal x = read_decimal(a);
	struct decimal y = read_decimal(b);

	if (x.negative != y.negative) {
		return x.negative ? -1 : 1;
	}
	return x.negative ? compare_size(&y, &x) : compare_size(&x, &y);
}
