/*
 * The receipt table in the source database: found by catalog, created only when
 * it is absent and never inside the guarded transaction, read to settle what
 * became of an earlier attempt.
 */
#ifndef CS_WRITERD_SOURCE_RECEIPT_H
#define CS_WRITERD_SOURCE_RECEIPT_H

#include "writerd/db.h"
#include "writerd/stmt_plan.h"

/*
 * Find the table and remember its name in *db; create it when `may_create`.
 * CS_E_NOT_FOUND when it is absent and may not be created;
 * RECEIPT_TABLE_MISSING (CS_E_DENIED) when the database refuses to create it.
 */
int source_receipt_find(struct db *db, const struct contract_capability *cap,
    bool may_create, struct arena *a, struct err *e);

/*
 * Refuse a target whose storage engine has no transactions (or is not known,
 * as that of a view): ENGINE_NOT_TRANSACTIONAL (CS_E_CONFIG). Before the
 * transaction. A table that is not there is somebody else's error.
 */
int source_check_transactional(struct db *db,
    const struct contract_capability *cap, struct arena *a, struct err *e);

/* The statuses that the table can hold (engine.md §4.1, §4.7). */
enum source_status {
	SOURCE_CLAIMED, /* the claim is ours: nothing was there */
	SOURCE_APPLIED,
	SOURCE_CONFLICT,
	SOURCE_FAILED,
	SOURCE_IN_PROGRESS
};

/* What a claim found. */
struct source_claim {
	enum source_status status;
	struct span hash; /* the stored result hash, or empty */
};

/*
 * Inside the open transaction: claim the key, or say what is there. An owner
 * that is still at work is waited for by the database.
 */
int source_receipt_claim(struct db *db, const struct stmt_plan *plan,
    const struct scalar key_job_proposal[3], struct arena *a,
    struct source_claim *out, struct err *e);

/* The same for a claim that was run with other statements, and that passed
 * without claiming or came to CS_E_STATE: what is there. */
int source_receipt_existing(struct db *db, const struct stmt_plan *plan,
    const struct db_step *claim, struct arena *a, struct source_claim *out,
    struct err *e);

/* Was nothing there? Of a claim that passed. */
bool source_receipt_is_claimed(const struct db_result *claim);

#endif
