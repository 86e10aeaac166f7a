/*
 * Frames, the codec and the authority matrix. The layouts and the matrix are
 * written out once more here: a change of the wire must be made twice.
 */
#include "tests/unit/check.h"

#include <fcntl.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "proto/messages.h"

static struct arena *arena;
static uint64_t random_state;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new();
	random_state = 88172645463325252U;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* xorshift64: the same "random" values in every run. */
static uint32_t
random_below(uint32_t end)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return end == 0 ? 0 : (uint32_t)(random_state >> 16) % end;
}

/* The header by hand: length, type, flags, id; then the payload "abc". */
static const uint8_t known_frame[] = {
    0, 0, 0, 3, 0, 0x10, 0, 1, 1, 2, 3, 4, 'a', 'b', 'c'};

static void
a_frame_is_twelve_big_endian_bytes_and_its_payload(void **state)
{
	struct buf out = BUF_INIT;
	struct frame f;
	size_t place = frame_begin(&out, 0x10, FRAME_REPLY, 0x01020304);

	(void)state;
	buf_puts(&out, "abc");
	frame_end(&out, place);
	assert_int_equal(out.len, sizeof(known_frame));
	assert_memory_equal(out.data, known_frame, sizeof(known_frame));
	assert_int_equal(frame_take(buf_as_span(&out), 3, &f), 1);
	assert_int_equal(f.type, 0x10);
	assert_int_equal(f.flags, FRAME_REPLY);
	assert_int_equal(f.id, 0x01020304);
	assert_span(f.payload, "abc");
	buf_clear(&out);
}

static void
unknown_flags_and_lengths_over_the_cap_are_refused_at_once(void **state)
{
	struct frame f;

	(void)state;
	for (unsigned bit = 0; bit < 16; bit++) {
		uint8_t bytes[sizeof(known_frame)];
		struct span s = {(const char *)bytes, FRAME_HEADER_LEN};
		memcpy(bytes, known_frame, sizeof(bytes));
		bytes[6] = (uint8_t)(1U << bit >> 8);
		bytes[7] = (uint8_t)(1U << bit);
		assert_int_equal(
		    frame_take(s, 100, &f), bit < 2 ? 0 : CS_E_PROTOCOL);
	}
	/* Found from the header alone, before any payload is there. */
	struct span header = {(const char *)known_frame, FRAME_HEADER_LEN};
	assert_int_equal(frame_take(header, 2, &f), CS_E_PROTOCOL);
	assert_int_equal(frame_take(header, 3, &f), 0);
}

#define STREAM_FRAMES 50U

static struct buf
make_stream(void)
{
	struct buf stream = BUF_INIT;

	for (uint32_t i = 0; i < STREAM_FRAMES; i++) {
		size_t place = frame_begin(&stream, (uint16_t)i, 0, i);
		for (uint32_t n = random_below(300); n > 0; n--) {
			buf_putc(&stream, (char)random_below(256));
		}
		frame_end(&stream, place);
	}
	return stream;
}

/* Deliver `stream` in chunks of 1 to `max` bytes; every frame comes out once,
 * in order, and nothing is left. */
static void
deliver(struct span stream, uint32_t max)
{
	struct buf in = BUF_INIT;
	uint32_t next = 0;
	struct frame f;

	while (stream.len > 0) {
		size_t n = 1 + random_below(max);
		n = n < stream.len ? n : stream.len;
		buf_append(&in, stream.ptr, n);
		stream.ptr += n;
		stream.len -= n;
		while (frame_take(buf_as_span(&in), 300, &f) == 1) {
			assert_int_equal(f.id, next);
			assert_int_equal(f.type, next);
			assert_int_equal(f.payload.len, f.len);
			next++;
			buf_consume(&in, FRAME_HEADER_LEN + f.len);
		}
	}
	assert_int_equal(next, STREAM_FRAMES);
	assert_int_equal(in.len, 0);
	buf_clear(&in);
}

static void
frames_survive_any_chunking(void **state)
{
	static const uint32_t sizes[] = {1, 2, 11, 12, 13, 100, 5000};
	struct buf stream = make_stream();

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		deliver(buf_as_span(&stream), sizes[i]);
	}
	buf_clear(&stream);
}

