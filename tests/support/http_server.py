"""A Countersign workspace that is served over HTTP, and clients for it: plain
requests, and raw bytes for what no client library would send."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from workspace import BIN, REDUCED, child_of

TOKEN = "Zk3vQ9tX7mB2rL8wP5yN1cH6dJ4sF0aG"
TOKEN_NAME = "SYNAPSOR_RUNNER_HTTP_TOKEN"
JSON_TYPE = "application/json"
BOTH = "application/json, text/event-stream"


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        text = self.body.decode()
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            events = [e for e in text.split("\n\n") if e]
            assert all(e.startswith("event: message\ndata: ") for e in events), text
            text = events[-1].split("data: ", 1)[1]
        return json.loads(text)


class HttpServer:
    """`countersign mcp serve --transport …` on a free port, until close()."""

    def __init__(self, workspace, *flags, transport="streamable-http", token=TOKEN, env=None, tls=None,
                 host="127.0.0.1", expect_start=True, port=None):
        self.w, self.token, self.host, self.tls = workspace, token, host, tls
        self.port = port or free_port(host if ":" in host else "127.0.0.1")
        command = [os.path.join(BIN, "countersign"), "mcp", "serve", "--transport", transport, "--store",
                   workspace.store, "--config", workspace.config, "--no-writer", "--port", str(self.port),
                   "--host", host, *REDUCED, *flags]
        self.log_path = os.path.join(workspace.path, "http-%d.log" % time.monotonic_ns())
        full = {**workspace.env, **({TOKEN_NAME: token} if token else {}), **(env or {})}
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=workspace.path, env=full)
        if expect_start:
            self.wait_listening()

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def wait_listening(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if re.search(r"mcpd: listening ", self.log()):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("does not listen:\n" + self.log())

    def wait_refused(self):
        """It must not start: the log, which says why."""
        code = self.process.wait(30)
        assert code != 0, self.log()
        return self.log()

    def mcpd_pid(self):
        return child_of(self.process.pid, "mcpd")

    def connect(self, timeout=15):
        sock = socket.create_connection(("127.0.0.1" if self.host == "0.0.0.0" else self.host, self.port), timeout)
        if self.tls is not None:
            sock = self.tls.wrap_socket(sock, server_hostname="localhost")
        return sock

    def raw(self, data, timeout=15):
        """Send bytes, read until the server closes or is silent."""
        with self.connect(timeout) as sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                sock.sendall(data)
            return read_all(sock)

    def client(self, timeout=30):
        name = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        if self.tls is not None:
            return http.client.HTTPSConnection("localhost", self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(name, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, auth=True, connection=None):
        client = connection or self.client()
        full = {}
        if auth and self.token:
            full["Authorization"] = "Bearer " + self.token
        full.update(headers or {})
        client.request(method, path, body=body, headers={k: v for k, v in full.items() if v is not None})
        response = client.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        if connection is None:
            client.close()
        return answer

    def post(self, message, headers=None, path="/mcp", **options):
        body = message if isinstance(message, (bytes, str)) else json.dumps(message)
        if isinstance(body, str):
            body = body.encode()
        return self.request("POST", path, body, {"Content-Type": JSON_TYPE, "Accept": BOTH, **(headers or {})},
                            **options)

    def rpc(self, method, params=None, **options):
        message = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            message["params"] = params
        return self.post(message, **options)

    def call(self, name, headers=None, connection=None, **arguments):
        answer = self.rpc("tools/call", {"name": name, "arguments": arguments}, headers=headers,
                          connection=connection)
        assert answer.status == 200, (answer.status, answer.body)
        return json.loads(answer.json()["result"]["content"][0]["text"])

    def read(self, invoice, **options):
        return self.call("billing.inspect_invoice", invoice_id=invoice, **options)

    def close(self, sig=signal.SIGTERM, within=15):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def read_all(sock):
    data = b""
    with contextlib.suppress(ConnectionResetError, TimeoutError, socket.timeout, ssl.SSLError):
        while True:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
    return data


def status_of(raw):
    """The status of the first answer in raw bytes; None if there was none."""
    match = re.match(rb"HTTP/1\.[01] (\d+) ", raw)
    return int(match.group(1)) if match else None
