"""Streamable HTTP with the real processes: who is served, what is refused before
a message is looked at, and what hostile bytes do."""
import concurrent.futures
import json
import os
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer, JSON_TYPE, TOKEN, TOKEN_NAME, free_port, read_all, status_of  # noqa: E402
from workspace import Workspace  # noqa: E402

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
OTHER_TOKEN = "q8Rr2Ks5Tt9Uu1Vv4Ww7Xx3Yy6Zz0Aa"


def head(*lines, target="/mcp", method="POST", version="HTTP/1.1", host="127.0.0.1", body=b""):
    """A request as bytes, with a valid token and exactly these further lines."""
    text = ["%s %s %s" % (method, target, version)]
    if host is not None:
        text.append("Host: " + host)
    text += ["Authorization: Bearer " + TOKEN, "Content-Type: " + JSON_TYPE, *lines, "", ""]
    return "\r\n".join(text).encode("latin-1") + body


class Served(unittest.TestCase):
    """One server for all tests of a class."""
    flags = ()
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.w = Workspace("sqlite")
        cls.addClassCleanup(cls.w.close)
        cls.server = HttpServer(cls.w, *cls.flags, **cls.options)
        cls.addClassCleanup(cls.server.close)

    def still_serves(self):
        self.assertEqual(self.server.post(PING).json(), {"jsonrpc": "2.0", "id": 1, "result": {}})


class Basics(Served):
    def test_a_read_is_answered_and_recorded(self):
        before = self.w.ledger("SELECT count(*) FROM events")[0][0]
        answer = self.server.read("INV-3001")
        self.assertEqual(answer["data"]["late_fee_cents"], 5500)
        self.assertGreater(self.w.ledger("SELECT count(*) FROM events")[0][0], before)

    def test_methods_types_and_paths(self):
        for method in ("GET", "DELETE", "PUT", "OPTIONS", "PATCH"):
            answer = self.server.request(method, "/mcp", headers={"Accept": "text/event-stream"})
            self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"), method)
        self.assertEqual(self.server.request("HEAD", "/mcp").status, 405)
        self.assertEqual(status_of(self.server.raw(head("Connection: close", method="BREW"))), 405)
        self.assertEqual(self.server.post(PING, path="/other").status, 404)
        self.assertEqual(self.server.post(PING, path="/mcp/").status, 404)
        self.assertEqual(self.server.post(PING, path="/mcp?x=1").status, 200)
        for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server/mcp"):
            self.assertEqual(self.server.request("GET", path, auth=False).status, 404)
        for kind, status in (("text/plain", 415), (None, 415), ("application/json; charset=utf-8", 200)):
            self.assertEqual(self.server.post(PING, headers={"Content-Type": kind}).status, status, kind)
        self.still_serves()

    def test_the_form_of_the_answer_follows_accept(self):
        for accept, kind in ((None, "application/json"), ("*/*", "application/json"),
                             ("application/json", "application/json"),
                             ("application/json, text/event-stream", "application/json"),
                             ("text/event-stream", "text/event-stream"),
                             ("text/event-stream, application/json;q=0", "text/event-stream")):
            answer = self.server.post(PING, headers={"Accept": accept})
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, kind), accept)
            self.assertEqual(answer.json()["result"], {})
        self.assertEqual(self.server.post(PING, headers={"Accept": "text/html"}).status, 406)

    def test_notifications_get_202_without_a_body(self):
        answer = self.server.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.assertEqual((answer.status, answer.body), (202, b""))

    def test_answers_are_not_cached_or_sniffed(self):
        for answer in (self.server.post(PING), self.server.post(PING, auth=False)):
            self.assertEqual((answer.headers["cache-control"], answer.headers["x-content-type-options"],
                              answer.headers["referrer-policy"]), ("no-store", "nosniff", "no-referrer"))

    def test_one_connection_carries_many_requests(self):
        client = self.server.client()
        for _ in range(20):
            self.assertEqual(self.server.read("INV-3002", connection=client)["data"]["late_fee_cents"], 1200)
        client.close()


