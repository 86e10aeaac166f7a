"""A hijacked writer or command: programs that speak APPLYING, OBSERVED, INSPECT and
RESOLVE themselves. They move nothing that the order of things does not allow."""
import hashlib
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from postgres import wait_for  # noqa: E402
from versioned import versioned_workspace  # noqa: E402
from wire import TYPES, Peer, frame, scalars, text, u32  # noqa: E402
from workspace import ROOT  # noqa: E402

SENDERS = {"writer": ("APPLYING", "OBSERVED"), "control": ("INSPECT", "RESOLVE")}
APPLIED, FAILED = 0, 2
SAW_BEFORE = 2


def vector(name):
    """The payload of the canonical frame."""
    path = os.path.join(ROOT, "tests/vectors/frames", "%02x-%s.hex" % (TYPES[name], name))
    with open(path) as file:
        return bytes.fromhex(file.read())[12:]


class HijackedWriter(unittest.TestCase):
    def setUp(self):
        self.w = versioned_workspace("sqlite", receipts="ledger")
        self.addCleanup(self.w.close)
        self.mcp = self.w.serve()
        self.addCleanup(self.mcp.close)
        self.mcp.initialize()
        self.identifier = self.mcp.propose("INV-3001")["proposal"]["id"]
        self.w.run("proposals", "approve", self.identifier, "--yes", check=0)
        with open(self.w.config, "rb") as file:
            self.digest = hashlib.sha256(file.read()).digest()

    def peer(self, name):
        peer = Peer(self.w.store, name, digest=self.digest)
        self.addCleanup(peer.close)
        return peer

    def state(self):
        return self.w.json("proposals", "show", self.identifier)["proposal"]["state"]

    def leased(self, ask, *payload):
        """(writer that has a job, the job's id, who asked for it)."""
        writer, control = self.peer("writer"), self.peer("control")
        writer.send(frame("CLAIM", u32(20000), 1))
        control.send(frame(ask, b"".join(payload), 2))
        kind, _, job = writer.receive()
        self.assertEqual(kind, TYPES["JOB"])
        size, = struct.unpack(">I", job[:4])
        return writer, job[4:4 + size].decode(), control

    def applying(self):
        return self.leased("APPLY", text(self.identifier), b"\0", u32(20000))

    def inspecting(self):
        return self.leased("INSPECT", text(self.identifier), u32(20000))

    def resolve(self, outcome, reason="because", control=None):
        return (control or self.peer("control")).request(
            "RESOLVE", text(self.identifier) + bytes([outcome]) + text(reason))

    def observed(self, job, observation=SAW_BEFORE, row=()):
        return text(job) + bytes([observation]) + text("") + text("it says") + scalars(row)

    def lose(self):
        writer, job, _ = self.applying()
        self.assertEqual(writer.request("APPLYING", text(job))[0], "PONG")
        writer.close()
        wait_for(lambda: self.state() == "outcome_unknown", 10, "the loss")

    def test_it_begins_only_the_job_that_it_has_and_once(self):
        writer, job, _ = self.applying()
        stranger = self.peer("writer")
        for peer, name in ((stranger, job), (stranger, "wbj_x"), (writer, job + "x"), (writer, "")):
            self.assertEqual(peer.request("APPLYING", text(name)), ("FAILURE", "JOB_NOT_LEASED"))
        self.assertEqual(writer.request("APPLYING", text(job))[0], "PONG")
        self.assertEqual(writer.request("APPLYING", text(job)), ("FAILURE", "INTENT_NOT_RECORDED"))

    def test_it_cannot_pass_an_apply_for_a_look(self):
        writer, job, _ = self.applying()
        self.assertEqual(writer.request("OBSERVED", self.observed(job)), ("FAILURE", "JOB_NOT_LEASED"))
        self.assertEqual(self.peer("writer").request("OBSERVED", self.observed(job)), ("FAILURE", "JOB_NOT_LEASED"))
        self.assertEqual(self.state(), "pending_worker")

    def test_a_look_moves_no_state_and_cannot_be_reported_or_begun(self):
        self.lose()
        writer, job, _ = self.inspecting()
        self.assertEqual(writer.request("APPLYING", text(job)), ("FAILURE", "INTENT_NOT_RECORDED"))
        self.assertEqual(writer.request("REPORT", text(job) + text("{}"))[0], "FAILURE")
        self.assertEqual(self.resolve(FAILED), ("FAILURE", "JOB_ALREADY_LEASED"))
        self.assertEqual(writer.request("OBSERVED", self.observed(job, row=[("late_fee_cents", 0)]))[0], "PONG")
        self.assertEqual(writer.request("OBSERVED", self.observed(job)), ("FAILURE", "JOB_NOT_LEASED"))
        self.assertEqual(self.state(), "outcome_unknown")
        self.assertTrue(self.w.json("ledger", "verify")["ok"])

    def test_what_looks_like_a_secret_in_a_row_is_not_recorded(self):
        self.lose()
        writer, job, _ = self.inspecting()
        row = [("waiver_reason", "password postgres://u:p@h/d")]
        self.assertEqual(writer.request("OBSERVED", self.observed(job, row=row))[0], "PONG")
        events = self.w.run("events", "tail", "--proposal", self.identifier, "--json", check=0).stdout
        self.assertNotIn("u:p@h", events)

    def test_a_word_needs_a_reason_an_unknown_outcome_and_the_proof_that_it_is_over(self):
        self.assertEqual(self.resolve(FAILED), ("FAILURE", "OUTCOME_KNOWN"))
        self.lose()
        self.assertEqual(self.resolve(FAILED, ""), ("FAILURE", "REASON_REQUIRED"))
        for outcome in (APPLIED, FAILED):
            self.assertEqual(self.resolve(outcome), ("FAILURE", "ATTEMPT_MAY_COMMIT"))
        writer, job, _ = self.inspecting()
        failed_look = text(job) + b"\0" + text("TRANSACTION_FAILED") + text("locked") + scalars([])
        self.assertEqual(writer.request("OBSERVED", failed_look)[0], "PONG")
        self.assertEqual(self.resolve(FAILED), ("FAILURE", "ATTEMPT_MAY_COMMIT"))
        writer, job, _ = self.inspecting()
        self.assertEqual(writer.request("OBSERVED", self.observed(job))[0], "PONG")
        self.assertEqual(self.resolve(FAILED)[0], "DOCUMENT")
        self.assertEqual(self.resolve(APPLIED), ("FAILURE", "OUTCOME_KNOWN"))
        self.assertEqual(self.state(), "failed")

    def test_broken_messages_close_that_connection_only(self):
        for role, kinds in SENDERS.items():
            for kind in kinds:
                good = vector(kind)
                bad = [good[:n] for n in range(0, len(good), 5)] + [good + b"\0", good.replace(b"wrp_", b"wr\xff_", 1)]
                for payload in bad:
                    with self.subTest(kind=kind, payload=payload):
                        peer = self.peer(role)
                        peer.send(frame(kind, payload))
                        self.assertTrue(peer.is_closed())
                        peer.close()
        self.assertTrue(self.mcp.read("INV-3001")["ok"])

    def test_values_outside_of_their_lists_close_the_connection(self):
        for role, kind, payload in (("control", "RESOLVE", text("wrp_x") + b"\x03" + text("r")),
                                    ("writer", "OBSERVED", self.observed("wbj_x", 5)),
                                    ("writer", "OBSERVED", self.observed("wbj_x")[:-4] + u32(1 << 31))):
            with self.subTest(kind=kind):
                peer = self.peer(role)
                peer.send(frame(kind, payload))
                self.assertTrue(peer.is_closed())

    def test_nobody_says_what_another_role_may_say(self):
        for role, kinds in (("writer", SENDERS["control"]), ("control", SENDERS["writer"]),
                            ("mcpd", SENDERS["control"] + SENDERS["writer"])):
            for kind in kinds:
                with self.subTest(role=role, kind=kind):
                    peer = self.peer(role)
                    peer.send(frame(kind, vector(kind)))
                    self.assertTrue(peer.is_closed())


if __name__ == "__main__":
    unittest.main()
