"""The demonstration: what it promises, what it leaves, and that it notices when
a step is not as promised."""
import contextlib
import json
import os
import pty
import re
import select
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, ROOT  # noqa: E402

DEMO = os.path.join(ROOT, "demo", "demo.sh")
PROGRAMS = ("countersign", "countersign-run", "ledgerd", "mcpd", "writerd")
PROMISES = [
    "the agent is offered two tools, and none that approves or applies",
    "it reads the invoice INV-3001",
    "an invoice of another tenant does not exist for it",
    "the row is as it was",
    "nobody can apply what nobody approved",
    "it is approved",
    "writerd applied it",
    "the row has the approved values",
    "the answer is: already applied",
    "the row was not written again",
    "it ends in conflict",
    "the application's values stand",
    "the edited proposal is refused",
    "and the ledger names the row that was edited",
    "the source was not touched",
    "the replay knows how it ended",
    "every step of it is an event of the record",
    "the record is complete and unedited",
]


def environment(**changes):
    return {**os.environ, "CS_BIN": BIN, **changes}


class Demo(unittest.TestCase):
    def play(self, wanted, **changes):
        result = subprocess.run([DEMO], env=environment(**changes), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        self.forget_workspace(result.stdout)
        self.assertEqual(result.returncode, wanted, result.stdout)
        return result.stdout

    def forget_workspace(self, text):
        for path in re.findall(r"workspace stays: (/tmp/countersign-demo-\w+)", text):
            self.addCleanup(shutil.rmtree, path, True)

    def test_piped_it_keeps_its_promises_and_its_commands_run(self):
        started = time.monotonic()
        text = self.play(0)
        if "asan" not in BIN:
            self.assertLess(time.monotonic() - started, 10)
        for promise in PROMISES:
            self.assertIn("ok: " + promise + "\n", text)
        commands = re.findall(r"^  (\S+/cs .*)$", text, re.M)
        self.assertEqual(len(commands), 3, text)
        answers = [subprocess.run(["/bin/sh", "-c", c], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=60, check=False) for c in commands]
        for command, answer in zip(commands, answers):
            self.assertEqual(answer.returncode, 0, command + "\n" + answer.stdout)
        self.assertIn("Status: pending review", answers[0].stdout)
        self.assertRegex(answers[1].stdout, r"(?m)^approved wrp_")
        self.assertIn("Guarded writeback applied.", answers[2].stdout)

    def test_a_broken_step_is_noticed(self):
        folder = tempfile.mkdtemp(prefix="countersign-stub-")
        self.addCleanup(shutil.rmtree, folder, True)
        for program in PROGRAMS[1:]:
            shutil.copy(os.path.join(BIN, program), folder)
        shutil.copy(os.path.join(BIN, "countersign"), os.path.join(folder, "real"))
        stub = os.path.join(folder, "countersign")
        with open(stub, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\n[ "$1" != apply ] || { echo "Guarded writeback applied."; exit 0; }\n'
                       'exec %s/real "$@"\n' % folder)
        for name in [*os.listdir(folder), "."]:
            os.chmod(os.path.join(folder, name), stat.S_IRWXU | 0o55)
        text = self.play(1, CS_BIN=folder)
        self.assertIn("NOT AS PROMISED: ", text)
        self.assertNotIn("All was as promised", text)

    def test_programs_in_a_folder_of_their_own_user(self):
        """As root: programs that the user nobody cannot reach are copied."""
        folder = tempfile.mkdtemp(prefix="countersign-bin-")
        self.addCleanup(shutil.rmtree, folder, True)
        for program in PROGRAMS:
            shutil.copy(os.path.join(BIN, program), folder)
        self.assertIn("All was as promised", self.play(0, CS_BIN=folder))

    def test_in_a_terminal_it_waits_and_the_person_decides(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(DEMO, [DEMO], environment(CI=""))
        text = ""
        seen = 0
        entered = 0
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            text += data.decode(errors="replace")
            asked = re.search(r"\[Enter\] |Type yes to continue: ", text[seen:])
            if asked:
                seen += asked.end()
                entered += asked.group().startswith("[Enter]")
                os.write(terminal, b"yes\n" if asked.group().startswith("Type") else b"\n")
        os.close(terminal)
        self.forget_workspace(text)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, text)
        self.assertEqual(entered, 7)
        self.assertIn("Type yes to continue: ", text)

    def test_the_command_plays_the_same(self):
        result = subprocess.run([os.path.join(BIN, "countersign"), "demo", "--play", "--no-wait"], env=environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=120, check=False)
        self.forget_workspace(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("All was as promised", result.stdout)

    def test_wrong_usage(self):
        result = subprocess.run([DEMO, "--surprise"], capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("usage: demo/demo.sh", result.stderr)


class Command(unittest.TestCase):
    """countersign demo: what it prints can be run as it stands."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="countersign-demo-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.env = environment(PATH=BIN + ":/usr/bin:/bin", COUNTERSIGN_ACCEPT_REDUCED_ISOLATION="1", CI="true")

    def run_it(self, line, wanted=0):
        result = subprocess.run(["/bin/sh", "-c", line], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, wanted, (line, result.stdout, result.stderr))
        return result.stdout

    def source(self, path):
        with contextlib.closing(sqlite3.connect(os.path.join(self.folder, path))) as db:
            return db.execute("SELECT late_fee_cents FROM invoices WHERE id = 'INV-3001'").fetchone()[0]

    def test_quick_in_every_form(self):
        text = self.run_it("countersign demo --quick")
        for line in ("Countersign quick demo complete.", 'billing.propose_late_fee_waiver(invoice_id="INV-3001")',
                     "* proposal created", "* source DB changed: no", "* approval required outside MCP",
                     "* evidence + replay saved locally", "./.countersign/quick-demo.db", "countersign demo inspect"):
            self.assertIn(line, text)
        self.assertNotIn("Raw MCP shape", text)
        self.assertEqual(self.source(".countersign/quick-demo/shop.db"), 5500)
        told = json.loads(self.run_it("countersign demo --quick --json"))
        self.assertEqual((told["mode"], told["store"], told["source_database_changed"]),
                         ("fixture_only", "./.countersign/quick-demo.db", False))
        self.assertEqual(told["proposed_change"]["late_fee_cents"], {"before": 5500, "after": 0})
        text = self.run_it("countersign demo --quick --details")
        for line in ("Raw MCP shape:", "execute_sql(sql: string)", "Countersign shape:", "Trusted context:", "Replay:",
                     "Evidence id: ev_"):
            self.assertIn(line, text)
        for line in re.findall(r"(?m)^  (.*countersign (?:replay|proposals|apply) .*)$", text):
            self.run_it(line.replace("approve latest", "approve latest --yes"))
        self.assertEqual(self.source(".countersign/quick-demo/shop.db"), 0)
        text = self.run_it("countersign demo --quick --guided")
        for line in ("-" * 60, "Step 1/7: Countersign quick demo", "Step 2/7: The risky default", "Step 7/7: Next paths",
                     "Press Enter to continue...", "It cannot commit the write.", "Run this next:",
                     "If installed globally, use:"):
            self.assertIn(line, text)
        self.assertEqual(self.source(".countersign/quick-demo/shop.db"), 5500)

    def test_inspect_lists_commands_that_run(self):
        text = self.run_it("countersign demo inspect")
        for line in ("Quick demo inspection", "1. Proposal summary",
                     "countersign proposals show latest --store ./.countersign/quick-demo.db"):
            self.assertIn(line, text)
        told = json.loads(self.run_it("countersign demo inspect --json --npx"))
        self.assertEqual(len(told["commands"]), 7)
        for row in told["commands"]:
            self.assertTrue(self.run_it(row["command"]), row)

    def test_the_workspace_is_ready_and_nobody_elses_contract_is_replaced(self):
        text = self.run_it("countersign demo reference-support-billing")
        self.assertIn("Countersign demo is ready.", text)
        for line in re.findall(r"(?m)^[1-5]\. (countersign .*)$", text):
            self.run_it(". ./demo.env; " + line.replace("approve latest", "approve latest --yes"))
        self.assertEqual(self.source("shop.db"), 0)
        self.run_it("countersign demo")
        self.assertEqual(self.source("shop.db"), 5500)
        with open(os.path.join(self.folder, "countersign.json"), "w", encoding="utf-8") as file:
            file.write("{}")
        self.run_it("countersign demo", wanted=1)
        self.run_it("countersign demo --force")
        self.assertIn("Usage:", self.run_it("countersign demo something", wanted=2))


if __name__ == "__main__":
    unittest.main()
