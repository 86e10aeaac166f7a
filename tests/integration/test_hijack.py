"""A hijacked mcpd: a program that speaks mcpd's socket itself. It can propose
only what the contract allows, and it can do nothing else."""
import hashlib
import json
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from wire import TYPES, Peer, call, frame, hello, resource, status, text, u32  # noqa: E402
from workspace import Workspace  # noqa: E402

READ = "billing.inspect_invoice"
PROPOSE = "billing.propose_late_fee_waiver"
READ_ROW = [("id", "INV-3001"), ("status", "open"), ("late_fee_cents", 5500), ("waiver_reason", None),
            ("updated_at", "2026-06-20T14:31:08Z"), ("tenant_id", "acme")]
ROW = [("id", "INV-3001"), ("tenant_id", "acme"), ("status", "open"), ("late_fee_cents", 5500),
       ("waiver_reason", None), ("updated_at", "2026-06-20T14:31:08Z")]
ARGS = [("invoice_id", "INV-3001"), ("reason", "r"), ("fee", 0)]


def changed(row, **values):
    return [(n, values.get(n, v)) for n, v in row]


class Hijacked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Workspace("sqlite")
        cls.mcp = cls.w.serve()
        cls.mcp.initialize()
        cls.digest = hashlib.sha256(open(cls.w.config, "rb").read()).digest()

    @classmethod
    def tearDownClass(cls):
        cls.mcp.close()
        cls.w.close()

    def peer(self, name="mcpd", **options):
        peer = Peer(self.w.store, name, digest=self.digest, **options)
        self.addCleanup(peer.close)
        return peer

    def alive(self):
        """Others are not affected by what happened to one connection."""
        self.assertTrue(self.mcp.read("INV-3001")["ok"])

    def proposals(self):
        return self.w.json("proposals", "list")["proposals"]

    def test_it_can_read_and_propose_what_the_contract_contains(self):
        peer = self.peer()
        self.assertEqual(peer.request("READ", call(READ, ARGS[:1], READ_ROW))[0], "RECORDED")
        self.assertEqual(peer.request("PROPOSE", call(PROPOSE, ARGS, ROW))[0], "PROPOSED")

    def test_it_cannot_propose_outside_of_the_contract(self):
        peer = self.peer()
        count = len(self.proposals())
        for payload, reason in [
            (call("billing.drop_table", ARGS, ROW), "MCP_TOOL_NOT_FOUND"),
            (call(READ, ARGS[:1], READ_ROW), "MCP_TOOL_NOT_FOUND"),
            (call(PROPOSE, ARGS + [("late_fee_cents", 1)], ROW), "ARGUMENT_UNKNOWN"),
            (call(PROPOSE, ARGS + [("tenant_id", "other")], ROW), "MODEL_CANNOT_OVERRIDE_BINDING"),
            (call(PROPOSE, ARGS[:2] + [("fee", 10001)], ROW), "ARGUMENT_ABOVE_MAXIMUM"),
            (call(PROPOSE, ARGS[:2] + [("fee", 5001)], ROW), "PATCH_ABOVE_MAXIMUM"),
            (call(PROPOSE, ARGS[:2] + [("fee", "0")], ROW), "ARGUMENT_TYPE_INVALID"),
            (call(PROPOSE, ARGS, ROW[:-1]), "ROW_NOT_REVIEWED"),
            (call(PROPOSE, ARGS, ROW + [("extra", 1)]), "ROW_NOT_REVIEWED"),
            (call(PROPOSE, ARGS, ROW[::-1]), "ROW_NOT_REVIEWED"),
            (call(PROPOSE, ARGS, changed(ROW, tenant_id="other")), "TENANT_GUARD_MISMATCH"),
            (call(PROPOSE, ARGS, changed(ROW, id="INV-3002")), "ROW_NOT_REQUESTED"),
            (call(PROPOSE, ARGS, ROW, tenant="other"), "TRUSTED_CONTEXT_MISMATCH"),
            (call(PROPOSE, ARGS, ROW, principal="somebody"), "TRUSTED_CONTEXT_MISMATCH"),
            (call(PROPOSE, ARGS, changed(ROW, status="password postgres://u:p@h/d")), "SECRET_MATERIAL_REJECTED"),
        ]:
            with self.subTest(reason=reason):
                self.assertEqual(peer.request("PROPOSE", payload), ("FAILURE", reason))
        self.assertEqual(len(self.proposals()), count)
        refused = self.w.json("events", "tail", "--kind", "call_refused", "--limit", "15")["events"]
        self.assertEqual(len(refused), 15, "every refusal is recorded")

    def test_it_cannot_say_what_only_others_may_say(self):
        """approve, apply, claim and report are not in its table; nor is any reply."""
        for kind in sorted(set(TYPES) - {"PING", "READ", "PROPOSE", "REFUSE", "RESOURCE", "STATUS",
                                         "WITHDRAW"}):
            with self.subTest(kind=kind):
                peer = self.peer()
                peer.send(frame(kind, b""))
                self.assertTrue(peer.is_closed())
        self.alive()

    def test_it_cannot_pass_for_another_role(self):
        for role in ("writer", "control"):
            peer = self.peer(greet=False)
            peer.send(frame("HELLO", hello(role, self.digest)))
            self.assertTrue(peer.is_closed())
        self.alive()

    def test_another_contract_is_refused_with_both_digests(self):
        peer = self.peer(greet=False)
        peer.send(frame("HELLO", hello("mcpd", b"\1" * 32)))
        kind, flags, answer = peer.receive()
        self.assertEqual((kind, flags), (TYPES["FAILURE"], 3))
        self.assertIn(b"01" * 32, answer)
        self.assertIn(self.digest.hex().encode(), answer)
        self.assertTrue(peer.is_closed())

    def test_broken_messages_close_that_connection_only(self):
        good = call(READ, ARGS[:1], READ_ROW)
        for name, data in {
            "before HELLO": None,
            "unknown type": frame(0x7777, b""),
            "oversized": frame("READ", b"", length=1 << 30),
            "over the message's cap": frame("RESOURCE", b"x" * 25000),
            "truncated payload": frame("READ", good[:-1]),
            "trailing byte": frame("READ", good + b"\0"),
            "reply flag": frame("READ", good, flags=1),
            "unknown flag": frame("READ", good, flags=0x8000),
            "second HELLO": frame("HELLO", hello("mcpd", self.digest)),
            "invalid UTF-8": frame("READ", call(READ, [("invoice_id", b"\xff\xfe")], READ_ROW)
                                   if False else good.replace(b"INV-3001", b"INV-\xff001", 1)),
            "NUL in a text": frame("READ", good.replace(b"INV-3001", b"INV-\x00001", 1)),
            "list count over its cap": frame("READ", text(READ) + text("acme") + text("p") + b"\1" + text("") +
                                                   u32(1 << 31)),
            "enum out of range": frame("READ", text(READ) + text("acme") + text("p") + b"\x7f" + u32(0) + u32(0)),
        }.items():
            with self.subTest(name=name):
                peer = self.peer(greet=name != "before HELLO")
                peer.send(data or frame("READ", good))
                self.assertTrue(peer.is_closed())
        self.alive()

    def test_every_truncation_of_a_message_is_refused(self):
        good = call(READ, ARGS[:1], READ_ROW)
        for length in range(0, len(good), 7):
            peer = self.peer()
            peer.send(frame("READ", good[:length]))
            self.assertTrue(peer.is_closed(), length)
            peer.close()

    def test_bytes_may_come_one_at_a_time_or_in_any_chunks(self):
        peer = self.peer(greet=False)
        data = frame("HELLO", hello("mcpd", self.digest)) + frame("READ", call(READ, ARGS[:1], READ_ROW), 2)
        for byte in data[:200]:
            peer.send(bytes([byte]))
        source = random.Random(7)
        rest = data[200:] + b"".join(frame("READ", call(READ, ARGS[:1], READ_ROW), i) for i in range(3, 40))
        while rest:
            size = source.randint(1, 300)
            peer.send(rest[:size])
            rest = rest[size:]
        self.assertEqual(peer.receive()[0], TYPES["HELLO"])
        for _ in range(2, 40):
            self.assertEqual(peer.receive()[:2], (TYPES["RECORDED"], 1))

    def test_a_dripping_request_is_cut_after_its_deadline_and_others_go_on(self):
        peer = self.peer()
        started = time.monotonic()
        peer.send(frame("READ", call(READ, ARGS[:1], READ_ROW))[:20])
        self.alive()
        self.assertTrue(peer.is_closed())
        self.assertLess(time.monotonic() - started, 9)

    def test_a_random_stream_never_hurts_ledgerd(self):
        source = random.Random(11)
        for _ in range(40):
            peer = self.peer()
            try:
                peer.send(source.randbytes(source.randint(1, 4000)))
            except (BrokenPipeError, ConnectionResetError):
                pass
            peer.close()
        self.alive()

    def test_resources_of_another_tenant_or_principal_are_the_same_not_found(self):
        peer = self.peer()
        identifier = self.mcp.propose("INV-3002")["proposal"]["id"]
        self.assertEqual(peer.request("RESOURCE", resource(0, identifier))[0], "DOCUMENT")
        self.assertEqual(peer.request("STATUS", status(identifier))[0], "STATED")
        for kind in (0, 1, 2):
            for tenant, principal in (("other", "support_agent_17"), ("acme", "somebody else")):
                theirs = resource(kind, identifier, tenant, principal)
                self.assertEqual(peer.request("RESOURCE", theirs), ("FAILURE", "RESOURCE_NOT_FOUND"))
                for ask in ("STATUS", "WITHDRAW"):
                    self.assertEqual(peer.request(ask, status(identifier, tenant, principal)),
                                     ("FAILURE", "RESOURCE_NOT_FOUND"))
        # Nor with a token, where no context goes by tokens.
        self.assertEqual(peer.request("STATUS", status(identifier, token="a.b.c")), ("FAILURE", "RESOURCE_NOT_FOUND"))

    def test_a_writer_cannot_report_a_job_that_it_does_not_have(self):
        peer = self.peer("writer")
        self.assertEqual(peer.request("REPORT", text("wbj_x") + text("{}")), ("FAILURE", "JOB_NOT_LEASED"))

    def test_it_cannot_see_more_of_a_row_than_the_contract_shows(self):
        bundle = self.mcp.read("INV-3001")["evidence"]["bundle_id"]
        proposal = self.mcp.propose("INV-3001", reason="look")["proposal"]["id"]
        texts = {}
        for uri in ("evidence/" + bundle, "proposals/" + proposal, "replay/replay_" + proposal):
            reply = self.mcp.request("resources/read", {"uri": "synapsor://" + uri})
            texts[uri.split("/")[0]] = json.loads(reply["result"]["contents"][0]["text"])
        self.assertEqual(list(texts["evidence"]["items"][0]["item"]["visible_row"]),
                         ["id", "status", "late_fee_cents", "waiver_reason", "updated_at"])
        self.assertNotIn("guards", texts["proposals"]["proposal"]["change_set"])
        self.assertEqual(texts["replay"]["proposal"]["change_set"]["after"]["late_fee_cents"], 0)


if __name__ == "__main__":
    unittest.main()
