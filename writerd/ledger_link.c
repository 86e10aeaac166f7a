#include "writerd/ledger_link.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define REPLY_MS 30000

static int
gone(struct err *e, const char *who)
{
	return err_set(e, CS_E_EOF, "LEDGER_GONE", "%s", who);
}

/* Wait for bytes; a signal that asks to stop counts only while idle. */
static int
wait_readable(
    struct ledger_link *l, int64_t deadline_ms, bool idle, struct err *e)
{
	struct pollfd p[2] = {{.fd = l->fd, .events = POLLIN},
	    {.fd = l->alive_fd, .events = POLLIN}};
	static const struct timespec at_once = {0, 0};

	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		struct timespec timeout = {
		    .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
		if (left <= 0) {
			return err_set(e, CS_E_TIMEOUT, "LEDGER_TIMEOUT",
			    "ledgerd did not answer in time");
		}
		/* What has come is taken first: it may be a job, which would
		 * be lost otherwise. */
		bool stops = idle && *l->stop && l->in.len == 0;
		int ready = ppoll(p, l->alive_fd >= 0 ? 2 : 1,
		    stops ? &at_once : &timeout, idle ? &l->waiting : NULL);
		if (ready > 0 && p[0].revents != 0) {
			return 0;
		}
		if (stops) {
			return gone(e, "asked to stop");
		}
		if (ready < 0 && errno != EINTR) {
			return err_sys(e, "poll");
		}
		if (ready > 0 && p[1].revents != 0) {
			return gone(e, "the supervisor is gone");
		}
	}
}

static int
read_more(struct ledger_link *l, struct err *e)
{
	ssize_t n;

	if (buf_reserve(&l->in, 65536) != 0) {
		return err_set(e, CS_E_NOMEM, NULL, "out of memory");
	}
	n = read(l->fd, l->in.data + l->in.len, 65536);
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return 0;
	}
	if (n <= 0) {
		return gone(e, "ledgerd closed the connection");
	}
	l->in.len += (size_t)n;
	return 0;
}

static int
failure_of(const struct frame *f, struct arena *a, struct err *e)
{
	struct msg_failure m;

	if (msg_decode(MSG_FAILURE, f->payload, &m, a) != 0) {
		return err_set(
		    e, CS_E_PROTOCOL, NULL, "ledgerd sent a damaged message");
	}
	return err_set(e, m.retryable ? CS_E_UNAVAILABLE : CS_E_DENIED,
	    err_intern(m.reason.ptr, m.reason.len), "%.*s",
	    SPAN_ARGS(m.message));
}

/* What is waited for. */
struct awaited {
	uint32_t id; /* of the request */
	int64_t patience_ms;
	bool idle; /* a signal that asks to stop ends it */
};

/* The next frame, copied to the arena; it must answer that request. */
static int
read_reply_to(struct ledger_link *l, const struct awaited *reply,
    struct arena *a, struct frame *out, struct err *e)
{
	int64_t deadline_ms = clock_mono_ms() + reply->patience_ms;

	for (;;) {
		int rc = frame_take(
		    buf_as_span(&l->in), msg_role_cap(ROLE_LEDGER), out);
		if (rc == 1) {
			size_t len = FRAME_HEADER_LEN + out->len;
			out->payload = arena_span(a, out->payload);
			buf_consume(&l->in, len);
			/* Unasked, and about a job that is over by now. */
			if (out->type == MSG_STOP) {
				continue;
			}
			break;
		}
		if (rc != 0) {
			return err_set(e, CS_E_PROTOCOL, NULL,
			    "ledgerd sent a damaged frame");
		}
		if ((rc = wait_readable(l, deadline_ms, reply->idle, e)) != 0 ||
		    (rc = read_more(l, e)) != 0) {
			return rc;
		}
	}
	if (out->id != reply->id || (out->flags & FRAME_REPLY) == 0) {
		return err_set(
		    e, CS_E_PROTOCOL, NULL, "ledgerd answered another request");
	}
	return (out->flags & FRAME_ERROR) != 0 ? failure_of(out, a, e) : 0;
}

static int
read_reply(
    struct ledger_link *l, struct arena *a, struct frame *out, struct err *e)
{
	return read_reply_to(
	    l, &(struct awaited){l->next_id, REPLY_MS, false}, a, out, e);
}

static int
put_message(struct ledger_link *l, struct buf *out, uint16_t type,
    const void *message, struct err *e)
{
	int rc = msg_encode(out, type, 0, ++l->next_id, message);

	return rc == 0 ? 0 : err_set(e, rc, NULL, "a message is too large");
}

/* Send what was put, if that went well, and let go of it. */
static int
send_put(struct ledger_link *l, int rc, struct buf *out, struct err *e)
{
	if (rc == 0 && fd_write_all(l->fd, out->data, out->len,
			   clock_mono_ms() + REPLY_MS) != 0) {
		rc = gone(e, "ledgerd does not take messages any more");
	}
	buf_clear(out);
	return rc;
}

static int
send_message(
    struct ledger_link *l, uint16_t type, const void *message, struct err *e)
{
	struct buf out = BUF_INIT;
	int rc = put_message(l, &out, type, message, e);

	return send_put(l, rc, &out, e);
}

