/*
 * The JSON documents that leave the ledger, in 0.1.1's shapes (engine.md §3.9,
 * §3.10) where it has them. All read from the read-only connection, so they see
 * what is committed.
 */
#ifndef CS_LEDGERD_DOCUMENTS_H
#define CS_LEDGERD_DOCUMENTS_H

#include "common/base/json_out.h"
#include "ledgerd/ledger.h"
#include "ledgerd/store/proposals.h"

/* SHOW, by kind; `out` gets compact JSON. CS_E_NOT_FOUND with a reason word. */
int document_show(
    struct ledger *l, const struct msg_show *m, struct buf *out, struct err *e);

/* Make read_field() known to the read-only connection, once it is open; the
 * filters of reads use it. */
void evidence_prepare_filters(struct ledger *l);

/*
 * QUERY: lists, newest first, at most 200. Keys and values of `m` are
 * untrusted; unknown filters are INVALID_FILTER. `out` gets {"<kind>": [...]}.
 */
int document_query(struct ledger *l, const struct msg_query *m, struct buf *out,
    struct err *e);

/*
 * RESOURCE: like SHOW, but only what belongs to this tenant and principal, and
 * only the columns that the contract shows to a model. Anything else is the
 * same RESOURCE_NOT_FOUND, so that ids of others cannot be probed.
 */
int document_resource(struct ledger *l, const struct msg_resource *m,
    struct buf *out, struct err *e);

/* Pieces shared by the files behind this header. */

/* `key`: the time as ISO 8601 with milliseconds, 0.1.1's form; the ledger
 * itself has microseconds. */
void put_time(struct json_out *j, const char *key, int64_t time_us);
/* The proposal as 0.1.1 shows it; `p` has been checked. For a model without
 * guards and hidden columns. */
void put_proposal(
    struct ledger *l, struct json_out *j, const struct proposal *p);
/* Every row of a prepared statement through `put`, as a JSON array. */
typedef int (*put_row_fn)(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);
int put_rows(struct ledger *l, struct json_out *j, sqlite3_stmt *st,
    put_row_fn put, struct err *e);
int put_proposal_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);
int put_event_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);
int put_receipt_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);
int put_evidence_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);
int put_audit_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);
int put_replay_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e);

/* The columns that each put_ function expects, in order. */
#define PROPOSAL_COLUMNS                                                      \
	"proposal_id, proposal_version, proposal_hash, contract_digest,"      \
	" state, retryable, attempt, tenant_id, principal, action,"           \
	" business_object, object_id, source_kind, source_id, source_schema," \
	" source_table, source_database_mutated, evidence_id, change_set,"    \
	" created_us, updated_us"
#define EVENT_COLUMNS "event_id, proposal_id, kind, actor, body, at_us"
#define RECEIPT_COLUMNS                                                        \
	"receipt_id, job_id, proposal_id, runner_id, status, idempotency_key," \
	" source_database_mutated, receipt, created_us, dry_run"
/* Also for audit rows: both come from a read event. */
#define READ_COLUMNS                                                         \
	"event_id, proposal_id, evidence_id, tenant, capability, object_id," \
	" body, at_us"

/* Prepare on the read-only connection. `sql` is a text of ours; values of a
 * request are bound. The caller finalizes *out, also after an error. */
int reader_prepare(
    struct ledger *l, const char *sql, sqlite3_stmt **out, struct err *e);

/*
 * The contract that was in force at an event: the current one, or parsed from
 * the ledger and kept. NULL when it cannot be had. Valid until the next call
 * with another event.
 */
const struct contract *contract_at(struct ledger *l, int64_t event_id);

#endif
