"""Keeping the ledger: stats, backup, prune, vacuum, reset; the record still verifies."""
import contextlib
import hashlib
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from terminal import Terminal  # noqa: E402
from workspace import BIN, Workspace, processes  # noqa: E402

FILL = os.path.join(os.path.dirname(BIN), "bench/fill_ledger")


class Case(unittest.TestCase):
    def setUp(self):
        self.w = Workspace()
        self.addCleanup(self.w.close)

    def life(self):
        """An applied proposal, a rejected one, an approved one, one that waits; two reads."""
        with self.w.client() as mcp:
            mcp.read("INV-3001")
            mcp.read("INV-3002")
            ids = [mcp.propose("INV-3001", reason="r%d" % i)["proposal"]["id"] for i in range(3)]
            ids.append(mcp.propose("INV-3002", reason="waits")["proposal"]["id"])
        self.w.run("proposals", "approve", ids[0], "--yes", check=0)
        self.w.run("apply", ids[0], check=0)
        self.w.run("proposals", "reject", ids[1], "--yes", "--reason", "no", check=0)
        self.w.run("proposals", "approve", ids[2], "--yes", check=0)
        return ids

    def verified(self, code=0):
        return self.w.json("ledger", "verify", check=code)

    def states(self):
        return {p["proposal_id"]: p["state"] for p in self.w.json("proposals", "list")["proposals"]}


