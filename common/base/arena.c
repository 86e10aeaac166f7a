#include "common/base/arena.h"

#include <stdarg.h>
#include <stdint.h>

#include "common/base/xalloc.h"

#define FIRST_BLOCK 4096U
#define ALIGN       16U

struct block {
	struct block *next;
	size_t cap;
	size_t used;
	_Alignas(ALIGN) unsigned char data[];
};

struct arena {
	struct block *head; /* the block in use; older ones behind it */
};

static struct block *
block_new(size_t cap, struct block *next)
{
	struct block *b = xcalloc(1, sizeof(*b) + cap);

	b->cap = cap;
	b->next = next;
	return b;
}

struct arena *
arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->head = block_new(FIRST_BLOCK, NULL);
	return a;
}

static void
blocks_free(struct block *b)
{
	while (b != NULL) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
}

void
arena_free(struct arena **a)
{
	if (a == NULL || *a == NULL) {
		return;
	}
	blocks_free((*a)->head);
	free(*a);
	*a = NULL;
}

void
arena_reset(struct arena *a)
{
	struct block *keep = a->head;

	/* The newest is the largest: after a few requests one block does for
	 * all. */
	blocks_free(keep->next);
	keep->next = NULL;
	memset(keep->data, 0, keep->used);
	keep->used = 0;
}

void *
arena_alloc(struct arena *a, size_t len)
{
	struct block *b = a->head;
	void *p;

	cs_assert(len < SIZE_MAX - ALIGN);
	len = (len + ALIGN - 1U) & ~(size_t)(ALIGN - 1U);
	/* Blocks double up to 1 MiB; one large wish gets a block of its own
	 * size. */
	if (b->cap - b->used < len) {
		size_t cap = b->cap < (1U << 20) ? b->cap * 2 : b->cap;
		b = a->head = block_new(cap > len ? cap : len, b);
	}
	p = b->data + b->used;
	b->used += len;
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t len = 0;

	cs_assert(!__builtin_mul_overflow(count, size, &len));
	return arena_alloc(a, len);
}

char *
arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (len > 0) {
		memcpy(copy, text, len);
	}
	return copy;
}

struct span
arena_span(struct arena *a, struct span s)
{
	return (struct span){arena_strndup(a, s.ptr, s.len), s.len};
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_list again;
	int len;
	char *text;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	cs_assert(len >= 0);
	text = arena_alloc(a, (size_t)len + 1);
	(void)vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}
