"""Hostile values in a proposal: what is applied is stored to the last byte, and all
else is refused with the row as it was."""
import json
import os
import sys
import unittest
from decimal import Decimal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres  # noqa: E402
from workspace import Workspace, contract  # noqa: E402

ROW = "INV-3001"
# Applied and read back as they are.
TEXTS = ["x', late_fee_cents = -777 -- ", "\\'; DROP TABLE invoices; -- ", '"`$1 ?%s\\0\\', "\\", "'", "",
         "\t\r\n \x1e\x7f", "\u202e\ufeff", "\U0001f600e\u0301", "NULL", "9" * 60, " ends with blanks  ",
         "long " * 2000]
# As JSON spells them; what is not applied has to be refused.
BROKEN = ['"%s"' % ("l" * 100000), '"a\\u0000b"', '"\\ud800"', '"\\udc00x"', '"%s"' % ("m" * (1 << 20)), '"\xff\xfe"']
# (number, must be applied). What is no integer of 64 bits is a double from the argument on (docs/values.md), so exact
# decimals are text.
NUMBERS = [("9223372036854775807", True), ("-9223372036854775808", True), ("9007199254740993", True), ("-0", False),
           ("9223372036854775808", False), ("9223372036854775809", False), ("1e400", False), ("0.5", False), ("1e3", False), ("NaN", False)]
DECIMALS = [("12345678901234567890.1234", True), ("-0.0001", True), ("0.1", True), ("1.00001", False),
            ("1e30", False), ("99999999999999999999999999.9999", True)]


class WrittenValues:
    server = None

    def workspace(self, *statements, fee="number"):
        value = contract(self.engine)
        proposal = value["capabilities"][1]
        proposal["args"]["reason"]["max_length"] = 2000000
        proposal["args"]["reason"]["required"] = False
        proposal["args"]["fee"] = {"type": fee, "required": False}
        del proposal["numeric_bounds"]
        w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(w.close)
        for statement in statements:
            w.sql(statement)
        return w

    def stored(self, w):
        """(bytes of the text, the number as text), exactly."""
        (text, number), = w.sql("SELECT %s, %s FROM invoices WHERE id = '%s'" % (
            self.hex % "waiver_reason", self.as_text % "late_fee_cents", ROW))
        return (None if text is None else bytes.fromhex(text)), str(number)

    def propose(self, mcp, argument, value):
        """With the value as JSON spells it, or as it cannot be: the proposal's id, or None."""
        mcp.next_id += 1
        line = ('{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"billing.propose_late_fee_waiver",'
                '"arguments":{"invoice_id":"%s","%s":%s}}}\n' % (mcp.next_id, ROW, argument, value))
        mcp.process.stdin.flush()
        mcp.process.stdin.buffer.write(line.encode("latin-1" if "\xff" in line else "utf-8"))
        mcp.process.stdin.buffer.flush()
        reply = json.loads(mcp.process.stdout.readline())
        if "error" in reply:
            return None
        envelope = json.loads(reply["result"]["content"][0]["text"])
        self.assertFalse(envelope["source_database_changed"])
        return envelope["proposal"]["id"] if envelope["ok"] else None

    def write(self, w, mcp, argument, value):
        """Was it applied? If not, nothing has changed."""
        before = self.stored(w)
        identifier = self.propose(mcp, argument, value)
        status = "refused"
        if identifier is not None:
            w.run("proposals", "approve", identifier, "--yes", check=0)
            receipt = json.loads(w.run("apply", identifier, "--json").stdout)
            status = receipt["status"]
            self.assertEqual(receipt["source_database_mutated"], status == "applied")
        if status != "applied":
            self.assertEqual(self.stored(w), before, status)
        return status == "applied"

    def test_text(self):
        w = self.workspace(*self.wide)
        with w.client() as mcp:
            for text in TEXTS:
                with self.subTest(text=text[:40]):
                    self.assertTrue(self.write(w, mcp, "reason", json.dumps(text)))
                    self.assertEqual(self.stored(w)[0], text.encode())
            for spelled in BROKEN:
                with self.subTest(spelled=spelled[:40]):
                    if self.write(w, mcp, "reason", spelled):
                        self.assertEqual(self.stored(w)[0], json.loads(spelled).encode())
            self.assertTrue(mcp.read("INV-3002")["ok"], "the next one is served")
        self.assertEqual([r[0] for r in w.sql("SELECT status FROM invoices ORDER BY id")], ["open"] * 3)

    def test_integers_at_the_edges(self):
        self.numbers("number", self.integers, NUMBERS, "%s", float)

    def test_decimals_at_the_edges(self):
        self.numbers("string", self.decimals, DECIMALS, '"%s"', Decimal)

    def numbers(self, kind, column, values, spelled, value_of):
        w = self.workspace(column, fee=kind)
        with w.client() as mcp:
            for text, wanted in values:
                with self.subTest(number=text):
                    applied = self.write(w, mcp, "fee", spelled % text)
                    self.assertTrue(applied or not wanted)
                    if applied:
                        value = (Decimal if wanted else value_of)
                        self.assertEqual(value(self.stored(w)[1]), value(text))


class OnServer(WrittenValues):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.make()
        cls.addClassCleanup(cls.server.close)


class OnPostgres(OnServer, unittest.TestCase):
    engine, make, wide = "postgres", Postgres, ()
    hex, as_text = "encode(convert_to(%s, 'UTF8'), 'hex')", "%s::text"
    integers = "ALTER TABLE invoices ALTER COLUMN late_fee_cents TYPE bigint"
    decimals = "ALTER TABLE invoices ALTER COLUMN late_fee_cents TYPE numeric(30,4)"


class OnMariadb(OnServer, unittest.TestCase):
    engine, make = "mysql", Mariadb
    wide = ("ALTER TABLE invoices MODIFY waiver_reason longtext",)
    hex, as_text = "hex(%s)", "cast(%s AS char)"
    integers = "ALTER TABLE invoices MODIFY late_fee_cents bigint NOT NULL"
    decimals = "ALTER TABLE invoices MODIFY late_fee_cents decimal(30,4) NOT NULL"


class OnSqlite(WrittenValues, unittest.TestCase):
    engine, wide = "sqlite", ()
    hex, integers = "hex(%s)", "SELECT 1"
    as_text = "(SELECT iif(typeof(n) = 'real', printf('%%!.20g', n), n) FROM (SELECT %s AS n))"

    # A file has no decimals, so nothing is skipped either.
    test_decimals_at_the_edges = None


if __name__ == "__main__":
    unittest.main()
