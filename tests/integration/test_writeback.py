"""`countersign writeback`: the SQL that it prints is enough, and not too much."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from postgres import PASSWORD, Postgres  # noqa: E402
from workspace import BIN, Workspace, contract  # noqa: E402


def writeback(w, *words, config=False, check=0):
    command = [os.path.join(BIN, "countersign"), "writeback", *words, *(["--config", w.config] if config else [])]
    result = subprocess.run(command, capture_output=True, text=True, cwd=w.path, env=w.env, timeout=60, check=False)
    assert result.returncode == check, result
    return result


class Printed(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)

    def test_names_that_are_no_identifiers_are_refused(self):
        for flag in ("--schema", "--role"):
            result = writeback(self.w, "grants", "postgres", flag, 'a" TO x; --', check=1)
            self.assertIn("UNSAFE_IDENTIFIER", result.stderr)
            self.assertEqual(result.stdout, "")

    def test_every_engine_and_no_other(self):
        for engine in ("postgres", "mysql", "sqlite"):
            for verb in ("migration", "grants"):
                self.assertTrue(writeback(self.w, verb, "--engine", engine).stdout)
        self.assertIn("--engine", writeback(self.w, "migration", "oracle", check=1).stderr)

    def test_doctor_says_what_is_missing_and_never_a_value(self):
        shown = writeback(self.w, "doctor", config=True).stdout
        self.assertIn("env status: set", shown)
        self.assertNotIn(self.w.source, shown)
        self.w.env.pop("SHOP_WRITE_URL")
        answer = json.loads(writeback(self.w, "doctor", "--json", config=True, check=1).stdout)
        self.assertEqual([(s["source"], s["writer_env"], s["env_status"]) for s in answer],
                         [("shop", "SHOP_WRITE_URL", "missing")])

    def test_the_sqlite_table_is_the_one_that_writers_use(self):
        self.w.sql(writeback(self.w, "migration", "sqlite").stdout)
        self.assertEqual(self.w.json("apply", self.w.approved())["status"], "applied")

    def test_check_db_changes_nothing(self):
        with open(self.w.source, "rb") as file:
            before = file.read()
        missing = writeback(self.w, "doctor", "--check-db", config=True, check=1).stdout
        self.assertIn('"code":"RECEIPT_TABLE_MISSING"', missing)
        self.assertIn('{"subject":"billing.propose_late_fee_waiver","check":"target","ok":true}', missing)
        with open(self.w.source, "rb") as file:
            self.assertEqual(file.read(), before)


class OnPostgres(unittest.TestCase):
    """A role that has nothing but what was printed."""

    def setUp(self):
        self.server = Postgres()
        self.addCleanup(self.server.close)

    def printed(self, w, *words):
        w.sql(writeback(w, *words, config=words[0] == "grants").stdout)

    def run_with_grants(self, guard, column):
        value = contract("postgres")
        value["capabilities"][1]["conflict_guard"] = guard
        w = Workspace("postgres", config=value, postgres=self.server)
        self.addCleanup(w.close)
        w.sql("ALTER TABLE invoices ADD COLUMN version bigint NOT NULL DEFAULT 1, ADD COLUMN secret text")
        w.sql("CREATE ROLE plain LOGIN PASSWORD '%s'" % PASSWORD)
        w.env["SHOP_WRITE_URL"] = self.server.url("shop", "plain")
        self.printed(w, "migration", "postgres", "--schema", "aux")
        self.printed(w, "grants", "postgres", "--schema", "aux", "--role", "plain")
        identifier = w.approved()
        self.assertEqual(w.json("apply", identifier)["status"], "applied")
        may = w.sql("SELECT has_column_privilege('plain', 'invoices', 'secret', 'SELECT'),"
                    " has_column_privilege('plain', 'invoices', 'status', 'UPDATE'),"
                    " has_column_privilege('plain', 'invoices', '%s', 'UPDATE'),"
                    " has_schema_privilege('plain', 'aux', 'CREATE')" % column)
        self.assertEqual(may, [("f", "f", "t", "f")])

    def findings(self, w, check):
        lines = writeback(w, "doctor", "--check-db", "--json", config=True, check=check).stdout
        lines = lines[lines.index("]\n") + 2:].splitlines()
        return {(f["subject"], f["check"], f.get("code")): f.get("remedy") for f in map(json.loads, lines)}

    def test_check_db_finds_what_is_missing_and_what_is_too_much(self):
        w = Workspace("postgres", postgres=self.server)
        self.addCleanup(w.close)
        name = "billing.propose_late_fee_waiver"
        w.sql("CREATE ROLE plain LOGIN PASSWORD '%s'" % PASSWORD)
        w.env["SHOP_WRITE_URL"] = self.server.url("shop", "plain")
        found = self.findings(w, 1)
        self.assertEqual(set(found), {("shop", "connection", None), ("shop", "receipt-table", "RECEIPT_TABLE_MISSING"),
                                      (name, "target", "TRANSACTION_FAILED"), ("shop", "posture", None)})
        self.printed(w, "migration", "postgres")
        self.printed(w, "grants", "postgres", "--role", "plain")
        self.assertEqual(set(self.findings(w, 0)), {("shop", "connection", None), ("shop", "receipt-table", None),
                                                    (name, "target", None), ("shop", "posture", None)})
        w.sql("GRANT DELETE, UPDATE (status) ON invoices TO plain")
        w.sql("ALTER ROLE plain BYPASSRLS")
        found = self.findings(w, 1)
        self.assertEqual(found[(name, "posture", "TABLE_PRIVILEGE_NOT_REVIEWED")],
                         'REVOKE DELETE ON "public"."invoices" FROM plain;')
        for subject, code in ((name, "TABLE_PRIVILEGE_NOT_REVIEWED"), (name, "COLUMN_PRIVILEGE_NOT_REVIEWED"),
                              ("shop", "ROLE_BYPASSES_RLS")):
            w.sql(found[(subject, "posture", code)].partition(";")[0])
        self.printed(w, "grants", "postgres", "--role", "plain")
        self.assertTrue(all(code is None for _, _, code in self.findings(w, 0)))
        self.assertEqual(w.sql("SELECT count(*) FROM synapsor_writeback_receipts"), [("0",)])

    def test_grants_are_enough(self):
        self.run_with_grants({"column": "updated_at"}, "late_fee_cents")

    def test_grants_are_enough_for_a_version_that_the_writer_moves(self):
        self.run_with_grants({"column": "version", "advance": "integer_increment"}, "version")

    def test_a_superuser_neither_writes_nor_reads_unless_it_is_accepted(self):
        value = contract("postgres")
        w = Workspace("postgres", config=value, postgres=self.server)
        self.addCleanup(w.close)
        w.sql("CREATE ROLE boss SUPERUSER LOGIN PASSWORD '%s'" % PASSWORD)
        identifier = w.approved()
        w.wait_idle()
        w.env["SHOP_WRITE_URL"] = self.server.url("shop", "boss")
        refused = w.json("apply", identifier, check=1)
        self.assertEqual((refused["safe_error_code"], refused["source_database_mutated"]), ("ROLE_IS_SUPERUSER", False))
        w.wait_idle()
        w.env["SHOP_READ_URL"] = self.server.url("shop", "boss")
        w.env["SHOP_WRITE_URL"] = self.server.url("shop")
        with w.client() as mcp:
            self.assertEqual(mcp.read("INV-3001")["error"]["code"], "INTERNAL")
            with open(mcp.process.log_path) as log:
                self.assertIn("ROLE_IS_SUPERUSER", log.read())
        w.wait_idle()
        value["sources"]["shop"].update({"writer_posture": "accept", "reader_can_write": "accept"})
        w.write_config(value)
        w.env["SHOP_WRITE_URL"] = self.server.url("shop", "boss").replace("/shop", "/shop?application_name=w")
        identifier = w.approved("INV-3002")
        self.assertEqual(w.json("apply", identifier)["status"], "applied")


if __name__ == "__main__":
    unittest.main()
