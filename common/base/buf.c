#include "common/base/buf.h"

#include <stdarg.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

void
buf_clear(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL) {
		b->data[0] = '\0';
	}
}

int
buf_reserve(struct buf *b, size_t more)
{
	size_t need = 0;
	size_t cap = b->cap == 0 ? 256 : b->cap;
	char *grown;

	if (__builtin_add_overflow(b->len, more, &need) ||
	    need > SIZE_MAX / 4) {
		return CS_E_NOMEM;
	}
	need += 1;
	if (need <= b->cap) {
		return 0;
	}
	while (cap < need) {
		cap *= 2;
	}
	grown = realloc(b->data, cap);
	if (grown == NULL) {
		return CS_E_NOMEM;
	}
	b->data = grown;
	b->cap = cap;
	return 0;
}

void
buf_append(struct buf *b, const void *data, size_t len)
{
	/* Mostly there is room: len < cap - b->len, and cap > b->len. */
	cs_assert(len < b->cap - b->len || buf_reserve(b, len) == 0);
	if (len > 0) {
		memcpy(b->data + b->len, data, len);
	}
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void
buf_putc(struct buf *b, char c)
{
	cs_assert(b->cap - b->len > 1 || buf_reserve(b, 1) == 0);
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void
buf_span(struct buf *b, struct span s)
{
	buf_append(b, s.ptr, s.len);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_list again;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	cs_assert(len >= 0 && buf_reserve(b, (size_t)len) == 0);
	(void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
	va_end(again);
	b->len += (size_t)len;
}

void
buf_consume(struct buf *b, size_t len)
{
	cs_assert(len <= b->len);
	if (len > 0) {
		memmove(b->data, b->data + len, b->len - len);
		b->len -= len;
		b->data[b->len] = '\0';
	}
}

struct span
buf_as_span(const struct buf *b)
{
	return (struct span){b->data, b->len};
}

const char *
buf_text(const struct buf *b)
{
	return b->data == NULL ? "" : b->data;
}
