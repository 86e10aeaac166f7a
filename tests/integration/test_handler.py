"""App-owned writeback: what is approved is executed by the application."""
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from app import SECRET, TOKEN, App  # noqa: E402
from postgres import wait_for  # noqa: E402
from workspace import Workspace, child_of, contract  # noqa: E402


def handled(executor=None, **changes):
    """The contract of the tests, its proposal executed by an HTTP handler."""
    value = contract(**changes)
    value["executors"] = {"app": executor or {
        "type": "http_handler", "url_env": "APP_URL", "auth": {"type": "bearer_env", "token_env": "APP_TOKEN"},
        "signing_secret_env": "APP_SECRET", "timeout_ms": 800}}
    value["capabilities"][1]["executor"] = "app"
    del value["sources"]["shop"]["write_url_env"]
    return value


def handled_and_sql():
    value = handled()
    value["sources"]["shop"]["write_url_env"] = "SHOP_WRITE_URL"
    by_sql = json.loads(json.dumps(value["capabilities"][1]))
    by_sql.update(name="billing.propose_by_sql", executor="sql_update")
    value["capabilities"].append(by_sql)
    return value


class Handled(unittest.TestCase):
    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.close)
        self.w = self.workspace(handled())

    def workspace(self, config):
        w = Workspace(config=config)
        self.addCleanup(w.close)
        del w.env["SHOP_WRITE_URL"]
        w.env.update(APP_URL=self.app.url, APP_TOKEN=TOKEN, APP_SECRET=SECRET)
        return w

    def apply(self, identifier, check=None):
        return json.loads(self.w.run("apply", identifier, "--json", check=check).stdout)

    def state(self, identifier):
        return self.w.json("proposals", "show", identifier)["proposal"]["state"]


