#!/usr/bin/env python3
"""The account credit as a command: one request on standard input, its receipt on standard output.

usage: credit.py FILE [KIT]     FILE holds the database's URL: a command has no environment. It may read the folders
                                of its own words alone, so the kit's, where it is not installed, is one of them."""
import sys

import psycopg

sys.path.insert(0, sys.argv[2] if len(sys.argv) > 2 else "/usr/share/countersign/kit/python")
from countersign_handler import CommandHandler, Postgres, Refuse  # noqa: E402


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


def connect():
    with open(sys.argv[1], encoding="utf-8") as file:
        return psycopg.connect(file.read().strip(), connect_timeout=5)


if __name__ == "__main__":
    sys.exit(CommandHandler({"billing.propose_account_credit": account_credit}, Postgres(connect)).main())
