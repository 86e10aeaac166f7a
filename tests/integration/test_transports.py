"""One table of JSON-RPC messages, played over HTTP and on stdio: what a message
says is answered alike, whatever carries it. And what only HTTP has: sessions,
probes, metrics, the bridge, limits."""
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer, TOKEN  # noqa: E402
from workspace import BIN, Workspace, contract  # noqa: E402

LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"%s}'
CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"billing.inspect_invoice"%s}}'
META = ('"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        '"io.modelcontextprotocol/clientCapabilities":{}}')
RESULT = "result"

# body, HTTP status, error codes that are right (or RESULT, or None: no answer)
ROWS = [
    ('{"jsonrpc":"2.0","id":1', 400, {-32700}), ("hello", 400, {-32700}), ("{}{}", 400, {-32700}),
    ('{"jsonrpc":"2.0","id":1,"method":"ping"} x', 400, {-32700}), ('"text"', 400, {-32600}), ("7", 400, {-32600}),
    ("[]", 400, {-32600}), (b"\xff\xfe", 400, {-32700}), (b'{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}', 400, {-32700}),
    (b'{"jsonrpc":"2.0","id":1,"method":"a\0b"}', 400, {-32700}),
    ('{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, {-32600}), ('{"id":1,"method":"ping"}', 400, {-32600}),
    ('{"jsonrpc":"2.0","id":1,"method":7}', 400, {-32600}),
    ('{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, {-32600}),
    ('{"jsonrpc":"2.0","id":true,"method":"ping"}', 400, {-32600}),
    ('{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, {-32600}),
    ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400, {-32600}),
    ('{"jsonrpc":"2.0","id":1e400,"method":"ping"}', 400, {-32600, -32700}),
    ('{"jsonrpc":"2.0","id":"\\ud83d","method":"ping"}', 400, {-32600, -32700}),
    ('{"jsonrpc":"2.0","id":"%s","method":"ping"}' % ("x" * 300), 400, {-32600}),
    ('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, {-32600, -32700}),
    ('{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}', 400, {-32600, -32700}),
    (CALL % ',"name":"x"', 400, {-32600, -32700}),
    (CALL % ',"arguments":{"invoice_id":"a","invoice_id":"b"}', 400, {-32600, -32700}),
    ("[" * 20000 + "]" * 20000, 400, {-32600, -32700}),
    (LIST % ',"params":[]', (200, 400), {-32600, -32602}), (LIST % ',"params":"x"', (200, 400), {-32600, -32602}),
    (LIST % ',"params":null', (200, 400), {-32600, -32602}), (LIST % ',"params":{}', 200, RESULT), (LIST % "", 200, RESULT),
    (LIST % ',"extra":1', 200, RESULT), (LIST % ',"params":{"cursor":"nonsense"}', 200, {-32602}),
    ('{"jsonrpc":"2.0","id":1,"method":"no/such"}', 200, {-32601}),
    ('{"jsonrpc":"2.0","method":"no/such"}', 202, None), ('{"jsonrpc":"2.0","method":"tools/call"}', 202, None),
    ('{"jsonrpc":"2.0","id":9,"result":{}}', 202, None),
    ('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}', 202, None),
    ('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no_such_tool"}}', 200, {-32602}),
    ('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', 200, {-32602}),
    (CALL % ',"arguments":null', 200, {-32602}), (CALL % ',"arguments":[]', 200, {-32602}),
    (CALL % "", 200, RESULT), (CALL % ',"arguments":{}', 200, RESULT),
    (CALL % ',"arguments":{"invoice_id":5}', 200, RESULT), (CALL % ',"arguments":{"invoice_id":"INV-3001"}', 200, RESULT),
    # Of 2026-07-28, by its envelope.
    ('{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{%s}}' % META, 200, RESULT),
    ('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{%s}}' % META, 404, {-32601}),
    ('{"jsonrpc":"2.0","id":1,"method":"ping","params":{%s}}' % META, 404, {-32601}),
]

IDS = ["0", "-5", '""', "1.0", "9007199254740993", "123456789012345678901234567890", '"\\ud83d\\ude00"', '"a\\u0041"']


def modern(body):
    return META in (body if isinstance(body, str) else "")


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Workspace("sqlite")
        cls.addClassCleanup(cls.w.close)
        cls.server = HttpServer(cls.w)
        cls.addClassCleanup(cls.server.close)

    def judge(self, answer, wanted):
        if wanted is RESULT:
            self.assertIn("result", answer)
        else:
            self.assertIn(answer["error"]["code"], wanted)
        if wanted in ({-32700},):
            self.assertNotIn("id", answer)

    def test_over_http(self):
        for body, status, wanted in ROWS:
            with self.subTest(body=body[:90]):
                headers = {}
                if modern(body):
                    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": json.loads(body)["method"]}
                answer = self.server.post(body, headers=headers)
                self.assertIn(answer.status, status if isinstance(status, tuple) else (status,), answer.body)
                if wanted is None:
                    self.assertEqual(answer.body, b"")
                else:
                    self.judge(answer.json(), wanted)

    def test_on_stdio(self):
        mcp = self.w.serve()
        self.addCleanup(mcp.close)
        for body, _, wanted in ROWS:
            with self.subTest(body=body[:90]):
                data = body.encode() if isinstance(body, str) else body
                if wanted is None:
                    data += b'\n{"jsonrpc":"2.0","id":"after","method":"ping"}'
                mcp.process.stdin.buffer.write(data + b"\n")
                mcp.process.stdin.flush()
                answer = json.loads(mcp.process.stdout.readline())
                if wanted is None:
                    self.assertEqual(answer["id"], "after")
                else:
                    self.judge(answer, wanted)

    def test_ids_are_echoed_byte_for_byte(self):
        for raw in IDS:
            answer = self.server.post('{"jsonrpc":"2.0","id":%s,"method":"ping"}' % raw)
            self.assertIn(b'"id":' + raw.encode() + b",", answer.body)

    def test_headers_must_agree_with_the_body(self):
        body = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{%s}}' % META
        good = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
        self.assertEqual(self.server.post(body, headers=good).status, 200)
        for change in ({"Mcp-Method": "TOOLS/LIST"}, {"Mcp-Method": None}, {"Mcp-Method": "tools/call"},
                       {"MCP-Protocol-Version": None}, {"MCP-Protocol-Version": "2025-11-25"}):
            with self.subTest(change):
                answer = self.server.post(body, headers={**good, **change})
                self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, -32020))
        answer = self.server.post(LIST % "", headers={"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"})
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, -32602))
        self.assertEqual(self.server.post(LIST % "", headers={"MCP-Protocol-Version": "1999-01-01"}).status, 400)
        # A header of the modern revisions means nothing to an older client.
        self.assertEqual(self.server.post(LIST % "", headers={"Mcp-Method": "initialize"}).status, 200)

    def test_batches_belong_to_one_revision(self):
        batch = '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]'
        for version, status in ((None, 200), ("2025-03-26", 200), ("2025-06-18", 400), ("2025-11-25", 400)):
            answer = self.server.post(batch, headers={"MCP-Protocol-Version": version})
            self.assertEqual(answer.status, status, version)
            if status == 200:
                self.assertEqual({a["id"] for a in answer.json()}, {1, 2})
        self.assertEqual(self.server.post('[{"jsonrpc":"2.0","method":"notifications/initialized"}]').status, 202)

    def test_the_byte_order_mark_is_consistent(self):
        self.assertIn(self.server.post(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}').status, (200, 400))


INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}}


