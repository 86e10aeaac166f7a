"""Behaviours of writing that went wrong elsewhere (engine.md §8.2, §8.3), each once
per server. What others show already:

    row hash, NULL version, least rights     test_sources.py, test_apply.c
    weak typing of keys, large integers      test_values.py, test_mariadb.py
    receipt table: DDL, MyISAM, no CREATE    test_mariadb.py, test_sources.py
    retries, dry run, lost COMMIT            test_retry.py, test_loop.py, fault/
    search_path and receipts' schema         test_apply.c, test_writeback.py
    omitted argument                         test_sources.py
"""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from versioned import effects, locked, versioned_workspace  # noqa: E402
from workspace import BIN, Workspace, contract  # noqa: E402

ROW = "INV-3001"
# Type of the version column (PostgreSQL, MariaDB), what it holds when it is read, and what somebody makes of it.
VERSIONS = {
    "small integer": ("integer", "int", "7", "8"),
    "integer beyond a double": ("bigint", "bigint", "9007199254740993", "9007199254740992"),
    "decimal": ("numeric(30,4)", "decimal(30,4)", "12345678901234567890.1250", "12345678901234567890.1251"),
    "timestamp with microseconds": ("timestamptz", "timestamp(6) NULL", "'2026-06-20 14:31:08.123456'",
                                    "'2026-06-20 14:31:08.123457'"),
    "timestamp without a zone": ("timestamp", "datetime(6)", "'2026-03-29 02:30:00.000001'",
                                 "'2026-03-29 02:30:00.000002'"),
    "date": ("date", "date", "'2026-06-20'", "'2026-06-21'"),
    "text": ("text", "varchar(40)", "'v1'", "'v10'"),
    "text that looks like a number": ("text", "varchar(40)", "'1'", "'1.0'"),
    "text in another case": ("text", "varchar(40)", "'abc'", "'ABC'"),
    "empty text": ("text", "varchar(40)", "''", "NULL"),
    "nothing": ("text", "varchar(40)", "NULL", "''"),
}


