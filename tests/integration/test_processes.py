"""Processes: one ledgerd per store, second users attach, deaths are noticed,
files that others could have written are refused."""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from postgres import wait_for  # noqa: E402
from workspace import Workspace, contract, processes  # noqa: E402


class Processes(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)

    def one(self, name):
        wait_for(lambda: len(processes(self.w.store, name)) == 1, what=name)
        return processes(self.w.store, name)[0]

    def test_second_client_of_a_store_attaches_to_the_first_ones_ledgerd(self):
        with self.w.client() as first, self.w.client() as second:
            a, b = first.propose("INV-3001"), second.propose("INV-3002")
            self.assertTrue(a["ok"] and b["ok"])
            self.assertEqual(len(processes(self.w.store, "ledgerd")), 1)
            ids = {p["proposal_id"] for p in self.w.json("proposals", "list")["proposals"]}
            self.assertEqual(ids, {a["proposal"]["id"], b["proposal"]["id"]})

    def test_command_without_a_ledgerd_starts_one_that_leaves_again(self):
        self.w.proposed()
        self.w.wait_idle()
        self.assertEqual(len(self.w.json("proposals", "list")["proposals"]), 1)
        self.w.wait_idle()

    def test_store_that_does_not_exist_is_said_to_be_missing_and_not_made(self):
        result = self.w.run("proposals", "list", check=1)
        self.assertIn("No local Countersign proposal store was found at", result.stderr)
        self.assertFalse(os.path.exists(self.w.store))

    def test_end_of_input_ends_everything(self):
        mcp = self.w.serve(no_writer=False)
        mcp.initialize()
        self.one("ledgerd")
        self.assertEqual(mcp.close(), 0)
        self.w.wait_idle()

    def test_sigterm_ends_everything(self):
        mcp = self.w.serve(no_writer=False)
        mcp.initialize()
        os.kill(mcp.process.pid, signal.SIGTERM)
        mcp.process.wait(10)
        self.w.wait_idle()
        mcp.process.stdin.close()
        mcp.process.stdout.close()

    def test_death_of_ledgerd_is_noticed_at_once_and_nothing_is_answered_unrecorded(self):
        mcp = self.w.serve()
        mcp.initialize()
        self.assertTrue(mcp.read("INV-3001")["ok"])
        os.kill(self.one("ledgerd"), signal.SIGKILL)
        started = time.monotonic()
        try:
            answer = mcp.read("INV-3001")
            self.assertEqual(answer["error"]["code"], "TEMPORARILY_UNAVAILABLE")
        except (EOFError, BrokenPipeError):
            pass  # The whole of it has ended: no answer is no lie either.
        self.assertNotEqual(mcp.process.wait(10), 0)
        self.assertLess(time.monotonic() - started, 5)
        mcp.process.stdout.close()
        self.w.wait_idle()

    def test_death_of_writerd_leaves_reading_and_proposing(self):
        mcp = self.w.serve(no_writer=False)
        mcp.initialize()
        os.kill(processes_of_writer(mcp), signal.SIGKILL)
        self.assertTrue(mcp.propose("INV-3001")["ok"])
        self.assertEqual(mcp.close(), 0)

    def test_ledger_that_cannot_record_answers_nothing_but_that(self):
        mcp = self.w.serve()
        mcp.initialize()
        self.assertTrue(mcp.read("INV-3001")["ok"])
        # Somebody holds the ledger's write lock for longer than we wait.
        import sqlite3
        blocker = sqlite3.connect(self.w.store, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        answer = mcp.read("INV-3001")
        self.assertEqual(answer["error"]["code"], "TEMPORARILY_UNAVAILABLE")
        self.assertNotIn("data\": {", str(answer))
        blocker.execute("ROLLBACK")
        blocker.close()
        self.assertTrue(mcp.read("INV-3001")["ok"])
        self.assertEqual(mcp.close(), 0)

    def test_answers_equal_audit_rows(self):
        with self.w.client() as mcp:
            for _ in range(150):
                self.assertTrue(mcp.read("INV-3001")["ok"])
        self.assertEqual(self.w.ledger("SELECT count(*) FROM events WHERE kind = 'read_recorded'"), [(150,)])
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_contract_that_others_may_write_is_refused_with_the_remedy(self):
        os.chmod(self.w.config, 0o666)
        mcp = self.w.serve()
        self.assertNotEqual(mcp.process.wait(10), 0)
        self.assertIn("FILE_WRITABLE_BY_OTHERS", mcp.errors())
        self.assertIn("chmod go-w", mcp.errors())
        mcp.process.stdin.close()
        mcp.process.stdout.close()

    def test_environment_context_comes_from_the_environment_only(self):
        config = contract(trusted_context={"provider": "environment"})
        w = Workspace("sqlite", config=config)
        self.addCleanup(w.close)
        mcp = w.serve(env={"SYNAPSOR_TENANT_ID": "other", "SYNAPSOR_PRINCIPAL": "me"})
        mcp.initialize()
        self.assertTrue(mcp.read("INV-9001")["ok"])
        self.assertEqual(mcp.read("INV-3001")["error"]["code"], "NOT_FOUND_IN_TENANT")
        mcp.close()

    def test_ledger_files_are_for_their_owner_only(self):
        self.w.approved()
        for suffix in ("", ".key", ".log", ".run", ".run/control.sock"):
            self.assertEqual(os.stat(self.w.store + suffix).st_mode & 0o077, 0, suffix)
        with open(self.w.store, "rb") as file:
            self.assertNotIn(b"sqlite://", file.read())

    def test_apply_on_approval_waits_for_a_writer_that_comes_later(self):
        w = Workspace("sqlite", config=contract(apply="on_approval"))
        self.addCleanup(w.close)
        first, second = w.approved("INV-3001"), w.approved("INV-3002")
        self.assertEqual(w.row("INV-3001")[0], 5500)
        with w.client(no_writer=False):
            wait_for(lambda: w.row("INV-3001")[0] == 0 and w.row("INV-3002")[0] == 0, what="the writer")
            for identifier in (first, second):
                wait_for(lambda: w.json("proposals", "show", identifier)["proposal"]["state"] == "applied")

    def test_a_server_that_starts_while_an_idle_ledgerd_leaves_is_served(self):
        """Looking at proposals starts a ledgerd that ends 0.3 s later: whenever a
        server comes, it finds that one or starts its own."""
        self.w.proposed()
        for step in range(14):
            self.w.run("proposals", "list", check=0)
            time.sleep(step * 0.025)
            mcp = self.w.serve()
            try:
                self.assertTrue(mcp.read("INV-3001")["ok"], "after %d ms" % (step * 25))
            finally:
                mcp.close()


def processes_of_writer(mcp):
    from workspace import child_of
    wait_for(lambda: child_of(mcp.process.pid, "writerd"), what="writerd")
    return child_of(mcp.process.pid, "writerd")


if __name__ == "__main__":
    unittest.main()