class Sessions(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)

    def start(self, *flags, **options):
        server = HttpServer(self.w, *flags, **options)
        self.addCleanup(server.close)
        return server

    def test_none_are_issued_by_default(self):
        server = self.start()
        self.assertNotIn("mcp-session-id", server.post(INITIALIZE).headers)
        self.assertEqual(server.rpc("tools/list", headers={"Mcp-Session-Id": "anything"}).status, 200)
        self.assertEqual(server.request("DELETE", "/mcp", headers={"Mcp-Session-Id": "anything"}).status, 405)

    def test_they_are_issued_bound_and_ended(self):
        other = "q8Rr2Ks5Tt9Uu1Vv4Ww7Xx3Yy6Zz0Aa"
        server = self.start("--sessions", "--auth-token-previous-env", "OLD", env={"OLD": other})
        answer = server.post(INITIALIZE)
        session = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
        self.assertRegex(session["Mcp-Session-Id"], "^[0-9a-f]{32}$")
        self.assertNotEqual(server.post(INITIALIZE).headers["mcp-session-id"], session["Mcp-Session-Id"])
        self.assertEqual(server.rpc("tools/list", headers=session).status, 200)
        self.assertEqual(server.rpc("tools/list").status, 400)
        self.assertEqual(server.rpc("tools/list", headers={"Mcp-Session-Id": "0" * 32}).status, 404)
        # The version that was agreed on is remembered: no batches in it.
        batch = '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'
        self.assertEqual(server.post(batch, headers=session).status, 400)
        # Another caller's session is no session.
        stolen = {**session, "Authorization": "Bearer " + other}
        self.assertEqual(server.rpc("tools/list", headers=stolen, auth=False).status, 404)
        self.assertEqual(server.request("DELETE", "/mcp", headers=stolen, auth=False).status, 404)
        self.assertEqual(server.request("GET", "/mcp", headers=session).status, 405)
        self.assertEqual(json.loads(server.request("GET", "/healthz", auth=False).body)["sessions"], 2)
        self.assertEqual(server.request("DELETE", "/mcp", headers=session).status, 200)
        self.assertEqual(server.rpc("tools/list", headers=session).status, 404)

    def test_they_end_when_they_are_not_used(self):
        server = self.start("--sessions", "--session-idle-s", "2")
        used, idle = ({"Mcp-Session-Id": server.post(INITIALIZE).headers["mcp-session-id"]} for _ in range(2))
        for _ in range(6):
            time.sleep(0.5)
            self.assertEqual(server.rpc("tools/list", headers=used).status, 200)
        self.assertEqual(server.rpc("tools/list", headers=idle).status, 404)
        self.assertEqual(json.loads(server.request("GET", "/healthz", auth=False).body)["sessions"], 1)
        time.sleep(2.2)
        self.assertEqual(server.rpc("tools/list", headers=used).status, 404)

    def test_an_idle_time_out_of_range_is_refused(self):
        for bad in ("0", "86401", "-1", "1.5"):
            server = HttpServer(self.w, "--sessions", "--session-idle-s", bad, expect_start=False)
            self.assertIn("--session-idle-s: not an option of mcpd, or a bad value", server.wait_refused(), bad)

    def test_their_number_is_bounded(self):
        server = self.start("--sessions")
        client = server.client()
        first = server.post(INITIALIZE, connection=client).headers["mcp-session-id"]
        for _ in range(1024):
            last = server.post(INITIALIZE, connection=client).headers["mcp-session-id"]
        client.close()
        self.assertEqual(server.rpc("tools/list", headers={"Mcp-Session-Id": first}).status, 404)
        self.assertEqual(server.rpc("tools/list", headers={"Mcp-Session-Id": last}).status, 200)


