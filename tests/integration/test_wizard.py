"""The wizard in a real terminal (tmux): the way back, the preview, wrong answers, all files or none."""
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from newcomer import printed_commands  # noqa: E402
from test_onboard import FILES, Case  # noqa: E402
from workspace import BIN  # noqa: E402


class Terminal:
    """One tmux session of its own server; what is on the screen is what a person sees."""

    def __init__(self, new, *words):
        self.socket = os.path.join(new.path, "..", os.path.basename(new.path) + ".tmux")
        self.env = {**new.env, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        # The exit status is part of the screen; the shell stays until it is read.
        line = "%s %s; echo \"exit=$?\"; sleep 1000" % (os.path.join(BIN, "countersign"), " ".join(words))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "200", "-y", "200", "-c", new.path, line)

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], env=self.env, capture_output=True, text=True,
                              check=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-J", "-S", "-").rstrip()

    def wait(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.screen()
            if re.search(pattern, text):
                return text
            time.sleep(0.03)
        raise AssertionError("%r did not appear in\n%s" % (pattern, text))

    def answer(self, question, *keys):
        """Wait until this question is the last line, then type; "" is Enter alone."""
        self.wait(re.escape(question) + r"[^\n]*: ?$")
        for key in keys:
            if key:
                self.tmux("send-keys", "-l", key)
        self.tmux("send-keys", "Enter")

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)
        if os.path.exists(self.socket):
            os.unlink(self.socket)


TO_TABLE = [("Engine", ""), ("Variable with the read URL", ""), ("Schema [main]", "")]
READ = [("Table", "invoices"), ("Primary key [id]", ""), ("Tenant column [tenant_id]", ""), ("the tenant", ""),
        ("the caller's name", "")]
NAMES = [("Namespace", "billing"), ("Object name [invoice]", ""), ("Id argument [invoice_id]", ""),
         ("Read capability [billing.inspect_invoice]", "")]
