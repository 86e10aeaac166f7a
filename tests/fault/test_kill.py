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
from workspace import BIN, Workspace, processes  # noqa: E402

KILLAT = os.path.join(os.path.dirname(BIN), "tests", "killat")
POINTS = int(os.environ.get("CS_KILL_POINTS", "100"))


class KillAtEveryStep:
    """`program` is killed; `make` gives a workspace on one engine."""

    def setUp(self):
        self.w = self.make()
        self.addCleanup(self.w.close)
        self.invoices = 0

    def new_invoices(self, count):
        """Invoices with an approved proposal each, as ids."""
        names = ["K-%05d" % (self.invoices + i) for i in range(count)]
        self.invoices += count
        for name in names:
            self.w.sql("INSERT INTO invoices VALUES ('%s', 'acme', 'open', 5500, NULL, '2026-06-20T14:31:08Z')" % name)
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
                   "--store", self.w.store, "--config", self.w.config]

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
        return int(self.w.sql("SELECT count(*) FROM effects WHERE id = '%s'" % invoice)[0][0])

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
        """At least POINTS of them, the whole range, evenly."""
        if total <= POINTS * 1.5:
            return list(range(1, total + 1))
        return sorted({1 + i * (total - 1) // (POINTS - 1) for i in range(POINTS)})

    def test_one_effect_or_none_and_a_truthful_ledger(self):
        (_, probe), = self.new_invoices(1)
        self.w.wait_idle()
        verdict, total = self.apply_under_killer(probe, 0)
        self.assertEqual(verdict, "stops")
        self.stop_all()
        points = self.points(total)
        self.assertGreaterEqual(len(points), min(POINTS, 100))
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
        w.sql("CREATE TABLE effects (id TEXT)")
        w.sql("CREATE TRIGGER count_effects AFTER UPDATE ON invoices BEGIN INSERT INTO effects VALUES (NEW.id); END")
        return w


class OnPostgres:
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def make(self):
        w = Workspace("postgres", postgres=self.server)
        for statement in (
                "CREATE TABLE effects (id text)", "GRANT INSERT ON effects TO writer",
                "CREATE FUNCTION count_effects() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN INSERT INTO effects VALUES (NEW.id); RETURN NULL; END $$",
                "CREATE TRIGGER count_effects AFTER UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION count_effects()"):
            w.sql(statement)
        return w


class OnMariadb:
    @classmethod
    def setUpClass(cls):
        cls.server = Mariadb()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def make(self):
        w = Workspace("mysql", server=self.server)
        for statement in (
                "CREATE TABLE effects (id varchar(64)) ENGINE=InnoDB",
                "CREATE TRIGGER count_effects AFTER UPDATE ON invoices FOR EACH ROW"
                " INSERT INTO effects VALUES (NEW.id)"):
            w.sql(statement)
        return w


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


if __name__ == "__main__":
    unittest.main()
