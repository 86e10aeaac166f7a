/*
 * An MCP client that keeps N tools/call requests in flight on two descriptors
 * for a while, and checks that every answer is a success. The conversation has
 * been initialized already.
 */
#include <errno.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "tests/bench/samples.h"

#define SLOTS_MAX 1024
#define CHUNK     65536U
#define WRITE_MS  30000

static const char usage[] =
    "usage: load IN_FD OUT_FD read|propose IN_FLIGHT MILLISECONDS KEYS FIRST";

struct load {
	int in_fd;  /* answers */
	int out_fd; /* requests */
	bool propose;
	size_t in_flight;
	int64_t until_ns;
	uint64_t keys; /* invoices in the source */
	uint64_t next; /* number of the next call, never used before */
	size_t waiting;
	int64_t asked_ns[SLOTS_MAX];
	struct buf in;
	struct buf out;
	struct samples samples;
};

/* The id says the slot. */
static void
put_call(struct load *l, size_t slot)
{
	uint64_t n = l->next++;

	buf_printf(&l->out,
	    "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"%s\",\"arguments\":{\"invoice_id\":"
	    "\"INV-%llu\"",
	    (unsigned long long)(n * SLOTS_MAX + slot),
	    l->propose ? "billing.propose_late_fee_waiver"
		       : "billing.inspect_invoice",
	    (unsigned long long)(n % l->keys));
	if (l->propose) {
		buf_printf(&l->out,
		    ",\"reason\":\"waived for reason %llu\",\"fee\":0",
		    (unsigned long long)n);
	}
	buf_puts(&l->out, "}}}\n");
	l->asked_ns[slot] = bench_now_ns();
	l->waiting++;
}

static void
send_calls(struct load *l)
{
	if (fd_write_all(l->out_fd, l->out.data, l->out.len,
		clock_mono_ms() + WRITE_MS) != 0) {
		bench_die("the server does not take calls any more");
	}
	buf_reset(&l->out);
}

static size_t
slot_of(struct span line)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	size_t n = sizeof(head) - 1;
	uint64_t id = 0;

	if (line.len <= n || memcmp(line.ptr, head, n) != 0) {
		bench_die("not an answer: %.*s", SPAN_ARGS(line));
	}
	for (; n < line.len && line.ptr[n] >= '0' && line.ptr[n] <= '9'; n++) {
		id = id * 10 + (uint64_t)(line.ptr[n] - '0');
	}
	return (size_t)(id % SLOTS_MAX);
}

static bool
is_ok(const struct load *l, struct span line)
{
	static const char ok[] = "\"structuredContent\":{\"ok\":true,";
	static const char row[] = "\"late_fee_cents\":";
	static const char made[] = "\"proposal\":{\"id\":\"wrp_";
	const char *want = l->propose ? made : row;

	return memmem(line.ptr, line.len, ok, sizeof(ok) - 1) != NULL &&
	       memmem(line.ptr, line.len, want, strlen(want)) != NULL;
}

static void
take_answer(struct load *l, struct span line)
{
	size_t slot = slot_of(line);
	bool ok = is_ok(l, line);

	if (l->asked_ns[slot] == 0) {
		bench_die("answered twice: %.*s", SPAN_ARGS(line));
	}
	if (!ok && l->samples.errors == 0) {
		(void)fprintf(stderr, "bench: not ok: %.*s\n", SPAN_ARGS(line));
	}
	samples_add(&l->samples, l->asked_ns[slot], ok);
	l->asked_ns[slot] = 0;
	l->waiting--;
	if (l->samples.end_ns < l->until_ns) {
		put_call(l, slot);
	}
}

static void
take_lines(struct load *l)
{
	size_t used = 0;

	for (;;) {
		struct span rest = {l->in.data + used, l->in.len - used};
		const char *end = memchr(rest.ptr, '\n', rest.len);

		if (end == NULL) {
			break;
		}
		take_answer(
		    l, (struct span){rest.ptr, (size_t)(end - rest.ptr)});
		used += (size_t)(end - rest.ptr) + 1;
	}
	buf_consume(&l->in, used);
}

static void
run(struct load *l)
{
	for (size_t slot = 0; slot < l->in_flight; slot++) {
		put_call(l, slot);
	}
	send_calls(l);
	while (l->waiting > 0) {
		ssize_t n;

		if (buf_reserve(&l->in, CHUNK) != 0) {
			bench_die("out of memory");
		}
		n = read(l->in_fd, l->in.data + l->in.len, CHUNK);
		if (n <= 0 && errno != EINTR) {
			bench_die("the server is gone");
		}
		l->in.len += n > 0 ? (size_t)n : 0;
		take_lines(l);
		if (l->out.len > 0) {
			send_calls(l);
		}
	}
}

int
main(int argc, char **argv)
{
	static struct load l;

	if (argc != 8) {
		bench_die("%s", usage);
	}
	l.in_fd = (int)bench_number(argv[1], 0);
	l.out_fd = (int)bench_number(argv[2], 0);
	l.propose = strcmp(argv[3], "propose") == 0;
	l.in_flight = (size_t)bench_number(argv[4], 1);
	l.keys = (uint64_t)bench_number(argv[6], 1);
	l.next = (uint64_t)bench_number(argv[7], 0);
	if (l.in_flight > SLOTS_MAX) {
		bench_die("at most %d calls in flight", SLOTS_MAX);
	}
	samples_begin(&l.samples);
	l.until_ns = l.samples.start_ns + bench_number(argv[5], 1) * 1000000;
	run(&l);
	samples_print(&l.samples);
	buf_clear(&l.in);
	buf_clear(&l.out);
	return 0;
}
