/*
 * The client side of mcpd.sock: asynchronous frames over the inherited
 * descriptor. HELLO goes first; calls made before its answer wait. At most 64
 * calls are in flight, the rest queues. When ledgerd is gone or silent for 5 s,
 * every waiting and later call fails: nothing is answered that is not stored.
 */
#ifndef CS_MCPD_LEDGER_CLIENT_H
#define CS_MCPD_LEDGER_CLIENT_H

#include "proto/messages.h"

struct arena;
struct contract;
struct event_base;
struct ledger_client;

/* What came back; everything is borrowed for the time of the callback. */
struct ledger_reply {
	const char *error; /* NULL, or a reason word; in the call's arena */
	struct span message;
	bool retryable;
	/* By the call: */
	struct msg_recorded recorded;
	struct msg_proposed proposed;
	struct msg_stated stated;
	struct span document;
};

typedef void (*ledger_done_fn)(void *context, const struct ledger_reply *reply);

/* Where an answer goes: lists of the answer live in the arena. */
struct ledger_waiter {
	struct arena *arena;
	ledger_done_fn done; /* called exactly once, never from the call */
	void *context;
};

/*
 * Start to talk on `fd` (not owned). `on_mismatch` is called from the loop when
 * ledgerd refuses the handshake or has another contract; *e names both digests,
 * and nothing will be answered any more. `c` must outlive the client.
 */
struct ledger_client *ledger_client_new(struct event_base *base, int fd,
    const struct contract *c,
    void (*on_mismatch)(void *arg, const struct err *e), void *arg);
/* Call `on_gone` once, from the loop and with the same argument, when the
 * connection is over and every waiter has heard of it. */
void ledger_client_watch(
    struct ledger_client *client, void (*on_gone)(void *arg));
/* Has it greeted us, and does it answer? */
bool ledger_client_is_ready(const struct ledger_client *client);

/* At exit only: waiters are not called. */
void ledger_client_free(struct ledger_client **client);

/*
 * Send one message; its spans may go when the call returns. Each returns 0, and
 * then the waiter is called exactly once, with the answer or with
 * LEDGER_UNAVAILABLE; or CS_E_TOO_LARGE when the message does not fit, and then
 * never. The waiter's arena must live until it was called.
 */
int ledger_read(struct ledger_client *client, const struct msg_call *call,
    struct ledger_waiter waiter);
int ledger_propose(struct ledger_client *client, const struct msg_call *call,
    struct ledger_waiter waiter);
int ledger_refuse(struct ledger_client *client,
    const struct msg_refuse *refusal, struct ledger_waiter waiter);
int ledger_resource(struct ledger_client *client,
    const struct msg_resource *resource, struct ledger_waiter waiter);
int ledger_status(struct ledger_client *client, const struct msg_status *status,
    struct ledger_waiter waiter);
int ledger_withdraw(struct ledger_client *client,
    const struct msg_status *status, struct ledger_waiter waiter);

#endif
