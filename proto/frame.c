#include "proto/frame.h"

#include "common/base/err.h"

static void
put_be(uint8_t *p, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		p[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	}
}

static uint32_t
get_be(const uint8_t *p, unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++) {
		value = value << 8 | p[i];
	}
	return value;
}

size_t
frame_begin(struct buf *out, uint16_t type, uint16_t flags, uint32_t id)
{
	uint8_t header[FRAME_HEADER_LEN];
	size_t place = out->len;

	put_be(header, 0, 4);
	put_be(header + 4, type, 2);
	put_be(header + 6, flags, 2);
	put_be(header + 8, id, 4);
	buf_append(out, header, sizeof(header));
	return place;
}

void
frame_end(struct buf *out, size_t place)
{
	put_be((uint8_t *)out->data + place,
	    (uint32_t)(out->len - place - FRAME_HEADER_LEN), 4);
}

int
frame_header(const uint8_t header[FRAME_HEADER_LEN], struct frame *out)
{
	*out = (struct frame){.len = get_be(header, 4),
	    .type = (uint16_t)get_be(header + 4, 2),
	    .flags = (uint16_t)get_be(header + 6, 2),
	    .id = get_be(header + 8, 4)};
	return (out->flags & ~(FRAME_REPLY | FRAME_ERROR)) != 0 ? CS_E_PROTOCOL
								: 0;
}

int
frame_take(struct span in, uint32_t cap, struct frame *out)
{
	uint8_t header[FRAME_HEADER_LEN];

	if (in.len < FRAME_HEADER_LEN) {
		return 0;
	}
	memcpy(header, in.ptr, sizeof(header));
	/* Before the payload is there: a peer that announces too much is
	 * known by its first twelve bytes, and nothing is reserved for it. */
	if (frame_header(header, out) != 0 || out->len > cap) {
		return CS_E_PROTOCOL;
	}
	if (in.len - FRAME_HEADER_LEN < out->len) {
		return 0;
	}
	out->payload = (struct span){in.ptr + FRAME_HEADER_LEN, out->len};
	return 1;
}
