/*
 * A writer believes nobody. Everything about a job is checked here against this
 * process's own contract and keys before any connection to the source is used:
 * the signature before the first byte is parsed, then each thing that the job
 * says. Pure: no I/O, so that it can be fuzzed and tested alone.
 */
#ifndef CS_WRITERD_JOB_CHECK_H
#define CS_WRITERD_JOB_CHECK_H

#include "common/crypto/signers.h"
#include "proto/job.h"
#include "proto/receipt.h"

struct arena;
struct err;
struct ledger_link;

/* What this process knows for itself. Borrowed. */
struct job_authority {
	const struct contract *contract;
	const uint8_t *ledger_key; /* PUBLIC_KEY_LEN bytes */
	int64_t now_us;
	struct signers
	    *signers; /* reviewers' keys; NULL: the contract has none */
	/* Takes what applications execute, and only that; otherwise what is
	 * applied by SQL. */
	bool is_handler;
};

/* A job that passed. Borrows from the payload and the arena. */
struct checked_job {
	struct job job;
	struct change_set cs;
	const struct contract_capability *cap;
	/* Set by the caller: the ledger that must still be there when COMMIT
	 * is sent, because it counts on this attempt and may take it back.
	 * NULL: none must. */
	struct ledger_link *fence;
	/* Whose keys were looked at; NULL: nobody's. */
	struct signers *signers;
};

/*
 * 0, or a negative code with the reason of the first thing that does not hold:
 * JOB_SIGNATURE_INVALID, JOB_INVALID, JOB_EXPIRED, CONTRACT_DIGEST_MISMATCH,
 * PROPOSAL_HASH_MISMATCH, CHANGE_SET_INVALID, JOB_MISMATCH, MODE_NOT_REVIEW,
 * TARGET_NOT_REVIEWED, ROW_NOT_REVIEWED, TENANT_GUARD_MISMATCH,
 * CONFLICT_GUARD_MISMATCH, the PATCH_ codes of the rules, and for jobs that
 * write those of approval_check.
 */
int job_check(const struct job_authority *authority, const struct msg_job *m,
    struct arena *a, struct checked_job *out, struct err *e);

/*
 * Which job a receipt is about: ids, key and dry run. One that cannot be
 * trusted (its cap is NULL) gets a receipt, too; what that is about comes from
 * the message, whose id ledgerd chose. In the arena.
 */
void job_subject(const struct msg_job *m, const struct checked_job *job,
    struct arena *a, struct receipt *r);

#endif
