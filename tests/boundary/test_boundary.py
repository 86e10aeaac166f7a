"""The boundary with the real daemons, attacked from inside of each and from a shell.

Each daemon runs with an attacker inside (tests/boundary/inside.c: same sandbox,
same uid, same descriptors), started as three users (E1), as one (E2), and as one
on a kernel without Landlock (E3). EXPECTED is the whole table: what is not in it
as "yes" must not work. A plain program under the same or another uid is SHELL."""
import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from promises import EXPECTED, KILLED  # noqa: E402
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

    def __init__(self, inside):
        self.bin = tempfile.mkdtemp(prefix="countersign-bin-", dir="/tmp")
        os.chmod(self.bin, 0o755)
        for name in ("countersign", "countersign-run", "ledgerd", "writerd", "mcpd"):
            shutil.copy(os.path.join(BIN, name), os.path.join(self.bin, name))
        self.inside = {}
        for name in ("ledgerd", "writerd", "mcpd") if inside else ():
            shutil.copy(os.path.join(TESTS, "inside", name), os.path.join(self.bin, name))
            for suffix in ("in", "out"):
                path = os.path.join(self.bin, "attack.%s.%s" % (name, suffix))
                os.mkfifo(path)
                os.chmod(path, 0o666)
                self.inside[name, suffix] = os.fdopen(os.open(path, os.O_RDWR), "r+b", buffering=0)
        shutil.copy(os.path.join(TESTS, "attacker"), os.path.join(self.bin, "attacker"))
        self.w = Workspace("sqlite")
        os.chmod(self.w.path, 0o755)
        self.process = None

    def start(self, wrap, owner, *flags):
        for folder, _, files in os.walk(self.w.path):
            for name in [folder] + [os.path.join(folder, f) for f in files]:
                os.chown(name, owner, owner)
                if owner == 0 and name != self.w.config:
                    # The source is for every role; what matters is the ledger.
                    os.chmod(name, 0o777 if name == folder else 0o666)
        command = [os.path.join(self.bin, "countersign-run"), "--config", self.w.config, "--store", self.w.store,
                   "--roles", "ledgerd,writerd,mcpd", *flags]
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

    def tell(self, role, command):
        """One command to the attacker inside a daemon: ("yes", "no" or "killed", errno)."""
        self.inside[role, "in"].write(command.encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self.inside[role, "out"]], [], [], 30)[0]:
                raise AssertionError("no answer from inside %s to %s" % (role, command))
            line += self.inside[role, "out"].read(1)
        words = line.decode().split() + [""]
        return words[0], words[1]

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
        for (_, suffix), file in self.inside.items():
            if suffix == "in":
                file.write(b"quit\n")
            file.close()
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


