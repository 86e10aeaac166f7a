/*
 * Execution receipt v1 (engine.md §2.4, §4.8): what a writer says became of a
 * job. `outcome_unknown` is ours: the COMMIT was sent and no answer came.
 */
#ifndef CS_PROTO_RECEIPT_H
#define CS_PROTO_RECEIPT_H

#include "common/base/scalar.h"
#include "common/crypto/digest.h"

struct arena;
struct err;

/*
 * Only APPLIED means that this attempt changed the row. ALREADY_APPLIED: an
 * earlier one did, its receipt was found. CONFLICT and FAILED: nothing changed.
 */
enum receipt_status {
	RECEIPT_APPLIED,
	RECEIPT_ALREADY_APPLIED,
	RECEIPT_CONFLICT,
	RECEIPT_FAILED,
	RECEIPT_OUTCOME_UNKNOWN,
	RECEIPT_STATUSES
};

struct receipt {
	struct span job_id;
	struct span proposal_id;
	struct span runner_id;
	enum receipt_status status;
	int64_t rows_affected;
	struct span idempotency_key;
	struct scalar previous_version; /* SCALAR_NULL: left out */
	struct scalar new_version;      /* SCALAR_NULL: left out */
	bool source_database_mutated;
	struct span executed_at;
	struct span safe_error_code; /* empty: left out */
	struct span receipt_hash;    /* set by receipt_build when empty */
	/* details: */
	bool dry_run;
	bool retryable;      /* failed for a reason that may pass */
	struct span explain; /* one safe sentence, may be empty */
};

/* What an application may claim to have changed at once. */
#define RECEIPT_ROWS_MAX INT64_C(1000000)

/* 0.1.1's word; "unknown" for a number out of range. */
const char *receipt_status_name(enum receipt_status status);

/*
 * Write the receipt as compact JSON: 0.1.1's members in its order, then
 * details {dry_run, retryable, explanation}. receipt_hash follows §2.8 (SQL
 * path): the engine result hash {job_id, status, version}.
 */
void receipt_build(const struct receipt *r, struct buf *out);

/*
 * Parse exactly that document (untrusted: a writer can say anything).
 * CS_E_INVALID with RECEIPT_INVALID otherwise. Whether it is about the leased
 * job, and may be about more than one row, is the caller's to judge. Spans
 * borrow from `text` or live in `a`.
 */
int receipt_parse(
    struct span text, struct arena *a, struct receipt *out, struct err *e);

/* HASH({job_id, status[, version]}), engine.md Appendix A7. `version` is
 * NULL when there is none to name; then the member is left out. */
void receipt_result_hash(struct span job_id, const char *status,
    const struct scalar *version, char out[DIGEST_TEXT_SIZE]);

#endif
