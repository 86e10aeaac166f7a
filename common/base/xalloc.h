/*
 * Allocation for sizes that we choose ourselves: running out is fatal and
 * said so. Sizes that a peer chooses go through buf_reserve, which can fail.
 */
#ifndef CS_COMMON_BASE_XALLOC_H
#define CS_COMMON_BASE_XALLOC_H

#include <stddef.h>

#include "common/base/span.h"

/* Zeroed memory of `count * size` bytes; aborts on overflow or exhaustion. */
void *xcalloc(size_t count, size_t size);

/* Grow or shrink an array; new elements are not zeroed. Aborts on failure. */
void *xreallocarray(void *old, size_t count, size_t size);

/* Copy of a C string; the caller frees. */
char *xstrdup(const char *text);

/* The bytes of a span as a C string; the caller frees. */
char *xspandup(struct span s);

/* A broken invariant of our own: log it and abort (never for bad input). */
_Noreturn void bug(const char *what, const char *file, int line);

/* An assertion that stays in release builds. */
// NOLINTNEXTLINE(readability-identifier-naming): reads like assert
#define cs_assert(cond) ((cond) ? (void)0 : bug(#cond, __FILE__, __LINE__))

#endif