TEXTS = [("Read description", ""), ("Read returns hint", "")]


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Wizard(Case):
    def start(self, *words):
        terminal = Terminal(self.new, *(words or ("onboard", "db", "--from-env", "DATABASE_URL")))
        self.addCleanup(terminal.close)
        return terminal

    def talk(self, terminal, *answers):
        for question, answer in answers:
            terminal.answer(question, answer)

    def test_a_reading_tool_with_a_first_call(self):
        t = self.start()
        self.talk(t, *TO_TABLE, *READ, ("Mode (read_only/shadow/review) [read_only]", ""),
                  ("Visible columns [id, tenant_id, status, late_fee_cents, waiver_reason, updated_at]",
                   "id,status,late_fee_cents"),
                  *NAMES, ("A real id", "INV-3001"), *TEXTS, ("Result envelope", ""), ("Edit", ""))
        text = t.wait("Write these files")
        self.assertEqual([n for n in self.new.files() if not n.startswith(".tmux")], [], "nothing before the last yes")
        for line in ("Flow: inspect database -> create trusted context -> create capability -> expose MCP tool.",
                     "Step 1:", "Step 2: Create trusted context", "Step 3: Create capability", "Preview:",
                     "  trusted context: tenant from SYNAPSOR_TENANT_ID via tenant_id; principal from SYNAPSOR_PRINCIPAL",
                     "  primary key: id; conflict guard: none needed", "  visible fields: id, status, late_fee_cents",
                     "  mode: read_only", "  result envelope: v2", "  read capability: billing.inspect_invoice",
                     "  exposed tools: billing.inspect_invoice", "  not exposed: execute_sql, approval, apply",
                     "of this table: waiver_reason, updated_at"):
            self.assertIn(line, text)
        t.answer("Write these files? Type yes [no]", "yes")
        text = t.wait("exit=0")
        for line in ("created countersign.json", "created .env.example", "Smoke call ran successfully.",
                     "OpenAI Agents SDK:", "config valid: countersign.json", "Doctor:"):
            self.assertIn(line, text)
        self.assertEqual(self.valid()["capabilities"][0]["visible_columns"],
                         ["id", "tenant_id", "status", "late_fee_cents"])
        for line in printed_commands(text):
            with self.subTest(line):
                if " mcp serve" not in line:
                    self.new.shell(line)
                elif "http" not in line:
                    with self.new.client(line) as mcp:
                        self.assertEqual(mcp.read("INV-3001")["data"]["status"], "open")

    def test_back_takes_an_answer_back_and_wrong_answers_are_asked_again(self):
        t = self.start("init", "--from-env", "NOT_SET")
        self.talk(t, ("Engine", "oracle"))
        t.wait("please answer one of postgres/mysql/sqlite/auto")
        self.talk(t, ("Engine", ""), ("Variable with the read URL [NOT_SET]", ""))
        t.wait("NOT_SET is not set")
        self.talk(t, ("Variable with the read URL", "sqlite:x"))
        t.wait("never the value itself")
        self.talk(t, ("Variable with the read URL", "DATABASE_URL"), ("Schema [main]", ""), ("Table", "things"),
                  ("Primary key [key]", "back"), ("Table [things]", "odd name"))
        t.wait("unsafe identifier")
        self.talk(t, ("Table [things]", "invoices"), ("Primary key [id]", "nosuch"))
        t.wait("has no column nosuch")
        self.talk(t, ("Primary key [id]", "b"), ("Table [invoices]", ""), *READ[1:],
                  ("Mode", "review"), ("Conflict column [updated_at]", "-"), ("Visible columns", ""),
                  ("No conflict column: type yes", "no"))
        t.wait("type yes, or b to go back")
        self.talk(t, ("No conflict column", "b"), ("Visible columns", "b"), ("Conflict column", ""),
                  ("Visible columns", ""), ("Action setup", ""), ("Patch", "id=arg:x,updated_at"))
        t.wait("unsafe identifier in selection: x,updated_at")
        self.talk(t, ("Patch", "id=arg:x"))
        t.wait("id is the primary_key")
        self.talk(t, ("Patch", "late_fee_cents=arg:fee"), ("Numeric bounds", "status=0:1"),
                  ("Numeric bounds", "late_fee_cents=0:5000"), ("Transition guards", ""), *NAMES, ("Proposal capability", "billing.propose_fee"), ("A real id", ""),
                  *TEXTS, ("Proposal description", ""), ("Proposal returns hint", ""), ("Result envelope", "default"),
                  ("Writeback path", "sql_update"), ("write URL", ""), ("Role", "lead"), ("Edit", "yes"),
                  ("Visible columns", "id,late_fee_cents"), ("Read capability", "billing.look"),
                  ("Proposal capability [billing.propose_fee]", ""))
        text = t.wait("Updated preview:[^$]*Write these files")
        self.assertIn("read capability: billing.look", text)
        t.answer("Write these files", "yes")
        text = t.wait("exit=0")
        value = self.valid()
        self.assertEqual([c["name"] for c in value["capabilities"]], ["billing.look", "billing.propose_fee"])
        self.assertEqual(value["capabilities"][1]["args"]["fee"], {"type": "number", "required": True, "minimum": 0,
                                                                   "maximum": 5000})
        self.assertEqual(value["capabilities"][1]["approval"]["required_role"], "lead")
        self.assertEqual(self.new.files(), FILES)

    def test_a_recipe_is_mapped_column_by_column(self):
        t = self.start("init", "--from-env", "DATABASE_URL", "--recipe", "billing.late_fee_waiver")
        self.talk(t, *TO_TABLE, *READ, ("Mode", "review"), ("Conflict column", ""), ("Visible columns", "status"),
                  ("Action setup (manual/recipe) [recipe]", ""), ("Recipe [billing.late_fee_waiver]", ""))
        text = t.wait(r"Column for id \[id\]")
        self.assertIn("Available recipes", text)
        self.assertIn("Mapping recipe billing.late_fee_waiver", text)
        self.talk(t, ("Column for id", ""), ("Column for tenant_id", ""), ("Column for late_fee_cents", "b"),
                  ("Column for tenant_id", ""), ("Column for late_fee_cents", ""),
                  ("Column for waiver_reason", "status"), ("Column for updated_at", ""), ("Column for status", ""),
                  ("Namespace [billing]", ""), ("Object name [invoice]", ""), ("Id argument [invoice_id]", ""),
                  ("Read capability [billing.inspect_invoice]", ""),
                  ("Proposal capability [billing.propose_late_fee_waiver]", ""), ("A real id", ""), *TEXTS,
                  ("Proposal description", ""), ("Proposal returns hint", ""), ("Result envelope", ""),
                  ("Writeback path", "http_handler"), ("handler's URL", ""), ("handler's token", "THE_TOKEN"),
                  ("signing secret", ""), ("Role that reviewers need [billing_lead]", ""), ("Edit", ""))
        self.assertIn("writeback path: http_handler", t.wait("Write these files"))
        t.answer("Write these files", "yes")
        t.wait("exit=0")
        self.assertEqual(self.valid()["capabilities"][1]["patch"], {"late_fee_cents": {"fixed": 0},
                                                                    "status": {"from_arg": "reason"}})

    def test_leaving_writes_nothing(self):
        for leave in ("no", None):
            t = self.start("init", "--from-env", "DATABASE_URL")
            self.talk(t, *TO_TABLE)
            if leave is None:
                t.wait(r"Table[^\n]*: ?$")
                t.tmux("send-keys", "C-d")
            else:
                self.talk(t, *READ, ("Mode", ""), ("Visible", ""), *NAMES, ("A real id", ""), *TEXTS,
                          ("Result envelope", ""), ("Edit", ""), ("Write these files", leave))
            self.assertIn("guided init canceled before writing files", t.wait("exit=1"))
            self.assertEqual(self.new.files(), [])
            t.close()

    def test_existing_files_stop_it_at_the_end(self):
        self.new.write(".env.example", "mine")
        t = self.start("init", "--from-env", "DATABASE_URL")
        self.talk(t, *TO_TABLE, *READ, ("Mode", ""), ("Visible", ""), *NAMES, ("A real id", ""), *TEXTS,
                  ("Result envelope", ""), ("Edit", ""), ("Write these files", "yes"))
        self.assertIn("already exists. Use --force", t.wait("exit=1"))
        self.assertEqual(self.new.files(), [".env.example"])


if __name__ == "__main__":
    unittest.main()
