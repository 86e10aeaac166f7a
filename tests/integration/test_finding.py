"""Finding what happened, and applying by reference or in a batch."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import Workspace  # noqa: E402


class Finding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Workspace()
        with cls.w.client() as mcp:
            cls.read = mcp.read("INV-3002")["evidence"]["bundle_id"]
            cls.proposal = mcp.propose("INV-3001")["proposal"]["id"]
        cls.w.run("proposals", "approve", cls.proposal, "--yes", check=0)
        cls.w.run("apply", cls.proposal, check=0)

    @classmethod
    def tearDownClass(cls):
        cls.w.close()

    def search(self, *flags):
        return [(i["kind"], i.get("proposal") or i.get("evidence"))
                for i in self.w.json("activity", "search", *flags)["interactions"]]

    def test_proposal_accounts_for_its_evidence_and_receipt(self):
        self.assertEqual(self.search(), [("proposal", self.proposal), ("evidence", self.read)])
        self.assertIn("Found 2 local interactions", self.w.run("activity", "search", check=0).stdout)

    def test_filters_never_show_what_they_exclude(self):
        self.assertEqual(self.search("--tenant", "nobody"), [])
        self.assertEqual(self.search("--object", "invoice:INV-3001"), [("proposal", self.proposal)])
        self.assertEqual(self.search("--status", "applied"), [("proposal", self.proposal)])
        self.assertEqual(self.search("--evidence", self.read), [("evidence", self.read)])
        self.assertEqual(self.search("--replay", "replay_" + self.proposal), [("proposal", self.proposal)])
        self.assertEqual(self.search("--receipt", "1"), [("proposal", self.proposal)])
        self.assertEqual(self.search("--limit", "1"), [("proposal", self.proposal)])
        fingerprint = self.w.json("evidence", "show", self.read)["query_fingerprint"]
        self.assertEqual(set(self.search("--query-fingerprint", fingerprint)), {("evidence", self.read)})

    def test_reads_by_source_table_and_query(self):
        for flags, count in ((("--source", "shop"), 2), (("--source", "x"), 0), (("--table", "invoices"), 2),
                             (("--table", "main.invoices"), 2), (("--table", "other.invoices"), 0),
                             (("--query-fingerprint", "sha256:0"), 0), (("--object-type", "invoice"), 2),
                             (("--source", "shop", "--object-id", "INV-3002"), 1)):
            for command, member in (("evidence", "evidence"), ("query-audit", "query_audit")):
                with self.subTest(command=command, flags=flags):
                    self.assertEqual(len(self.w.json(command, "list", *flags)[member]), count)

    def test_bad_filter_value_is_an_error_not_an_empty_list(self):
        self.assertIn("wants a time", self.w.run("activity", "search", "--from", "today", check=1).stderr)

    def test_records_are_exported_fenced_and_private(self):
        path = os.path.join(self.w.path, "e.md")
        self.w.run("evidence", "export", self.read, "--output", path, "--format", "markdown", check=0)
        with open(path) as file:
            text = file.read()
        for heading in ("# Evidence " + self.read, "## Captured Items", "## Query Audit"):
            self.assertIn(heading, text)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        number = str(self.w.json("query-audit", "list")["query_audit"][0]["audit_id"])
        self.w.run("query-audit", "export", number, "--output", path, check=0)
        with open(path) as file:
            self.assertEqual(str(json.load(file)["audit_id"]), number)
        self.assertIn("unsupported export format",
                      self.w.run("query-audit", "export", number, "--output", path, "--format", "markdown", check=1).stderr)
        self.assertIn("Parameters redacted: yes", self.w.run("query-audit", "show", number, "--details", check=0).stdout)


class Applying(unittest.TestCase):
    def setUp(self):
        self.w = Workspace()
        self.addCleanup(self.w.close)

    def test_job_file_is_a_reference_and_a_changed_one_is_refused(self):
        identifier = self.w.approved()
        path = os.path.join(self.w.path, "job.json")
        self.w.run("apply", identifier, "--dry-run", check=0)
        self.w.run("proposals", "writeback-job", identifier, "--output", path, check=0)
        self.assertEqual(self.w.run("validate", "--job", path, check=None).returncode, 1)  # --store is not its flag
        self.assertEqual(self.run_plain("validate", "--job", path).stdout, "job valid\n")
        import base64
        with open(path) as file:
            envelope = json.load(file)
        job = json.loads(base64.b64decode(envelope["payload"]))["job"]
        for change, word in (({"proposal_hash": "sha256:" + "0" * 64}, "does not match"),
                             ({"patch": {"status": "paid"}}, "patch column not allowed: status"),
                             ({"lease": None}, "lease is missing")):
            with self.subTest(change):
                bad = os.path.join(self.w.path, "bad.json")
                with open(bad, "w") as file:
                    json.dump({**job, **change}, file)
                result = self.w.run("apply", "--job", bad, check=1)
                self.assertIn(word, result.stderr)
                self.assertIn("ource database changed: no", result.stderr)
        self.assertEqual(self.w.row("INV-3001")[0], 5500)
        self.w.run("apply", "--job", path, check=0)
        self.assertEqual(self.w.row("INV-3001")[0], 0)

    def run_plain(self, *words):
        import subprocess
        from workspace import BIN
        return subprocess.run([os.path.join(BIN, "countersign"), *words], capture_output=True, text=True,
                              cwd=self.w.path, env=self.w.env)

    def test_batch_applies_the_oldest_up_to_its_limit(self):
        first = self.w.approved("INV-3001")
        second = self.w.approved("INV-3002")
        waiting = self.w.proposed("INV-3001", reason="another")
        self.assertIn("--max N", self.w.run("apply", "--all-approved", check=1).stderr)
        result = self.w.run("apply", "--all-approved", "--max", "1", check=0)
        self.assertIn("1 of 2 approved proposal(s) tried, 0 not applied; 1 left", result.stderr)
        states = {p["proposal_id"]: p["state"] for p in self.w.json("proposals", "list")["proposals"]}
        self.assertEqual([states[first], states[second], states[waiting]], ["applied", "approved", "pending_review"])
        self.w.run("apply", "--all-approved", "--max", "5", check=0)
        self.assertEqual(self.w.json("proposals", "show", second)["proposal"]["state"], "applied")

    def test_two_ways_to_say_what_are_one_too_many(self):
        for words in ((), ("latest", "--all-approved", "--max", "1"), ("--job", "x", "--proposal", "y")):
            self.assertIn("Source database changed: no", self.w.run("apply", *words, check=1).stderr)


if __name__ == "__main__":
    unittest.main()
