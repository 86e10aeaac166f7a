"""kill -9 of writerd and of ledgerd at every step of apply: one effect or none,
and the ledger tells the truth after a restart.

Each point uses an invoice of its own. A trigger counts the effects, so that a
second write shows even if it wrote the same values."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from versioned import add_invoices, count_effects, effects, versioned_workspace  # noqa: E402
from workspace import BIN, Workspace, processes  # noqa: E402

KILLAT = os.path.join(os.path.dirname(BIN), "tests", "killat")
# A writer that is killed before it claims leaves the job released: nobody answers.
PATIENCE_MS = "6000"
POINTS = int(os.environ.get("CS_KILL_POINTS", "30"))
FEWER = POINTS * 2 // 5


class KillAtEveryStep:
    """`program` is killed at `most` points; `make` gives a workspace on one engine."""

    most = POINTS

    def setUp(self):
        self.w = self.make()
        self.addCleanup(self.w.close)
        self.invoices = 0

    def new_invoices(self, count):
        """Invoices with an approved proposal each, as ids."""
        names = ["K-%05d" % (self.invoices + i) for i in range(count)]
        self.invoices += count
        add_invoices(self.w, names)
        approved = []
        with self.w.client() as mcp:
            for name in names:
                identifier = mcp.propose(name)["proposal"]["id"]
                self.w.run("proposals", "approve", identifier, "--yes", check=0)
                approved.append((name, identifier))
        return approved

    def apply_under_killer(self, identifier, point):
        """Run apply; returns what the killer says: ("stops"|"killed", count)."""
        reading, writing = os.pipe()
        command = [KILLAT, self.program, str(point), os.path.join(BIN, "countersign"), "apply", identifier, "--json",
                   "--timeout-ms", PATIENCE_MS, "--store", self.w.store, "--config", self.w.config]

        def as_descriptor_3():
            os.dup2(writing, 3)
        try:
            subprocess.run(command, cwd=self.w.path, env=self.w.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=90,
                           preexec_fn=as_descriptor_3, close_fds=False)
        finally:
            os.close(writing)
        with os.fdopen(reading) as pipe:
            verdict, count = pipe.readline().split()
        return verdict, int(count)

    def stop_all(self):
        """What is left ends: writers at once, ledgerd by itself."""
        for name in ("writerd", "countersign-run"):
            for pid in processes(self.w.store, name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not processes(self.w.store), 20, "every process to end")

    def effects(self, invoice):
        return effects(self.w, invoice)

    def check_truth(self, invoice, identifier):
        """What the restarted ledger says agrees with the source."""
        state = self.w.json("proposals", "show", identifier)["proposal"]["state"]
        effects = self.effects(invoice)
        self.assertIn(state, ("approved", "outcome_unknown", "applied", "failed"))
        self.assertLessEqual(effects, 1)
        if state in ("approved", "failed"):
            self.assertEqual(effects, 0, "the ledger says that nothing was written")
        if state == "applied":
            self.assertEqual(effects, 1, "the ledger says that it was written")
        return state

    def finish(self, identifier):
        """What an operator does: apply again until it is settled."""
        statuses = []
        for _ in range(3):
            result = self.w.run("apply", identifier, "--json")
            self.assertTrue(result.stdout, result.stderr)
            receipt = json.loads(result.stdout)
            statuses.append((receipt["status"], receipt.get("safe_error_code")))
            if receipt["status"] in ("applied", "already_applied"):
                return statuses
        raise AssertionError("not settled: %r" % statuses)

    def points(self, total):
        """At least `most` of them, the whole range, evenly."""
        if total <= self.most * 1.5:
            return list(range(1, total + 1))
        return sorted({1 + i * (total - 1) // (self.most - 1) for i in range(self.most)})

    def test_one_effect_or_none_and_a_truthful_ledger(self):
        (_, first), (_, probe) = self.new_invoices(2)
        self.finish(first)  # creates the table of receipts: not every apply stops as often
        self.w.wait_idle()
        verdict, total = self.apply_under_killer(probe, 0)
        self.assertEqual(verdict, "stops")
        self.stop_all()
        points = self.points(total)
        self.assertGreaterEqual(len(points), min(self.most, 100))
        approved = self.new_invoices(len(points))
        self.w.wait_idle()
        killed = 0
        for point, (invoice, identifier) in zip(points, approved):
            with self.subTest(point=point):
                verdict, _ = self.apply_under_killer(identifier, point)
                killed += verdict == "killed"
                self.stop_all()
                self.check_truth(invoice, identifier)
                self.finish(identifier)
                self.assertEqual(self.effects(invoice), 1)
                self.assertEqual(self.w.row(invoice)[0], 0)
                self.stop_all()
        print("%s: %d points of %d stops, killed %d" % (self.id(), len(points), total, killed), file=sys.stderr)
        self.assertGreaterEqual(killed, len(points) * 9 // 10)
        self.assertTrue(self.w.json("ledger", "verify")["ok"])


class OnSqlite:
    def make(self):
        w = Workspace("sqlite")
        count_effects(w)
        return w


class OnServer:
    @classmethod
    def setUpClass(cls):
        cls.server = cls.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def make(self):
        w = Workspace(self.engine, server=self.server)
        count_effects(w)
        return w


class OnPostgres(OnServer):
    engine, start = "postgres", Postgres


class OnMariadb(OnServer):
    engine, start = "mysql", Mariadb


class OnlyTheLedgerKnows:
    """`receipts: "ledger"`: what an operator does is look and resolve; the row tells
    the truth about every point, and nothing is ever written twice."""

    most = FEWER

    def make(self):
        return versioned_workspace(self.engine, getattr(self, "server", None), receipts="ledger")

    def finish(self, identifier):
        state = self.w.json("proposals", "show", identifier)["proposal"]
        if state["state"] == "outcome_unknown":
            return self.reconcile(identifier, state["object_id"])
        return super().finish(identifier)

    def reconcile(self, identifier, invoice):
        self.assertEqual(self.w.run("apply", identifier).returncode, 1)
        before = self.effects(invoice)
        seen = self.w.json("reconcile", "inspect", identifier)["classification"]
        self.assertEqual(seen, "matches_proposed" if before else "matches_reviewed_before")
        outcome = "applied" if before else "failed"
        self.w.run("reconcile", "resolve", identifier, "--outcome", outcome, "--reason", seen, "--yes", check=0)
        again = self.w.run("apply", identifier, "--json")
        self.assertEqual(again.returncode, 0 if before else 1, again.stderr)
        self.assertEqual(self.effects(invoice), before)
        if not before:
            # What was resolved as not written is proposed anew, from a new reading.
            with self.w.client() as mcp:
                anew = mcp.propose(invoice, reason="again")["proposal"]["id"]
            self.w.run("proposals", "approve", anew, "--yes", check=0)
            self.assertEqual(self.w.json("apply", anew)["status"], "applied")
        return [outcome]


class KillWriterdOnSqlite(OnSqlite, KillAtEveryStep, unittest.TestCase):
    program = "writerd"


class KillLedgerdOnSqlite(OnSqlite, KillAtEveryStep, unittest.TestCase):
    program = "ledgerd"


class KillWriterdOnPostgres(OnPostgres, KillAtEveryStep, unittest.TestCase):
    program = "writerd"


class KillWriterdOnMariadb(OnMariadb, KillAtEveryStep, unittest.TestCase):
    program = "writerd"


class KillLedgerdOnPostgres(OnPostgres, KillAtEveryStep, unittest.TestCase):
    program = "ledgerd"


class KillLedgerdOnMariadb(OnMariadb, KillAtEveryStep, unittest.TestCase):
    program, most = "ledgerd", FEWER


class LedgerReceiptsWriterdOnSqlite(OnlyTheLedgerKnows, KillAtEveryStep, unittest.TestCase):
    program, engine = "writerd", "sqlite"


class LedgerReceiptsLedgerdOnSqlite(OnlyTheLedgerKnows, KillAtEveryStep, unittest.TestCase):
    program, engine = "ledgerd", "sqlite"


class LedgerReceiptsWriterdOnPostgres(OnlyTheLedgerKnows, OnPostgres, KillAtEveryStep, unittest.TestCase):
    program, engine = "writerd", "postgres"


class LedgerReceiptsWriterdOnMariadb(OnlyTheLedgerKnows, OnMariadb, KillAtEveryStep, unittest.TestCase):
    program, engine = "writerd", "mysql"


if __name__ == "__main__":
    unittest.main()