class Tokens(Served):
    options = {"env": {"OLD_TOKEN": OTHER_TOKEN}}
    flags = ("--auth-token-previous-env", "OLD_TOKEN")

    def test_both_tokens_and_no_other(self):
        for value, status in (("Bearer " + TOKEN, 200), ("bearer " + TOKEN, 200), ("Bearer " + OTHER_TOKEN, 200),
                              ("Bearer " + TOKEN[:-1], 401), ("Bearer " + TOKEN + "a", 401), ("Bearer ", 401),
                              ("Basic " + TOKEN, 401), (TOKEN, 401), ("Bearer  " + TOKEN, 401), ("", 401),
                              ("Bearer " + TOKEN.lower(), 401), (None, 401)):
            answer = self.server.post(PING, headers={"Authorization": value}, auth=False)
            self.assertEqual(answer.status, status, value)
            if status == 401:
                self.assertTrue(answer.headers["www-authenticate"].startswith("Bearer realm="), value)
                self.assertEqual(answer.json(), {"ok": False, "error": "unauthorized"})

    def test_a_thousand_guesses_get_nothing(self):
        client = self.server.client()
        for i in range(1000):
            guess = TOKEN[:i % len(TOKEN)] + chr(33 + i % 90)
            answer = self.server.post(PING, headers={"Authorization": "Bearer " + guess}, auth=False,
                                      connection=client)
            self.assertEqual(answer.status, 401)
        client.close()
        self.still_serves()

    def test_the_token_is_nowhere_to_be_seen(self):
        self.server.post(PING, headers={"Authorization": "Bearer " + TOKEN[:-1]}, auth=False)
        pid = self.server.mcpd_pid()
        for name in ("cmdline", "environ"):
            with open("/proc/%d/%s" % (pid, name), "rb") as file:
                text = file.read()
            self.assertNotIn(TOKEN.encode(), text)
            self.assertNotIn(OTHER_TOKEN.encode(), text)
        self.assertNotIn(TOKEN[:20], self.server.log())
        self.assertIn(TOKEN_NAME, self.server.log())


class Places(Served):
    flags = ("--allowed-host", "mcp.example.com,proxy.example.com:8443", "--allowed-origin", "https://app.example.com",
             "--cors-origin", "https://app.example.com")

    def test_host_must_be_ours(self):
        good = ("127.0.0.1", "127.0.0.1:%d" % self.server.port, "localhost", "LOCALHOST:1", "[::1]", "[::1]:8766",
                "mcp.example.com", "mcp.example.com:99", "proxy.example.com:8443")
        bad = ("evil.example.com", "127.0.0.1.evil.com", "localhost.evil.com", "localhost@evil.com", "",
               "proxy.example.com", "proxy.example.com:8444", "127.0.0.1:x", "127.0.0.1:", "xmcp.example.com",
               "mcp.example.com.", "0.0.0.0", "127.0.0.2", "localhost:123456")
        for host in good:
            self.assertEqual(self.server.post(PING, headers={"Host": host}).status, 200, host)
        for host in bad:
            answer = self.server.post(PING, headers={"Host": host})
            self.assertEqual((answer.status, answer.json()["error"]), (403, "host_forbidden"), host)
        self.assertEqual(status_of(self.server.raw(head("Connection: close", host=None))), 400)

    def test_origin_must_be_allowed(self):
        good = (None, "http://localhost", "http://127.0.0.1:3000", "https://[::1]:1", "https://app.example.com")
        bad = ("null", "http://evil.com", "https://app.example.com.evil.com", "http://app.example.com",
               "https://app.example.com:444", "file://", "http://localhost.evil.com", "")
        for origin in good:
            self.assertEqual(self.server.post(PING, headers={"Origin": origin}).status, 200, origin)
        for origin in bad:
            answer = self.server.post(PING, headers={"Origin": origin})
            self.assertEqual((answer.status, answer.json()["error"]), (403, "origin_forbidden"), origin)

    def test_health_and_unknown_paths_are_guarded_as_well(self):
        for path in ("/", "/healthz", "/mcp"):
            self.assertEqual(self.server.request("GET", path, headers={"Host": "evil.example.com"}).status, 403)

    def test_cors_names_one_origin(self):
        answer = self.server.request("OPTIONS", "/mcp", auth=False, headers={
            "Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"})
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://app.example.com")
        self.assertIn("mcp-session-id", answer.headers["access-control-allow-headers"])
        answer = self.server.post(PING, headers={"Origin": "https://app.example.com"})
        self.assertIn("Mcp-Session-Id", answer.headers["access-control-expose-headers"])
        answer = self.server.request("OPTIONS", "/mcp", auth=False, headers={"Origin": "http://evil.com"})
        self.assertEqual((answer.status, "access-control-allow-origin" in answer.headers), (403, False))


