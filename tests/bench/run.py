#!/usr/bin/python3
"""Measure Countersign on this machine, beside what the machine can do without
it: the same SELECT for the reads, the same transaction for the applies, bare
SQLite commits for what must be durable.

    tests/bench/run.py BUILD_DIR [--quick] [--only PART]...

Every figure is the median of five runs with the smallest and the largest.
Writes build/bench.json and build/bench.md. See docs/performance.md."""
import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import workspace as workspace_module  # noqa: E402
from figures import Figure, Report, cpu_seconds, pss_kb, tree  # noqa: E402
from mariadb import Mariadb  # noqa: E402
from postgres import PASSWORD, Postgres, binary, wait_for  # noqa: E402
from workspace import REDUCED, Workspace, contract, processes  # noqa: E402

PARTS = ("reads", "proposals", "applies", "start", "long")

IN_FLIGHT = (1, 8, 64)
WRITERS = (1, 2, 4)
# As a server is that must not lose what it answered; the tests' one need not.
MARIADB_SETTINGS = ["innodb-flush-log-at-trx-commit=1", "max-connections=100"]
NAMES = {"postgres": "PostgreSQL", "mysql": "MariaDB", "sqlite": "SQLite"}
KEYS = 10000
# What hangs ends: no program of ours takes that long, however slow the machine is.
SLOWEST_S = 600
ROW_BYTES = 426  # of one recorded read; the bench prints what it is today
ROW_READ_SQL = ('SELECT "id", "tenant_id", "status", "late_fee_cents", "waiver_reason", "updated_at"'
                ' FROM "public"."invoices" WHERE "id" = %s AND "tenant_id" = %s LIMIT 2')


class Failed(Exception):
    """A run that did not do what it should have done measures nothing."""


def settle():
    """No run pays for what the one before it left to be written."""
    os.sync()
    time.sleep(0.05)


