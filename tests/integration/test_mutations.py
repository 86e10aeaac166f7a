"""One changed byte or field anywhere, and the write is refused: by a writer whose
ledgerd is hostile and holds the ledger's key, and by a ledger whose file is
edited. Runs with a fixed seed, so that a finding can be repeated."""
import base64
import copy
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile_ledger import DECISION_TYPE, HostileLedger, compact  # noqa: E402
from test_reviewers import People  # noqa: E402
from wire import Peer, text  # noqa: E402

SEED = 20261128
SHOW_VERIFY = 6


class Mutations(People):
    approval = {"signatures": "required", "required_role": "lead", "required_approvals": 2}

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.identifier = self.propose()
        self.approve("games", self.identifier, check=0)
        self.approve("man", self.identifier, check=0)
        self.untouched = self.w.source + ".before"
        shutil.copy(self.w.source, self.untouched)
        self.assertEqual(json.loads(self.as_person("games", "apply", self.identifier, "--json", key=False, check=0)
                                    .stdout)["status"], "applied")
        row, = self.w.ledger("SELECT payload FROM jobs")
        self.payload = bytes(row[0])
        self.job = json.loads(self.payload)
        self.assertEqual(compact(self.job), self.payload)

    def restore_source(self):
        for suffix in ("-wal", "-shm"):
            if os.path.exists(self.w.source + suffix):
                os.unlink(self.w.source + suffix)
        shutil.copy(self.untouched, self.w.source)

    def hostile(self):
        self.mcp.close()
        self.w.wait_idle()
        self.restore_source()
        ledger = HostileLedger(self.w, self.w.store + ".key")
        self.addCleanup(ledger.close)
        return ledger

    def assert_refused(self, receipt, what):
        self.assertEqual(receipt["status"], "failed", what)
        self.assertFalse(receipt["source_database_mutated"], what)

    def flipped(self, data, start=0, end=None):
        """The bytes with one of them changed."""
        at = self.random.randrange(start, len(data) if end is None else end)
        value = data[at] ^ (1 << self.random.randrange(8))
        return data[:at] + bytes([value]) + data[at + 1:]

    def sealed(self, ledger, job):
        """As the holder of the stolen key: hashes, statements and signatures made again."""
        job = copy.deepcopy(job)
        cs = job["change_set"]
        body = {k: v for k, v in cs.items() if k != "integrity"}
        cs["integrity"]["proposal_hash"] = "sha256:" + hashlib.sha256(compact(body)).hexdigest()
        job["job"]["proposal_hash"] = cs["integrity"]["proposal_hash"]
        for approval in job["approvals"]:
            approval["statement"]["proposal_hash"] = cs["integrity"]["proposal_hash"]
            approval["signature"] = ledger.sign(DECISION_TYPE, compact(approval["statement"])).hex()
        return compact(job)


