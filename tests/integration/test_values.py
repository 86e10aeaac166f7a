"""Values are read exactly, under servers whose settings would change them, and hostile ones change nothing
(docs/values.md, engine.md §8.2)."""
import contextlib
import hashlib
import json
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres  # noqa: E402
from workspace import ROOT, Workspace, contract  # noqa: E402

SCHEMA = {"sqlite": "main", "postgres": "public", "mysql": "shop"}

# Declaration, literal, what is read.
POSTGRES = [
    ("boolean", "true", True), ("smallint", "-32768", -32768), ("integer", "2147483647", 2147483647),
    ("oid", "4294967295", 4294967295), ("real", "12.5", 12.5), ("double precision", "0.1", 0.1),
    ("double precision", "1e300", 1e300), ("double precision", "'NaN'", "NaN"),
    ("double precision", "'-Infinity'", "-Infinity"), ("bigint", "9007199254740993", "9007199254740993"),
    ("bigint", "-9223372036854775808", "-9223372036854775808"), ("numeric(30, 2)", "12.5", "12.50"),
    ("numeric", "12345678901234567890.0123456789", "12345678901234567890.0123456789"), ("numeric", "'NaN'", "NaN"),
    ("decimal(5, 2)", "0", "0.00"),
    ("timestamptz", "'2026-06-20 14:31:08.12+02'", "2026-06-20T12:31:08.120000Z"),
    ("timestamptz", "'2026-06-20 14:31:08.123456Z'", "2026-06-20T14:31:08.123456Z"),
    ("timestamptz", "'2026-03-29 01:30:00Z'", "2026-03-29T01:30:00Z"), ("timestamptz", "'infinity'", "infinity"),
    ("timestamp", "'2026-06-20 14:31:08'", "2026-06-20T14:31:08"),
    ("timestamp", "'2026-03-29 02:30:00.000001'", "2026-03-29T02:30:00.000001"),
    ("date", "'2026-06-20'", "2026-06-20"), ("time", "'10:00:00.5'", "10:00:00.5"),
    ("timetz", "'10:00:00+02'", "10:00:00+02"), ("interval", "'1 day 02:00'", "1 day 02:00:00"),
    ("text", "'caf\u00e9 \U0001f600'", "caf\u00e9 \U0001f600"), ("text", "''", ""), ("varchar(9)", "' a '", " a "),
    ("char(5)", "'ab'", "ab   "), ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
                                   "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("mood", "'sad'", "sad"), ("json", "'{\"a\":  1}'", '{"a":  1}'), ("jsonb", "'{\"a\":  1}'", '{"a": 1}'),
    ("int[]", "'{1,2,NULL}'", "{1,2,NULL}"), ("text[]", "ARRAY['a,b', 'c\"d']", '{"a,b","c\\"d"}'),
    ("bytea", "'\\x00ff'", "\\x00ff"), ("inet", "'10.0.0.1/8'", "10.0.0.1/8"), ("bit(3)", "B'101'", "101"),
    ("money", "0", None.__class__), ("text", "NULL", None)]
MARIADB = [
    ("tinyint", "-128", -128), ("boolean", "true", 1), ("smallint unsigned", "65535", 65535),
    ("mediumint", "-8388608", -8388608), ("int unsigned", "4294967295", 4294967295), ("year", "2026", 2026),
    ("bigint", "9007199254740993", 9007199254740993), ("bigint", "-9223372036854775808", -9223372036854775808),
    ("bigint unsigned", "18446744073709551615", "18446744073709551615"), ("decimal(30,2)", "12.5", "12.50"),
    ("float", "0.1", 0.1), ("double", "1e300", 1e300), ("date", "'2026-06-20'", "2026-06-20"),
    ("time(6)", "'-34:00:01.5'", "-34:00:01.500000"), ("datetime", "'2026-06-20 14:31:08'", "2026-06-20T14:31:08"),
    ("datetime(6)", "'2026-06-20 14:31:08.12'", "2026-06-20T14:31:08.120000"),
    ("timestamp(6) null", "'2026-06-20 14:31:08.000001'", "2026-06-20T14:31:08.000001Z"),
    ("char(5)", "'ab'", "ab"), ("varchar(20)", "'caf\u00e9 \U0001f600'", "caf\u00e9 \U0001f600"), ("longtext", "''", ""),
    ("varchar(9) character set latin1", "'\u00e9'", "\u00e9"), ("enum('a','b')", "'b'", "b"),
    ("set('a','b')", "'a,b'", "a,b"), ("json", "'{\"a\": 1}'", '{"a": 1}'), ("uuid",
     "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet6", "'::1'", "::1"),
    ("blob", "x'00ff'", "\\x00ff"), ("varbinary(9)", "'ab'", "\\x6162"), ("binary(3)", "'ab'", "\\x616200"),
    ("bit(9)", "b'100000001'", "\\x0101"), ("varchar(5)", "NULL", None)]
