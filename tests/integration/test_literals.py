"""Strings that scripts of 0.1.1 look for in what the command prints (with our command's
name): those of reviewing, applying, finding and keeping. The others are tested where
their commands are: test_check, test_wizard, test_onboard, test_audit, test_demo."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import Workspace  # noqa: E402

# (words, strings that are printed, strings that must not be), in the order of one life.
BEFORE = [
    ("proposals list --tenant nobody", ["No proposals found."], []),
    ("proposals list", ["pending_review"], []),
    ("proposals show latest", ["Source DB changed:\n  no", "required outside MCP", "Status: pending review",
                               "Agent requested:", "Business object:", "Proposed change", "Approval:", "Evidence:", "Next:",
                               "More detail:"],
     ["sha256:", "conflict guard", "query_fingerprint"]),
    ("proposals show latest --details", ["Review details:", "proposal hash: sha256:", "allowed columns: ", "conflict guard: "],
     []),
    ("apply latest", [], ["applied."]),
    ("proposals approve latest --yes", ["approved wrp_", "Review details:"], []),
    ("apply latest --dry-run", ["Guarded writeback dry run passed.", "* affected rows: "], []),
]
AFTER = [
    ("apply latest", ["Guarded writeback applied.", "* proposal approved: yes", "* primary key matched: yes",
                      "* tenant guard matched: yes", "* allowed columns only: yes", "* conflict guard passed: yes",
                      "* affected rows: 1", "* idempotency key: wrp_", "Receipt:\n  sha256:"], []),
    ("apply latest", ["Guarded writeback already applied.", "* affected rows: 0"], []),
    ("receipts show 2", ["Receipt rct_000002", "Status:", "Source DB changed:"], []),
    ("receipts show 1", ["Receipt rct_000001"], []),
    ("activity search --object invoice:INV-3001", ["Found 1 local interaction"], []),
    ("activity search --object invoice:INV-3002", ["query audit: {read}"], []),
    ("activity search --tenant nobody", ["No local interactions found."], []),
    ("query-audit show {read} --details", ["Parameters redacted: yes", "Query fingerprint: sha256:"], []),
    ("evidence list --tenant nobody", ["No evidence bundles found."], []),
    ("replay list --tenant nobody", ["No replay records found."], []),
    ("replay show latest", ["Replay replay_wrp_", "What happened:", "5. Source DB changed: yes", "Writeback:"], []),
    ("events tail --kind nothing", ["No local events found."], []),
    ("store prune --older-than 1d --yes", ["Local store prune complete", "Cutoff: ", "Rows:"], []),
    ("store vacuum", ["vacuumed local store"], []),
    ("store stats", ["Local store: ", "Approx size: "], []),
    ("store reset --yes", ["Local store reset complete", "Source database changed: no", "Removed:"], []),
]


class Literals(unittest.TestCase):
    def test_one_life_prints_what_scripts_look_for(self):
        w = Workspace()
        self.addCleanup(w.close)
        with w.client() as mcp:
            mcp.read("INV-3002")
            mcp.propose("INV-3001")
        # The first events are the ledger's own: how many depends on how it was started.
        read, = w.ledger("SELECT min(event_id) FROM events WHERE kind = 'read_recorded'")[0]
        for words, wanted, unwanted in BEFORE + AFTER:
            with self.subTest(words):
                result = w.run(*words.replace("{read}", str(read)).split())
                for text in wanted:
                    self.assertIn(text.replace("{read}", str(read)), result.stdout, result.stderr)
                for text in unwanted:
                    self.assertNotIn(text, result.stdout)

    def test_conflict_and_failure_say_why_and_what_did_not_happen(self):
        w = Workspace()
        self.addCleanup(w.close)
        w.approved()
        w.sql("UPDATE invoices SET updated_at = '2027-01-01' WHERE id = 'INV-3001'")
        result = w.run("apply", "latest", check=0)
        for text in ("Guarded writeback returned conflict.", "Result:\n  conflict", "Why:\n  VERSION_CONFLICT",
                     "* conflict guard passed: no", "Source DB changed by Countersign:\n  no"):
            self.assertIn(text, result.stdout)

    def test_export_of_a_replay_names_its_parts(self):
        w = Workspace()
        self.addCleanup(w.close)
        w.proposed()
        path = os.path.join(w.path, "r.md")
        self.assertIn("exported replay_wrp_", w.run("replay", "export", "latest", "--format", "markdown", "--output", path,
                                                    check=0).stdout)
        with open(path) as file:
            text = file.read()
        for heading in ("# Countersign Replay", "## What The Agent Requested", "## Trusted Context", "## Evidence",
                        "## Proposed Diff", "## Approval", "## Guarded Writeback", "## Query Audit", "## Replay Note"):
            self.assertIn(heading, text)
        self.assertIn("not external database time travel", text)

    def test_options_that_do_not_exist_are_named(self):
        w = Workspace()
        self.addCleanup(w.close)
        for words in (("proposals", "list"), ("apply",), ("store", "stats"), ("activity", "search"), ("up",)):
            self.assertIn("Unknown option: --nonsense", w.run(*words, "--nonsense", check=1).stderr)


if __name__ == "__main__":
    unittest.main()
