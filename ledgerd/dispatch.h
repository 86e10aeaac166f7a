/*
 * One dispatch table per role. Authority is attached to the socket a peer came
 * in on: mcpd's table has no decide, no apply and no claim in it to reach.
 */
#ifndef CS_LEDGERD_DISPATCH_H
#define CS_LEDGERD_DISPATCH_H

#include "ledgerd/conn.h"

/* `message` is the decoded struct of the row's type; replies go through conn_*.
 */
typedef void (*handler_fn)(struct conn *c, uint32_t id, const void *message);

struct dispatch_row {
	uint16_t type;
	handler_fn handler;
};

/* One row for each message that msg.def lets this role send, but HELLO and
 * PING, which dispatch_frame answers; ended by a NULL handler. */
extern const struct dispatch_row dispatch_mcpd[];
extern const struct dispatch_row dispatch_writer[];
extern const struct dispatch_row dispatch_handler[];
extern const struct dispatch_row dispatch_control[];

/*
 * Check a complete frame (untrusted) against msg.def, decode it and call its
 * handler. Resets the scratch arena: nothing of the message before survives.
 * CS_E_PROTOCOL when the connection must be closed; a request that is refused
 * was answered and is 0.
 */
int dispatch_frame(struct conn *c, const struct frame *f);

/* The handler of `type` in a role's table, NULL when there is none. */
handler_fn dispatch_find(enum proto_role role, uint16_t type);

#endif
