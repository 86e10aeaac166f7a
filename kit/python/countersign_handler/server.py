"""The handler behind http.server. Any other server calls Handler.handle the same way."""
from __future__ import annotations

import http.server
import time
from typing import Any

from .request import MAX_BODY

_TIMEOUT_S = 30
_PATIENCE_S = 1


def _length(headers: Any) -> int | None:
    """None for what cannot be read by its length."""
    text = headers.get("content-length", "0")
    is_plain = "transfer-encoding" not in headers and text.isascii() and text.isdigit() and len(text) < 16
    return int(text) if is_plain else None


def request_class(handler: Any, path: str) -> type[http.server.BaseHTTPRequestHandler]:
    """A class for http.server's servers that answers at `path` alone."""

    class Request(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _TIMEOUT_S
        server_version, sys_version = "handler", ""

        def log_message(self, *_: Any) -> None:
            pass

        def _one(self) -> None:
            length = _length(self.headers)
            if self.path.partition("?")[0] != path or length is None:
                self.close_connection = True
                return self._send(404 if length is not None else 411, {}, b"")
            if length > MAX_BODY:
                self._throw_away(length)
                body = None
            else:
                body = self.rfile.read(length)
                if len(body) < length:  # the peer is gone
                    self.close_connection = True
                    return None
            answer = handler.handle(self.command, self.headers.items(), body)
            return self._send(answer.status, answer.headers, answer.body)

        def _throw_away(self, length: int) -> None:
            """For a second at most: a peer that is cut off while it sends never reads why."""
            self.close_connection = True
            end = time.monotonic() + _PATIENCE_S
            self.connection.settimeout(_PATIENCE_S)
            try:
                while length > 0 and time.monotonic() < end:
                    chunk = self.rfile.read1(min(length, 1 << 16))
                    length = length - len(chunk) if chunk else 0
            except OSError:
                pass
            self.connection.settimeout(_TIMEOUT_S)

        def _send(self, status: int, headers: Any, body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        setattr(Request, "do_" + method, Request._one)
    return Request


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Peers that go away are theirs to explain."""


def serve(handler: Any, port: int, host: str, path: str) -> None:
    with Server((host, port), request_class(handler, path)) as server:
        print("http://%s:%d%s" % (host, server.server_port, path), flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
