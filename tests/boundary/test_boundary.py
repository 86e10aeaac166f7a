"""The boundary with the real ledgerd and writerd: as one uid and as three.

A hijacked mcpd (tests/boundary/hijacked_mcpd.c: confined like the real one, then
hostile) and a plain program under mcpd's uid try to reach the ledger file, the
write credential, the siblings' environment and memory, and the other sockets."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, Workspace, child_of  # noqa: E402

TESTS = os.path.join(os.path.dirname(BIN), "tests")
NOBODY = 65534
USERS = {"cs-ledgerd": 64901, "cs-writerd": 64902, "cs-mcpd": 64903}
REVIEWERS = 64904


def as_uid(uid, command):
    return ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups", "--bounding-set=-all",
            "--inh-caps=-all", "--no-new-privs", *command]


class System:
    """countersign-run with the real daemons, or with a hijacked mcpd."""

    def __init__(self, hijacked):
        self.bin = tempfile.mkdtemp(prefix="countersign-bin-", dir="/tmp")
        os.chmod(self.bin, 0o755)
        for name in ("countersign", "countersign-run", "ledgerd", "writerd", "mcpd"):
            shutil.copy(os.path.join(BIN, name), os.path.join(self.bin, name))
        if hijacked:
            shutil.copy(os.path.join(TESTS, "hijacked", "mcpd"), os.path.join(self.bin, "mcpd"))
        shutil.copy(os.path.join(TESTS, "attacker"), os.path.join(self.bin, "attacker"))
        self.w = Workspace("sqlite")
        os.chmod(self.w.path, 0o755)
        self.process = None

    def start(self, wrap, owner):
        for folder, _, files in os.walk(self.w.path):
            for name in [folder] + [os.path.join(folder, f) for f in files]:
                os.chown(name, owner, owner)
                if owner == 0 and name != self.w.config:
                    # The source is for every role; what matters is the ledger.
                    os.chmod(name, 0o777 if name == folder else 0o666)
        command = [os.path.join(self.bin, "countersign-run"), "--config", self.w.config, "--store", self.w.store,
                   "--roles", "ledgerd,writerd,mcpd"]
        self.log = open(os.path.join(self.w.path, "run.log"), "w+")
        self.process = subprocess.Popen(wrap(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=self.w.env)
        return self

    def pid(self, name):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            pid = child_of(self.process.pid, name)
            if pid:
                return pid
            time.sleep(0.02)
        raise AssertionError("no %s: %s" % (name, open(self.log.name).read()))

    def serving(self):
        """Wait until mcpd, which comes last, answers."""
        self.process.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        self.process.stdin.flush()
        assert "result" in self.process.stdout.readline(), open(self.log.name).read()
        return self

    def tell(self, line):
        """One command to the hijacked mcpd: (worked?, errno name)."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise EOFError(line)
        return answer[1] == "yes", answer[2]

    def attack(self, uid, pid, secret):
        """What a plain program under `uid` can do to `pid`: names that worked."""
        out = subprocess.run(as_uid(uid, [os.path.join(self.bin, "attacker"), str(pid), secret]),
                             capture_output=True, text=True, check=False).stdout
        rows = [line.split()[:2] for line in out.splitlines()]
        assert len(rows) >= 7, out
        return sorted(name for name, worked in rows if worked == "yes")

    def close(self):
        with contextlib.suppress(Exception):
            self.process.stdin.close()
            self.process.wait(20)
        with contextlib.suppress(Exception):
            self.process.kill()
        self.process.stdout.close()
        self.log.close()
        self.w.close()
        shutil.rmtree(self.bin, ignore_errors=True)


def connect_as(uid, path):
    """Can a program under `uid` connect to this socket?"""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer = b"no"
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                answer = b"yes"
        os.write(writing, answer)
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    answer = os.read(reading, 10)
    os.close(reading)
    return answer == b"yes"


def read_as(uid, path):
    return subprocess.run(as_uid(uid, ["cat", path]), capture_output=True, check=False).returncode == 0


