"""A writer that is stopped (SIGSTOP) between its last check and COMMIT, and goes on
when the ledger was restarted: its change is in the record, or it is not made."""
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
from versioned import effects, versioned_workspace  # noqa: E402
from workspace import BIN, processes  # noqa: E402

KILLAT = os.path.join(os.path.dirname(BIN), "tests", "killat")
ROW = "INV-3001"


class Stopped:
    server = None

    @classmethod
    def setUpClass(cls):
        if cls.make is not None:
            cls.server = cls.make()
            cls.addClassCleanup(cls.server.close)

    def workspace(self, patience_ms=1000, **source):
        """The server ends an idle transaction five to six seconds after `patience_ms`."""
        w = versioned_workspace(self.engine, self.server, statement_timeout_ms=patience_ms, **source)
        self.addCleanup(w.close)
        return w

    def stop_before_commit(self, w):
        """(id of the proposal, pid of the writer): stopped; the ledger was killed since."""
        identifier = w.approved(ROW)
        w.wait_idle()
        reading, writing = os.pipe()

        def as_descriptor_3():
            os.dup2(writing, 3)
        asking = subprocess.Popen(
            [KILLAT, "writerd", "fence", os.path.join(BIN, "countersign"), "apply", identifier, "--store", w.store,
             "--config", w.config], cwd=w.path, env=w.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=as_descriptor_3, close_fds=False)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            word, pid = pipe.readline().split()
        self.assertEqual(word, "stopped")
        self.addCleanup(self.signal, int(pid), signal.SIGKILL)
        wait_for(lambda: self.is_stopped(int(pid)), 10, "the writer to be stopped")
        # As long as its connection is there, nobody else has a say.
        self.assertIn("OUTCOME_KNOWN", self.resolve(w, identifier, "failed").stderr)
        for pid_of_ledger in processes(w.store, "ledgerd"):
            self.signal(pid_of_ledger, signal.SIGKILL)
        asking.wait(30)
        wait_for(lambda: not processes(w.store, "ledgerd"), 10, "ledgerd to end")
        return identifier, int(pid)

    def is_stopped(self, pid):
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(") ", 1)[1][0] == "T"

    def signal(self, pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def resolve(self, w, identifier, outcome):
        return w.run("reconcile", "resolve", identifier, "--outcome", outcome, "--reason", "looked", "--yes")

    def look(self, w, identifier):
        return json.loads(w.run("reconcile", "inspect", identifier, "--json").stdout)["classification"]

    def go_on(self, pid):
        """The writer goes on and ends by itself: there is no ledger for it any more."""
        self.signal(pid, signal.SIGCONT)
        wait_for(lambda: not os.path.exists("/proc/%d" % pid), 30, "the writer to end")

    def state(self, w, identifier):
        return w.json("proposals", "show", identifier)["proposal"]["state"]

    def test_goes_on_before_anybody_could_resolve_it(self):
        w = self.workspace(20000, receipts="ledger")
        identifier, writer = self.stop_before_commit(w)
        refused = self.resolve(w, identifier, "failed")
        self.assertIn("ATTEMPT_MAY_COMMIT", refused.stderr)
        self.assertEqual(self.state(w, identifier), "outcome_unknown")
        self.go_on(writer)
        self.assertEqual(self.look(w, identifier), "matches_proposed")
        self.assertEqual(effects(w, ROW), 1, "it was in time: only the record had to wait")
        self.assertEqual(self.resolve(w, identifier, "applied").returncode, 0)
        self.assertTrue(w.json("ledger", "verify")["ok"])

    def test_goes_on_after_it_was_resolved(self):
        w = self.workspace(receipts="ledger")
        identifier, writer = self.stop_before_commit(w)
        # It holds the row, so a look waits and fails, and proves nothing.
        if self.look(w, identifier) == "not_inspected":
            self.assertIn("ATTEMPT_MAY_COMMIT", self.resolve(w, identifier, "failed").stderr)
        self.end_transaction(w, writer)
        wait_for(lambda: self.look(w, identifier) != "not_inspected", 40, "the row's lock")
        self.assertEqual(self.look(w, identifier), "matches_reviewed_before")
        self.assertEqual(self.resolve(w, identifier, "failed").returncode, 0)
        if self.server:
            self.go_on(writer)
        self.assertEqual((effects(w, ROW), w.row(ROW)[0]), (0, 5500), "the record says failed")
        self.assertEqual(self.state(w, identifier), "failed")

    def test_a_receipt_in_the_source_is_not_looked_up_too_early(self):
        w = self.workspace()
        identifier, writer = self.stop_before_commit(w)
        w.run("apply", identifier)
        self.assertEqual(self.state(w, identifier), "outcome_unknown", "the receipt's owner holds it")
        self.assertIn("ATTEMPT_MAY_COMMIT", self.resolve(w, identifier, "failed").stderr)
        self.end_transaction(w, writer)

        def settled():
            w.run("apply", identifier)
            return self.state(w, identifier) != "outcome_unknown"
        wait_for(settled, 40, "the look-up")
        if self.server:
            self.go_on(writer)
        self.assertEqual(effects(w, ROW), int(self.state(w, identifier) == "applied"))
        self.assertEqual(w.row(ROW)[0], 0 if effects(w, ROW) else 5500)

    def end_transaction(self, w, writer):
        """The server does, by itself."""


class OnPostgres(Stopped, unittest.TestCase):
    engine, make = "postgres", Postgres


class OnMariadb(Stopped, unittest.TestCase):
    engine, make = "mysql", Mariadb


class OnSqlite(Stopped, unittest.TestCase):
    """Nobody ends a file's transaction but who holds it: the operator ends the process."""
    engine, make = "sqlite", None

    def end_transaction(self, w, writer):
        self.signal(writer, signal.SIGKILL)
        wait_for(lambda: not os.path.exists("/proc/%d" % writer), 10, "the writer to end")


if __name__ == "__main__":
    unittest.main()
