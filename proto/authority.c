#include "proto/authority.h"

#include "common/base/err.h"

/* msg.def names senders by one letter, so that a row fits on a line and the
 * whole matrix can be read at a glance. */
#define M ROLE_MCPD
#define W ROLE_WRITER
#define H ROLE_HANDLER
#define C ROLE_CONTROL
#define L ROLE_LEDGER

static const struct msg_info table[] = {
#define MSG(number, name, senders, max, policy, reply) \
	{#name, (senders), (max), POLICY_##policy, (number), MSG_##reply},
#include "proto/msg.def"
#undef MSG
};

#undef M
#undef W
#undef H
#undef C
#undef L

#define ROWS (sizeof(table) / sizeof(table[0]))

const struct msg_info *
msg_info(uint16_t type)
{
	for (unsigned i = 0; i < ROWS; i++) {
		if (table[i].type == type) {
			return &table[i];
		}
	}
	return NULL;
}

const struct msg_info *
msg_table(unsigned *count_out)
{
	*count_out = ROWS;
	return table;
}

int
msg_check(enum proto_role sender, bool greeted, uint16_t type, bool reply,
    uint32_t len)
{
	const struct msg_info *info = msg_info(type);

	if (info == NULL || (info->senders & sender) == 0 ||
	    len > info->max_bytes) {
		return CS_E_PROTOCOL;
	}
	/* HELLO exactly once and before anything else: a peer cannot change
	 * its contract or version in the middle of a conversation. */
	if (greeted == (info->policy == POLICY_FIRST)) {
		return CS_E_PROTOCOL;
	}
	/* Only ledgerd answers; its HELLO is an answer too. */
	return reply == (sender == ROLE_LEDGER) ? 0 : CS_E_PROTOCOL;
}

uint32_t
msg_role_cap(enum proto_role sender)
{
	uint32_t cap = 0;

	for (unsigned i = 0; i < ROWS; i++) {
		if ((table[i].senders & sender) != 0 &&
		    table[i].max_bytes > cap) {
			cap = table[i].max_bytes;
		}
	}
	return cap;
}

const char *
proto_role_name(enum proto_role role)
{
	switch (role) {
	case ROLE_MCPD:
		return "mcpd";
	case ROLE_WRITER:
		return "writer";
	case ROLE_CONTROL:
		return "control";
	case ROLE_LEDGER:
		return "ledgerd";
	case ROLE_HANDLER:
		return "handler";
	default:
		return "unknown";
	}
}
