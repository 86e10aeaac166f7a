"""The ledger protocol from the outside: what a hijacked peer can put on the wire.
Independent of the C codec on purpose: a shared mistake would not show."""
import os
import socket
import struct

MAGIC, MAJOR, MINOR = 0x43534931, 2, 0
ROLES = {"mcpd": 1, "writer": 2, "control": 4}
TYPES = {"HELLO": 0x01, "FAILURE": 0x02, "PING": 0x03, "PONG": 0x04, "DOCUMENT": 0x05, "READ": 0x10, "RECORDED": 0x11,
         "PROPOSE": 0x12, "PROPOSED": 0x13, "REFUSE": 0x14, "RESOURCE": 0x15, "STATUS": 0x16, "STATED": 0x17, "WITHDRAW": 0x18, "CLAIM": 0x20, "JOB": 0x21, "IDLE": 0x22,
         "REPORT": 0x23, "APPLYING": 0x24, "OBSERVED": 0x25, "QUERY": 0x30, "SHOW": 0x31, "DECIDE": 0x32, "APPLY": 0x33,
         "INSPECT": 0x34, "RESOLVE": 0x35, "STOP": 0x26, "PREPARE": 0x38, "SIGNED": 0x39, "FREEZE": 0x3a}


def u32(value):
    return struct.pack(">I", value)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return u32(len(data)) + data


def scalar(name, value):
    if value is None:
        kind, shown = 0, ""
    elif isinstance(value, bool):
        kind, shown = 1, "true" if value else "false"
    elif isinstance(value, int):
        kind, shown = 2, str(value)
    else:
        kind, shown = 3, value
    return text(name) + bytes([kind]) + text(shown)


def scalars(pairs):
    return u32(len(pairs)) + b"".join(scalar(n, v) for n, v in pairs)


def hello(role, digest):
    return u32(MAGIC) + u32(MAJOR) + u32(MINOR) + u32(ROLES[role]) + text("test") + digest + bytes(32) + text("")


def call(capability, args, row, tenant="acme", principal="support_agent_17", provenance=1, token=""):
    return (text(capability) + text(tenant) + text(principal) + bytes([provenance]) + text(token) + scalars(args) +
            scalars(row))


def resource(kind, identifier, tenant="acme", principal="support_agent_17", token=""):
    return bytes([kind]) + text(identifier) + text(tenant) + text(principal) + text(token)


def status(proposal_id, tenant="acme", principal="support_agent_17", token=""):
    return text(proposal_id) + text(tenant) + text(principal) + text(token)


def frame(kind, payload, identifier=1, flags=0, length=None):
    number = TYPES[kind] if isinstance(kind, str) else kind
    return struct.pack(">IHHI", len(payload) if length is None else length, number, flags, identifier) + payload


class Peer:
    """A connection to one of ledgerd's sockets, by way of the folder: any length."""

    def __init__(self, store, name, role=None, digest=None, greet=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(15)
        folder = os.open(store + ".run", os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.socket.connect("/proc/self/fd/%d/%s.sock" % (folder, name))
        finally:
            os.close(folder)
        if greet:
            self.send(frame("HELLO", hello(role or name, digest)))
            kind, flags, _ = self.receive()
            assert (kind, flags) == (TYPES["HELLO"], 1), (kind, flags)

    def send(self, data):
        self.socket.sendall(data)

    def read_exact(self, length):
        data = b""
        while len(data) < length:
            chunk = self.socket.recv(length - len(data))
            if not chunk:
                raise EOFError("closed")
            data += chunk
        return data

    def receive(self):
        length, kind, flags, _ = struct.unpack(">IHHI", self.read_exact(12))
        return kind, flags, self.read_exact(length)

    def request(self, kind, payload, identifier=7):
        """(type name, payload); a FAILURE is ("FAILURE", reason)."""
        self.send(frame(kind, payload, identifier))
        number, flags, answer = self.receive()
        name = {v: k for k, v in TYPES.items()}[number]
        if flags & 2:
            size, = struct.unpack(">I", answer[:4])
            return "FAILURE", answer[4:4 + size].decode()
        return name, answer

    def is_closed(self):
        """Did the other side hang up (and say nothing more)?"""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()
