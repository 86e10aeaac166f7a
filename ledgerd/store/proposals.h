/*
 * Proposal rows. `state` moves only through proposal_move, whose UPDATE names
 * the state it came from: concurrent approve, reject and apply cannot
 * interleave.
 */
#ifndef CS_LEDGERD_STORE_PROPOSALS_H
#define CS_LEDGERD_STORE_PROPOSALS_H

#include "ledgerd/rules/state.h"
#include "ledgerd/store/store.h"
#include "proto/change_set.h"

struct arena;

/* A row, copied into the arena it was loaded with. */
struct proposal {
	struct span proposal_id;
	int64_t proposal_version;
	struct span proposal_hash;
	struct span contract_digest;
	enum proposal_state state;
	bool retryable;
	int64_t attempt;
	struct span tenant_id;
	struct span principal;
	struct span action;
	struct span business_object;
	struct span object_id;
	struct span source_kind;
	struct span source_id;
	struct span source_schema;
	struct span source_table;
	bool source_database_mutated;
	struct span evidence_id;
	struct span change_set; /* stored bytes */
	int64_t created_us;
	int64_t updated_us;
};

/* Columns of PROPOSAL_GET in order, from any statement that selects them. */
void proposal_from_row(sqlite3_stmt *st, struct arena *a, struct proposal *out);

/*
 * Load a row; "latest" names the newest. Nothing is checked: call
 * proposal_check before anything in it is believed. CS_E_NOT_FOUND with
 * PROPOSAL_NOT_FOUND.
 */
int proposal_load(struct store *s, struct span id, struct arena *a,
    struct proposal *out, struct err *e);

/*
 * Parse the stored bytes, recompute their hash, and require that the columns
 * beside them say the same: PROPOSAL_HASH_MISMATCH, CHANGE_SET_INVALID or
 * PROPOSAL_ROW_MISMATCH (CS_E_INTEGRITY) otherwise.
 */
int proposal_check(const struct proposal *p, struct arena *a,
    struct change_set *cs, struct err *e);

/* The state must be the one that the proposal's own events lead to:
 * PROPOSAL_STATE_MISMATCH otherwise. */
int proposal_check_state(
    struct store *s, const struct proposal *p, struct err *e);

/* Insert a new one in pending_review. `cs` is a parsed change set: the
 * columns are taken from it, its bytes are stored unchanged. */
int proposal_add(struct store *s, const struct change_set *cs,
    const char *contract_digest, int64_t now_us, struct err *e);

/*
 * Append an event about the proposal of this change set. Only its ids, tenant,
 * action and object are read. `kind` is a state_event_name or a word that moves
 * no state.
 */
int proposal_event(struct store *s, const struct change_set *cs,
    const char *kind, struct span actor, struct span body, struct err *e);

/* from → to; CS_E_STATE when it is no longer in `from`. */
struct proposal_moved {
	enum proposal_state from;
	enum proposal_state to;
	bool retryable;
	bool mutated;
	int64_t now_us;
};
int proposal_move(struct store *s, struct span id,
    const struct proposal_moved *move, struct err *e);

#endif
