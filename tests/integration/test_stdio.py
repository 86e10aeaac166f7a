"""JSON-RPC over stdio, with the real server: odd input is answered or ignored,
never fatal, and ids come back as they were sent."""
import json
import os
import sys
import unittest

import jsonschema

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import Workspace  # noqa: E402

PING = '"method":"ping"'


class Stdio(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w = Workspace("sqlite")

    @classmethod
    def tearDownClass(cls):
        cls.w.close()

    def setUp(self):
        self.mcp = self.w.serve()
        self.addCleanup(self.mcp.close)

    def line(self, data):
        """Send raw bytes as a line; the raw answer line."""
        if isinstance(data, str):
            data = data.encode()
        self.mcp.process.stdin.buffer.write(data + b"\n")
        self.mcp.process.stdin.flush()
        return self.mcp.process.stdout.readline()

    def still_serves(self):
        self.assertEqual(json.loads(self.line('{"jsonrpc":"2.0","id":"still",%s}' % PING)),
                         {"jsonrpc": "2.0", "id": "still", "result": {}})

    def test_ids_are_echoed_byte_for_byte(self):
        for raw in ("0", "-5", '""', "1.0", "9007199254740993", "123456789012345678901234567890", '"\\ud83d\\ude00"',
                    '"a\\u0041"', '"' + "x" * 200 + '"'):
            with self.subTest(id=raw):
                answer = self.line('{"jsonrpc":"2.0","id":%s,%s}' % (raw, PING))
                self.assertIn('"id":' + raw + ",", answer)
        for raw in ("null", "true", "{}", "[]", "1.5", "1e400", '"\\ud83d"'):
            with self.subTest(id=raw):
                answer = json.loads(self.line('{"jsonrpc":"2.0","id":%s,%s}' % (raw, PING)))
                self.assertIn(answer["error"]["code"], (-32600, -32700))
        self.still_serves()

    def test_what_cannot_be_read_is_answered_and_the_next_line_is_served(self):
        for data, codes in [
            (b'{"jsonrpc":"2.0","id":1', {-32700}), (b"hello", {-32700}), (b"{}{}", {-32700}),
            (b'{"jsonrpc":"2.0","id":1,"method":"ping"} x', {-32700}), (b'"text"', {-32600}), (b"7", {-32600}),
            (b"[]", {-32600}), (b"\xff\xfe", {-32700}), (b'{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}', {-32700}),
            (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}', {-32700}),
            (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', {-32600}), (b'{"id":1,"method":"ping"}', {-32600}),
            (b'{"jsonrpc":"2.0","id":1,"method":7}', {-32600}),
            (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', {-32600, -32700}),
            (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', {-32600, -32602}),
            (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', {-32601}),
            (b"[" * 20000 + b"]" * 20000, {-32600, -32700}),
            (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', {-32600}),
        ]:
            with self.subTest(data=data[:60]):
                self.assertIn(json.loads(self.line(data))["error"]["code"], codes)
                self.still_serves()

    def test_line_that_is_too_long_is_thrown_away_whole(self):
        answer = json.loads(self.line(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (2 << 20) + b'"}'))
        self.assertEqual(answer["error"]["code"], -32600)
        self.still_serves()

    def test_blank_lines_and_carriage_returns_are_fine(self):
        self.mcp.process.stdin.buffer.write(b"\n\r\n   \n")
        self.assertIn('"result"', self.line(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\r'))

    def test_notifications_are_never_answered(self):
        for text in ('{"jsonrpc":"2.0","method":"notifications/initialized"}',
                     '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}',
                     '{"jsonrpc":"2.0","method":"no/such"}', '{"jsonrpc":"2.0","id":1,"result":{}}'):
            self.mcp.process.stdin.write(text + "\n")
        self.still_serves()

    def test_every_legacy_revision_is_echoed_and_others_get_the_latest(self):
        for asked, given in [(v, v) for v in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")] + [
                ("2026-07-28", "2025-11-25"), ("1999-01-01", "2025-11-25")]:
            reply = self.mcp.initialize(asked)
            self.assertEqual(reply["result"]["protocolVersion"], given)

    def modern(self, method, params=None, meta=None):
        envelope = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {}}
        return self.mcp.request(method, {**(params or {}), "_meta": envelope if meta is None else meta})

    def test_both_eras_are_served_on_one_pipe_in_any_order(self):
        discovered = self.modern("server/discover")["result"]
        self.assertEqual(discovered["supportedVersions"], ["2026-07-28"])
        self.assertEqual(discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "countersign")
        self.assertEqual(self.mcp.initialize("2025-06-18")["result"]["protocolVersion"], "2025-06-18")
        read = {"name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}
        modern = self.modern("tools/call", read)["result"]
        legacy = self.mcp.request("tools/call", read)["result"]
        self.assertEqual(modern.pop("resultType"), "complete")
        modern.pop("_meta")
        for result in (modern, legacy):
            self.assertTrue(result["structuredContent"].pop("evidence")["bundle_id"].startswith("ev_"))
            result.pop("content")
        self.assertEqual(modern, legacy)
        self.assertEqual(self.mcp.request("ping")["result"], {})
        self.assertEqual(self.modern("ping")["error"]["code"], -32601)
        self.assertEqual(self.mcp.request("server/discover")["error"]["code"], -32601)

    def test_modern_envelope_is_required_whole(self):
        version = "io.modelcontextprotocol/protocolVersion"
        caps = "io.modelcontextprotocol/clientCapabilities"
        for meta, code in [({version: "2026-07-28"}, -32602), ({version: "2026-07-28", caps: []}, -32602),
                           ({version: 7, caps: {}}, -32602), ({version: "2099-01-01", caps: {}}, -32022),
                           ({version: "2026-07-28", caps: {}, "progressToken": {}}, -32602)]:
            with self.subTest(meta=meta):
                error = self.modern("tools/list", meta=meta)["error"]
                self.assertEqual(error["code"], code)
                if code == -32022:
                    self.assertEqual(error["data"], {"supported": ["2026-07-28"], "requested": "2099-01-01"})

    def test_structured_results_fit_the_schema_that_is_shown(self):
        tools = {t["name"]: t for t in self.modern("tools/list")["result"]["tools"]}
        read = self.mcp.call("billing.inspect_invoice", invoice_id="INV-3001")
        jsonschema.validate(read["structuredContent"], tools["billing.inspect_invoice"]["outputSchema"])
        proposal = self.mcp.call("billing.propose_late_fee_waiver", invoice_id="INV-3001", reason="schema", fee=1)
        jsonschema.validate(proposal["structuredContent"], tools["billing.propose_late_fee_waiver"]["outputSchema"])
        self.assertNotIn("structuredContent", self.mcp.call("billing.inspect_invoice", invoice_id="none"))

    def test_batch_is_served_where_its_revision_was_negotiated(self):
        self.mcp.initialize("2025-03-26")
        answers = json.loads(self.line('[{"jsonrpc":"2.0","id":1,%s},{"jsonrpc":"2.0","id":2,%s}]' % (PING, PING)))
        self.assertEqual(sorted(a["id"] for a in answers), [1, 2])

    def test_arguments_are_not_coerced(self):
        self.mcp.initialize()
        for arguments, good in [({"invoice_id": "INV-3001"}, True), ({"invoice_id": 3001}, False),
                                ({"invoice_id": None}, False), ({}, False), ({"invoice_id": "x" * 65}, False),
                                ({"invoice_id": "INV-3001", "extra": 1}, False)]:
            self.assertEqual(self.mcp.envelope("billing.inspect_invoice", **arguments)["ok"], good, arguments)
        for raw, good in [("1e2", True), ("1.0", True), ("-0", True), ("1e999", False), ("99999999999999999999", False),
                          ('"5"', False), ("10000.0000001", False)]:
            self.mcp.next_id += 1
            answer = json.loads(self.line(
                '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"billing.propose_late_fee_waiver",'
                '"arguments":{"invoice_id":"INV-3001","reason":"%s","fee":%s}}}' % (
                    self.mcp.next_id, raw.replace('"', ""), raw)))
            ok = "result" in answer and json.loads(answer["result"]["content"][0]["text"])["ok"]
            self.assertEqual(ok, good, raw)

    def test_unknown_tool_is_an_error_and_recorded(self):
        self.mcp.initialize()
        reply = self.mcp.request("tools/call", {"name": "execute_sql", "arguments": {"sql": "DROP TABLE x"}})
        self.assertEqual(reply["error"]["code"], -32602)
        event = self.w.json("events", "tail", "--kind", "call_refused", "--limit", "1")["events"][0]
        self.assertEqual(event["payload"]["code"], "MCP_TOOL_NOT_FOUND")

    def test_calls_in_flight_are_finished_at_the_end_of_input(self):
        for i in range(40):
            self.mcp.process.stdin.write(
                '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"billing.inspect_invoice",'
                '"arguments":{"invoice_id":"INV-3001"}}}\n' % i)
        self.mcp.process.stdin.close()
        answers = [json.loads(line) for line in self.mcp.process.stdout]
        self.assertEqual(sorted(a["id"] for a in answers), list(range(40)))
        self.assertTrue(all("isError" not in a["result"] for a in answers))


if __name__ == "__main__":
    unittest.main()
