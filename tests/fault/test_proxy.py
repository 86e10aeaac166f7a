"""The network between writerd and the database fails at every message of an apply,
and the database itself dies in the middle of one.

A proxy counts the messages. After each failure: one effect or none (a trigger
counts), never "not changed" about something that changed, an unknown outcome
is settled by applying again, and in the end the ledger verifies."""
import contextlib
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from proxy import MariadbDirection, PostgresDirection, Proxy  # noqa: E402
from versioned import add_invoices, count_effects, effects  # noqa: E402
from wire import Peer, text, u32  # noqa: E402
from workspace import Workspace, contract  # noqa: E402

SHOW_PROPOSAL, APPROVE = 0, 0
CUTS = int(os.environ.get("CS_CUTS", "320"))


class ThroughProxy:
    """`make` starts a server, which stays for all tests of the class."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.make()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        value = contract(self.engine)
        value["sources"]["shop"]["statement_timeout_ms"] = self.patience_ms
        self.w = Workspace(self.engine, config=value, server=self.server)
        self.addCleanup(self.w.close)
        self.proxy = Proxy(self.server.port, self.direction)
        self.addCleanup(self.proxy.close)
        count_effects(self.w)
        port = ":%d/" % self.server.port
        self.w.env["SHOP_WRITE_URL"] = self.w.env["SHOP_WRITE_URL"].replace(
            port, ":%d/" % self.proxy.port) + self.parameters
        self.mcp = self.w.serve(no_writer=False)
        self.addCleanup(self.mcp.close)
        self.mcp.initialize()
        with open(self.w.config, "rb") as file:
            digest = hashlib.sha256(file.read()).digest()
        self.control = Peer(self.w.store, "control", digest=digest)
        self.control.socket.settimeout(60)
        self.addCleanup(self.control.close)
        self.invoices = 0

    def ask(self, kind, payload):
        """The JSON document that ledgerd answers, or the code of its refusal."""
        name, answer = self.control.request(kind, payload)
        if name == "FAILURE":
            return {"refused": answer}
        size, = struct.unpack(">I", answer[1:5])
        return json.loads(answer[5:5 + size])

    def state(self, identifier):
        return self.ask("SHOW", bytes([SHOW_PROPOSAL]) + text(identifier))["proposal"]["state"]

    def apply(self, identifier):
        return self.ask("APPLY", text(identifier) + b"\0" + u32(45000))

    def approved(self, count):
        """(invoice, id of its approved proposal), count times."""
        names = ["P-%05d" % (self.invoices + i) for i in range(count)]
        self.invoices += count
        add_invoices(self.w, names)
        made = []
        for name in names:
            identifier = self.mcp.propose(name)["proposal"]["id"]
            shown = self.ask("SHOW", bytes([SHOW_PROPOSAL]) + text(identifier))["proposal"]
            decided = self.ask("DECIDE", text(identifier) + text(shown["proposal_hash"]) + u32(1) + bytes([APPROVE]) +
                               text(""))
            self.assertNotIn("refused", decided)
            made.append((name, identifier))
        return made

    def effects(self, invoice):
        return effects(self.w, invoice)

    def count(self, fresh):
        """How many messages one undisturbed apply takes."""
        (_, identifier), = self.approved(1)
        if fresh:
            self.proxy.drop()
        self.proxy.arm(0, None)
        self.assertEqual(self.apply(identifier)["status"], "applied")
        return list(self.proxy.log)

    def check_first(self, receipt, invoice, identifier):
        """What the first answer says about the source is true."""
        effects = self.effects(invoice)
        status = receipt["status"]
        self.assertIn(status, ("applied", "failed", "outcome_unknown"))
        self.assertEqual(receipt["source_database_mutated"], status == "applied", receipt)
        if status == "applied":
            self.assertEqual(effects, 1)
        if status == "failed":
            self.assertEqual(effects, 0, "not changed, it says: %r" % receipt)
            self.assertTrue(receipt["details"]["retryable"], receipt)
        self.assertLessEqual(effects, 1)
        state = self.state(identifier)
        if state in ("approved", "failed"):
            self.assertEqual(self.effects(invoice), 0, "the ledger says that nothing was written")
        return status

    def settle(self, first, invoice, identifier, tries=12):
        """Apply again until it is settled, as an operator would."""
        statuses = [first]
        while statuses[-1] not in ("applied", "already_applied"):
            self.assertLessEqual(len(statuses), tries, statuses)
            time.sleep(0.8 if len(statuses) > 2 else 0)
            receipt = self.apply(identifier)
            self.assertIn("status", receipt, receipt)
            statuses.append(receipt["status"])
            if receipt["status"] == "failed":
                self.assertEqual(self.effects(invoice), 0, receipt)
        # Nothing that was "not changed" turns out to have been written before.
        self.assertFalse(statuses[-1] == "already_applied" and statuses[-2] == "failed", statuses)
        self.assertEqual(self.effects(invoice), 1)
        self.assertEqual(self.state(identifier), "applied")
        return statuses

    def fail_at(self, point, action, case, fresh=False):
        invoice, identifier = case
        if fresh:
            self.proxy.drop()
        self.proxy.arm(point, action)
        first = self.check_first(self.apply(identifier), invoice, identifier)
        self.fired += self.proxy.fired
        self.proxy.arm(0, None)
        statuses = self.settle(first, invoice, identifier)
        self.seen[" ".join(statuses)] = self.seen.get(" ".join(statuses), 0) + 1

    def run_points(self, points):
        """Every (message, action, on a new connection?); each with its own invoice."""
        self.fired, self.seen = 0, {}
        started = time.monotonic()
        for case, (point, action, fresh) in zip(self.approved(len(points)), points):
            with self.subTest(point=point, action=action, fresh=fresh):
                self.fail_at(point, action, case, fresh)
        print("%s: %d points, %d fired, %.0f s, %r" % (
            self.id(), len(points), self.fired, time.monotonic() - started, self.seen), file=sys.stderr)
        self.assertGreaterEqual(self.fired, len(points) * 95 // 100)
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_cut_at_every_message(self):
        """Of an apply on a new connection, and of one on a kept connection."""
        self.count(True)  # The first of all also makes the receipt table.
        points = []
        for fresh in (True, False):
            log = self.count(fresh)
            points += [(n, action, fresh) for n, (up, _) in enumerate(log, 1)
                       for action in (("before", "within", "after") if up else ("before", "after"))]
        self.assertGreaterEqual(len(points), 300)
        # Not more than CI has time for, but of every part of it.
        step = max(1, len(points) // CUTS)
        self.run_points(points[::step] if len(points) >= step * 300 else points)

    def test_silence_and_late_delivery(self):
        """The answer never comes; or the request arrives when nobody waits any more."""
        self.count(True)
        log = self.count(False)
        # The last message of each request, and the first of each answer.
        turns = [n for n in range(1, len(log)) if log[n - 1][0] != log[n][0]] + [len(log)]
        commit = self.commit_in(log)
        points = [(n, "silence", False) for n in turns]
        points += [(n, "late", False) for n in turns if log[n - 1][0]]
        # Each takes as long as the writer's patience.
        points = points[::-(-len(points) // self.silences)] + [(commit, "silence", False), (commit, "late", False)]
        points += [(commit, "partition", False), (commit + 1, "partition", False)]
        self.run_points(points)

    def commit_in(self, log):
        """The number of the message that asks for COMMIT."""
        return next(n for n, (up, message) in enumerate(log, 1) if up and b"COMMIT" in message)

    def update_in(self, log):
        """Of the one that has the UPDATE's values; its text was sent when it was prepared."""
        return next(n for n, (up, message) in enumerate(log, 1) if up and b"approved support waiver" in message)

    def answer_in(self, log, asked):
        """Of the first one that comes back after it."""
        return next(n for n, (up, _) in enumerate(log, 1) if n > asked and not up)

    def die_at(self, point, die, case):
        """Apply, apply again while it is down, start it, compare, settle."""
        invoice, identifier = case
        self.proxy.arm(point, die)
        receipts = [self.apply(identifier)]
        self.assertTrue(self.proxy.fired)
        self.proxy.arm(0, None)
        if die != self.kill_backend:
            receipts.append(self.apply(identifier))
            self.restart()
        wait_for(self.accepts, 30, "the database to recover")
        found = self.effects(invoice)
        for receipt in receipts:
            self.assertIn(receipt["status"], ("applied", "failed", "outcome_unknown"), receipt)
            self.assertTrue(receipt["status"] != "failed" or found == 0, receipt)
            self.assertTrue(receipt["status"] != "applied" or found == 1, receipt)
        statuses = self.settle(receipts[-1]["status"], invoice, identifier)
        self.seen.append(" ".join([r["status"] for r in receipts[:-1]] + statuses))

    def accepts(self):
        with contextlib.suppress(RuntimeError):
            return self.w.sql("SELECT 1")
        return False

    def test_the_server_dies(self):
        self.count(True)
        log = self.count(False)
        commit, update = self.commit_in(log), self.update_in(log)
        self.seen = []
        points = (1, update, update + 5, self.answer_in(log, update), commit, commit + 1, len(log))
        ways = [(point, die) for point in points for die in self.deaths()]
        for case, (point, die) in zip(self.approved(len(ways)), ways):
            with self.subTest(point=point, die=die):
                self.die_at(point, die, case)
        print("%s: %r" % (self.id(), self.seen), file=sys.stderr)
        self.assertTrue(self.w.json("ledger", "verify")["ok"])


