/*
 * Connections: frames in, frames out. A reply is held back until the turn's
 * transaction is on disk (group_commit.c): nothing is answered that is not
 * recorded. A peer that breaks the protocol loses its connection, nothing else.
 */
#ifndef CS_LEDGERD_CONN_H
#define CS_LEDGERD_CONN_H

#include "ledgerd/ledger.h"

#define CONN_MAX         256
#define CONN_OUT_HIGH    (4U << 20) /* a peer that does not read is cut */
#define CONN_WAITERS_MAX 64   /* requests of one peer that wait for a job */
#define CONN_REQUEST_MS  5000 /* from a request's first byte to its last */

/* A request whose answer comes later: APPLY until its job is reported. */
struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct conn *conn;
	uint32_t request_id;
	char proposal_id[MSG_ID_MAX + 1];
	struct event *timer;
};

TAILQ_HEAD(waiter_list, waiter);

struct conn {
	TAILQ_ENTRY(conn) link;
	struct ledger *ledger;
	enum proto_role
	    role; /* from the listener it came in on, never its word */
	int fd;
	int64_t uid; /* SO_PEERCRED */
	bool greeted;
	bool closing; /* flush, then close */
	struct event *on_read;
	struct event *on_write;
	struct event *deadline;
	struct buf in;
	struct buf out;  /* may be written */
	struct buf held; /* waits for the commit */
	struct waiter_list waiters;
	unsigned waiter_count;
	/* Writers and handlers only. */
	bool claiming; /* waits for a job; claim_id is the request */
	uint32_t claim_id;
	struct event *claim_timer;
	int64_t leased_seq; /* row of the job it works on; 0: none */
};

/*
 * Take over an accepted, non-blocking descriptor, of a peer that has not said
 * anything yet. Closes it when there are too many or the kernel does not name
 * the peer. `role` is the listener's.
 */
void conn_open(struct ledger *l, int fd, enum proto_role role);

/* Close now and free `c`: a writer's job becomes lost, waiting requests are
 * forgotten. Held replies go with it; what they speak of stays recorded. */
void conn_close(struct conn *c);

/*
 * Hold a reply until the turn's commit; `message` is the struct of `type`. A
 * reply that breaks its own cap turns into a failure. The connection may be
 * read from again, but nothing leaves before conn_release.
 */
void conn_reply(
    struct conn *c, uint32_t id, uint16_t type, const void *message);
/* Hold a FAILURE with the reason word and sentence of `e`, which a model or
 * a person may read: nothing secret belongs there. */
void conn_fail(
    struct conn *c, uint32_t id, const struct err *e, bool retryable);
/* A document in as many chunks as it needs. */
void conn_document(struct conn *c, uint32_t id, struct span bytes);

/* With --exit-idle: stop soon when nobody but waiting writers is connected. */
void conn_check_idle(struct ledger *l);

/* Let what is held go out: only after the commit, or after conn_fail_held.
 * May close and free `c`. */
void conn_release(struct conn *c);
/* The commit failed: every held reply becomes LEDGER_UNAVAILABLE. */
void conn_fail_held(struct conn *c);

/* A peer of that role (writer or handler) that waits in CLAIM, or NULL. */
struct conn *conn_claiming(struct ledger *l, enum proto_role role);
/* Is one of that role there, waiting or at work? Asked before a job is
 * released, so that no approval is spent on nobody. */
bool conn_has_writer(const struct ledger *l, enum proto_role role);

#endif
