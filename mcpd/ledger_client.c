/*
 * One list holds every call in the order of its deadline; a flag says whether
 * it was sent. Answers are found by id. Nothing here blocks, and a waiter is
 * never called from inside the function that it called, so callers need not
 * expect to be entered again.
 */
#include "mcpd/ledger_client.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/contract/contract.h"
#include "common/crypto/digest.h"

/* Bounds what ledgerd holds for us in one turn; more calls queue here. The
 * deadline counts from the call on, also while it queues. */
#define IN_FLIGHT_MAX 64
#define DEADLINE_MS   5000
#define READ_CHUNK    65536U
#define DOCUMENT_MAX  ((size_t)16 << 20)

/* One message and who waits for its answer. `frame` is encoded at once,
 * because the message's spans end with the call. */
struct ledger_call {
	TAILQ_ENTRY(ledger_call) link;
	uint32_t id;
	uint16_t type;
	bool sent;
	int64_t deadline_ms;
	struct buf frame;
	struct buf document; /* chunks of a DOCUMENT so far */
	struct ledger_waiter waiter;
};

TAILQ_HEAD(call_list, ledger_call);

struct ledger_client {
	int fd;
	const struct contract *contract;
	struct event io;
	struct event timer;
	struct event failing;
	struct buf in;
	struct buf out;
	struct call_list calls; /* in the order of their deadlines */
	struct call_list spare; /* finished ones, kept for their buffers */
	uint32_t next_id;
	unsigned in_flight;
	bool greeted;
	bool gone;    /* the connection is over */
	bool stalled; /* silent for too long; a late answer ends that */
	void (*on_mismatch)(void *arg, const struct err *e);
	void (*on_gone)(void *arg); /* NULL: nobody asks */
	void *arg;
};

/* The call whose deadline comes first. HELLO has none: ledgerd may start later
 * than we do, and nobody waits for it but the calls. */
static const struct ledger_call *
oldest_call(const struct ledger_client *c)
{
	const struct ledger_call *call = TAILQ_FIRST(&c->calls);

	while (call != NULL && call->type == MSG_HELLO) {
		call = TAILQ_NEXT(call, link);
	}
	return call;
}

static void
arm_timer(struct ledger_client *c)
{
	const struct ledger_call *head = oldest_call(c);
	struct timeval tv = {0, 0};
	int64_t left = 0;

	if (head == NULL) {
		event_del(&c->timer);
		return;
	}
	if (event_pending(&c->timer, EV_TIMEOUT, NULL)) {
		return; /* a timer that fires early just looks again */
	}
	left = head->deadline_ms - clock_mono_ms();
	left = left < 1 ? 1 : left;
	tv.tv_sec = left / 1000;
	tv.tv_usec = left % 1000 * 1000;
	event_add(&c->timer, &tv);
}

/* Take a call out of the list, tell its waiter, keep it for the next one. */
static void
finish(struct ledger_client *c, struct ledger_call *call,
    const struct ledger_reply *reply)
{
	struct ledger_waiter waiter = call->waiter;

	TAILQ_REMOVE(&c->calls, call, link);
	if (call->sent) {
		c->in_flight--;
	}
	if (waiter.done != NULL) {
		waiter.done(waiter.context, reply);
	}
	buf_reset(&call->frame);
	buf_reset(&call->document);
	TAILQ_INSERT_HEAD(&c->spare, call, link);
}

/* Every call ends as unavailable. HELLO stays unless the connection is over:
 * a ledgerd that starts late still answers it. */
static void
fail_all(struct ledger_client *c)
{
	static const struct ledger_reply unavailable = {
	    .error = "LEDGER_UNAVAILABLE", .message = {"", 0}};
	struct call_list failing = TAILQ_HEAD_INITIALIZER(failing);
	struct ledger_call *call = NULL;

	/* Waiters may call again at once: those belong to the next round. */
	TAILQ_CONCAT(&failing, &c->calls, link);
	while ((call = TAILQ_FIRST(&failing)) != NULL) {
		TAILQ_REMOVE(&failing, call, link);
		TAILQ_INSERT_TAIL(&c->calls, call, link);
		if (call->type != MSG_HELLO || c->gone) {
			finish(c, call, &unavailable);
		}
	}
}

