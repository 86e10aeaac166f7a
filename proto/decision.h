/*
 * A decision: the statement that a named reviewer approved or rejected exactly
 * these bytes, or applies them, under exactly this contract, signed by ledgerd
 * when it records it and, where the contract asks for it, by the reviewer's own
 * key (common/crypto/sshsig.h) over the same bytes. A row that somebody put
 * into the file without the key counts for nothing.
 */
#ifndef CS_PROTO_DECISION_H
#define CS_PROTO_DECISION_H

#include <stdint.h>

#include "common/base/json_out.h"
#include "common/crypto/verify.h"
#include "proto/messages.h"

/* Before the capability's name, in the place of a person: no person approved,
 * the contract's approval.automatic did. */
#define DECISION_POLICY "policy:"

struct decision {
	enum decision_action action;
	struct span proposal_id;
	int64_t proposal_version;
	struct span proposal_hash;
	struct span contract_digest;
	struct span user; /* reviewer's OS user name */
	int64_t uid;
	struct span role;   /* the required role that was met; empty: none */
	struct span reason; /* empty: none given */
	int64_t issued_us;  /* ms precision in the text */
	int64_t expires_us;
};

/* countersign.decision.v1 as compact JSON, appended to `out`. These very
 * bytes are signed and stored; times are cut to milliseconds. */
void decision_build(const struct decision *d, struct buf *out);

/*
 * Parse exactly that document (untrusted); CS_E_INVALID with DECISION_INVALID
 * otherwise. Says nothing about the signature: verify that first, over the same
 * bytes. Spans borrow from `statement` or live in `a`.
 */
int decision_parse(struct span statement, struct arena *a, struct decision *out,
    struct err *e);

#endif
