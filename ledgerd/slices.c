#include "ledgerd/slices.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/xalloc.h"
#include "ledgerd/group_commit.h"

/* How long one slice may keep the loop, and how often it says how far it is. */
#define SLICE_MS    10
#define PROGRESS_MS 500

struct slices {
	struct ledger *ledger;
	struct conn *conn; /* looked for before each use */
	uint32_t request_id;
	struct event *timer;
	const struct slice_ops *ops;
	void *work;
	int64_t progress_ms; /* when it is told next */
};

/* Is the connection that asked still there? */
static bool
still_there(const struct slices *s)
{
	const struct conn *c;

	TAILQ_FOREACH (c, &s->ledger->conns, link) {
		if (c == s->conn) {
			return true;
		}
	}
	return false;
}

/* Answer if somebody still waits, and forget the work. */
static void
finish(struct slices *s, int rc, const struct err *e)
{
	struct buf document = BUF_INIT;
	struct json_out j;

	if (still_there(s) && rc == 0) {
		json_begin(&j, &document, 0);
		s->ops->put(s->work, &j);
		conn_document(s->conn, s->request_id, buf_as_span(&document));
		buf_clear(&document);
	} else if (still_there(s)) {
		conn_fail(s->conn, s->request_id, e, rc == CS_E_UNAVAILABLE);
	}
	s->ops->free(s->work);
	event_free(s->timer);
	free(s);
}

static void
tell(struct slices *s)
{
	struct msg_progress m = {0};
	const char *phase = "";

	/* A step that ended the turn may have closed it. */
	if (clock_mono_ms() < s->progress_ms || !still_there(s)) {
		return;
	}
	s->progress_ms = clock_mono_ms() + PROGRESS_MS;
	m.percent = s->ops->percent(s->work, &phase);
	m.phase = span_of(phase);
	conn_reply(s->conn, s->request_id, MSG_PROGRESS, &m);
}

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = {0, 1};
	struct slices *s = arg;
	int64_t until = clock_mono_ms() + SLICE_MS;
	struct err e = {0};
	int rc = 1;

	(void)fd;
	(void)what;
	if (!still_there(s)) {
		finish(s, CS_E_EOF, &e);
		return;
	}
	while (rc == 1 && clock_mono_ms() < until) {
		rc = s->ops->step(s->work, &e);
	}
	if (s->ledger->store.in_transaction) {
		group_commit_want(s->ledger);
	}
	if (rc != 1) {
		finish(s, rc, &e);
		return;
	}
	tell(s);
	(void)event_add(s->timer, &soon);
}

void
slices_start(
    struct conn *c, uint32_t id, const struct slice_ops *ops, void *work)
{
	static const struct timeval now = {0, 0};
	struct slices *s = xcalloc(1, sizeof(*s));

	*s = (struct slices){.ledger = c->ledger,
	    .conn = c,
	    .request_id = id,
	    .ops = ops,
	    .work = work,
	    .progress_ms = clock_mono_ms() + PROGRESS_MS};
	s->timer = evtimer_new(c->ledger->base, on_slice, s);
	cs_assert(s->timer != NULL);
	(void)event_add(s->timer, &now);
}
