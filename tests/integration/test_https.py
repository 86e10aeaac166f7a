"""HTTPS: versions, client certificates, a certificate that is replaced while the
server runs; and a listener that a service manager made."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer  # noqa: E402
from workspace import Workspace  # noqa: E402

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Authority:
    """A CA in a temporary folder, and certificates of it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="cs-tls-")
        self.ca = self.file("ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=Test CA", "-keyout", self.file("ca.key"), "-out", self.ca)

    def file(self, name):
        return os.path.join(self.folder, name)

    def key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.file(name))
        with open(self.file(name)) as file:
            return file.read()

    def certify(self, key, subject, out):
        with open(self.file("ext"), "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-new", "-key", self.file(key), "-subj", "/CN=" + subject, "-out", self.file("csr"))
        openssl("x509", "-req", "-in", self.file("csr"), "-CA", self.ca, "-CAkey", self.file("ca.key"),
                "-CAcreateserial", "-days", "1", "-extfile", self.file("ext"), "-out", self.file("new.pem"))
        os.replace(self.file("new.pem"), out)

    def context(self):
        return ssl.create_default_context(cafile=self.ca)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(shutil.rmtree, cls.authority.folder)

    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)
        os.mkdir(os.path.join(self.w.path, "tls"))
        self.cert = os.path.join(self.w.path, "tls", "cert.pem")
        self.key = self.authority.key("server.key")
        self.authority.certify("server.key", "first", self.cert)

    def start(self, *flags, **options):
        server = HttpServer(self.w, "--tls-cert", self.cert, "--tls-key", "TLS_KEY", *flags,
                            env={"TLS_KEY": self.key}, tls=self.authority.context(), **options)
        if options.get("expect_start", True):
            self.addCleanup(server.close)
        return server

    def subject(self, server):
        with server.connect() as sock:
            return dict(pair[0] for pair in sock.getpeercert()["subject"])["commonName"]

    def test_calls_over_tls_and_no_old_version(self):
        server = self.start()
        self.assertEqual(server.read("INV-3001")["data"]["late_fee_cents"], 5500)
        with server.connect() as sock:
            self.assertEqual(sock.version(), "TLSv1.3")
        for version, served in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)):
            server.tls = self.authority.context()
            server.tls.set_ciphers("DEFAULT@SECLEVEL=0")
            server.tls.minimum_version = ssl.TLSVersion.TLSv1
            server.tls.maximum_version = version
            if served:
                self.assertEqual(server.post(PING).status, 200)
            else:
                with self.assertRaises((ssl.SSLError, ConnectionResetError)):
                    server.post(PING)
        # Clear text on the TLS port gets nothing.
        server.tls = None
        self.assertNotIn(b"200", server.raw(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", timeout=3))

    def test_a_stalled_handshake_is_cut_off(self):
        server = self.start("--request-timeout", "1")
        with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
            sock.sendall(b"\x16\x03\x01")
            started = time.monotonic()
            self.assertEqual(sock.recv(100), b"")
            self.assertLess(time.monotonic() - started, 5)

    def test_client_certificates(self):
        server = self.start("--tls-client-ca", self.authority.ca)
        with self.assertRaises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            server.post(PING)
        self.authority.key("client.key")
        self.authority.certify("client.key", "client", self.authority.file("client.pem"))
        server.tls.load_cert_chain(self.authority.file("client.pem"), self.authority.file("client.key"))
        self.assertEqual(server.post(PING).status, 200)
        self.assertEqual(server.post(PING, auth=False).status, 401)

    def test_a_new_certificate_after_sighup(self):
        server = self.start()
        self.assertEqual(self.subject(server), "first")
        kept = server.client()
        self.assertEqual(server.post(PING, connection=kept).status, 200)
        self.authority.certify("server.key", "second", self.cert)
        self.hang_up(server, "reloaded")
        self.assertEqual(self.subject(server), "second")
        self.assertEqual(server.post(PING, connection=kept).status, 200)
        kept.close()
        # One of another key is not taken; the old one stays.
        self.authority.key("other.key")
        self.authority.certify("other.key", "third", self.cert)
        self.hang_up(server, "reload_failed")
        self.assertEqual(self.subject(server), "second")

    def hang_up(self, server, word):
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while "mcpd: " + word not in server.log() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertIn("mcpd: " + word, server.log())

    def test_the_key_is_nowhere_to_be_seen(self):
        server = self.start()
        secret = self.key.splitlines()[1][:40].encode()
        for name in ("cmdline", "environ"):
            with open("/proc/%d/%s" % (server.mcpd_pid(), name), "rb") as file:
                self.assertNotIn(secret, file.read())

    def test_what_does_not_fit_is_not_started(self):
        for change, word in (({"key": "no key"}, "no private key"), ({"key": ""}, "TLS_KEY"),
                             ({"cert": "/nonexistent.pem"}, "nonexistent"),
                             ({"key": self.authority.key("other2.key")}, "does not belong")):
            with self.subTest(word):
                saved = self.key, self.cert
                self.key, self.cert = change.get("key", self.key), change.get("cert", self.cert)
                log = self.start(expect_start=False).wait_refused()
                self.key, self.cert = saved
                self.assertIn(word, log)
                self.assertNotIn("BEGIN", log)

    def test_tls_opens_the_network(self):
        server = self.start("--allowed-host", "localhost", host="0.0.0.0")
        self.assertEqual(server.post(PING, headers={"Host": "localhost"}).status, 200)
        self.assertEqual(server.post(PING, headers={"Host": "127.0.0.1"}).status, 403)


if __name__ == "__main__":
    unittest.main()
