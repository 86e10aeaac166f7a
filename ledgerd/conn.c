#include "ledgerd/conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "ledgerd/dispatch.h"
#include "ledgerd/group_commit.h"
#include "ledgerd/metrics.h"
#include "ledgerd/release.h"

#define READ_CHUNK     65536U
#define DOCUMENT_CHUNK 262144U

/* Role and uid only: what a peer said is not for the log. */
static void
log_peer(const struct conn *c, const char *event, const char *why)
{
	metrics_count_refused_peer(c->ledger);
	log_event(LOG_LEVEL_WARN, event, "peer=%s uid=%lld why=\"%s\"",
	    proto_role_name(c->role), (long long)c->uid, why);
}

/* The jobs that they waited for go on: only nobody is told here. */
static void
free_waiters(struct conn *c)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(&c->waiters)) != NULL) {
		TAILQ_REMOVE(&c->waiters, w, link);
		event_free(w->timer);
		free(w);
	}
}

static void
free_event(struct event **ev)
{
	if (*ev != NULL) {
		event_free(*ev);
		*ev = NULL;
	}
}

/* A writer that only waits keeps nobody. */
static bool
is_busy(const struct conn *c)
{
	return (c->role != ROLE_WRITER && c->role != ROLE_HANDLER) ||
	       c->leased_seq != 0;
}

void
conn_check_idle(struct ledger *l)
{
	struct timeval grace = {0, 300000};
	const struct conn *c;

	if (!l->exit_idle) {
		return;
	}
	TAILQ_FOREACH (c, &l->conns, link) {
		if (is_busy(c)) {
			(void)event_del(l->idle_event);
			return;
		}
	}
	if (!event_pending(l->idle_event, EV_TIMEOUT, NULL)) {
		(void)event_add(l->idle_event, &grace);
	}
}

void
conn_close(struct conn *c)
{
	struct ledger *l = c->ledger;

	TAILQ_REMOVE(&l->conns, c, link);
	l->conn_count--;
	/* After it left the list: release_lost looks for another writer,
	 * which must not be this one. */
	if (c->leased_seq != 0) {
		release_lost(l, c->leased_seq);
	}
	free_waiters(c);
	free_event(&c->on_read);
	free_event(&c->on_write);
	free_event(&c->deadline);
	free_event(&c->claim_timer);
	fd_close(&c->fd);
	buf_clear(&c->in);
	buf_clear(&c->out);
	buf_clear(&c->held);
	free(c);
	conn_check_idle(l);
}

/* Handle every complete frame; CS_E_PROTOCOL ends the connection. */
static int
take_frames(struct conn *c)
{
	struct span rest = buf_as_span(&c->in);
	/* Before HELLO only a HELLO's worth may come: a stranger costs a
	 * kilobyte. */
	uint32_t cap =
	    c->greeted ? msg_role_cap(c->role) : msg_info(MSG_HELLO)->max_bytes;
	struct frame f;
	int rc;

	while ((rc = frame_take(rest, cap, &f)) == 1) {
		rc = dispatch_frame(c, &f);
		if (rc != 0) {
			break;
		}
		cap = msg_role_cap(c->role);
		rest.ptr += FRAME_HEADER_LEN + f.len;
		rest.len -= FRAME_HEADER_LEN + f.len;
	}
	if (rc == 0) {
		buf_consume(&c->in, c->in.len - rest.len);
	}
	return rc;
}

/* A request has 5 s from its first byte: a dripping peer holds one slot. */
static void
set_deadline(struct conn *c)
{
	struct timeval limit = {CONN_REQUEST_MS / 1000, 0};

	if (c->in.len == 0 && c->greeted) {
		(void)event_del(c->deadline);
	} else if (!event_pending(c->deadline, EV_TIMEOUT, NULL)) {
		(void)event_add(c->deadline, &limit);
	}
}

/* Also for a HELLO that does not come: a silent stranger holds a slot for
 * five seconds. */
static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	log_peer(arg, "peer_too_slow", "a request took longer than 5 s");
	conn_close(arg);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	ssize_t n;

	(void)what;
	if (buf_reserve(&c->in, READ_CHUNK) != 0) {
		log_peer(c, "peer_refused", "out of memory");
		conn_close(c);
		return;
	}
	n = read(fd, c->in.data + c->in.len, READ_CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->in.len += (size_t)n;
	if (take_frames(c) != 0) {
		log_peer(c, "protocol_violation", "connection closed");
		conn_close(c);
		return;
	}
	set_deadline(c);
}

static void
flush_out(struct conn *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			(void)event_add(c->on_write, NULL);
			return;
		}
		/* Not closed here: callers still hold `c`. They close it
		 * when out is empty. */
		if (n <= 0) {
			c->closing = true;
			buf_reset(&c->out);
			return;
		}
		buf_consume(&c->out, (size_t)n);
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	flush_out(c);
	if (c->closing && c->out.len == 0) {
		conn_close(c);
	}
}

