"""Several writers, several proposals, one row: the version column decides, once.

The version column moves with each update (a trigger), as a contract needs it."""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from wire import Peer, text, u32  # noqa: E402
from workspace import BIN, REDUCED, Workspace, processes  # noqa: E402

ROW = "INV-3001"


class Concurrent:
    """Runs once per engine; `make` gives a workspace whose version moves."""

    def setUp(self):
        self.w = self.make()
        self.addCleanup(self.w.close)
        self.mcp = self.w.serve()
        self.addCleanup(self.mcp.close)
        self.mcp.initialize()

    def writers(self, count):
        """That many writers at the ledger that serves."""
        for _ in range(count):
            process = subprocess.Popen(
                [os.path.join(BIN, "countersign-run"), "--store", self.w.store, "--config", self.w.config,
                 "--roles", "writerd", *REDUCED], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, cwd=self.w.path, env=self.w.env)
            self.addCleanup(process.wait, 20)
            self.addCleanup(process.terminate)
        wait_for(lambda: len(processes(self.w.store, "writerd")) == count, 20, "%d writers" % count)

    def approve(self, reasons):
        """One approved proposal per reason, all of the same row as it is now."""
        identifiers = [self.mcp.propose(ROW, reason=reason)["proposal"]["id"] for reason in reasons]
        for identifier in identifiers:
            self.w.run("proposals", "approve", identifier, "--yes", check=0)
        return identifiers

    def apply_all(self, identifiers):
        """`countersign apply` for each of them at the same time; the receipts."""
        with concurrent.futures.ThreadPoolExecutor(len(identifiers)) as pool:
            results = list(pool.map(lambda i: self.w.run("apply", i, "--json"), identifiers))
        return [json.loads(r.stdout) if r.stdout else {"status": "refused", "why": r.stderr} for r in results]

    def effects(self):
        return int(self.w.sql("SELECT count(*) FROM effects")[0][0])

    def test_two_writers_and_one_job(self):
        self.writers(2)
        identifier, = self.approve(["one job"])
        statuses = [r["status"] for r in self.apply_all([identifier])]
        self.assertEqual(statuses, ["applied"])
        self.assertEqual(self.effects(), 1)

    def test_one_writer_and_the_same_job_twice(self):
        self.writers(1)
        identifier, = self.approve(["again"])
        statuses = [self.w.json("apply", identifier)["status"] for _ in range(2)]
        self.assertEqual((statuses, self.effects()), (["applied", "already_applied"], 1))

    def test_the_same_job_twice_at_once(self):
        self.writers(2)
        identifier, = self.approve(["twice"])
        answers = self.apply_all([identifier] * 4)
        # Who comes while the job is released is told so; nobody writes again.
        self.assertTrue(all(r["status"] in ("applied", "already_applied") or "PROPOSAL_NOT_APPROVED" in r["why"]
                            for r in answers), answers)
        self.assertIn("applied", [r["status"] for r in answers])
        self.assertEqual(self.effects(), 1)
        self.assertEqual(self.w.json("apply", identifier)["status"], "already_applied")
        self.assertEqual(self.effects(), 1)

    def test_sixteen_proposals_on_one_row(self):
        self.writers(3)
        identifiers = self.approve(["number %d" % i for i in range(16)])
        receipts = self.apply_all(identifiers)
        applied = [r for r in receipts if r["status"] == "applied"]
        conflicts = [r for r in receipts if r["status"] == "conflict"]
        self.assertEqual((len(applied), len(conflicts)), (1, 15), receipts)
        self.assertEqual({r["safe_error_code"] for r in conflicts}, {"VERSION_CONFLICT"})
        self.assertFalse(any(r["source_database_mutated"] for r in conflicts))
        self.assertEqual(self.effects(), 1)
        winner = next(i for i, r in zip(identifiers, receipts) if r["status"] == "applied")
        self.assertEqual(self.w.row(ROW)[1], "number %d" % identifiers.index(winner))
        states = {i: self.w.json("proposals", "show", i)["proposal"]["state"] for i in identifiers}
        self.assertEqual({i for i, s in states.items() if s == "applied"}, {winner})
        self.assertEqual(set(states.values()), {"applied", "conflict"})
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_a_writer_that_is_told_to_stop_takes_no_job_with_it(self):
        """It finishes the one that it was given meanwhile; the others are there for the next one."""
        self.writers(1)
        writer, = processes(self.w.store, "writerd")
        identifiers = self.approve(["number %d" % i for i in range(6)])
        os.kill(writer, signal.SIGSTOP)
        with open(self.w.config, "rb") as file:
            digest = hashlib.sha256(file.read()).digest()
        # Asked for without `countersign apply`, which brings a writer of its own.
        peers = [Peer(self.w.store, "control", digest=digest) for _ in identifiers]
        with concurrent.futures.ThreadPoolExecutor(len(identifiers)) as pool, contextlib.ExitStack() as open_peers:
            for peer in peers:
                peer.socket.settimeout(60)
                open_peers.callback(peer.close)
            asked = [pool.submit(p.request, "APPLY", text(i) + b"\0" + u32(45000)) for p, i in zip(peers, identifiers)]
            released = "SELECT count(*) FROM jobs WHERE state IN ('released', 'leased')"
            # They are on disk with the next answer, whomever it is for.
            wait_for(lambda: self.mcp.read(ROW)["ok"] and self.w.ledger(released)[0][0] == len(identifiers), 20,
                     "the jobs to wait")
            os.kill(writer, signal.SIGTERM)
            os.kill(writer, signal.SIGCONT)
            wait_for(lambda: not os.path.exists("/proc/%d" % writer), 20, "the writer to end")
            self.assertEqual(self.w.ledger("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state"),
                             [("released", len(identifiers) - 1), ("reported", 1)])
            self.writers(1)
            receipts = [json.loads(a.result()[1][5:]) for a in asked]
        self.assertEqual(sorted(r["status"] for r in receipts), ["applied"] + ["conflict"] * 5)
        self.assertEqual(self.effects(), 1)

    def test_the_application_writes_at_the_same_time(self):
        """Whoever comes second does not overwrite what the first one wrote."""
        self.writers(1)
        for turn in range(8):
            before = self.effects()
            identifier, = self.approve(["turn %d" % turn])
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                ours = pool.submit(self.apply_all, [identifier])
                pool.submit(self.w.sql, "UPDATE invoices SET status = 'seen %d' WHERE id = '%s'" % (turn, ROW)).result()
                status = ours.result()[0]["status"]
            self.assertIn(status, ("applied", "conflict"))
            self.assertEqual(self.effects() - before, 2 if status == "applied" else 1)
            self.assertEqual(self.w.row(ROW)[1] == "turn %d" % turn, status == "applied")


