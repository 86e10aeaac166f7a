"""events tail --follow and events webhook: in order, at least once, signed, over
restarts of either side."""
import hashlib
import hmac
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, Workspace  # noqa: E402

SECRET, TOKEN = "signing-hunter2", "bearer-hunter2"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.server.seen.append((status, dict(self.headers), body))
        self.send_response(status)
        text = b"" if status == 204 else b"no: " + self.headers.get("Authorization", "").encode() + b"\x1b[31m"
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


class Events(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        self.first = self.w.proposed()

    def receiver(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        server.daemon_threads = True
        server.seen, server.statuses = [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, "http://127.0.0.1:%d/hook?key=hunter3" % server.server_address[1]

    def start(self, *words, env=None, stdout=subprocess.PIPE):
        process = subprocess.Popen([os.path.join(BIN, "countersign"), "events", *words, "--store", self.w.store,
                                    "--config", self.w.config], stdout=stdout, stderr=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL, cwd=self.w.path, env={**self.w.env, **(env or {})})
        self.addCleanup(lambda: (process.kill(), process.communicate()) if process.poll() is None else None)
        return process

    @staticmethod
    def until(condition, what):
        deadline = time.monotonic() + 20
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("never: " + what)
            time.sleep(0.02)

    def ids(self):
        return sorted(e["event_id"] for e in self.w.json("events", "tail", "--limit", "200")["events"])

    @staticmethod
    def numbers(server, status=204):
        return [json.loads(body)["event"]["event_id"] for s, _, body in server.seen if s == status]


class Follow(Events):
    def test_what_happens_later_is_shown_once_and_in_order(self):
        path = os.path.join(self.w.path, "followed")
        with open(path, "w") as out:
            process = self.start("tail", "--follow", "--interval-ms", "250", stdout=out)
        self.until(lambda: "proposal_created" in open(path).read(), "the first event")
        self.w.run("proposals", "approve", self.first, "--yes", check=0)
        self.until(lambda: "proposal_approved" in open(path).read(), "the approval")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 0, process.stderr.read())
        text = open(path).read()
        plain = self.w.run("events", "tail", "--limit", "200", check=0).stdout
        self.assertEqual(text, plain)

    def test_more_than_a_page_at_once_is_not_skipped(self):
        path = os.path.join(self.w.path, "followed")
        with open(path, "w") as out:
            process = self.start("tail", "--follow", "--interval-ms", "250", "--limit", "1", stdout=out)
        self.until(lambda: "proposal_created" in open(path).read(), "the first event")
        process.send_signal(signal.SIGSTOP)
        with self.w.client() as mcp:
            for _ in range(230):
                mcp.read("INV-9001")
        process.send_signal(signal.SIGCONT)
        self.until(lambda: open(path).read().count("call_refused") == 230, "all refusals")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)

    def test_a_reader_that_leaves_ends_it(self):
        process = self.start("tail", "--follow", "--interval-ms", "250")
        process.stdout.readline()
        process.stdout.close()
        self.w.run("proposals", "approve", self.first, "--yes", check=0)
        self.assertEqual(process.wait(10), 0, process.stderr.read())

    def test_wrong_usage(self):
        for words in (("--follow", "--json"), ("--follow", "--interval-ms", "10"), ("--after", "x")):
            self.assertEqual(self.w.run("events", "tail", *words).returncode, 1, words)


class Webhook(Events):
    def test_each_event_is_posted_once_signed_and_remembered(self):
        server, url = self.receiver()
        env = {"S": SECRET, "T": TOKEN}
        words = ("events", "webhook", "--url", url, "--signing-secret-env", "S", "--auth-token-env", "T")
        result = self.w.run(*words, env=env, check=0)
        self.assertEqual(self.numbers(server), self.ids())
        for line, number in zip(result.stdout.splitlines(), self.ids()):
            self.assertRegex(line, r"^pushed event %d \w+ for \w+ to http://127.0.0.1:\d+/hook$" % number)
        for _, headers, body in server.seen:
            value = json.loads(body)
            self.assertEqual(value["schema_version"], "synapsor.local-event-webhook.v1")
            self.assertEqual(value["source"], {"kind": "local_store", "store_path": self.w.store})
            self.assertEqual(headers["User-Agent"], "synapsor-runner-events-webhook")
            self.assertEqual(headers["Authorization"], "Bearer " + TOKEN)
            stamp, number = headers["X-Countersign-Timestamp"], headers["X-Countersign-Event-Id"]
            self.assertEqual(int(number), value["event"]["event_id"])
            self.assertLess(abs(int(stamp) - time.time()), 60)
            mac = hmac.new(SECRET.encode(), ("v1.%s.%s." % (stamp, number)).encode() + body, hashlib.sha256).hexdigest()
            self.assertEqual((headers["X-Countersign-Signature-Version"], headers["X-Countersign-Signature"]),
                             ("v1", "sha256=" + mac))
        count = len(server.seen)
        self.w.run("proposals", "approve", self.first, "--yes", check=0)
        self.w.run(*words, env=env, check=0)
        self.assertEqual([json.loads(b)["event"]["kind"] for _, _, b in server.seen[count:]], ["proposal_approved"])

    def test_a_failure_is_tried_again_also_after_a_restart(self):
        server, url = self.receiver()
        self.w.run("proposals", "approve", self.first, "--yes", check=0)
        server.statuses = [204, 500]
        words = ("webhook", "--url", url, "--auth-token-env", "T", "--since-event-id", "0")
        result = self.w.run("events", *words, env={"T": TOKEN}, check=1)
        self.assertIn("WEBHOOK_NOT_TAKEN", result.stderr)
        for bad in ("hunter", "\x1b"):
            self.assertNotIn(bad, result.stderr)
        process = self.start("webhook", "--url", url, "--follow", "--interval-ms", "250")
        self.until(lambda: self.numbers(server) == self.ids(), "everything behind the failure")
        server.statuses = [503, 503]
        second = self.w.proposed("INV-3002")
        self.until(lambda: self.numbers(server) == self.ids(), "the proposal, at the third try")
        self.assertIn(second, server.seen[-1][2].decode())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)
        self.assertIn("trying again", process.stderr.read())

    def test_dry_run_json_ids_and_filters(self):
        server, url = self.receiver()
        dry = self.w.run("events", "webhook", "--url-env", "U", "--dry-run", "--ids-only", env={"U": url}, check=0)
        values = [json.loads(line) for line in dry.stdout.splitlines()]
        self.assertEqual([v["event"]["event_id"] for v in values], self.ids())
        self.assertTrue(all("payload" not in v["event"] for v in values))
        self.assertEqual(server.seen, [])
        told = json.loads(self.w.run("events", "webhook", "--url", url, "--kind", "proposal_created", "--json",
                                     check=0).stdout)
        self.assertEqual((told["ok"], told["dry_run"], told["delivered"]), (True, False, 1))
        self.assertEqual([e["kind"] for e in told["events"]], ["proposal_created"])
        self.assertNotIn("hunter3", json.dumps(told))
        self.assertEqual(len(server.seen), 1)

    def test_what_is_refused(self):
        _, url = self.receiver()
        cursor = os.path.join(self.w.path, "cursor.json")
        open(cursor, "w").write("{}")
        for words, code in ((("--url", "http://192.0.2.1/x"), "HTTP_REFUSED"), (("--url", "ftp://x"), "HTTP_URL_INVALID"),
                            (("--url", "https://10.0.0.1/x"), "HTTP_REFUSED"), ((), "--url"), (("--url-env", "NO"), "not set"),
                            (("--url", url, "--url-env", "NO"), "not set"), (("--url", url, "--timeout-ms", "1"), "250"),
                            (("--url", url, "--cursor", cursor), "WEBHOOK_CURSOR_INVALID"),
                            (("--url", url, "--json", "--follow"), "--follow")):
            result = self.w.run("events", "webhook", *words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(code, result.stderr)


if __name__ == "__main__":
    unittest.main()