class StolenKey(Mutations):
    """What a hostile ledgerd with the ledger's key cannot do: reviewers sign."""

    def test_what_the_reviewers_signed_is_applied_so_the_harness_can_succeed(self):
        ledger = self.hostile()
        receipt = ledger.offer(self.payload)
        self.assertEqual(receipt["status"], "applied", receipt)
        self.assertEqual(self.fee(), 0)

    def test_nothing_that_no_reviewer_signed_is_written(self):
        ledger = self.hostile()

        def attack(what, edit, code=None):
            job = copy.deepcopy(self.job)
            edit(job)
            receipt = ledger.offer(self.sealed(ledger, job))
            self.assert_refused(receipt, what)
            if code:
                self.assertEqual(receipt["safe_error_code"], code, (what, receipt))

        def other_fee(job):
            job["change_set"]["patch"]["late_fee_cents"] = 1
            job["change_set"]["after"]["late_fee_cents"] = 1
            job["job"]["patch"]["late_fee_cents"] = 1

        def without(index):
            def edit(job):
                job["approvals"][index]["ssh_signature"] = None
            return edit

        def twice(job):
            job["approvals"][1] = copy.deepcopy(job["approvals"][0])

        def one(job):
            del job["approvals"][1]

        def swapped(job):
            a, b = job["approvals"]
            a["ssh_signature"], b["ssh_signature"] = b["ssh_signature"], a["ssh_signature"]

        def invented(job):
            statement = job["approvals"][1]["statement"]
            statement["reviewer"] = {"user": "news", "uid": 9, "role": "lead"}
            key = self.make_key("root") if not os.path.exists(os.path.join(self.keys, "root")) else None
            path = key or os.path.join(self.keys, "root")
            armored = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "countersign", "-f", path],
                                     input=compact(statement), capture_output=True, check=True).stdout
            body = b"".join(line for line in armored.splitlines() if not line.startswith(b"-----"))
            job["approvals"][1]["ssh_signature"] = body.decode()

        def policy(job):
            for approval in job["approvals"]:
                approval["statement"]["reviewer"] = {"user": "policy:" + job["change_set"]["action"], "uid": -1,
                                                     "role": None}

        def longer(job):
            job["approvals"][0]["statement"]["expires_at"] = "2036-01-01T00:00:00.000Z"

        def other_row(job):
            for part in (job["change_set"]["scope"], ):
                part["object_id"] = "INV-3002"
            job["change_set"]["source"]["primary_key"]["value"] = "INV-3002"

        attack("another value", other_fee, "SIGNATURE_INVALID")
        attack("no signature", without(0), "SIGNATURE_INVALID")
        attack("one signature of two", without(1), "SIGNATURE_INVALID")
        attack("one reviewer twice", twice, "QUORUM_NOT_MET")
        attack("one reviewer only", one, "QUORUM_NOT_MET")
        attack("signatures of each other", swapped)
        attack("a reviewer that the ledger invents", invented, "SIGNER_UNKNOWN")
        attack("a policy that the contract does not have", policy, "APPROVAL_NOT_VERIFIED")
        attack("an approval that lasts longer", longer, "SIGNATURE_INVALID")
        attack("another row", other_row)
        self.allow("games", "news")
        self.assertEqual(ledger.offer(self.payload)["safe_error_code"], "SIGNER_UNKNOWN")
        self.allow(*[p for p in ("games", "man", "news", "proxy")])
        self.assertEqual(self.fee(), 5500)
        # And the same writer, after all of that, applies what was signed.
        self.assertEqual(ledger.offer(self.payload)["status"], "applied")

    def test_700_mutations_of_the_envelope_and_what_is_in_it(self):
        ledger = self.hostile()
        genuine = self.genuine_signature()
        job_id = self.job["job"]["writeback_job_id"]
        # The envelope, by somebody without the key: any byte of payload or signature.
        for i in range(300):
            if i % 4:
                receipt = ledger.offer(self.flipped(self.payload), genuine, job_id)
            else:
                receipt = ledger.offer(self.payload, self.flipped(genuine), job_id)
            self.assert_refused(receipt, i)
            self.assertEqual(receipt["safe_error_code"], "JOB_SIGNATURE_INVALID")
        # By the holder of the key: any byte of the change set and of the approvals.
        start = self.payload.index(b'"change_set":') + len(b'"change_set":')
        for i in range(250):
            self.assert_refused(ledger.offer(self.flipped(self.payload, start, len(self.payload) - 2), None, job_id), i)
        # And any field of them, everything else made to fit again.
        for i in range(150):
            job = copy.deepcopy(self.job)
            what = self.mutate_field(job)
            self.assert_refused(ledger.offer(self.sealed(ledger, job), None, job_id), what)
        self.assertEqual(self.fee(), 5500)
        self.assertEqual(ledger.offer(self.payload)["status"], "applied")

    def genuine_signature(self):
        row, = self.w.ledger("SELECT signature FROM jobs")
        return bytes(row[0])

    def mutate_field(self, job):
        """Change one scalar of the change set or of an approval; its path."""
        places = []

        def walk(value, path):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(inner, (dict, list)):
                    walk(inner, path + [key])
                elif not (key == "proposal_hash" or key == "signature"):
                    places.append((value, key, path + [key]))
        walk(job["change_set"], ["change_set"])
        walk(job["approvals"], ["approvals"])
        container, key, path = self.random.choice(places)
        old = container[key]
        if key == "ssh_signature":
            raw = base64.b64decode(old)
            container[key] = base64.b64encode(self.flipped(raw)).decode()
        elif isinstance(old, bool):
            container[key] = not old
        elif isinstance(old, int):
            container[key] = old + self.random.choice([-1, 1])
        elif old is None:
            container[key] = self.random.choice(["x", 1])
        else:
            container[key] = old + "x" if self.random.random() < 0.5 else (old[:-1] or "y")
        return path


class EditedLedger(Mutations):
    """Proposals, decisions, jobs, receipts and events in the ledger's file."""

    targets = (("proposals", "change_set"), ("decisions", "statement"), ("decisions", "signature"),
               ("decision_signatures", "ssh_signature"), ("jobs", "payload"), ("jobs", "signature"),
               ("receipts", "receipt"), ("events", "body"), ("events", "hash"), ("heads", "signature"))

    def verified(self, peer):
        name, answer = peer.request("SHOW", bytes([SHOW_VERIFY]) + text(""))
        while name == "PROGRESS":
            _, _, answer = peer.receive()
            name = "DOCUMENT"
        self.assertEqual(name, "DOCUMENT")
        return json.loads(answer[5:])

    def test_300_mutations_of_the_file_are_all_found(self):
        with open(self.w.config, "rb") as file:
            digest = hashlib.sha256(file.read()).digest()
        peer = Peer(self.w.store, "control", digest=digest)
        self.addCleanup(peer.close)
        self.w.tampered = True
        self.w.ledger("DROP TRIGGER events_are_never_changed")
        self.assertTrue(self.verified(peer)["ok"])
        for i in range(300):
            table, column = self.targets[i % len(self.targets)]
            rows = self.w.ledger("SELECT rowid, %s FROM %s WHERE %s IS NOT NULL" % (column, table, column))
            rowid, value = self.random.choice(rows)
            was = value if isinstance(value, bytes) else value.encode()
            self.w.ledger("UPDATE %s SET %s = ? WHERE rowid = ?" % (table, column), (self.flipped(was), rowid))
            found = self.verified(peer)
            self.assertFalse(found["ok"], (i, table, column))
            self.w.ledger("UPDATE %s SET %s = ? WHERE rowid = ?" % (table, column), (value, rowid))
        self.assertTrue(self.verified(peer)["ok"])

    def test_a_deleted_decision_signature_or_receipt_is_found(self):
        with open(self.w.config, "rb") as file:
            digest = hashlib.sha256(file.read()).digest()
        self.w.tampered = True
        for table, code in (("receipts", "RECEIPT_MISSING"), ("decision_signatures", "SIGNATURE_MISSING"),
                            ("decisions", "DECISION_MISSING")):
            peer = Peer(self.w.store, "control", digest=digest)
            self.w.ledger("DELETE FROM %s WHERE rowid = (SELECT min(rowid) FROM %s)" % (table, table))
            self.assertEqual(self.verified(peer)["first_bad"]["code"], code)
            peer.close()


del Mutations, People

if __name__ == "__main__":
    unittest.main()
