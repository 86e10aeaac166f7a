/*
 * A reviewer with many hands: approves or applies proposals over the control
 * socket, N requests in flight, until the time is over or the list on standard
 * input ("proposal_id proposal_hash" a line) is used up. Proposals are taken in
 * the order of the list, so the number of calls says which ones are done.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/fdio.h"
#include "proto/messages.h"
#include "tests/bench/samples.h"

#define CHUNK    65536U
#define WAIT_MS  60000U
#define WRITE_MS 30000

static const char usage[] =
    "usage: control_load SOCKET decide|apply IN_FLIGHT MILLISECONDS";

struct control_load {
	int fd;
	bool apply;
	size_t in_flight;
	int64_t until_ns;
	struct buf list;
	size_t taken;      /* bytes of the list */
	int64_t *asked_ns; /* by request id */
	uint32_t last_id;
	size_t waiting;
	struct arena *arena;
	struct buf in;
	struct buf out;
	struct samples samples;
};

static void
send_out(struct control_load *l)
{
	if (l->out.len > 0 && fd_write_all(l->fd, l->out.data, l->out.len,
				  clock_mono_ms() + WRITE_MS) != 0) {
		bench_die("ledgerd does not take requests any more");
	}
	buf_reset(&l->out);
}

static struct span
next_word(struct control_load *l, char end)
{
	struct span word = {l->list.data + l->taken, 0};
	const char *at = memchr(word.ptr, end, l->list.len - l->taken);

	if (at != NULL) {
		word.len = (size_t)(at - word.ptr);
		l->taken += word.len + 1;
	}
	return word;
}

/* One more request, unless time or list is over. */
static void
ask(struct control_load *l)
{
	struct span id;
	struct span hash;
	int rc;

	if (l->taken >= l->list.len || bench_now_ns() >= l->until_ns) {
		return;
	}
	id = next_word(l, ' ');
	hash = next_word(l, '\n');
	l->last_id++;
	if (l->apply) {
		struct msg_apply m = {.proposal_id = id, .wait_ms = WAIT_MS};

		rc = msg_encode(&l->out, MSG_APPLY, 0, l->last_id, &m);
	} else {
		struct msg_decide m = {.proposal_id = id,
		    .proposal_hash = hash,
		    .proposal_version = 1,
		    .action = DECISION_APPROVE,
		    .reason = {"", 0}};

		rc = msg_encode(&l->out, MSG_DECIDE, 0, l->last_id, &m);
	}
	if (rc != 0) {
		bench_die("line %u of the list is wrong", l->last_id);
	}
	l->asked_ns[l->last_id] = bench_now_ns();
	l->waiting++;
}

static bool
contains(struct span text, const char *part)
{
	return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* A document in one piece that says what was asked for. */
static bool
is_ok(struct control_load *l, const struct frame *f)
{
	struct msg_document m;

	if ((f->flags & FRAME_ERROR) != 0 || f->type != MSG_DOCUMENT ||
	    msg_decode(MSG_DOCUMENT, f->payload, &m, l->arena) != 0 || m.more) {
		return false;
	}
	return contains(m.bytes,
	    l->apply ? "\"status\":\"applied\"" : "\"state\":\"approved\"");
}

static void
take_answer(struct control_load *l, const struct frame *f)
{
	bool ok = is_ok(l, f);

	if (f->id == 0 || f->id > l->last_id || l->asked_ns[f->id] == 0) {
		bench_die("ledgerd answered something that was not asked");
	}
	if (!ok && l->samples.errors == 0) {
		(void)fprintf(
		    stderr, "bench: not ok: %.*s\n", SPAN_ARGS(f->payload));
	}
	samples_add(&l->samples, l->asked_ns[f->id], ok);
	l->asked_ns[f->id] = 0;
	l->waiting--;
	arena_reset(l->arena);
	ask(l);
}

/* Read once; hand every whole frame to `take`. */
static void
receive(struct control_load *l,
    void (*take)(struct control_load *l, const struct frame *f))
{
	struct frame f;
	size_t used = 0;
	ssize_t n;
	int rc;

	if (buf_reserve(&l->in, CHUNK) != 0 ||
	    (n = read(l->fd, l->in.data + l->in.len, CHUNK)) <= 0) {
		bench_die("ledgerd is gone");
	}
	l->in.len += (size_t)n;
	do {
		rc = frame_take(
		    (struct span){l->in.data + used, l->in.len - used},
		    msg_role_cap(ROLE_LEDGER), &f);
		if (rc == 1) {
			used += FRAME_HEADER_LEN + f.len;
			take(l, &f);
		}
	} while (rc == 1);
	if (rc != 0) {
		bench_die("ledgerd sent a damaged frame");
	}
	buf_consume(&l->in, used);
}

static void
take_hello(struct control_load *l, const struct frame *f)
{
	if (f->type != MSG_HELLO || (f->flags & FRAME_ERROR) != 0) {
		bench_die("ledgerd refused the greeting");
	}
	l->waiting--;
}

static void
greet(struct control_load *l)
{
	struct msg_hello m = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .minor = PROTO_MINOR,
	    .role = ROLE_CONTROL,
	    .build = span_of(CS_VERSION)};

	if (msg_encode(&l->out, MSG_HELLO, 0, 0, &m) != 0) {
		bench_die("cannot encode the greeting");
	}
	send_out(l);
	l->waiting = 1;
	while (l->waiting > 0) {
		receive(l, take_hello);
	}
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
		(int)sizeof(address.sun_path) ||
	    fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
		0) {
		bench_die("cannot connect to %s", path);
	}
	return fd;
}

static void
read_list(struct control_load *l)
{
	size_t lines = 0;

	if (fd_read_rest(STDIN_FILENO, 256U << 20, &l->list, NULL) != 0) {
		bench_die("cannot read the list");
	}
	for (size_t i = 0; i < l->list.len; i++) {
		lines += l->list.data[i] == '\n' ? 1 : 0;
	}
	l->asked_ns = calloc(lines + 2, sizeof(*l->asked_ns));
	if (l->asked_ns == NULL) {
		bench_die("out of memory");
	}
}

int
main(int argc, char **argv)
{
	static struct control_load l;

	if (argc != 5) {
		bench_die("%s", usage);
	}
	l.arena = arena_new();
	l.apply = strcmp(argv[2], "apply") == 0;
	l.in_flight = (size_t)bench_number(argv[3], 1);
	read_list(&l);
	l.fd = connect_to(argv[1]);
	greet(&l);
	samples_begin(&l.samples);
	l.until_ns = l.samples.start_ns + bench_number(argv[4], 1) * 1000000;
	for (size_t i = 0; i < l.in_flight; i++) {
		ask(&l);
	}
	send_out(&l);
	while (l.waiting > 0) {
		receive(&l, take_answer);
		send_out(&l);
	}
	samples_print(&l.samples);
	fd_close(&l.fd);
	buf_clear(&l.list);
	buf_clear(&l.in);
	buf_clear(&l.out);
	arena_free(&l.arena);
	free(l.asked_ns);
	return 0;
}
