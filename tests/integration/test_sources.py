"""Reading and writing on real servers: exact values, limits that reach the
server, roles with no more than they need."""
import base64
import copy
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import schemas  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from workspace import Workspace, contract  # noqa: E402


def reading(columns, engine="postgres", table="things", key="id", **source):
    """A contract with one read of these columns; no tenant."""
    value = contract(engine)
    value["sources"]["shop"].update(source)
    value["capabilities"] = [{
        "name": "things.inspect", "kind": "read", "source": "shop",
        "target": {"schema": "main" if engine == "sqlite" else "public", "table": table, "primary_key": key,
                   "single_tenant_dev": True},
        "args": {"id": {"type": "string", "max_length": 100}}, "lookup": {"id_from_arg": "id"},
        "visible_columns": columns}]
    return value


class PostgresSource(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def workspace(self, config=None):
        w = Workspace("postgres", config=config, postgres=self.server)
        self.addCleanup(w.close)
        return w

    def things(self, definition, values):
        self.server.sql("shop", "DROP TABLE IF EXISTS things", "CREATE TABLE things (%s)" % definition,
                        "INSERT INTO things VALUES (%s)" % values, "GRANT SELECT ON things TO reader")

    def test_values_are_exact_and_independent_of_the_servers_settings(self):
        w = self.workspace(reading(["id", "i8", "n", "f", "b", "ts", "tz", "d", "u", "j", "bytes", "a", "none"]))
        self.things(
            "id text PRIMARY KEY, i8 bigint, n numeric(40, 10), f float8, b boolean, ts timestamp, tz timestamptz,"
            " d date, u uuid, j json, bytes bytea, a int[], none text",
            "'x', 9223372036854775807, 12345678901234567890.1234567890, 0.1, true, '2026-06-20 14:31:08.123456',"
            " '2026-06-20 14:31:08.123456+02', '2026-06-20', '00000000-0000-0000-0000-000000000001', '{\"a\": 1}',"
            " '\\x00ff', '{1,2}', NULL")
        for setting in ("DateStyle = 'SQL, DMY'", "TimeZone = 'America/New_York'", "bytea_output = 'escape'",
                        "extra_float_digits = -5"):
            self.server.sql("shop", "ALTER ROLE reader SET " + setting)
        self.addCleanup(self.server.sql, "shop", "ALTER ROLE reader RESET ALL")
        with w.client() as mcp:
            data = mcp.envelope("things.inspect", id="x")["data"]
        self.assertEqual(data, {
            "id": "x", "i8": "9223372036854775807", "n": "12345678901234567890.1234567890", "f": 0.1, "b": True,
            "ts": "2026-06-20T14:31:08.123456", "tz": "2026-06-20T12:31:08.123456Z", "d": "2026-06-20",
            "u": "00000000-0000-0000-0000-000000000001", "j": "{\"a\": 1}", "bytes": "\\x00ff", "a": "{1,2}",
            "none": None})

    def test_read_that_matches_two_rows_is_refused(self):
        """Of a view nobody can say before the read whether its keys are unique."""
        w = self.workspace(reading(["id", "n"], table="twice"))
        self.server.sql("shop", "CREATE VIEW twice AS VALUES ('x', 1), ('x', 2), ('y', 3)",
                        "ALTER VIEW twice RENAME column1 TO id", "ALTER VIEW twice RENAME column2 TO n",
                        "GRANT SELECT ON twice TO reader")
        with w.client() as mcp:
            answer = mcp.envelope("things.inspect", id="x")
            self.assertTrue(mcp.envelope("things.inspect", id="y")["ok"])
        self.assertEqual(answer["error"]["code"], "MULTI_ROW_BLOCKED")
        self.assertIsNone(answer["data"])

    def test_key_is_bound_with_the_columns_type(self):
        w = self.workspace(reading(["id", "n"]))
        self.things("id int PRIMARY KEY, n int", "5, 1")
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("things.inspect", id="5")["ok"])
            for wrong in ("5abc", "abc", "0", "5 ", "99999999999999999999"):
                self.assertEqual(mcp.envelope("things.inspect", id=wrong)["error"]["code"], "NOT_FOUND_IN_TENANT",
                                 wrong)

    def test_hostile_text_is_a_value_and_nothing_else(self):
        w = self.workspace()
        before = self.server.sql("shop", "SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM invoices i")
        with w.client() as mcp:
            for hostile in ("'; DROP TABLE invoices; --", "\\' OR 1=1 --", "$1", "INV-3001' OR '1'='1", "%", "\u202e"):
                self.assertEqual(mcp.read(hostile)["error"]["code"], "NOT_FOUND_IN_TENANT", hostile)
        after = self.server.sql("shop", "SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM invoices i")
        self.assertEqual(before, after)

    def test_slow_query_ends_on_the_server_too_and_others_are_served(self):
        import subprocess
        config = reading(["id", "n"], statement_timeout_ms=700)
        config["capabilities"].append(contract("postgres")["capabilities"][0])
        w = self.workspace(config)
        self.things("id text PRIMARY KEY, n int", "'x', 1")
        locker = subprocess.Popen(
            ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.server.port), "-U", "owner", "-d", "shop"],
            stdin=subprocess.PIPE, text=True)
        locker.stdin.write("BEGIN; LOCK TABLE things IN ACCESS EXCLUSIVE MODE;\n")
        locker.stdin.flush()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active'"
        with w.client() as mcp:
            wait_for(lambda: self.server.sql(
                "shop", "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted") >= [("1",)])
            started = time.monotonic()
            answer = mcp.envelope("things.inspect", id="x")
            self.assertEqual(answer["error"]["code"], "TEMPORARILY_UNAVAILABLE")
            self.assertTrue(answer["error"]["retryable"])
            self.assertLess(time.monotonic() - started, 5)
            wait_for(lambda: self.server.sql("shop", waiting) == [("0",)], 3, "the query to end on the server")
            self.assertTrue(mcp.read("INV-3001")["ok"], "another capability of the same source is served")
            locker.stdin.close()
            locker.wait()
            wait_for(lambda: mcp.envelope("things.inspect", id="x")["ok"], 10, "the source to answer again")

    def test_server_that_restarts_is_used_again(self):
        w = self.workspace()
        with w.client() as mcp:
            self.assertTrue(mcp.read("INV-3001")["ok"])
            self.server.stop("fast")
            answer = mcp.read("INV-3001")
            self.assertEqual(answer["error"]["code"], "TEMPORARILY_UNAVAILABLE")
            for secret in ("127.0.0.1", str(self.server.port), "reader", "shop", "not%20a"):
                self.assertNotIn(secret, json.dumps(answer["error"]))
            self.server.start()
            wait_for(lambda: mcp.read("INV-3001")["ok"], 20, "the source to come back")

    def test_reading_session_cannot_write(self):
        """Even where the role could: the session is read-only."""
        self.server.sql(
            "shop", "DROP TABLE IF EXISTS base", "CREATE TABLE base (id text PRIMARY KEY, n int)",
            "CREATE OR REPLACE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO public.base VALUES (gen_random_uuid()::text, 1); RETURN 1; END $$",
            "CREATE OR REPLACE VIEW sneaky AS SELECT 'x'::text AS id, public.sneak() AS n",
            "GRANT SELECT ON sneaky TO reader", "GRANT INSERT ON base TO reader")
        self.addCleanup(self.server.sql, "shop", "REVOKE INSERT ON base FROM reader")
        w = self.workspace(reading(["id", "n"], table="sneaky", reader_can_write="accept"))
        with w.client() as mcp:
            self.assertFalse(mcp.envelope("things.inspect", id="x")["ok"])
        self.assertEqual(self.server.sql("shop", "SELECT count(*) FROM base"), [("0",)])

    def test_writer_with_the_least_privileges_needs_no_create(self):
        w = self.workspace()
        self.server.sql(
            "shop", "REVOKE CREATE ON SCHEMA public FROM writer", "REVOKE SELECT ON invoices FROM writer",
            "GRANT SELECT (id, tenant_id, updated_at, late_fee_cents, waiver_reason) ON invoices TO writer",
            "CREATE TABLE synapsor_writeback_receipts (idempotency_key text PRIMARY KEY, job_id text UNIQUE NOT NULL,"
            " proposal_id text NOT NULL, status text NOT NULL, result_hash text, created_at timestamptz NOT NULL"
            " DEFAULT now(), completed_at timestamptz)",
            "GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO writer")
        self.addCleanup(self.server.sql, "shop", "GRANT CREATE ON SCHEMA public TO writer")
        # `status` is read for the proposal, but the writer needs no right to it.
        self.assertEqual(w.json("apply", w.approved())["status"], "applied")

    def test_missing_receipt_table_without_create_is_said_before_anything_happens(self):
        w = self.workspace()
        identifier = w.approved()
        self.server.sql("shop", "REVOKE CREATE ON SCHEMA public FROM writer")
        self.addCleanup(self.server.sql, "shop", "GRANT CREATE ON SCHEMA public TO writer")
        receipt = w.json("apply", identifier, check=1)
        self.assertEqual(receipt["safe_error_code"], "RECEIPT_TABLE_MISSING")
        self.assertEqual(w.row("INV-3001")[0], 5500)
        self.server.sql("shop", "GRANT CREATE ON SCHEMA public TO writer")
        self.assertEqual(w.json("apply", identifier)["status"], "applied")

    def test_null_version_is_a_guard_of_its_own(self):
        w = self.workspace()
        w.sql("UPDATE invoices SET updated_at = NULL WHERE id IN ('INV-3001', 'INV-3002')")
        first, second = w.approved("INV-3001"), w.approved("INV-3002")
        w.sql("UPDATE invoices SET updated_at = now() WHERE id = 'INV-3002'")
        self.assertEqual(w.json("apply", first)["status"], "applied")
        self.assertEqual(w.json("apply", second)["safe_error_code"], "VERSION_CONFLICT")

    def test_row_hash_is_really_evaluated(self):
        config = contract("postgres")
        config["capabilities"][1]["conflict_guard"] = {"weak_guard_ack": True}
        w = self.workspace(config)
        first, second = w.approved("INV-3001"), w.approved("INV-3002")
        w.sql("UPDATE invoices SET status = 'closed' WHERE id = 'INV-3002'")
        w.sql("GRANT SELECT ON invoices TO writer")
        self.assertEqual(w.json("apply", first)["status"], "applied")
        self.assertEqual(w.json("apply", second)["safe_error_code"], "VERSION_CONFLICT")

    def test_transition_is_checked_again_on_the_locked_row(self):
        config = contract("postgres")
        proposal = config["capabilities"][1]
        proposal["patch"] = {"waiver_reason": {"from_arg": "reason"}}
        proposal["allowed_columns"] = ["waiver_reason"]
        del proposal["numeric_bounds"], proposal["args"]["fee"]
        proposal["transition_guards"] = {"waiver_reason": {"from_column": "status", "allowed": {"open": ["waived"]}}}
        w = self.workspace(config)
        w.sql("GRANT SELECT ON invoices TO writer")
        with w.client() as mcp:
            call = {"invoice_id": "INV-3001", "reason": "waived"}
            identifier = mcp.envelope("billing.propose_late_fee_waiver", **call)["proposal"]["id"]
            refused = mcp.envelope("billing.propose_late_fee_waiver", invoice_id="INV-3001", reason="other")
            self.assertEqual(refused["error"]["code"], "POLICY_VIOLATION")
        w.run("proposals", "approve", identifier, "--yes", check=0)
        # The guard column does not move: only the transition rule can see it.
        w.sql("UPDATE invoices SET status = 'closed' WHERE id = 'INV-3001'")
        receipt = w.json("apply", identifier)
        self.assertEqual(receipt["safe_error_code"], "PATCH_TRANSITION_NOT_ALLOWED")