int
ledger_hello(struct ledger_link *l, const uint8_t contract[32],
    const uint8_t ledger_key[PUBLIC_KEY_LEN], struct arena *a, struct err *e)
{
	struct msg_hello m = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .minor = PROTO_MINOR,
	    .role = l->role,
	    .build = span_of(CS_VERSION)};
	struct msg_hello answer;
	struct frame f;
	int rc;

	memcpy(m.contract, contract, sizeof(m.contract));
	rc = send_message(l, MSG_HELLO, &m, e);
	if (rc == 0) {
		rc = read_reply(l, a, &f, e);
	}
	if (rc != 0) {
		return rc;
	}
	if (f.type != MSG_HELLO ||
	    msg_decode(MSG_HELLO, f.payload, &answer, a) != 0 ||
	    answer.magic != PROTO_MAGIC || answer.major != PROTO_MAJOR ||
	    answer.role != ROLE_LEDGER) {
		return err_set(e, CS_E_PROTOCOL, NULL,
		    "ledgerd speaks another protocol: upgrade them together");
	}
	if (memcmp(answer.public_key, ledger_key, PUBLIC_KEY_LEN) != 0) {
		return err_set(e, CS_E_INTEGRITY, "LEDGER_KEY_MISMATCH",
		    "this is not the ledger whose key this writer was given");
	}
	return 0;
}

/* A stop signal is blocked while there is work, and seen only here. */
static bool
is_asked_to_stop(const struct ledger_link *l)
{
	sigset_t pending;

	return *l->stop || sigpending(&pending) != 0 ||
	       sigismember(&pending, SIGTERM) == 1 ||
	       sigismember(&pending, SIGINT) == 1;
}

int
ledger_claim(struct ledger_link *l, uint32_t wait_ms, struct arena *a,
    struct msg_job *out, struct err *e)
{
	struct msg_claim m = {.wait_ms = wait_ms};
	struct frame f;
	int rc = 0;

	if (!l->has_claimed) {
		rc = is_asked_to_stop(l) ? gone(e, "asked to stop")
					 : send_message(l, MSG_CLAIM, &m, e);
	}
	l->has_claimed = false;
	if (rc == 0) {
		rc = read_reply_to(l,
		    &(struct awaited){
			l->next_id, (int64_t)wait_ms + REPLY_MS, true},
		    a, &f, e);
	}
	if (rc != 0) {
		return rc;
	}
	if (f.type == MSG_IDLE && f.len == 0) {
		return CS_E_NOT_FOUND;
	}
	if (f.type != MSG_JOB || msg_decode(MSG_JOB, f.payload, out, a) != 0) {
		return err_set(e, CS_E_PROTOCOL, NULL,
		    "ledgerd sent something else than a job");
	}
	return 0;
}

/* The answer to something that only wanted to be recorded. */
static int
read_consent(struct ledger_link *l, uint32_t id, struct arena *a, struct err *e)
{
	struct frame f;
	int rc =
	    read_reply_to(l, &(struct awaited){id, REPLY_MS, false}, a, &f, e);

	return rc != 0 ? rc
	       : f.type == MSG_PONG
		   ? 0
		   : err_set(e, CS_E_PROTOCOL, NULL,
			 "ledgerd sent something else than its "
			 "consent");
}

static int
tell(struct ledger_link *l, uint16_t type, const void *message, struct arena *a,
    struct err *e)
{
	int rc = send_message(l, type, message, e);

	return rc != 0 ? rc : read_consent(l, l->next_id, a, e);
}

int
ledger_report(struct ledger_link *l, const struct msg_report *m,
    struct arena *a, struct err *e)
{
	struct msg_claim next = {.wait_ms = l->claim_ahead_ms};
	struct buf out = BUF_INIT;
	uint32_t id = l->next_id + 1;
	int rc = put_message(l, &out, MSG_REPORT, m, e);

	l->has_claimed = rc == 0 && next.wait_ms > 0 && !is_asked_to_stop(l);
	if (l->has_claimed) {
		rc = put_message(l, &out, MSG_CLAIM, &next, e);
	}
	rc = send_put(l, rc, &out, e);
	return rc != 0 ? rc : read_consent(l, id, a, e);
}

int
ledger_applying(struct ledger_link *l, const struct msg_applying *m,
    struct arena *a, struct err *e)
{
	return tell(l, MSG_APPLYING, m, a, e);
}

int
ledger_observed(struct ledger_link *l, const struct msg_observed *m,
    struct arena *a, struct err *e)
{
	struct msg_observed bare = *m;
	int rc = tell(l, MSG_OBSERVED, m, a, e);

	if (rc == CS_E_TOO_LARGE) {
		bare.row.count = 0;
		rc = tell(l, MSG_OBSERVED, &bare, a, e);
	}
	return rc;
}

static const char *
stop_reason_of(const struct frame *f, struct span job_id, struct arena *a)
{
	static const char *const known[] = {"APPROVAL_REVOKED", "FROZEN"};
	struct msg_stop m;

	if (f->type != MSG_STOP ||
	    msg_decode(MSG_STOP, f->payload, &m, a) != 0) {
		return "LEDGER_GONE";
	}
	/* About a job that is over: it came too late. */
	if (!span_equal(m.job_id, job_id)) {
		return NULL;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (span_is(m.reason, known[i])) {
			return known[i];
		}
	}
	return known[0];
}

const char *
ledger_stop_reason(struct ledger_link *l, struct span job_id, struct arena *a)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN | POLLRDHUP};
	const char *reason = NULL;
	struct err ignored = {0};
	struct frame f;

	while (reason == NULL && poll(&p, 1, 0) != 0) {
		reason = read_more(l, &ignored) != 0 ? "LEDGER_GONE" : NULL;
	}
	while (reason == NULL && l->in.len > 0) {
		if (frame_take(buf_as_span(&l->in), msg_role_cap(ROLE_LEDGER),
			&f) != 1) {
			return "LEDGER_GONE";
		}
		f.payload = arena_span(a, f.payload);
		reason = stop_reason_of(&f, job_id, a);
		buf_consume(&l->in, FRAME_HEADER_LEN + f.len);
	}
	return reason;
}

void
ledger_link_clear(struct ledger_link *l)
{
	fd_close(&l->fd);
	buf_clear(&l->in);
}