/* Runs from the loop, see give_up. */
static void
on_failing(evutil_socket_t fd, short what, void *arg)
{
	struct ledger_client *c = arg;
	void (*tell)(void *) = c->on_gone;

	(void)fd;
	(void)what;
	fail_all(c);
	if (c->gone && tell != NULL) {
		c->on_gone = NULL;
		tell(c->arg);
	}
}

void
ledger_client_watch(struct ledger_client *client, void (*on_gone)(void *arg))
{
	client->on_gone = on_gone;
}

/* The connection is over; waiters hear of it from the loop. */
static void
give_up(struct ledger_client *c, const char *why)
{
	if (!c->gone) {
		log_event(LOG_LEVEL_ERR, "ledger_gone", "why=\"%s\"", why);
	}
	c->gone = true;
	event_del(&c->io);
	event_active(&c->failing, EV_TIMEOUT, 0);
}

/* Ask for other events; costs nothing when they are the same. */
static void
watch(struct ledger_client *c, short what)
{
	struct event_base *base = event_get_base(&c->io);

	if (event_get_events(&c->io) == (what | EV_PERSIST)) {
		return;
	}
	event_del(&c->io);
	event_assign(&c->io, base, c->fd, (short)(what | EV_PERSIST),
	    event_get_callback(&c->io), c);
	event_add(&c->io, NULL);
}

/* Write what the socket takes. */
static void
flush(struct ledger_client *c)
{
	ssize_t n = 0;

	while (c->out.len > 0 && !c->gone) {
		n = send(c->fd, c->out.data, c->out.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			watch(c, EV_READ | EV_WRITE);
			return;
		}
		if (n < 0 && errno != EINTR) {
			give_up(c, "cannot send");
			return;
		}
		buf_consume(&c->out, n > 0 ? (size_t)n : 0);
	}
	if (!c->gone) {
		watch(c, EV_READ);
	}
}

/* Send what may go: everything after HELLO, 64 at a time. The frames of one
 * turn of the loop leave together, so that ledgerd commits them together. */
static void
pump(struct ledger_client *c)
{
	struct ledger_call *call = NULL;

	TAILQ_FOREACH (call, &c->calls, link) {
		if (call->sent) {
			continue;
		}
		if (c->in_flight >= IN_FLIGHT_MAX ||
		    (!c->greeted && call->type != MSG_HELLO)) {
			break;
		}
		buf_span(&c->out, buf_as_span(&call->frame));
		call->sent = true;
		c->in_flight++;
	}
	if (c->out.len > 0) {
		event_active(&c->io, EV_WRITE, 0);
	}
	arm_timer(c);
}

/* Calls and their buffers are used again, so a steady load allocates
 * nothing. */
static struct ledger_call *
new_call(struct ledger_client *c)
{
	struct ledger_call *call = TAILQ_FIRST(&c->spare);

	if (call == NULL) {
		call = xcalloc(1, sizeof(*call));
	} else {
		TAILQ_REMOVE(&c->spare, call, link);
	}
	return call;
}

/* Encode now, while the message's spans are valid; send when it may go.
 * After the connection is gone the waiter hears so from the loop. */
static int
submit(struct ledger_client *c, uint16_t type, const void *message,
    struct ledger_waiter waiter)
{
	struct ledger_call *call = new_call(c);
	int rc = 0;

	c->next_id = c->next_id == UINT32_MAX ? 1 : c->next_id + 1;
	call->id = c->next_id;
	call->type = type;
	call->sent = false;
	call->waiter = waiter;
	call->deadline_ms = clock_mono_ms() + DEADLINE_MS;
	rc = msg_encode(&call->frame, type, 0, call->id, message);
	if (rc == 0 &&
	    call->frame.len - FRAME_HEADER_LEN > msg_info(type)->max_bytes) {
		rc = CS_E_TOO_LARGE;
	}
	if (rc != 0) {
		buf_reset(&call->frame);
		TAILQ_INSERT_HEAD(&c->spare, call, link);
		return CS_E_TOO_LARGE;
	}
	TAILQ_INSERT_TAIL(&c->calls, call, link);
	/* Queued and failed from the loop: a waiter is never entered from
	 * here. */
	if (c->gone || c->stalled) {
		event_active(&c->failing, EV_TIMEOUT, 0);
	} else {
		pump(c);
	}
	return 0;
}

