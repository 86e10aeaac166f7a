#!/usr/bin/env python3
"""The account credit, as an application in Python applies it: a credit, its invoice
and the customer's balance in one transaction."""
import os
import sys

import psycopg

sys.path.insert(0, os.environ.get("COUNTERSIGN_KIT", "/usr/share/countersign/kit") + "/python")
from countersign_handler import Handler, Postgres, Refuse  # noqa: E402


def account_credit(job, tx):
    cents, reason = job.patch["credited_cents"], job.patch["credit_reason"]
    if job.row["status"] != "open":
        raise Refuse("INVOICE_NOT_OPEN")
    tx.insert("account_credits", {
        "idempotency_key": job.idempotency_key, "tenant_id": job.tenant_id, "invoice_id": job.object_id,
        "customer_id": job.row["customer_id"], "amount_cents": cents, "reason": reason, "proposed_by": job.principal})
    tx.update("invoices", {"id": job.object_id, "tenant_id": job.tenant_id},
              {"credited_cents": cents, "credit_reason": reason}, expect=1)
    tx.query("UPDATE customers SET balance_cents = balance_cents + %s WHERE id = %s AND tenant_id = %s",
             [cents, job.row["customer_id"], job.tenant_id])
    return {"rows_affected": 3}


def main():
    storage = Postgres(lambda: psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5))
    handler = Handler({"billing.propose_account_credit": account_credit}, storage)
    storage.check()
    handler.serve(port=int(os.environ.get("PORT", "8787")))


if __name__ == "__main__":
    try:
        main()
    except (KeyError, ValueError, RuntimeError) as error:
        sys.exit("%s" % error)
