"""A Countersign workspace in a temporary folder: contract, source, store, and
the real programs around it. Sources are SQLite (no server), PostgreSQL or MariaDB."""
import contextlib
import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import schemas

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("CS_BIN", os.path.join(ROOT, "build/asan/bin"))
DOCUMENTS = [
    ("proposals", "change_set", "change-set.v1"), ("decisions", "statement", "decision.v1"),
    ("jobs", "payload", "job.v1"), ("receipts", "receipt", "execution-receipt.v1"),
    ("heads", "statement", "chain-head.v1"),
]
# Root in CI has no cs-* users; tests that are about uids make their own.
REDUCED = ["--accept-reduced-isolation"] if os.geteuid() == 0 else []

COLUMNS = ("id", "tenant_id", "status", "late_fee_cents", "waiver_reason", "updated_at")
ROWS = [
    ("INV-3001", "acme", "open", 5500, None, "2026-06-20T14:31:08Z"),
    ("INV-3002", "acme", "open", 1200, None, "2026-06-20T14:31:08Z"),
    ("INV-9001", "other", "open", 900, None, "2026-06-20T14:31:08Z"),
]


def contract(engine="sqlite", **changes):
    """The contract of the tests: one read and one proposal on invoices."""
    schema = {"sqlite": "main", "postgres": "public", "mysql": "shop"}[engine]
    target = {"schema": schema, "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id"}
    value = {
        "version": 1, "mode": "review", "result_format": 2,
        "sources": {"shop": {"engine": engine, "read_url_env": "SHOP_READ_URL",
                             "write_url_env": "SHOP_WRITE_URL", "statement_timeout_ms": 3000}},
        "trusted_context": {"provider": "static_dev",
                            "values": {"tenant_id": "acme", "principal": "support_agent_17"}},
        "capabilities": [
            {"name": "billing.inspect_invoice", "kind": "read", "source": "shop", "target": target,
             "description": "Read one invoice.",
             "args": {"invoice_id": {"type": "string", "max_length": 64}},
             "lookup": {"id_from_arg": "invoice_id"},
             "visible_columns": ["id", "status", "late_fee_cents", "waiver_reason", "updated_at"]},
            {"name": "billing.propose_late_fee_waiver", "kind": "proposal", "source": "shop", "target": target,
             "args": {"invoice_id": {"type": "string", "max_length": 64},
                      "reason": {"type": "string", "max_length": 200},
                      "fee": {"type": "number", "minimum": 0, "maximum": 10000, "required": False}},
             "lookup": {"id_from_arg": "invoice_id"},
             "visible_columns": ["id", "tenant_id", "status", "late_fee_cents", "waiver_reason", "updated_at"],
             "patch": {"late_fee_cents": {"from_arg": "fee"}, "waiver_reason": {"from_arg": "reason"}},
             "allowed_columns": ["late_fee_cents", "waiver_reason"],
             "numeric_bounds": {"late_fee_cents": {"minimum": 0, "maximum": 5000}},
             "conflict_guard": {"column": "updated_at"}},
        ],
    }
    value.update(changes)
    return value