class Prune(Case):
    def test_what_is_over_goes_what_waits_stays_and_the_chain_verifies(self):
        applied, rejected, approved, waiting = self.life()
        before = self.w.json("store", "stats")
        dry = self.w.json("store", "prune", "--older-than", "0s")
        self.assertTrue(dry["dry_run"])
        self.assertEqual(self.w.json("store", "stats")["proposals"], 4)
        done = self.w.json("store", "prune", "--older-than", "0s", "--yes")
        self.assertEqual(done["deleted"], dry["deleted"])
        self.assertEqual((done["deleted"]["proposals"], done["deleted"]["writeback_receipts"],
                          done["deleted"]["evidence_bundles"]), (2, 1, 4))
        self.assertEqual(self.states(), {approved: "approved", waiting: "pending_review"})
        self.assertTrue(self.verified()["ok"])
        after = self.w.json("store", "stats")
        self.assertEqual(after["evidence_bundles"], before["evidence_bundles"] - 4)
        self.assertGreaterEqual(after["tombstones"], 1)
        # What stayed still works, with its evidence and its decision.
        self.w.run("proposals", "approve", waiting, "--yes", check=0)
        self.w.run("apply", waiting, check=0)
        self.assertEqual(len(self.w.json("replay", "show", waiting)["evidence"]), 1)
        self.assertIn("ledger_pruned", [e["kind"] for e in self.w.json("events", "tail")["events"]])

    def test_prune_again_and_again_merges_what_touches(self):
        for round in range(3):
            with self.w.client() as mcp:
                for _ in range(5):
                    mcp.read("INV-3001")
            self.w.run("store", "prune", "--older-than", "0s", "--yes", check=0)
            self.assertTrue(self.verified()["ok"], round)
        # One run before each record of a prune at most.
        self.assertLessEqual(self.w.json("store", "stats")["tombstones"], 4)

    def test_nothing_young_goes(self):
        self.life()
        deleted = self.w.json("store", "prune", "--older-than", "1h", "--yes")["deleted"]
        self.assertEqual(set(deleted.values()), {0})

    def test_run_longer_than_a_transaction(self):
        with self.w.client() as mcp:
            for i in range(1300):
                mcp.send({"jsonrpc": "2.0", "id": "r%d" % i, "method": "tools/call", "params": {
                    "name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}})
                if i % 50 == 49:
                    for _ in range(50):
                        mcp.process.stdout.readline()
        self.assertEqual(self.w.json("store", "prune", "--older-than", "0s", "--yes")["deleted"]["query_audit"], 1300)
        self.assertTrue(self.verified()["ok"])
        self.assertEqual(self.w.json("store", "stats")["tombstones"], 1)

    def test_flags_are_checked_before_anything_goes(self):
        self.life()
        for flags in ((), ("--older-than", "3"), ("--older-than", "x"), ("--older-than", "0s", "--yes", "--dry-run")):
            self.assertIn("Nothing was removed", self.w.run("store", "prune", *flags, check=1).stderr)
        self.assertEqual(len(self.states()), 4)

    def test_served_while_it_prunes(self):
        self.life()
        with self.w.client() as mcp:
            self.w.run("store", "prune", "--older-than", "0s", "--yes", check=0)
            self.assertTrue(mcp.read("INV-3002")["ok"])
        self.assertTrue(self.verified()["ok"])


class Long(Case):
    """On a ledger of thousands of reads."""

    def setUp(self):
        super().setUp()
        self.waiting = self.w.proposed("INV-3002", reason="waits")
        self.w.wait_idle()
        self.fill(15000)

    def fill(self, count):
        subprocess.run([FILL, self.w.store, str(count), "100", "1"], check=True)

    def command(self, *words):
        return [os.path.join(BIN, "countersign"), *words, "--store", self.w.store, "--config", self.w.config]

    def test_killed_at_any_moment_it_still_verifies_and_goes_on(self):
        for delay in (0.3, 0.5, 0.7, 0.9):
            prune = subprocess.Popen(self.command("store", "prune", "--older-than", "0s", "--yes"), env=self.w.env,
                                     cwd=self.w.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            for pid in processes(self.w.store):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            prune.wait(20)
            self.assertTrue(self.verified()["ok"], delay)
        self.w.run("store", "prune", "--older-than", "0s", "--yes", check=0)
        self.assertTrue(self.verified()["ok"])
        self.assertEqual(self.states(), {self.waiting: "pending_review"})
        self.assertEqual(self.w.json("store", "stats")["evidence_bundles"], 1)

    def on_a_terminal(self, *words):
        """All that the command writes to a terminal, what it erases included."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.command(*words), env=self.w.env, cwd=self.w.path, stdin=theirs, stdout=theirs,
                                   stderr=theirs)
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # EIO is the end of a terminal
            while chunk := os.read(ours, 65536):
                seen += chunk
        os.close(ours)
        self.assertEqual(process.wait(60), 0)
        return seen.decode()

    def test_progress_stands_on_a_terminal_and_nowhere_else(self):
        seen = ""
        for _ in range(4):  # a fast machine is done before there is progress to tell
            self.fill(150000)
            seen = self.on_a_terminal("ledger", "verify")
            if "verifying " in seen:
                break
        self.assertIn("verifying ", seen)
        self.assertIn("ledger verified", seen)
        t = Terminal(" ".join(self.command("ledger", "verify")), self.w.env, self.w.path)
        self.addCleanup(t.close)
        t.wait("ledger verified", 60)
        self.assertNotIn("verifying", t.wait("exit=0"))
        self.assertNotIn("%", self.w.run("ledger", "verify", check=0).stderr)


class Tombstones(Case):
    def pruned(self):
        self.life()
        self.w.run("store", "prune", "--older-than", "0s", "--yes", check=0)
        self.assertTrue(self.verified()["ok"])
        self.w.wait_idle()
        self.w.tampered = True

    def edit(self, *statements):
        with contextlib.closing(sqlite3.connect(self.w.store, timeout=10)) as db:
            db.execute("DROP TRIGGER IF EXISTS events_are_never_deleted")
            db.execute("DROP TRIGGER IF EXISTS events_are_never_changed")
            for statement in statements:
                db.execute(statement)
            db.commit()

    def bad(self):
        return self.verified(1)["first_bad"]["code"]

    def test_event_removed_without_one_is_missed(self):
        self.life()
        self.w.wait_idle()
        self.w.tampered = True
        self.edit("DELETE FROM events WHERE event_id = 3")
        self.assertEqual(self.bad(), "EVENT_MISSING")

    def test_one_more_event_removed_behind_it_is_missed(self):
        self.pruned()
        self.edit("DELETE FROM events WHERE event_id = (SELECT min(event_id) FROM events WHERE event_id >"
                  " (SELECT max(last_event_id) FROM tombstones))")
        self.assertEqual(self.bad(), "EVENT_MISSING")

    def test_removed_tombstone_is_missed(self):
        self.pruned()
        self.edit("DELETE FROM tombstones")
        self.assertEqual(self.bad(), "EVENT_MISSING")

    def test_edited_statement_signature_or_numbers_are_refused(self):
        self.pruned()
        self.w.wait_idle()
        keep = self.w.store + ".keep"
        shutil.copy(self.w.store, keep)
        for change in ("UPDATE tombstones SET statement = CAST(replace(CAST(statement AS TEXT), '\"after\":\"sha256:',"
                       " '\"after\":\"sha256:0') AS BLOB)",
                       "UPDATE tombstones SET signature = zeroblob(64)",
                       "UPDATE tombstones SET last_event_id = last_event_id + 1"):
            with self.subTest(change):
                self.w.wait_idle()
                for suffix in ("-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        os.remove(self.w.store + suffix)
                shutil.copy(keep, self.w.store)
                self.edit(change)
                self.assertEqual(self.bad(), "TOMBSTONE_INVALID")

    def test_trigger_is_back_after_a_prune(self):
        self.pruned()
        for statement in ("DELETE FROM events", "UPDATE events SET actor = 'x'"):
            with self.assertRaises(sqlite3.IntegrityError):
                self.w.ledger(statement)


class Backup(Case):
    def test_copy_of_a_running_ledger_verifies_and_is_private(self):
        self.life()
        with self.w.client() as mcp:
            result = self.w.json("store", "backup")
            self.assertTrue(mcp.read("INV-3001")["ok"])
        with open(result["path"], "rb") as file:
            self.assertEqual("sha256:" + hashlib.sha256(file.read()).hexdigest(), result["sha256"])
        self.assertEqual(os.stat(result["path"]).st_mode & 0o777, 0o600)
        shutil.copy(self.w.store + ".key", result["path"] + ".key")
        os.chmod(result["path"] + ".key", 0o600)
        check = subprocess.run([os.path.join(BIN, "countersign"), "ledger", "verify", "--store", result["path"],
                                "--config", self.w.config], env=self.w.env, cwd=self.w.path, capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stderr)
        self.assertIn("ledger_backed_up", [e["kind"] for e in self.w.json("events", "tail")["events"]])

    def test_output_moves_it_and_never_over_a_file(self):
        self.life()
        target = os.path.join(self.w.path, "b.db")
        self.assertIn("verified: yes", self.w.run("store", "backup", "--output", target, check=0).stdout)
        self.assertEqual([n for n in os.listdir(os.path.dirname(self.w.store)) if "backup" in n], [])
        self.assertIn("already exists", self.w.run("store", "backup", "--output", target, check=1).stderr)

    def test_copy_of_a_damaged_ledger_is_refused_and_removed(self):
        self.life()
        self.w.wait_idle()
        self.w.tampered = True
        with contextlib.closing(sqlite3.connect(self.w.store)) as db:
            db.execute("DROP TRIGGER events_are_never_changed")
            db.execute("UPDATE events SET actor = 'somebody' WHERE event_id = 3")
            db.commit()
        self.assertIn("EVENT_EDITED", self.w.run("store", "backup", check=1).stderr)
        self.assertEqual([n for n in os.listdir(os.path.dirname(self.w.store)) if "backup" in n], [])


class Others(Case):
    def test_vacuum_gives_space_back_and_refuses_when_others_are_served(self):
        self.life()
        self.w.run("store", "prune", "--older-than", "0s", "--yes", check=0)
        with self.w.client() as mcp:
            mcp.read("INV-3001")
            self.assertIn("Local store appears active", self.w.run("store", "vacuum", check=1).stderr)
            self.assertIn("vacuumed local store", self.w.run("store", "vacuum", "--force", check=0).stdout)
            self.assertTrue(mcp.read("INV-3001")["ok"])
        self.assertTrue(self.verified()["ok"])

    def test_reset_needs_a_word_and_removes_the_ledger_only(self):
        self.life()
        self.assertIn("Nothing was removed", self.w.run("store", "reset", check=1).stderr)
        with self.w.client() as mcp:
            mcp.read("INV-3001")
            for flags in ((), ("--force",)):
                self.assertIn("Local store appears active", self.w.run("store", "reset", "--yes", *flags, check=1).stderr)
            self.assertTrue(mcp.read("INV-3001")["ok"])
        out = self.w.run("store", "reset", "--yes", check=0).stdout
        self.assertIn("Local store reset complete", out)
        self.assertIn("Source database changed: no", out)
        self.assertFalse(os.path.exists(self.w.store))
        self.w.proposed("INV-3002")
        self.assertTrue(self.verified()["ok"])


    def test_ledger_that_cannot_be_opened_is_reset_by_force_only(self):
        self.life()
        self.w.wait_idle()
        self.w.tampered = True
        with open(self.w.store, "r+b") as file:
            file.write(b"no database at all")
        self.w.run("store", "reset", "--yes", check=1)
        self.assertTrue(os.path.exists(self.w.store))
        self.assertIn("reset complete", self.w.run("store", "reset", "--yes", "--force", check=0).stdout)
        self.assertFalse(os.path.exists(self.w.store))

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_another_user_keeps_nothing(self):
        self.life()
        with self.w.client() as mcp:
            mcp.read("INV-3001")
            for path, mode in ((self.w.path, 0o755), (os.path.dirname(self.w.store), 0o755),
                               (self.w.store + ".run", 0o755), (self.w.store + ".run/control.sock", 0o666)):
                os.chmod(path, mode)
            for words in (("backup",), ("vacuum", "--force"), ("prune", "--older-than", "0s", "--yes")):
                result = subprocess.run(
                    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.path.join(BIN, "countersign"),
                     "store", *words, "--store", self.w.store, "--config", self.w.config], capture_output=True, text=True,
                    cwd="/", env=self.w.env)
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn("KEEP_NOT_OWNER", result.stderr)
                self.assertIn("Nothing was changed", result.stderr)
        self.assertEqual(len(self.states()), 4)

    def test_stats_count_what_there_is(self):
        self.life()
        stats = self.w.json("store", "stats")
        self.assertEqual((stats["proposals"], stats["approvals"], stats["writeback_receipts"], stats["evidence_bundles"]),
                         (4, 3, 1, 6))
        text = self.w.run("store", "stats", check=0).stdout
        self.assertTrue(text.startswith("Local store: "))
        self.assertRegex(text, r"Approx size: \d+ bytes")


if __name__ == "__main__":
    unittest.main()