class OnPostgres(ThroughProxy, unittest.TestCase):
    engine, make, direction = "postgres", Postgres, PostgresDirection
    patience_ms, parameters, silences = 500, "?connect_timeout=2", 40

    def deaths(self):
        return self.stop_at_once, self.kill_postmaster, self.kill_backend

    def stop_at_once(self):
        self.server.stop("immediate")

    def restart(self):
        """Start the server, also while orphans of the last one still end."""
        def started():
            with contextlib.suppress(subprocess.CalledProcessError):
                self.server.start()
                return True
            return False
        wait_for(started, 30, "PostgreSQL to start")

    def kill_postmaster(self):
        with open(os.path.join(self.server.data, "postmaster.pid")) as file:
            os.kill(int(file.readline()), signal.SIGKILL)

    def kill_backend(self):
        """The writer's own; the others then end as well and it recovers."""
        os.kill(int(self.w.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'countersign-writerd'")
                    [0][0]), signal.SIGKILL)
        time.sleep(0.2)


class OnMariadb(ThroughProxy, unittest.TestCase):
    engine, direction = "mysql", MariadbDirection
    patience_ms, parameters, silences = 1000, "?connect_timeout=2", 10

    @staticmethod
    def make():
        # What was answered is in the operating system's hands, as in real life.
        return Mariadb(settings=("innodb-flush-log-at-trx-commit=2",))

    def deaths(self):
        return self.kill_server, self.kill_backend

    def kill_server(self):
        self.server.stop(signal.SIGKILL)

    def restart(self):
        self.server.start()

    def kill_backend(self):
        for identifier, in self.w.sql("SELECT id FROM information_schema.processlist WHERE user = 'writer'"):
            with contextlib.suppress(RuntimeError):
                self.w.sql("KILL " + identifier)
        time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
