#include "ledgerd/group_commit.h"

#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "ledgerd/conn.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/wal.h"

/* Sign the chain's end at least this often, in events. */
#define HEAD_INTERVAL 1024

/* Sign the end of the chain where it is wanted, then COMMIT. A head is part
 * of the same transaction: there is none for events that are not on disk. */
static int
commit_turn(struct ledger *l, struct err *e)
{
	struct store *s = &l->store;
	bool sign = s->in_transaction &&
		    (l->head_wanted ||
			s->last_event_id - l->signed_event_id >= HEAD_INTERVAL);
	int rc = s->in_transaction ? store_begin(s, e) : 0;

	if (rc == 0 && sign) {
		rc = event_sign_head(s, l->key, e);
	}
	if (rc != 0) {
		store_rollback(s);
		return rc;
	}
	rc = store_commit(s, e);
	if (rc == 0 && sign) {
		l->signed_event_id = s->last_event_id;
	}
	l->head_wanted = false;
	return rc;
}

int
group_commit_now(struct ledger *l)
{
	struct err e = {0};
	struct conn *c;
	struct conn *next;
	int rc = commit_turn(l, &e);

	if (rc != 0) {
		log_err(LOG_LEVEL_ERR, "commit_failed", &e);
		/* What was frozen or thawed in this turn was not. */
		if (freezes_load(l, &e) != 0) {
			log_err(LOG_LEVEL_ERR, "freezes_not_read", &e);
		}
	}
	/* The order is the promise: first the disk, then the answers. */
	for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (rc != 0) {
			conn_fail_held(c);
		}
		conn_release(c);
	}
	/* After the answers have left: nobody waits for it. */
	wal_upkeep(&l->store);
	return rc;
}

static void
on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)group_commit_now(arg);
}

void
group_commit_init(struct ledger *l)
{
	l->commit_event = event_new(l->base, -1, 0, on_turn_end, l);
	cs_assert(l->commit_event != NULL);
	/* Lower than connections: it runs when nothing else is ready. */
	cs_assert(event_priority_set(l->commit_event, 1) == 0);
}

void
group_commit_want(struct ledger *l)
{
	event_active(l->commit_event, EV_TIMEOUT, 0);
}