class SeccompModes(unittest.TestCase):
    """The loop again with every refused call ending the process (so honest code is
    refused nothing), and with every refused call allowed and logged."""

    def loop_in(self, mode):
        folder = tempfile.mkdtemp(prefix="countersign-mode-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder, True)
        programs = os.path.join(folder, "bin")
        shutil.copytree(BIN, programs)
        with open(os.path.join(programs, "seccomp-mode"), "w") as file:
            file.write(mode)
        os.chmod(folder, 0o755)
        tests = os.path.join(HERE, "..", "integration")
        result = subprocess.run([sys.executable, "-W", "ignore", "-m", "unittest", "-b", "test_loop.SqliteLoop"], cwd=tests,
                                env={**os.environ, "CS_BIN": programs}, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        return programs

    def test_the_loop_needs_no_call_that_is_refused(self):
        self.loop_in("kill")

    def test_the_loop_in_log_mode(self):
        self.loop_in("log")

    @unittest.skipIf(os.geteuid() != 0, "needs root to become other users")
    def test_the_mode_is_really_another(self):
        """What is refused otherwise kills in kill mode."""
        for mode, expected in (("", "no"), ("kill", "killed"), ("log", "yes")):
            s = System(True)
            self.addCleanup(s.close)
            if mode:
                with open(os.path.join(s.bin, "seccomp-mode"), "w") as file:
                    file.write(mode)
            s.start(lambda c: as_uid(NOBODY, c), NOBODY).serving()
            self.assertEqual(s.tell("ledgerd", "nice")[0], expected)


@unittest.skipIf(os.geteuid() != 0, "needs root to become other users")
class Boundary(unittest.TestCase):
    def system(self, inside=False):
        system = System(inside)
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

    def attempts(self, s, role):
        """(name in the table, command) for everything that code inside `role` tries."""
        store, run = s.w.store, s.w.store + ".run"
        files = {"ledger": store, "wal": store + "-wal", "key": store + ".key", "source": s.w.source,
                 "contract": s.w.config, "shadow": "/etc/shadow", "home": os.path.join(s.w.path, "private")}
        for name, path in files.items():
            yield "read " + name, "read " + path
            yield "write " + name, "write " + path
        for name in ("control", "writer", "mcpd"):
            yield "unix " + name, "unix %s/%s.sock" % (run, name)
        yield "unix dbus", "unix /run/dbus/system_bus_socket"
        for name in ("netlink", "bind", "exec", "fork", "unshare", "mount", "bpf", "io_uring", "keyctl"):
            yield name, name
        yield "tcp", "tcp 9"
        others = [n for n in ("ledgerd", "writerd", "mcpd") if n != role]
        secret = s.w.env["SHOP_WRITE_URL"]
        for name in others + ["supervisor"]:
            pid = s.process.pid if name == "supervisor" else s.pid(name)
            for probe in ("environ", "mem", "process_vm", "ptrace", "pidfd_getfd", "list_fds", "kill", "prlimit"):
                yield probe + " of others", "%s %d %s" % (probe, pid, secret)

    def attack_from_inside(self, mode, wrap, owner, *flags):
        s = self.system(inside=True)
        with open(os.path.join(s.w.path, "private"), "w") as file:
            file.write("a file of the user's\n")
        os.chmod(os.path.join(s.w.path, "private"), 0o600)
        s.start(wrap, owner, *flags).serving()
        for role in ("mcpd", "ledgerd", "writerd"):
            for name, command in self.attempts(s, role):
                with self.subTest(mode=mode, role=role, attempt=command):
                    answer, code = s.tell(role, command)
                    allowed = name in EXPECTED[role][mode]
                    self.assertEqual(answer == "yes", allowed, "%s: %s %s" % (name, answer, code))
                    if not allowed and name in KILLED:
                        self.assertEqual(answer, "killed", name)
        # And all of it goes on: what was killed was the attacker.
        s.process.stdin.write('{"jsonrpc":"2.0","id":2,"method":"ping"}\n')
        s.process.stdin.flush()
        self.assertIn("result", s.process.stdout.readline())

    def test_e1_three_users(self):
        self.attack_from_inside("E1", self.private_users, 0)

    def test_e2_one_uid_with_landlock(self):
        self.attack_from_inside("E2", lambda c: as_uid(NOBODY, c), NOBODY)

    def test_e3_one_uid_without_landlock(self):
        self.attack_from_inside("E3", lambda c: as_uid(NOBODY, [os.path.join(TESTS, "without_landlock"), *c]), NOBODY,
                                "--accept-reduced-isolation")

    def test_what_is_missing_is_in_the_record(self):
        s = self.system().start(lambda c: as_uid(NOBODY, [os.path.join(TESTS, "without_landlock"), *c]), NOBODY,
                                "--accept-reduced-isolation").serving()
        rows = s.w.ledger("SELECT CAST(body AS TEXT) FROM events WHERE kind = 'isolation_reduced'")
        self.assertEqual(len(rows), 1)
        self.assertIn("Landlock", rows[0][0])

    def test_e3_is_refused_unless_it_is_accepted(self):
        s = self.system(inside=False)
        s.start(lambda c: as_uid(NOBODY, [os.path.join(TESTS, "without_landlock"), *c]), NOBODY)
        self.assertNotEqual(s.process.wait(30), 0)
        with open(s.log.name) as log:
            self.assertIn("andlock", log.read())

    def test_one_uid_another_program_cannot_read_the_running_daemons(self):
        s = self.system().start(lambda c: as_uid(NOBODY, c), NOBODY).serving()
        for name in ("ledgerd", "writerd", "mcpd"):
            worked = s.attack(NOBODY, s.pid(name), s.w.env["SHOP_WRITE_URL"])
            # The same uid may signal: docs/modes.md says so.
            self.assertLessEqual(set(worked), {"kill", "signal", "prlimit"}, name)

    def test_three_uids_mcpds_user_reaches_nothing(self):
        s = self.system().start(self.private_users, 0).serving()
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
        s = self.system().start(lambda c: as_uid(NOBODY, c), NOBODY).serving()
        s.w.env["marker"] = s.w.env["SHOP_WRITE_URL"]
        for name in ("ledgerd", "writerd", "mcpd"):
            for file in ("cmdline", "environ"):
                with open("/proc/%d/%s" % (s.pid(name), file), "rb") as f:
                    self.assertNotIn(b"sqlite:", f.read(), (name, file))


if __name__ == "__main__":
    unittest.main()