void
conn_release(struct conn *c)
{
	if (c->held.len == 0) {
		return;
	}
	if (c->out.len == 0) {
		struct buf swap = c->out;
		c->out = c->held;
		c->held = swap;
	} else {
		buf_span(&c->out, buf_as_span(&c->held));
		buf_reset(&c->held);
	}
	/* A peer that does not read must not make ledgerd hold its answers
	 * for ever; they can be asked for again, the record has them. */
	if (c->out.len > CONN_OUT_HIGH) {
		log_peer(c, "peer_cut", "it does not read its answers");
		conn_close(c);
		return;
	}
	flush_out(c);
	if (c->closing && c->out.len == 0) {
		conn_close(c);
	}
}

/* Requests are answered once each, also when a document of several frames
 * was held: one failure for a run of frames with the same id. */
void
conn_fail_held(struct conn *c)
{
	struct buf failed = BUF_INIT;
	struct span rest = buf_as_span(&c->held);
	struct frame f;
	uint32_t last = 0;
	bool any = false;

	while (frame_take(rest, UINT32_MAX, &f) == 1) {
		if (!any || f.id != last) {
			msg_encode_failure(&failed, f.id, "LEDGER_UNAVAILABLE",
			    "The ledger could not record this, so nothing was "
			    "done. Source database changed: no. Check free "
			    "space and the ledger's log, then try again.",
			    true);
		}
		any = true;
		last = f.id;
		rest.ptr += FRAME_HEADER_LEN + f.len;
		rest.len -= FRAME_HEADER_LEN + f.len;
	}
	buf_clear(&c->held);
	c->held = failed;
}

void
conn_reply(struct conn *c, uint32_t id, uint16_t type, const void *message)
{
	struct err e = {0};

	if (msg_encode(&c->held, type, FRAME_REPLY, id, message) != 0) {
		(void)err_set(&e, CS_E_TOO_LARGE, "REPLY_TOO_LARGE",
		    "the answer is larger than a message may be");
		conn_fail(c, id, &e, false);
	}
	metrics_count_held_reply(c->ledger);
	/* Also when nothing was written: the answer has to leave at the
	 * turn's end. */
	group_commit_want(c->ledger);
}

void
conn_fail(struct conn *c, uint32_t id, const struct err *e, bool retryable)
{
	msg_encode_failure(&c->held, id, err_reason(e), e->msg, retryable);
	group_commit_want(c->ledger);
}

void
conn_document(struct conn *c, uint32_t id, struct span bytes)
{
	do {
		size_t len =
		    bytes.len < DOCUMENT_CHUNK ? bytes.len : DOCUMENT_CHUNK;
		struct msg_document m = {
		    .more = len < bytes.len, .bytes = {bytes.ptr, len}};
		conn_reply(c, id, MSG_DOCUMENT, &m);
		bytes.ptr += len;
		bytes.len -= len;
	} while (bytes.len > 0);
}

struct conn *
conn_claiming(struct ledger *l, enum proto_role role)
{
	struct conn *c;

	TAILQ_FOREACH (c, &l->conns, link) {
		if (c->role == role && c->claiming && !c->closing) {
			return c;
		}
	}
	return NULL;
}

bool
conn_has_writer(const struct ledger *l, enum proto_role role)
{
	const struct conn *c;

	TAILQ_FOREACH (c, &l->conns, link) {
		if (c->role == role && c->greeted && !c->closing) {
			return true;
		}
	}
	return false;
}

/* No job in time: IDLE, so that the writer sees a live ledgerd. */
static void
on_claim_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	char nothing = 0;

	(void)fd;
	(void)what;
	c->claiming = false;
	conn_reply(c, c->claim_id, MSG_IDLE, &nothing);
}

void
conn_open(struct ledger *l, int fd, enum proto_role role)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);
	struct conn *c;

	if (l->conn_count >= CONN_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		metrics_count_refused_peer(l);
		log_event(LOG_LEVEL_WARN, "peer_refused", "peer=%s count=%u",
		    proto_role_name(role), l->conn_count);
		fd_close(&fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->ledger = l;
	c->role = role;
	c->fd = fd;
	c->uid = cred.uid;
	TAILQ_INIT(&c->waiters);
	c->on_read =
	    event_new(l->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->on_write = event_new(l->base, fd, EV_WRITE, on_writable, c);
	c->deadline = evtimer_new(l->base, on_deadline, c);
	c->claim_timer = evtimer_new(l->base, on_claim_timeout, c);
	cs_assert(c->on_read && c->on_write && c->deadline && c->claim_timer);
	/* From here on conn_close is what ends it, and every list knows it. */
	TAILQ_INSERT_TAIL(&l->conns, c, link);
	l->conn_count++;
	(void)event_add(c->on_read, NULL);
	conn_check_idle(l);
	set_deadline(c);
}