int
ledger_read(struct ledger_client *client, const struct msg_call *call,
    struct ledger_waiter waiter)
{
	return submit(client, MSG_READ, call, waiter);
}

int
ledger_propose(struct ledger_client *client, const struct msg_call *call,
    struct ledger_waiter waiter)
{
	return submit(client, MSG_PROPOSE, call, waiter);
}

int
ledger_refuse(struct ledger_client *client, const struct msg_refuse *refusal,
    struct ledger_waiter waiter)
{
	return submit(client, MSG_REFUSE, refusal, waiter);
}

int
ledger_resource(struct ledger_client *client,
    const struct msg_resource *resource, struct ledger_waiter waiter)
{
	return submit(client, MSG_RESOURCE, resource, waiter);
}

int
ledger_status(struct ledger_client *client, const struct msg_status *status,
    struct ledger_waiter waiter)
{
	return submit(client, MSG_STATUS, status, waiter);
}

int
ledger_withdraw(struct ledger_client *client, const struct msg_status *status,
    struct ledger_waiter waiter)
{
	return submit(client, MSG_WITHDRAW, status, waiter);
}

/* At most 64 are in flight and the answer is mostly to the first one. */
static struct ledger_call *
find_call(struct ledger_client *c, uint32_t id)
{
	struct ledger_call *call = NULL;

	TAILQ_FOREACH (call, &c->calls, link) {
		if (call->id == id && call->sent) {
			return call;
		}
	}
	return NULL;
}

/* Two processes with different contracts would disagree about what was
 * reviewed, so neither may go on. */
static int
check_hello(
    const struct ledger_client *c, const struct msg_hello *hello, struct err *e)
{
	char theirs[DIGEST_TEXT_SIZE];

	if (hello->magic != PROTO_MAGIC || hello->major != PROTO_MAJOR ||
	    hello->role != ROLE_LEDGER) {
		return err_set(e, CS_E_PROTOCOL, "LEDGER_VERSION",
		    "ledgerd speaks another protocol: upgrade both together");
	}
	if (memcmp(hello->contract, c->contract->digest, DIGEST_LEN) == 0) {
		return 0;
	}
	digest_format(hello->contract, theirs);
	return err_set(e, CS_E_CONFIG, "CONTRACT_MISMATCH",
	    "contract here %s, at ledgerd %s", c->contract->digest_text,
	    theirs);
}

static int
on_hello(
    struct ledger_client *c, struct ledger_call *call, const struct frame *f)
{
	static const struct ledger_reply none = {.error = NULL};
	struct arena *a = arena_new();
	struct msg_hello hello;
	struct err e = {0};
	int rc = msg_decode(MSG_HELLO, f->payload, &hello, a);

	if (rc == 0) {
		rc = check_hello(c, &hello, &e);
		if (rc != 0) {
			c->on_mismatch(c->arg, &e);
		}
	}
	arena_free(&a);
	/* Only now may anything else leave; a mismatch never sets it. */
	c->greeted = rc == 0;
	finish(c, call, &none);
	return rc;
}

/* A refusal in ledgerd's words. They outlive the frame, for the caller
 * answers with them. */
static int
on_failure(
    struct ledger_client *c, struct ledger_call *call, const struct frame *f)
{
	struct ledger_reply reply = {0};
	struct msg_failure failure;
	struct arena *a = call->waiter.arena;
	struct err e = {0};

