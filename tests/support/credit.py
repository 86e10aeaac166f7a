"""The account credit of examples/handler-*: its database, its application as a process of
its own, a front that misbehaves in the application's place, and requests made by hand."""
import hashlib
import hmac
import http.client
import http.server
import itertools
import json
import os
import queue
import subprocess
import threading
import time
import urllib.parse
from datetime import datetime, timezone

from workspace import ROOT, Workspace

TOKEN = "t0ken-of-the-handler"
SECRET = "s1gning-secret-of-the-handler"
EXAMPLE = os.path.join(ROOT, "examples/handler-credit")
KIT = os.path.join(ROOT, "kit")
APP_ENV = {"PATH": "/usr/bin:/bin", "PORT": "0", "SYNAPSOR_APP_WRITEBACK_TOKEN": TOKEN,
           "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET": SECRET, "COUNTERSIGN_KIT": KIT}
KEYS = itertools.count(1)


def contract(**capability):
    """The example's contract, its proposal changed."""
    with open(os.path.join(EXAMPLE, "countersign.json")) as file:
        value = json.load(file)
    value["capabilities"][1].update(capability)
    value["executors"]["credit_app"]["timeout_ms"] = 3000
    return value


def receipt_table(engine="postgres"):
    """As the kit prints it."""
    return subprocess.run(["/usr/bin/python3", "-m", "countersign_handler", "--print-ddl", engine], check=True,
                          env={"PYTHONPATH": os.path.join(KIT, "python")}, capture_output=True, text=True).stdout


class CreditWorkspace(Workspace):
    """`server`: PostgreSQL with the example's tables in the database shop."""

    def __init__(self, **options):
        super().__init__(**options)
        self.env.update(SYNAPSOR_TENANT_ID="acme", SYNAPSOR_PRINCIPAL="support_agent_17")

    def make_source(self):
        pass

    def proposed(self, invoice="INV-1", cents=2500, reason="late delivery"):
        with self.client() as mcp:
            answer = mcp.envelope("billing.propose_account_credit", invoice_id=invoice, credit_cents=cents, reason=reason)
        assert answer["ok"], answer
        return answer["proposal"]["id"]

    def approved(self, *arguments, **options):
        identifier = self.proposed(*arguments, **options)
        self.run("proposals", "approve", identifier, "--yes", check=0)
        return identifier


class App:
    """The application: `command` prints its address when it is ready, or answers at `silent_url`."""

    def __init__(self, command, cwd, silent_url=None, **env):
        self.process = subprocess.Popen(command, cwd=cwd, env={**APP_ENV, **env}, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.errors = []
        lines = queue.Queue()
        self.readers = [threading.Thread(target=self.read, args=(stream, keep), daemon=True) for stream, keep in (
            (self.process.stdout, lines.put), (self.process.stderr, self.errors.append))]
        for reader in self.readers:
            reader.start()
        self.url = lines.get(timeout=30) if silent_url is None else self.answering(silent_url)
        if self.url is None:
            self.kill()
            raise RuntimeError("the application did not start: " + "".join(self.errors))
        self.url = self.url.split()[-1]

    def answering(self, url):
        def answers():
            try:
                return post(url, b"", {}, "OPTIONS")[0] == 204
            except OSError:
                return self.process.poll() is not None
        wait_until(answers, "an answer")
        return url if self.process.poll() is None else None

    @staticmethod
    def read(stream, keep):
        for line in stream:
            keep(line)
        keep(None) if keep.__self__.__class__ is queue.Queue else None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


def post(url, body, headers, method="POST"):
    """(status, body) of one exchange; no redirects, no proxies."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, parts.path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Front:
    """Stands before the application. Modes, of one request each: pass; redirect (307, nothing passed on); big and hang
    (passed on, but then ten megabytes or no answer); die (passed on, and the application is killed
    when its answer is there, which nobody gets)."""

    def __init__(self, app=None):
        self.app = app
        self.mode = "pass"
        self.requests = []
        self.answers = []
        self.over = threading.Event()
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                front.one(self)

            do_OPTIONS = do_POST

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.url = "http://127.0.0.1:%d/synapsor/writeback" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def one(self, peer):
        body = peer.rfile.read(int(peer.headers.get("content-length", 0)))
        headers = {name: value for name, value in peer.headers.items() if name.lower() not in ("host", "content-length")}
        self.requests.append((peer.command, headers, body))
        mode, self.mode = self.mode, "pass"
        if mode == "redirect":
            return self.answer(peer, 307, b"", ("Location", "/elsewhere"))
        status, answer = post(self.app.url, body, headers, peer.command)
        self.answers.append((status, answer))
        if mode == "big":
            return self.answer(peer, 200, b'{"status":"applied","x":"' + b"a" * (10 << 20) + b'"}')
        if mode == "hang":
            return self.over.wait(30)
        if mode == "die":
            self.app.kill()
            peer.close_connection = True
            return peer.connection.close()
        return self.answer(peer, status, answer)

    @staticmethod
    def answer(peer, status, body, *headers):
        peer.send_response(status)
        for name, value in (*headers, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            peer.send_header(name, value)
        peer.end_headers()
        peer.wfile.write(body)

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headers_of(body, request):
    return {"Content-Type": "application/json", "Authorization": "Bearer " + TOKEN,
            "Idempotency-Key": request["idempotency_key"], "X-Synapsor-Proposal-Id": request["proposal_id"],
            "X-Synapsor-Issued-At": request["issued_at"],
            "X-Synapsor-Signature": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def credit_request(schema="public", invoice="INV-1", tenant="acme", cents=2500, reason="late delivery", key=None,
                   version="2026-06-20T14:31:08.123456Z", dry_run=False, **members):
    """A request as ours for the account credit; each has a key of its own. `version` may be a whole guard."""
    proposal = "wrp_%020x" % next(KEYS)
    target = {"schema": schema, "table": "invoices", "primary_key": {"column": "id", "value": invoice}}
    guard = version if isinstance(version, dict) else {"column": "updated_at", "value": version}
    columns = ["credited_cents", "credit_reason"]
    guards = {"tenant": {"column": "tenant_id", "value": tenant}, "allowed_columns": columns, "expected_version": guard}
    patch = {"credited_cents": cents, "credit_reason": reason}
    action = "billing.propose_account_credit"
    value = {"protocol_version": "1.0", "schema_version": "synapsor.handler-writeback.v1", "proposal_id": proposal,
             "proposal_hash": "sha256:" + hashlib.sha256(proposal.encode()).hexdigest(), "action": action,
             "runner_hint": "local_runner", "idempotency_key": key or "%s:%s" % (proposal, invoice), "target": target,
             "tenant_guard": guards["tenant"], "allowed_columns": columns, "patch": patch, "guards": guards,
             "change_set": {"action": action, "scope": {"tenant_id": tenant, "object_id": invoice},
                            "principal": {"id": "support_agent_17"}, "target": target, "patch": patch, "guards": guards},
             "issued_at": now(), "dry_run": dry_run}
    value.update(members)
    return {name: member for name, member in value.items() if member is not None}


def send(url, request):
    """Sign and send: (HTTP status, receipt)."""
    body = json.dumps(request).encode()
    status, answer = post(url, body, headers_of(body, request))
    return status, json.loads(answer)


def together(*calls):
    """Run them at the same time; what each returned."""
    results = [None] * len(calls)

    def one(i):
        results[i] = calls[i]()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    return threads, results


def wait_until(condition, what, seconds=20):
    """Asked rarely: MariaDB's table of transactions is not made anew for who asks sooner than in 0.1 s."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s for %s" % (seconds, what))
        time.sleep(0.15)
