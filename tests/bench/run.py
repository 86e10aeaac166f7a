#!/usr/bin/python3
"""Measure Countersign on this machine, beside what the machine can do without
it: pgbench for the reads, bare SQLite commits for what must be durable.

    tests/bench/run.py BUILD_DIR [--quick]

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
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

TICKS = os.sysconf("SC_CLK_TCK")
IN_FLIGHT = (1, 8, 64)
KEYS = 10000
ROW_BYTES = 426  # of one recorded read; the bench prints what it is today
ROW_READ_SQL = ('SELECT "id", "tenant_id", "status", "late_fee_cents", "waiver_reason", "updated_at"'
                ' FROM "public"."invoices" WHERE "id" = %s AND "tenant_id" = %s LIMIT 2')


class Failed(Exception):
    """A run that did not do what it should have done measures nothing."""


# What the kernel knows about our processes ---------------------------------

def stat_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        text = file.read()
    name = text[text.index("(") + 1:text.rindex(")")]
    return name, text.rsplit(") ", 1)[1].split()


def tree(pid):
    """The process and all its descendants, as {pid: program}."""
    parents = {}
    for other in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            name, fields = stat_of(other)
            parents[other] = (int(fields[1]), name)
    found = {pid: parents[pid][1]}
    while True:
        more = {p: name for p, (parent, name) in parents.items() if parent in found and p not in found}
        if not more:
            return found
        found.update(more)


def cpu_seconds(pids):
    """utime + stime of each program."""
    total = {}
    for pid, name in pids.items():
        fields = stat_of(pid)[1]
        total[name] = total.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICKS
    return total


def pss_kb(pids):
    """Proportional memory of each program; None where we may not look."""
    total = {}
    for pid, name in pids.items():
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                total[name] = total.get(name, 0) + int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))
        except OSError:
            return None
    return total


# Figures -------------------------------------------------------------------

class Figure:
    """Values of repeated runs and the floor that was measured between them."""

    def __init__(self, name, unit, in_flight=None):
        self.name = name
        self.unit = unit
        self.in_flight = in_flight
        self.values = []
        self.floor = None
        self.floor_name = None
        self.aim = None  # ("ratio" or "value", ">=" or "<=", number)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def ratio(self):
        if self.floor is None or not self.floor.values or not self.floor.median:
            return None
        return self.median / self.floor.median

    def beside(self, floor, name):
        self.floor, self.floor_name = floor, name
        return self

    def met(self):
        if self.aim is None or not self.values:
            return None
        what, sign, number = self.aim
        value = self.ratio if what == "ratio" else self.median
        return value is not None and (value >= number if sign == ">=" else value <= number)

    def aim_text(self):
        if self.aim is None:
            return ""
        what, sign, number = self.aim
        text = "%g %%" % (number * 100) if what == "ratio" else "%g %s" % (number, self.unit)
        return "%s %s: %s" % (sign, text, "met" if self.met() else "MISSED")

    def as_json(self):
        value = {"name": self.name, "in_flight": self.in_flight, "unit": self.unit, "median": self.median,
                 "min": min(self.values), "max": max(self.values), "runs": self.values}
        if self.ratio is not None:
            value.update(floor=self.floor_name, floor_median=self.floor.median, floor_runs=self.floor.values,
                         ratio=self.ratio)
        if self.aim is not None:
            value.update(aim=self.aim_text(), met=self.met())
        return value


def number(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


class Report:
    def __init__(self):
        self.figures = {}
        self.facts = {}

    def figure(self, name, unit, in_flight=None):
        key = (name, in_flight)
        if key not in self.figures:
            self.figures[key] = Figure(name, unit, in_flight)
        return self.figures[key]

    def add(self, name, unit, in_flight, value):
        self.figure(name, unit, in_flight).values.append(value)

    def rows(self):
        yield ("", "calls in flight", "median", "min – max", "floor", "ratio", "aim")
        for f in self.figures.values():
            if not f.values:
                continue
            floor = "%s: %s" % (f.floor_name, number(f.floor.median)) if f.ratio is not None else ""
            yield (f.name, str(f.in_flight or ""), "%s %s" % (number(f.median), f.unit),
                   "%s – %s" % (number(min(f.values)), number(max(f.values))), floor,
                   "%.1f %%" % (f.ratio * 100) if f.ratio is not None else "", f.aim_text())

    def markdown(self):
        lines = ["%s: %s  " % item for item in self.facts.items()] + [""]
        rows = list(self.rows())
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for i, row in enumerate(rows):
            lines.append("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
            if i == 0:
                lines.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines) + "\n"

    def write(self, folder):
        with open(os.path.join(folder, "bench.json"), "w") as file:
            json.dump({"facts": self.facts, "figures": [f.as_json() for f in self.figures.values() if f.values]},
                      file, indent=1)
        with open(os.path.join(folder, "bench.md"), "w") as file:
            file.write(self.markdown())


def settle():
    """No run pays for what the one before it left to be written."""
    os.sync()
    time.sleep(0.05)


# The bench -----------------------------------------------------------------

class Bench:
    def __init__(self, build, quick, folder):
        self.build = build
        self.folder = folder
        self.runs = 1 if quick else 5
        self.seconds = 0.5 if quick else 1.5
        self.pgbench_seconds = 1 if quick else 2
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
            pass_fds=(read_fd, write_fd), stdout=subprocess.PIPE, text=True, timeout=120)
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
        from postgres import PASSWORD, binary
        for seconds in (self.pgbench_seconds, 4, 8):
            done = subprocess.run(
                [binary("pgbench"), "-n", "-M", "prepared", "-c", str(in_flight), "-j", "2", "-T", str(seconds), "-f",
                 script, "-h", "127.0.0.1", "-p", str(server.port), "-U", "reader", "shop"],
                env={"PATH": "/usr/bin:/bin", "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=True)
            found = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
            if found is not None:
                return float(found.group(1))
        raise AssertionError("pgbench says nothing: %s%s" % (done.stdout, done.stderr))

    def reads(self, server, workspace, script):
        """Reads and pgbench take turns, so that both meet the same machine."""
        from_pg = server is not None
        name = "reads" if from_pg else "reads, SQLite source"
        answered = 0
        with self.served(workspace) as mcp:
            answered += self.load(mcp, "read", 8, 0.2)["calls"]
            for in_flight in IN_FLIGHT:
                figure = self.report.figure(name + "/s", "/s", in_flight)
                if from_pg:
                    floor = Figure("pgbench", "/s", in_flight)
                    figure.beside(floor, "pgbench")
                    self.report.figure("pgbench, the same SELECT", "/s", in_flight).values = floor.values
                    if in_flight == 8:
                        figure.aim = ("ratio", ">=", 0.40)
                for _ in range(self.runs):
                    if from_pg:
                        floor.values.append(self.pgbench(server, script, in_flight))
                    if from_pg and in_flight < 64:
                        self.floor_sqlite("SQLite commits/s, rows by %d" % in_flight, in_flight, in_flight)
                    result = self.load(mcp, "read", in_flight)
                    self.record(name, in_flight, result, per_program=from_pg)
                    answered += result["calls"]
            if from_pg:
                self.report.figure("reads, CPU per call", "µs", 8).aim = ("value", "<=", 80)
                self.memory(mcp, "memory after the reads")
            count = workspace.ledger("SELECT count(*) FROM events WHERE kind = 'read_recorded'")[0][0]
        if count != answered:
            raise Failed("%d reads were answered, %d are in the ledger" % (answered, count))

    def memory(self, mcp, name):
        for _ in range(self.runs):
            value = pss_kb(tree(mcp.process.pid))
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
            for in_flight in IN_FLIGHT:
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
            input="".join("%s %s\n" % item for item in items), stdout=subprocess.PIPE, text=True, timeout=120)
        after = cpu_seconds(pids)
        if done.returncode != 0:
            raise Failed("control_load ended with %d" % done.returncode)
        result = json.loads(done.stdout)
        if result["errors"] or not result["calls"]:
            raise Failed("%s, %d in flight: %r" % (action, in_flight, result))
        result["cpu"] = {name: after[name] - before[name] for name in after}
        return result

    def applies(self, workspace):
        """One writer; every proposal is approved before the clock runs."""
        pending = workspace.ledger("SELECT proposal_id, proposal_hash FROM proposals"
                                   " WHERE state = 'pending_review' ORDER BY seq")
        approved = []
        commits = self.report.figure("SQLite commits/s, beside the applies", "/s")
        with self.served(workspace, no_writer=False) as mcp:
            pids = tree(mcp.process.pid)
            for in_flight in IN_FLIGHT:
                figure = self.report.figure("applies/s", "/s", in_flight)
                figure.beside(commits, "SQLite commits")
                for _ in range(self.runs):
                    want = int((600 if in_flight == 1 else 2500) * self.seconds) - len(approved)
                    if want > 0:
                        batch, pending = pending[:want], pending[want:]
                        result = self.control(workspace, "decide", 64, batch, 60, pids)
                        self.report.add("approvals/s", "/s", 64, result["calls"] / result["seconds"])
                        approved += batch
                    if in_flight == 1:
                        self.floor_sqlite(commits.name, None, 1)
                    result = self.control(workspace, "apply", in_flight, approved, self.seconds, pids)
                    if result["calls"] >= len(approved):
                        raise Failed("too few proposals for %d applies in flight" % in_flight)
                    approved = approved[result["calls"]:]
                    self.record("applies", in_flight, result)
            self.memory(mcp, "memory with a writer")

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
            self.memory(mcp, "memory after %d reads" % count)
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


def facts(report, server):
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
    report.facts.update({
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": "%d × %s" % (os.cpu_count(), model.group(1) if model else platform.machine()),
        "kernel": platform.release(),
        "PostgreSQL": server.sql("shop", "SHOW server_version")[0][0],
        "SQLite": sqlite3.sqlite_version,
        "load before": "%.2f %.2f %.2f" % os.getloadavg(),
    })


def measure(bench, workspaces, server):
    def workspace(engine):
        w = workspaces.enter_context(contextlib.closing(
            Workspace(engine, postgres=server if engine == "postgres" else None)))
        return w

    report = bench.report
    script = write_script(bench.folder)
    shop = workspace("postgres")
    bench.reads(server, shop, script)
    report.facts["bytes of one recorded read"] = str(average_row(shop))
    bench.reads(None, workspace("sqlite"), None)
    book = workspace("postgres")
    bench.proposals(book)
    bench.applies(book)
    bench.start(shop, "start to tools/list")
    bench.long_ledger_of(workspace("postgres"))
    report.facts["load after"] = "%.2f %.2f %.2f" % os.getloadavg()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", help="the build to measure, e.g. build/release")
    parser.add_argument("--quick", action="store_true", help="one short run of everything; the figures mean little")
    parser.add_argument("--out", default=os.path.join(ROOT, "build"), help="folder of bench.json and bench.md")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    os.environ["CS_BIN"] = os.path.join(build, "bin")
    global Workspace
    import workspace
    from postgres import Postgres
    Workspace = workspace.Workspace
    workspace.ROWS = [("INV-%d" % i, "acme", "open", 5500, None, "2026-06-20T14:31:08Z") for i in range(KEYS)]
    folder = tempfile.mkdtemp(prefix="countersign-bench-")
    bench = Bench(build, options.quick, folder)
    try:
        with contextlib.ExitStack() as workspaces:
            server = workspaces.enter_context(contextlib.closing(Postgres(["max_connections=100"])))
            facts(bench.report, server)
            measure(bench, workspaces, server)
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
