"""What MCP clients are told: snippets without secrets, and edits of their own
files that change one entry and nothing else."""
import glob
import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, Mcp, Workspace  # noqa: E402

COUNTERSIGN = os.path.join(BIN, "countersign")
SECRET = "hunter2"
FILES = {"claude-desktop": ".config/Claude/claude_desktop_config.json", "cursor": ".cursor/mcp.json",
         "vscode": ".config/Code/User/mcp.json", "claude-code": "project/.mcp.json"}
VSCODE = """{
\t// my servers
\t"servers": {
\t\t"other": {
\t\t\t"command": "npx", /* keep */
\t\t\t"args": ["a", "b",],
\t\t}, // last one
\t},
\t"inputs": [],
}
"""


def uncommented(text):
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


class Client(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="countersign-client-")
        self.addCleanup(folder.cleanup)
        self.home = os.path.realpath(folder.name)
        self.project = os.path.join(self.home, "project")
        os.mkdir(self.project)
        self.env = {"HOME": self.home, "PATH": "/usr/bin:/bin", "SHOP_READ_URL": "postgres://u:%s@h/d" % SECRET,
                    "SYNAPSOR_RUNNER_HTTP_TOKEN": SECRET, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    def run_it(self, *words, check=0):
        result = subprocess.run([COUNTERSIGN, "mcp", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                cwd=self.project, env=self.env, timeout=60, check=False)
        self.assertEqual(result.returncode, check, result)
        self.assertNotIn(SECRET, result.stdout + result.stderr)
        return result

    def path(self, client):
        return os.path.join(self.home, FILES[client])

    def put(self, client, text):
        os.makedirs(os.path.dirname(self.path(client)), exist_ok=True)
        with open(self.path(client), "w") as file:
            file.write(text)
        os.chmod(self.path(client), 0o640)

    def get(self, client):
        with open(self.path(client)) as file:
            return file.read()

    def backups(self, client):
        return sorted(glob.glob(self.path(client) + ".bak.*"))


class Snippets(Client):
    def test_shapes(self):
        words = ["mcp", "serve", "--config", "./countersign.json", "--store", "./.countersign/local.db"]
        plain = {"command": "countersign", "args": words}
        for client, wanted in (("generic", plain), ("generic-stdio", plain),
                               ("claude", {"mcpServers": {"countersign": plain}}),
                               ("claude-desktop", {"mcpServers": {"countersign": plain}}),
                               ("cursor", {"mcpServers": {"countersign": plain}}),
                               ("claude-code", {"mcpServers": {"countersign": {"type": "stdio", **plain}}}),
                               ("vscode", {"servers": {"countersign": {"type": "stdio", **plain}}})):
            for words in (("config", client), ("config", "--client", client), ("client-config", "--client", client),
                          ("configure", "--client", client)):
                result = self.run_it(*words)
                self.assertEqual(json.loads(result.stdout), wanted, words)
                self.assertIn("warning: there is no ./countersign.json yet", result.stderr)
        self.assertEqual(json.loads(self.run_it("config").stdout), {"mcpServers": {"countersign": plain}})
        self.assertEqual(os.listdir(self.home), ["project"])

    def test_flags(self):
        def args(*words):
            return json.loads(self.run_it("config", *words).stdout)["args"]
        self.assertEqual(args("generic", "--alias-mode", "openai")[-2:], ["--alias-mode", "openai"])
        self.assertEqual(args("generic", "--openai-tool-aliases")[-1], "openai")
        self.assertEqual(args("generic", "--transport", "streamable-http", "--port", "9"),
                         ["mcp", "serve-streamable-http", "--config", "./countersign.json", "--store",
                          "./.countersign/local.db", "--host", "127.0.0.1", "--port", "9", "--auth-token-env",
                          "SYNAPSOR_RUNNER_HTTP_TOKEN"])
        self.assertEqual(args("generic", "--socket", "/run/mcp.sock"), ["mcp", "connect", "--socket", "/run/mcp.sock"])
        absolute = json.loads(self.run_it("config", "generic", "--absolute-paths").stdout)
        self.assertTrue(os.path.isabs(absolute["command"]))
        self.assertIn(os.path.join(self.project, "countersign.json"), absolute["args"])
        told = json.loads(self.run_it("config", "cursor", "--alias-mode", "openai", "--include-instructions").stdout)
        prompt = told["agent_instructions"]["recommended_system_prompt"]
        for word in ("propose-first", "source_database_changed: true", "VERSION_CONFLICT", "billing__inspect_invoice"):
            self.assertIn(word, prompt)
        self.assertEqual(len(told["agent_instructions"]["checklist"]), 4)

    def test_openai_agents(self):
        told = json.loads(self.run_it("config", "openai-agents").stdout)
        self.assertEqual(told["transport"], "streamable-http")
        self.assertEqual(told["start_server"]["env"], {"SYNAPSOR_RUNNER_HTTP_TOKEN": "<set-a-random-local-token>"})
        self.assertEqual(told["openai_agents_sdk"]["headers_from_env"],
                         {"Authorization": "Bearer $SYNAPSOR_RUNNER_HTTP_TOKEN"})
        compile(told["openai_agents_sdk"]["python"], "snippet", "exec")
        self.assertEqual((told["tool_names"]["alias_mode"], len(told["notes"])), ("openai", 4))

    def test_what_is_refused(self):
        for words in (("config", "emacs"), ("client-config",), ("configure",), ("config", "cursor", "--transport", "http"),
                      ("config", "cursor", "--transport", "streamable-http"), ("config", "generic", "--port", "0"),
                      ("config", "openai-agents", "--transport", "stdio"), ("config", "generic", "--auth-token-env", "x y"),
                      ("config", "generic", "--host", 'a"b'), ("config", "generic", "--alias-mode", "x"),
                      ("configure", "openai-agents", "--write", "--yes"), ("configure", "generic", "--write", "--yes"),
                      ("config", "generic", "--socket", "/x", "--transport", "streamable-http")):
            self.run_it(*words, check=1)
        self.assertIn("unsupported MCP client: emacs", self.run_it("config", "emacs", check=1).stderr)


class Files(Client):
    def entry(self, client):
        document = uncommented(self.get(client))
        return document["servers" if client == "vscode" else "mcpServers"]["countersign"]

    def test_a_new_file_is_made_and_removed_again(self):
        for client in FILES:
            with self.subTest(client):
                result = self.run_it("configure", client, "--write", "--yes")
                self.assertIn("wrote MCP %s configuration to %s" % (client, self.path(client)), result.stdout)
                self.assertIn("Destination: " + self.path(client), result.stderr)
                entry = self.entry(client)
                self.assertEqual(entry["command"], COUNTERSIGN)
                self.assertIn(os.path.join(self.project, "countersign.json"), entry["args"])
                self.assertEqual(stat.S_IMODE(os.stat(self.path(client)).st_mode), 0o600)
                self.run_it("configure", client, "--undo", "--yes")
                self.assertFalse(os.path.exists(self.path(client)))

    def test_only_the_entry_changes_and_undo_gives_the_bytes_back(self):
        self.put("vscode", VSCODE)
        self.run_it("configure", "vscode", "--yes")
        text = self.get("vscode")
        for line in VSCODE.splitlines():
            self.assertIn(line + "\n", text)
        self.assertEqual(uncommented(text)["servers"]["other"], {"command": "npx", "args": ["a", "b"]})
        self.assertEqual(self.entry("vscode")["command"], COUNTERSIGN)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("vscode")).st_mode), 0o640)
        backup, = self.backups("vscode")
        self.assertEqual(open(backup).read(), VSCODE)
        self.run_it("configure", "vscode", "--yes", "--socket", "/run/mcp.sock")
        self.assertEqual(self.entry("vscode")["args"], ["mcp", "connect", "--socket", "/run/mcp.sock"])
        self.run_it("configure", "vscode", "--undo", "--yes")
        self.assertEqual(self.get("vscode"), text)
        self.run_it("configure", "vscode", "--undo", "--yes")
        self.assertEqual(self.get("vscode"), VSCODE)
        self.assertEqual(self.backups("vscode"), [])
        self.run_it("configure", "vscode", "--undo", "--yes", check=1)

    def test_undo_keeps_what_others_changed_since(self):
        self.put("cursor", '{"mcpServers": {"a": {"command": "x"}}}')
        self.run_it("configure", "cursor", "--yes")
        document = json.loads(self.get("cursor"))
        document["mcpServers"]["later"] = {"command": "y"}
        self.put("cursor", json.dumps(document))
        self.run_it("configure", "cursor", "--undo", "--yes")
        self.assertEqual(json.loads(self.get("cursor")), {"mcpServers": {"a": {"command": "x"}, "later": {"command": "y"}}})

    def test_undo_beside_changes_in_a_file_that_was_empty(self):
        self.put("cursor", "")
        self.run_it("configure", "cursor", "--yes")
        document = json.loads(self.get("cursor"))
        document["mcpServers"]["later"] = {"command": "y"}
        self.put("cursor", json.dumps(document))
        self.run_it("configure", "cursor", "--undo", "--yes")
        self.assertEqual(json.loads(self.get("cursor")), {"mcpServers": {"later": {"command": "y"}}})

    def test_many_shapes_of_files_stay_readable(self):
        for text in ("", "\n", "{}", "{ }", "{\n}\n", '{"x":1}', '{"x":1,}', '{"mcpServers":{}}', '{"mcpServers":{/* a */}}',
                     '{"mcpServers":{"a":{}},"z":[1,2]}', '{\n    "mcpServers": {\n        "a": {} // ,\n    }\n}',
                     '{"mcpServers":{"countersign":{"command":"old"}}, "z": 1}', '\ufeff{"mcpServers":{"a":{}}}'):
            with self.subTest(text):
                before = uncommented(text.lstrip("\ufeff") if text.strip() else "{}")
                self.put("cursor", text)
                self.run_it("configure", "cursor", "--yes", "--name", "countersign")
                after = uncommented(self.get("cursor").lstrip("\ufeff"))
                self.assertEqual(after["mcpServers"].pop("countersign")["command"], COUNTERSIGN)
                before.setdefault("mcpServers", {}).pop("countersign", None)
                self.assertEqual(after, before)
                self.run_it("configure", "cursor", "--undo", "--yes")
                self.assertEqual(self.get("cursor"), text)

    def test_a_file_that_cannot_be_read_is_left_alone(self):
        for text in ("{", "[]", '{"mcpServers":[]}', "{'a':1}", '{"a":1}{}', "/*"):
            self.put("cursor", text)
            self.assertIn("CLIENT_FILE_INVALID", self.run_it("configure", "cursor", "--yes", check=1).stderr)
            self.assertEqual((self.get("cursor"), self.backups("cursor")), (text, []))

    def test_a_link_is_followed_and_a_destination_counts(self):
        real = os.path.join(self.home, "dotfiles.json")
        with open(real, "w") as file:
            file.write("{}")
        os.mkdir(os.path.join(self.home, ".cursor"))
        os.symlink(real, self.path("cursor"))
        self.run_it("configure", "cursor", "--yes")
        self.assertTrue(os.path.islink(self.path("cursor")))
        self.assertIn("countersign", json.load(open(real))["mcpServers"])
        other = os.path.join(self.project, "other.json")
        self.run_it("config", "cursor", "--write", "--destination", other, "--yes", "--name", "mine")
        self.assertEqual(list(json.load(open(other))["mcpServers"]), ["mine"])
        self.run_it("config", "generic", "--write", "--destination", other, "--yes")
        self.assertEqual(json.load(open(other))["command"], "countersign")

    def test_nothing_is_written_without_a_yes(self):
        self.put("cursor", "{}")
        result = self.run_it("configure", "cursor", "--write", check=1)
        self.assertIn("CONFIRMATION_REQUIRED", result.stderr)
        for answer, code in ((b"no\n", 1), (b"yes\n", 0)):
            pid, terminal = pty.fork()
            if pid == 0:
                os.chdir(self.project)
                os.execve(COUNTERSIGN, [COUNTERSIGN, "mcp", "configure", "cursor"], self.env)
            text, deadline = "", time.monotonic() + 20
            while "Type yes to continue" not in text and time.monotonic() < deadline:
                if select.select([terminal], [], [], 1)[0]:
                    text += os.read(terminal, 4096).decode()
            os.write(terminal, answer)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), code, text)
            os.close(terminal)
            self.assertEqual("mcpServers" in self.get("cursor"), code == 0)


class Works(unittest.TestCase):
    def test_the_written_command_serves(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        path = os.path.join(w.path, "client.json")
        w.run("mcp", "configure", "claude-code", "--destination", path, "--yes", check=0)
        entry = json.load(open(path))["mcpServers"]["countersign"]
        log = open(os.path.join(w.path, "log"), "w")
        self.addCleanup(log.close)
        process = subprocess.Popen([entry["command"], *entry["args"], "--no-writer", "--accept-reduced-isolation"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd="/",
                                   env=w.env)
        process.log_path = log.name
        mcp = Mcp(process)
        mcp.initialize()
        self.assertEqual(mcp.read("INV-3001")["data"]["late_fee_cents"], 5500)
        self.assertEqual(mcp.close(), 0)


if __name__ == "__main__":
    unittest.main()
