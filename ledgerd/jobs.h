/*
 * Rows of `jobs`: minted from a change set, leased by one writer. And the
 * intent of an attempt whose receipt only this ledger keeps (beyond.md D3):
 * recorded with the release, "applying" before the writer may begin. It is read
 * from the chain of events, so that an edited table cannot change it.
 */
#ifndef CS_LEDGERD_JOBS_H
#define CS_LEDGERD_JOBS_H

#include "ledgerd/conn.h"
#include "ledgerd/store/proposals.h"
#include "proto/job.h"

/* A writer that gets a job later than this must refuse it. In seconds. */
#define JOB_LEASE_S 300

#define EVENT_INTENT_RECORDED "writeback_intent_recorded"
#define EVENT_APPLYING        "writeback_applying"
#define EVENT_INSPECTED       "reconciliation_inspected"

/* What a job is made from. */
struct mint {
	const struct change_set *cs;
	bool dry_run;
	bool settle;
	int64_t attempt;
};

/*
 * Build, sign and store a job, released, in the request that is open.
 * SOURCE_NOT_FOUND, or what approval_collect says.
 */
int job_mint(struct ledger *l, const struct mint *mint, struct err *e);

/* A job that only looks: for the receipt, or (`inspect`) at the row. */
int job_mint_look(
    struct ledger *l, const struct proposal *p, bool inspect, struct err *e);

/*
 * Who executes proposals of this action under the contract in force: the
 * application, by way of ROLE_HANDLER, or ROLE_WRITER. The latter also for an
 * action that the contract does not have: it is refused there.
 */
enum proto_role job_executor_role(const struct ledger *l, struct span action);

/* One row, copied to the scratch arena. */
struct job_row {
	int64_t seq;
	struct span job_id;
	struct span proposal_id;
	bool dry_run;
	bool settle;
	struct span payload;
	uint8_t signature[SIGNATURE_LEN];
	int64_t expires_us;
	struct span action; /* of the proposal; JOB_NEXT only */
};

/* From the current row of a JOB_ or JOBS_ statement. */
void job_from_row(struct ledger *l, sqlite3_stmt *st, struct job_row *out);

/* A job by row, only while it is leased: CS_E_NOT_FOUND otherwise. */
int job_find_leased(
    struct ledger *l, int64_t seq, struct job_row *job, struct err *e);

/* The job that this very connection has, if it is the one of this id
 * (untrusted): JOB_NOT_LEASED (CS_E_STATE) otherwise. */
int job_find_mine(const struct conn *writer, struct span job_id,
    struct job_row *job, struct err *e);

/* Does it look at the row instead of a receipt? */
bool job_is_inspection_row(const struct job_row *job);

/* 1 when a writer has, or waits for, a job of this proposal. */
int job_is_open(struct ledger *l, const struct proposal *p, struct err *e);

/* An event about a proposal's job: `kind`, by `actor`. */
int job_event(struct ledger *l, const struct proposal *p, const char *kind,
    struct span actor, struct span body, struct err *e);

enum intent {
	INTENT_NONE,     /* the source keeps the receipt */
	INTENT_RECORDED, /* released: no writer may have begun */
	INTENT_APPLYING, /* a writer was allowed to begin */
	INTENT_OBSERVED  /* and later another one had the row's lock */
};

/* The latest attempt, as the events tell it. */
struct attempt_trace {
	enum intent intent;
	int64_t released_us;
};

int job_attempt(struct ledger *l, struct span proposal_id,
    struct attempt_trace *out, struct err *e);

/* Only its intent. */
int job_intent(
    struct ledger *l, struct span proposal_id, enum intent *out, struct err *e);

#endif
