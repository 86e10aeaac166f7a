"""The own-database journeys of examples/, end to end: what the README says once, then printed commands alone."""
import json
import os
import re
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from newcomer import Newcomer, printed_commands  # noqa: E402
from postgres import Postgres  # noqa: E402
from workspace import ROOT  # noqa: E402

EXAMPLES = os.path.join(ROOT, "examples")


class Journey(unittest.TestCase):
    """One example on one server; `changes` are the columns that its first proposal changes."""
    server = None

    def start(self, example):
        self.example = os.path.join(EXAMPLES, example)
        with open(os.path.join(self.example, "README.md")) as file:
            block = re.search(r"(?ms)^```\n(.*?)^```", file.read()).group(1)
        urls = dict(re.findall(r"export (\w+)='([^']+)'", block))
        urls = {name: url.replace("@127.0.0.1/", "@127.0.0.1:%d/" % self.server.port) for name, url in urls.items()}
        self.new = Newcomer(SYNAPSOR_TENANT_ID="acme", SYNAPSOR_PRINCIPAL="support.agent", **urls)
        root = self.new.path
        self.addCleanup(shutil.rmtree, root, True)
        self.addCleanup(self.new.close)
        shutil.copytree(self.example, root, dirs_exist_ok=True)
        self.new.path = os.path.join(root, "work")
        os.mkdir(self.new.path)
        return self.new.shell(block.strip().splitlines()[-1]).stdout

    def only(self, text, part):
        """The printed command with these words; where there are several, the last one is ours."""
        found = [line for line in printed_commands(text) if part in line]
        self.assertTrue(found, text)
        return found[-1]

    def row(self):
        target = self.new.contract()["capabilities"][1]["target"]
        columns = list(self.new.contract()["capabilities"][1]["patch"])
        rows = self.query("SELECT %s FROM %s WHERE id = '%s'" % (", ".join(columns), target["table"], self.identifier))
        return dict(zip(columns, rows[0]))

    def boundary(self, text, other):
        """What a model can see and reach through the printed server."""
        with self.new.client(self.only(text, "countersign mcp serve")) as mcp:
            tools = mcp.request("tools/list")["result"]["tools"]
            names = [c["name"] for c in self.new.contract()["capabilities"]]
            self.assertEqual([t["name"] for t in tools], names)
            for word in ("execute_sql", "run_query", "approve", "commit"):
                self.assertFalse([n for n in names if word in n])
            argument = self.new.contract()["capabilities"][0]["lookup"]["id_from_arg"]
            read = mcp.envelope(names[0], **{argument: self.identifier})
            self.assertEqual((read["ok"], read["_meta"]["tenant_id"]), (True, "acme"))
            self.assertEqual(mcp.envelope(names[0], **{argument: other})["error"]["code"], "NOT_FOUND_IN_TENANT")
            spoofed = mcp.envelope(names[0], **{argument: other, "tenant_id": "otherco"})
            self.assertFalse(spoofed["ok"])
            self.assertNotIn("not shown", json.dumps([tools, read]))

    def propose(self, text):
        before = self.row()
        proposed = self.new.shell(self.only(text, "countersign propose ")).stdout
        self.assertIn("Proposal created.", proposed)
        self.assertEqual(self.row(), before, "a proposal changes nothing")
        shown = self.new.shell(self.only(proposed, "proposals show")).stdout
        self.assertRegex(shown, r"(?i)source (db|database) changed:\s+no")
        approved = self.new.shell(self.only(proposed, "proposals approve"), types="yes\n").stdout
        self.assertIn("approved wrp_", approved)
        return proposed

    def travel(self, example, identifier, other, changes, stale=False):
        self.identifier = identifier
        text = self.start(example)
        for line in ("created countersign.json", "created .env.example", "config valid: countersign.json",
                     "Countersign tools preview: ok"):
            self.assertIn(line, text)
        self.assertNotIn("WRITEBACK_DISABLED", text)
        self.assertIn("Countersign smoke call: ok", self.new.shell(self.only(text, "countersign smoke call")).stdout)
        self.boundary(text, other)
        proposed = self.propose(text)
        apply = self.only(proposed, "countersign apply")
        self.assertIn("Guarded writeback applied.", self.new.shell(apply).stdout)
        self.assertEqual(self.row(), changes)
        self.assertIn("Guarded writeback already applied.", self.new.shell(apply).stdout)
        self.assertIn("applied", self.new.shell(self.only(proposed, "replay show")).stdout)
        found = self.new.run("activity", "search", "--object-id", self.identifier).stdout
        self.assertIn("wrp_", found)
        self.assertIn("wrp_", self.new.shell(self.only(text, "proposals list")).stdout)
        if stale:
            self.stale(text)

    def stale(self, text):
        """The row changes between review and apply: nothing is written."""
        with open(os.path.join(self.example, "schema.sql")) as file:
            self.load(file.read())
        apply = self.only(self.propose(text), "countersign apply")
        target = self.new.contract()["capabilities"][1]["target"]
        self.query("UPDATE %s SET updated_at = '2026-08-01 10:00:00' WHERE id = '%s'" % (target["table"],
                                                                                         self.identifier))
        before = self.row()
        self.assertIn("conflict", self.new.shell(apply).stdout)
        self.assertEqual(self.row(), before)


class OnPostgres(Journey):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()
        cls.addClassCleanup(cls.server.close)

    def load(self, sql):
        self.server.sql(self.database, sql)

    def query(self, sql):
        return self.server.sql(self.database, sql)

    def journey(self, example, database, *rest):
        self.database = database
        self.server.sql("postgres", "CREATE DATABASE " + database)
        with open(os.path.join(EXAMPLES, example, "schema.sql")) as file:
            self.load(file.read())
        self.travel(example, *rest)

    def test_billing(self):
        self.journey("postgres-billing", "billing", "INV-3001", "INV-9001",
                     {"late_fee_cents": "0", "waiver_reason": "first proposal"}, True)

    def test_support(self):
        self.journey("postgres-support", "support", "T-1042", "T-9001",
                     {"status": "pending_review", "resolution_note": "first proposal"})

    def test_credits(self):
        self.journey("postgres-credits", "credits", "cust_acme_1", "cust_other_1",
                     {"plan_credit_cents": "100", "credit_reason": "first proposal"})


class OnMariadb(Journey):
    @classmethod
    def setUpClass(cls):
        cls.server = Mariadb()
        cls.addClassCleanup(cls.server.close)

    def load(self, sql):
        self.server.sql("mysql", sql)

    def query(self, sql):
        return self.server.sql(self.database, sql)

    def journey(self, example, database, *rest):
        self.database = database
        with open(os.path.join(EXAMPLES, example, "schema.sql")) as file:
            self.load(file.read())
        self.travel(example, *rest)

    def test_orders(self):
        self.journey("mysql-orders", "countersign_orders", "O-1001", "O-9001",
                     {"status": "shipped", "status_change_reason": "first proposal"}, True)

    def test_support(self):
        self.journey("mysql-support", "countersign_support", "T-1042", "T-9001",
                     {"status": "pending_review", "resolution_note": "first proposal"})


if __name__ == "__main__":
    unittest.main()
