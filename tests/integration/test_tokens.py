"""Callers by signed tokens: each request is somebody's, and nobody else's."""
import hashlib
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer  # noqa: E402
from issuer import AUDIENCE, ISSUER, Issuer, KeyServer, write_keys  # noqa: E402
from wire import Peer, call, resource, status  # noqa: E402
from workspace import Workspace, child_of, contract  # noqa: E402

READ = "billing.inspect_invoice"
PROPOSE = "billing.propose_late_fee_waiver"
READ_ROW = [("id", "INV-3001"), ("status", "open"), ("late_fee_cents", 5500), ("waiver_reason", None),
            ("updated_at", "2026-06-20T14:31:08Z"), ("tenant_id", "acme")]
ROW = [("id", "INV-3001"), ("tenant_id", "acme"), ("status", "open"), ("late_fee_cents", 5500),
       ("waiver_reason", None), ("updated_at", "2026-06-20T14:31:08Z")]
ARGS = [("invoice_id", "INV-3001"), ("reason", "r"), ("fee", 0)]


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer()
        cls.w = Workspace("sqlite")
        cls.addClassCleanup(cls.w.close)
        cls.keys = os.path.join(cls.w.path, "keys", "jwks.json")
        os.mkdir(os.path.dirname(cls.keys))
        write_keys(cls.keys, cls.issuer.jwks())
        config = contract("sqlite", status_tool="billing.proposal_status", http_auth={
            "issuer": ISSUER, "audience": AUDIENCE, "algorithms": ["RS256", "ES256", "EdDSA"],
            "jwks_file": cls.keys}, trusted_context={"provider": "http_claims"})
        config["capabilities"][1]["scope"] = "billing:propose"
        cls.w.write_config(config)
        with open(cls.w.config, "rb") as file:
            cls.digest = hashlib.sha256(file.read()).digest()
        cls.server = HttpServer(cls.w, token=None)
        cls.addClassCleanup(cls.server.close)

    def bearer(self, **claims):
        return {"Authorization": "Bearer " + self.issuer.token(**claims)}

    def read(self, invoice, headers):
        return self.server.read(invoice, headers=headers)

    def propose(self, headers, **arguments):
        return self.server.call(PROPOSE, headers=headers, **{"invoice_id": "INV-3001", "reason": "r", "fee": 0,
                                                             **arguments})

    def test_tenant_and_principal_are_those_of_each_request(self):
        for alg in ("RS256", "ES256", "EdDSA"):
            mine = self.read("INV-3001", self.bearer(alg=alg))
            self.assertEqual(mine["data"]["late_fee_cents"], 5500)
            self.assertEqual((mine["_meta"]["tenant_id"], mine["_meta"]["principal"]), ("acme", "agent_1"))
        theirs = self.bearer(tenant_id="other", sub="agent_2")
        self.assertEqual(self.read("INV-3001", theirs)["error"]["code"], "NOT_FOUND_IN_TENANT")
        self.assertEqual(self.read("INV-9001", theirs)["_meta"]["principal"], "agent_2")
        recorded = self.w.ledger("SELECT tenant, actor FROM events WHERE kind = 'read_recorded' ORDER BY event_id DESC"
                                 " LIMIT 1")
        self.assertEqual(recorded, [("other", "agent_2")])

    def test_a_proposal_is_its_proposers_and_nobody_elses(self):
        scope = "billing:propose"
        made = self.propose(self.bearer(scope=scope), reason="mine")["proposal"]["id"]
        self.assertIn("agent_1", self.w.run("proposals", "show", made, "--details", check=0).stdout)

        def ask(headers):
            return self.server.call("billing.proposal_status", headers=headers, proposal_id=made)

        def look(headers):
            return self.server.rpc("resources/read", {"uri": "synapsor://proposals/" + made}, headers=headers).json()

        self.assertEqual(ask(self.bearer())["data"]["state"], "pending_review")
        self.assertIn("result", look(self.bearer()))
        for claims in ({"sub": "agent_2"}, {"tenant_id": "other"}):
            with self.subTest(claims=claims):
                self.assertEqual(ask(self.bearer(**claims))["error"]["code"], "NOT_FOUND_IN_TENANT")
                self.assertEqual(look(self.bearer(**claims))["error"]["code"], -32002)

    def test_what_is_not_a_good_token_is_401_and_told_where_to_get_one(self):
        metadata = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"'
        now = int(time.time())
        stranger = Issuer()
        for name, token in {
            "none": None, "nonsense": "abc", "not signed": self.issuer.token(header={"alg": "none"}),
            "confused": self.issuer.confused(), "stranger": stranger.token(),
            "expired": self.issuer.token(exp=now - 40), "not yet": self.issuer.token(nbf=now + 60),
            "no exp": self.issuer.token(exp=None), "other audience": self.issuer.token(aud="https://other.example/mcp"),
            "other issuer": self.issuer.token(iss="https://evil.example"),
            "too long": self.issuer.token(pad="x" * 20000),
        }.items():
            with self.subTest(token=name):
                headers = {} if token is None else {"Authorization": "Bearer " + token}
                answer = self.server.rpc("ping", headers=headers)
                if name == "too long":
                    self.assertIn(answer.status, (401, 431))
                    continue
                self.assertEqual(answer.status, 401)
                self.assertIn(metadata, answer.headers["www-authenticate"])
                self.assertEqual('error="invalid_token"' in answer.headers["www-authenticate"], token is not None)
        self.assertEqual(self.server.rpc("ping", headers=self.bearer()).status, 200)

    def test_a_token_without_the_claims_reads_nothing(self):
        for claims in ({"tenant_id": None}, {"tenant_id": 7}, {"tenant_id": ""}, {"sub": None}, {"sub": "x" * 129}):
            with self.subTest(claims=claims):
                self.assertEqual(self.read("INV-3001", self.bearer(**claims))["error"]["code"], "INVALID_ARGUMENT")

    def test_metadata_is_told_to_everybody(self):
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
            answer = self.server.request("GET", path)
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(answer.body), {
                "resource": AUDIENCE, "authorization_servers": [ISSUER], "scopes_supported": ["billing:propose"],
                "bearer_methods_supported": ["header"]})
        self.assertEqual(self.server.request("GET", "/.well-known/oauth-protected-resource/other").status, 404)

    def test_scopes_hide_tools_and_forbid_calls(self):
        def names(headers):
            return [t["name"] for t in self.server.rpc("tools/list", headers=headers).json()["result"]["tools"]]

        self.assertNotIn(PROPOSE, names(self.bearer()))
        self.assertIn(PROPOSE, names(self.bearer(scope="other billing:propose")))
        answer = self.server.rpc("tools/call", {"name": PROPOSE, "arguments": {}},
                                 headers=self.bearer(scope="billing:proposer"))
        self.assertEqual(answer.status, 403)
        self.assertIn('error="insufficient_scope"', answer.headers["www-authenticate"])
        self.assertIn('scope="billing:propose"', answer.headers["www-authenticate"])
        refused = self.w.json("events", "tail", "--kind", "call_refused", "--limit", "1")["events"][0]
        self.assertEqual(refused["payload"]["code"], "INSUFFICIENT_SCOPE")

    def peer(self):
        peer = Peer(self.w.store, "mcpd", digest=self.digest)
        self.addCleanup(peer.close)
        return peer

    def test_a_hijacked_mcpd_can_act_for_nobody_whose_token_it_does_not_have(self):
        peer = self.peer()
        mine = self.issuer.token(scope="billing:propose")
        other = self.issuer.token(sub="agent_2")
        expired = self.issuer.token(exp=int(time.time()) - 40)
        as_agent = {"principal": "agent_1", "provenance": 2}
        self.assertEqual(peer.request("READ", call(READ, ARGS[:1], READ_ROW, token=mine, **as_agent))[0], "RECORDED")
        for kind, capability, args, row in (("READ", READ, ARGS[:1], READ_ROW), ("PROPOSE", PROPOSE, ARGS, ROW)):
            for token, reason in (("", "TOKEN_MALFORMED"), (other, "TRUSTED_CONTEXT_MISMATCH"),
                                  (expired, "TOKEN_EXPIRED"), (Issuer().token(), "TOKEN_SIGNATURE_INVALID"),
                                  (mine[:-4] + "AAAA", "TOKEN_SIGNATURE_INVALID")):
                with self.subTest(kind=kind, reason=reason):
                    self.assertEqual(peer.request(kind, call(capability, args, row, token=token, **as_agent)),
                                     ("FAILURE", reason))
        made = self.propose(self.bearer(scope="billing:propose"), reason="hijack")["proposal"]["id"]
        for token in ("", other, expired):
            self.assertEqual(peer.request("RESOURCE", resource(0, made, principal="agent_1", token=token)),
                             ("FAILURE", "RESOURCE_NOT_FOUND"))
            self.assertEqual(peer.request("WITHDRAW", status(made, principal="agent_1", token=token)),
                             ("FAILURE", "RESOURCE_NOT_FOUND"))
        self.assertEqual(peer.request("STATUS", status(made, principal="agent_1", token=mine))[0], "STATED")

    def test_rotated_keys_count_without_a_restart(self):
        rotated = Issuer(suffix="-2")
        before = self.bearer()
        self.assertTrue(self.read("INV-3001", before)["ok"])
        write_keys(self.keys, rotated.jwks())
        self.addCleanup(time.sleep, 1.2)
        self.addCleanup(write_keys, self.keys, self.issuer.jwks())
        time.sleep(1.2)
        after = {"Authorization": "Bearer " + rotated.token(scope="billing:propose")}
        self.assertTrue(self.propose(after, reason="rotated")["ok"])
        self.assertEqual(self.server.rpc("ping", headers=before).status, 401)

    def test_stdio_has_no_tokens_and_refuses(self):
        mcp = self.w.serve()
        self.addCleanup(mcp.close)
        self.assertEqual(mcp.read("INV-3001")["error"]["code"], "INTERNAL")


