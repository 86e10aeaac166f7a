/*
 * A bump allocator: everything that belongs to one request lives in one arena
 * and dies with it, so that garbage in the shape of JSON has one owner.
 */
#ifndef CS_COMMON_BASE_ARENA_H
#define CS_COMMON_BASE_ARENA_H

#include "common/base/span.h"

struct arena;

/* A new, empty arena; the caller owns it and calls arena_free. */
struct arena *arena_new(void);

/* Free everything and set *a to NULL; NULL and pointer to NULL are fine. */
void arena_free(struct arena **a);

/*
 * Forget everything but keep the newest block for the next request. What was
 * there is zeroed, so that nothing of one tenant's request shows in another's.
 */
void arena_reset(struct arena *a);

/* Zeroed memory, aligned for any type; aborts when memory runs out. Callers
 * bound sizes that come from a peer before they ask. */
void *arena_alloc(struct arena *a, size_t len);

/* Zeroed array; aborts on overflow. Bound a count that comes from a peer
 * first. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* NUL-terminated copy of `len` bytes. */
char *arena_strndup(struct arena *a, const char *text, size_t len);

/* NUL-terminated copy of a span, as a span over the copy. */
struct span arena_span(struct arena *a, struct span s);

/* Formatted, NUL-terminated text. */
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