METRICS_TOKEN = "Mm4nN7bB2vV9cC1xX6zZ3lL8kK5jJ0hH"


class Probes(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        self.server = HttpServer(self.w, "--metrics-token-env", "METRICS", env={"METRICS": METRICS_TOKEN})
        self.addCleanup(self.server.close)

    def metrics(self):
        answer = self.server.request("GET", "/metrics", auth=False, headers={"Authorization": "Bearer " + METRICS_TOKEN})
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.body.endswith(b"# EOF\n"))
        return dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if not line.startswith("#"))

    def test_health_tells_nothing_secret(self):
        answer = self.server.request("GET", "/healthz", auth=False)
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {
            "ok": True, "transport": "streamable-http", "sessions": 0, "tools": 2, "mode": "review"}))
        self.assertEqual(self.server.post({}, path="/healthz").status, 405)

    def test_readiness_follows_the_ledger(self):
        answer = self.server.request("GET", "/readyz", auth=False)
        self.assertEqual((answer.status, json.loads(answer.body)),
                         (200, {"ok": True, "ledger": "ready", "sources": "ready"}))

    def test_metrics_count_and_have_a_token_of_their_own(self):
        self.assertEqual(self.server.request("GET", "/metrics").status, 401)
        self.assertEqual(self.server.request("GET", "/metrics", auth=False).status, 401)
        collector = {"Authorization": "Bearer " + METRICS_TOKEN}
        self.assertEqual(self.server.rpc("tools/list", headers=collector, auth=False).status, 401)
        for _ in range(3):
            self.server.read("INV-3001")
        self.server.read("INV-9999")
        self.server.post("nonsense")
        numbers = self.metrics()
        name = 'countersign_mcpd_%s_total{capability="billing.inspect_invoice"}'
        self.assertEqual(numbers[name % "calls"], "4")
        self.assertEqual(numbers[name % "refusals"], "1")
        self.assertEqual(numbers['countersign_mcpd_http_answers_total{status="400"}'], "1")
        self.assertEqual(numbers["countersign_mcpd_ledger_ready"], "1")
        self.assertNotIn("acme", str(numbers))