class Fetched(unittest.TestCase):
    def test_keys_are_fetched_by_a_process_of_their_own(self):
        issuer = Issuer()
        keys = KeyServer(lambda path: (200, {}, json.dumps(issuer.jwks()).encode()))
        self.addCleanup(keys.close)
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        folder = os.path.join(w.path, "keys")
        os.mkdir(folder)
        w.write_config(contract("sqlite", trusted_context={"provider": "http_claims"}, http_auth={
            "issuer": ISSUER, "audience": AUDIENCE, "algorithms": ["ES256"], "jwks_url": keys.url,
            "jwks_file": os.path.join(folder, "jwks.json")}))
        server = HttpServer(w, token=None)
        self.addCleanup(server.close)
        headers = {"Authorization": "Bearer " + issuer.token()}
        deadline = time.monotonic() + 15
        while server.rpc("ping", headers=headers).status != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        # ledgerd looks at the file by itself, not when mcpd does.
        while not server.read("INV-3001", headers=headers)["ok"] and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertTrue(server.read("INV-3001", headers=headers)["ok"])
        # mcpd has no way out to the issuer: only its child asked, once.
        self.assertEqual([path for path, _ in keys.requests], ["/keys"])
        fetcher = child_of(server.process.pid, "countersign-jwks")
        os.kill(fetcher, signal.SIGKILL)
        time.sleep(0.3)
        self.assertTrue(server.read("INV-3001", headers=headers)["ok"])