class AnHttpHandler(Handled):
    def test_an_approved_proposal_is_applied_by_the_application(self):
        identifier = self.w.approved()
        self.assertEqual(self.app.requests, [])
        receipt = self.apply(identifier, check=0)
        self.assertEqual((receipt["status"], receipt["rows_affected"], receipt["source_database_mutated"]),
                         ("applied", 3, True))
        self.assertEqual(receipt["new_version"], "v2")
        self.assertEqual(self.app.effects, [receipt["idempotency_key"]])
        self.assertEqual(self.state(identifier), "applied")

    def test_the_request_is_the_one_that_handlers_of_0_1_1_know(self):
        identifier = self.w.approved()
        self.apply(identifier, check=0)
        (method, headers, body), = self.app.requests
        request = json.loads(body)
        self.assertEqual(list(request), [
            "protocol_version", "schema_version", "writeback_job_id", "proposal_id", "proposal_version",
            "proposal_hash", "action", "runner_hint", "idempotency_key", "source", "target", "tenant_guard",
            "allowed_columns", "before", "patch", "after", "guards", "evidence", "approval",
            "source_database_mutated", "change_set", "issued_at", "executor", "dry_run"])
        self.assertEqual(request["writeback_job_id"], "hwb_" + identifier)
        self.assertEqual(request["idempotency_key"], identifier + ":INV-3001")
        self.assertEqual(request["target"], {"schema": "main", "table": "invoices",
                                             "primary_key": {"column": "id", "value": "INV-3001"}})
        self.assertEqual(request["tenant_guard"], {"column": "tenant_id", "value": "acme"})
        self.assertEqual(list(request["change_set"]), ["action", "scope", "principal", "target", "patch", "guards"])
        self.assertEqual(request["change_set"]["scope"]["tenant_id"], "acme")
        self.assertEqual(request["change_set"]["principal"]["id"], "support_agent_17")
        self.assertEqual((method, headers["x-synapsor-issued-at"]), ("POST", request["issued_at"]))
        self.assertEqual(headers["idempotency-key"], request["idempotency_key"])
        self.assertEqual(headers["x-synapsor-proposal-id"], identifier)
        self.assertEqual(headers["content-type"], "application/json")

    def test_what_apply_says_to_people(self):
        identifier = self.w.approved()
        text = self.w.run("apply", identifier, check=0).stdout
        self.assertTrue(text.startswith("App-owned writeback applied.\n"), text)
        for line in ("* proposal approved: yes", "* execution authority: app-owned handler outside MCP",
                     "* source database changed by handler: yes", "* affected rows: 3",
                     "* idempotency key: %s:INV-3001" % identifier):
            self.assertIn(line + "\n", text)
        self.assertNotIn("primary key matched", text)
        text = self.w.run("apply", identifier, check=0).stdout
        self.assertTrue(text.startswith("App-owned writeback already applied.\n"), text)

    def checks(self, *flags):
        result = self.w.run("doctor", "--json", *flags)
        self.assertNotIn(self.app.url, result.stdout + result.stderr)
        return {c["name"]: c for c in json.loads(result.stdout)["checks"]}["executor:app:handler-reachability"]

    def test_doctor_reaches_the_handler_and_executes_nothing(self):
        self.assertIn("--check-handlers", self.checks()["message"])
        self.assertEqual(self.app.requests, [])
        self.assertEqual(self.checks("--check-handlers")["level" if "level" in self.checks() else "status"], "pass")
        self.assertEqual({method for method, _, _ in self.app.requests}, {"OPTIONS"})
        self.app.close()
        self.assertIn("nobody answers there", self.checks("--check-handlers")["message"])

    def test_an_applied_proposal_is_answered_without_asking_again(self):
        identifier = self.w.approved()
        self.apply(identifier, check=0)
        receipt = self.apply(identifier, check=0)
        self.assertEqual((receipt["status"], receipt["source_database_mutated"]), ("already_applied", False))
        self.assertEqual(len(self.app.requests), 1)

    def test_already_applied_conflict_and_failed_are_taken_as_they_are_said(self):
        for said, code, state, exit_code in (
                ({"status": "already_applied", "rows_affected": 0, "source_database_mutated": False},
                 None, "applied", 0),
                ({"status": "conflict", "rows_affected": 0, "source_database_mutated": False,
                  "safe_error_code": "ROW_CHANGED_AFTER_PROPOSAL"}, "ROW_CHANGED_AFTER_PROPOSAL", "conflict", 0),
                ({"status": "failed", "rows_affected": 0, "source_database_mutated": False,
                  "safe_error_code": "driver: secret text"}, "HANDLER_FAILED", "failed", 1)):
            with self.subTest(said["status"]):
                identifier = self.w.approved(reason=said["status"])
                self.app.mode = said
                receipt = self.apply(identifier, check=exit_code)
                self.assertEqual((receipt["status"], receipt.get("safe_error_code"),
                                  receipt["source_database_mutated"]), (said["status"], code, False))
                self.assertEqual(self.state(identifier), state)

    def test_a_refusal_changes_nothing_and_may_be_tried_again(self):
        self.w.env["APP_SECRET"] = "another secret"
        identifier = self.w.approved()
        receipt = self.apply(identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"], receipt["source_database_mutated"]),
                         ("failed", "HANDLER_HTTP_401", False))
        self.w.wait_idle()
        self.w.env["APP_SECRET"] = SECRET
        self.assertEqual(self.apply(identifier, check=0)["status"], "applied")
        self.assertEqual(len(self.app.effects), 1)

    def test_a_redirect_is_not_followed(self):
        self.app.mode = "redirect"
        receipt = self.apply(self.w.approved(), check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "HANDLER_HTTP_307"))
        self.assertEqual((self.app.elsewhere, len(self.app.requests)), (0, 1))

    def test_a_handler_that_is_not_there_was_sent_nothing(self):
        self.app.close()
        identifier = self.w.approved()
        receipt = self.apply(identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "HANDLER_REQUEST_FAILED"))
        self.assertEqual(self.state(identifier), "failed")

    def test_only_https_and_this_machine_may_be_called(self):
        for url in ("http://192.0.2.1/x", "ftp://127.0.0.1/x", "https://10.0.0.1/x", "http://u:p@127.0.0.1/x"):
            with self.subTest(url):
                self.w.env["APP_URL"] = url
                result = self.w.run("apply", self.w.approved(reason=url), "--json", check=1)
                self.w.wait_idle()
                receipt = json.loads(result.stdout)
                self.assertEqual(receipt["safe_error_code"], "HANDLER_REQUEST_FAILED")
                self.assertIn("Nothing was sent", receipt["details"]["explanation"])
                self.assertNotIn(url, result.stdout + result.stderr)

    def test_without_its_secret_nothing_is_sent(self):
        del self.w.env["APP_SECRET"]
        receipt = self.apply(self.w.approved(), check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "HANDLER_CREDENTIAL_MISSING"))
        self.assertEqual(self.app.requests, [])

    def test_a_dry_run_is_not_sent_to_a_handler_that_would_apply_it(self):
        identifier = self.w.approved()
        result = self.w.run("apply", identifier, "--dry-run", "--json", check=1)
        self.assertEqual(json.loads(result.stdout)["safe_error_code"], "HANDLER_DRY_RUN_UNSUPPORTED")
        self.assertEqual(self.app.requests, [])
        self.assertEqual(self.state(identifier), "approved")

    def test_one_writer_of_each_kind_takes_only_its_own_jobs(self):
        """writerd is there, and free: it is not asked."""
        self.w = self.workspace(handled_and_sql())
        self.w.env["SHOP_WRITE_URL"] = self.w.env["SHOP_READ_URL"]
        with self.w.client(no_writer=False) as mcp:
            first = mcp.propose("INV-3001")["proposal"]["id"]
            second = mcp.envelope("billing.propose_by_sql", invoice_id="INV-3002", reason="r", fee=7)["proposal"]["id"]
            for identifier in (first, second):
                self.w.run("proposals", "approve", identifier, "--yes", check=0)
                receipt = self.w.json("apply", identifier)
                self.assertEqual(receipt["status"], "applied", receipt)
        self.assertEqual(self.app.effects, [first + ":INV-3001"])
        self.assertEqual(self.w.row("INV-3001")[0], 5500)
        self.assertEqual(self.w.row("INV-3002")[0], 7)


