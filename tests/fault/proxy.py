"""A TCP proxy that counts the messages of a database's protocol in both
directions, and does something at the N-th one: close before it, in the middle
of it or after it, let nothing through any more, or hold it until its sender has
given up."""
import contextlib
import select
import socket
import struct
import threading
import time

SSL_REQUEST = 80877103


class PostgresDirection:
    """Bytes of one direction, cut into messages."""

    def __init__(self, from_client):
        self.data = b""
        self.untyped = from_client  # The start-up packet has no type byte.
        self.bare = False           # The answer to an SSLRequest is one byte.

    def next(self):
        head = 0 if self.untyped else 1
        if self.bare and self.data:
            self.bare = False
            return self.take(1)
        if self.bare or len(self.data) < head + 4:
            return None
        size, = struct.unpack(">I", self.data[head:head + 4])
        return self.take(head + size) if len(self.data) >= head + size else None

    def take(self, size):
        message, self.data = self.data[:size], self.data[size:]
        return message

    def forwarded(self, message, other):
        """The start-up packet decides what comes next in both directions."""
        if self.untyped:
            asks_ssl = struct.unpack(">I", message[4:8])[0] == SSL_REQUEST
            other.bare = asks_ssl
            self.untyped = asks_ssl


class MariadbDirection:
    """Packets: three bytes of length, a number, and so many bytes."""

    def __init__(self, _):
        self.data = b""

    def next(self):
        size = 4 + int.from_bytes(self.data[:3], "little")
        if len(self.data) < 4 or len(self.data) < size:
            return None
        message, self.data = self.data[:size], self.data[size:]
        return message

    def forwarded(self, message, other):
        """Nothing depends on it."""


class Link(threading.Thread):
    """One client, one connection to the server."""

    def __init__(self, proxy, client):
        super().__init__(daemon=True)
        self.proxy = proxy
        self.client = client
        self.server = None
        self.silent = False
        self.up, self.down = proxy.direction(True), proxy.direction(False)

    def run(self):
        with contextlib.suppress(OSError):
            self.server = socket.create_connection(("127.0.0.1", self.proxy.target), 5)
            self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self.turn():
                pass
        self.close()

    def turn(self):
        sockets = [s for s in (self.client, self.server) if s.fileno() >= 0]
        for ready in select.select(sockets, [], [], 60)[0]:
            up = ready is self.client
            direction, to = (self.up, self.server) if up else (self.down, self.client)
            data = ready.recv(65536)
            if not data:
                return False
            if self.silent:
                continue
            direction.data += data
            while (message := direction.next()) is not None:
                if not self.forward(up, to, message):
                    return False
        return True

    def forward(self, up, to, message):
        direction, other = (self.up, self.down) if up else (self.down, self.up)
        direction.forwarded(message, other)
        action = self.proxy.count(up, message)
        if action == "before" or self.silent:
            return False
        if action == "within":
            to.sendall(message[:len(message) // 2])
            return False
        if action == "silence":
            self.silent = True
            return True
        if action == "late":
            return self.deliver_late(to, message)
        if action == "partition":
            return self.partition()
        if callable(action):
            action()
        to.sendall(message)
        return action != "after"

    def deliver_late(self, to, message):
        """The sender gives up, closes, and then it arrives after all."""
        self.wait_for_hangup()
        with contextlib.suppress(OSError):
            to.sendall(message + self.up.data)
        time.sleep(0.2)
        return False

    def partition(self):
        """Neither side hears of the other's end; the server ends it by itself."""
        self.client.settimeout(30)
        self.wait_for_hangup()
        with contextlib.suppress(OSError):
            self.server.settimeout(30)
            while self.server.recv(65536):
                pass
        return False

    def wait_for_hangup(self):
        self.client.settimeout(30)
        with contextlib.suppress(OSError):
            while data := self.client.recv(65536):
                self.up.data += data

    def close(self):
        for s in (self.client, self.server):
            if s is not None:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
                s.close()


class Proxy(threading.Thread):
    def __init__(self, target, direction=PostgresDirection):
        super().__init__(daemon=True)
        self.target = target
        self.direction = direction
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links = []
        self.arm(0, None)
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                link = Link(self, self.listener.accept()[0])
                self.links = [old for old in self.links if old.is_alive()] + [link]
                link.start()

    def arm(self, point, action):
        """Do `action` at the point-th message from now; 0 only counts."""
        with self.lock:
            self.point, self.action, self.seen, self.log = point, action, 0, []
            self.fired = False

    def count(self, from_client, message):
        with self.lock:
            self.seen += 1
            self.log.append((from_client, message))
            if self.seen == self.point:
                self.fired = True
                return self.action
            return None

    def drop(self):
        """Close what is open, so that the next message needs a new connection."""
        for link in self.links:
            link.close()
        for link in self.links:
            link.join(5)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()