class HostileBytes(Served):
    flags = ("--request-timeout", "2")

    def refused(self, data, *statuses):
        """Exactly one answer, one of these, and then the connection is closed."""
        answer = self.server.raw(data)
        self.assertIn(status_of(answer), statuses, (data[:80], answer[:200]))
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)

    def test_two_readings_of_one_request_are_refused(self):
        body = json.dumps(PING).encode()
        size = "Content-Length: %d" % len(body)
        # What would be a second, smuggled request for a lenient parser.
        smuggled = head("Content-Length: 0", method="GET")
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        for lines in ((size, size), (size, "Content-Length: 0"), ("Content-Length: 0", size),
                      (size, "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", size),
                      ("Transfer-Encoding: gzip, chunked",), ("Transfer-Encoding: identity", size),
                      ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                      ("Transfer-Encoding: xchunked", size), ("Content-Length : %d" % len(body),),
                      ("Content-Length: +%d" % len(body),), ("Content-Length: -1",), ("Content-Length: 0x10",),
                      ("Content-Length: 4, 4",), ("Content-Length:",), ("X Y: 1", size), ("Host: 127.0.0.1", size),
                      ("Authorization: Bearer x", size), ("Mcp-Method: a", "Mcp-Method: b", size),
                      ("nocolon", size), (": empty", size)):
            with self.subTest(lines=lines):
                wants_chunks = any("chunked" in line for line in lines)
                self.refused(head(*lines, body=(chunked if wants_chunks else body)) + smuggled, 400, 413)
        for target in ("http://evil.com/mcp", "*", "mcp", "evil.com:443"):
            with self.subTest(target=target):
                self.refused(head(size, target=target, body=body), 400)
        self.refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n", 400)
        self.refused(b"GET\r\n\r\n", 400)
        self.still_serves()

    def test_chunked_bodies_are_read_whole(self):
        body = json.dumps(PING).encode()
        pieces = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
        answer = self.server.raw(head("Transfer-Encoding: chunked", "Connection: close", body=pieces))
        self.assertEqual(status_of(answer), 200)
        self.assertIn(b'"result":{}', answer)
        self.refused(head("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), 400, 413)
        self.refused(head("Transfer-Encoding: chunked", body=b"-5\r\n{}\r\n0\r\n\r\n"), 400, 413)
        self.refused(head("Transfer-Encoding: chunked", body=b"fffffffffffffff\r\n{}"), 400, 413)
        self.still_serves()

    def test_pipelined_requests_are_answered_in_order(self):
        requests = b""
        for i in range(1, 6):
            body = json.dumps({**PING, "id": i}).encode()
            requests += head("Content-Length: %d" % len(body), *(["Connection: close"] if i == 5 else []), body=body)
        answer = self.server.raw(requests)
        self.assertEqual(answer.count(b"HTTP/1.1 200"), 5)
        places = [answer.index(b'"id":%d' % i) for i in range(1, 6)]
        self.assertEqual(places, sorted(places))

    def test_pipelined_reads_are_answered_in_order(self):
        requests = b""
        for i in range(1, 6):
            body = json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": {
                "name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}}).encode()
            requests += head("Content-Length: %d" % len(body), *(["Connection: close"] if i == 5 else []), body=body)
        answer = self.server.raw(requests)
        self.assertEqual(answer.count(b"HTTP/1.1 200"), 5)
        places = [answer.index(b'"id":%d' % i) for i in range(1, 6)]
        self.assertEqual(places, sorted(places))

    def test_oversized_everything(self):
        big = b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (2 << 20) + b'"}'
        self.refused(head("Content-Length: %d" % len(big), body=big), 413)
        chunk = b"%x\r\n%s\r\n" % (len(big), big)
        self.refused(head("Transfer-Encoding: chunked", body=chunk + b"0\r\n\r\n"), 413)
        # Its body never comes, so neither does an answer: the deadline closes.
        self.assertEqual(self.server.raw(head("Content-Length: 99999999999999999999", body=b"{}")), b"")
        self.refused(head(target="/mcp?" + "x" * 8200), 414)
        self.refused(head(target="/" + "x" * 200000), 400, 413, 414)
        self.refused(head("X-Big: " + "x" * 20000), 431)
        self.refused(head(*["X-%d: %s" % (i, "x" * 100) for i in range(300)]), 431)
        self.refused(head("X-Big: " + "x" * 200000), 400, 413, 431)
        self.still_serves()
        fits = json.dumps({**PING, "params": {"x": "y" * ((1 << 20) - 200)}})
        self.assertEqual(self.server.post(fits).status, 200)

    def test_no_connection_reads_the_bytes_of_another(self):
        """Descriptors are reused at once; a request in many pieces must be whole."""
        wide = head(*["X-%d: %s" % (i, "x" * 100) for i in range(300)])
        for _ in range(40):
            self.assertEqual(status_of(self.server.raw(wide)), 431)

    def test_slowloris_is_cut_off_and_others_are_served(self):
        started = time.monotonic()
        slow = [self.server.connect(30) for _ in range(40)]
        for i, sock in enumerate(slow):
            sock.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n" if i % 2 else
                         head("Content-Length: 100", body=b"{"))
        ended = set()
        while len(ended) < len(slow) and time.monotonic() - started < 20:
            for i, sock in enumerate(slow):
                if i in ended:
                    continue
                try:
                    sock.sendall(b"X: 1\r\n" if i % 2 else b" ")
                    sock.setblocking(False)
                    if sock.recv(1000) == b"":
                        ended.add(i)
                except BlockingIOError:
                    pass
                except OSError:
                    ended.add(i)
                sock.setblocking(True)
            self.still_serves()
            time.sleep(0.2)
        self.assertEqual(len(ended), len(slow))
        self.assertLess(time.monotonic() - started, 8)
        for sock in slow:
            sock.close()

    def test_nothing_is_left_open(self):
        """Descriptors of connections that broke in every way are given back."""
        pid = self.server.mcpd_pid()

        def count():
            return len(os.listdir("/proc/%d/fd" % pid))

        self.still_serves()
        time.sleep(0.6)
        before = count()
        for i in range(100):
            sock = self.server.connect()
            sock.sendall((b"", b"POST", head("Content-Length: 50", body=b"{"), b"\0\r\n\r\n")[i % 4])
            sock.close()
        deadline = time.monotonic() + 10
        while count() > before and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertLessEqual(count(), before)


class Caps(Served):
    flags = ("--max-connections", "8", "--max-per-identity", "4")

    def test_surplus_connections_are_told_so(self):
        idle = [self.server.connect() for _ in range(8)]
        try:
            answers = []
            for _ in range(4):
                answers.append(self.server.raw(head("Content-Length: 2", body=b"{}")))
            self.assertEqual({status_of(a) for a in answers}, {503})
            self.assertIn(b"Retry-After: ", answers[0])
        finally:
            for sock in idle:
                sock.close()
        time.sleep(0.6)
        self.still_serves()


class Starting(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)

    def refused(self, *flags, **options):
        return HttpServer(self.w, *flags, expect_start=False, **options).wait_refused()

    def test_what_would_not_be_safe_is_not_started(self):
        public = {"host": "0.0.0.0"}
        good = ("--behind-tls-proxy", "--allowed-host", "mcp.example.com")
        self.assertIn(TOKEN_NAME, self.refused(token=None))
        self.assertIn("MY_TOKEN", self.refused("--auth-token-env", "MY_TOKEN"))
        self.assertIn("loopback addresses only", self.refused("--dev-no-auth", *good, **public))
        self.assertIn("clear text", self.refused("--allowed-host", "mcp.example.com", **public))
        self.assertIn("--allowed-host", self.refused("--behind-tls-proxy", **public))
        for weak in ("short", "a" * 40, "abcabcabcabc" * 4, "password" + TOKEN, "0123456789ab" * 3):
            log = self.refused(*good, token=weak, **public)
            self.assertIn("openssl rand", log)
            self.assertNotIn(weak, log)
        self.assertIn("the same token", self.refused("--auth-token-previous-env", "OLD", env={"OLD": TOKEN}))
        self.assertIn("two purposes", self.refused("--auth-token-env", "SHOP_READ_URL"))
        self.assertIn("--host", self.refused(host="example.com"))
        self.assertIn("--port", self.refused(port=70000))

    def test_a_public_address_with_everything_in_place_is_served(self):
        server = HttpServer(self.w, "--behind-tls-proxy", "--allowed-host", "mcp.example.com", host="0.0.0.0")
        self.addCleanup(server.close)
        self.assertEqual(server.post(PING, headers={"Host": "mcp.example.com"}).status, 200)
        self.assertEqual(server.post(PING, headers={"Host": "127.0.0.1"}).status, 403)
        self.assertEqual(server.post(PING, headers={"Host": "mcp.example.com", "Origin": "http://localhost"}).status,
                         403)

    def test_a_weak_token_on_loopback_is_said(self):
        server = HttpServer(self.w, token="short")
        self.addCleanup(server.close)
        self.assertIn("weak_token", server.log())
        self.assertEqual(server.post(PING).status, 200)

    def test_no_auth_on_loopback(self):
        server = HttpServer(self.w, "--dev-no-auth", token=None)
        self.addCleanup(server.close)
        self.assertEqual(server.post(PING).status, 200)
        self.assertEqual(server.post(PING, headers={"Host": "evil.com"}).status, 403)

    def test_ipv6_loopback(self):
        server = HttpServer(self.w, host="::1")
        self.addCleanup(server.close)
        self.assertEqual(server.post(PING).status, 200)

    def test_a_taken_port_is_said(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            log = self.refused(port=other.getsockname()[1])
        self.assertIn("cannot listen on 127.0.0.1", log)

    def test_two_servers_share_a_port(self):
        port = free_port()
        first = HttpServer(self.w, "--reuse-port", port=port)
        self.addCleanup(first.close)
        second = HttpServer(self.w, "--reuse-port", port=port)
        self.addCleanup(second.close)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for answer in pool.map(lambda _: first.read("INV-3001"), range(40)):
                self.assertTrue(answer["ok"])


class Draining(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        self.server = HttpServer(self.w)

    def test_idle_and_half_open_connections_do_not_hold_it_up(self):
        sockets = [self.server.connect() for _ in range(5)]
        sockets[0].sendall(b"POST /mcp HT")
        sockets[1].sendall(head("Content-Length: 10", body=b"{"))
        started = time.monotonic()
        self.assertEqual(self.server.close(signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - started, 5)
        for sock in sockets:
            self.assertEqual(read_all(sock), b"")
            sock.close()

    def test_calls_in_flight_are_answered(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            def work(_):
                answers = 0
                client = self.server.client()
                try:
                    while True:
                        if self.server.read("INV-3001", connection=client)["ok"]:
                            answers += 1
                except Exception:  # noqa: BLE001 - the server left
                    return answers
            futures = [pool.submit(work, i) for i in range(16)]
            time.sleep(1)
            started = time.monotonic()
            self.assertEqual(self.server.close(signal.SIGTERM), 0)
            self.assertLess(time.monotonic() - started, 5)
            answered = sum(f.result(20) for f in futures)
        self.assertGreater(answered, 0)
        reads = self.w.ledger("SELECT count(*) FROM events WHERE kind = 'read_recorded'")[0][0]
        self.assertEqual(reads, answered)


if __name__ == "__main__":
    unittest.main()
