/*
 * The writer's side of the ledger protocol: blocking, one request at a time,
 * on the one descriptor that it was given.
 */
#ifndef CS_WRITERD_LEDGER_LINK_H
#define CS_WRITERD_LEDGER_LINK_H

#include <signal.h>

#include "proto/messages.h"

struct arena;
struct err;

struct ledger_link {
	int fd;
	int alive_fd; /* end of file: the supervisor is gone; -1 none */
	uint32_t next_id;
	struct buf in;
	enum proto_role role; /* ROLE_WRITER or ROLE_HANDLER */
	sigset_t waiting;     /* signals that may interrupt a wait */
	const volatile sig_atomic_t *stop;
	/* Claim the next job together with the next report, willing to wait
	 * that long; 0: do not. */
	uint32_t claim_ahead_ms;
	bool has_claimed; /* a claim is under way */
};

/*
 * HELLO with our contract's digest; the answer must carry the ledger key that
 * we were given. CS_E_CONFIG with both digests when the contracts differ,
 * CS_E_INTEGRITY when it is another ledger.
 */
int ledger_hello(struct ledger_link *l, const uint8_t contract[32],
    const uint8_t ledger_key[PUBLIC_KEY_LEN], struct arena *a, struct err *e);

/*
 * Claim, unless that was done with the last report, and wait for a job: 0 and
 * *out (borrows from the arena), CS_E_NOT_FOUND when there was none in time,
 * CS_E_EOF when the ledger or the supervisor went away or we were asked to
 * stop.
 */
int ledger_claim(struct ledger_link *l, uint32_t wait_ms, struct arena *a,
    struct msg_job *out, struct err *e);

/* Report; returns when the ledger has it on disk. Claims the next job in the
 * same message exchange where that is wanted and nobody asked us to stop. */
int ledger_report(struct ledger_link *l, const struct msg_report *m,
    struct arena *a, struct err *e);

/*
 * Ask whether this job may begin: 0 when the ledger has it on disk that it may
 * have. Anything else, and nothing may be written.
 */
int ledger_applying(struct ledger_link *l, const struct msg_applying *m,
    struct arena *a, struct err *e);

/* Tell what an inspection saw. Values that do not fit are left out. */
int ledger_observed(struct ledger_link *l, const struct msg_observed *m,
    struct arena *a, struct err *e);

/*
 * May this job still be committed, as far as the ledger is concerned? NULL, or
 * the reason why not: APPROVAL_REVOKED or FROZEN when it said so, LEDGER_GONE
 * when it went away. Does not wait: the ledger says nothing else by itself.
 */
const char *ledger_stop_reason(
    struct ledger_link *l, struct span job_id, struct arena *a);

void ledger_link_clear(struct ledger_link *l);

#endif
