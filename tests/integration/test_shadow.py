"""Shadow mode beside what people did, and the benchmark's golden numbers."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, ROOT, Workspace, contract  # noqa: E402


class Shadow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Workspace("sqlite", config=contract(mode="shadow"))
        cls.addClassCleanup(cls.w.close)
        with cls.w.client() as mcp:
            cls.ids = [mcp.propose(invoice, fee=fee)["proposal"]["id"]
                       for invoice, fee in (("INV-3001", 0), ("INV-3002", 100))]

    def record(self, identifier, patch, *words, check=0):
        path = os.path.join(self.w.path, "patch.json")
        with open(path, "w") as file:
            file.write(patch if isinstance(patch, str) else json.dumps(patch))
        return self.w.run("shadow", "record-human-action", identifier, "--patch", path, *words, check=check)

    def test_the_whole_story(self):
        first, second = self.ids
        listed = self.w.json("shadow", "list")["proposals"]
        self.assertEqual([p["proposal_id"] for p in listed], [second, first])
        self.assertEqual(self.w.json("shadow", "compare", first)["status"], "no_human_action")
        agent = {"late_fee_cents": 0, "waiver_reason": "approved support waiver"}
        for patch, status, columns in (
                (agent, "exact_match", (["late_fee_cents", "waiver_reason"], [], [], [])),
                ({"late_fee_cents": 0, "status": "paid"}, "partial_match",
                 (["late_fee_cents"], [], ["waiver_reason"], ["status"])),
                ({"late_fee_cents": "0"}, "mismatch", ([], ["late_fee_cents"], ["waiver_reason"], [])),
                ('{"waiver_reason":"approved support waiver","late_fee_cents":0.0}', "exact_match",
                 (["late_fee_cents", "waiver_reason"], [], [], []))):
            text = self.record(first, patch, "--notes", "by phone").stdout
            self.assertRegex(text, r"^recorded human action \d+ for %s$" % first)
            found = self.w.json("shadow", "compare", first)
            self.assertEqual(found["status"], status, patch)
            self.assertEqual((found["matching_columns"], found["differing_columns"], found["missing_from_human"],
                              found["extra_human_columns"]), columns)
            self.assertEqual((found["agent_patch"], found["notes"]), (agent, "by phone"))
        self.assertIn("shadow comparison: " + first, self.w.run("shadow", "compare", first, check=0).stdout)
        report = self.w.json("shadow", "report")
        self.assertEqual([report[key] for key in ("total_shadow_proposals", "with_human_action", "exact_matches",
                                                  "partial_matches", "mismatches", "no_human_action")],
                         [2, 1, 1, 0, 0, 1])
        self.assertEqual([c["proposal_id"] for c in report["comparisons"]], [second, first])
        self.assertIn("Shadow mode report\n", self.w.run("shadow", "report", check=0).stdout)
        kinds = [e["kind"] for e in self.w.json("events", "tail", "--proposal", first)["events"]]
        self.assertEqual(kinds.count("shadow_human_action_recorded"), 4)
        self.w.run("ledger", "verify", check=0)
        self.assertEqual(self.w.row("INV-3001")[0], 5500)
        self.assertEqual(self.w.json("proposals", "show", first)["proposal"]["state"], "pending_review")

    def test_what_is_not_recorded(self):
        second = self.ids[1]
        for patch in ("[]", "{}", "{", '{"a":[1]}', '{"a":1,"a":2}', "\xff"):
            self.assertIn("SHADOW_PATCH_INVALID", self.record(second, patch, check=1).stderr)
        self.assertIn("ACTOR_NOT_YOU", self.record(second, {"a": 1}, "--actor", "mallory", check=1).stderr)
        self.assertIn("PROPOSAL_NOT_FOUND", self.record("wrp_nothing", {"a": 1}, check=1).stderr)
        self.w.run("shadow", "record-human-action", second, check=1)
        self.assertEqual(self.w.json("shadow", "compare", second)["status"], "no_human_action")

    def test_a_reviewed_proposal_is_none(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        identifier = w.proposed()
        self.assertEqual(w.json("shadow", "list")["proposals"], [])
        self.assertIn("SHADOW_PROPOSAL_REQUIRED", w.run("shadow", "compare", identifier, check=1).stderr)
        path = os.path.join(w.path, "patch.json")
        with open(path, "w") as file:
            file.write('{"a":1}')
        result = w.run("shadow", "record-human-action", identifier, "--patch", path, check=1)
        self.assertIn("SHADOW_PROPOSAL_REQUIRED", result.stderr)


class Benchmark(unittest.TestCase):
    def run_it(self, *words):
        return subprocess.run([os.path.join(BIN, "countersign"), "benchmark", "mcp-efficiency", *words],
                              capture_output=True, text=True, check=True).stdout

    def test_the_numbers_are_the_published_ones_and_can_be_counted_again(self):
        text = self.run_it("--json")
        with open(os.path.join(ROOT, "tests/vectors/golden/benchmark-mcp-efficiency.json")) as file:
            self.assertEqual(text, file.read())
        with open(os.path.join(ROOT, "cli/benchmark/fixture.json")) as file:
            fixture = json.load(file)
        for name, path in fixture["paths"].items():
            compact = json.dumps({"tools": path["tools"]}, separators=(",", ":"))
            self.assertEqual(json.loads(text)["paths"][name]["serialized_tools_list_bytes"], len(compact))
        self.assertIn("not a universal claim", self.run_it())


if __name__ == "__main__":
    unittest.main()
