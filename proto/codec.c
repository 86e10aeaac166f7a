#include "proto/codec.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

static void
put_u32(struct buf *out, uint32_t value)
{
	uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
	    (uint8_t)(value >> 8), (uint8_t)value};

	buf_append(out, bytes, sizeof(bytes));
}

static int encode_table(
    const struct field_table *table, const char *base, struct buf *out);

/* Our own texts are checked like a peer's: a message that the other side
 * would have to refuse never leaves. */
static int
encode_span(const struct field *f, const char *at, struct buf *out)
{
	struct span s;

	memcpy(&s, at, sizeof(s));
	if (s.len > f->max ||
	    (f->type == FIELD_TEXT &&
		(!utf8_is_valid(s) ||
		    (s.len > 0 && memchr(s.ptr, 0, s.len) != NULL)))) {
		return CS_E_TOO_LARGE;
	}
	put_u32(out, (uint32_t)s.len);
	buf_span(out, s);
	return 0;
}

static int // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
encode_list(const struct field *f, const char *at, struct buf *out)
{
	struct field_list list;

	memcpy(&list, at, sizeof(list));
	if (list.count > f->max) {
		return CS_E_TOO_LARGE;
	}
	put_u32(out, list.count);
	for (uint32_t i = 0; i < list.count; i++) {
		const char *item =
		    (const char *)list.items + (size_t)i * f->items->size;
		int rc = encode_table(f->items, item, out);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* A u32, or an enum as one byte below its end. */
static int
encode_number(const struct field *f, const char *at, struct buf *out)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	if (f->type == FIELD_U32) {
		put_u32(out, value);
		return 0;
	}
	if (value >= f->max) {
		return CS_E_INVALID;
	}
	buf_putc(out, (char)value);
	return 0;
}

static int // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
encode_field(const struct field *f, const char *at, struct buf *out)
{
	switch (f->type) {
	case FIELD_BOOL:
		buf_putc(out, *(const bool *)at ? 1 : 0);
		return 0;
	case FIELD_U32:
	case FIELD_ENUM:
		return encode_number(f, at, out);
	case FIELD_BYTES:
	case FIELD_TEXT:
		return encode_span(f, at, out);
	case FIELD_FIXED:
		buf_append(out, at, f->max);
		return 0;
	case FIELD_LIST:
		return encode_list(f, at, out);
	default:
		return CS_E_INVALID;
	}
}

static int // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
encode_table(const struct field_table *table, const char *base, struct buf *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];
		int rc = encode_field(f, base + f->offset, out);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

int
codec_encode(
    const struct field_table *table, const void *message, struct buf *out)
{
	return encode_table(table, message, out);
}

/* The rest of the payload while decoding. */
struct reader {
	struct span rest;
	struct arena *arena;
};

/* Step over `len` bytes; NULL when fewer are left. Every read of the payload
 * goes through here, so this is the one bound to look at. */
static const char *
take(struct reader *r, size_t len)
{
	const char *p = r->rest.ptr;

	if (r->rest.len < len) {
		return NULL;
	}
	r->rest.ptr += len;
	r->rest.len -= len;
	return p;
}

static int
take_u32(struct reader *r, uint32_t *out)
{
	const unsigned char *p = (const unsigned char *)take(r, 4);

	if (p == NULL) {
		return CS_E_PROTOCOL;
	}
	*out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
	return 0;
}

static int decode_table(
    const struct field_table *table, struct reader *r, char *base);

/* The length is compared with the field's cap before it is believed. */
static int
decode_span(const struct field *f, struct reader *r, char *at)
{
	uint32_t len = 0;
	struct span s;

	if (take_u32(r, &len) != 0 || len > f->max) {
		return CS_E_PROTOCOL;
	}
	s = (struct span){take(r, len), len};
	if (s.ptr == NULL && len > 0) {
		return CS_E_PROTOCOL;
	}
	if (f->type == FIELD_TEXT &&
	    (!utf8_is_valid(s) || (len > 0 && memchr(s.ptr, 0, len) != NULL))) {
		return CS_E_PROTOCOL;
	}
	memcpy(at, &s, sizeof(s));
	return 0;
}

static int // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
decode_list(const struct field *f, struct reader *r, char *at)
{
	struct field_list list = {NULL, 0};

	if (take_u32(r, &list.count) != 0 || list.count > f->max ||
	    list.count > r->rest.len) {
		/* Each item takes at least a byte: no allocation on a lie. */
		return CS_E_PROTOCOL;
	}
	list.items = arena_array(r->arena, list.count, f->items->size);
	for (uint32_t i = 0; i < list.count; i++) {
		char *item = (char *)list.items + (size_t)i * f->items->size;
		if (decode_table(f->items, r, item) != 0) {
			return CS_E_PROTOCOL;
		}
	}
	memcpy(at, &list, sizeof(list));
	return 0;
}

/* One byte below `max`: an enum, or a bool with max 2. */
static int
decode_small(struct reader *r, uint32_t max, uint32_t *out)
{
	const char *p = take(r, 1);

	if (p == NULL || (uint8_t)*p >= max) {
		return CS_E_PROTOCOL;
	}
	*out = (uint8_t)*p;
	return 0;
}

static int
decode_scalar(const struct field *f, struct reader *r, char *at)
{
	uint32_t value = 0;

	if (f->type == FIELD_U32) {
		if (take_u32(r, &value) != 0) {
			return CS_E_PROTOCOL;
		}
	} else if (decode_small(
		       r, f->type == FIELD_BOOL ? 2 : f->max, &value) != 0) {
		return CS_E_PROTOCOL;
	}
	if (f->type == FIELD_BOOL) {
		*(bool *)at = value != 0;
	} else {
		memcpy(at, &value, sizeof(value));
	}
	return 0;
}

static int // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
decode_field(const struct field *f, struct reader *r, char *at)
{
	const char *p;

	switch (f->type) {
	case FIELD_BOOL:
	case FIELD_U32:
	case FIELD_ENUM:
		return decode_scalar(f, r, at);
	case FIELD_BYTES:
	case FIELD_TEXT:
		return decode_span(f, r, at);
	case FIELD_FIXED:
		p = take(r, f->max);
		if (p == NULL) {
			return CS_E_PROTOCOL;
		}
		memcpy(at, p, f->max);
		return 0;
	case FIELD_LIST:
		return decode_list(f, r, at);
	default:
		return CS_E_PROTOCOL;
	}
}

static int // NOLINTNEXTLINE(misc-no-recursion): as deep as the tables
decode_table(const struct field_table *table, struct reader *r, char *base)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *f = &table->fields[i];
		if (decode_field(f, r, base + f->offset) != 0) {
			return CS_E_PROTOCOL;
		}
	}
	return 0;
}

int
codec_decode(const struct field_table *table, struct span payload,
    void *message, struct arena *a)
{
	struct reader r = {payload, a};

	memset(message, 0, table->size);
	/* Bytes behind the last field are refused: two readings of one
	 * payload must not be possible. */
	if (decode_table(table, &r, message) != 0 || r.rest.len != 0) {
		return CS_E_PROTOCOL;
	}
	return 0;
}
