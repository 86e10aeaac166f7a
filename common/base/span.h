/*
 * A borrowed run of bytes: never owned, not NUL-terminated, may hold anything.
 */
#ifndef CS_COMMON_BASE_SPAN_H
#define CS_COMMON_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *ptr;
	size_t len;
};

/* For printf's "%.*s". */
#define SPAN_ARGS(s) (int)(s).len, (s).ptr

/* A C string as a span, without its NUL; NULL becomes an empty span. */
static inline struct span
span_of(const char *text)
{
	return (struct span){text, text == NULL ? 0 : strlen(text)};
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
span_is(struct span a, const char *text)
{
	return span_equal(a, span_of(text));
}

#endif