/*
 * The payloads: u u32, b bool, eN enum of N values, tN text and yN bytes of at
 * most N, fN fixed, lN(…) list of at most N items.
 */
#define SCALAR "t200e4t262144"
#define CALL   "t200t512t512e3t16384l512(" SCALAR ")l512(" SCALAR ")"

static const struct layout {
	uint16_t type;
	const char *fields;
} layouts[] = {
    {MSG_HELLO, "uuuut64f32f32t64"},
    {MSG_FAILURE, "t64t1024b"},
    {MSG_PING, ""},
    {MSG_PONG, ""},
    {MSG_DOCUMENT, "by524288"},
    {MSG_READ, CALL},
    {MSG_RECORDED, "t200"},
    {MSG_PROPOSE, CALL},
    {MSG_PROPOSED, "t200ut200t200t64bt64l512(" SCALAR ")"},
    {MSG_REFUSE, "t200t512t512e3t64t1024"},
    {MSG_RESOURCE, "e3t200t512t512t16384"},
    {MSG_STATUS, "t200t512t512t16384"},
    {MSG_STATED, "t200t200t1024t64t64t64bbb"},
    {MSG_WITHDRAW, "t200t512t512t16384"},
    {MSG_CLAIM, "u"},
    {MSG_JOB, "t200y524288f64"},
    {MSG_IDLE, ""},
    {MSG_REPORT, "t200y60000"},
    {MSG_APPLYING, "t200"},
    {MSG_OBSERVED, "t200e5t64t1024l512(" SCALAR ")"},
    {MSG_QUERY, "e7ul24(t64t512)"},
    {MSG_SHOW, "e11t200"},
    {MSG_DECIDE, "t200t200ue3t4096"},
    {MSG_APPLY, "t200bu"},
    {MSG_INSPECT, "t200u"},
    {MSG_RESOLVE, "t200e3t4096"},
    {MSG_KEEP, "e3ubb"},
    {MSG_SHADOW, "t200t8192t4096"},
    {MSG_PROGRESS, "t64u"},
    {MSG_STOP, "t200t64"},
    {MSG_PREPARE, "t200t200ue3t4096"},
    {MSG_SIGNED, "y16384y2048"},
    {MSG_FREEZE, "e3t512bt4096"},
    {MSG_ERASE, "t512t512t4096b"},
};

/* Where a field of a generated payload stands. */
struct place {
	char kind;
	size_t at;
	uint32_t max;
	uint32_t len; /* of a text, bytes or list */
};

struct payload {
	struct buf bytes;
	struct place places[4096];
	size_t count;
	bool full; /* texts and lists as long as they may be */
};

static void
put_u32(struct buf *out, uint32_t value)
{
	char bytes[4] = {(char)(value >> 24), (char)(value >> 16),
	    (char)(value >> 8), (char)value};

	buf_append(out, bytes, sizeof(bytes));
}

/* Very long ones are cut: the message has a cap of its own. */
static uint32_t
length_for(const struct payload *p, uint32_t max)
{
	if (p->full && max <= 4096) {
		return max;
	}
	return random_below(max < 40 ? max + 1 : 40);
}

static void
put_run(struct payload *p, char kind, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		char c = (char)random_below(256);
		buf_putc(&p->bytes, kind == 't' ? (char)('a' + i % 26) : c);
	}
}

static const char *put_fields(struct payload *p, const char *fields);

static const char *
put_list(struct payload *p, const char *items, uint32_t count)
{
	const char *end = strchr(items, ')');

	for (uint32_t i = 0; i < count; i++) {
		(void)put_fields(p, items);
	}
	return end + 1;
}

