"""The whole loop, with the real programs: read, propose, approve, apply, replay."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import Workspace, contract  # noqa: E402
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres  # noqa: E402


class Loop:
    """Runs once per engine; `make` gives a fresh workspace."""

    def setUp(self):
        self.w = self.make()

    def tearDown(self):
        self.w.close()

    def test_read_returns_only_visible_columns_and_leaves_evidence(self):
        with self.w.client() as mcp:
            answer = mcp.read("INV-3001")
        self.assertTrue(answer["ok"])
        self.assertEqual(list(answer["data"]), ["id", "status", "late_fee_cents", "waiver_reason", "updated_at"])
        self.assertEqual(answer["data"]["late_fee_cents"], 5500)
        evidence = self.w.json("evidence", "show", answer["evidence"]["bundle_id"])
        self.assertEqual(evidence["items"][0]["item"]["visible_row"]["tenant_id"], "acme")
        self.assertEqual(len(self.w.json("query-audit", "list")["query_audit"]), 1)

    def test_another_tenants_row_does_not_exist(self):
        with self.w.client() as mcp:
            answer = mcp.read("INV-9001")
        self.assertEqual(answer["error"]["code"], "NOT_FOUND_IN_TENANT")
        refusals = [e for e in self.w.json("events", "tail")["events"] if e["kind"] == "call_refused"]
        self.assertEqual(refusals[0]["payload"]["code"], "ROW_NOT_FOUND")

    def test_proposal_changes_nothing_and_approval_applies_it_once(self):
        before = self.w.row("INV-3001")
        identifier = self.w.proposed()
        self.assertEqual(self.w.row("INV-3001"), before)
        self.w.run("apply", identifier, check=1)
        self.w.run("proposals", "approve", identifier, "--yes", check=0)
        self.assertEqual(self.w.row("INV-3001"), before)
        first = self.w.json("apply", identifier)
        self.assertEqual((first["status"], first["rows_affected"]), ("applied", 1))
        self.assertEqual(self.w.row("INV-3001")[:2], (0, "approved support waiver"))
        again = self.w.json("apply", identifier)
        self.assertEqual((again["status"], again["rows_affected"]), ("already_applied", 0))
        self.assertEqual(again["idempotency_key"], first["idempotency_key"])
        replay = self.w.json("replay", "show", identifier)
        kinds = [e["kind"] for e in replay["events"]]
        self.assertEqual(kinds, ["proposal_created", "proposal_approved", "proposal_pending_worker",
                                 "writeback_job_recorded", "writeback_applied", "writeback_already_applied"])
        self.assertTrue(replay["proposal"]["source_database_mutated"])
        self.assertTrue(all(d["signature_valid"] for d in replay["decisions"]))
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_stale_row_ends_in_conflict_which_is_final(self):
        identifier = self.w.approved()
        self.w.sql("UPDATE invoices SET updated_at = '2026-06-21T00:00:00Z' WHERE id = 'INV-3001'")
        before = self.w.row("INV-3001")
        receipt = self.w.json("apply", identifier)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "VERSION_CONFLICT"))
        self.assertEqual(self.w.row("INV-3001"), before)
        refused = self.w.run("apply", identifier, check=1)
        self.assertIn("PROPOSAL_NOT_APPROVED", refused.stderr)

    def test_row_that_left_ends_in_conflict(self):
        identifier = self.w.approved()
        self.w.sql("DELETE FROM invoices WHERE id = 'INV-3001'")
        receipt = self.w.json("apply", identifier)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "ROW_NOT_FOUND"))

    def test_row_that_changed_tenant_ends_in_conflict(self):
        identifier = self.w.approved()
        self.w.sql("UPDATE invoices SET tenant_id = 'other' WHERE id = 'INV-3001'")
        receipt = self.w.json("apply", identifier)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "ROW_NOT_FOUND"))

    def test_dry_run_changes_nothing_anywhere(self):
        identifier = self.w.approved()
        before = self.w.row("INV-3001")
        receipt = self.w.json("apply", identifier, "--dry-run")
        self.assertEqual((receipt["status"], receipt["rows_affected"], receipt["details"]["dry_run"]),
                         ("applied", 0, True))
        self.assertEqual(self.w.row("INV-3001"), before)
        self.assertEqual(self.receipt_tables(), 0)
        self.assertEqual(self.w.json("proposals", "show", identifier)["proposal"]["state"], "approved")
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")

    def test_failed_for_a_passing_reason_can_be_applied_again_with_the_same_key(self):
        identifier = self.w.approved()
        broken = self.w.env["SHOP_WRITE_URL"]
        self.w.env["SHOP_WRITE_URL"] = self.unreachable()
        failed = self.w.json("apply", identifier, check=1)
        self.assertEqual((failed["status"], failed["safe_error_code"]), ("failed", "DATABASE_UNAVAILABLE"))
        self.w.wait_idle()
        self.w.env["SHOP_WRITE_URL"] = broken
        applied = self.w.json("apply", identifier)
        self.assertEqual(applied["status"], "applied")
        self.assertEqual(applied["idempotency_key"], failed["idempotency_key"])

    def test_trigger_that_rewrites_a_value_is_rolled_back(self):
        self.rewriting_trigger()
        identifier = self.w.approved()
        before = self.w.row("INV-3001")
        receipt = self.w.json("apply", identifier, check=1)
        self.assertEqual(receipt["safe_error_code"], "POST_IMAGE_MISMATCH")
        self.assertEqual(self.w.row("INV-3001"), before)

    def test_identical_pending_proposal_is_returned_not_duplicated(self):
        with self.w.client() as mcp:
            first = mcp.propose("INV-3001")
            second = mcp.propose("INV-3001")
            other = mcp.propose("INV-3001", reason="another reason")
        self.assertEqual(first["proposal"]["id"], second["proposal"]["id"])
        self.assertNotEqual(first["proposal"]["id"], other["proposal"]["id"])
        self.assertEqual(len(self.w.json("proposals", "list")["proposals"]), 2)

    def test_rejected_change_can_be_proposed_again_under_a_new_id(self):
        identifier = self.w.proposed()
        self.w.run("proposals", "reject", identifier, "--reason", "no", "--yes", check=0)
        self.w.run("proposals", "approve", identifier, "--yes", check=1)
        again = self.w.proposed()
        self.assertNotEqual(identifier, again)

    def test_rules_of_the_contract_refuse_and_are_recorded(self):
        with self.w.client() as mcp:
            bound = mcp.propose("INV-3001", fee=6000)
            self.assertEqual(bound["error"]["code"], "POLICY_VIOLATION")
            large = mcp.propose("INV-3001", fee=20000)
            self.assertEqual(large["error"]["code"], "INVALID_ARGUMENT")
            reserved = mcp.envelope("billing.inspect_invoice", invoice_id="INV-3001", tenant_id="other")
            self.assertEqual(reserved["error"]["code"], "INVALID_ARGUMENT")
        codes = [e["payload"]["code"] for e in self.w.json("events", "tail")["events"]
                 if e["kind"] == "call_refused"]
        self.assertEqual(codes, ["MODEL_CANNOT_OVERRIDE_BINDING", "ARGUMENT_ABOVE_MAXIMUM", "PATCH_ABOVE_MAXIMUM"])
        self.assertEqual(self.w.json("proposals", "list")["proposals"], [])

    def advancing(self, advance):
        """A workspace whose version is a number that must move."""
        value = contract(self.w.engine)
        value["capabilities"][1]["conflict_guard"] = {"column": "version", "advance": advance}
        self.w.write_config(value)
        self.w.sql("ALTER TABLE invoices ADD COLUMN version integer NOT NULL DEFAULT 7")

    def version(self):
        return int(self.w.sql("SELECT version FROM invoices WHERE id = 'INV-3001'")[0][0])

    def test_version_that_the_writer_moves(self):
        self.advancing("integer_increment")
        self.grant("version")
        with self.w.client() as mcp:
            first, second = (mcp.propose("INV-3001", reason=r)["proposal"]["id"] for r in ("one", "two"))
        for identifier in (first, second):
            self.w.run("proposals", "approve", identifier, "--yes", check=0)
        receipt = self.w.json("apply", first)
        self.assertEqual((receipt["status"], receipt["previous_version"], receipt["new_version"]), ("applied", 7, 8))
        self.assertEqual(self.version(), 8)
        self.assertEqual(self.w.json("apply", second)["safe_error_code"], "VERSION_CONFLICT")
        self.assertEqual(self.w.row("INV-3001")[1], "one")

    def test_version_that_the_database_does_not_move(self):
        self.advancing("database_generated")
        identifier = self.w.approved()
        before = self.w.row("INV-3001")
        receipt = self.w.json("apply", identifier, check=1)
        self.assertEqual(receipt["safe_error_code"], "VERSION_DID_NOT_ADVANCE")
        self.assertEqual((self.w.row("INV-3001"), self.version()), (before, 7))


class SqliteLoop(Loop, unittest.TestCase):
    def make(self):
        return Workspace("sqlite")

    def grant(self, column):
        pass

    def receipt_tables(self):
        return self.w.sql("SELECT count(*) FROM sqlite_master WHERE name LIKE '%receipts%'")[0][0]

    def unreachable(self):
        return "sqlite://" + os.path.join(self.w.path, "gone.db")

    def rewriting_trigger(self):
        self.w.sql("CREATE TRIGGER keep AFTER UPDATE OF late_fee_cents ON invoices WHEN NEW.late_fee_cents = 0"
                   " BEGIN UPDATE invoices SET late_fee_cents = 1 WHERE id = NEW.id; END")


class PostgresLoop(Loop, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def make(self):
        return Workspace("postgres", postgres=self.server)

    def grant(self, column):
        self.w.sql("GRANT UPDATE (%s) ON invoices TO writer" % column)

    def receipt_tables(self):
        return int(self.w.sql("SELECT count(*) FROM pg_class WHERE relname = 'synapsor_writeback_receipts'")[0][0])

    def unreachable(self):
        return "postgres://writer:x@127.0.0.1:1/shop"

    def rewriting_trigger(self):
        self.w.sql("CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN NEW.late_fee_cents := 1; RETURN NEW; END $$")
        self.w.sql("CREATE TRIGGER keep BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION keep()")

    def test_microseconds_survive_from_read_to_guard(self):
        self.w.sql("UPDATE invoices SET updated_at = '2026-06-20 14:31:08.123456+00' WHERE id = 'INV-3001'")
        identifier = self.w.approved()
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")


class MariadbLoop(Loop, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Mariadb()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def make(self):
        return Workspace("mysql", server=self.server)

    def grant(self, column):
        self.w.sql("GRANT UPDATE (%s) ON shop.invoices TO writer@'%%'" % column)

    def receipt_tables(self):
        return int(self.w.sql("SELECT count(*) FROM information_schema.TABLES"
                              " WHERE TABLE_NAME = 'synapsor_writeback_receipts'")[0][0])

    def unreachable(self):
        return "mysql://writer:x@127.0.0.1:1/shop"

    def rewriting_trigger(self):
        self.w.sql("CREATE TRIGGER keep BEFORE UPDATE ON invoices FOR EACH ROW SET NEW.late_fee_cents = 1")

    def test_microseconds_survive_from_read_to_guard(self):
        self.w.sql("UPDATE invoices SET updated_at = '2026-06-20 14:31:08.123456' WHERE id = 'INV-3001'")
        identifier = self.w.approved()
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")


class OwnContract(unittest.TestCase):
    def test_shadow_proposal_is_never_approvable(self):
        w = Workspace("sqlite", config=contract(mode="shadow"))
        self.addCleanup(w.close)
        identifier = w.proposed()
        refused = w.run("proposals", "approve", identifier, "--yes", check=1)
        self.assertIn("SHADOW_WRITEBACK_DISABLED", refused.stderr)

    def test_changed_contract_refuses_what_was_approved_under_the_old_one(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        identifier = w.approved()
        w.wait_idle()
        value = contract()
        value["capabilities"][1]["numeric_bounds"]["late_fee_cents"]["maximum"] = 4000
        w.write_config(value)
        refused = w.run("apply", identifier, check=1)
        self.assertIn("CONTRACT_DIGEST_MISMATCH", refused.stderr)
        self.assertEqual(w.row("INV-3001")[0], 5500)

    def test_approval_expires(self):
        value = contract()
        value["capabilities"][1]["approval"] = {"expires_s": 1}
        w = Workspace("sqlite", config=value)
        self.addCleanup(w.close)
        identifier = w.approved()
        import time
        time.sleep(1.2)
        refused = w.run("apply", identifier, check=1)
        self.assertIn("APPROVAL_EXPIRED", refused.stderr)
        self.assertEqual(w.row("INV-3001")[0], 5500)

    def test_apply_on_approval_needs_no_second_command(self):
        from postgres import wait_for
        w = Workspace("sqlite", config=contract(apply="on_approval"))
        self.addCleanup(w.close)
        with w.client(no_writer=False) as mcp:
            identifier = mcp.propose("INV-3001")["proposal"]["id"]
            w.run("proposals", "approve", identifier, "--yes", check=0)
            wait_for(lambda: w.row("INV-3001")[0] == 0, what="the writer")


if __name__ == "__main__":
    unittest.main()
