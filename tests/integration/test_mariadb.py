"""What is particular to MySQL and MariaDB: values, weak typing, quoting modes, implicit commits, TLS."""
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import ACCOUNTS, PASSWORD, Mariadb  # noqa: E402
from postgres import wait_for  # noqa: E402
from workspace import Workspace, contract  # noqa: E402

TYPES = [  # declaration, literal, what a reader gets
    ("tinyint", "-5", -5), ("boolean", "true", 1), ("smallint", "7", 7), ("mediumint", "8", 8), ("year", "2026", 2026),
    ("int unsigned", "4294967295", 4294967295), ("bigint", "9007199254740993", 9007199254740993),
    ("bigint unsigned", "18446744073709551615", "18446744073709551615"), ("bigint unsigned", "5", 5),
    ("decimal(30,2)", "1234567890123456789012345678.50", "1234567890123456789012345678.50"),
    ("float", "0.1", 0.1), ("double", "0.1", 0.1), ("double", "1e21", 1e21),
    ("date", "'2026-06-20'", "2026-06-20"), ("time(6)", "'-34:00:01.5'", "-34:00:01.500000"),
    ("datetime", "'2026-06-20 14:31:08'", "2026-06-20T14:31:08"),
    ("datetime(6)", "'2026-06-20 14:31:08.12'", "2026-06-20T14:31:08.120000"),
    ("timestamp(6) null", "'2026-06-20 14:31:08.000001'", "2026-06-20T14:31:08.000001Z"),
    ("char(5)", "'ab'", "ab"), ("varchar(20)", "'caf\u00e9 \U0001f600'", "caf\u00e9 \U0001f600"), ("longtext", "''", ""),
    ("enum('a','b')", "'b'", "b"), ("set('a','b')", "'a,b'", "a,b"), ("json", "'{\"a\": 1}'", '{"a": 1}'),
    ("varchar(9) character set latin1", "'\u00e9'", "\u00e9"),
    ("blob", "x'00ff'", "\\x00ff"), ("binary(3)", "'ab'", "\\x616200"), ("bit(9)", "b'100000001'", "\\x0101"),
    ("varchar(5)", "NULL", None),
]


def reading(table, key, columns, argument="string"):
    """A contract with one capability that reads these columns by this key."""
    value = contract("mysql")
    value["capabilities"] = [{
        "name": "shop.read", "kind": "read", "source": "shop",
        "target": {"schema": "shop", "table": table, "primary_key": key, "tenant_key": "tenant_id"},
        "args": {"key": {"type": argument}}, "lookup": {"id_from_arg": "key"}, "visible_columns": columns}]
    return value


class OnMariadb(unittest.TestCase):
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Mariadb(cls.settings)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def workspace(self, *statements, config=None):
        w = Workspace("mysql", config=config, server=self.server)
        self.addCleanup(w.close)
        for statement in statements:
            w.sql(statement)
        return w

    def receipts(self, w):
        return w.sql("SELECT status FROM synapsor_writeback_receipts")


class Values(OnMariadb):
    def test_every_type_reads_as_documented(self):
        columns = ["c%02d" % i for i in range(len(TYPES))]
        w = self.workspace(
            "CREATE TABLE t (id int PRIMARY KEY, tenant_id varchar(9), %s)" % ", ".join(
                "%s %s" % (c, t[0]) for c, t in zip(columns, TYPES)),
            "INSERT INTO t VALUES (1, 'acme', %s)" % ", ".join(t[1] for t in TYPES),
            "GRANT SELECT ON shop.t TO reader@'%'", config=reading("t", "id", columns))
        with w.client() as mcp:
            data = mcp.envelope("shop.read", key="1")["data"]
        for column, (declaration, literal, wanted) in zip(columns, TYPES):
            with self.subTest(declaration=declaration, literal=literal):
                self.assertEqual(data[column], wanted)

    def test_text_that_json_cannot_hold_is_refused(self):
        w = self.workspace("CREATE TABLE t (id int PRIMARY KEY, tenant_id varchar(9), v text)",
                           "INSERT INTO t VALUES (1, 'acme', concat('a', char(0), 'b'))",
                           "GRANT SELECT ON shop.t TO reader@'%'", config=reading("t", "id", ["id", "v"]))
        with w.client() as mcp:
            self.assertFalse(mcp.envelope("shop.read", key="1")["ok"])
        refusals = [e["payload"]["code"] for e in w.json("events", "tail")["events"] if e["kind"] == "call_refused"]
        self.assertEqual(refusals, ["VALUE_UNSUPPORTED"])


