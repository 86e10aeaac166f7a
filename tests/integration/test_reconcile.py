"""`receipts: "ledger"`: no table in the source, an attempt is in the ledger before
it begins, and a lost answer is looked at and resolved by a named person."""
import contextlib
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from versioned import add_invoices, effects, locked, version, versioned_contract, versioned_workspace  # noqa: E402
from workspace import BIN, Workspace, processes  # noqa: E402


class LedgerReceipts:
    server = None

    def setUp(self):
        self.w = versioned_workspace(self.engine, self.server, receipts="ledger")
        self.addCleanup(self.w.close)

    def tables(self):
        listing = {"sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
                   "postgres": "SELECT relname FROM pg_class",
                   "mysql": "SELECT table_name FROM information_schema.tables"}[self.engine]
        return {row[0] for row in self.w.sql(listing)}

    def kinds(self, identifier):
        events = self.w.json("events", "tail", "--proposal", identifier, "--limit", "100")["events"]
        return [event["kind"] for event in reversed(events)]

    def lose(self, invoice, committed):
        """An apply whose writer is killed while it may write, and its answer lost: the id."""
        add_invoices(self.w, [invoice])
        identifier = self.w.approved(invoice)
        self.w.wait_idle()
        command = [os.path.join(BIN, "countersign"), "apply", identifier, "--store", self.w.store, "--config",
                   self.w.config]
        with locked(self.w, invoice):
            asking = subprocess.Popen(command, cwd=self.w.path, env=self.w.env, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: self.has_begun(identifier), 20, "the writer to begin")
            for name in ("ledgerd",) if committed else ("ledgerd", "writerd"):
                self.signal(name, signal.SIGSTOP)
            if not committed:
                self.stop_all()
        if committed:
            wait_for(lambda: effects(self.w, invoice), 20, "the effect")
        self.stop_all()
        asking.wait(20)
        self.assertEqual(effects(self.w, invoice), int(committed))
        return identifier

    def has_begun(self, identifier):
        return os.path.exists(self.w.store) and self.w.ledger(
            "SELECT 1 FROM events WHERE proposal_id = ? AND kind = 'writeback_applying'", (identifier,))

    def signal(self, name, number):
        for pid in processes(self.w.store, name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop_all(self):
        for name in ("ledgerd", "writerd", "countersign-run"):
            self.signal(name, signal.SIGKILL)
        wait_for(lambda: not processes(self.w.store), 20, "every process to end")

    def test_applied_once_and_no_table_is_made(self):
        identifier = self.w.approved()
        receipt = self.w.json("apply", identifier)
        self.assertEqual((receipt["status"], str(receipt["new_version"])), ("applied", "8"))
        self.assertEqual((version(self.w, "INV-3001"), effects(self.w, "INV-3001")), (8, 1))
        self.assertNotIn("synapsor_writeback_receipts", self.tables())
        again = self.w.json("apply", identifier)
        self.assertEqual((again["status"], again["source_database_mutated"]), ("already_applied", False))
        self.assertEqual(effects(self.w, "INV-3001"), 1)
        kinds = self.kinds(identifier)
        self.assertLess(kinds.index("writeback_intent_recorded"), kinds.index("writeback_applying"))
        self.assertLess(kinds.index("writeback_applying"), kinds.index("writeback_applied"))
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_dry_run_and_conflict_leave_nothing(self):
        identifier = self.w.approved()
        self.assertEqual(self.w.json("apply", identifier, "--dry-run")["rows_affected"], 0)
        self.assertNotIn("writeback_applying", self.kinds(identifier))
        self.w.sql("UPDATE invoices SET version = 30 WHERE id = 'INV-3001'")
        receipt = self.w.json("apply", identifier)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "VERSION_CONFLICT"))
        self.assertEqual(self.w.row("INV-3001")[0], 5500)

    def test_what_was_committed_matches_the_proposal_and_is_never_written_again(self):
        identifier = self.lose("LATE", True)
        refused = self.w.run("apply", identifier, check=1)
        self.assertIn("RECONCILIATION_REQUIRED", refused.stderr)
        self.assertIn("Source database changed: unknown", refused.stderr)
        listed = self.w.json("reconcile", "list")["proposals"]
        self.assertEqual([p["proposal_id"] for p in listed], [identifier])
        seen = self.w.json("reconcile", "inspect", identifier)
        self.assertEqual(seen["classification"], "matches_proposed")
        self.assertEqual([str(seen[part]["version"]) for part in ("observed", "expected_version")], ["8", "7"])
        self.assertEqual(self.w.json("proposals", "show", identifier)["proposal"]["state"], "outcome_unknown")
        done = self.w.json("reconcile", "resolve", identifier, "--outcome", "applied", "--reason", "the row shows it",
                           "--yes")
        self.assertEqual((done["status"], done["source_database_mutated"]), ("applied", True))
        self.assertEqual(done["safe_error_code"], "RESOLVED_BY_OPERATOR")
        kinds = self.kinds(identifier)
        self.assertIn("reconciliation_inspected", kinds)
        self.assertIn("reconciliation_resolved", kinds)
        self.assertEqual(self.w.json("apply", identifier)["status"], "already_applied")
        self.assertEqual(self.w.json("reconcile", "list")["proposals"], [])
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_what_was_not_committed_is_as_reviewed(self):
        identifier = self.lose("EARLY", False)
        text = self.w.run("reconcile", "inspect", identifier, check=0).stdout
        self.assertIn("matches_reviewed_before", text)
        self.assertIn("Source database changed by this look: no", text)
        self.w.run("reconcile", "resolve", identifier, "--outcome", "failed", "--reason", "as reviewed", "--yes",
                   check=0)
        self.assertEqual(self.w.json("proposals", "show", identifier)["proposal"]["state"], "failed")
        self.assertIn("PROPOSAL_NOT_RETRYABLE", self.w.run("apply", identifier, check=1).stderr)

    def test_a_row_that_somebody_else_changed_or_removed(self):
        identifier = self.lose("DRIFT", False)
        name = self.w.json("proposals", "show", identifier)["proposal"]["object_id"]
        self.w.sql("UPDATE invoices SET version = 90, status = 'paid' WHERE id = '%s'" % name)
        self.assertEqual(self.w.json("reconcile", "inspect", identifier)["classification"], "drifted")
        self.w.sql("DELETE FROM invoices WHERE id = '%s'" % name)
        self.assertEqual(self.w.json("reconcile", "inspect", identifier)["classification"], "not_observed")

    def test_resolving_wants_a_reason_an_outcome_and_an_unknown_one(self):
        identifier = self.w.approved()
        for words, code in ((("--outcome", "applied", "--yes"), "REASON_REQUIRED"),
                            (("--reason", "x", "--yes"), "--outcome applied, conflict or failed"),
                            (("--outcome", "applied", "--reason", "x"), "CONFIRMATION_REQUIRED"),
                            (("--outcome", "applied", "--reason", "x", "--yes"), "OUTCOME_KNOWN")):
            self.assertIn(code, self.w.run("reconcile", "resolve", identifier, *words, check=1).stderr)
        self.assertIn("OUTCOME_KNOWN", self.w.run("reconcile", "inspect", identifier, check=1).stderr)
        self.assertEqual(self.w.json("proposals", "show", identifier)["proposal"]["state"], "approved")


