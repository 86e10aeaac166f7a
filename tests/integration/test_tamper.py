"""Somebody with write access to the ledger file (another tool than ours) changes
one thing at a time. Each change is refused before the source transaction opens,
with its own code, and the source is unchanged."""
import os
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, Workspace  # noqa: E402


class Tampering(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.w.tampered = True
        self.addCleanup(self.w.close)
        self.id = self.w.approved()
        self.other = self.w.proposed("INV-3002")
        self.w.wait_idle()
        self.before = [self.w.row("INV-3001"), self.w.row("INV-3002"), self.w.row("INV-9001")]

    def edit(self, column, change):
        (value,), = self.w.ledger("SELECT %s FROM proposals WHERE proposal_id = ?" % column, (self.id,))
        self.w.ledger("UPDATE proposals SET %s = ? WHERE proposal_id = ?" % column, (change(value), self.id))

    def edit_change_set(self, old, new):
        def change(value):
            text = bytes(value).decode()
            self.assertIn(old, text)
            return text.replace(old, new).encode()
        self.edit("change_set", change)

    def refused(self, code, *, identifier=None):
        result = self.w.run("apply", identifier or self.id, check=1)
        self.assertIn(code, result.stderr + result.stdout)
        self.assertIn("Source database changed: no", result.stderr)
        self.assertEqual([self.w.row("INV-3001"), self.w.row("INV-3002"), self.w.row("INV-9001")], self.before)
        # Refused before any transaction: not even the receipt table is there.
        self.assertEqual(self.w.sql("SELECT count(*) FROM sqlite_master WHERE name LIKE '%receipts%'")[0][0], 0)

    def test_patch(self):
        self.edit_change_set('"late_fee_cents":0', '"late_fee_cents":1')
        self.refused("PROPOSAL_HASH_MISMATCH")

    def test_primary_key(self):
        self.edit_change_set("INV-3001", "INV-3002")
        self.refused("PROPOSAL_HASH_MISMATCH")

    def test_tenant(self):
        self.edit_change_set('"acme"', '"other"')
        self.refused("PROPOSAL_HASH_MISMATCH")

    def test_hash_alone(self):
        self.edit("proposal_hash", lambda v: v[:-1] + ("0" if v[-1] != "0" else "1"))
        self.refused("PROPOSAL_HASH_MISMATCH")

    def test_patch_with_a_hash_that_fits(self):
        """The edit and its hash are consistent, but nobody approved that hash."""
        import hashlib
        (stored,), = self.w.ledger("SELECT change_set FROM proposals WHERE proposal_id = ?", (self.id,))
        text = bytes(stored).decode().replace('"late_fee_cents":0', '"late_fee_cents":4999')
        core = re.sub(r'"integrity":\{"proposal_hash":"sha256:[0-9a-f]*"\},', "", text)
        digest = "sha256:" + hashlib.sha256(core.encode()).hexdigest()
        text = re.sub(r'("proposal_hash":")sha256:[0-9a-f]*', r"\1" + digest, text)
        self.w.ledger("UPDATE proposals SET change_set = ?, proposal_hash = ? WHERE proposal_id = ?",
                      (text.encode(), digest, self.id))
        self.refused("APPROVAL_NOT_VERIFIED")

    def test_row_column_that_lists_show(self):
        self.edit("object_id", lambda v: "INV-3002")
        self.refused("PROPOSAL_ROW_MISMATCH")

    def test_state_of_a_proposal_that_nobody_approved(self):
        self.w.ledger("UPDATE proposals SET state = 'approved' WHERE proposal_id = ?", (self.other,))
        self.refused("PROPOSAL_STATE_MISMATCH", identifier=self.other)

    def test_state_of_a_rejected_proposal(self):
        self.w.run("proposals", "reject", self.id, "--reason", "no", "--yes", check=0)
        self.w.wait_idle()
        self.w.ledger("UPDATE proposals SET state = 'approved' WHERE proposal_id = ?", (self.id,))
        self.w.ledger("DELETE FROM decisions WHERE action = 'reject'")
        self.refused("PROPOSAL_STATE_MISMATCH")

    def test_forged_approval(self):
        """A copied decision row, an event without a hash, a state: no signature."""
        self.w.ledger("INSERT INTO decisions (proposal_id, action, reviewer, uid, statement, signature, at_us)"
                      " SELECT ?, action, reviewer, uid, replace(CAST(statement AS TEXT), ?, ?), signature, at_us"
                      " FROM decisions WHERE proposal_id = ?", (self.other, self.id, self.other, self.id))
        self.w.ledger("INSERT INTO events SELECT max(event_id) + 1, at_us, 'proposal_approved', actor, tenant,"
                      " capability, object_id, ?, NULL, salt, body, body_digest, hash FROM events", (self.other,))
        self.w.ledger("UPDATE proposals SET state = 'approved' WHERE proposal_id = ?", (self.other,))
        self.refused("APPROVAL_NOT_VERIFIED", identifier=self.other)

    def test_approval_count(self):
        self.w.ledger("DELETE FROM decisions WHERE proposal_id = ?", (self.id,))
        self.refused("APPROVAL_MISSING")

    def test_decision_statement(self):
        self.w.ledger("UPDATE decisions SET statement = CAST(replace(CAST(statement AS TEXT), '\"uid\":', '\"uid\":1')"
                      " AS BLOB)")
        self.refused("APPROVAL_NOT_VERIFIED")

    def test_contract_digest(self):
        self.edit("contract_digest", lambda v: "sha256:" + "0" * 64)
        self.refused("CONTRACT_DIGEST_MISMATCH")

    def test_job_that_waits_for_a_writer(self):
        """Edited between release and claim: the writer checks the signature."""
        receipt = self.w.json("apply", self.id)
        self.assertEqual(receipt["status"], "applied")
        self.w.wait_idle()
        self.before = [self.w.row("INV-3001"), self.w.row("INV-3002"), self.w.row("INV-9001")]
        self.w.ledger("INSERT INTO jobs (job_id, proposal_id, state, dry_run, settle, attempt, payload, signature,"
                      " expires_us, created_us) SELECT job_id, proposal_id, 'released', 0, 1, attempt,"
                      " CAST(replace(CAST(payload AS TEXT), 'approved support waiver', 'something else') AS BLOB),"
                      " signature, expires_us, created_us FROM jobs LIMIT 1")
        self.w.run("apply", self.id)
        codes = [r["receipt"].get("safe_error_code") for r in self.w.json("receipts", "list")["receipts"]]
        self.assertIn("JOB_SIGNATURE_INVALID", codes)
        self.assertEqual([self.w.row("INV-3001"), self.w.row("INV-3002"), self.w.row("INV-9001")], self.before)

    def apply_whose_writer_dies(self):
        """The writer is killed where it could have sent COMMIT: what apply says."""
        reading, writing = os.pipe()
        asking = subprocess.Popen(
            [os.path.join(os.path.dirname(BIN), "tests", "killat"), "writerd", "fence",
             os.path.join(BIN, "countersign"), "apply", self.id, "--timeout-ms", "30000", "--store", self.w.store,
             "--config", self.w.config], cwd=self.w.path, env=self.w.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, close_fds=False,
            preexec_fn=lambda: os.dup2(writing, 3))
        os.close(writing)
        with os.fdopen(reading) as pipe:
            word, pid = pipe.readline().split()
        self.assertEqual(word, "stopped")
        os.kill(int(pid), signal.SIGKILL)
        return asking.communicate(timeout=60)[0]

    def test_look_up_that_was_tampered_with_leaves_the_outcome_unknown(self):
        """A writer dies with the job; the look-up that follows is edited: its
        refusal must not be taken for "nothing was written"."""
        self.assertIn("not known", self.apply_whose_writer_dies())
        self.w.wait_idle()
        self.w.ledger("UPDATE jobs SET payload = CAST(payload || ' ' AS BLOB) WHERE settle = 1 AND state = 'released'")
        self.w.run("apply", self.id)
        kinds = [e["kind"] for e in self.w.json("events", "tail", "--proposal", self.id)["events"]
                 if (e["payload"].get("receipt") or {}).get("safe_error_code") == "JOB_SIGNATURE_INVALID"]
        self.assertEqual(kinds, ["writeback_outcome_unknown"])
        settled = [self.w.json("apply", self.id, check=None)["status"] for _ in range(2)]
        self.assertIn(settled[-1], ("applied", "already_applied"))
        self.assertEqual(self.w.row("INV-3001")[0], 0)

    def test_events_cannot_be_changed_or_deleted_by_sql(self):
        import sqlite3
        for statement in ("UPDATE events SET actor = 'x'", "DELETE FROM events"):
            with self.assertRaisesRegex(sqlite3.IntegrityError, "append-only"):
                self.w.ledger(statement)

    def verify_names(self, table, code):
        report = self.w.json("ledger", "verify", check=1)
        self.assertEqual((report["first_bad"]["table"], report["first_bad"]["code"]), (table, code))
        return report["first_bad"]["row"]

    def without_triggers(self, statement):
        self.w.ledger("DROP TRIGGER events_are_never_changed")
        self.w.ledger("DROP TRIGGER events_are_never_deleted")
        self.w.ledger(statement)

    def test_verify_names_the_first_edited_event(self):
        self.assertTrue(self.w.json("ledger", "verify")["ok"])
        self.w.wait_idle()
        self.without_triggers("UPDATE events SET actor = 'mallory' WHERE event_id = 3")
        self.assertEqual(self.verify_names("events", "EVENT_EDITED"), 3)

    def test_verify_names_an_edited_body(self):
        number, = self.w.ledger("SELECT min(event_id) FROM events WHERE kind = 'read_recorded'")[0]
        self.without_triggers("UPDATE events SET body = replace(body, '5500', '5501') WHERE event_id = %d" % number)
        self.assertEqual(self.verify_names("events", "EVENT_BODY_EDITED"), number)

    def test_verify_finds_a_removed_event(self):
        self.without_triggers("DELETE FROM events WHERE event_id = 2")
        self.verify_names("events", "EVENT_MISSING")

    def test_verify_finds_a_truncated_chain(self):
        self.without_triggers("DELETE FROM events WHERE event_id >= (SELECT max(event_id) FROM events)")
        self.verify_names("heads", "EVENTS_TRUNCATED")

    def test_verify_finds_an_edited_proposal(self):
        self.edit_change_set('"late_fee_cents":0', '"late_fee_cents":1')
        self.verify_names("proposals", "PROPOSAL_HASH_MISMATCH")

    def test_a_damaged_row_does_not_hide_the_others(self):
        self.edit_change_set('"late_fee_cents":0', '"late_fee_cents":1')
        states = {p["proposal_id"]: p["state"] for p in self.w.json("proposals", "list")["proposals"]}
        self.assertEqual(states, {self.id: "damaged", self.other: "pending_review"})
        self.assertIn("PROPOSAL_HASH_MISMATCH", self.w.run("proposals", "show", self.id, check=1).stderr)
        self.assertIn("PROPOSAL_HASH_MISMATCH", self.w.run("replay", "show", self.id, check=1).stderr)


if __name__ == "__main__":
    unittest.main()
