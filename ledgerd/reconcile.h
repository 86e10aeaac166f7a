/*
 * Sources whose receipts only this ledger keeps (beyond.md D3). An attempt is
 * on disk here before its writer may begin; if its answer is lost, nothing is
 * tried again: a writer looks at the row, and a named person says what became
 * of it.
 */
#ifndef CS_LEDGERD_RECONCILE_H
#define CS_LEDGERD_RECONCILE_H

#include "ledgerd/jobs.h"
#include "ledgerd/rules/approval.h"

/* Does the contract in force keep the receipts of this proposal's source
 * here? */
bool reconcile_is_needed_by(const struct ledger *l, const struct proposal *p);

/*
 * RECONCILIATION_REQUIRED (CS_E_STATE) when the latest attempt's receipt is
 * nowhere to be looked up.
 */
int reconcile_refuse_look_up(
    struct ledger *l, const struct proposal *p, struct err *e);

/*
 * The answer to applying again what this ledger knows to be applied: 1 and a
 * receipt in `document`, recorded; 0 when the source has to be asked, or there
 * is nothing to answer.
 */
int reconcile_stored_answer(struct ledger *l, struct span proposal_id,
    struct buf *document, struct err *e);

/* A writer (untrusted) asks whether it may begin the job that it has. Once,
 * before the lease ends; on disk before the answer leaves. */
int reconcile_applying(
    struct conn *writer, const struct msg_applying *m, struct err *e);

/* What a writer (untrusted) saw at the row: recorded, and the answer to whoever
 * asked. Never moves a state. */
int reconcile_observed(
    struct conn *writer, const struct msg_observed *m, struct err *e);

/* The writer went away while it looked. */
int reconcile_lost(struct ledger *l, const struct job_row *job, struct err *e);

/* Release a job that looks at the row of an unknown outcome. The caller has
 * checked the person. *out is in the scratch arena. */
int reconcile_inspect(struct ledger *l, struct span proposal_id,
    struct span operator_name, struct proposal *out, struct err *e);

/*
 * Record a person's word about an unknown outcome: event, receipt and move in
 * one request. Only while no writer looks it up, and when no writer can commit
 * the attempt any more (ATTEMPT_MAY_COMMIT): one looked at the locked row
 * since, or lease and idle limit are over. `document` gets the receipt.
 */
int reconcile_resolve(struct ledger *l, const struct person *person,
    const struct msg_resolve *m, struct buf *document, struct err *e);

#endif
