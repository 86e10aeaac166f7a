"""What somebody else can check: signed reports, and a chain that still holds after
personal values were erased from it."""
import base64
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, Workspace, contract  # noqa: E402

FILL = os.path.join(os.path.dirname(BIN), "bench/fill_ledger")
SECRET = "waived for Mrs Example of Elm Street"


class Case(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        self.identifier = self.w.approved(reason=SECRET)
        self.assertEqual(self.w.json("apply", self.identifier)["status"], "applied")
        self.w.proposed("INV-3002")

    def file_holds(self, text):
        found = False
        for suffix in ("", "-wal"):
            path = self.w.store + suffix
            if os.path.exists(path):
                with open(path, "rb") as file:
                    found = found or text.encode() in file.read()
        return found


class Reports(Case):
    def report(self, *words, name="report"):
        path = os.path.join(self.w.path, name)
        self.w.run("report", *words, "--output", path, check=0)
        return path

    def verify(self, path, key=None):
        """By somebody who has the file, the public key and the command, nothing else."""
        return subprocess.run([os.path.join(BIN, "countersign"), "report", "verify", "--file", path, "--public-key",
                               key or self.w.store + ".key.pub"], capture_output=True, text=True, cwd="/", check=False)

    def test_a_report_says_who_decided_and_what_became_of_it_without_row_values(self):
        path = self.report("--proposal", self.identifier)
        with open(path) as file:
            envelope = json.load(file)
        report = json.loads(base64.b64decode(envelope["payload"]))
        proposal, = report["proposals"]
        self.assertEqual((proposal["state"], proposal["decisions"][0]["statement"]["action"],
                          proposal["receipts"][0]["status"]), ("applied", "approve", "applied"))
        self.assertNotIn(SECRET, json.dumps(report))
        self.assertEqual([e["kind"] for e in proposal["entries"]][-1], "writeback_applied")
        self.assertEqual(self.verify(path).returncode, 0)

    def test_one_changed_byte_of_a_report_shows(self):
        for words in ((), ("--format", "markdown")):
            path = self.report("--proposal", self.identifier, *words)
            self.assertEqual(self.verify(path).returncode, 0, words)
            with open(path, "rb") as file:
                good = file.read()
            for at in range(5, len(good) - 5, max(1, len(good) // 40)):
                with open(path, "wb") as file:
                    file.write(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
                self.assertNotEqual(self.verify(path).returncode, 0, (words, at, good[at - 20:at + 20]))

    def test_a_name_on_the_page_is_a_name_and_no_markdown(self):
        config = contract()
        config["trusted_context"]["values"]["principal"] = "bot` **approved** | <b>x"
        w = Workspace("sqlite", config=config)
        self.addCleanup(w.close)
        path = os.path.join(w.path, "page.md")
        w.run("report", "--proposal", w.proposed(), "--format", "markdown", "--output", path, check=0)
        with open(path) as file:
            page = file.read().split("```countersign-report")[0]
        self.assertIn(r"proposed by `bot\u0060 \u002a\u002aapproved\u002a\u002a \u007c \u003cb>x`", page)
        self.assertNotIn("**approved**", page)
        self.assertEqual(self.verify(path, w.store + ".key.pub").returncode, 0)

    def test_another_ledgers_key_does_not_fit(self):
        path = self.report("--proposal", self.identifier)
        other = Workspace("sqlite")
        self.addCleanup(other.close)
        other.proposed()
        result = self.verify(path, other.store + ".key.pub")
        self.assertIn("REPORT_NOT_SIGNED", result.stderr)

    def test_an_object_and_a_principal_are_reported_inside_one_tenant(self):
        for words, count in ((("--object", "invoices:INV-3001", "--tenant", "acme"), 1),
                             (("--principal", "support_agent_17", "--tenant", "acme"), 2),
                             (("--principal", "support_agent_17", "--tenant", "other"), 0)):
            with open(self.report(*words)) as file:
                report = json.loads(base64.b64decode(json.load(file)["payload"]))
            self.assertEqual(len(report["proposals"]), count, words)
        for words in (("--object", "invoices:INV-3001"), ("--proposal", self.identifier, "--principal", "x"), ()):
            self.assertIn("REPORT_SCOPE_INVALID", self.w.run("report", *words, check=1).stderr)
        self.assertIn("PROPOSAL_NOT_FOUND", self.w.run("report", "--proposal", "wrp_x", check=1).stderr)

    def test_a_report_that_would_leave_something_out_is_not_written(self):
        self.w.wait_idle()
        self.w.tampered = True
        columns = [row[1] for row in self.w.ledger("PRAGMA table_info(proposals)")]
        values = ", ".join({"seq": "NULL", "proposal_id": "proposal_id || i", "idempotency_key": "idempotency_key || i"}
                           .get(c, c) for c in columns)
        self.w.ledger("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO proposals"
                      " SELECT %s FROM proposals, n WHERE object_id = 'INV-3002'" % values)
        result = self.w.run("report", "--object", "invoices:INV-3002", "--tenant", "acme", "--output",
                            os.path.join(self.w.path, "report"), check=1)
        self.assertIn("REPORT_TOO_LARGE", result.stderr)
        self.assertIn("1001 proposals", result.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.w.path, "report")))

    def test_a_damaged_ledger_reports_nothing_as_true(self):
        self.w.wait_idle()
        self.w.tampered = True
        self.w.ledger("UPDATE decisions SET statement = replace(statement, 'approve', 'apqrove')")
        self.assertIn("APPROVAL_NOT_VERIFIED", self.w.run("report", "--proposal", self.identifier, check=1).stderr)


class Offline(Case):
    """A copy of the file and the public key, without a ledgerd, a contract or the private key."""

    def setUp(self):
        super().setUp()
        self.w.wait_idle()
        self.w.tampered = True
        self.file = os.path.join(self.w.path, "evidence.db")
        shutil.copy(self.w.store, self.file)
        if os.path.exists(self.w.store + "-wal"):
            shutil.copy(self.w.store + "-wal", self.file + "-wal")
        self.key = os.path.join(self.w.path, "public")
        shutil.copy(self.w.store + ".key.pub", self.key)

    def verify(self, *words):
        return subprocess.run([os.path.join(BIN, "countersign"), "ledger", "verify", "--file", self.file, "--public-key",
                               self.key, "--json", *words], capture_output=True, text=True, cwd="/", check=False)

    def edited(self, *statements):
        with contextlib.closing(sqlite3.connect(self.file)) as db:
            db.execute("DROP TRIGGER IF EXISTS events_are_never_changed")
            db.execute("DROP TRIGGER IF EXISTS events_are_never_deleted")
            for statement in statements:
                db.execute(statement)
            db.commit()
        result = self.verify()
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return json.loads(result.stdout)["first_bad"]["code"]

    def test_what_was_not_touched_holds_and_stays_untouched(self):
        with open(self.file, "rb") as file:
            before = file.read()
        result = self.verify()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        with open(self.file, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_an_edited_entry(self):
        self.assertEqual(self.edited("UPDATE events SET actor = 'x' WHERE event_id = 3"), "EVENT_EDITED")

    def test_a_deleted_entry(self):
        self.assertEqual(self.edited("DELETE FROM events WHERE event_id = 3"), "EVENT_MISSING")

    def test_entries_in_another_order(self):
        self.edited("UPDATE events SET event_id = -1 WHERE event_id = 3", "UPDATE events SET event_id = 3 WHERE event_id = 4",
                    "UPDATE events SET event_id = 4 WHERE event_id = -1")

    def test_a_chain_that_was_cut_off(self):
        self.assertEqual(self.edited("DELETE FROM events WHERE event_id > 6"), "EVENTS_TRUNCATED")

    def test_an_entry_that_was_kept_elsewhere_is_compared(self):
        anchor = self.w.sql("SELECT ledger_head FROM synapsor_writeback_receipts")[0][0]
        self.assertEqual(self.verify("--anchor", anchor).returncode, 0)
        other = anchor[:-1] + ("0" if anchor[-1] != "0" else "1")
        for wrong, code in ((other, "ANCHOR_MISMATCH"), ("99999" + anchor[anchor.index(":"):], "ANCHOR_MISSING")):
            self.assertIn(code, self.verify("--anchor", wrong).stdout)
        result = self.verify("--anchor", "x")
        self.assertEqual(result.returncode, 1)
        self.assertIn("ANCHOR_INVALID", result.stderr)

    def test_another_key(self):
        with open(self.key, "w") as file:
            file.write("ab" * 32 + "\n")
        self.assertEqual(self.verify().returncode, 1)


class Anchors(Case):
    """What the source's receipt row says about the ledger."""

    def anchor(self):
        return self.w.sql("SELECT ledger_head FROM synapsor_writeback_receipts")[0][0]

    def test_the_receipt_row_names_an_entry_of_the_chain(self):
        self.assertRegex(self.anchor(), r"^[0-9]+:sha256:[0-9a-f]{64}$")
        self.assertEqual(self.w.run("ledger", "verify", "--anchor", self.anchor()).returncode, 0)
        self.assertIn("ANCHOR_INVALID", self.w.run("ledger", "verify", "--anchor", "x", check=1).stderr)

    def test_a_ledger_that_was_written_again_with_its_own_key_does_not_fit(self):
        anchor = self.anchor()
        self.w.wait_idle()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.w.store + suffix):
                os.unlink(self.w.store + suffix)
        self.w.proposed("INV-3002")
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)
        self.assertIn("ANCHOR_MISSING", self.w.run("ledger", "verify", "--anchor", anchor, check=1).stdout)
        number = int(anchor.split(":")[0])
        while self.w.json("ledger", "verify")["events"] < number:
            self.w.proposed("INV-3002", reason="again %d" % self.w.json("ledger", "verify")["events"])
        self.assertIn("ANCHOR_MISMATCH", self.w.run("ledger", "verify", "--anchor", anchor, check=1).stdout)

    def test_a_receipt_table_of_0_1_1_is_used_as_it_is(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        w.sql("CREATE TABLE synapsor_writeback_receipts (idempotency_key TEXT PRIMARY KEY, job_id TEXT UNIQUE NOT NULL,"
              " proposal_id TEXT NOT NULL, status TEXT NOT NULL, result_hash TEXT, created_at TEXT NOT NULL DEFAULT 'x',"
              " completed_at TEXT)")
        self.assertEqual(w.json("apply", w.approved())["status"], "applied")


class Erasing(Case):
    words = ("erase", "--tenant", "acme", "--object-id", "INV-3001", "--reason", "request 12")

    def test_values_go_and_the_chain_still_holds(self):
        self.assertTrue(self.file_holds(SECRET))
        counted = self.w.json(*self.words)
        self.assertTrue(counted["dry_run"])
        self.assertTrue(self.file_holds(SECRET))
        done = self.w.json(*self.words, "--yes")
        self.assertEqual((done["events"], done["proposals"]), (counted["events"], 1))
        self.assertGreater(done["events"], 3)
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)
        self.w.run("store", "vacuum", check=0)
        self.w.wait_idle()
        self.assertFalse(self.file_holds(SECRET))
        # What is about another object is as it was; lists go on.
        self.assertEqual(len(self.w.json("proposals", "list")["proposals"]), 1)
        self.w.run("evidence", "list", check=0)
        self.w.run("events", "tail", check=0)
        self.assertEqual(self.w.json(*self.words, "--yes")["events"], 0)

    def test_what_still_waits_is_not_erased(self):
        result = self.w.run("erase", "--tenant", "acme", "--object-id", "INV-3002", "--reason", "x", "--yes", check=1)
        self.assertIn("ERASE_NOT_OVER", result.stderr)
        self.assertEqual(len(self.w.json("proposals", "list")["proposals"]), 2)
        self.assertIn("ERASE_INCOMPLETE", self.w.run("erase", "--tenant", "acme", "--yes", check=1).stderr)

    def test_that_proposals_went_is_on_the_record_before_any_body_is(self):
        self.w.run(*self.words, "--yes", check=0)
        bodies = [json.loads(body) for body, in self.w.ledger(
            "SELECT body FROM events WHERE kind = 'erased' ORDER BY event_id")]
        self.assertEqual((bodies[0]["proposals"], bodies[0]["events"], bodies[0]["reason"]), (1, "", "request 12"))
        self.assertGreater(len(bodies), 1)

    def test_a_number_in_the_reason_of_an_erasure_erases_nothing(self):
        number, = self.w.ledger("SELECT event_id FROM events WHERE object_id = 'INV-3002' LIMIT 1")[0]
        self.w.run(*self.words[:-1], "tickets ,%d," % number, "--yes", check=0)
        self.w.wait_idle()
        self.w.tampered = True
        self.w.ledger("DROP TRIGGER IF EXISTS events_are_never_changed")
        self.w.ledger("UPDATE events SET body = CAST('{\"erased\":true}' AS BLOB), salt = x'' WHERE event_id = %d" % number)
        self.assertIn("EVENT_BODY_EDITED", self.w.run("ledger", "verify", check=1).stdout)

    def test_erasing_reaches_through_a_long_ledger(self):
        self.w.wait_idle()
        subprocess.run([FILL, self.w.store, "5000", "100", "1"], check=True)
        late = self.w.proposed("INV-3001", reason=SECRET + " again")
        self.w.run("proposals", "reject", late, "--yes", "--reason", "no", check=0)
        self.assertTrue(self.file_holds(SECRET + " again"))
        self.assertEqual(self.w.json(*self.words, "--yes")["proposals"], 2)
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)
        self.w.run("store", "vacuum", check=0)
        self.w.wait_idle()
        self.assertFalse(self.file_holds(SECRET))

    def test_a_body_that_nobody_erased_on_the_record_is_damage(self):
        self.w.run(*self.words, "--yes", check=0)
        self.w.wait_idle()
        self.w.tampered = True
        for body in ("CAST('{\"erased\":true}' AS BLOB)", "NULL"):
            row, = self.w.ledger("SELECT event_id, body, salt FROM events WHERE object_id = 'INV-3002' LIMIT 1")
            self.w.ledger("DROP TRIGGER IF EXISTS events_are_never_changed")
            self.w.ledger("UPDATE events SET body = %s, salt = x'' WHERE event_id = %d" % (body, row[0]))
            self.assertIn("EVENT_BODY_EDITED", self.w.run("ledger", "verify", check=1).stdout)
            self.w.wait_idle()
            self.w.ledger("DROP TRIGGER IF EXISTS events_are_never_changed")
            self.w.ledger("UPDATE events SET body = ?, salt = ? WHERE event_id = ?", (row[1], row[2], row[0]))
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)


if __name__ == "__main__":
    unittest.main()
