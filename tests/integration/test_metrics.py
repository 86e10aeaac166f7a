"""What ledgerd and mcpd count, and that nothing of it is a value."""
import json
import os
import re
import socket
import stat
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from test_transports import METRICS_TOKEN  # noqa: E402
from workspace import Workspace, contract  # noqa: E402


def parse(test, text):
    """Strict: a family's head, then its samples, and the end."""
    numbers, family, kind = {}, None, None
    lines = text.splitlines()
    test.assertEqual(lines[-1], "# EOF")
    for line in lines[:-1]:
        head = re.fullmatch(r"# TYPE (countersign_[a-z_]+) (counter|gauge)", line)
        if head:
            test.assertNotIn(head[1], [n.split("{")[0].removesuffix("_total") for n in numbers])
            family, kind = head[1], head[2]
        elif not line.startswith("# HELP %s " % family):
            sample = re.fullmatch(r'(%s%s)(\{[a-z]+="[A-Za-z0-9_.]+"\})? (\d+)' % (
                family, "_total" if kind == "counter" else ""), line)
            test.assertIsNotNone(sample, line)
            numbers[sample[1].split("_", 2)[2] + (sample[2] or "")] = int(sample[3])
    return numbers


class Ledger(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)

    def numbers(self):
        return parse(self, self.w.run("metrics", check=0).stdout)

    def test_the_loop_is_counted(self):
        with self.w.client(no_writer=False) as mcp:
            before = self.numbers()
            self.assertEqual((before['connections{role="mcpd"}'], before['connections{role="writer"}'],
                              before['connections{role="control"}']), (1, 1, 1))
            self.assertNotIn("last_report_age_seconds", before)
            first = mcp.propose("INV-3001")["proposal"]["id"]
            mcp.propose("INV-3002")
            now = self.numbers()
            self.assertEqual(now['proposals{state="pending_review"}'], 2)
            self.assertGreater(now["chain_head_event_id"], before["chain_head_event_id"])
            self.assertGreater(now["commits_total"], before["commits_total"])
            self.assertGreater(now["replies_held_total"], before["replies_held_total"])
            self.w.run("proposals", "approve", first, "--yes", check=0)
            self.assertEqual(self.numbers()['proposals{state="approved"}'], 1)
            self.w.json("apply", first)
            last = self.numbers()
            self.assertEqual((last['proposals{state="pending_review"}'], last['proposals{state="approved"}'],
                              last['applies_total{outcome="applied"}'], last['jobs_leased'], last["jobs_waiting"],
                              last['proposal_moves_total{state="applied"}'], last["commit_failures_total"]),
                             (1, 0, 1, 0, 0, 1, 0))
            self.assertLess(last["last_report_age_seconds"], 20)
            self.assertEqual(last["chain_head_event_id"], self.w.ledger("SELECT max(event_id) FROM events")[0][0])
            text = self.w.run("metrics", check=0).stdout
            for value in ("INV-3001", "acme", "support_agent_17", first):
                self.assertNotIn(value, text)

    def test_a_refused_peer_is_counted(self):
        with self.w.client():
            before = self.numbers()["peers_refused_total"]
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(self.w.store + ".run/control.sock")
                sock.sendall(b"\xff" * 64)
                self.assertEqual(sock.recv(64), b"")
            self.assertEqual(self.numbers()["peers_refused_total"], before + 1)

    def test_a_file_is_replaced_as_a_whole(self):
        path = os.path.join(self.w.path, "countersign.prom")
        with self.w.client() as mcp:
            self.assertEqual(self.w.run("metrics", "--textfile", path, check=0).stdout, "")
            inode = os.stat(path).st_ino
            mcp.propose("INV-3001")
            with open(path) as old:
                self.w.run("metrics", "--textfile", path, check=0)
                self.assertEqual(parse(self, old.read())['proposals{state="pending_review"}'], 0, "the old one is whole")
            with open(path) as new:
                self.assertEqual(parse(self, new.read())['proposals{state="pending_review"}'], 1)
            self.assertNotEqual(os.stat(path).st_ino, inode)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
            self.assertEqual([n for n in os.listdir(self.w.path) if "prom" in n], ["countersign.prom"])
            failed = self.w.run("metrics", "--textfile", "/nonexistent/x.prom", check=1)
            self.assertIn("the metrics were not written", failed.stderr)


class Sources(unittest.TestCase):
    def test_pool_and_probe_are_counted(self):
        postgres = Postgres()
        self.addCleanup(postgres.close)
        value = contract("postgres", result_format=2)
        value["sources"]["shop"].update(pool={"max_connections": 1, "queue_timeout_ms": 400}, probe_interval_s=1,
                                        statement_timeout_ms=10000)
        slow = dict(value["capabilities"][0], name="billing.slow")
        slow["target"] = dict(slow["target"], table="slow")
        value["capabilities"].append(slow)
        w = Workspace("postgres", config=value, server=postgres)
        self.addCleanup(w.close)
        w.sql("CREATE VIEW slow AS SELECT i.* FROM invoices i, LATERAL (SELECT pg_sleep(30) WHERE i.id IS NOT NULL) s")
        w.sql("GRANT SELECT ON slow TO reader")
        server = HttpServer(w, "--metrics-token-env", "METRICS", env={"METRICS": METRICS_TOKEN})
        self.addCleanup(server.close)

        def numbers():
            answer = server.request("GET", "/metrics", auth=False, headers={"Authorization": "Bearer " + METRICS_TOKEN})
            return {k.removesuffix('{source="shop"}'): v for k, v in parse(self, answer.body.decode()).items()}

        self.assertTrue(server.read("INV-3001")["ok"])
        now = numbers()
        self.assertEqual((now["source_connections_max"], now["source_connections"], now["source_active"],
                          now["source_probe_known"], now["source_probe_refused"]), (1, 1, 0, 1, 0))
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {}}
        client = server.client()
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "billing.slow", "arguments": {"invoice_id": "INV-3001"}, "_meta": meta}})
        client.request("POST", "/mcp", body, {
            "Authorization": "Bearer " + server.token, "Content-Type": "application/json", "Accept":
            "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
            "Mcp-Name": "billing.slow"})
        wait_for(lambda: numbers()["source_active"] == 1, what="the slow statement")
        self.assertFalse(server.read("INV-3001")["ok"])
        self.assertGreaterEqual(numbers()["source_queue_timeouts_total"], 1)
        client.close()
        wait_for(lambda: numbers()["source_cancels_total"] == 1, what="the cancel")
        wait_for(lambda: numbers()["source_active"] == 0, what="the end of it")
        w.sql("GRANT INSERT ON invoices TO reader")
        wait_for(lambda: numbers()["source_probe_refused"] > 0, 15, "the probe to refuse")
        w.sql("REVOKE INSERT ON invoices FROM reader")
        wait_for(lambda: numbers()["source_probe_refused"] == 0, 15, "the probe to pass")
        postgres.stop()
        server.read("INV-3001")
        self.assertGreaterEqual(numbers()["source_connect_failures_total"], 1)


if __name__ == "__main__":
    unittest.main()