class Defects:
    @classmethod
    def setUpClass(cls):
        cls.server = cls.make()
        cls.addClassCleanup(cls.server.close)

    def workspace(self, change=None, statements=(), **source):
        value = contract(self.engine)
        value["sources"]["shop"].update(source)
        if change is not None:
            change(value["capabilities"][1])
        w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(w.close)
        for statement in statements:
            w.sql(statement)
        return w

    def grant_all_columns(self, w):
        w.sql("GRANT SELECT ON %s TO %s" % self.names)

    def applied(self, w, identifier, status, code=None):
        result = json.loads(w.run("apply", identifier, "--json").stdout)
        self.assertEqual((result["status"], result.get("safe_error_code")), (status, code), result)
        self.assertEqual(result["source_database_mutated"], status == "applied")
        return result

    def unchanged(self, w):
        self.assertEqual(w.row(ROW)[:2], (5500, None))

    def test_a_version_of_any_type_is_compared_exactly(self):
        for index, (name, (postgres, mysql, before, after)) in enumerate(VERSIONS.items()):
            with self.subTest(version=name):
                column = "v%d" % index

                def guard(capability, column=column):
                    capability["conflict_guard"] = {"column": column}
                w = self.workspace(guard, [
                    "ALTER TABLE invoices ADD COLUMN %s %s" % (column, postgres if self.engine == "postgres" else mysql),
                    "UPDATE invoices SET %s = %s" % (column, before)])
                self.grant_all_columns(w)
                same = w.approved(ROW)
                w.wait_idle()
                moved = w.approved("INV-3002")
                w.sql("UPDATE invoices SET %s = %s WHERE id = 'INV-3002'" % (column, after))
                self.applied(w, same, "applied")
                self.applied(w, moved, "conflict", "VERSION_CONFLICT")
                self.assertEqual(w.row("INV-3002")[:2], (1200, None))

    def test_the_version_is_compared_under_the_lock(self):
        """Somebody is changing the row while we come: we wait, and then we see it."""
        self.change_while_we_wait(
            versioned_workspace(self.engine, self.server), "UPDATE invoices SET version = 8 WHERE id = '%s'" % ROW)

    def test_the_row_hash_is_computed_under_the_lock(self):
        def weak(capability):
            capability["conflict_guard"] = {"weak_guard_ack": True}
        w = self.workspace(weak)
        self.grant_all_columns(w)
        self.change_while_we_wait(w, "UPDATE invoices SET status = 'paid' WHERE id = '%s'" % ROW)

    def change_while_we_wait(self, w, change):
        self.addCleanup(w.close)
        identifier = w.approved()
        w.wait_idle()
        with locked(w, ROW, change + "; COMMIT;"):
            asking = self.start(w, identifier)
            self.wait_for_lock(w)
        out = asking.communicate(timeout=30)[0]
        self.assertIn("VERSION_CONFLICT", out)
        self.unchanged(w)

    def start(self, w, identifier):
        return subprocess.Popen([os.path.join(BIN, "countersign"), "apply", identifier, "--store", w.store, "--config",
                                 w.config], cwd=w.path, env=w.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                text=True)

    def wait_for_lock(self, w):
        wait_for(lambda: w.sql(self.waits), 20, "the writer to wait")

    def test_a_version_that_has_to_move_and_does_not_is_rolled_back(self):
        def by_database(capability):
            capability["conflict_guard"] = {"column": "updated_at", "advance": "database_generated"}
        w = self.workspace(by_database)
        self.applied(w, w.approved(), "failed", "VERSION_DID_NOT_ADVANCE")
        self.unchanged(w)

    def test_a_version_that_we_move_is_one_more(self):
        w = versioned_workspace(self.engine, self.server)
        self.addCleanup(w.close)
        receipt = self.applied(w, w.approved(), "applied")
        self.assertEqual(str(receipt["new_version"]), "8")
        self.assertEqual(effects(w, ROW), 1)

    def test_a_trigger_that_changes_the_approved_value_is_found(self):
        w = self.workspace(statements=self.meddle)
        self.applied(w, w.approved(fee=10), "failed", "POST_IMAGE_MISMATCH")
        self.unchanged(w)

    def test_a_transition_is_checked_again_on_the_locked_row(self):
        def guard(capability):
            capability["patch"] = {"waiver_reason": {"from_arg": "reason"}}
            capability["allowed_columns"] = ["waiver_reason"]
            del capability["numeric_bounds"], capability["args"]["fee"]
            capability["transition_guards"] = {
                "waiver_reason": {"from_column": "status", "allowed": {"open": ["waived"]}}}
        w = self.workspace(guard)
        self.grant_all_columns(w)
        with w.client() as mcp:
            identifier = mcp.envelope("billing.propose_late_fee_waiver", invoice_id=ROW, reason="waived")[
                "proposal"]["id"]
        w.run("proposals", "approve", identifier, "--yes", check=0)
        self.keep_version(w, "status = 'closed'")
        self.applied(w, identifier, "conflict", "PATCH_TRANSITION_NOT_ALLOWED")
        self.unchanged(w)

    def keep_version(self, w, change):
        """The guard column does not move: only the rules can see this."""
        w.sql("UPDATE invoices SET %s, updated_at = updated_at WHERE id = '%s'" % (change, ROW))

    def test_a_key_that_became_ambiguous_writes_no_row(self):
        w = self.workspace()
        identifier = w.approved()
        w.sql("ALTER TABLE invoices DROP %s" % self.primary)
        w.sql("INSERT INTO invoices SELECT * FROM invoices WHERE id = '%s'" % ROW)
        self.applied(w, identifier, "failed", "MULTI_ROW_WRITE_BLOCKED")
        self.assertEqual([r[0] for r in w.sql("SELECT late_fee_cents FROM invoices WHERE id = '%s'" % ROW)],
                         ["5500", "5500"])

    def test_equal_values_are_one_row(self):
        w = self.workspace(statements=[
            "UPDATE invoices SET late_fee_cents = 0, waiver_reason = 'same' WHERE id = '%s'" % ROW])
        self.assertEqual(self.applied(w, w.approved(reason="same"), "applied")["rows_affected"], 1)

    def test_a_row_of_another_tenant_is_not_there(self):
        w = self.workspace()
        identifier = w.approved()
        self.keep_version(w, "tenant_id = 'other'")
        self.applied(w, identifier, "conflict", "ROW_NOT_FOUND")
        self.unchanged(w)

    def test_a_column_outside_of_the_patch_needs_no_right_and_is_not_read(self):
        w = self.workspace(statements=["ALTER TABLE invoices ADD COLUMN secret text"])
        for statement in self.least:
            w.sql(statement)
        self.applied(w, w.approved(), "applied")

    def test_a_failure_that_passes_is_not_the_end(self):
        w = self.workspace(statement_timeout_ms=1000)
        identifier = w.approved()
        with locked(w, ROW):
            receipt = self.applied(w, identifier, "failed", "TRANSACTION_FAILED")
        self.assertTrue(receipt["details"]["retryable"])
        self.applied(w, identifier, "applied")

    def test_a_database_that_is_away_is_a_result_and_not_the_end(self):
        w = self.workspace()
        identifier = w.approved()
        self.server.stop()
        try:
            self.applied(w, identifier, "failed", "DATABASE_UNAVAILABLE")
        finally:
            self.server.start()
        self.applied(w, identifier, "applied")

    def test_a_dry_run_spends_nothing(self):
        w = self.workspace()
        identifier = w.approved()
        w.run("apply", identifier, "--dry-run", check=0)
        self.unchanged(w)
        self.applied(w, identifier, "applied")

    def test_words_of_the_server_are_not_taken_for_codes(self):
        """An error text with VERSION or MULTI_ROW in it is still what its number says."""
        w = self.workspace(statements=self.misleading)
        self.applied(w, w.approved(), "failed", "TRANSACTION_FAILED")
        self.unchanged(w)


