/*
 * Frames on a Unix stream socket: 12 bytes of header, big-endian, then the
 * payload: u32 payload length, u16 type, u16 flags, u32 request id.
 * Pure functions; nothing here reads or writes a descriptor.
 */
#ifndef CS_PROTO_FRAME_H
#define CS_PROTO_FRAME_H

#include <stdint.h>

#include "common/base/buf.h"

#define FRAME_HEADER_LEN 12
/* Flags: set on everything ledgerd sends; ERROR marks a FAILURE. */
#define FRAME_REPLY 1U
#define FRAME_ERROR 2U

struct frame {
	uint32_t len;
	uint16_t type;
	uint16_t flags;
	uint32_t id;
	struct span payload; /* borrowed; set by frame_take */
};

/*
 * Append a header with a length that frame_end fills in; returns its place.
 * Between the two calls the payload is appended to the same buffer. A frame
 * that is given up is cut off at `place`.
 */
size_t frame_begin(struct buf *out, uint16_t type, uint16_t flags, uint32_t id);
void frame_end(struct buf *out, size_t place);

/* Read a header (untrusted). CS_E_PROTOCOL for unknown flag bits. */
int frame_header(const uint8_t header[FRAME_HEADER_LEN], struct frame *out);

/*
 * Take the first frame from `in`. Returns 1 and fills *out (payload borrowed
 * from `in`), 0 when more bytes are needed, CS_E_PROTOCOL for a bad header or
 * a length over `cap`, found before the payload is there.
 */
int frame_take(struct span in, uint32_t cap, struct frame *out);

#endif
