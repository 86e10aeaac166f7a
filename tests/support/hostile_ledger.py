"""A ledgerd that is hostile and has the ledger's signing key: it hands a real
writerd whatever jobs it likes."""
import json
import os
import socket
import struct
import subprocess

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wire import MAGIC, MAJOR, TYPES, frame, text, u32
from workspace import BIN, REDUCED

JOB_TYPE = b"application/vnd.countersign.job+json"
DECISION_TYPE = b"application/vnd.countersign.decision+json"
LEDGER = 8  # the role that a ledger says it has


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


class HostileLedger:
    """One writerd on a socket pair; `key` is the stolen key's file."""

    def __init__(self, workspace, key):
        with open(key) as file:
            self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read().strip()))
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(30)
        credentials = os.path.join(workspace.path, "credentials")
        os.makedirs(credentials, mode=0o700, exist_ok=True)
        with open(os.path.join(credentials, "SHOP_WRITE_URL"), "w") as file:
            os.fchmod(file.fileno(), 0o400)
            file.write(workspace.env["SHOP_WRITE_URL"])
        self.log = open(os.path.join(workspace.path, "writerd.log"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "writerd"), "--config", workspace.config, "--key", key + ".pub", "--ledger-fd",
             str(theirs.fileno()), *REDUCED], pass_fds=(theirs.fileno(),), stderr=self.log, cwd=workspace.path,
            env={**workspace.env, "CREDENTIALS_DIRECTORY": credentials})
        theirs.close()
        kind, identifier, _ = self.receive()
        assert kind == TYPES["HELLO"], kind
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.send("HELLO", u32(MAGIC) + u32(MAJOR) + u32(0) + u32(LEDGER) + text("x") + bytes(32) + public + text(""),
                  identifier)

    def send(self, kind, payload, identifier, flags=1):
        self.ours.sendall(frame(kind, payload, identifier, flags))

    def exactly(self, length):
        data = b""
        while len(data) < length:
            chunk = self.ours.recv(length - len(data))
            assert chunk, "writerd ended: " + open(self.log.name).read()[-2000:]
            data += chunk
        return data

    def receive(self):
        length, kind, _, identifier = struct.unpack(">IHHI", self.exactly(12))
        return kind, identifier, self.exactly(length)

    def sign(self, kind, body):
        return self.key.sign(pae(kind, body))

    def claim(self):
        """Wait until the writer asks for a job: the request's id."""
        while True:
            kind, identifier, _ = self.receive()
            if kind == TYPES["CLAIM"]:
                return identifier

    def offer(self, payload, signature=None, job_id=None):
        """Hand out a job; the receipt that comes back, as a document."""
        identifier = self.claim() if not hasattr(self, "next") or self.next is None else self.next
        self.next = None
        if job_id is None:
            job_id = json.loads(payload)["job"]["writeback_job_id"]
        self.send("JOB", text(job_id) + text(payload) + (signature or self.sign(JOB_TYPE, payload)), identifier)
        while True:
            kind, identifier, body = self.receive()
            if kind == TYPES["REPORT"]:
                self.send("PONG", b"", identifier)
                size, = struct.unpack(">I", body[:4])
                return json.loads(body[8 + size:])
            if kind == TYPES["CLAIM"]:
                self.next = identifier

    def close(self):
        self.ours.close()
        self.process.wait(20)
        self.log.close()