class SqliteSource(unittest.TestCase):
    def workspace(self, config=None):
        w = Workspace("sqlite", config=config)
        self.addCleanup(w.close)
        return w

    def test_values_are_exact(self):
        w = self.workspace(reading(["id", "i", "r", "t", "b", "n"], engine="sqlite"))
        w.sql("CREATE TABLE things (id TEXT PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, n TEXT)")
        w.sql("INSERT INTO things VALUES ('x', 9223372036854775807, 0.1, 'h\u00e4', x'00ff', NULL)")
        with w.client() as mcp:
            text = mcp.call("things.inspect", id="x")["content"][0]["text"]
        self.assertIn('"i": 9223372036854775807', text)
        data = json.loads(text)["data"]
        self.assertEqual(data, {"id": "x", "i": 9223372036854775807, "r": 0.1, "t": "h\u00e4", "b": "\\x00ff",
                                "n": None})

    def test_reading_changes_no_byte_of_the_database(self):
        import hashlib
        w = self.workspace()
        w.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        digest = hashlib.sha256(open(w.source, "rb").read()).hexdigest()
        with w.client() as mcp:
            for name in ("INV-3001", "'; DELETE FROM invoices; --", "INV-9001"):
                mcp.read(name)
        self.assertEqual(hashlib.sha256(open(w.source, "rb").read()).hexdigest(), digest)

    def test_exported_job_is_a_dsse_envelope_that_fits_its_schema(self):
        w = self.workspace()
        identifier = w.approved()
        w.json("apply", identifier)
        envelope = json.loads(w.run("proposals", "writeback-job", identifier, check=0).stdout)
        schemas.validate("envelope", envelope)
        payload = base64.b64decode(envelope["payload"])
        schemas.validate("job.v1", payload)
        job = json.loads(payload)
        schemas.validate("writeback-job.v1", job["job"])
        self.assertEqual(job["change_set"]["proposal_id"], identifier)

    def test_optional_argument_left_out_leaves_its_column_alone(self):
        w = self.workspace()
        with w.client() as mcp:
            answer = mcp.envelope("billing.propose_late_fee_waiver", invoice_id="INV-3001", reason="only this")
            self.assertEqual(list(answer["proposal"]["diff"]), ["waiver_reason"])
        w.run("proposals", "approve", answer["proposal"]["id"], "--yes", check=0)
        self.assertEqual(w.json("apply", answer["proposal"]["id"])["status"], "applied")
        self.assertEqual(w.row("INV-3001")[:2], (5500, "only this"))

    def test_result_format_1_has_its_own_shape(self):
        config = copy.deepcopy(contract())
        config["result_format"] = 1
        w = self.workspace(config)
        with w.client() as mcp:
            read = json.loads(mcp.call("billing.inspect_invoice", invoice_id="INV-3001")["content"][0]["text"])
            self.assertEqual(list(read), ["status", "action", "mode", "business_object", "data", "trusted_context",
                                          "evidence_bundle_id", "evidence_resource", "source_database_changed",
                                          "source_database_mutated"])
            refused = mcp.call("billing.inspect_invoice", invoice_id="nope")
            self.assertTrue(refused["isError"])
            self.assertEqual(refused["structuredContent"]["code"], "ROW_NOT_FOUND")


if __name__ == "__main__":
    unittest.main()