class Conflicts(unittest.TestCase):
    def workspace(self, **changes):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        keys = os.path.join(w.path, "jwks.json")
        write_keys(keys, Issuer().jwks())
        w.write_config(contract("sqlite", http_auth={"issuer": ISSUER, "audience": AUDIENCE, "algorithms": ["ES256"],
                                                     "jwks_file": keys}, **changes))
        return w

    def test_a_static_token_beside_http_auth_is_refused(self):
        server = HttpServer(self.workspace(trusted_context={"provider": "http_claims"}), expect_start=False)
        self.assertIn("HTTP_CHANNEL_CONFLICT", server.wait_refused())

    def test_no_auth_beside_http_auth_is_refused(self):
        server = HttpServer(self.workspace(trusted_context={"provider": "http_claims"}), "--dev-no-auth", token=None,
                            expect_start=False)
        self.assertIn("HTTP_CHANNEL_CONFLICT", server.wait_refused())

    def test_keys_that_are_not_there_or_unsound_are_refused_at_start(self):
        for value in (None, b"{}"):
            w = self.workspace(trusted_context={"provider": "http_claims"})
            path = os.path.join(w.path, "jwks.json")
            os.unlink(path)
            if value is not None:
                write_keys(path, value)
            server = HttpServer(w, token=None, expect_start=False)
            self.assertIn(path, server.wait_refused())


if __name__ == "__main__":
    unittest.main()
