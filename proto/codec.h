/*
 * The one codec: walks a table of fields. Big-endian numbers; bool and enum are
 * checked against their range; text is valid UTF-8 without NUL.
 */
#ifndef CS_PROTO_CODEC_H
#define CS_PROTO_CODEC_H

#include <stdint.h>

#include "common/base/buf.h"

struct arena;

enum field_type {
	FIELD_BOOL,  /* bool, one byte 0 or 1 */
	FIELD_U32,   /* uint32_t */
	FIELD_ENUM,  /* uint32_t, one byte on the wire, below max */
	FIELD_BYTES, /* struct span: u32 length, then at most max bytes */
	FIELD_TEXT,  /* the same, valid UTF-8 without NUL */
	FIELD_FIXED, /* uint8_t[max] */
	FIELD_LIST /* {T *items; uint32_t count}: u32 count ≤ max, then items */
};

/* One member of a message. `max` is the cap in bytes or items, the number of
 * values of an enum, or the length of a fixed field. */
struct field {
	enum field_type type;
	uint32_t max;
	size_t offset;                   /* in the C struct */
	const struct field_table *items; /* lists only */
};

struct field_table {
	const struct field *fields;
	size_t count;
	size_t size; /* of the C struct */
};

/* How every list struct begins. */
struct field_list {
	void *items;
	uint32_t count;
};

/*
 * Append the encoding of our own message. CS_E_TOO_LARGE for a text, bytes or
 * list over its cap or a text that is not valid; CS_E_INVALID for an enum out
 * of range. `out` is longer then: the caller cuts.
 */
int codec_encode(
    const struct field_table *table, const void *message, struct buf *out);

/*
 * Decode exactly `payload` (untrusted) into the struct of `table`, which is
 * zeroed first. Spans borrow from the payload; lists are allocated from `a`,
 * never for more items than bytes are left. CS_E_PROTOCOL for anything missing,
 * out of its cap, or behind the last field; then *message must not be used.
 */
int codec_decode(const struct field_table *table, struct span payload,
    void *message, struct arena *a);

#endif
