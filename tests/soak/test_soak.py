"""Many HTTP clients that call, break off and vanish, for a while: no leak, no
stuck connection, and as many answers as there are rows in the record.

SOAK_SECONDS (20) says how long, CS_BIN which programs; `make soak` takes five
minutes with the release build.
"""
import json
import os
import random
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer, TOKEN, read_all  # noqa: E402
from workspace import BIN, Workspace  # noqa: E402

SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))
CLIENTS = 64
RELEASE = "release" in BIN


def request(keep):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}}).encode()
    return ("POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nConnection: %s\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                TOKEN, "keep-alive" if keep else "close", len(body))).encode() + body


def rss_kb(pid):
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


class Client(threading.Thread):
    """Calls until told to stop; some calls are abandoned half-way."""

    def __init__(self, server, seed, until):
        super().__init__(daemon=True)
        self.server, self.random, self.until = server, random.Random(seed), until
        self.answered = self.abandoned = 0
        self.problem = None

    def call(self):
        data = request(keep=False)
        fate = self.random.random()
        with self.server.connect(30) as sock:
            if fate < 0.10:  # half a request
                sock.sendall(data[:self.random.randrange(len(data))])
            elif fate < 0.25:  # a whole one, and nobody waits for its answer
                sock.sendall(data)
                self.abandoned += 1
                time.sleep(self.random.random() * 0.003)
                if fate < 0.18:  # with a reset
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            else:
                sock.sendall(data)
                answer = read_all(sock)
                if b"HTTP/1.1 200" not in answer or b'"ok\\":' not in answer.replace(b" ", b"").replace(b"\\n", b""):
                    if b" 503 " not in answer.split(b"\r\n")[0]:
                        raise AssertionError(answer[:300])
                    return
                self.answered += 1

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.call()
        except Exception as e:  # noqa: BLE001 - told by the test
            self.problem = e


class Soak(unittest.TestCase):
    def test_many_restless_clients(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        server = HttpServer(w)
        pid = server.mcpd_pid()
        self.play(server, 2, min(SECONDS / 4, 30))
        time.sleep(1)
        before, descriptors = rss_kb(pid), len(os.listdir("/proc/%d/fd" % pid))
        clients = self.play(server, 3, SECONDS)
        time.sleep(1.5)
        after = rss_kb(pid)
        self.assertEqual([c.problem for c in clients if c.problem], [])
        # Connections that nobody uses are gone, and so are their descriptors.
        self.assertLessEqual(len(os.listdir("/proc/%d/fd" % pid)), descriptors)
        if RELEASE:
            self.assertLess(after, before * 1.05 + 512)
        self.assertEqual(server.close(), 0)
        self.assertNotIn("Sanitizer", server.log())
        answered = sum(c.answered for c in self.played)
        abandoned = sum(c.abandoned for c in self.played)
        rows = w.ledger("SELECT count(*) FROM events WHERE kind = 'read_recorded'")[0][0]
        print("answered %d, abandoned %d, recorded %d, RSS %d -> %d KiB" % (answered, abandoned, rows, before, after),
              file=sys.stderr)
        # Each answer is one row; a call that was broken off may be one.
        self.assertGreater(answered, CLIENTS)
        self.assertGreaterEqual(rows, answered)
        self.assertLessEqual(rows, answered + abandoned)

    played = ()

    def play(self, server, seed, seconds):
        until = time.monotonic() + seconds
        clients = [Client(server, seed * 1000 + i, until) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(seconds + 60)
            self.assertFalse(client.is_alive(), "a client is stuck")
        self.played = [*self.played, *clients]
        return clients


if __name__ == "__main__":
    unittest.main()
