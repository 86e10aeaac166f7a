/*
 * A growing byte buffer. Appending our own bounded text aborts when memory
 * runs out; room for a size that a peer chose is asked for with buf_reserve.
 */
#ifndef CS_COMMON_BASE_BUF_H
#define CS_COMMON_BASE_BUF_H

#include "common/base/span.h"

struct buf {
	char *data; /* always NUL-terminated once anything was appended */
	size_t len;
	size_t cap;
};

#define BUF_INIT           \
	{                  \
		NULL, 0, 0 \
	}

/* Free the memory and leave an empty buffer. */
void buf_clear(struct buf *b);

/* Keep the memory, forget the content. */
void buf_reset(struct buf *b);

/* Make room for `more` bytes, which a peer may have chosen; CS_E_NOMEM
 * leaves the buffer as it was. The one function here that can fail. */
int buf_reserve(struct buf *b, size_t more);

/* Append; abort when memory runs out. `data` must not point into the buffer. */
void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_span(struct buf *b, struct span s);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop `len` bytes from the front; moves the rest, so consume once per turn
 * and not once per message. */
void buf_consume(struct buf *b, size_t len);

/* The content as a span, valid until the buffer changes. */
struct span buf_as_span(const struct buf *b);

/* The content as a C string, "" when empty. */
const char *buf_text(const struct buf *b);

#endif
