#include "ledgerd/dispatch.h"

#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "ledgerd/group_commit.h"
#include "ledgerd/metrics.h"

/* The largest message struct, for decoding into. */
union any_message {
	struct msg_hello hello;
	struct msg_call call;
	struct msg_refuse refuse;
	struct msg_resource resource;
	struct msg_status status;
	struct msg_claim claim;
	struct msg_report report;
	struct msg_query query;
	struct msg_show show;
	struct msg_decide decide;
	struct msg_apply apply;
};

/*
 * HELLO: protocol, role and contract must agree before anything else is said.
 * The peer's role word is only compared: its authority is the listener's.
 */
static int
greet(struct conn *c, uint32_t id, const struct msg_hello *m)
{
	struct ledger *l = c->ledger;
	struct err e = {0};
	struct msg_hello answer = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .minor = PROTO_MINOR,
	    .role = ROLE_LEDGER,
	    .build = span_of(CS_VERSION),
	    .store_owner = span_of(l->owner)};

	/* No answer: somebody who speaks another protocol could not read it. */
	if (m->magic != PROTO_MAGIC || m->major != PROTO_MAJOR ||
	    m->role != c->role) {
		return CS_E_PROTOCOL;
	}
	memcpy(answer.contract, l->contract->digest, sizeof(answer.contract));
	memcpy(answer.public_key, sign_key_public(l->key), PUBLIC_KEY_LEN);
	/* People may look at a ledger with a newer contract in hand; processes
	 * that act on a contract must have the very same one. */
	if (c->role != ROLE_CONTROL &&
	    memcmp(m->contract, l->contract->digest, 32) != 0) {
		char theirs[DIGEST_TEXT_SIZE];
		digest_format(m->contract, theirs);
		(void)err_set(&e, CS_E_CONFIG, "CONTRACT_DIGEST_MISMATCH",
		    "%s has contract %s, ledgerd has %s: restart them together "
		    "with one contract file",
		    proto_role_name(c->role), theirs, l->contract->digest_text);
		metrics_count_refused_peer(l);
		log_err(LOG_LEVEL_ERR, "peer_refused", &e);
		conn_fail(c, id, &e, false);
		c->closing = true;
		return 0;
	}
	c->greeted = true;
	conn_reply(c, id, MSG_HELLO, &answer);
	return 0;
}

handler_fn
dispatch_find(enum proto_role role, uint16_t type)
{
	const struct dispatch_row *row = role == ROLE_MCPD     ? dispatch_mcpd
					 : role == ROLE_WRITER ? dispatch_writer
					 : role == ROLE_HANDLER
					     ? dispatch_handler
					     : dispatch_control;

	for (; row->handler != NULL; row++) {
		if (row->type == type) {
			return row->handler;
		}
	}
	return NULL;
}

int
dispatch_frame(struct conn *c, const struct frame *f)
{
	struct ledger *l = c->ledger;
	union any_message message;
	handler_fn handler;
	char nothing = 0;

	/* Length and right before content: a message that this role may not
	 * send is never decoded. */
	if (msg_check(c->role, c->greeted, f->type,
		(f->flags & FRAME_REPLY) != 0, f->len) != 0 ||
	    (f->flags & FRAME_ERROR) != 0 || c->closing) {
		return CS_E_PROTOCOL;
	}
	/* One message at a time: everything that a handler allocates ends
	 * here. */
	arena_reset(l->scratch);
	if (msg_decode(f->type, f->payload, &message, l->scratch) != 0) {
		return CS_E_PROTOCOL;
	}
	if (f->type == MSG_HELLO) {
		return greet(c, f->id, &message.hello);
	}
	if (f->type == MSG_PING) {
		conn_reply(c, f->id, MSG_PONG, &nothing);
		return 0;
	}
	handler = dispatch_find(c->role, f->type);
	/* msg.def and the tables agree; tests/unit proves it. */
	cs_assert(handler != NULL);
	handler(c, f->id, &message);
	/* An apply that waits for a busy writer is not answered yet, and is on
	 * disk all the same. */
	if (l->store.in_transaction) {
		group_commit_want(l);
	}
	return 0;
}