class Mcp:
    """A stdio MCP client: one JSON message a line, replies by id."""

    def __init__(self, process):
        self.process = process
        self.next_id = 0

    def send(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def request(self, method, params=None):
        self.next_id += 1
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("the MCP server ended: " + self.errors())
        reply = json.loads(line)
        assert reply.get("id") == self.next_id, reply
        return reply

    def errors(self):
        self.process.wait(10)
        return open(self.process.log_path).read()[-3000:]

    def initialize(self, version="2025-06-18"):
        reply = self.request("initialize", {"protocolVersion": version, "capabilities": {},
                                            "clientInfo": {"name": "tests", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return reply

    def call(self, name, **arguments):
        reply = self.request("tools/call", {"name": name, "arguments": arguments})
        return reply["result"] if "result" in reply else reply

    def envelope(self, name, **arguments):
        """The v2 envelope, from the text, which is there on errors as well."""
        return json.loads(self.call(name, **arguments)["content"][0]["text"])

    def read(self, invoice):
        return self.envelope("billing.inspect_invoice", invoice_id=invoice)

    def propose(self, invoice, reason="approved support waiver", fee=0):
        return self.envelope("billing.propose_late_fee_waiver", invoice_id=invoice, reason=reason, fee=fee)

    def close(self):
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.process.stdout.close()
        return code


class Workspace:
    """`server` is a private PostgreSQL or MariaDB; none for SQLite."""

    def __init__(self, engine="sqlite", config=None, postgres=None, server=None):
        self.engine = engine
        self.server = server or postgres
        self.tampered = False  # a test edits the ledger file itself
        self.path = tempfile.mkdtemp(prefix="countersign-test-")
        self.store = os.path.join(self.path, "ledger", "local.db")
        self.config = os.path.join(self.path, "countersign.json")
        self.source = os.path.join(self.path, "shop.db")
        self.write_config(config or contract(engine))
        self.make_source()
        url = self.server.url("shop") if self.server else "sqlite://" + self.source
        self.env = {"PATH": "/usr/bin:/bin", "SHOP_READ_URL": url, "SHOP_WRITE_URL": url,
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                    "COUNTERSIGN_ACCEPT_REDUCED_ISOLATION": "1"}
        if self.server:
            self.env["SHOP_READ_URL"] = self.server.url("shop", "reader")

    def write_config(self, value):
        with open(self.config, "w") as file:
            json.dump(value, file, indent=2)
        os.chmod(self.config, 0o644)

    def make_source(self):
        if self.server:
            self.server.make_shop(ROWS)
            return
        with contextlib.closing(sqlite3.connect(self.source)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE invoices (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, status TEXT,"
                       " late_fee_cents INTEGER NOT NULL, waiver_reason TEXT, updated_at TEXT)")
            db.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?)", ROWS)
            db.commit()

    def sql(self, statement, parameters=()):
        """Run a statement on the source as its owner; rows as tuples of text."""
        if self.server:
            return self.server.sql("shop", statement)
        with contextlib.closing(sqlite3.connect(self.source, timeout=10)) as db:
            rows = db.execute(statement, parameters).fetchall()
            db.commit()
            return rows

    def row(self, invoice):
        rows = self.sql("SELECT late_fee_cents, waiver_reason, updated_at FROM invoices WHERE id = '%s'" % invoice)
        return (int(rows[0][0]),) + tuple(rows[0][1:])

    def ledger(self, statement, parameters=()):
        """Another tool with write access to the ledger file (an attacker)."""
        with contextlib.closing(sqlite3.connect(self.store, timeout=10)) as db:
            rows = db.execute(statement, parameters).fetchall()
            db.commit()
            return rows

    def run(self, *arguments, check=None, env=None, timeout=60):
        """countersign with these arguments; flags for store and contract added."""
        command = [os.path.join(BIN, "countersign"), *arguments, "--store", self.store, "--config", self.config]
        result = subprocess.run(command, capture_output=True, text=True, cwd=self.path,
                                env={**self.env, **(env or {})}, timeout=timeout, stdin=subprocess.DEVNULL)
        if check is not None and result.returncode != check:
            raise AssertionError("%s: exit %d, wanted %d\n%s\n%s" % (
                " ".join(arguments), result.returncode, check, result.stdout, result.stderr))
        return result

    def json(self, *arguments, check=0):
        return json.loads(self.run(*arguments, "--json", check=check).stdout)

    def serve(self, *flags, env=None, no_writer=True):
        """Start the whole of it behind a stdio MCP client."""
        command = [os.path.join(BIN, "countersign"), "mcp", "serve", "--store", self.store,
                   "--config", self.config, *REDUCED, *flags]
        if no_writer:
            command.append("--no-writer")
        log_path = os.path.join(self.path, "serve-%d.log" % time.monotonic_ns())
        with open(log_path, "w") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                       text=True, cwd=self.path, env={**self.env, **(env or {})})
        process.log_path = log_path
        return Mcp(process)

    @contextlib.contextmanager
    def client(self, *flags, **options):
        mcp = self.serve(*flags, **options)
        try:
            mcp.initialize()
            yield mcp
        finally:
            mcp.close()

    def proposed(self, invoice="INV-3001", **arguments):
        """Propose through MCP and end the server: the proposal's id."""
        with self.client() as mcp:
            answer = mcp.propose(invoice, **arguments)
        assert answer["ok"], answer
        return answer["proposal"]["id"]

    def approved(self, invoice="INV-3001", **arguments):
        identifier = self.proposed(invoice, **arguments)
        self.run("proposals", "approve", identifier, "--yes", check=0)
        return identifier

    def wait_idle(self):
        """Until no ledgerd owns the store."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if not processes(self.store):
                return
            time.sleep(0.02)
        raise AssertionError("processes still run: %r" % processes(self.store))

    def check_documents(self):
        """Every document that the programs left in the ledger fits its schema."""
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.store, uri=True)) as db:
            for table, column, name in DOCUMENTS:
                for (value,) in db.execute("SELECT %s FROM %s" % (column, table)):
                    schemas.validate(name, bytes(value).decode() if isinstance(value, bytes) else value)

    def close(self):
        if os.path.exists(self.store) and not self.tampered:
            self.check_documents()
        for pid in processes(self.store):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)


def command_line(pid):
    with open("/proc/%s/cmdline" % pid, "rb") as file:
        return file.read().split(b"\0")


def processes(store, program=None):
    """Pids of our programs whose command line names this store (or its folder)."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = command_line(pid)
        except OSError:
            continue
        name = os.path.basename(words[0]).decode(errors="replace")
        if name in ("ledgerd", "writerd", "writerd-handler", "mcpd", "countersign-run") and any(
                word.startswith(store.encode()) for word in words):
            if program is None or name == program:
                found.append(int(pid))
    return found


def user_exists(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False


def child_of(pid, name):
    """Pid of the child of `pid` that runs the program `name`."""
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = command_line(other)
            with open("/proc/%s/stat" % other) as file:
                parent = int(file.read().rsplit(") ", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid and os.path.basename(words[0]).decode() == name:
            return int(other)
    return None


if __name__ == "__main__":
    sys.exit("import me")