	if (call->type == MSG_HELLO) {
		a = arena_new();
	}
	if (msg_decode(MSG_FAILURE, f->payload, &failure, a) != 0) {
		return CS_E_PROTOCOL;
	}
	if (call->type == MSG_HELLO) {
		err_set(&e, CS_E_CONFIG, "HELLO_REFUSED", "%.*s: %.*s",
		    SPAN_ARGS(failure.reason), SPAN_ARGS(failure.message));
		arena_free(&a);
		c->on_mismatch(c->arg, &e);
		return CS_E_PROTOCOL;
	}
	reply.error = arena_strndup(a, failure.reason.ptr, failure.reason.len);
	reply.message = arena_span(a, failure.message);
	reply.retryable = failure.retryable;
	finish(c, call, &reply);
	return 0;
}

/* A long document comes in pieces, in order, under one id. */
static int
on_document(
    struct ledger_client *c, struct ledger_call *call, const struct frame *f)
{
	struct ledger_reply reply = {0};
	struct msg_document document;

	if (msg_decode(
		MSG_DOCUMENT, f->payload, &document, call->waiter.arena) != 0 ||
	    call->document.len + document.bytes.len > DOCUMENT_MAX) {
		return CS_E_PROTOCOL;
	}
	buf_span(&call->document, document.bytes);
	if (document.more) {
		return 0;
	}
	reply.document = buf_as_span(&call->document);
	finish(c, call, &reply);
	return 0;
}

/* A read or a refusal is stored: its answer may leave. */
static int
on_recorded(
    struct ledger_client *c, struct ledger_call *call, const struct frame *f)
{
	struct ledger_reply reply = {0};

	if (msg_decode(MSG_RECORDED, f->payload, &reply.recorded,
		call->waiter.arena) != 0) {
		return CS_E_PROTOCOL;
	}
	finish(c, call, &reply);
	return 0;
}

static int
on_proposed(
    struct ledger_client *c, struct ledger_call *call, const struct frame *f)
{
	struct ledger_reply reply = {0};

	if (msg_decode(MSG_PROPOSED, f->payload, &reply.proposed,
		call->waiter.arena) != 0) {
		return CS_E_PROTOCOL;
	}
	finish(c, call, &reply);
	return 0;
}

static int
on_stated(
    struct ledger_client *c, struct ledger_call *call, const struct frame *f)
{
	struct ledger_reply reply = {0};

	if (msg_decode(MSG_STATED, f->payload, &reply.stated,
		call->waiter.arena) != 0) {
		return CS_E_PROTOCOL;
	}
	finish(c, call, &reply);
	return 0;
}

static const struct {
	uint16_t type;
	int (*handle)(struct ledger_client *c, struct ledger_call *call,
	    const struct frame *f);
} handlers[] = {
    {MSG_HELLO, on_hello},
    {MSG_FAILURE, on_failure},
    {MSG_DOCUMENT, on_document},
    {MSG_RECORDED, on_recorded},
    {MSG_PROPOSED, on_proposed},
    {MSG_STATED, on_stated},
};

/* Is this type an answer to that call? FAILURE answers any. */
static bool
is_answer(const struct ledger_call *call, uint16_t type)
{
	return type == MSG_FAILURE || msg_info(call->type)->reply == type;
}

/* One frame. The peer is trusted to be ledgerd, but not to be free of bugs:
 * types that do not fit the call end the connection. */
static int
take_frame(struct ledger_client *c, const struct frame *f)
{
	struct ledger_call *call = NULL;
	bool is_reply = (f->flags & FRAME_REPLY) != 0;

	/* A refused HELLO is answered by a FAILURE before any greeting. */
	if (!is_reply ||
	    msg_check(ROLE_LEDGER, c->greeted || f->type == MSG_FAILURE,
		f->type, is_reply, f->len) != 0) {
		return CS_E_PROTOCOL;
	}
	/* It answers again: new calls go out instead of failing at once. */
	c->stalled = false;
	call = find_call(c, f->id);
	if (call == NULL) {
		return 0; /* the late answer to a call that timed out */
	}
	if (!is_answer(call, f->type)) {
		return CS_E_PROTOCOL;
	}
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == f->type) {
			return handlers[i].handle(c, call, f);
		}
	}
	return CS_E_PROTOCOL;
}

