/*
 * Recording what mcpd did: reads (evidence and query audit in one event) and
 * refusals. mcpd is treated as hostile: everything it says is checked against
 * this process's own copy of the contract.
 */
#ifndef CS_LEDGERD_RECORD_H
#define CS_LEDGERD_RECORD_H

#include "common/crypto/digest.h"
#include "ledgerd/ledger.h"

#define EVENT_READ    "read_recorded"
#define EVENT_REFUSED "call_refused"

/* A call that passed the checks. Borrows from the message. */
struct call {
	const struct contract_capability *cap;
	const struct msg_call *message;
	struct span object_id;
	struct span row_json; /* in the ledger's scratch arena */
	int64_t event_id;     /* of the event that record_read appends next */
	char evidence_id[ID_TEXT_SIZE];
};

/*
 * Does this call (untrusted) follow from the contract? Capability and kind,
 * arguments, trusted context, exactly the read columns in order, well-formed
 * scalars, the row's tenant, no credentials. Computes the evidence id of the
 * event that comes next, so nothing else may be appended before record_read.
 * *out borrows from `m` and the scratch arena. CS_E_PROTOCOL and CS_E_DENIED
 * mean that mcpd did what it never does.
 */
int call_check(struct ledger *l, const struct msg_call *m,
    enum capability_kind kind, struct call *out, struct err *e);

/* 0.1.1's ID("ev", {capability, source, tenant, row, at}), engine.md Appendix
 * A2: its digits are the second half of our ids (evidence_id_at). */
void evidence_id_of(const struct contract_capability *cap, struct span tenant,
    struct span row_json, const char *at, char out[ID_TEXT_SIZE]);

/* Append the read; `proposal_id` is empty unless it led to a proposal. */
int record_read(struct ledger *l, const struct call *call,
    struct span proposal_id, struct err *e);

/* Append a refusal: what was asked for, by whom, and the safe answer. `m`
 * may name a tool that does not exist. */
int record_refusal(struct ledger *l, const struct msg_refuse *m, struct err *e);

#endif
