/*
 * A job's life: released by a person (or by policy), leased by one writer,
 * reported once. A writer that goes away in between leaves an unknown outcome,
 * which only a settling job or a named person ends.
 */
#ifndef CS_LEDGERD_RELEASE_H
#define CS_LEDGERD_RELEASE_H

#include "ledgerd/conn.h"
#include "ledgerd/store/proposals.h"
#include "proto/receipt.h"

#define JOB_LEASE_S 300

/*
 * Mint and store the signed job of an approved proposal. Verifies everything
 * again from the stored bytes: hash, row, state against events, mode, contract,
 * approvals. A dry run leaves the proposal as it is. CS_E_STATE or
 * CS_E_INTEGRITY with the code of the first thing that does not hold.
 */
int release_job(struct ledger *l, struct span proposal_id,
    struct span operator_name, bool dry_run, struct proposal *out,
    struct err *e);

/* Hand the oldest released job to this writer, which waits in CLAIM. Nothing
 * happens when there is none. */
void release_lease_next(struct conn *writer);

/* With "apply": "on_approval": release the oldest approved proposal that can be
 * released to this writer (NULL: none waits), unless it got a job already. */
void release_by_policy(struct conn *writer);

/* Take a writer's report. CS_E_INVALID or CS_E_STATE when it cannot be. */
int release_report(
    struct conn *writer, const struct msg_report *m, struct err *e);

/* The writer that had this job is gone: the outcome is unknown, and a job that
 * only looks it up is released. */
void release_lost(struct ledger *l, int64_t job_seq);

/* At start: jobs that never left are withdrawn, jobs that did are lost. */
int release_recover(struct ledger *l, struct err *e);

/* Answer the APPLY requests that wait for this proposal. */
void release_answer(
    struct ledger *l, struct span proposal_id, struct span document);

#endif