static const char *
put_field(struct payload *p, const char *fields)
{
	char *rest = NULL;
	struct place *place = &p->places[p->count++];

	*place = (struct place){.kind = *fields,
	    .at = p->bytes.len,
	    .max = (uint32_t)strtoul(fields + 1, &rest, 10)};
	switch (place->kind) {
	case 'u':
		put_u32(&p->bytes, random_below(UINT32_MAX));
		return fields + 1;
	case 'b':
		buf_putc(&p->bytes, (char)random_below(2));
		return fields + 1;
	case 'e':
		buf_putc(&p->bytes, (char)random_below(place->max));
		return rest;
	case 'f':
		put_run(p, 'f', place->max);
		return rest;
	case 'l':
		place->len =
		    p->full && place->max < 100 ? place->max : random_below(4);
		put_u32(&p->bytes, place->len);
		return put_list(p, rest + 1, place->len);
	default:
		place->len = length_for(p, place->max);
		put_u32(&p->bytes, place->len);
		put_run(p, place->kind, place->len);
		return rest;
	}
}

/* Up to the end or the ')' of a list's items. */
static const char *
put_fields(struct payload *p, const char *fields)
{
	while (*fields != '\0' && *fields != ')') {
		fields = put_field(p, fields);
	}
	return fields;
}

static struct payload *
generate(const struct layout *layout, bool full)
{
	static struct payload p;

	buf_clear(&p.bytes);
	p = (struct payload){.full = full};
	buf_reset(&p.bytes);
	(void)put_fields(&p, layout->fields);
	return &p;
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
	struct msg_observed observed;
};

/* Decode a copy of exactly this size: ASan sees every byte read too far. */
static int
decode(uint16_t type, struct span payload)
{
	char *copy = test_malloc(payload.len + 1);
	union any message;
	int rc;

	if (payload.len > 0) {
		memcpy(copy, payload.ptr, payload.len);
	}
	rc =
	    msg_decode(type, (struct span){copy, payload.len}, &message, arena);
	test_free(copy);
	arena_reset(arena);
	return rc;
}

static void
round_trip(const struct layout *layout, bool full)
{
	struct payload *p = generate(layout, full);
	struct buf frame = BUF_INIT;
	union any message;
	struct frame f;

	if (msg_decode(layout->type, buf_as_span(&p->bytes), &message, arena) !=
	    0) {
		fail_msg("%s", msg_info(layout->type)->name);
	}
	assert_int_equal(msg_encode(&frame, layout->type, 0, 7, &message), 0);
	assert_int_equal(frame_take(buf_as_span(&frame), UINT32_MAX, &f), 1);
	assert_int_equal(f.type, layout->type);
	assert_true(span_equal(f.payload, buf_as_span(&p->bytes)));
	buf_clear(&frame);
	arena_reset(arena);
}

static void
every_message_survives_the_wire(void **state)
{
	unsigned count = 0;

	(void)state;
	(void)msg_table(&count);
	assert_int_equal(count, COUNT(layouts));
	for (size_t i = 0; i < COUNT(layouts); i++) {
		for (int round = 0; round < 20; round++) {
			round_trip(&layouts[i], round == 0);
		}
	}
}

static void
every_cut_and_every_trailing_byte_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		struct buf *b = &generate(&layouts[i], false)->bytes;
		for (size_t len = 0; len < b->len; len++) {
			assert_int_equal(decode(layouts[i].type,
					     (struct span){b->data, len}),
			    CS_E_PROTOCOL);
		}
		buf_putc(b, '\0');
		assert_int_equal(
		    decode(layouts[i].type, buf_as_span(b)), CS_E_PROTOCOL);
	}
}

/* Put `value` at a place, see it refused, and put back what was there. */
static void
assert_bad(const struct layout *layout, struct payload *p, size_t at,
    const void *value, size_t len)
{
	char saved[4];

	memcpy(saved, p->bytes.data + at, len);
	memcpy(p->bytes.data + at, value, len);
	if (decode(layout->type, buf_as_span(&p->bytes)) != CS_E_PROTOCOL) {
		fail_msg("%s at %zu", msg_info(layout->type)->name, at);
	}
	memcpy(p->bytes.data + at, saved, len);
}

static void
assert_bad_length(
    const struct layout *layout, struct payload *p, const struct place *place)
{
	const uint32_t lengths[] = {place->len + 1, place->max + 1, UINT32_MAX,
	    UINT32_MAX - place->max, 0x80000000U};

	for (size_t i = 0; i < COUNT(lengths); i++) {
		const uint8_t bytes[4] = {(uint8_t)(lengths[i] >> 24),
		    (uint8_t)(lengths[i] >> 16), (uint8_t)(lengths[i] >> 8),
		    (uint8_t)lengths[i]};
		assert_bad(layout, p, place->at, bytes, sizeof(bytes));
	}
}