class AnUnknownOutcome(Handled):
    """A request that was sent and got no receipt: never "not changed"."""

    def assert_settled(self, mode, code):
        """Unknown at first; asked again under the same key; one effect."""
        self.app.mode = mode
        identifier = self.w.approved(reason=code)
        receipt = self.apply(identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("outcome_unknown", code))
        again = self.apply(identifier, check=0)
        self.assertIn(again["status"], ("applied", "already_applied"))
        self.assertEqual(self.state(identifier), "applied")
        keys = [json.loads(body)["idempotency_key"] for _, _, body in self.app.requests]
        self.assertEqual(set(keys), {identifier + ":INV-3001"})
        self.assertGreaterEqual(len(keys), 2)
        self.assertEqual(self.app.effects, [keys[0]])

    def test_a_hanging_handler(self):
        self.assert_settled("hang", "HANDLER_TIMEOUT")

    def test_a_handler_that_applies_and_hangs(self):
        self.assert_settled("apply-then-hang", "HANDLER_TIMEOUT")

    def test_a_handler_that_applies_and_dies(self):
        self.assert_settled("apply-then-die", "HANDLER_REQUEST_FAILED")

    def test_a_handler_that_applies_and_answers_500(self):
        self.assert_settled("apply-then-500", "HANDLER_HTTP_500")

    def test_an_answer_of_ten_megabytes(self):
        self.assert_settled("huge", "HANDLER_RESPONSE_TOO_LARGE")

    def test_answers_that_are_no_receipt(self):
        for n, said in enumerate((
                b"not json", b'{"status":"applied","status":"failed"}', b"[]", {"status": "done"},
                {"status": "applied", "rows_affected": "3"}, {"status": "applied", "rows_affected": -1},
                {"status": "failed", "source_database_mutated": True},
                {"status": "applied", "source_database_mutated": "yes"},
                {"status": "applied", "new_version": {"a": 1}}, {})):
            with self.subTest(said):
                self.app.mode = (said, 500)
                identifier = self.w.approved(reason="r%d" % n)
                receipt = self.apply(identifier, check=1)
                self.assertEqual(receipt["status"], "outcome_unknown", receipt)
                self.assertIn(receipt["safe_error_code"], ("HANDLER_INVALID_JSON", "HANDLER_RECEIPT_INVALID"))
                self.app.mode = "normal"
                self.apply(identifier, check=0)

    def test_a_later_failure_or_conflict_does_not_say_what_the_first_request_did(self):
        conflict = {"status": "conflict", "rows_affected": 0, "source_database_mutated": False,
                    "safe_error_code": "ROW_CHANGED_AFTER_PROPOSAL"}
        # However many requests there are: the first is followed by one that nobody asks for.
        self.app.mode = ("apply-then-500", (conflict, (conflict, (conflict, conflict))))
        identifier = self.w.approved()
        self.apply(identifier, check=1)
        receipt = self.apply(identifier, check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("outcome_unknown", "HANDLER_NOT_SETTLED"))
        self.assertIn("ROW_CHANGED_AFTER_PROPOSAL", receipt["details"]["explanation"])
        self.assertEqual(self.state(identifier), "outcome_unknown")

    def test_an_application_is_not_asked_again_while_that_is_frozen(self):
        conflict = {"status": "conflict", "rows_affected": 0, "source_database_mutated": False,
                    "safe_error_code": "ROW_CHANGED_AFTER_PROPOSAL"}
        self.app.mode = ("apply-then-500", (conflict, "normal"))
        identifier = self.w.approved()
        self.apply(identifier, check=1)
        wait_for(lambda: self.w.ledger("SELECT 1 FROM jobs WHERE settle AND state = 'reported'"), 20, "the look-up")
        asked = len(self.app.requests)
        self.w.run("freeze", "--tenant", "acme", "--reason", "incident", check=0)
        result = self.w.run("apply", identifier, check=1)
        self.assertIn("FROZEN", result.stderr)
        self.assertIn("stays unknown", result.stderr)
        self.assertEqual(len(self.app.requests), asked)
        self.w.run("thaw", "--tenant", "acme", "--reason", "over", check=0)
        self.assertEqual(self.apply(identifier, check=0)["status"], "already_applied")
        self.assertEqual(len(self.app.effects), 1)

    def test_a_follow_up_that_is_frozen_waits_for_the_thaw(self):
        config = handled()
        config["executors"]["app"]["timeout_ms"] = 20000  # time for the freeze
        self.w = self.workspace(config)

        def freeze():
            self.w.run("freeze", "--reason", "incident", check=0)
            return "apply-then-500"

        self.app.mode = (freeze, "normal")
        mcp = self.w.serve(no_writer=False)  # so that the handler's daemon stays
        self.addCleanup(mcp.close)
        mcp.initialize()
        identifier = self.w.approved()
        self.apply(identifier, check=1)
        time.sleep(1)
        self.assertEqual(len(self.app.requests), 1)
        self.w.run("thaw", "--reason", "over", check=0)
        wait_for(lambda: self.state(identifier) == "applied", 5, "the follow-up after the thaw")
        self.assertEqual(len(self.app.effects), 1)


