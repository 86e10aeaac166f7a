"""A private PostgreSQL server on a free loopback port, in a temporary folder."""
import contextlib
import glob
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time

PASSWORD = "not a secret outside of this test"


def free_port():
    """Below the range that connections take theirs from: no other test's can have it
    between this moment and the server's own bind."""
    while True:
        port = random.randint(20000, 32000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


def binary(name):
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + name))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: %s is missing" % name)
    return found[-1]


class Postgres:
    def __init__(self, settings=()):
        self.path = tempfile.mkdtemp(prefix="countersign-pg-")
        self.data = os.path.join(self.path, "data")
        self.port = free_port()
        self.settings = settings
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.path, "postgres", "postgres")
        self.as_user([binary("initdb"), "-D", self.data, "-U", "owner", "--auth=trust", "--locale=C", "-E", "UTF8",
                      "--no-sync"])
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as file:
            file.write("host all owner 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self.start()
        self.sql("postgres", "CREATE DATABASE shop")

    def as_user(self, command, **options):
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", **options)

    def start(self):
        options = "-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories= %s" % (
            self.port, " ".join("-c " + s for s in self.settings))
        subprocess_options = {"stdin": subprocess.DEVNULL}
        command = [binary("pg_ctl"), "-D", self.data, "-l", os.path.join(self.path, "log"), "-w", "-t", "60",
                   "-o", options, "start"]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                       **subprocess_options)

    def stop(self, mode="immediate"):
        subprocess.run((["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
                        if os.geteuid() == 0 else []) +
                       [binary("pg_ctl"), "-D", self.data, "-m", mode, "-w", "stop"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False)

    def close(self):
        self.stop()
        shutil.rmtree(self.path, ignore_errors=True)

    def url(self, database, role="writer"):
        return "postgres://%s:%s@127.0.0.1:%d/%s" % (role, PASSWORD.replace(" ", "%20"), self.port, database)

    def sql(self, database, *statements):
        """Run as the owner; the rows of the last statement as tuples of text."""
        command = ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-P", "null=\x1e", "-v", "ON_ERROR_STOP=1",
                   "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", database]
        result = subprocess.run(command, input=";\n".join(statements) + ";\n", capture_output=True, text=True,
                                check=False)
        if result.returncode != 0:
            raise RuntimeError(result.stderr)
        return [tuple(None if f == "\x1e" else f for f in line.split("\x1f"))
                for line in result.stdout.split("\n") if line]

    def session(self, database):
        """An interactive session of the owner: statements in, lines out."""
        return subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner",
                                 "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def make_shop(self, rows):
        """Table, rows, and two roles: one that reads, one that writes two columns."""
        values = ", ".join("(%s)" % ", ".join(
            "NULL" if v is None else str(v) if isinstance(v, int) else "'%s'" % v for v in row) for row in rows)
        self.sql(
            "shop", "DROP TABLE IF EXISTS invoices CASCADE", "DROP TABLE IF EXISTS synapsor_writeback_receipts",
            "CREATE TABLE invoices (id text PRIMARY KEY, tenant_id text NOT NULL, status text,"
            " late_fee_cents integer NOT NULL, waiver_reason text, updated_at timestamptz)",
            "INSERT INTO invoices VALUES " + values,
            "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD '%s'; CREATE ROLE writer LOGIN PASSWORD '%s';"
            " EXCEPTION WHEN duplicate_object THEN NULL; END $$" % (PASSWORD, PASSWORD),
            "GRANT SELECT ON invoices TO reader", "GRANT SELECT ON invoices TO writer",
            "GRANT UPDATE (late_fee_cents, waiver_reason) ON invoices TO writer",
            "GRANT CREATE, USAGE ON SCHEMA public TO writer")


def wait_for(condition, seconds=10, what="a condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited %d s for %s" % (seconds, what))