static void
assert_bad_values(
    const struct layout *layout, struct payload *p, const struct place *place)
{
	const uint8_t small[] = {
	    (uint8_t)(place->kind == 'b' ? 2 : place->max), 0x80, 0xff};

	if (place->kind == 'b' || place->kind == 'e') {
		for (size_t i = 0; i < COUNT(small); i++) {
			assert_bad(layout, p, place->at, &small[i], 1);
		}
	}
	if (place->kind == 't' && place->len > 0) {
		size_t last = place->at + 4 + place->len - 1;
		assert_bad(layout, p, place->at + 4, "", 1);
		assert_bad(layout, p, place->at + 4, "\xff", 1);
		assert_bad(layout, p, last, "", 1);
		assert_bad(layout, p, last, "\xc3", 1);
	}
	if (strchr("tyl", place->kind) != NULL) {
		assert_bad_length(layout, p, place);
	}
}

static void
every_bad_bool_enum_text_and_length_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		struct payload *p = generate(&layouts[i], false);
		for (size_t k = 0; k < p->count; k++) {
			assert_bad_values(&layouts[i], p, &p->places[k]);
		}
	}
}

/* One byte more than a text may have, with all its bytes there. */
static void
a_text_over_its_cap_is_refused_even_when_it_is_all_there(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	put_u32(&b, 201);
	for (int i = 0; i < 201; i++) {
		buf_putc(&b, 'x');
	}
	assert_int_equal(decode(MSG_RECORDED, buf_as_span(&b)), CS_E_PROTOCOL);
	b.data[3] = (char)200;
	b.len--;
	assert_int_equal(decode(MSG_RECORDED, buf_as_span(&b)), 0);
	buf_clear(&b);
}

static void
a_list_that_lies_about_its_count_costs_nothing(void **state)
{
	static const char text[] = "\0\0\0\0\0\0\0\0\0\0\0\0\0"
				   "\0\0\2\0"; /* 512 args, none there */

	(void)state;
	assert_int_equal(
	    decode(MSG_READ, (struct span){text, sizeof(text) - 1}),
	    CS_E_PROTOCOL);
}

static void
what_we_may_not_send_is_not_appended(void **state)
{
	struct buf out = BUF_INIT;
	char long_text[300];
	struct msg_recorded m = {{long_text, 201}};
	struct msg_show show = {.kind = SHOW_KINDS};

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	buf_puts(&out, "before");
	assert_int_equal(
	    msg_encode(&out, MSG_RECORDED, FRAME_REPLY, 1, &m), CS_E_TOO_LARGE);
	m.evidence_id = LITERAL("a\0b");
	assert_int_not_equal(
	    msg_encode(&out, MSG_RECORDED, FRAME_REPLY, 1, &m), 0);
	m.evidence_id = LITERAL("\xff");
	assert_int_not_equal(
	    msg_encode(&out, MSG_RECORDED, FRAME_REPLY, 1, &m), 0);
	assert_int_not_equal(msg_encode(&out, MSG_SHOW, 0, 1, &show), 0);
	assert_string_equal(buf_text(&out), "before");
	buf_clear(&out);
}

static void
a_failure_is_cut_between_characters(void **state)
{
	struct buf out = BUF_INIT;
	struct msg_failure m;
	struct buf text = BUF_INIT;
	struct frame f;

	(void)state;
	buf_putc(&text, 'x');
	for (int i = 0; i < 2000; i++) {
		buf_puts(&text, "\xc3\xa9");
	}
	msg_encode_failure(&out, 9, "WORD", buf_text(&text), true);
	assert_int_equal(frame_take(buf_as_span(&out), 2048, &f), 1);
	assert_int_equal(f.flags, FRAME_REPLY | FRAME_ERROR);
	assert_int_equal(f.id, 9);
	assert_int_equal(msg_decode(f.type, f.payload, &m, arena), 0);
	assert_span(m.reason, "WORD");
	assert_true(m.retryable);
	assert_int_equal(m.message.len, 1023);
	assert_true(utf8_is_valid(m.message));
	buf_clear(&out);
	buf_clear(&text);
}

