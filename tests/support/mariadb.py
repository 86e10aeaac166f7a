"""A private MariaDB server on a free loopback port, in a temporary folder."""
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from postgres import free_port

PASSWORD = "not a secret outside of this test"
ACCOUNTS = ("reader", "writer")
ENDED_BY_ITSELF = "mariadbd ended by itself"


def literal(value):
    return "NULL" if value is None else str(value) if isinstance(value, int) else "'%s'" % value


class Mariadb:
    """`settings`: options of the server, without the leading dashes."""

    def __init__(self, settings=()):
        self.path = tempfile.mkdtemp(prefix="countersign-my-")
        self.data = os.path.join(self.path, "data")
        self.socket = os.path.join(self.path, "s")
        self.port = free_port()
        self.settings = settings
        self.process = None
        self.user = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.path, "mysql", "mysql")
        subprocess.run(self.as_user(["mariadb-install-db", "--no-defaults", "--datadir=" + self.data,
                                     "--auth-root-authentication-method=normal", "--skip-test-db",
                                     "--innodb-flush-log-at-trx-commit=0"]),
                       check=True, capture_output=True, cwd=self.path)
        self.start()
        self.sql("mysql", "CREATE DATABASE shop CHARACTER SET utf8mb4",
                 *("CREATE USER %s@'%%' IDENTIFIED BY '%s'" % (name, PASSWORD) for name in ACCOUNTS))

    def as_user(self, command):
        if os.geteuid() == 0:
            return ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups", *command]
        return command

    def start(self):
        command = ["mariadbd" if shutil.which("mariadbd") else "/usr/sbin/mariadbd", "--no-defaults",
                   "--datadir=" + self.data, "--socket=" + self.socket, "--port=%d" % self.port,
                   "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=16M",
                   "--innodb-flush-log-at-trx-commit=0", "--pid-file=" + os.path.join(self.path, "pid"),
                   *("--" + s for s in self.settings)]
        with open(os.path.join(self.path, "log"), "ab") as log:
            self.process = subprocess.Popen(self.as_user(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.path)
        deadline = time.monotonic() + 60
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(open(os.path.join(self.path, "log")).read()[-3000:])
            time.sleep(0.05)

    def answers(self):
        try:
            self.sql("mysql", "SELECT 1")
            return True
        except RuntimeError:
            return False

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def close(self):
        self.note_death()
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)

    def note_death(self):
        """A server that ended without being told to: say so, past unittest's buffer. run.py looks for the words."""
        if self.process is None or self.process.poll() is None:
            return
        print("%s (%d)\n%s" % (ENDED_BY_ITSELF, self.process.returncode, open(os.path.join(self.path, "log")).read()),
              file=sys.__stderr__, flush=True)
        self.process = None
        self.start()

    def url(self, database, role="writer", scheme="mysql"):
        return "%s://%s:%s@127.0.0.1:%d/%s" % (scheme, role, PASSWORD.replace(" ", "%20"), self.port, database)

    def sql(self, database, *statements):
        """Run as the owner, not strictly; rows of the last statement as tuples of text."""
        command = ["mariadb", "--no-defaults", "--protocol=socket", "--socket=" + self.socket, "--user=root", "--batch",
                   "--skip-column-names", "--raw", "--default-character-set=utf8mb4", "--database=" + database]
        text = "SET time_zone = '+00:00', sql_mode = '';\n" + ";\n".join(statements) + ";\n"
        result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(result.stderr)
        return [tuple(None if f == "NULL" else f for f in line.split("\t")) for line in result.stdout.split("\n")[:-1]]

    def session(self, database):
        """An interactive session of the owner: statements in, lines out."""
        return subprocess.Popen(["mariadb", "--no-defaults", "--protocol=socket", "--socket=" + self.socket,
                                 "--user=root", "--batch", "--unbuffered", "--skip-column-names",
                                 "--database=" + database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def make_shop(self, rows, engine="InnoDB"):
        """Table, rows, and what the two accounts may: one reads, one writes two columns."""
        self.note_death()
        values = ", ".join("(%s)" % ", ".join(map(literal, row)) for row in rows)
        self.sql(
            "mysql", "DROP DATABASE shop", "CREATE DATABASE shop CHARACTER SET utf8mb4", "USE shop",
            "CREATE TABLE invoices (id varchar(64) PRIMARY KEY, tenant_id varchar(64) NOT NULL, status text,"
            " late_fee_cents integer NOT NULL, waiver_reason text, updated_at timestamp(6) NULL) ENGINE=" + engine,
            "INSERT INTO invoices VALUES " + values,
            *("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@'%%'" % name for name in ACCOUNTS),
            "GRANT SELECT ON shop.invoices TO reader@'%'",
            "GRANT SELECT, UPDATE (late_fee_cents, waiver_reason) ON shop.invoices TO writer@'%'",
            "GRANT CREATE, SELECT, INSERT, UPDATE ON shop.synapsor_writeback_receipts TO writer@'%'")
