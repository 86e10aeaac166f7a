/*
 * The authority matrix of msg.def as data: which role may send which message.
 */
#ifndef CS_PROTO_AUTHORITY_H
#define CS_PROTO_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#define PROTO_MAGIC 0x43534931U /* "CSI1" */
#define PROTO_MAJOR 2
#define PROTO_MINOR 3

/* Bits, so that msg.def can name several senders. */
enum proto_role {
	ROLE_MCPD = 1,
	ROLE_WRITER = 2,
	ROLE_CONTROL = 4,
	ROLE_LEDGER = 8,
	ROLE_HANDLER = 16 /* takes the jobs of application handlers, no other */
};

/* When a message may come: FIRST opens the connection and may come only
 * once, OPEN needs a greeted peer, REPLY is only ever an answer of ledgerd. */
enum msg_policy {
	POLICY_FIRST,
	POLICY_OPEN,
	POLICY_REPLY
};

enum msg_type {
	MSG_NONE = 0,
#define MSG(number, name, senders, max, policy, reply) MSG_##name = (number),
#include "proto/msg.def"
#undef MSG
	MSG_TYPE_END
};

struct msg_info {
	const char *name;
	unsigned senders; /* enum proto_role bits */
	uint32_t max_bytes;
	enum msg_policy policy;
	uint16_t type;
	uint16_t reply; /* MSG_NONE when nothing answers it */
};

/* The row of a message, or NULL for a number that does not exist. `type` may
 * come straight from a frame. */
const struct msg_info *msg_info(uint16_t type);

/* Every row in order, for tests and documents. */
const struct msg_info *msg_table(unsigned *count_out);

/*
 * May `sender` send this message now? `greeted` says whether HELLO went by,
 * `reply` whether the frame carries the reply flag. 0 or CS_E_PROTOCOL; the
 * length is checked before anything is allocated for it.
 */
int msg_check(enum proto_role sender, bool greeted, uint16_t type, bool reply,
    uint32_t len);

/* The largest payload that any message of this sender may have: the reader's
 * first bound, before the type is known to be allowed. 0 for no role. */
uint32_t msg_role_cap(enum proto_role sender);

/* For logs and error texts; "unknown" for a value that is no role. */
const char *proto_role_name(enum proto_role role);

#endif
