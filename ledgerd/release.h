/*
 * A job's life: released by a person (or by policy), leased by one writer,
 * reported once. A writer that goes away in between leaves an unknown outcome,
 * which only a settling job or a named person ends.
 */
#ifndef CS_LEDGERD_RELEASE_H
#define CS_LEDGERD_RELEASE_H

#include "ledgerd/conn.h"
#include "ledgerd/jobs.h"
#include "ledgerd/store/proposals.h"
#include "proto/receipt.h"

/*
 * Mint and store the signed job of an approved proposal. Verifies everything
 * again from the stored bytes: hash, row, state against events, mode, contract,
 * approvals. A dry run leaves the proposal as it is. A proposal that is applied
 * or of unknown outcome gets a job that only looks the receipt up. The caller
 * has checked the person; `operator_name` is for the record. *out is in the
 * scratch arena. CS_E_STATE or CS_E_INTEGRITY with the code of the first thing
 * that does not hold; nothing is written then.
 */
int release_job(struct ledger *l, struct span proposal_id,
    struct span operator_name, bool dry_run, struct proposal *out,
    struct err *e);

/* Hand the oldest released job to this writer, which waits in CLAIM. Nothing
 * happens when there is none. */
void release_lease_next(struct conn *writer);

/* The same for a writer and a handler that wait; nothing if none does. */
void release_to_waiting(struct ledger *l);

/* With "apply": "on_approval": release the oldest approved proposal that can be
 * released to this writer (NULL: none waits), unless it got a job already. */
void release_by_policy(struct conn *writer);

/*
 * Take a writer's report (untrusted). Only about the job that this very
 * connection leased, once; CS_E_INVALID or CS_E_STATE when it cannot be. On
 * success the receipt, the proposal's move and the event are one request.
 */
int release_report(
    struct conn *writer, const struct msg_report *m, struct err *e);

/* The writer has reported the job that it had. */
void release_done(struct conn *writer);

/*
 * The receipt as a row to search, and as an event in the chain: the one that
 * moves the state, unless it was a dry run. The event holds the bytes `text`
 * too, so that an edited row shows.
 */
int release_record_receipt(struct ledger *l, const struct proposal *p,
    const struct receipt *r, enum proposal_event event, struct span text,
    struct err *e);

/*
 * The writer that had this job is gone: whether it wrote is not known. The
 * outcome is recorded as unknown, and a job that only looks it up is released.
 * `job_seq` is the row in jobs.
 */
void release_lost(struct ledger *l, int64_t job_seq);

/*
 * At start, before anybody is accepted: jobs that never left are withdrawn,
 * jobs that did are lost. A negative error stops the start: a ledger whose open
 * jobs are not understood must not hand out more.
 */
int release_recover(struct ledger *l, struct err *e);

/* Answer the APPLY requests that wait for this proposal with its receipt, on
 * every connection. Held like all replies. */
void release_answer(
    struct ledger *l, struct span proposal_id, struct span document);

/* Back to approved: a released job that no writer has taken yet. */
int release_withdraw(
    struct ledger *l, const struct job_row *job, struct err *e);

#endif