class Bench:
    def __init__(self, build, quick, folder):
        self.build = build
        self.folder = folder
        self.quick = quick
        self.in_flight = IN_FLIGHT[:2] if quick else IN_FLIGHT  # 64 logins of pgbench take a busy machine long
        self.runs = 1 if quick else 5
        self.seconds = 0.5 if quick else 1.5
        self.pgbench_seconds = 1 if quick else 2
        self.apply_seconds = 0.3 if quick else 1.0
        self.floor_seconds = 0.3 if quick else 1.0
        self.long_ledger = 20000 if quick else 1000000
        self.report = Report()
        self.next_call = 1

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    @contextlib.contextmanager
    def served(self, workspace, **options):
        """A server with its descriptors for the load generator."""
        mcp = workspace.serve(**options)
        try:
            mcp.initialize()
            yield mcp
        finally:
            mcp.close()
            workspace.wait_idle()

    def load(self, mcp, mode, in_flight, seconds=None):
        """One run: the generator's figures and CPU seconds per program."""
        settle()
        pids = tree(mcp.process.pid)
        read_fd, write_fd = mcp.process.stdout.fileno(), mcp.process.stdin.fileno()
        before = cpu_seconds(pids)
        done = subprocess.run(
            [self.program("load"), str(read_fd), str(write_fd), mode, str(in_flight),
             str(int((seconds or self.seconds) * 1000)), str(KEYS), str(self.next_call)],
            pass_fds=(read_fd, write_fd), stdout=subprocess.PIPE, text=True, timeout=SLOWEST_S)
        after = cpu_seconds(pids)
        if done.returncode != 0:
            raise Failed("load ended with %d\n%s" % (done.returncode, open(mcp.process.log_path).read()[-2000:]))
        result = json.loads(done.stdout)
        if result["errors"] or not result["calls"]:
            raise Failed("%s, %d in flight: %r" % (mode, in_flight, result))
        self.next_call += result["calls"] + in_flight
        result["cpu"] = {name: after[name] - before[name] for name in after}
        return result

    def record(self, name, in_flight, result, per_program=True):
        r = self.report
        calls = result["calls"]
        r.add(name + "/s", "/s", in_flight, calls / result["seconds"])
        r.add(name + ", p50", "µs", in_flight, result["p50_us"])
        r.add(name + ", p99", "µs", in_flight, result["p99_us"])
        r.add(name + ", CPU per call", "µs", in_flight, sum(result["cpu"].values()) / calls * 1e6)
        if per_program:
            for program, seconds in result["cpu"].items():
                if program != "countersign-run" and seconds:
                    r.add("%s, of which %s" % (name, program), "µs", in_flight, seconds / calls * 1e6)

    def pgbench(self, server, script, in_flight):
        """On a busy machine 64 logins may take the whole time: then again."""
        for seconds in (self.pgbench_seconds, 4, 8, 30):
            done = subprocess.run(
                [binary("pgbench"), "-n", "-M", "prepared", "-c", str(in_flight), "-j", "2", "-T", str(seconds), "-f",
                 script, "-h", "127.0.0.1", "-p", str(server.port), "-U", "reader", "shop"],
                env={"PATH": "/usr/bin:/bin", "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=True)
            found = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
            if found is not None:
                return float(found.group(1))
        raise AssertionError("pgbench says nothing: %s%s" % (done.stdout, done.stderr))

    def floor(self, program, mode, url, connections, seconds):
        """The same on as many connections, without us: times a second."""
        settle()
        done = subprocess.run(
            [self.program(program), mode, str(connections), str(KEYS), str(int(seconds * 1000))],
            input=url, stdout=subprocess.PIPE, text=True, timeout=SLOWEST_S, check=True)
        result = json.loads(done.stdout)
        return result["calls"] / result["seconds"]

    def read_floor(self, workspace, script):
        """(name, function of the connections) or none."""
        server = workspace.server
        if workspace.engine == "postgres":
            return "pgbench", lambda in_flight: self.pgbench(server, script, in_flight)
        if workspace.engine == "mysql":
            return "the same SELECT", lambda in_flight: self.floor(
                "floor_my", "read", server.url("shop", "reader"), in_flight, self.floor_seconds)
        return None, None

    def reads(self, workspace, script):
        """Reads and their floor take turns, so that both meet the same machine."""
        is_first = workspace.engine == "postgres"
        name = "reads" if is_first else "reads, %s source" % NAMES[workspace.engine]
        floor_name, floor_of = self.read_floor(workspace, script)
        answered = 0
        with self.served(workspace) as mcp:
            answered += self.load(mcp, "read", 8, 0.2)["calls"]
            for in_flight in self.in_flight:
                figure = self.report.figure(name + "/s", "/s", in_flight)
                if floor_of:
                    floor = self.report.figure("%s, %s" % (floor_name, NAMES[workspace.engine]), "/s", in_flight)
                    figure.beside(floor, floor_name)
                    if in_flight == 8:
                        figure.aim = ("ratio", ">=", 0.40)
                for _ in range(self.runs):
                    if floor_of:
                        floor.values.append(floor_of(in_flight))
                    if is_first and in_flight < 64:
                        self.floor_sqlite("SQLite commits/s, rows by %d" % in_flight, in_flight, in_flight)
                    result = self.load(mcp, "read", in_flight)
                    self.record(name, in_flight, result, per_program=is_first)
                    answered += result["calls"]
            if is_first:
                self.report.figure("reads, CPU per call", "µs", 8).aim = ("value", "<=", 80)
                self.memory(tree(mcp.process.pid), "memory after the reads")
            count = workspace.ledger("SELECT count(*) FROM events WHERE kind = 'read_recorded'")[0][0]
        if count != answered:
            raise Failed("%d reads were answered, %d are in the ledger" % (answered, count))

    def memory(self, pids, name):
        for _ in range(self.runs):
            value = pss_kb(pids)
            if value is None:
                self.report.facts[name] = "not readable by this user"
                return
            self.report.add(name + ", all processes", "MB", None, sum(value.values()) / 1024)
            for program, kb in sorted(value.items()):
                self.report.add("%s, %s" % (name, program), "MB", None, kb / 1024)
        self.report.figure(name + ", all processes", "MB").aim = ("value", "<=", 30)

    def proposals(self, workspace):
        answered = 0
        with self.served(workspace) as mcp:
            answered += self.load(mcp, "propose", 8, 0.2)["calls"]
            for in_flight in self.in_flight:
                figure = self.report.figure("proposals/s", "/s", in_flight)
                figure.beside(self.report.figure("reads/s", "/s", in_flight), "reads")
                figure.aim = ("ratio", ">=", 0.30)
                for _ in range(self.runs):
                    result = self.load(mcp, "propose", in_flight)
                    self.record("proposals", in_flight, result)
                    answered += result["calls"]
            count = workspace.ledger("SELECT count(*) FROM proposals")[0][0]
        if count != answered:
            raise Failed("%d proposals were answered, %d are in the ledger" % (answered, count))

    def control(self, workspace, action, in_flight, items, seconds, pids):
        settle()
        before = cpu_seconds(pids)
        done = subprocess.run(
            [self.program("control_load"), workspace.store + ".run/control.sock", action, str(in_flight),
             str(int(seconds * 1000))],
            input="".join("%s %s\n" % item for item in items), stdout=subprocess.PIPE, text=True, timeout=SLOWEST_S)
        after = cpu_seconds(pids)
        if done.returncode != 0:
            raise Failed("control_load ended with %d" % done.returncode)
        result = json.loads(done.stdout)
        if result["errors"] or not result["calls"]:
            raise Failed("%s, %d in flight: %r" % (action, in_flight, result))
        result["cpu"] = {name: after[name] - before[name] for name in after}
        return result

    @contextlib.contextmanager
    def writers(self, workspace, count):
        """That many writerd at the ledger that serves, as pids."""
        command = [os.path.join(workspace_module.BIN, "countersign-run"), "--store", workspace.store,
                   "--config", workspace.config, "--roles", "writerd", *REDUCED]
        with open(os.path.join(workspace.path, "writers.log"), "a") as log:
            started = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        cwd=workspace.path, env=workspace.env) for _ in range(count)]
        try:
            wait_for(lambda: len(processes(workspace.store, "writerd")) == count, SLOWEST_S, "%d writers" % count)
            pids = {}
            for process in started:
                pids.update(tree(process.pid))
            yield pids
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(SLOWEST_S)

    def approve_enough(self, workspace, mcp, want):
        """That many approved proposals, oldest first."""
        pending = "SELECT proposal_id, proposal_hash FROM proposals WHERE state = 'pending_review' ORDER BY seq"
        while len(workspace.ledger(pending)) < want:
            self.load(mcp, "propose", 64, 0.3 if self.quick else 1.0)
        batch = workspace.ledger(pending)[:want]
        result = self.control(workspace, "decide", 64, batch, 60, tree(mcp.process.pid))
        self.report.add("approvals/s", "/s", 64, result["calls"] / result["seconds"])
        return batch

    def applies(self, workspace):
        """One writer with one apply in flight, then as many writers as there may
        be with work for all; every proposal is approved before the clock runs."""
        is_file = workspace.engine == "sqlite"
        todo = [(1, 1)] + [(count, 64) for count in WRITERS[:1 if is_file else None]]
        if self.quick:
            todo = todo[:1] + todo[-1:]
        with self.served(workspace) as mcp:
            for count, in_flight in todo:
                name = "applies, %s, %d writerd" % (NAMES[workspace.engine], count)
                floor = self.report.figure("%s, %s, %d connections" % (
                    "bare commits" if is_file else "the same transaction", NAMES[workspace.engine], count), "/s",
                    in_flight if is_file else None)
                figure = self.report.figure(name + "/s", "/s", in_flight)
                figure.beside(floor, "bare commits" if is_file else "same transaction")
                if not is_file:
                    figure.aim = ("ratio", ">=", 0.60)
                with self.writers(workspace, count) as pids:
                    pids.update(tree(mcp.process.pid))
                    if not self.quick or (count, in_flight) == todo[0]:
                        self.apply_once(workspace, mcp, pids, in_flight, name, None)
                    for _ in range(self.runs):
                        self.apply_once(workspace, mcp, pids, in_flight, name, floor)
                    if count == 1 and in_flight == 64 and workspace.engine == "postgres":
                        self.memory(pids, "memory with a writer")

    def apply_once(self, workspace, mcp, pids, in_flight, name, floor):
        """One run; without a floor it only warms up, and makes the receipt table."""
        seconds = self.apply_seconds if floor else 0.2
        approved = self.approve_enough(workspace, mcp, int((1000 if self.quick else 4000) * seconds) + 64)
        if floor and workspace.engine == "sqlite":
            self.floor_sqlite(floor.name, floor.in_flight, 1)
        elif floor:
            program = "floor_pg" if workspace.engine == "postgres" else "floor_my"
            connections = int(re.search(r"(\d+) connections", floor.name).group(1))
            floor.values.append(self.floor(
                program, "apply", workspace.server.url("shop"), connections, self.floor_seconds))
        result = self.control(workspace, "apply", in_flight, approved, seconds, pids)
        if result["calls"] >= len(approved) and not self.quick:
            raise Failed("too few proposals for %d applies in flight" % in_flight)
        if floor:
            self.record(name, in_flight, result)

    def floor_sqlite(self, name, in_flight, group):
        """Bare commits of rows as large as ours, on the same file system."""
        settle()
        path = os.path.join(self.folder, "floor-%d.db" % group)
        done = subprocess.run(
            [self.program("floor_sqlite"), path, str(ROW_BYTES), str(group), str(int(self.seconds * 500))],
            stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(done.stdout)
        self.report.add(name, "/s", in_flight, result["calls"] / result["seconds"])

    def start(self, workspace, name):
        """From exec to the answer to tools/list, as a client meets it."""
        for _ in range(self.runs):
            settle()
            began = time.monotonic()
            mcp = workspace.serve(no_writer=False)
            try:
                mcp.initialize()
                tools = mcp.request("tools/list")
                self.report.add(name, "ms", None, (time.monotonic() - began) * 1000)
                if not tools["result"]["tools"]:
                    raise Failed("no tools")
                first = name.replace("start to tools/list", "start to the first read")
                self.report.add(first, "ms", None, self.first_read(mcp, began))
            finally:
                mcp.close()
                workspace.wait_idle()
        self.report.figure(name, "ms").aim = ("value", "<=", 50)

    @staticmethod
    def first_read(mcp, began):
        if not mcp.read("INV-1")["ok"]:
            raise Failed("the first read was refused")
        return (time.monotonic() - began) * 1000

    def long_ledger_of(self, workspace):
        """A ledger of a million reads: what grows?"""
        count = self.long_ledger
        with self.served(workspace):
            pass
        event = workspace.ledger("SELECT event_id FROM events WHERE kind = 'contract_activated'")[0][0]
        began = time.monotonic()
        subprocess.run([self.program("fill_ledger"), workspace.store, str(count), str(KEYS), str(event)], check=True)
        self.report.facts["filling a ledger with %d reads" % count] = "%.1f s, %.0f MB" % (
            time.monotonic() - began, os.path.getsize(workspace.store) / 2**20)
        self.start(workspace, "start to tools/list, after %d reads" % count)
        name = "reads after %d reads" % count
        with self.served(workspace) as mcp:
            self.load(mcp, "read", 8, 0.2)
            for _ in range(self.runs):
                self.record(name, 8, self.load(mcp, "read", 8))
            self.memory(tree(mcp.process.pid), "memory after %d reads" % count)
        self.report.figure(name + "/s", "/s", 8).beside(self.report.figure("reads/s", "/s", 8), "reads, short ledger")
        began = time.monotonic()
        workspace.json("ledger", "verify")
        self.report.facts["verifying that ledger"] = "%.1f s" % (time.monotonic() - began)


def average_row(workspace):
    """Bytes of one recorded read in the ledger."""
    return int(workspace.ledger(
        "SELECT avg(length(kind) + length(actor) + length(tenant) + length(capability) + length(object_id)"
        " + length(evidence_id) + length(salt) + length(body) + length(body_digest) + length(hash) + 12)"
        " FROM events WHERE kind = 'read_recorded'")[0][0])


def write_script(folder):
    path = os.path.join(folder, "read.sql")
    with open(path, "w") as file:
        file.write("\\set n random(0, %d)\n%s;\n" % (KEYS - 1, ROW_READ_SQL % ("'INV-' || :n", "'acme'")))
    os.chmod(path, 0o644)
    return path


def facts(report, servers):
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
    report.facts.update({
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": "%d × %s" % (os.cpu_count(), model.group(1) if model else platform.machine()),
        "kernel": platform.release(),
        "PostgreSQL": servers["postgres"].sql("shop", "SHOW server_version")[0][0],
        "MariaDB": servers["mysql"].sql("shop", "SELECT version()")[0][0],
        "SQLite": sqlite3.sqlite_version,
        "load before": "%.2f %.2f %.2f" % os.getloadavg(),
    })


def measure(bench, workspaces, servers, parts):
    def workspace(engine):
        value = contract(engine)
        value["sources"]["shop"]["statement_timeout_ms"] = 60000  # nothing fails because it is slow
        w = Workspace(engine, config=value, server=servers.get(engine))
        w.tampered = True  # do not look at each of its many documents again
        return workspaces.enter_context(contextlib.closing(w))

    report = bench.report
    shop = workspace("postgres")
    if "reads" in parts:
        script = write_script(bench.folder)
        bench.reads(shop, script)
        report.facts["bytes of one recorded read"] = str(average_row(shop))
        bench.reads(workspace("mysql"), None)
        bench.reads(workspace("sqlite"), None)
    book = workspace("postgres")
    if "proposals" in parts:
        bench.proposals(book)
    if "applies" in parts:
        for w in (book, workspace("mysql"), workspace("sqlite")):
            bench.applies(w)
    if "start" in parts:
        bench.start(shop, "start to tools/list")
    if "long" in parts:
        bench.long_ledger_of(workspace("postgres"))
    report.facts["load after"] = "%.2f %.2f %.2f" % os.getloadavg()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", help="the build to measure, e.g. build/release")
    parser.add_argument("--quick", action="store_true", help="one short run of everything; the figures mean little")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the other parts out")
    parser.add_argument("--out", default=os.path.join(ROOT, "build"), help="folder of bench.json and bench.md")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    workspace_module.BIN = os.path.join(build, "bin")
    workspace_module.ROWS = [("INV-%d" % i, "acme", "open", 5500, None, "2026-06-20T14:31:08Z") for i in range(KEYS)]
    folder = tempfile.mkdtemp(prefix="countersign-bench-")
    bench = Bench(build, options.quick, folder)
    try:
        with contextlib.ExitStack() as workspaces:
            servers = {"postgres": Postgres(["max_connections=100"]), "mysql": Mariadb(MARIADB_SETTINGS)}
            for server in servers.values():
                workspaces.enter_context(contextlib.closing(server))
            facts(bench.report, servers)
            measure(bench, workspaces, servers, options.only or PARTS)
    except Failed as e:
        print("bench: %s" % e, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(options.out, exist_ok=True)
    bench.report.write(options.out)
    print(bench.report.markdown(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
