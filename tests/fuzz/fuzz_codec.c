/*
 * What one role (FUZZ_ROLE) may send: every frame that passes msg_check and
 * decodes encodes to the very same bytes, so that there is one spelling.
 */
#include "proto/messages.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

union any {
	struct msg_hello hello;
	struct msg_call call;
	struct msg_proposed proposed;
	struct msg_job job;
	struct msg_refuse refuse;
	struct msg_resource resource;
	struct msg_status status;
	struct msg_stated stated;
	struct msg_query query;
	struct msg_decide decide;
};

static void
check_message(const struct frame *f, struct arena *a)
{
	union any message;
	struct buf again = BUF_INIT;

	cs_assert(f->len <= msg_info(f->type)->max_bytes);
	if (msg_decode(f->type, f->payload, &message, a) == 0) {
		cs_assert(msg_encode(
			      &again, f->type, f->flags, f->id, &message) == 0);
		cs_assert(again.len == FRAME_HEADER_LEN + f->len);
		cs_assert(f->len == 0 || memcmp(again.data + FRAME_HEADER_LEN,
					     f->payload.ptr, f->len) == 0);
	}
	buf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data, size};
	struct arena *a = arena_new();
	bool greeted = false;
	struct frame f;

	while (frame_take(rest, msg_role_cap(FUZZ_ROLE), &f) == 1) {
		if (msg_check(FUZZ_ROLE, greeted, f.type,
			(f.flags & FRAME_REPLY) != 0, f.len) != 0) {
			break;
		}
		check_message(&f, a);
		greeted = true;
		arena_reset(a);
		rest.ptr += FRAME_HEADER_LEN + f.len;
		rest.len -= FRAME_HEADER_LEN + f.len;
	}
	arena_free(&a);
	return 0;
}
