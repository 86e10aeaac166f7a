/*
 * From a call to a proposal: ledgerd derives patch, checks and change set from
 * its own contract; mcpd cannot express a patch that the contract does not
 * contain.
 */
#ifndef CS_LEDGERD_PROPOSE_H
#define CS_LEDGERD_PROPOSE_H

#include "ledgerd/record.h"

/* What mcpd is told, and through it the model: the proposal that now exists,
 * new or found. Everything borrows from the scratch arena. */
struct proposed {
	struct span proposal_id;
	struct span hash;
	int64_t version;
	const char *state;
	bool created;
	struct span created_at;
	struct named_scalar *patch;
	size_t patch_count;
};

/*
 * Record evidence, audit, proposal and event as one request. The identical
 * active proposal is returned instead of a second one; the read that led to it
 * is recorded all the same. Results live in the scratch arena. A refusal by the
 * contract's rules is CS_E_INVALID with the rule's reason.
 */
int propose(struct ledger *l, const struct call *call, struct proposed *out,
    struct err *e);

#endif