SCRIPT = '''
import json, os, signal, subprocess, sys, time
folder, mode = sys.argv[1], sys.argv[2]
line = sys.stdin.read()
request = json.loads(line)
with open(folder + "/seen.json", "a") as file:
    json.dump({"line": line, "environment": dict(os.environ), "words": sys.argv[2:], "cwd": os.getcwd(),
               "group": os.getpgid(0) == os.getpid()}, file)
    file.write("\\n")
if mode == "hang":
    child = subprocess.Popen(["/bin/sleep", "60"])
    with open(folder + "/child", "w") as file:
        file.write(str(child.pid))
    time.sleep(60)
if mode == "flood":
    while True:
        sys.stdout.write("x" * 65536)
if mode == "fail":
    sys.exit(3)
if mode == "spy":
    found = []
    for name in ("/proc/%d/environ" % os.getppid(), "/proc/%d/mem" % os.getppid(), os.path.dirname(folder) + "/shop.db"):
        try:
            open(name, "rb").read(1)
            found.append(name)
        except OSError:
            pass
    try:
        open(os.path.dirname(folder) + "/elsewhere", "w")
        found.append("elsewhere")
    except OSError:
        pass
    try:
        import socket
        socket.socket(socket.AF_UNIX)
        found.append("unix")
    except OSError:
        pass
    with open(folder + "/found", "w") as file:
        json.dump(found, file)
print(json.dumps({"status": "applied", "rows_affected": 2, "source_database_mutated": True}))
'''


