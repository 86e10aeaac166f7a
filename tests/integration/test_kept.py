"""Statements that a writer keeps prepared: what they were prepared for may change
while it lives, and the next apply on the same connection must not notice."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from workspace import Workspace, contract, processes  # noqa: E402

RECEIPTS = "synapsor_writeback_receipts"


class Kept:
    @classmethod
    def setUpClass(cls):
        cls.server = cls.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def apply(self, w, mcp, invoice, reason):
        """Propose, approve and apply; the receipt."""
        wait_for(lambda: mcp.read(invoice)["ok"], 10, "a reader that has seen the change")
        identifier = mcp.propose(invoice, reason=reason)["proposal"]["id"]
        w.run("proposals", "approve", identifier, "--yes", check=0)
        return w.json("apply", identifier)

    def test_a_column_changes_its_type_between_two_applies(self):
        w = Workspace(self.engine, server=self.server)
        self.addCleanup(w.close)
        with w.client(no_writer=False) as mcp:
            self.assertEqual(self.apply(w, mcp, "INV-3001", "first")["status"], "applied")
            writer = processes(w.store, "writerd")
            for i, change in enumerate(self.changes):
                w.sql(change)
                receipt = self.apply(w, mcp, "INV-3002", "number %d" % i)
                self.assertEqual((receipt["status"], receipt["rows_affected"]), ("applied", 1), change)
                self.assertEqual(w.row("INV-3002")[:2], (0, "number %d" % i))
            self.assertEqual(processes(w.store, "writerd"), writer)
            self.assertEqual(len(w.sql(self.sessions)), 1, "one connection served all of them")

    def test_a_spent_key_is_found_also_when_its_row_is_locked(self):
        w = Workspace(self.engine, server=self.server)
        self.addCleanup(w.close)
        first, second = w.approved("INV-3001"), w.approved("INV-3002")
        w.json("apply", first)
        key, job = w.sql("SELECT idempotency_key, job_id FROM %s" % RECEIPTS)[0]
        spent = [text.replace(first, second).replace("3001", "3002") for text in (key, job)] + [second]
        w.sql("INSERT INTO %s (idempotency_key, job_id, proposal_id, status) VALUES ('%s', '%s', '%s', 'applied')" % (
            RECEIPTS, *spent))
        owner = self.server.session("shop")
        self.addCleanup(owner.communicate, "ROLLBACK;\n")
        owner.stdin.write("BEGIN;\nSELECT 'locked' FROM invoices WHERE id = 'INV-3002' FOR UPDATE;\n")
        owner.stdin.flush()
        self.assertIn("locked", iter(lambda: owner.stdout.readline().strip(), ""))
        self.assertEqual(w.json("apply", second)["status"], "already_applied")
        self.assertEqual(w.row("INV-3002")[0], 1200)


    def test_a_time_limit_is_for_each_statement_of_an_exchange(self):
        value = contract(self.engine)
        value["sources"]["shop"]["statement_timeout_ms"] = 2000
        w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(w.close)
        first, second, third = w.approved("INV-3001"), w.approved("INV-3002"), w.approved("INV-3001", reason="late")
        self.assertEqual(w.json("apply", first)["status"], "applied")
        for table in ("invoices", RECEIPTS):
            self.slow_down(w, table, 1.3)
        self.assertEqual(w.json("apply", second)["status"], "applied", "2.6 s in all, but no statement took 2")
        before = w.row("INV-3001")
        self.slow_down(w, RECEIPTS, 6)
        receipt = w.json("apply", third, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "TRANSACTION_FAILED"))
        self.assertTrue(receipt["details"]["retryable"])
        self.assertEqual(w.row("INV-3001"), before)
        self.slow_down(w, RECEIPTS, 0)
        self.assertEqual(w.json("apply", third)["status"], "applied")


class OnPostgres(Kept, unittest.TestCase):
    engine, start = "postgres", Postgres
    changes = ("ALTER TABLE invoices ALTER late_fee_cents TYPE bigint",
               "ALTER TABLE invoices ALTER updated_at TYPE timestamp",
               "ALTER TABLE invoices ADD more text")
    sessions = ("SELECT pid FROM pg_stat_activity WHERE application_name = 'countersign-writerd'"
                " AND backend_start < (SELECT min(created_at) FROM synapsor_writeback_receipts)")


    def slow_down(self, w, table, seconds):
        w.sql("CREATE OR REPLACE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS"
              " $$ BEGIN PERFORM pg_sleep(TG_ARGV[0]::float); RETURN NEW; END $$;"
              " CREATE OR REPLACE TRIGGER nap BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION nap(%g)" % (
                  table, seconds))

    def test_a_key_changes_to_a_type_that_the_old_statement_cannot_compare(self):
        w = Workspace(self.engine, server=self.server)
        self.addCleanup(w.close)
        with w.client(no_writer=False) as mcp:
            self.assertEqual(self.apply(w, mcp, "INV-3001", "first")["status"], "applied")
            identifier = mcp.propose("INV-3002", reason="second")["proposal"]["id"]
            w.run("proposals", "approve", identifier, "--yes", check=0)
            w.sql("DROP TYPE IF EXISTS tenant; CREATE TYPE tenant AS ENUM ('acme', 'other');"
                  " ALTER TABLE invoices ALTER tenant_id TYPE tenant USING tenant_id::tenant")
            receipt = w.json("apply", identifier)
            self.assertEqual((receipt["status"], receipt["rows_affected"]), ("applied", 1))
            self.assertEqual(w.row("INV-3002")[:2], (0, "second"))
            self.assertEqual(len(w.sql(self.sessions)), 1, "one connection served both")

    def test_a_session_that_forgets_its_statements_does_without(self):
        """As behind a pooler, which gives a writer one session now and another then."""
        w = Workspace(self.engine, server=self.server)
        self.addCleanup(w.close)
        with w.client(no_writer=False) as mcp:
            self.assertEqual(self.apply(w, mcp, "INV-3001", "first")["status"], "applied")
            w.sql("CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS"
                  " $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NEW; END $$;"
                  " CREATE TRIGGER forget BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION forget()")
            for i in range(3):
                receipt = self.apply(w, mcp, "INV-3002", "number %d" % i)
                self.assertEqual((receipt["status"], receipt["rows_affected"]), ("applied", 1))
                self.assertEqual(w.row("INV-3002")[:2], (0, "number %d" % i))
            self.assertEqual(len(w.sql(self.sessions)), 1, "one connection served all of them")


class OnMariadb(Kept, unittest.TestCase):
    engine, start = "mysql", Mariadb
    changes = ("ALTER TABLE invoices MODIFY late_fee_cents bigint NOT NULL",
               "ALTER TABLE invoices MODIFY updated_at datetime(6) NULL",
               "ALTER TABLE invoices ADD more text")
    sessions = "SELECT id FROM information_schema.PROCESSLIST WHERE user = 'writer'"

    def slow_down(self, w, table, seconds):
        w.sql("CREATE OR REPLACE TRIGGER nap_%s BEFORE UPDATE ON %s FOR EACH ROW SET @nap = SLEEP(%g)" % (
            table, table, seconds))


if __name__ == "__main__":
    unittest.main()
