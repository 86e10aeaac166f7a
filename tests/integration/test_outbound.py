"""countersign-http: one exchange for the command line, and what it refuses."""
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN  # noqa: E402


def ask(env=None, timeout=30, **description):
    """The answer's line as an object, and the body behind it."""
    result = subprocess.run([os.path.join(BIN, "countersign-http")], input=json.dumps(description).encode(),
                            capture_output=True, env={**os.environ, **(env or {})}, timeout=timeout, check=False)
    head, _, body = result.stdout.partition(b"\n")
    answer = json.loads(head)
    assert result.returncode == (0 if answer["ok"] else 1), result
    return answer, body


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/slow":
            time.sleep(3)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return
        answer = b"x" * 5000 if self.path == "/large" else b"\xff" + body
        self.send_response(201)
        self.send_header("X-Kind", "echo")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            pass

    do_GET = do_POST

    def log_message(self, *arguments):
        pass


class Outbound(unittest.TestCase):
    def serve(self, context=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.seen = []
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, "http%s://localhost:%d" % ("s" if context else "", server.server_address[1])

    def refused(self, code, **description):
        answer, _ = ask(**description)
        self.assertEqual((answer["ok"], answer.get("code")), (False, code), answer)
        return answer["message"]

    def test_method_headers_and_body_arrive_and_any_bytes_come_back(self):
        server, url = self.serve()
        answer, body = ask(url=url + "/x?y=1", method="POST", body='{"a":1}',
                           headers=[["Authorization", "Bearer t"], ["Content-Type", "application/json"]])
        self.assertEqual((answer["status"], body), (201, b'\xff{"a":1}'))
        self.assertIn(["X-Kind", "echo"], answer["headers"])
        method, path, headers, sent = server.seen[0]
        self.assertEqual((method, path, sent), ("POST", "/x?y=1", b'{"a":1}'))
        self.assertEqual((headers["Authorization"], headers["Content-Type"]), ("Bearer t", "application/json"))

    def test_no_redirect_is_followed_and_no_proxy_is_asked(self):
        server, url = self.serve()
        answer, _ = ask(env={"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}, url=url + "/away")
        self.assertEqual(answer["status"], 302)
        self.assertEqual([path for _, path, _, _ in server.seen], ["/away"])

    def test_limits_of_size_and_time(self):
        _, url = self.serve()
        self.refused("HTTP_TOO_LARGE", url=url + "/large", max_bytes=4000)
        started = time.monotonic()
        self.refused("HTTP_TIMEOUT", url=url + "/slow", total_ms=400)
        self.assertLess(time.monotonic() - started, 2.5)

    def test_what_is_not_sent_at_all(self):
        server, url = self.serve()
        self.refused("HTTP_REFUSED", url="http://192.0.2.1/")
        self.refused("HTTP_REFUSED", url="https://10.1.2.3/")
        self.refused("HTTP_REFUSED", url="https://[::ffff:192.168.0.1]/")
        self.refused("HTTP_REFUSED", url="https://0.0.0.0/")
        self.refused("HTTP_URL_INVALID", url="file:///etc/passwd")
        message = self.refused("HTTP_URL_INVALID", url=url.replace("//", "//user:hunter2@"))
        self.assertNotIn("hunter2", message)
        message = self.refused("HTTP_HEADER_INVALID", url=url, headers=[["X", "hunter2\r\nY: 1"]])
        self.assertNotIn("hunter2", message)
        self.refused("HTTP_DESCRIPTION_INVALID", url=url, method="BREW")
        self.refused("HTTP_DESCRIPTION_INVALID", url=url, headers={"X": "1"})
        self.refused("HTTP_DESCRIPTION_INVALID", headers=[])
        self.assertEqual(server.seen, [])

    def test_certificates_are_verified(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        pem, key = os.path.join(folder.name, "c.pem"), os.path.join(folder.name, "k.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", pem, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        server, url = self.serve(context)
        self.refused("HTTP_UNAVAILABLE", url=url)
        self.refused("HTTP_UNAVAILABLE", url=url.replace("localhost", "127.0.0.1"), ca_file=pem)
        self.assertEqual(server.seen, [])
        self.assertEqual(ask(url=url, ca_file=pem)[0]["status"], 201)


if __name__ == "__main__":
    unittest.main()