/* Every whole frame in the buffer; a bad one ends the connection. */
static void
take_frames(struct ledger_client *c)
{
	struct frame f;
	size_t used = 0;
	int rc = 0;

	do {
		struct span rest = {c->in.data + used, c->in.len - used};

		rc = frame_take(rest, msg_role_cap(ROLE_LEDGER), &f);
		if (rc > 0) {
			used += FRAME_HEADER_LEN + f.len;
			rc = take_frame(c, &f) == 0 ? 1 : CS_E_PROTOCOL;
		}
	} while (rc > 0);
	/* Where one frame ends is known only as long as every frame is
	 * sound. */
	if (rc < 0) {
		give_up(c, "bad frame");
		return;
	}
	buf_consume(&c->in, used);
	pump(c);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct ledger_client *c = arg;
	ssize_t n = 0;

	if ((what & EV_WRITE) != 0) {
		flush(c);
	}
	if ((what & EV_READ) == 0 || c->gone) {
		return;
	}
	if (buf_reserve(&c->in, READ_CHUNK) != 0) {
		give_up(c, "no memory");
		return;
	}
	n = recv(fd, c->in.data + c->in.len, READ_CHUNK, MSG_DONTWAIT);
	if (n > 0) {
		c->in.len += (size_t)n;
		take_frames(c);
	} else if (n == 0) {
		give_up(c, "closed");
	} else if (errno != EAGAIN && errno != EINTR) {
		give_up(c, "cannot receive");
	}
}

/* ledgerd did not answer in time. What it stored meanwhile stays stored: the
 * identical proposal is found again when the model retries. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ledger_client *c = arg;
	const struct ledger_call *head = oldest_call(c);

	(void)fd;
	(void)what;
	if (head != NULL && head->deadline_ms <= clock_mono_ms()) {
		log_event(LOG_LEVEL_ERR, "ledger_timeout", "waiting=%u",
		    c->in_flight);
		c->stalled = true;
		fail_all(c);
	}
	arm_timer(c);
}

/* The first frame on the wire; everything else waits for its answer. */
static void
say_hello(struct ledger_client *c)
{
	struct msg_hello hello = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .minor = PROTO_MINOR,
	    .role = ROLE_MCPD,
	    .build = span_of(CS_VERSION),
	    .store_owner = span_of("")};
	struct ledger_waiter nobody = {NULL, NULL, NULL};

	memcpy(hello.contract, c->contract->digest, sizeof(hello.contract));
	/* It is small and ours: it always fits. */
	cs_assert(submit(c, MSG_HELLO, &hello, nobody) == 0);
}

struct ledger_client *
ledger_client_new(struct event_base *base, int fd, const struct contract *c,
    void (*on_mismatch)(void *arg, const struct err *e), void *arg)
{
	struct ledger_client *client = xcalloc(1, sizeof(*client));

	client->fd = fd;
	client->contract = c;
	client->on_mismatch = on_mismatch;
	client->arg = arg;
	TAILQ_INIT(&client->calls);
	TAILQ_INIT(&client->spare);
	event_assign(
	    &client->io, base, fd, EV_READ | EV_PERSIST, on_io, client);
	event_add(&client->io, NULL);
	evtimer_assign(&client->timer, base, on_timer, client);
	evtimer_assign(&client->failing, base, on_failing, client);
	say_hello(client);
	return client;
}

/* At exit; nobody waits any more. */
static void
free_calls(struct call_list *list)
{
	struct ledger_call *call = NULL;

	while ((call = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, call, link);
		buf_clear(&call->frame);
		buf_clear(&call->document);
		free(call);
	}
}

bool
ledger_client_is_ready(const struct ledger_client *client)
{
	return client != NULL && client->greeted && !client->gone &&
	       !client->stalled;
}

void
ledger_client_free(struct ledger_client **client)
{
	struct ledger_client *c = *client;

	if (c == NULL) {
		return;
	}
	event_del(&c->io);
	event_del(&c->timer);
	event_del(&c->failing);
	free_calls(&c->calls);
	free_calls(&c->spare);
	buf_clear(&c->in);
	buf_clear(&c->out);
	free(c);
	*client = NULL;
}
