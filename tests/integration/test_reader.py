"""The readers of mcpd: their pools, time limits that reach the server, and the checks that come before any read."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import PASSWORD, Postgres, wait_for  # noqa: E402
from workspace import BIN, REDUCED, Workspace, child_of, contract  # noqa: E402

CODE = "code"


def one_read(engine, table="invoices", key="id", columns=("id",), tenant="tenant_id", name="shop.read"):
    schema = {"sqlite": "main", "postgres": "public", "mysql": "shop"}[engine]
    target = {"schema": schema, "table": table, "primary_key": key}
    target.update({"tenant_key": tenant} if tenant else {"single_tenant_dev": True})
    return {"name": name, "kind": "read", "source": "shop", "target": target, "args": {"key": {"type": "string"}},
            "lookup": {"id_from_arg": "key"}, "visible_columns": list(columns)}


class Server:
    """What the tests say to both kinds of servers."""

    def __init__(self, engine):
        self.engine = engine
        self.server = Postgres() if engine == "postgres" else Mariadb()

    def slow_view(self, work="benchmark(200000000, md5(id))"):
        """A row that takes long to read."""
        if self.engine == "postgres":
            return ["DROP VIEW IF EXISTS slow", "CREATE VIEW slow AS SELECT id, tenant_id, pg_sleep(30)::text AS s"
                    " FROM invoices", "GRANT SELECT ON slow TO reader"]
        # Not sleep(): that one notices by itself when its client is gone.
        return ["CREATE OR REPLACE VIEW slow AS SELECT id, tenant_id, %s AS s FROM invoices" % work,
                "GRANT SELECT ON shop.slow TO reader@'%'"]

    def running(self):
        """Statements of the reader that run on the server."""
        if self.engine == "postgres":
            return int(self.server.sql("shop", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'"
                                       " AND state = 'active'")[0][0])
        return int(self.server.sql("shop", "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader'"
                                   " AND command <> 'Sleep'")[0][0])

    def sessions(self):
        if self.engine == "postgres":
            return int(self.server.sql("shop", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'")[0][0])
        return int(self.server.sql("shop", "SELECT count(*) FROM information_schema.processlist"
                                   " WHERE user = 'reader'")[0][0])

    def grant(self, what, table, role="reader"):
        if self.engine == "postgres":
            return "GRANT %s ON %s TO %s" % (what, table, role)
        return "GRANT %s ON shop.%s TO %s@'%%'" % (what, table, role)

    def revoke(self, what, table):
        return self.grant(what, table).replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM ", 1)


class OnServer(unittest.TestCase):
    engine = None

    @classmethod
    def setUpClass(cls):
        cls.on = Server(cls.engine)
        cls.server = cls.on.server

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def workspace(self, *statements, capabilities=None, **source):
        value = contract(self.engine)
        value["sources"]["shop"].update(source)
        if capabilities:
            value["capabilities"] = capabilities
        w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(w.close)
        for statement in statements:
            w.sql(statement)
        return w

    def refusals(self, w):
        return [e["payload"]["code"] for e in w.json("events", "tail")["events"] if e["kind"] == "call_refused"]

    def send(self, mcp, identifier, name, **arguments):
        mcp.send({"jsonrpc": "2.0", "id": identifier, "method": "tools/call",
                  "params": {"name": name, "arguments": arguments}})

    def answer(self, mcp):
        reply = json.loads(mcp.process.stdout.readline())
        return reply["id"], json.loads(reply["result"]["content"][0]["text"])


class Pool(OnServer):
    def slow(self, **source):
        return self.workspace(*self.on.slow_view(), capabilities=[
            one_read(self.engine, "slow", columns=("id", "s"), name="shop.slow"),
            one_read(self.engine, name="shop.fast")], **source)

    def test_pool_has_a_maximum_and_a_queue_with_a_limit_of_its_own(self):
        w = self.slow(statement_timeout_ms=20000,
                      pool={"max_connections": 2, "queue_limit": 1, "queue_timeout_ms": 700})
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])
            self.send(mcp, "a", "shop.slow", key="INV-3001")
            self.send(mcp, "b", "shop.slow", key="INV-3001")
            wait_for(lambda: self.on.running() == 2, what="two slow statements")
            started = time.monotonic()
            self.send(mcp, "c", "shop.fast", key="INV-3001")
            self.send(mcp, "d", "shop.fast", key="INV-3001")
            answers = dict(self.answer(mcp) for _ in range(2))
            self.assertLess(time.monotonic() - started, 5)
            self.assertEqual(self.on.sessions(), 2)
            for identifier in "cd":
                error = answers[identifier]["error"]
                self.assertEqual((error["code"], error["retryable"], error["retry_after_ms"]),
                                 ("TEMPORARILY_UNAVAILABLE", True, 1000))
            for identifier in "ab":
                mcp.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": identifier}})
            wait_for(lambda: self.on.running() == 0, what="the statements to end on the server")
            self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])
        self.assertEqual(sorted(self.refusals(w)), ["SOURCE_POOL_QUEUE_FULL", "SOURCE_POOL_TIMEOUT"])

    def test_cancelled_call_ends_on_the_server(self):
        w = self.slow(statement_timeout_ms=25000)
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])
            self.send(mcp, "a", "shop.slow", key="INV-3001")
            wait_for(lambda: self.on.running() == 1, what="the slow statement")
            mcp.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "a"}})
            wait_for(lambda: self.on.running() == 0, 5, "the statement to end on the server")
            self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])

    def test_servers_own_limit_ends_a_statement(self):
        w = self.slow(statement_timeout_ms=1000)
        for statement in self.on.slow_view("sleep(30)"):  # benchmark() ends early then, without an error
            w.sql(statement)
        with w.client() as mcp:
            started = time.monotonic()
            error = mcp.envelope("shop.slow", key="INV-3001")["error"]
            self.assertEqual(error["code"], "TEMPORARILY_UNAVAILABLE")
            self.assertLess(time.monotonic() - started, 5)
            wait_for(lambda: self.on.running() == 0, 2, "the statement to end on the server")
            with open(mcp.process.log_path) as log:
                self.assertNotIn("source_timeout", log.read(), "the server's limit comes before ours")

    def test_our_limit_ends_a_statement_when_the_servers_is_off(self):
        if self.engine == "postgres":
            off = ["CREATE OR REPLACE VIEW unlimited AS SELECT id, tenant_id,"
                   " set_config('statement_timeout', '0', false) AS s FROM invoices"]
        else:
            off = ["DELIMITER //\nCREATE OR REPLACE FUNCTION off() RETURNS int NOT DETERMINISTIC BEGIN SET SESSION"
                   " max_statement_time = 0; RETURN 0; END//\nDELIMITER ;\nCREATE OR REPLACE VIEW unlimited AS"
                   " SELECT id, tenant_id, off() AS s FROM invoices"]
        w = self.slow(statement_timeout_ms=1500, pool={"max_connections": 1})
        for statement in [*off, self.on.grant("SELECT", "unlimited")]:
            w.sql(statement)
        value = json.load(open(w.config))
        value["capabilities"].append(one_read(self.engine, "unlimited", columns=("id", "s"), name="shop.unlimited"))
        w.write_config(value)
        with w.client() as mcp:
            answer = mcp.envelope("shop.unlimited", key="INV-3001")
            self.assertTrue(answer["ok"], open(mcp.process.log_path).read())
            started = time.monotonic()
            self.send(mcp, "a", "shop.slow", key="INV-3001")
            wait_for(lambda: self.on.running() == 1, what="the slow statement")
            self.assertEqual(self.answer(mcp)[1]["error"]["code"], "TEMPORARILY_UNAVAILABLE")
            self.assertGreater(time.monotonic() - started, 2)
            with open(mcp.process.log_path) as log:
                self.assertIn("source_timeout", log.read(), "ours ended it")
            wait_for(lambda: self.on.running() == 0, 3, "the statement to end on the server")
            self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])

    def test_source_that_hangs_delays_nobody_else(self):
        with socket.socket() as blackhole:
            blackhole.bind(("127.0.0.1", 0))
            blackhole.listen(64)
            value = contract(self.engine)
            value["sources"]["dead"] = dict(value["sources"]["shop"], read_url_env="DEAD_READ_URL",
                                            write_url_env="DEAD_WRITE_URL")
            value["capabilities"] = [one_read(self.engine, name="shop.fast"),
                                     dict(one_read(self.engine, name="dead.read"), source="dead")]
            w = Workspace(self.engine, config=value, server=self.server)
            self.addCleanup(w.close)
            url = self.server.url("shop", "reader").replace(":%d/" % self.server.port,
                                                            ":%d/" % blackhole.getsockname()[1])
            with w.client(env={"DEAD_READ_URL": url}) as mcp:
                self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])
                for i in range(20):
                    self.send(mcp, "dead-%d" % i, "dead.read", key="INV-3001")
                started = time.monotonic()
                for i in range(50):
                    self.send(mcp, "fast-%d" % i, "shop.fast", key="INV-3001")
                seen = [self.answer(mcp) for _ in range(50)]
                self.assertLess(time.monotonic() - started, 2)
                self.assertTrue(all(name.startswith("fast") and answer["ok"] for name, answer in seen))
                dead = [self.answer(mcp)[1]["error"]["code"] for _ in range(20)]
                self.assertEqual(set(dead), {"TEMPORARILY_UNAVAILABLE"})

    def test_stopped_server_delays_no_sqlite_source(self):
        value = contract(self.engine)
        value["sources"]["lite"] = {"engine": "sqlite", "read_url_env": "LITE_READ_URL"}
        value["capabilities"] = [one_read(self.engine, name="shop.fast"),
                                 dict(one_read("sqlite", name="lite.read"), source="lite")]
        w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(w.close)
        Workspace.make_source(type("Lite", (), {"server": None, "source": w.source})())
        pid = (int(open(os.path.join(self.server.data, "postmaster.pid")).readline()) if self.engine == "postgres"
               else self.server.process.pid)
        with w.client(env={"LITE_READ_URL": "sqlite://" + w.source}) as mcp:
            self.assertTrue(mcp.envelope("shop.fast", key="INV-3001")["ok"])
            backends = [] if self.engine == "mysql" else [int(r[0]) for r in self.server.sql(
                "shop", "SELECT pid FROM pg_stat_activity WHERE usename = 'reader'")]
            for p in (pid, *backends):
                os.kill(p, signal.SIGSTOP)
            try:
                self.send(mcp, "slow", "shop.fast", key="INV-3001")
                started = time.monotonic()
                quick = mcp_call(self, mcp, "lite.read")
                self.assertTrue(quick["ok"], open(mcp.process.log_path).read())
                self.assertLess(time.monotonic() - started, 1)
                self.assertEqual(self.answer(mcp)[1]["error"]["code"], "TEMPORARILY_UNAVAILABLE")
            finally:
                for p in (pid, *backends):
                    os.kill(p, signal.SIGCONT)
            wait_for(lambda: mcp.envelope("shop.fast", key="INV-3001")["ok"], 15, "the source to answer again")


def mcp_call(test, mcp, name):
    test.send(mcp, "quick", name, key="INV-3001")
    identifier, answer = test.answer(mcp)
    test.assertEqual(identifier, "quick", "it came before the answer that hangs")
    return answer


class Probe(OnServer):
    """Each fault refuses, is recorded, and is found mended."""

    def check(self, w, code):
        result = subprocess.run([os.path.join(BIN, "countersign"), "source", "doctor", "--config", w.config],
                                capture_output=True, text=True, cwd=w.path, env=w.env, timeout=60, check=False)
        found = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(result.returncode, 1 if any(not f["ok"] for f in found) or not found else 0, result.stderr)
        self.assertIn(code, [f.get(CODE) for f in found], (found, result.stderr))
        return found

    def refused(self, w, code, mend, again=True):
        """Read: refused with this code; after `mend` it is served again."""
        with w.client() as mcp:
            answer = mcp.envelope("shop.read", key="INV-3001")
            self.assertFalse(answer["ok"], code)
            self.assertEqual(answer["error"]["code"], "INTERNAL", answer)
            with open(mcp.process.log_path) as log:
                text = log.read()
            self.assertIn("code=%s" % code, text)
            self.assertIn("remedy=", text)
            self.check(w, code)
            for statement in mend:
                w.sql(statement)
            if again:
                wait_for(lambda: mcp.envelope("shop.read", key="INV-3001")["ok"], 10, "the source to be served again")
        self.assertEqual(self.refusals(w)[0], "SOURCE_REFUSED")

    def reading(self, *statements, **changes):
        source = changes.pop("source", {})
        return self.workspace(*statements, capabilities=[one_read(self.engine, **changes)],
                              probe_interval_s=1, **source)

    def test_role_that_can_write_is_refused(self):
        for right in ("INSERT", "UPDATE", "DELETE", "UPDATE (status)"):
            with self.subTest(right=right):
                w = self.reading(self.on.grant(right, "invoices"))
                self.refused(w, "READER_CAN_WRITE", [self.on.revoke(right, "invoices")])

    def test_role_that_can_write_is_served_when_accepted_and_it_shows(self):
        w = self.reading(self.on.grant("INSERT", "invoices"), source={"reader_can_write": "accept"})
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.read", key="INV-3001")["ok"])
            with open(mcp.process.log_path) as log:
                self.assertIn("source_accepted", log.read())
        w.sql(self.on.revoke("INSERT", "invoices"))

    def test_accepting_a_writing_role_accepts_nothing_else(self):
        w = self.reading(key="status", source={"reader_can_write": "accept"})
        self.refused(w, "KEY_NOT_UNIQUE", [], again=False)

    def test_right_that_is_granted_later_is_found(self):
        w = self.reading()
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.read", key="INV-3001")["ok"])
            w.sql(self.on.grant("DELETE", "invoices"))
            wait_for(lambda: not mcp.envelope("shop.read", key="INV-3001")["ok"], 10, "the probe to find it")
            w.sql(self.on.revoke("DELETE", "invoices"))
            wait_for(lambda: mcp.envelope("shop.read", key="INV-3001")["ok"], 10, "the probe to find it mended")

    def test_key_column_that_gets_another_type_is_read_again(self):
        w = self.workspace(capabilities=[one_read(self.engine)], probe_interval_s=3600)
        kind = ("ALTER TABLE invoices ALTER id TYPE fancy USING id::fancy" if self.engine == "postgres"
                else "ALTER TABLE invoices MODIFY id ENUM('INV-3001', 'INV-3002', 'INV-9001')")
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.read", key="INV-3001")["ok"])
            if self.engine == "postgres":
                w.sql("CREATE TYPE fancy AS ENUM ('INV-3001', 'INV-3002', 'INV-9001')")
                self.addCleanup(w.server.sql, "shop", "DROP TABLE invoices", "DROP TYPE fancy")
            w.sql(kind)
            wait_for(lambda: mcp.envelope("shop.read", key="INV-3001")["ok"], 10, "the read to be prepared again")

    def test_table_that_is_missing_is_refused(self):
        w = self.reading(table="other")
        self.refused(w, "TABLE_MISSING", [
            "CREATE TABLE other AS SELECT * FROM invoices", "ALTER TABLE other ADD PRIMARY KEY (id)",
            self.on.grant("SELECT", "other")])
        w.sql("DROP TABLE other")

    def test_column_that_is_missing_is_refused(self):
        w = self.reading(columns=("id", "colour"))
        self.refused(w, "COLUMN_MISSING", ["ALTER TABLE invoices ADD COLUMN colour varchar(9)"])

    def test_tenant_column_that_is_missing_is_refused(self):
        w = self.reading(tenant="customer")
        self.refused(w, "COLUMN_MISSING", [], again=False)

    def test_key_that_is_not_unique_is_refused(self):
        w = self.reading("CREATE TABLE loose AS SELECT * FROM invoices", self.on.grant("SELECT", "loose"),
                         "CREATE INDEX plain ON loose (id)" + (" " if self.engine == "postgres" else ""),
                         "CREATE UNIQUE INDEX other ON loose (id, status)" if self.engine == "postgres" else
                         "CREATE UNIQUE INDEX other ON loose (id, status(9))", table="loose")
        self.addCleanup(w.sql, "DROP TABLE IF EXISTS loose")
        self.refused(w, "KEY_NOT_UNIQUE", ["CREATE UNIQUE INDEX good ON loose (tenant_id, id)"])

    def test_key_without_a_usable_type_is_refused(self):
        kind = "bytea" if self.engine == "postgres" else "varbinary(9)"
        w = self.reading("CREATE TABLE odd (id %s PRIMARY KEY, tenant_id varchar(9))" % kind,
                         self.on.grant("SELECT", "odd"), table="odd")
        self.refused(w, "COLUMN_TYPE_UNUSABLE", [], again=False)
        w.sql("DROP TABLE odd")

    def test_healthy_source_passes_the_doctor(self):
        w = self.reading()
        found = self.check(w, None)
        self.assertTrue(all(f["ok"] for f in found), found)
        self.assertEqual({f["check"] for f in found}, {"role", "table"})

    def test_doctor_says_that_a_database_is_away(self):
        w = self.reading()
        w.env["SHOP_READ_URL"] = self.server.url("shop", "reader").replace(":%d/" % self.server.port, ":1/")
        self.check(w, "DATABASE_UNAVAILABLE")


class PoolOnPostgres(Pool):
    engine = "postgres"


class PoolOnMariadb(Pool):
    engine = "mysql"


class ProbeOnMariadb(Probe):
    engine = "mysql"

    def test_global_rights_are_refused(self):
        for right in ("FILE", "SUPER", "CREATE USER"):
            with self.subTest(right=right):
                w = self.reading("GRANT %s ON *.* TO reader@'%%'" % right)
                self.refused(w, "READER_CAN_WRITE", [], again=False)
                w.sql("REVOKE %s ON *.* FROM reader@'%%'" % right)

    def test_right_to_grant_is_refused(self):
        w = self.reading("GRANT SELECT ON shop.invoices TO reader@'%' WITH GRANT OPTION")
        self.refused(w, "READER_CAN_WRITE", ["REVOKE GRANT OPTION ON shop.invoices FROM reader@'%'"])

    def test_rights_of_a_role_count(self):
        w = self.reading("CREATE ROLE IF NOT EXISTS clerk", "GRANT INSERT ON shop.invoices TO clerk",
                         "GRANT clerk TO reader@'%'", "SET DEFAULT ROLE clerk FOR reader@'%'")
        self.refused(w, "READER_CAN_WRITE", [], again=False)
        w.sql("DROP ROLE clerk")


class ProbeOnPostgres(Probe):
    engine = "postgres"

    def test_other_ways_to_write_are_refused(self):
        for give, take, code in (
                ("GRANT CREATE ON SCHEMA public TO reader", "REVOKE CREATE ON SCHEMA public FROM reader",
                 "READER_CAN_WRITE"),
                ("GRANT CREATE ON DATABASE shop TO reader", "REVOKE CREATE ON DATABASE shop FROM reader",
                 "READER_CAN_WRITE"),
                ("GRANT TRUNCATE ON invoices TO reader", "REVOKE TRUNCATE ON invoices FROM reader",
                 "READER_CAN_WRITE"),
                ("ALTER ROLE reader CREATEROLE", "ALTER ROLE reader NOCREATEROLE", "READER_CAN_WRITE"),
                ("GRANT pg_write_all_data TO reader", "REVOKE pg_write_all_data FROM reader", "READER_CAN_WRITE"),
                ("GRANT writer TO reader; ALTER ROLE reader NOINHERIT",
                 "REVOKE writer FROM reader; ALTER ROLE reader INHERIT", "READER_CAN_WRITE"),
                ("ALTER ROLE reader SUPERUSER", "ALTER ROLE reader NOSUPERUSER", "ROLE_IS_SUPERUSER")):
            with self.subTest(give=give):
                w = self.reading(give)
                self.refused(w, code, [take], again=code != "ROLE_IS_SUPERUSER")

    def test_partial_and_invalid_indexes_prove_nothing(self):
        w = self.reading("CREATE TABLE loose AS SELECT * FROM invoices", self.on.grant("SELECT", "loose"),
                         "CREATE UNIQUE INDEX partial ON loose (id) WHERE status = 'open'",
                         "CREATE UNIQUE INDEX expression ON loose (lower(id))", "INSERT INTO loose SELECT * FROM loose"
                         " WHERE false", table="loose")
        self.addCleanup(w.sql, "DROP TABLE IF EXISTS loose")
        self.refused(w, "KEY_NOT_UNIQUE", ["CREATE UNIQUE INDEX good ON loose (id)"])

    def test_column_without_the_right_to_read_it_is_refused(self):
        w = self.reading("REVOKE SELECT ON invoices FROM reader", "GRANT SELECT (id) ON invoices TO reader")
        self.refused(w, "TABLE_NOT_READABLE", ["GRANT SELECT (tenant_id) ON invoices TO reader"])


class ProbeOnSqlite(unittest.TestCase):
    def refused(self, capability, code, statement=None):
        w = Workspace("sqlite", config=contract("sqlite", capabilities=[capability]))
        self.addCleanup(w.close)
        if statement:
            w.sql(statement)
        with w.client() as mcp:
            self.assertEqual(mcp.envelope("shop.read", key="INV-3001")["error"]["code"], "INTERNAL")
            with open(mcp.process.log_path) as log:
                self.assertIn("code=" + code, log.read())

    def test_table_column_and_key_are_checked(self):
        self.refused(one_read("sqlite", table="other"), "TABLE_MISSING")
        self.refused(one_read("sqlite", columns=("id", "colour")), "COLUMN_MISSING")
        self.refused(one_read("sqlite", key="status"), "KEY_NOT_UNIQUE",
                     "CREATE UNIQUE INDEX part ON invoices (status) WHERE status = 'never'")

    def test_unique_index_with_the_tenant_is_enough(self):
        w = Workspace("sqlite", config=contract("sqlite", capabilities=[one_read("sqlite", table="t")]))
        self.addCleanup(w.close)
        w.sql("CREATE TABLE t (id TEXT, tenant_id TEXT, UNIQUE (tenant_id, id))")
        w.sql("INSERT INTO t VALUES ('INV-3001', 'acme')")
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.read", key="INV-3001")["ok"])


class Scope(OnServer):
    """Row security as a second lock: the settings of the transaction, and what has to hold before they are trusted."""
    engine = "postgres"
    scope = {"tenant": "app.tenant_id", "principal": "app.principal"}
    good = ("CREATE POLICY scoped ON invoices USING (tenant_id = current_setting('app.tenant_id', true)"
            " AND current_setting('app.principal', true) = 'support_agent_17')")
    secure = ("ALTER TABLE invoices ENABLE ROW LEVEL SECURITY", "ALTER TABLE invoices FORCE ROW LEVEL SECURITY")

    def scoped(self, *statements, secure=secure, policy=good, **changes):
        value = contract("postgres")
        value["sources"]["shop"].update(database_scope=self.scope, probe_interval_s=1)
        value.update(changes)
        w = Workspace("postgres", config=value, server=self.server)
        self.addCleanup(w.close)
        for statement in [*secure, *([policy] if policy else []), *statements]:
            w.sql(statement)
        return w

    def refused(self, w, code, *mend):
        with w.client() as mcp:
            self.assertEqual(mcp.read("INV-3001")["error"]["code"], "INTERNAL")
            with open(mcp.process.log_path) as log:
                self.assertIn("code=" + code, log.read())
            for statement in mend:
                w.sql(statement)
            if mend:
                wait_for(lambda: mcp.read("INV-3001")["ok"], 10, "the source to be served again")

    def test_settings_are_there_for_the_statement_and_gone_after_it(self):
        w = self.scoped("DROP VIEW IF EXISTS seen")
        with w.client() as mcp:
            for _ in range(3):
                self.assertTrue(mcp.read("INV-3001")["ok"])
                self.assertEqual(mcp.read("INV-9001")["error"]["code"], "NOT_FOUND_IN_TENANT")
        self.assertEqual(self.refusals(w), ["ROW_NOT_FOUND"] * 3)

    def test_rows_are_hidden_by_the_database_not_only_by_us(self):
        """The reviewed query binds no tenant here: only the policy can hide the row."""
        capability = one_read("postgres", tenant=None)
        w = self.scoped(capabilities=[capability])
        with w.client() as mcp:
            self.assertTrue(mcp.envelope("shop.read", key="INV-3001")["ok"])
            self.assertEqual(mcp.envelope("shop.read", key="INV-9001")["error"]["code"], "NOT_FOUND_IN_TENANT")

    def test_failed_statement_leaves_a_usable_session(self):
        """An error inside of the transaction: its COMMIT still ends it, on the same connection."""
        w = self.scoped("ALTER TABLE invoices ADD COLUMN number int UNIQUE", "UPDATE invoices SET number = 7"
                        " WHERE id = 'INV-3001'",
                        capabilities=[one_read("postgres", key="number", columns=("id", "number"))])
        with w.client() as mcp:
            sessions = set()
            for _ in range(3):
                self.assertEqual(mcp.envelope("shop.read", key="x")["error"]["code"], "NOT_FOUND_IN_TENANT")
                self.assertTrue(mcp.envelope("shop.read", key="7")["ok"])
                sessions |= {r[0] for r in self.server.sql(
                    "shop", "SELECT pid FROM pg_stat_activity WHERE usename = 'reader' AND state = 'idle'")}
            self.assertEqual(len(sessions), 1)

    def test_a_read_with_scope_is_one_round_trip(self):
        w = self.scoped()
        with w.client() as mcp:
            mcp.read("INV-3001")
            mcp.read("INV-3001")
            pid = child_of(mcp.process.pid, "mcpd")
            trace = subprocess.Popen(["strace", "-f", "-e", "trace=recvfrom,sendto", "-p", str(pid)],
                                     stderr=subprocess.PIPE, text=True) if shutil.which("strace") else None
            if trace is None:
                self.skipTest("strace is not installed")
            trace.stderr.readline()
            mcp.read("INV-3002")
            trace.send_signal(signal.SIGINT)
            lines = trace.communicate()[1].splitlines()
            # The session is the descriptor on which the transaction begins; an answer is what it receives.
            session = next(re.search(r"sendto\((\d+),", line).group(1) for line in lines if "cs_begin" in line)
            steps = [re.search(r"(sendto|recvfrom)", line).group(1) for line in lines
                     if re.search(r"(sendto|recvfrom)\(%s," % session, line) and "EAGAIN" not in line]
            sent = steps.index("recvfrom")
            self.assertEqual(set(steps[:sent]), {"sendto"}, lines)
            self.assertNotIn("sendto", steps[sent:], lines)
            self.assertTrue(any("cs_end" in line for line in lines), lines)

    def test_empty_principal_is_refused(self):
        w = self.scoped(trusted_context={"provider": "environment", "values": {
            "tenant_id_env": "T", "principal_env": "P"}})
        with w.client(env={"T": "acme", "P": ""}) as mcp:
            self.assertFalse(mcp.read("INV-3001")["ok"])

    def test_what_is_attested(self):
        allow = "CREATE POLICY open ON invoices USING (true OR %s)" % self.good.split("USING ")[1]
        for kwargs, code, mend in (
                ({"secure": ()}, "POSTGRES_RLS_DISABLED", self.secure),
                ({"secure": self.secure[:1]}, "POSTGRES_RLS_FORCE_DISABLED", self.secure[1:]),
                ({"policy": None}, "POSTGRES_RLS_SELECT_PERMISSIVE_POLICY_MISSING", [self.good]),
                ({"policy": "CREATE POLICY half ON invoices USING (tenant_id = current_setting('app.tenant_id', true))"},
                 "POSTGRES_RLS_SETTING_MISSING", ["DROP POLICY half ON invoices", self.good]),
                ({"policy": allow}, "POSTGRES_RLS_CANARY_FAILED", ["DROP POLICY open ON invoices", self.good]),
                ({"policy": allow}, "POSTGRES_RLS_POLICY_NOT_RESTRICTIVE",
                 [self.good.replace("scoped ON invoices", "lock ON invoices AS RESTRICTIVE")])):
            with self.subTest(code=code):
                self.refused(self.scoped(**kwargs), code, *mend)

    def test_role_for_which_row_security_does_not_hold_is_refused(self):
        w = self.scoped("ALTER ROLE reader BYPASSRLS")
        self.refused(w, "POSTGRES_RLS_ROLE_EXEMPT", "ALTER ROLE reader NOBYPASSRLS")

    def test_setting_that_outlives_its_transaction_is_refused(self):
        w = self.scoped("ALTER ROLE reader SET app.tenant_id = 'acme'")
        self.addCleanup(self.server.sql, "shop", "ALTER ROLE reader RESET ALL")
        self.refused(w, "POSTGRES_RLS_SETTING_STAYS")

    def test_writer_sets_the_same_settings(self):
        w = self.scoped()
        identifier = w.approved()
        self.assertEqual(w.json("apply", identifier)["status"], "applied")
        self.assertEqual(w.row("INV-3001")[0], 0)

    def test_writer_of_another_scope_finds_no_row(self):
        """The policy wants another principal than the one who proposed."""
        w = self.scoped()
        identifier = w.approved()
        w.sql("DROP POLICY scoped ON invoices")
        w.sql(self.good.replace("support_agent_17", "somebody_else"))
        receipt = w.json("apply", identifier)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("conflict", "ROW_NOT_FOUND"))
        w.sql("ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY")
        self.assertEqual(w.row("INV-3001")[0], 5500)


# Only the classes for an engine run.
del OnServer, Pool, Probe


if __name__ == "__main__":
    unittest.main()
