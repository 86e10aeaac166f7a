"""MCP on a Unix socket: several clients, known by their uid, and the pipe that a
desktop client starts instead of a server."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer, TOKEN, TOKEN_NAME  # noqa: E402
from workspace import BIN, Mcp, REDUCED, Workspace  # noqa: E402

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
NOBODY = 65534
AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "needs two uids")


class Unix(unittest.TestCase):
    flags = ()

    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        self.folder = tempfile.mkdtemp(prefix="cs-unix-")
        os.chmod(self.folder, 0o755)
        self.path = os.path.join(self.folder, "mcp.sock")
        self.server = HttpServer(self.w, "--socket", self.path, *self.flags, transport="unix", token=None)
        self.addCleanup(self.stop)

    def stop(self):
        self.server.close()
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect(self.path)
        return sock

    def client(self, **options):
        process = subprocess.Popen([os.path.join(BIN, "countersign"), "mcp", "connect", "--socket", self.path],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={"PATH": "/usr/bin:/bin"}, **options)
        self.addCleanup(process.stderr.close)
        return Mcp(process)

    def test_several_clients_through_the_pipe(self):
        clients = [self.client() for _ in range(5)]
        for mcp in clients:
            mcp.initialize()
        for mcp in clients:
            self.assertEqual(mcp.read("INV-3001")["data"]["late_fee_cents"], 5500)
            self.assertTrue(mcp.propose("INV-3002")["ok"])
        for mcp in clients:
            self.assertEqual(mcp.close(), 0)

    def test_the_pipe_holds_nothing(self):
        mcp = self.client()
        mcp.initialize()
        with open("/proc/%d/environ" % mcp.process.pid, "rb") as file:
            self.assertNotIn(b"SHOP", file.read())
        self.assertEqual(mcp.close(), 0)

    def test_answers_arrive_after_the_end_of_input(self):
        sock = self.connect()
        call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                "params": {"name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}}
        sock.sendall(json.dumps(call).encode() + b"\n" + PING)
        sock.shutdown(socket.SHUT_WR)
        lines = sock.makefile().read().splitlines()
        self.assertEqual({json.loads(line)["id"] for line in lines}, {1, 7})
        sock.close()

    def test_a_client_that_vanishes_harms_nobody(self):
        for _ in range(20):
            sock = self.connect()
            sock.sendall(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
                "name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}}).encode() + b"\n")
            sock.close()
        sock = self.connect()
        sock.sendall(PING)
        self.assertIn(b'"result":{}', sock.recv(1000))
        sock.close()

    def test_a_second_server_does_not_take_the_socket(self):
        other = Workspace("sqlite")
        self.addCleanup(other.close)
        second = HttpServer(other, "--socket", self.path, transport="unix", token=None, expect_start=False)
        self.assertIn("another process serves", second.wait_refused())
        sock = self.connect()
        sock.sendall(PING)
        self.assertIn(b'"result":{}', sock.recv(1000))
        sock.close()

    def test_a_stale_socket_is_replaced_and_a_file_is_not(self):
        self.server.close(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.server.mcpd_pid() is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.w.wait_idle()
        self.server = HttpServer(self.w, "--socket", self.path, transport="unix", token=None)
        file = os.path.join(self.folder, "file")
        with open(file, "w") as out:
            out.write("keep me")
        other = Workspace("sqlite")
        self.addCleanup(other.close)
        refused = HttpServer(other, "--socket", file, transport="unix", token=None, expect_start=False)
        self.assertIn("is not a socket", refused.wait_refused())
        with open(file) as kept:
            self.assertEqual(kept.read(), "keep me")

    @AS_ROOT
    def test_another_uid_is_refused(self):
        result = subprocess.run([os.path.join(BIN, "countersign"), "mcp", "connect", "--socket", self.path],
                                input=PING, capture_output=True, user=NOBODY, env={}, check=False, timeout=20)
        self.assertEqual(result.stdout, b"")
        self.assertIn("client_refused uid=%d why=uid_not_allowed" % NOBODY, self.server.log())

    def test_sigterm_ends_it_with_clients_connected(self):
        clients = [self.connect() for _ in range(3)]
        started = time.monotonic()
        self.assertEqual(self.server.close(), 0)
        self.assertLess(time.monotonic() - started, 5)
        for sock in clients:
            self.assertEqual(sock.recv(10), b"")
            sock.close()


class AllowedUid(Unix):
    flags = ("--allow-uid", str(NOBODY))

    @AS_ROOT
    def test_another_uid_is_refused(self):
        command = [os.path.join(BIN, "countersign"), "mcp", "connect", "--socket", self.path]
        result = subprocess.run(command, input=PING, capture_output=True, user=NOBODY, env={}, check=False, timeout=20)
        self.assertIn(b'"result":{}', result.stdout)
        self.assertIn("client uid=%d" % NOBODY, self.server.log())
        result = subprocess.run(command, input=PING, capture_output=True, user=NOBODY - 1, env={}, check=False,
                                timeout=20)
        self.assertEqual(result.stdout, b"")


class Activation(unittest.TestCase):
    """mcpd without a supervisor, as a service manager starts it: listeners by
    LISTEN_FDS, credentials in a folder."""

    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        self.run_process = subprocess.Popen(
            [os.path.join(BIN, "countersign-run"), "--config", self.w.config, "--store", self.w.store, "--roles",
             "ledgerd", "--print-ready", *REDUCED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.w.env,
            text=True)
        self.addCleanup(self.end, self.run_process)
        self.assertIn("ready", self.run_process.stdout.readline())
        self.ledger = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.ledger.close)
        self.ledger.connect(self.w.store + ".run/mcpd.sock")
        self.folder = tempfile.mkdtemp(prefix="cs-credentials-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name, value in (("SHOP_READ_URL", self.w.env["SHOP_READ_URL"]), (TOKEN_NAME, TOKEN)):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(value + "\n")

    @staticmethod
    def end(process):
        process.terminate()
        process.wait(15)
        if process.stdout:
            process.stdout.close()

    def start(self, listener, name, *flags):
        script = 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=%s; exec "$@" 3<&%d' % (name, listener.fileno())
        log = open(os.path.join(self.w.path, "mcpd.log"), "w")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", os.path.join(BIN, "mcpd"), "--config", self.w.config, "--ledger-fd",
             str(self.ledger.fileno()), *REDUCED, *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            pass_fds=(listener.fileno(), self.ledger.fileno()),
            env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": self.folder})
        self.addCleanup(self.end, process)
        return process

    def test_http_on_an_inherited_listener(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            self.start(listener, "http", "--transport", "streamable-http")
            client = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=20)
            client.request("POST", "/mcp", PING, {"Content-Type": "application/json", "Authorization": "Bearer " + TOKEN})
            self.assertIn(b'"result":{}', client.getresponse().read())
            client.close()

    def test_what_is_inherited_is_judged_like_what_is_made(self):
        with socket.socket() as listener:
            listener.bind(("0.0.0.0", 0))
            listener.listen()
            process = self.start(listener, "http", "--transport", "streamable-http")
            self.assertEqual(process.wait(20), 111)
            with open(os.path.join(self.w.path, "mcpd.log")) as log:
                self.assertIn("HTTP_REMOTE_CLEARTEXT_REFUSED", log.read())

    def test_an_unknown_name_is_fatal(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            self.assertEqual(self.start(listener, "control", "--transport", "streamable-http").wait(20), 100)


if __name__ == "__main__":
    unittest.main()