/* Who may send what, at most how much, and when: First, Open or Reply. */
static const struct {
	uint16_t number;
	const char *name;
	const char *senders;
	uint32_t max;
	char policy;
	uint16_t reply;
} matrix[] = {
    {0x01, "HELLO", "MWHCL", 1024, 'F', 0x01},
    {0x02, "FAILURE", "L", 2048, 'R', 0},
    {0x03, "PING", "MWHC", 0, 'O', 0x04},
    {0x04, "PONG", "L", 0, 'R', 0},
    {0x05, "DOCUMENT", "L", 1048576, 'R', 0},
    {0x06, "PROGRESS", "L", 128, 'R', 0},
    {0x10, "READ", "M", 1048576, 'O', 0x11},
    {0x11, "RECORDED", "L", 1024, 'R', 0},
    {0x12, "PROPOSE", "M", 1048576, 'O', 0x13},
    {0x13, "PROPOSED", "L", 1048576, 'R', 0},
    {0x14, "REFUSE", "M", 8192, 'O', 0x11},
    {0x15, "RESOURCE", "M", 24576, 'O', 0x05},
    {0x16, "STATUS", "M", 24576, 'O', 0x17},
    {0x17, "STATED", "L", 2048, 'R', 0},
    {0x18, "WITHDRAW", "M", 24576, 'O', 0x17},
    {0x20, "CLAIM", "WH", 64, 'O', 0x21},
    {0x21, "JOB", "L", 1048576, 'R', 0},
    {0x22, "IDLE", "L", 0, 'R', 0},
    {0x23, "REPORT", "WH", 65536, 'O', 0x04},
    {0x24, "APPLYING", "W", 1024, 'O', 0x04},
    {0x25, "OBSERVED", "W", 262144, 'O', 0x04},
    {0x26, "STOP", "L", 1024, 'R', 0},
    {0x30, "QUERY", "C", 16384, 'O', 0x05},
    {0x31, "SHOW", "C", 4096, 'O', 0x05},
    {0x32, "DECIDE", "C", 16384, 'O', 0x05},
    {0x33, "APPLY", "C", 4096, 'O', 0x05},
    {0x34, "INSPECT", "C", 4096, 'O', 0x05},
    {0x35, "RESOLVE", "C", 16384, 'O', 0x05},
    {0x36, "KEEP", "C", 64, 'O', 0x05},
    {0x37, "SHADOW", "C", 16384, 'O', 0x05},
    {0x38, "PREPARE", "C", 16384, 'O', 0x05},
    {0x39, "SIGNED", "C", 32768, 'O', 0x05},
    {0x3a, "FREEZE", "C", 16384, 'O', 0x05},
    {0x3b, "ERASE", "C", 16384, 'O', 0x05},
};

static const struct {
	enum proto_role role;
	char letter;
	const char *name;
} roles[] = {{ROLE_MCPD, 'M', "mcpd"}, {ROLE_WRITER, 'W', "writer"},
    {ROLE_HANDLER, 'H', "handler"}, {ROLE_CONTROL, 'C', "control"},
    {ROLE_LEDGER, 'L', "ledgerd"}};

static void
check_cell(size_t row, size_t role, bool greeted, bool reply)
{
	bool may = strchr(matrix[row].senders, roles[role].letter) != NULL &&
		   greeted == (matrix[row].policy != 'F') &&
		   reply == (roles[role].letter == 'L');
	const uint32_t lens[] = {0, matrix[row].max, matrix[row].max + 1};

	for (size_t i = 0; i < COUNT(lens); i++) {
		bool fits = may && lens[i] <= matrix[row].max;
		if (msg_check(roles[role].role, greeted, matrix[row].number,
			reply, lens[i]) != (fits ? 0 : CS_E_PROTOCOL)) {
			fail_msg("%s %s greeted=%d reply=%d len=%u",
			    roles[role].name, matrix[row].name, greeted, reply,
			    lens[i]);
		}
	}
}

