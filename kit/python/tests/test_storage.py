"""An application's own storage, on SQLite, and what the handler makes of errors."""
import json
import os
import sqlite3
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from countersign_handler import CommandHandler, Existing, Refuse, Result  # noqa: E402
from countersign_handler.storage import SqlTx  # noqa: E402


def request():
    with open(os.path.join(HERE, "../../vectors/requests.json"), encoding="utf-8") as file:
        case, = [c for c in json.load(file)["cases"] if c["name"] == "command"]
    return case["body"].encode()


class Deadlock(Exception):
    pass


class Own:
    """Storage and Session in one; `deadlocks` claims fail at first."""

    def __init__(self, deadlocks=0):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("CREATE TABLE invoices (id, tenant_id, late_fee_cents CHECK (late_fee_cents < 100), updated_at)")
        self.db.execute("INSERT INTO invoices VALUES ('INV-3001', 'acme', 50, '2026-06-20T14:31:08Z')")
        self.db.execute("CREATE TABLE receipts (key PRIMARY KEY, hash, status, receipt)")
        self.deadlocks, self.claims = deadlocks, 0

    @staticmethod
    def is_deadlock(error):
        return isinstance(error, Deadlock)

    def with_transaction(self, work):
        self.tx = SqlTx(self.run, '"', ddl_commits=False)
        self.db.execute("BEGIN IMMEDIATE")
        try:
            answer, keep = work(self)
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT" if keep else "ROLLBACK")
        return answer

    def run(self, sql, params):
        cursor = self.db.execute(sql.replace("%s", "?"), params)
        return Result([dict(row) for row in cursor.fetchall()], cursor.rowcount)

    def claim(self, job):
        self.claims += 1
        if self.claims <= self.deadlocks:
            raise Deadlock()
        row = self.db.execute("SELECT * FROM receipts WHERE key = ?", [job.idempotency_key]).fetchone()
        if row:
            return Existing(row["status"], row["hash"], json.loads(row["receipt"]))
        self.db.execute("INSERT INTO receipts VALUES (?, ?, 'claimed', '{}')", [job.idempotency_key, job.proposal_hash])
        return None

    def lock_target(self, job):
        row = self.db.execute("SELECT * FROM invoices WHERE id = ? AND tenant_id = ?", [job.object_id, job.tenant_id])
        found = row.fetchone()
        return dict(found) if found else None

    def record(self, job, status, receipt):
        self.db.execute("UPDATE receipts SET status = ?, receipt = ?", [status, json.dumps(receipt)])

    def fee(self):
        return self.db.execute("SELECT late_fee_cents FROM invoices").fetchone()[0]

    def receipts(self):
        return [row["status"] for row in self.db.execute("SELECT status FROM receipts")]


class OwnStorage(unittest.TestCase):
    def answer(self, function, storage):
        self.log = []
        handler = CommandHandler({"billing.propose_late_fee_waiver": function}, storage, lambda *a: self.log.append(a))
        return handler.answer(request())

    def refused(self, function, code, storage=None):
        storage = storage or Own()
        self.assertEqual(self.answer(function, storage), {
            "status": "failed", "rows_affected": 0, "source_database_mutated": False, "safe_error_code": code})
        self.assertEqual((storage.fee(), storage.receipts()), (50, []))

    @staticmethod
    def waive(job, tx):
        tx.update("invoices", {"id": job.object_id}, {"late_fee_cents": 0}, expect=1)

    def test_applied_once(self):
        storage = Own()
        self.assertEqual(self.answer(self.waive, storage)["status"], "applied")
        self.assertEqual((storage.fee(), storage.receipts()), (0, ["applied"]))
        self.assertEqual(self.answer(self.waive, storage)["status"], "already_applied")

    def test_a_statement_that_failed_counts_whatever_the_function_makes_of_it(self):
        def swallows(job, tx):
            try:
                tx.update("invoices", {"id": job.object_id}, {"late_fee_cents": 100})
            except sqlite3.Error:
                pass

        def goes_on(job, tx):
            swallows(job, tx)
            self.waive(job, tx)

        def refuses(job, tx):
            swallows(job, tx)
            raise Refuse("MINE")
        for function in (swallows, goes_on, refuses):
            self.refused(function, "HANDLER_BUSINESS_ERROR")

    def test_what_a_function_may_not_do(self):
        for sql in ("COMMIT", " rollback", "BEGIN", "end"):
            self.refused(lambda job, tx, sql=sql: tx.query(sql), "HANDLER_BUSINESS_ERROR")
        for call in (lambda tx: tx.insert("a b", {"a": 1}), lambda tx: tx.insert("invoices", {}),
                     lambda tx: tx.update("invoices", {}, {"a": 1}), lambda tx: tx.update("invoices", {"id": 1}, {}),
                     lambda tx: tx.insert("invoices", {'x" ': 1}), lambda tx: tx.insert("a.b.c", {"a": 1}),
                     lambda tx: tx.update("invoices", {"id": "none"}, {"updated_at": 1}, expect=1)):
            self.refused(lambda job, tx, call=call: call(tx) and None, "HANDLER_BUSINESS_ERROR")
        for said in ({"rows_affected": "3"}, {"rows_affected": True}, {"new_version": []}, 7):
            self.refused(lambda job, tx, said=said: said, "HANDLER_BUSINESS_ERROR")

    def test_deadlocks_are_tried_again_and_not_for_ever(self):
        storage = Own(deadlocks=2)
        self.assertEqual(self.answer(self.waive, storage)["status"], "applied")
        self.assertEqual(storage.claims, 3)
        self.refused(self.waive, "HANDLER_DATABASE_UNAVAILABLE", Own(deadlocks=3))
        self.assertIsInstance(self.log[-1][2], Deadlock)

    def test_a_log_that_fails_changes_nothing(self):
        handler = CommandHandler({"billing.propose_late_fee_waiver": lambda job, tx: 1 / 0}, Own(), lambda *a: 1 / 0)
        self.assertEqual(handler.answer(request())["safe_error_code"], "HANDLER_BUSINESS_ERROR")


if __name__ == "__main__":
    unittest.main()