class ACommandHandler(Handled):
    def setUp(self):
        self.w = Workspace()
        self.addCleanup(self.w.close)
        self.folder = os.path.join(self.w.path, "app")
        self.programs = os.path.join(self.w.path, "programs")
        os.mkdir(self.folder)
        os.mkdir(self.programs)
        self.script = os.path.join(self.programs, "a handler.py")
        with open(self.script, "w") as file:
            file.write(SCRIPT)
        self.w.write_config(handled({"type": "command_handler", "command_env": "APP_COMMAND", "timeout_ms": 1500,
                                     "writable_paths": [self.folder]}))
        self.w.env.update(APP_OTHER="not for commands")
        del self.w.env["SHOP_WRITE_URL"]
        self.mode("normal")

    def mode(self, mode):
        self.w.env["APP_COMMAND"] = "/usr/bin/python3 -I '%s' %s %s \"two words\"" % (self.script, self.folder, mode)

    def seen(self):
        with open(os.path.join(self.folder, "seen.json")) as file:
            return [json.loads(line) for line in file]

    def test_an_approved_proposal_is_applied_by_the_command(self):
        identifier = self.w.approved()
        receipt = self.apply(identifier, check=0)
        self.assertEqual((receipt["status"], receipt["rows_affected"]), ("applied", 2))
        seen, = self.seen()
        self.assertTrue(seen["line"].endswith("}\n"))
        request = json.loads(seen["line"])
        self.assertEqual((request["writeback_job_id"], request["dry_run"]), ("hwb_" + identifier, False))
        self.assertNotIn("issued_at", request)
        self.assertNotIn("protocol_version", request)
        self.assertEqual(seen["words"], ["normal", "two words"])
        self.assertTrue(seen["group"])
        self.assertEqual({k: v for k, v in seen["environment"].items() if k != "LC_CTYPE"},
                         {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"})

    def test_a_command_that_hangs_is_killed_with_its_children(self):
        self.mode("hang")
        receipt = self.apply(self.w.approved(), check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("outcome_unknown", "HANDLER_TIMEOUT"))
        with open(os.path.join(self.folder, "child")) as file:
            child = int(file.read())
        deadline = time.monotonic() + 5
        while alive(child) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(alive(child))

    def test_a_command_that_writes_without_end_is_killed(self):
        self.mode("flood")
        receipt = self.apply(self.w.approved(), check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]),
                         ("outcome_unknown", "HANDLER_RESPONSE_TOO_LARGE"))

    def test_a_command_that_fails_may_have_acted(self):
        self.mode("fail")
        receipt = self.apply(self.w.approved(), check=1)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("outcome_unknown", "HANDLER_EXIT_3"))

    def test_what_is_no_absolute_path_is_not_executed(self):
        for n, line in enumerate(("python3 x", "/bin/sh 'unterminated", "/nowhere/at/all", "  ", "/bin/sh\\")):
            with self.subTest(line):
                self.w.env["APP_COMMAND"] = line
                receipt = self.apply(self.w.approved(reason="r%d" % n), check=1)
                self.assertEqual(receipt["status"], "failed")
                self.assertIn(receipt["safe_error_code"], ("HANDLER_REQUEST_FAILED", "HANDLER_CREDENTIAL_MISSING"))
                self.w.wait_idle()

    def test_an_answer_that_comes_too_late_is_not_the_next_commands(self):
        first = self.w.approved()
        with self.w.client(no_writer=False) as mcp:
            mcp.read("INV-3002")
            handler = child_of(mcp.process.pid, "writerd-handler")
            launcher = child_of(handler, "writerd-handler")
            os.kill(launcher, signal.SIGSTOP)
            receipt = self.apply(first, check=1)
            self.assertEqual(receipt["status"], "outcome_unknown")
            os.kill(launcher, signal.SIGCONT)
            second = mcp.propose("INV-3002")["proposal"]["id"]
            self.w.run("proposals", "approve", second, "--yes", check=0)
            receipt = self.apply(second, check=1)
            self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "HANDLER_REQUEST_FAILED"))
        asked = [json.loads(one["line"])["proposal_id"] for one in self.seen()]
        self.assertNotIn(second, asked)

    def test_its_sandbox_has_its_own_folder_and_no_other_process(self):
        self.mode("spy")
        self.apply(self.w.approved(), check=0)
        with open(os.path.join(self.folder, "found")) as file:
            self.assertEqual(json.load(file), [])


