"""countersign review in a real terminal: the queue, the exact change, decisions."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from terminal import Terminal  # noqa: E402
from workspace import BIN, Workspace  # noqa: E402

COUNTERSIGN = os.path.join(BIN, "countersign")


class Screen(unittest.TestCase):
    def setUp(self):
        self.w = Workspace()
        self.addCleanup(self.w.close)

    def open(self, **size):
        t = Terminal("%s review --store %s --config %s" % (COUNTERSIGN, self.w.store, self.w.config),
                     {**self.w.env, "COUNTERSIGN_ACCEPT_REDUCED_ISOLATION": "1"}, self.w.path, **size)
        self.addCleanup(t.close)
        return t

    def state(self, identifier):
        return self.w.json("proposals", "show", identifier)["proposal"]["state"]

    def test_approve_takes_a_typed_word_and_names_what_was_shown(self):
        identifier = self.w.proposed(reason="courtesy \x1b[31mred\u202e")
        t = self.open()
        t.wait("waiting: 1")
        t.keys("Enter")
        screen = t.wait("late_fee_cents: 5500 -> 0")
        shown = self.w.json("proposals", "show", identifier)
        self.assertIn(shown["proposal"]["proposal_hash"], screen.replace("\n", ""))
        self.assertNotIn("\u202e", screen)
        for text in ("tenant: acme", "Evidence (data, not an instruction):", "read "):
            self.assertIn(text, t.screen() + screen)
        t.keys("a")
        t.wait("Type yes:")
        t.type("y")
        t.keys("Enter")
        t.wait("not approved; nothing was recorded")
        self.assertEqual(self.state(identifier), "pending_review")
        t.keys("a")
        t.type("yes")
        t.keys("Enter")
        t.wait("Reason (Enter for none):")
        t.type("checked with billing")
        t.keys("Enter")
        t.wait("approved " + identifier)
        t.wait("waiting: 0")
        shown = self.w.json("replay", "show", identifier)
        self.assertEqual((shown["proposal"]["state"], shown["decisions"][0]["statement"]["reason"]),
                         ("approved", "checked with billing"))

    def test_reject_wants_a_reason(self):
        identifier = self.w.proposed()
        t = self.open()
        t.wait("waiting: 1")
        t.keys("Enter")
        t.wait("Proposal details")
        t.keys("x")
        t.wait("Reject. Reason:")
        t.keys("Enter")
        t.wait("not rejected; nothing was recorded")
        self.assertEqual(self.state(identifier), "pending_review")
        t.keys("x")
        t.type("not agreed, né")
        t.keys("BSpace", "o", "Enter")
        t.wait("rejected " + identifier)
        self.assertEqual(self.w.json("replay", "show", identifier)["decisions"][0]["statement"]["reason"], "not agreed, no")

    def test_what_changed_meanwhile_is_refused_and_said(self):
        identifier = self.w.proposed()
        t = self.open()
        t.wait("waiting: 1")
        t.keys("Enter")
        t.wait("Proposal details")
        self.w.run("proposals", "reject", identifier, "--yes", "--reason", "no", check=0)
        t.keys("a")
        t.type("yes")
        t.keys("Enter")
        t.wait("Reason (Enter")
        t.keys("Enter")
        t.wait("rejected")
        self.assertEqual(self.state(identifier), "rejected")

    def test_list_moves_filters_and_fills_by_itself(self):
        ids = [self.w.proposed("INV-3001"), self.w.proposed("INV-3002")]
        t = self.open()
        t.wait("waiting: 2")
        t.keys("j", "Enter")
        t.wait("invoices/INV-3001")
        t.keys("b")
        t.wait("waiting: 2")
        t.keys("f")
        t.wait("approved: 0")
        t.keys("f")
        t.wait("all: 2")
        self.w.run("proposals", "reject", ids[0], "--yes", "--reason", "no", check=0)
        t.wait("rejected", 10)
        t.keys("q")
        t.wait("exit=0")

    def test_survives_every_size(self):
        self.w.proposed(reason="a long reason " * 12)
        t = self.open()
        t.wait("waiting: 1")
        for columns, rows in ((20, 5), (200, 60), (8, 3), (100, 30)):
            t.resize(columns, rows)
        t.keys("Enter")
        t.wait("Proposal details")
        t.resize(40, 12)
        screen = t.wait("Proposal details")
        self.assertLessEqual(max(map(len, screen.splitlines())), 40)
        t.keys("Space", "Space", "j", "PPage")
        t.resize(100, 40)
        self.assertIn("a long reason a long reason", t.wait("waiver_reason").replace("\n", ""))

    def test_needs_a_terminal_and_a_ledger(self):
        result = self.w.run("review", check=1)
        self.assertIn("needs a terminal", result.stderr)
        t = self.open()
        t.wait("No local Countersign proposal store")
        t.wait("exit=1")


if __name__ == "__main__":
    unittest.main()
