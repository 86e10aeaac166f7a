/*
 * One guarded transaction, the same for every engine:
 * receipt claim → row lock (key and tenant) → version compare → rules again →
 * UPDATE → exactly one row → post-image → receipt → COMMIT.
 */
#ifndef CS_WRITERD_APPLY_H
#define CS_WRITERD_APPLY_H

#include "proto/receipt.h"
#include "writerd/db.h"
#include "writerd/job_check.h"

/* What became of a job; texts are literals or in the arena. */
struct outcome {
	enum receipt_status status;
	const char *code; /* safe_error_code, NULL when applied */
	const char *explain;
	bool retryable;
	bool mutated;
	int64_t rows;
	struct scalar new_version; /* SCALAR_NULL: not known */
	char hash[DIGEST_TEXT_SIZE];
};

/*
 * Run a checked job on a connection. Never fails: what went wrong is in the
 * outcome. A dry run rolls back; a settling job only looks the receipt up.
 * RECEIPT_OUTCOME_UNKNOWN when COMMIT was sent and not answered: the caller
 * settles it on a new connection.
 */
void apply_job(struct db *db, const struct checked_job *job, struct arena *a,
    struct outcome *out);

/* Only look up what became of it (also after an unknown COMMIT). */
void apply_settle(struct db *db, const struct checked_job *job, struct arena *a,
    struct outcome *out);

/*
 * After a settling job: what an earlier attempt did stays unknown unless the
 * receipt was found, or certainly is not there. "Failed" would say that nothing
 * was changed.
 */
void outcome_unsettled(struct outcome *out, struct span job_id);

/* An outcome in which nothing was changed. */
void outcome_failed(struct outcome *out, struct span job_id,
    const struct err *e, bool retryable);

#endif