class HandlerSecrets(Handled):
    """Boundary: neither mcpd nor writerd nor the ledger ever sees one."""

    def test_no_other_process_and_no_file_holds_a_secret(self):
        self.w = self.workspace(handled_and_sql())
        self.w.env["SHOP_WRITE_URL"] = self.w.env["SHOP_READ_URL"]
        with self.w.client(no_writer=False) as mcp:
            identifier = mcp.propose("INV-3001")["proposal"]["id"]
            self.w.run("proposals", "approve", identifier, "--yes", check=0)
            shown = self.w.run("apply", identifier, check=0)
            pids = {name: child_of(mcp.process.pid, name) for name in ("mcpd", "writerd", "ledgerd",
                                                                       "writerd-handler")}
            self.assertTrue(all(pids.values()), pids)
            for name, pid in pids.items():
                with self.subTest(name):
                    seen = readable(pid, memory=os.geteuid() == 0 and name != "writerd-handler")
                    for secret in (TOKEN, SECRET, self.app.url):
                        self.assertNotIn(secret.encode(), seen)
        everything = shown.stdout + shown.stderr
        for folder, _, files in os.walk(self.w.path):
            for file in filter(lambda f: not f.endswith(".sock"), files):
                with open(os.path.join(folder, file), "rb") as content:
                    everything += content.read().decode(errors="replace")
        for secret in (TOKEN, SECRET, self.app.url):
            self.assertNotIn(secret, everything)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


def readable(pid, memory):
    """Command line, environment and, for root, what is in its memory."""
    seen = b""
    for name in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (pid, name), "rb") as file:
            seen += file.read()
    if memory:
        with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as mem:
            for line in maps:
                addresses, rights = line.split()[:2]
                start, end = (int(x, 16) for x in addresses.split("-"))
                # ASan's shadow is terabytes of nothing.
                if rights.startswith("rw") and end - start < 1 << 28:
                    try:
                        mem.seek(start)
                        seen += mem.read(end - start)
                    except (OSError, ValueError, OverflowError):
                        pass
    return seen


if __name__ == "__main__":
    unittest.main()