class Keys(OnMariadb):
    def keys(self, declaration, present, asked, argument="string"):
        """Which of the asked keys find a row, as the keys of those rows."""
        w = self.workspace(
            "CREATE TABLE t (k %s PRIMARY KEY, tenant_id varchar(9))" % declaration,
            *("INSERT INTO t VALUES (%s, 'acme')" % value for value in present),
            "GRANT SELECT ON shop.t TO reader@'%'", config=reading("t", "k", ["k"], argument))
        with w.client() as mcp:
            answers = [mcp.envelope("shop.read", key=key) for key in asked]
        return [a["data"]["k"] if a["ok"] else None for a in answers]

    def test_a_number_never_equals_text_that_does_not_spell_it(self):
        self.assertEqual(self.keys("varchar(9)", ["'abc'", "'x1'"], [0, 1], "number"), [None, None])

    def test_text_never_equals_a_number_that_it_begins_with(self):
        self.assertEqual(self.keys("int", ["5"], ["5abc", "05", " 5", "5.0", "5"]), [None, None, None, None, 5])

    def test_a_collation_does_not_find_another_row(self):
        self.assertEqual(self.keys("varchar(9)", ["'ABC'"], ["abc", "ABC ", "ABC"]), [None, None, "ABC"])

    def test_large_integers_are_told_apart(self):
        large = [9007199254740992, 9007199254740993]
        self.assertEqual(self.keys("bigint", map(str, large), map(str, large)), large)

    def test_a_key_that_is_not_unique_is_refused(self):
        """Of a view nobody can say before the read."""
        w = self.workspace("CREATE VIEW v AS SELECT 5 AS k, 'acme' AS tenant_id UNION ALL SELECT 5, 'acme'",
                           "GRANT SELECT ON shop.v TO reader@'%'", config=reading("v", "k", ["k"]))
        with w.client() as mcp:
            self.assertEqual(mcp.envelope("shop.read", key="5")["error"]["code"], "MULTI_ROW_BLOCKED")

    def test_keys_that_the_column_cannot_hold_do_not_exist(self):
        self.assertEqual(self.keys("date", ["'2026-06-20'"], ["never", "2026-06-20"]), [None, "2026-06-20"])


