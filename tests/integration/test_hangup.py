"""Slow calls over HTTP on a real PostgreSQL: what becomes of the statement when the client hangs up, and of the call
when the server is told to end."""
import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import BOTH, HttpServer, JSON_TYPE, read_all, status_of, TOKEN  # noqa: E402
from postgres import Postgres, wait_for  # noqa: E402
from workspace import Workspace, contract  # noqa: E402

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
NAME = "billing.inspect_invoice"


class Slow(unittest.TestCase):
    """The row of a view takes as long to read as the view says."""

    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.close)

    def serve(self, seconds):
        value = contract("postgres", result_format=2)
        value["sources"]["shop"]["statement_timeout_ms"] = 25000
        value["capabilities"] = value["capabilities"][:1]
        value["capabilities"][0]["target"] = dict(value["capabilities"][0]["target"], table="slow")
        self.w = Workspace("postgres", config=value, server=self.postgres)
        self.addCleanup(self.w.close)
        self.w.sql("CREATE VIEW slow AS SELECT i.* FROM invoices i, LATERAL (SELECT pg_sleep(%g) WHERE i.id IS NOT NULL)"
                   " AS s" % seconds)
        self.w.sql("GRANT SELECT ON slow TO reader")
        self.server = HttpServer(self.w)
        self.addCleanup(self.server.close)

    def running(self):
        return int(self.postgres.sql("shop", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'"
                                     " AND state = 'active' AND wait_event = 'PgSleep'")[0][0])

    def begin(self, version, accept=BOTH, identifier=1):
        """Send a call and wait until the server works on it: the socket."""
        params = {"name": NAME, "arguments": {"invoice_id": "INV-3001"}}
        lines = ["POST /mcp HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer " + TOKEN,
                 "Content-Type: " + JSON_TYPE, "Accept: " + accept, "MCP-Protocol-Version: " + version]
        if version == "2026-07-28":
            params["_meta"] = MODERN
            lines += ["Mcp-Method: tools/call", "Mcp-Name: " + NAME]
        body = json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": params}).encode()
        sock = self.server.connect()
        self.addCleanup(sock.close)
        sock.sendall("\r\n".join(lines + ["Content-Length: %d" % len(body), "", ""]).encode() + body)
        wait_for(lambda: self.running() > 0, what="the statement to run on the server")
        return sock

    def reads(self):
        return self.w.ledger("SELECT count(*) FROM events WHERE kind = 'read_recorded'")[0][0]

    def test_who_hangs_up_and_speaks_2026_cancels(self):
        self.serve(20)
        for accept in (BOTH, "text/event-stream"):
            with self.subTest(accept=accept):
                self.begin("2026-07-28", accept).close()
                wait_for(lambda: self.running() == 0, 3, "the statement to end on the server")
        self.assertEqual(self.reads(), 0)

    def test_who_hangs_up_and_speaks_2025_does_not_cancel(self):
        self.serve(4)
        self.begin("2025-11-25").close()
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:
            self.assertEqual(self.running(), 1, "it goes on")
            time.sleep(0.1)
        wait_for(lambda: self.reads() == 1, 10, "the read to be recorded")

    def test_an_open_stream_does_not_hold_up_the_end(self):
        """Clients that take events only and wait for an answer that does not come in time."""
        self.serve(20)
        socks = [self.begin(version, "text/event-stream") for version in ("2026-07-28", "2025-11-25")]
        wait_for(lambda: self.running() == 2, what="both statements")
        started = time.monotonic()
        self.assertEqual(self.server.close(signal.SIGTERM), 0, self.server.log())
        self.assertLess(time.monotonic() - started, 5)
        for sock in socks:
            answer = read_all(sock)
            self.assertIn(b"TEMPORARILY_UNAVAILABLE", answer)
            self.assertNotIn(b"INV-3001", answer)
        wait_for(lambda: self.running() == 0, 1, "the statements to end on the server")
        kinds = [kind for (kind,) in self.w.ledger("SELECT kind FROM events ORDER BY event_id")]
        self.assertEqual((kinds.count("call_refused"), self.reads()), (2, 0), kinds)

    def test_a_stream_that_can_end_is_ended(self):
        self.serve(2)
        sock = self.begin("2025-11-25", "text/event-stream")
        started = time.monotonic()
        self.assertEqual(self.server.close(signal.SIGTERM), 0, self.server.log())
        self.assertLess(time.monotonic() - started, 5)
        answer = read_all(sock)
        self.assertEqual(status_of(answer), 200, answer)
        self.assertIn(b"INV-3001", answer)
        self.assertEqual(self.reads(), 1)


if __name__ == "__main__":
    unittest.main()