static void
a_role_may_send_exactly_what_the_matrix_says(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(matrix); row++) {
		for (size_t role = 0; role < COUNT(roles); role++) {
			for (unsigned bits = 0; bits < 4; bits++) {
				check_cell(
				    row, role, (bits & 1) != 0, bits >> 1 != 0);
			}
		}
	}
}

static void
the_matrix_has_exactly_these_rows(void **state)
{
	unsigned count = 0;
	const struct msg_info *table = msg_table(&count);

	(void)state;
	assert_int_equal(count, COUNT(matrix));
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(table[i].type, matrix[i].number);
		assert_string_equal(table[i].name, matrix[i].name);
		assert_int_equal(table[i].max_bytes, matrix[i].max);
		assert_int_equal(table[i].reply, matrix[i].reply);
		assert_ptr_equal(msg_info(matrix[i].number), &table[i]);
	}
}

static void
numbers_that_do_not_exist_are_nobodys(void **state)
{
	(void)state;
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		if (msg_info((uint16_t)type) != NULL) {
			continue;
		}
		for (unsigned i = 0; i < 4 * COUNT(roles); i++) {
			assert_int_equal(
			    msg_check(roles[i / 4].role, (i & 1) != 0,
				(uint16_t)type, (i & 2) != 0, 0),
			    CS_E_PROTOCOL);
		}
	}
}

static void
the_cap_of_a_role_is_its_largest_message(void **state)
{
	(void)state;
	assert_int_equal(msg_role_cap(ROLE_MCPD), 1048576);
	assert_int_equal(msg_role_cap(ROLE_WRITER), 262144);
	assert_int_equal(msg_role_cap(ROLE_HANDLER), 65536);
	assert_int_equal(msg_role_cap(ROLE_CONTROL), 32768);
	assert_int_equal(msg_role_cap(ROLE_LEDGER), 1048576);
}

/* "| 0x10 | `READ` | mcpd | 1048576 |" */
static void
put_document_row(struct buf *row, size_t i)
{
	const char *comma = "";

	buf_printf(row, "| 0x%02x | `%s` | ", matrix[i].number, matrix[i].name);
	for (size_t r = 0; r < COUNT(roles); r++) {
		if (strchr(matrix[i].senders, roles[r].letter) != NULL) {
			buf_printf(row, "%s%s", comma, roles[r].name);
			comma = ", ";
		}
	}
	buf_printf(row, " | %u |", matrix[i].max);
}

static void
the_document_names_every_message(void **state)
{
	struct buf text = BUF_INIT;
	int fd = open(CS_SOURCE_DIR "/proto/PROTOCOL.md", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_read_rest(fd, 1U << 20, &text, NULL), 0);
	fd_close(&fd);
	for (size_t i = 0; i < COUNT(matrix); i++) {
		struct buf row = BUF_INIT;
		put_document_row(&row, i);
		if (strstr(buf_text(&text), buf_text(&row)) == NULL) {
			fail_msg("PROTOCOL.md lacks: %s", buf_text(&row));
		}
		buf_clear(&row);
	}
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_frame_is_twelve_big_endian_bytes_and_its_payload),
	    cmocka_unit_test(
		unknown_flags_and_lengths_over_the_cap_are_refused_at_once),
	    cmocka_unit_test(frames_survive_any_chunking),
	    cmocka_unit_test(every_message_survives_the_wire),
	    cmocka_unit_test(every_cut_and_every_trailing_byte_is_refused),
	    cmocka_unit_test(every_bad_bool_enum_text_and_length_is_refused),
	    cmocka_unit_test(
		a_text_over_its_cap_is_refused_even_when_it_is_all_there),
	    cmocka_unit_test(a_list_that_lies_about_its_count_costs_nothing),
	    cmocka_unit_test(what_we_may_not_send_is_not_appended),
	    cmocka_unit_test(a_failure_is_cut_between_characters),
	    cmocka_unit_test(a_role_may_send_exactly_what_the_matrix_says),
	    cmocka_unit_test(the_matrix_has_exactly_these_rows),
	    cmocka_unit_test(numbers_that_do_not_exist_are_nobodys),
	    cmocka_unit_test(the_cap_of_a_role_is_its_largest_message),
	    cmocka_unit_test(the_document_names_every_message),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
