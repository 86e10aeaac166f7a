/*
 * Any bytes as a stream of frames: the same frames come out whether they arrive
 * at once or one byte at a time.
 */
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

#define CAP 4096U

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* A frame that was taken is made of the bytes that it came from. */
static void
check_frame(struct span in, const struct frame *f)
{
	struct buf again = BUF_INIT;
	size_t place = frame_begin(&again, f->type, f->flags, f->id);

	buf_span(&again, f->payload);
	frame_end(&again, place);
	cs_assert(f->len <= CAP && again.len <= in.len);
	cs_assert(memcmp(again.data, in.ptr, again.len) == 0);
	buf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data, size};
	struct frame f;
	int rc;

	while ((rc = frame_take(rest, CAP, &f)) == 1) {
		size_t len = FRAME_HEADER_LEN + f.len;
		struct frame early;
		check_frame(rest, &f);
		for (size_t n = 0; n < len; n++) {
			struct span part = {rest.ptr, n};
			cs_assert(frame_take(part, CAP, &early) == 0);
		}
		rest.ptr += len;
		rest.len -= len;
	}
	cs_assert(rc == 0 || rc == CS_E_PROTOCOL);
	return 0;
}