class Writes(OnMariadb):
    def applied(self, w, identifier, status, code=None, check=0):
        receipt = w.json("apply", identifier, check=check)
        self.assertEqual((receipt["status"], receipt.get("safe_error_code")), (status, code))

    def test_key_that_became_ambiguous_leaves_nothing_behind(self):
        w = self.workspace()
        identifier = w.approved()
        w.sql("ALTER TABLE invoices DROP PRIMARY KEY")
        w.sql("INSERT INTO invoices SELECT * FROM invoices WHERE id = 'INV-3001'")
        self.applied(w, identifier, "failed", "MULTI_ROW_WRITE_BLOCKED", check=1)
        self.assertEqual(w.sql("SELECT DISTINCT late_fee_cents FROM invoices WHERE id = 'INV-3001'"), [("5500",)])
        self.assertEqual(self.receipts(w), [])

    def test_ddl_of_the_receipt_table_is_not_part_of_the_transaction(self):
        w = self.workspace("CREATE TRIGGER keep BEFORE UPDATE ON invoices FOR EACH ROW SET NEW.late_fee_cents = 1")
        identifier = w.approved()
        self.applied(w, identifier, "failed", "POST_IMAGE_MISMATCH", check=1)
        self.assertEqual(self.receipts(w), [])
        self.assertEqual(w.row("INV-3001")[0], 5500)
        w.sql("DROP TRIGGER keep")

    def test_table_that_cannot_roll_back_is_refused(self):
        w = self.workspace("ALTER TABLE invoices ENGINE = MyISAM")
        identifier = w.approved()
        self.applied(w, identifier, "failed", "ENGINE_NOT_TRANSACTIONAL", check=1)
        self.assertEqual(w.row("INV-3001")[0], 5500)
        w.sql("ALTER TABLE invoices ENGINE = InnoDB")
        self.applied(w, identifier, "applied")

    def test_receipt_table_that_cannot_roll_back_is_refused(self):
        w = self.workspace("CREATE TABLE synapsor_writeback_receipts (idempotency_key varchar(190) PRIMARY KEY,"
                           " job_id varchar(190) UNIQUE, proposal_id varchar(512), status varchar(64),"
                           " result_hash varchar(128), completed_at timestamp NULL) ENGINE=MyISAM")
        self.applied(w, w.approved(), "failed", "ENGINE_NOT_TRANSACTIONAL", check=1)
        self.assertEqual(w.row("INV-3001")[0], 5500)

    def test_existing_receipt_table_needs_no_right_to_create(self):
        w = self.workspace()
        self.applied(w, w.approved(), "applied")
        w.sql("REVOKE CREATE ON shop.synapsor_writeback_receipts FROM writer@'%'")
        self.applied(w, w.approved("INV-3002"), "applied")

    def test_absent_receipt_table_without_the_right_says_so(self):
        w = self.workspace("REVOKE CREATE ON shop.synapsor_writeback_receipts FROM writer@'%'")
        self.applied(w, w.approved(), "failed", "RECEIPT_TABLE_MISSING", check=1)

    def test_change_that_changes_nothing_is_one_row(self):
        w = self.workspace("UPDATE invoices SET late_fee_cents = 0, waiver_reason = 'same' WHERE id = 'INV-3001'")
        self.applied(w, w.approved(reason="same"), "applied")

    def test_row_that_is_locked_fails_for_a_passing_reason(self):
        w = self.workspace()
        identifier = w.approved()
        holder = subprocess.Popen(
            ["mariadb", "--no-defaults", "--protocol=socket", "--socket=" + self.server.socket, "--user=root", "-n",
             "--batch", "--skip-column-names", "shop"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holder.stdin.write("BEGIN; SELECT id FROM invoices WHERE id = 'INV-3001' FOR UPDATE;\n")
        holder.stdin.flush()
        holder.stdout.readline()
        try:
            self.applied(w, identifier, "failed", "TRANSACTION_FAILED", check=1)
        finally:
            holder.communicate()
        self.applied(w, identifier, "applied")

    def test_server_that_went_away_is_found_again(self):
        w = self.workspace()
        with w.client() as mcp:
            self.assertTrue(mcp.read("INV-3001")["ok"])
            self.server.stop()
            self.assertEqual(mcp.read("INV-3001")["error"]["code"], "TEMPORARILY_UNAVAILABLE")
            self.server.start()
            wait_for(lambda: mcp.read("INV-3001")["ok"], what="a new connection")


class Hanging(OnMariadb):
    """A server that accepts and says nothing more."""

    def test_reads_end_in_time_and_the_next_connection_works(self):
        w = self.workspace()
        mcp = w.serve()
        mcp.initialize()
        self.assertTrue(mcp.read("INV-3001")["ok"])
        for _ in range(2):  # in a statement, then while logging in
            self.server.process.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            self.assertEqual(mcp.read("INV-3001")["error"]["code"], "TEMPORARILY_UNAVAILABLE")
            self.assertLess(time.monotonic() - started, 8)
        self.server.process.send_signal(signal.SIGCONT)
        wait_for(lambda: mcp.read("INV-3001")["ok"], what="a new connection")
        self.assertEqual(mcp.close(), 0)
        with open(mcp.process.log_path) as log:
            self.assertNotIn("Sanitizer", log.read())


class Login(OnMariadb):
    """The driver loads what it needs for a login when the sandbox is closed already."""

    def test_plugin_of_the_driver_is_loaded_inside_the_sandbox(self):
        w = self.workspace("INSTALL SONAME 'auth_ed25519'", *(
            "ALTER USER %s@'%%' IDENTIFIED VIA ed25519 USING PASSWORD('%s')" % (name, PASSWORD) for name in ACCOUNTS))
        self.assertEqual(w.json("apply", w.approved())["status"], "applied")

    def test_server_does_not_get_the_password_itself(self):
        w = self.workspace("INSTALL SONAME 'auth_pam'", "CREATE USER IF NOT EXISTS clear@'%' IDENTIFIED VIA pam")
        with w.client(env={"SHOP_READ_URL": self.server.url("shop", "clear")}) as mcp:
            self.assertEqual(mcp.read("INV-3001")["error"]["code"], "TEMPORARILY_UNAVAILABLE")


class Quoting(OnMariadb):
    """The server's own modes change how text would be quoted; nothing of ours is."""
    settings = ("sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES",)

    def test_hostile_value_is_a_value(self):
        w = self.workspace()
        for reason in ("x', late_fee_cents=-777 -- ", 'x\\", status="paid" -- ', "\\'; DROP TABLE invoices; -- "):
            with self.subTest(reason=reason):
                identifier = w.approved(reason=reason, fee=10)
                self.assertEqual(w.json("apply", identifier)["status"], "applied")
                self.assertEqual(w.row("INV-3001")[:2], (10, reason))
        self.assertEqual(w.sql("SELECT status FROM invoices WHERE id = 'INV-3001'"), [("open",)])


if __name__ == "__main__":
    unittest.main()
