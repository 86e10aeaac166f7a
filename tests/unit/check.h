/*
 * What every unit test includes: cmocka with the headers that it needs first.
 */
#ifndef CS_TESTS_UNIT_CHECK_H
#define CS_TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/span.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A span over a literal, NUL bytes inside included. */
#define LITERAL(text)                             \
	(struct span)                             \
	{                                         \
		(text), sizeof(text) - sizeof("") \
	}

static inline void
assert_span(struct span actual, const char *expected)
{
	if (!span_is(actual, expected)) {
		fail_msg("'%.*s' is not '%s'", SPAN_ARGS(actual), expected);
	}
}

#endif