class SqliteConcurrent(Concurrent, unittest.TestCase):
    def make(self):
        w = Workspace("sqlite")
        w.sql("CREATE TABLE effects (id TEXT)")
        w.sql("CREATE TRIGGER touch AFTER UPDATE ON invoices WHEN NEW.updated_at IS OLD.updated_at BEGIN"
              " UPDATE invoices SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ') || hex(randomblob(4)) WHERE id = NEW.id;"
              " INSERT INTO effects VALUES (NEW.id); END")
        return w


class OnServer(Concurrent):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.start()
        cls.addClassCleanup(cls.server.close)


class PostgresConcurrent(OnServer, unittest.TestCase):
    start = Postgres

    def make(self):
        w = Workspace("postgres", postgres=self.server)
        for statement in (
                "DROP TABLE IF EXISTS effects", "CREATE TABLE effects (id text)", "GRANT INSERT ON effects TO writer",
                "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " NEW.updated_at := clock_timestamp(); INSERT INTO effects VALUES (NEW.id); RETURN NEW; END $$",
                "CREATE TRIGGER touch BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION touch()"):
            w.sql(statement)
        return w


class MariadbConcurrent(OnServer, unittest.TestCase):
    start = Mariadb

    def make(self):
        w = Workspace("mysql", server=self.server)
        w.sql("CREATE TABLE effects (id varchar(64)) ENGINE=InnoDB")
        w.sql("CREATE TRIGGER touch BEFORE UPDATE ON invoices FOR EACH ROW SET NEW.updated_at ="
              " greatest(sysdate(6), date_add(OLD.updated_at, interval 1 microsecond))")
        w.sql("CREATE TRIGGER counted AFTER UPDATE ON invoices FOR EACH ROW INSERT INTO effects VALUES (NEW.id)")
        return w


if __name__ == "__main__":
    unittest.main()
