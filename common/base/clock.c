#include "common/base/clock.h"

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"

int64_t
clock_now_us(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_mono_ms(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
clock_format(int64_t time_us, char out[CLOCK_TEXT_SIZE])
{
	/* Rounded down, before 1970 too. */
	int64_t ms = time_us / 1000 - (time_us % 1000 < 0);
	time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm = {0};

	(void)gmtime_r(&seconds, &tm);
	/* The masks tell the compiler what gmtime_r promises. */
	(void)snprintf(out, CLOCK_TEXT_SIZE,
	    "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000U,
	    (unsigned)(tm.tm_mon + 1) % 100U, (unsigned)tm.tm_mday % 100U,
	    (unsigned)tm.tm_hour % 100U, (unsigned)tm.tm_min % 100U,
	    (unsigned)tm.tm_sec % 100U,
	    (unsigned)(ms - (int64_t)seconds * 1000) % 1000U);
}

struct span
clock_text(int64_t time_us, struct arena *a)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time_us, text);
	return arena_span(a, span_of(text));
}

/* Read exactly `digits` digits at *p and step over them. */
static bool
take_number(const char **p, const char *end, int digits, int *out)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (*p >= end || **p < '0' || **p > '9') {
			return false;
		}
		value = value * 10 + (**p - '0');
		(*p)++;
	}
	*out = value;
	return true;
}

static bool
take_char(const char **p, const char *end, char c)
{
	if (*p >= end || **p != c) {
		return false;
	}
	(*p)++;
	return true;
}

/* Read ".f{1,6}" if there is one, scaled to microseconds. */
static bool
take_fraction(const char **p, const char *end, int64_t *us_out)
{
	int64_t scale = 100000;

	*us_out = 0;
	if (!take_char(p, end, '.')) {
		return true;
	}
	if (*p >= end || **p < '0' || **p > '9') {
		return false;
	}
	while (*p < end && **p >= '0' && **p <= '9') {
		if (scale == 0) {
			return false;
		}
		*us_out += (**p - '0') * scale;
		scale /= 10;
		(*p)++;
	}
	return true;
}

int
clock_parse(const char *text, size_t len, int64_t *time_us_out)
{
	const char *p = text;
	const char *end = text + len;
	struct tm tm = {0};
	int64_t us = 0;
	int day;
	bool ok =
	    take_number(&p, end, 4, &tm.tm_year) && take_char(&p, end, '-') &&
	    take_number(&p, end, 2, &tm.tm_mon) && take_char(&p, end, '-') &&
	    take_number(&p, end, 2, &tm.tm_mday) && take_char(&p, end, 'T') &&
	    take_number(&p, end, 2, &tm.tm_hour) && take_char(&p, end, ':') &&
	    take_number(&p, end, 2, &tm.tm_min) && take_char(&p, end, ':') &&
	    take_number(&p, end, 2, &tm.tm_sec) &&
	    take_fraction(&p, end, &us) && take_char(&p, end, 'Z') && p == end;

	if (!ok || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 59) {
		return CS_E_INVALID;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	day = tm.tm_mday;
	*time_us_out = (int64_t)timegm(&tm) * 1000000 + us;
	/* timegm turns a day that does not exist into one of the next month. */
	return tm.tm_mday == day ? 0 : CS_E_INVALID;
}