SQLITE = [
    ("INTEGER", "9223372036854775807", 9223372036854775807), ("INTEGER", "-9223372036854775808", -9223372036854775808),
    ("REAL", "12.5", 12.5), ("REAL", "20", 20), ("REAL", "9e999", "Infinity"), ("TEXT", "'h\u00e4'", "h\u00e4"),
    ("TEXT", "5", "5"), ("BLOB", "x'00ff'", "\\x00ff"), ("TEXT", "NULL", None)]

HOSTILE = ["'; DROP TABLE t; --", "\\'; DROP TABLE t; --", "x' OR '1'='1", '" OR ""="', "`; DROP TABLE t; -- ", "$1",
           "?", "%s", "\\", "\\\\", "'", "''", "\u202e", "\t\n", "/* */", "-- ", "\U0001f600", "\ufeff", "NULL",
           "9" * 60, "-0", "1e309", "0x10"]


class Values(unittest.TestCase):
    engine = None
    types = ()

    @classmethod
    def setUpClass(cls):
        cls.server = cls.start()
        if cls.server:
            cls.addClassCleanup(cls.server.close)

    @staticmethod
    def start():
        return None

    def workspace(self, *statements, columns=("id",), key="id", argument="string"):
        value = contract(self.engine)
        value["capabilities"] = [{
            "name": "t.read", "kind": "read", "source": "shop",
            "target": {"schema": SCHEMA[self.engine], "table": "t", "primary_key": key, "tenant_key": "tenant"},
            "args": {"key": {"type": argument}}, "lookup": {"id_from_arg": "key"}, "visible_columns": list(columns)}]
        w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(w.close)
        grant = {"postgres": ["GRANT SELECT ON t TO reader"], "mysql": ["GRANT SELECT ON shop.t TO reader@'%'"],
                 "sqlite": []}[self.engine]
        for statement in ["DROP TABLE IF EXISTS t", *statements, *grant]:
            w.sql(statement)
        return w

    def row_of(self, w, key="1", **options):
        with w.client(**options) as mcp:
            text = mcp.call("t.read", key=key)["content"][0]["text"]
        # Numbers as they are spelled: json would round what is not exact.
        return json.loads(text, parse_float=lambda t: float(t) if repr(float(t)) == t or "e" in t else t)

    def test_every_documented_type_is_read_exactly(self):
        columns = ["c%02d" % i for i in range(len(self.types))]
        w = self.workspace(
            "CREATE TABLE t (id int PRIMARY KEY, tenant varchar(9), %s)" % ", ".join(
                "%s %s" % (c, t[0]) for c, t in zip(columns, self.types)),
            "INSERT INTO t VALUES (1, 'acme', %s)" % ", ".join(t[1] for t in self.types), columns=columns)
        for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
            data = self.row_of(w, env={"TZ": zone})["data"]
            for column, (declaration, literal, wanted) in zip(columns, self.types):
                with self.subTest(zone=zone, declaration=declaration, literal=literal):
                    if wanted is type(None):
                        self.assertIsInstance(data[column], str)
                    else:
                        self.assertEqual((data[column], type(data[column])), (wanted, type(wanted)))

    def test_documented_types_are_in_the_tables_of_this_test(self):
        with open(os.path.join(ROOT, "docs", "values.md")) as file:
            section = file.read().split("\n## ")[{"postgres": 1, "mysql": 2}[self.engine]]
        declared = " ".join(t[0].lower() for t in self.types)
        rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        self.assertGreater(len(rows), 4)
        for row in rows:
            names = [n.split("(")[0] for n in row.lower().replace("`", "").replace(",", " ").split()]
            with self.subTest(row=row):
                self.assertTrue(any(n in declared or n in ("enums", "nan", "infinity") for n in names), row)

    def found(self, declaration, present, asked, argument="string"):
        w = self.workspace(
            "CREATE TABLE t (k %s PRIMARY KEY, tenant varchar(9))" % declaration,
            *("INSERT INTO t VALUES (%s, 'acme')" % value for value in present),
            columns=["k"], key="k", argument=argument)
        with w.client() as mcp:
            return [mcp.envelope("t.read", key=key)["ok"] for key in asked]

    def test_zero_is_not_text(self):
        """engine.md §8.2 no. 15: a number for a text key returned an arbitrary row."""
        self.assertEqual(self.found("varchar(9)", ["'abc'", "'x1'"], [0, 1], "number"), [False, False])

    def test_text_is_not_the_number_that_it_begins_with(self):
        """engine.md §8.2 no. 15."""
        asked = ["5abc", "5", "05", " 5", "5.0", "+5", "5e0", "0x5", "abc", ""]
        self.assertEqual(self.found("integer", ["5", "0"], asked), [False, True] + [False] * 8)

    def test_large_integers_are_told_apart(self):
        """engine.md §8.2 no. 14."""
        self.assertEqual(self.found("bigint", ["9007199254740992", "9007199254740993"],
                                    ["9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994",
                                     "9223372036854775808"]), [False, True, True, False, False])

    def test_case_and_blanks_make_another_key(self):
        self.assertEqual(self.found("varchar(9)", ["'ABC'"], ["abc", "ABC ", "ABC", "\u0041BC"]),
                         [False, False, True, True])

    def test_number_that_is_infinite_is_refused(self):
        """engine.md §8.2 no. 17."""
        w = self.workspace("CREATE TABLE t (id integer PRIMARY KEY, tenant varchar(9))", argument="number")
        with w.client() as mcp:
            mcp.process.stdin.write('{"jsonrpc":"2.0","id":77,"method":"tools/call","params":'
                                    '{"name":"t.read","arguments":{"key":1e999}}}\n')
            mcp.process.stdin.flush()
            reply = json.loads(mcp.process.stdout.readline())
            self.assertTrue("error" in reply or reply["result"]["isError"], reply)

    def digest(self, w):
        if self.engine == "sqlite":
            with open(w.source, "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()
        if self.engine == "postgres":
            return w.sql("SELECT md5(string_agg(x::text, ',' ORDER BY id)) FROM t x")
        return w.sql("CHECKSUM TABLE t")

    def test_hostile_values_come_back_and_hostile_keys_find_nothing(self):
        w = self.workspace("CREATE TABLE t (id varchar(99) PRIMARY KEY, tenant varchar(9), v text)", columns=("id", "v"))
        for i, text in enumerate(HOSTILE):
            w.sql("INSERT INTO t VALUES ('k%d', 'acme', %s)" % (i, self.literal(text)))
        if self.engine == "sqlite":
            w.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        before = self.digest(w)
        with w.client() as mcp:
            for i, text in enumerate(HOSTILE):
                with self.subTest(text=text):
                    self.assertEqual(mcp.envelope("t.read", key="k%d" % i)["data"]["v"], text)
                    self.assertEqual(mcp.envelope("t.read", key=text)["error"]["code"], "NOT_FOUND_IN_TENANT")
            self.assertFalse(mcp.envelope("t.read", key="k" * 100000)["ok"])
            mcp.send({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
                      "params": {"name": "t.read", "arguments": {"key": "k1\0"}}})
            self.assertEqual(json.loads(mcp.process.stdout.readline())["error"]["code"], -32700, "no NUL")
        self.assertEqual(self.digest(w), before)

    def literal(self, text):
        text = text.replace("'", "''")
        return "'%s'" % (text.replace("\\", "\\\\") if self.engine == "mysql" else text)

    def test_large_value_comes_back_or_is_refused_and_the_next_read_works(self):
        self_join = {"postgres": "repeat('x', %d)", "mysql": "repeat('x', %d)",
                     "sqlite": "replace(hex(zeroblob(%d / 2)), '0', 'x')"}[self.engine]
        kind = "longtext" if self.engine == "mysql" else "text"
        w = self.workspace("CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9), v %s)" % kind,
                           *("INSERT INTO t VALUES ('%s', 'acme', %s)" % (n, self_join % size) for n, size in
                             (("small", 200000), ("large", 1 << 20), ("huge", 8 << 20))), columns=("id", "v"))
        with w.client() as mcp:
            # Clients drop long answers: it is cut where everybody sees it, and whole in the evidence.
            read = mcp.envelope("t.read", key="small")
            self.assertRegex(read["data"]["v"], r" \[cut here: \d+ of 200000 bytes shown; the evidence holds all\]$")
            self.assertLess(len(read["data"]["v"]), 40000)
            bundle = w.run("evidence", "show", read["evidence"]["bundle_id"], "--json", check=0).stdout
            self.assertGreater(len(bundle), 200000)
            for name in ("large", "huge"):
                self.assertEqual(mcp.envelope("t.read", key=name)["error"]["code"], "INTERNAL")
            self.assertTrue(mcp.envelope("t.read", key="small")["ok"])
        codes = [e["payload"]["code"] for e in w.json("events", "tail")["events"] if e["kind"] == "call_refused"]
        self.assertTrue(set(codes) <= {"ROW_TOO_LARGE", "VALUE_UNSUPPORTED"}, codes)


class ValuesOnPostgres(Values):
    engine = "postgres"
    types = POSTGRES

    @staticmethod
    def start():
        server = Postgres(["datestyle=SQL,DMY", "timezone=America/New_York", "bytea_output=escape",
                           "extra_float_digits=-5", "intervalstyle=sql_standard", "standard_conforming_strings=off",
                           "backslash_quote=on", "escape_string_warning=off"])
        server.sql("shop", "CREATE TYPE mood AS ENUM ('sad', 'ok')")
        # The tests' own literals mean the usual things.
        for setting in ("standard_conforming_strings = on", "datestyle = 'ISO, YMD'", "timezone = 'UTC'"):
            server.sql("shop", "ALTER ROLE owner SET " + setting)
        return server

    def test_text_that_is_not_utf8_is_refused(self):
        self.server.sql("postgres", "CREATE DATABASE raw ENCODING 'SQL_ASCII' TEMPLATE template0")
        w = self.workspace("CREATE TABLE t (id int PRIMARY KEY, tenant varchar(9))")
        self.server.sql("raw", "CREATE TABLE t (id int PRIMARY KEY, tenant varchar(9), v text)",
                        "INSERT INTO t VALUES (1, 'acme', convert_from('\\xff', 'SQL_ASCII'))",
                        "GRANT SELECT ON t TO reader")
        value = json.load(open(w.config))
        value["capabilities"][0]["visible_columns"] = ["id", "v"]
        w.write_config(value)
        with w.client(env={"SHOP_READ_URL": self.server.url("raw", "reader")}) as mcp:
            self.assertFalse(mcp.envelope("t.read", key="1")["ok"])


class ValuesOnMariadb(Values):
    engine = "mysql"
    types = MARIADB

    @staticmethod
    def start():
        return Mariadb(("sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,NO_UNSIGNED_SUBTRACTION",
                        "default-time-zone=-05:00", "character-set-server=latin1"))

    def test_text_with_nul_is_refused(self):
        w = self.workspace("CREATE TABLE t (id int PRIMARY KEY, tenant varchar(9), v text)",
                           "INSERT INTO t VALUES (1, 'acme', concat('a', char(0), 'b'))", columns=("id", "v"))
        with w.client() as mcp:
            self.assertFalse(mcp.envelope("t.read", key="1")["ok"])


class ValuesOnSqlite(Values):
    # There the storage class counts, not a declared type.
    test_documented_types_are_in_the_tables_of_this_test = None
    engine = "sqlite"
    types = SQLITE

    def test_text_with_nul_and_text_that_is_not_utf8_are_refused(self):
        w = self.workspace("CREATE TABLE t (id int PRIMARY KEY, tenant varchar(9), v text)", columns=("id", "v"))
        with contextlib.closing(sqlite3.connect(w.source)) as db:
            db.execute("INSERT INTO t VALUES (1, 'acme', CAST(x'ff' AS TEXT)), (2, 'acme', CAST(x'610062' AS TEXT))")
            db.commit()
        with w.client() as mcp:
            for key in ("1", "2"):
                self.assertFalse(mcp.envelope("t.read", key=key)["ok"])


# Only the classes for an engine run.
del Values


if __name__ == "__main__":
    unittest.main()
