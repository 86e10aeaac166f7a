/*
 * billing.propose_account_credit: one row in account_credits, the sum on the
 * invoice, the customer's balance. All three or none: the library commits them
 * together with its receipt.
 */
#include "credit.h"

#include <string.h>

#define CREDIT_MAX_CENTS 10000

/* What a reviewer approved, checked once more: the last word is here. */
static int
read_patch(const struct cs_handler_job *job, int64_t *cents,
    struct cs_handler_value *reason)
{
	*reason = cs_handler_get(job->patch, job->patch_count, "credit_reason");
	return cs_handler_get_int(job->patch, job->patch_count,
		   "credited_cents", cents) != 0 ||
	       *cents < 1 || *cents > CREDIT_MAX_CENTS ||
	       reason->kind != CS_HANDLER_TEXT;
}

static int
record_credit(const struct cs_handler_job *job, struct cs_handler_tx *tx,
    struct cs_handler_value cents, struct cs_handler_value reason)
{
	const struct cs_handler_field values[] = {
	    {"idempotency_key", cs_handler_text(job->idempotency_key)},
	    {"tenant_id", job->tenant_guard.value},
	    {"invoice_id", job->primary_key.value},
	    {"customer_id",
		cs_handler_get(job->row, job->row_count, "customer_id")},
	    {"amount_cents", cents},
	    {"reason", reason},
	    {"proposed_by", cs_handler_text(job->principal)},
	};

	return cs_handler_insert(
	    tx, "account_credits", values, sizeof(values) / sizeof(values[0]));
}

static int
credit_invoice(const struct cs_handler_job *job, struct cs_handler_tx *tx,
    struct cs_handler_value cents, struct cs_handler_value reason)
{
	const struct cs_handler_field where[] = {
	    job->primary_key, job->tenant_guard};
	const struct cs_handler_field values[] = {
	    {"credited_cents", cents}, {"credit_reason", reason}};
	const struct cs_handler_update update = {.table = "invoices",
	    .where = where,
	    .where_count = 2,
	    .values = values,
	    .count = 2,
	    .expected = 1};

	return cs_handler_update(tx, &update);
}

static int
raise_balance(const struct cs_handler_job *job, struct cs_handler_tx *tx,
    struct cs_handler_value cents)
{
	const char *sql =
	    cs_handler_dialect_of(tx) == CS_HANDLER_POSTGRES
		? "UPDATE customers SET balance_cents = balance_cents + $1 "
		  "WHERE id = $2 AND tenant_id = $3"
		: "UPDATE customers SET balance_cents = balance_cents + ? "
		  "WHERE id = ? AND tenant_id = ?";
	const struct cs_handler_value values[] = {cents,
	    cs_handler_get(job->row, job->row_count, "customer_id"),
	    job->tenant_guard.value};
	struct cs_handler_rows rows;
	int rc = cs_handler_query(tx, sql, values, 3, &rows);

	if (rc == 0 && rows.affected != 1) {
		return cs_handler_refuse(tx, "CUSTOMER_NOT_FOUND");
	}
	return rc;
}

static int
grant_credit(
    const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context)
{
	struct cs_handler_value reason;
	struct cs_handler_value cents;
	struct cs_handler_value status;
	int64_t amount = 0;

	(void)context;
	if (read_patch(job, &amount, &reason) != 0) {
		return cs_handler_refuse(tx, "CREDIT_NOT_ALLOWED");
	}
	status = cs_handler_get(job->row, job->row_count, "status");
	if (status.kind != CS_HANDLER_TEXT ||
	    strcmp(status.text, "open") != 0) {
		return cs_handler_refuse(tx, "INVOICE_NOT_OPEN");
	}
	cents = cs_handler_int(tx, amount);
	if (record_credit(job, tx, cents, reason) != 0 ||
	    credit_invoice(job, tx, cents, reason) != 0) {
		return -1;
	}
	return raise_balance(job, tx, cents);
}

const struct cs_handler_action credit_actions[] = {
    {"billing.propose_account_credit", grant_credit, NULL}};
const size_t credit_action_count =
    sizeof(credit_actions) / sizeof(credit_actions[0]);