@unittest.skipIf(os.geteuid() != 0, "needs root to become other users")
class Boundary(unittest.TestCase):
    def system(self, hijacked=True):
        system = System(hijacked)
        self.addCleanup(system.close)
        return system

    def private_users(self, command):
        """The three users exist in a mount namespace of the command's own."""
        folder = tempfile.mkdtemp(prefix="countersign-etc-")
        self.addCleanup(shutil.rmtree, folder, True)
        passwd, group = os.path.join(folder, "passwd"), os.path.join(folder, "group")
        with open("/etc/passwd") as old, open(passwd, "w") as new:
            new.write(old.read() + "".join("%s:x:%d:%d::/:/usr/sbin/nologin\n" % (n, i, i) for n, i in USERS.items()))
        with open("/etc/group") as old, open(group, "w") as new:
            new.write(old.read() + "cs-reviewers:x:%d:\n" % REVIEWERS +
                      "".join("%s:x:%d:\n" % (n, i) for n, i in USERS.items()))
        os.chmod(folder, 0o755)
        script = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, "sh", passwd, group] + command

    def attempts(self, s):
        store, run = s.w.store, s.w.store + ".run"
        pids = [s.pid("ledgerd"), s.pid("writerd"), s.process.pid]
        for path in (store, store + "-wal", store + ".key", s.w.source, s.w.config, "/etc/shadow"):
            yield "read " + path
            yield "write " + path
        for name in ("control", "writer", "mcpd"):
            yield "unix %s/%s.sock" % (run, name)
        yield "unix /run/dbus/system_bus_socket"
        yield "netlink"
        for pid in pids:
            for name in ("environ", "mem", "maps", "fd/0", "cmdline"):
                yield "read /proc/%d/%s" % (pid, name)

    def hijacked_reaches_nothing(self, s):
        self.assertEqual(s.tell("ledger"), (True, "-"), "its own channel is all it has")
        for attempt in self.attempts(s):
            with self.subTest(attempt=attempt):
                worked, code = s.tell(attempt)
                self.assertFalse(worked)
                self.assertIn(code, ("EACCES", "EPERM", "ENOENT", "ESRCH", "EAFNOSUPPORT"))

    def test_one_uid_hijacked_mcpd_reaches_nothing(self):
        s = self.system().start(lambda c: as_uid(NOBODY, c), NOBODY)
        self.hijacked_reaches_nothing(s)

    def test_three_uids_hijacked_mcpd_reaches_nothing(self):
        s = self.system().start(self.private_users, 0)
        self.hijacked_reaches_nothing(s)

    def test_what_must_not_happen_at_all_kills_it(self):
        for attempt in ("ptrace 1", "signal 1", "limit 1", "exec", "fork", "bind", "accept"):
            with self.subTest(attempt=attempt):
                s = self.system().start(lambda c: as_uid(NOBODY, c), NOBODY)
                with self.assertRaises(EOFError):
                    s.tell(attempt)

    def test_one_uid_another_program_cannot_read_the_running_daemons(self):
        s = self.system(hijacked=False).start(lambda c: as_uid(NOBODY, c), NOBODY).serving()
        for name in ("ledgerd", "writerd", "mcpd"):
            worked = s.attack(NOBODY, s.pid(name), s.w.env["SHOP_WRITE_URL"])
            # The same uid may signal: docs/modes.md says so.
            self.assertLessEqual(set(worked), {"kill", "signal", "prlimit"}, name)

    def test_three_uids_mcpds_user_reaches_nothing(self):
        s = self.system(hijacked=False).start(self.private_users, 0).serving()
        mcpd = USERS["cs-mcpd"]
        for name in ("ledgerd", "writerd"):
            with open("/proc/%d/status" % s.pid(name)) as status:
                uid = int(re.search(r"^Uid:\s+(\d+)", status.read(), re.M).group(1))
            self.assertEqual(uid, USERS["cs-" + name])
            self.assertEqual(s.attack(mcpd, s.pid(name), s.w.env["SHOP_WRITE_URL"]), [], name)
        for suffix in ("", "-wal", "-shm", ".key"):
            self.assertFalse(read_as(mcpd, s.w.store + suffix), suffix)
            self.assertTrue(os.path.exists(s.w.store + suffix), suffix)
        run = s.w.store + ".run"
        self.assertFalse(connect_as(mcpd, run + "/control.sock"))
        self.assertFalse(connect_as(mcpd, run + "/writer.sock"))
        self.assertTrue(connect_as(mcpd, run + "/mcpd.sock"), "its own is the only one")
        self.assertFalse(connect_as(USERS["cs-writerd"], run + "/control.sock"))
        self.assertFalse(connect_as(USERS["cs-writerd"], run + "/mcpd.sock"))
        self.assertFalse(connect_as(NOBODY, run + "/control.sock"))

    def test_no_secret_in_arguments_or_environment_of_any_process(self):
        s = self.system(hijacked=False).start(lambda c: as_uid(NOBODY, c), NOBODY).serving()
        s.w.env["marker"] = s.w.env["SHOP_WRITE_URL"]
        for name in ("ledgerd", "writerd", "mcpd"):
            for file in ("cmdline", "environ"):
                with open("/proc/%d/%s" % (s.pid(name), file), "rb") as f:
                    self.assertNotIn(b"sqlite:", f.read(), (name, file))


if __name__ == "__main__":
    unittest.main()
