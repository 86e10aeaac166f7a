"""An application with a writeback handler, as users of 0.1.1 wrote them: flat
body, bearer token, HMAC over the raw body, effects kept by idempotency key."""
import hashlib
import hmac
import http.server
import json
import threading
import time

TOKEN = "t0ken-of-the-handler"
SECRET = "s1gning-secret-of-the-handler"


class App:
    """`mode` says how it behaves; `requests` and `effects` what it saw and did."""

    def __init__(self, mode="normal"):
        self.mode = mode
        self.requests = []  # (method, headers, body)
        self.effects = []   # idempotency keys, one per effect
        self.elsewhere = 0
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_OPTIONS(self):
                app.requests.append(("OPTIONS", dict(self.headers), b""))
                self.answer(204, b"")

            def do_GET(self):
                app.elsewhere += 1
                self.answer(200, b"{}")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path != "/synapsor/writeback":
                    app.elsewhere += 1
                app.requests.append(("POST", {k.lower(): v for k, v in self.headers.items()}, body))
                app.behave(self, body)

            do_PUT = do_POST

            def answer(self, status, body, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # peers that end early are part of the tests
        self.url = "http://127.0.0.1:%d/synapsor/writeback" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def refusal(self, headers, body):
        if headers.get("authorization") != "Bearer " + TOKEN:
            return "UNAUTHORIZED"
        wanted = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers.get("x-synapsor-signature", ""), wanted):
            return "INVALID_SIGNATURE"
        return None

    def apply(self, request):
        key = request["idempotency_key"]
        if key in self.effects:
            return {"status": "already_applied", "rows_affected": 0, "source_database_mutated": False}
        self.effects.append(key)
        return {"status": "applied", "rows_affected": 3, "source_database_mutated": True,
                "previous_version": request["guards"]["expected_version"]["value"], "new_version": "v2",
                "safe_error_code": None, "details": {"effects": 3}}

    def behave(self, peer, body):
        why = self.refusal({k.lower(): v for k, v in peer.headers.items()}, body)
        if why:
            return peer.answer(401, json.dumps({"status": "failed", "safe_error_code": why}).encode())
        request = json.loads(body)
        mode, self.mode = self.mode if isinstance(self.mode, tuple) else (self.mode, "normal")
        if callable(mode):
            mode = mode()
        if mode == "redirect":
            return peer.answer(307, b"", location="/elsewhere")
        if mode == "huge":
            self.apply(request)
            return peer.answer(200, b'{"status":"applied","x":"' + b"a" * (10 << 20) + b'"}')
        if mode == "hang":
            return time.sleep(3)
        if mode == "apply-then-hang":
            self.apply(request)
            return time.sleep(3)
        if mode == "apply-then-die":
            self.apply(request)
            peer.close_connection = True
            return peer.connection.close()
        if mode == "apply-then-500":
            self.apply(request)
            return peer.answer(500, b'{"status":"failed"}')
        if isinstance(mode, dict):
            return peer.answer(200, json.dumps(mode).encode())
        if isinstance(mode, bytes):
            return peer.answer(200, mode)
        if isinstance(mode, int):
            return peer.answer(mode, b"{}")
        return peer.answer(200, json.dumps(self.apply(request)).encode())

    def close(self):
        self.server.shutdown()
        self.server.server_close()
