/*
 * Do two version values name the same version (engine.md §4.3)? The column was
 * read by one driver and is compared under another: the same instant may be
 * written with 'T' or a space, with an offset, with or without zeros.
 */
#include "common/contract/rules.h"

#include "common/contract/tree.h"

struct reader {
	const char *at;
	const char *end;
	bool ok;
};

/* Exactly so many digits; a failure sticks, so callers need not look. */
static int
read_digits(struct reader *r, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (r->at == r->end || *r->at < '0' || *r->at > '9') {
			r->ok = false;
			return 0;
		}
		value = value * 10 + (*r->at++ - '0');
	}
	return value;
}

/* One of the characters, stepped over; NUL if none is there. */
static char
read_any(struct reader *r, const char *any)
{
	if (r->at < r->end && *r->at != '\0' && strchr(any, *r->at) != NULL) {
		return *r->at++;
	}
	return '\0';
}

/* One of the characters must be here. */
static void
expect(struct reader *r, const char *any)
{
	r->ok = read_any(r, any) != '\0' && r->ok;
}

/* Microseconds of ".f{1,9}", the rest cut off. */
static int
read_fraction(struct reader *r)
{
	int value = 0;
	int digits = 0;

	if (read_any(r, ".") == '\0') {
		return 0;
	}
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		digits++;
		value = digits <= 6 ? value * 10 + (*r->at - '0') : value;
	}
	r->ok = r->ok && digits >= 1 && digits <= 9;
	for (; digits < 6; digits++) {
		value *= 10;
	}
	return value;
}

/* Seconds east of UTC: nothing, Z, or ±HH[[:]MM]. */
static int
read_offset(struct reader *r)
{
	char sign;
	int seconds;

	if (read_any(r, "Zz") != '\0' || r->at == r->end) {
		return 0;
	}
	sign = read_any(r, "+-");
	r->ok = r->ok && sign != '\0';
	seconds = read_digits(r, 2) * 3600;
	if (r->at != r->end) {
		(void)read_any(r, ":");
		seconds += read_digits(r, 2) * 60;
	}
	return sign == '-' ? -seconds : seconds;
}

/* Gregorian, also before there was one: so do the databases. */
static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 0000-03-01 in the calendar that runs both ways for ever. */
static int64_t
count_days(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400;
	int year_of_era = y - era * 400;
	int day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 -
			 year_of_era / 100 + day_of_year;

	return (int64_t)era * 146097 + day_of_era;
}

/* Only days that exist: no rolling over into the next month, which would make
 * two different texts one version. */
static bool
is_date(int year, int month, int day)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* The instant in microseconds; false if the text is not a timestamp. */
static bool
read_instant(struct span s, int64_t *us_out)
{
	struct reader r = {s.ptr, s.ptr + s.len, true};
	int year = read_digits(&r, 4);
	expect(&r, "-");
	int month = read_digits(&r, 2);
	expect(&r, "-");
	int day = read_digits(&r, 2);
	expect(&r, "Tt ");
	int hour = read_digits(&r, 2);
	expect(&r, ":");
	int minute = read_digits(&r, 2);
	expect(&r, ":");
	int second = read_digits(&r, 2);
	int fraction = read_fraction(&r);
	int offset = read_offset(&r);
	int64_t seconds;

	if (!r.ok || r.at != r.end || !is_date(year, month, day) || hour > 23 ||
	    minute > 59 || second > 59) {
		return false;
	}
	seconds = count_days(year, month, day) * 86400;
	seconds +=
	    (int64_t)hour * 3600 + (int64_t)minute * 60 + second - offset;
	*us_out = seconds * 1000000 + fraction;
	return true;
}

/* Never through the process's time zone: a text without offset is UTC. */
bool
rules_version_equal(struct span actual, struct span expected)
{
	struct span a = text_trim(actual);
	struct span b = text_trim(expected);
	int64_t x = 0;
	int64_t y = 0;

	if (a.len > 0 && b.len > 0 && read_instant(a, &x) &&
	    read_instant(b, &y)) {
		return x == y;
	}
	return span_equal(a, b);
}