class OnPostgres(Defects, unittest.TestCase):
    engine, names, primary = "postgres", ("invoices", "writer"), "CONSTRAINT invoices_pkey"
    waits = "SELECT 1 FROM pg_stat_activity WHERE usename = 'writer' AND wait_event_type = 'Lock'"

    @staticmethod
    def make():
        return Postgres(["standard_conforming_strings=off", "backslash_quote=on", "datestyle=SQL,DMY",
                         "timezone=America/New_York"])

    @staticmethod
    def trigger(body):
        return ("CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s"
                " RETURN NEW; END $$" % body,
                "CREATE TRIGGER meddle BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION meddle()")
    least = ("REVOKE SELECT ON invoices FROM writer",
             "GRANT SELECT (id, tenant_id, updated_at, late_fee_cents, waiver_reason) ON invoices TO writer")

    def setUp(self):
        self.meddle = self.trigger("NEW.late_fee_cents := NEW.late_fee_cents + 1;")
        self.misleading = self.trigger("RAISE EXCEPTION 'VERSION_CONFLICT MULTI_ROW';")


class OnMariadb(Defects, unittest.TestCase):
    engine, names, primary = "mysql", ("shop.invoices", "writer@'%'"), "PRIMARY KEY"
    waits = ("SELECT 1 FROM information_schema.processlist WHERE user = 'writer' AND command = 'Execute'"
             " AND time_ms > 200")
    meddle = ("CREATE TRIGGER meddle BEFORE UPDATE ON invoices FOR EACH ROW"
              " SET NEW.late_fee_cents = NEW.late_fee_cents + 1",)
    misleading = ("CREATE TRIGGER meddle BEFORE UPDATE ON invoices FOR EACH ROW"
                  " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'VERSION_CONFLICT MULTI_ROW'",)
    least = ("REVOKE SELECT ON shop.invoices FROM writer@'%'",
             "GRANT SELECT (id, tenant_id, updated_at, late_fee_cents, waiver_reason) ON shop.invoices TO writer@'%'")

    @staticmethod
    def make():
        return Mariadb(("sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT",
                        "default-time-zone=-05:00"))


if __name__ == "__main__":
    unittest.main()