class Bridge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Workspace("sqlite")
        cls.addClassCleanup(cls.w.close)
        cls.server = HttpServer(cls.w, transport="json-rpc-http")
        cls.addClassCleanup(cls.server.close)

    def send(self, body, status=200):
        answer = self.server.post(body, headers={"Content-Type": "text/plain", "Accept": "text/html"})
        self.assertEqual((answer.status, answer.headers["content-type"]), (status, "application/json; charset=utf-8"))
        self.assertTrue(answer.body.startswith(b"{\n  ") and answer.body.endswith(b"}\n"), answer.body)
        return json.loads(answer.body)

    def test_its_three_methods(self):
        tools = self.send({"id": 7, "method": "tools/list"})["result"]["tools"]
        self.assertEqual([t["name"] for t in tools], ["billing.inspect_invoice", "billing.propose_late_fee_waiver"])
        self.assertEqual(tools[0]["inputSchema"], {"invoice_id": {"type": "string", "required": True, "max_length": 64}})
        self.assertFalse(tools[0]["_meta"]["synapsor.raw_sql_exposed"])
        for member in ("arguments", "args"):
            answer = self.send({"id": "x", "method": "tools/call", "params": {
                "name": "billing.inspect_invoice", member: {"invoice_id": "INV-3001"}}})
            self.assertEqual(answer["id"], "x")
            self.assertEqual(json.loads(answer["result"]["content"][0]["text"])["data"]["late_fee_cents"], 5500)
        evidence = json.loads(answer["result"]["content"][0]["text"])["evidence"]["bundle_id"]
        answer = self.send({"id": 1, "method": "resources/read", "params": {"uri": "synapsor://evidence/" + evidence}})
        self.assertIn("contents", answer["result"])

    def test_a_model_cannot_choose_the_tenant(self):
        answer = self.send({"id": 1, "method": "tools/call", "params": {
            "name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-9001", "tenant_id": "other"}}})
        self.assertTrue(answer["result"]["isError"])

    def test_errors_keep_the_id(self):
        self.assertEqual(self.send([1], 400)["error"]["code"], -32600)
        self.assertEqual(self.send({"id": 5}, 400)["id"], 5)
        for body in ({"id": 5, "method": "initialize"}, {"id": 5, "method": "tools/call"},
                     {"id": 5, "method": "tools/call", "params": {}}):
            answer = self.send(body)
            self.assertEqual((answer["id"], answer["error"]["code"]), (5, -32000))
        self.assertEqual(self.send("nonsense")["error"]["code"], -32000)

    def test_its_gates(self):
        self.assertEqual(self.server.request("GET", "/mcp").status, 405)
        self.assertEqual(self.server.post({}, auth=False).status, 401)
        self.assertEqual(self.server.post({}, path="/x").status, 404)
        self.assertEqual(json.loads(self.server.request("GET", "/healthz").body),
                         {"ok": True, "transport": "http", "tools": 2, "mode": "review"})
        self.assertEqual(self.server.post({}, headers={"Host": "evil.com"}).status, 403)


class Limits(unittest.TestCase):
    def test_a_tenant_calls_as_often_as_the_contract_allows(self):
        limits = {"default": {"requests": 2, "window_s": 2},
                  "capabilities": {"billing.inspect_invoice": {"requests": 3, "window_s": 2}}}
        w = Workspace("sqlite", config=contract(rate_limits=limits))
        self.addCleanup(w.close)
        server = HttpServer(w)
        self.addCleanup(server.close)
        answers = [server.read("INV-3001") for _ in range(5)]
        self.assertEqual([a["ok"] for a in answers], [True] * 3 + [False] * 2)
        error = answers[-1]["error"]
        self.assertEqual((error["code"], error["retryable"]), ("RATE_LIMITED", True))
        self.assertTrue(0 < error["retry_after_ms"] <= 2000, error)
        proposals = [server.call("billing.propose_late_fee_waiver", invoice_id="INV-3002", reason="x", fee=1)["ok"]
                     for _ in range(3)]
        self.assertEqual(proposals, [True, True, False])
        time.sleep(2.1)
        self.assertTrue(server.read("INV-3001")["ok"])
        # Refusals are in the record, like everything.
        self.assertEqual(w.ledger("SELECT count(*) FROM events WHERE kind LIKE '%refus%'")[0][0], 3)

    def test_a_limit_that_is_not_in_force_is_an_error(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        for limits in ([], {"default": {"requests": 0, "window_s": 1}}, {"default": {"requests": 1}},
                       {"capabilities": {"no.such": {"requests": 1, "window_s": 1}}},
                       {"default": {"requests": 1, "window_s": 99999999999}}, {"other": {}}):
            w.write_config(contract(rate_limits=limits))
            result = subprocess.run([os.path.join(BIN, "countersign"), "config", "validate", "--json", "--config",
                                     w.config], capture_output=True, text=True, check=False)
            report = json.loads(result.stdout)
            self.assertTrue(report["errors"], limits)

    def test_one_caller_has_a_share(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        server = HttpServer(w, "--max-per-identity", "2")
        self.addCleanup(server.close)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}}).encode()
        request = ("POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
                   "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (TOKEN, len(body))).encode() + body
        os.kill(server.mcpd_pid(), 19)  # all arrive in one turn of its loop
        sockets = [server.connect() for _ in range(12)]
        for sock in sockets:
            sock.sendall(request)
        os.kill(server.mcpd_pid(), 18)
        answers = [sock.makefile("rb").read() for sock in sockets]
        for sock in sockets:
            sock.close()
        statuses = [int(a.split()[1]) for a in answers]
        self.assertIn(429, statuses)
        self.assertGreaterEqual(statuses.count(200), 2)
        self.assertIn(b"Retry-After: 1", answers[statuses.index(429)])


if __name__ == "__main__":
    unittest.main()