class OnSqlite(LedgerReceipts, unittest.TestCase):
    engine = "sqlite"

    def test_the_version_has_to_move(self):
        value = versioned_contract("sqlite", receipts="ledger")
        del value["capabilities"][1]["conflict_guard"]["advance"]
        self.w.write_config(value)
        command = [os.path.join(BIN, "countersign"), "config", "validate", "--config", self.w.config]
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertIn("LEDGER_RECEIPTS_NEED_ADVANCE", shown.stdout + shown.stderr)

    def test_a_source_with_receipts_is_not_guessed_at(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        identifier = w.approved()
        self.assertIn("OUTCOME_KNOWN", w.run("reconcile", "inspect", identifier, check=1).stderr)

    def test_only_a_reviewer_resolves(self):
        value = versioned_contract("sqlite", receipts="ledger")
        value["reviewers"] = {"somebody_else": {"uid": 54321, "roles": ["lead"]}}
        self.w.write_config(value)
        identifier = self.w.proposed()
        for words in (("inspect",), ("resolve", "--outcome", "failed", "--reason", "x", "--yes")):
            result = self.w.run("reconcile", words[0], identifier, *words[1:], check=1)
            self.assertIn("REVIEWER_NOT_LISTED", result.stderr)


class WithServer:
    @classmethod
    def setUpClass(cls):
        cls.server = cls.make()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()


class OnPostgres(WithServer, LedgerReceipts, unittest.TestCase):
    engine, make = "postgres", Postgres

    def test_a_look_sees_what_row_security_shows_to_this_change(self):
        """Without its settings no row would be there, and none be locked."""
        value = versioned_contract("postgres", receipts="ledger",
                                   database_scope={"tenant": "app.tenant_id", "principal": "app.principal"})
        self.w.write_config(value)
        for statement in ("ALTER TABLE invoices ENABLE ROW LEVEL SECURITY",
                          "ALTER TABLE invoices FORCE ROW LEVEL SECURITY",
                          "CREATE POLICY scoped ON invoices USING (tenant_id = current_setting('app.tenant_id', true)"
                          " AND current_setting('app.principal', true) = 'support_agent_17')"):
            self.w.sql(statement)
        identifier = self.lose("HIDDEN", False)
        self.assertEqual(self.w.json("reconcile", "inspect", identifier)["classification"], "matches_reviewed_before")


class OnMariadb(WithServer, LedgerReceipts, unittest.TestCase):
    engine, make = "mysql", Mariadb


if __name__ == "__main__":
    unittest.main()
