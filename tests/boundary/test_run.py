#!/usr/bin/env python3
"""countersign-run against stand-ins for the daemons.

usage: test_run.py COUNTERSIGN_RUN FAKE_DIR ATTACKER

Prints `ok` / `not ok` lines; status 1 if any failed. Runs every case as the
calling user and, started as root, once more as uid 65534.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

RUN, FAKE, ATTACKER = (os.path.abspath(p) for p in sys.argv[1:4])
READ, WRITE = "read-hunter2", "write-hunter3"
NOBODY = 65534

CONTRACT = {
    "version": 1,
    "mode": "review",
    "sources": {
        "app": {
            "engine": "postgres",
            "read_url_env": "FAKE_READ_URL",
            "write_url_env": "FAKE_WRITE_URL",
        }
    },
    "contexts": {
        "op": {
            "provider": "environment",
            "values": {
                "tenant_id_env": "SYNAPSOR_TENANT_ID",
                "principal_env": "SYNAPSOR_PRINCIPAL",
            },
        }
    },
    "capabilities": [
        {
            "name": "a.b",
            "kind": "read",
            "source": "app",
            "context": "op",
            "target": {
                "schema": "public",
                "table": "t",
                "primary_key": "id",
                "tenant_key": "tenant_id",
            },
            "args": {"id": {"type": "string", "required": True}},
            "lookup": {"id_from_arg": "id"},
            "visible_columns": ["id"],
            "evidence": "required",
        }
    ],
}

failures = 0


def check(condition, name, detail=""):
    global failures
    print(("ok - " if condition else "not ok - ") + name)
    if not condition:
        failures += 1
        if detail:
            print("# " + str(detail).replace("\n", "\n# "))


class Instance:
    """One countersign-run with pipes for stdin, stdout and stderr."""

    def __init__(self, bench, *args, env=None, uid=None):
        variables = {
            "FAKE_READ_URL": READ,
            "FAKE_WRITE_URL": WRITE,
            "SYNAPSOR_TENANT_ID": "acme",
            "PGPASSWORD": "not-for-anyone",
        }
        variables.update(env or {})
        command = [RUN, "--config", bench.config, "--libexec", FAKE]
        if "--store" not in args:
            command += ["--store", bench.store]
        if bench.uid == 0:
            command.append("--accept-reduced-isolation")
        self.start(
            bench,
            command + list(args),
            {k: v for k, v in variables.items() if v is not None},
            **({"user": bench.uid, "group": bench.uid, "extra_groups": []}
               if bench.uid != os.geteuid() else {}),
        )

    def start(self, bench, command, env, **options):
        bench.logs += 1
        self.log_path = os.path.join(bench.folder, f"log{bench.logs}")
        with open(self.log_path, "a") as log_file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log_file, env=env, text=True, **options)

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ping(self):
        self.say("ping")
        return self.process.stdout.readline() == "pong\n"

    def pid_of(self, role):
        found = re.search(rf"^fake {role} pid=(\d+)", self.log(), re.M)
        return int(found.group(1)) if found else None

    def end(self, timeout=20):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.wait(timeout)

    def wait(self, timeout=20):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "timeout"


class Bench:
    def __init__(self, uid):
        self.uid = uid
        self.folder = tempfile.mkdtemp(prefix="cs-run-")
        self.config = os.path.join(self.folder, "contract.json")
        with open(self.config, "w") as f:
            json.dump(CONTRACT, f)
        os.chmod(self.config, 0o644)
        os.chown(self.folder, uid, uid)
        os.chmod(self.folder, 0o755)
        self.number = 0
        self.logs = 0
        self.next_store()

    def next_store(self):
        self.number += 1
        self.store = os.path.join(self.folder, f"s{self.number}", "l.db")

    def clear(self):
        shutil.rmtree(self.folder)


def freeze(pid):
    """SIGSTOP, and wait for it: SIGTERM would still overtake it."""
    os.kill(pid, signal.SIGSTOP)
    for _ in range(500):
        with open(f"/proc/{pid}/stat") as f:
            if f.read().rsplit(")", 1)[1].split()[0] == "T":
                return
        time.sleep(0.01)


def gone(pid, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_order_and_credentials(b):
    r = Instance(b, "--mcpd-arg", "--flag", "--mcpd-credential", "FAKE_EXTRA",
                 env={"FAKE_EXTRA": "token"})
    check(r.ping(), "mcpd answers on the inherited stdio", r.log())
    code = r.end()
    log = r.log()
    check(code == 0, "end of stdin is an orderly end", (code, log))
    starts = re.findall(r"^fake (\w+) pid=", log, re.M)
    check(starts == ["ledgerd", "writerd", "mcpd"], "mcpd starts last", log)
    secrets = re.findall(r"^fake (\w+) secret=(\w+)", log, re.M)
    check(sorted(secrets) == [("mcpd", "FAKE_EXTRA"), ("mcpd", "FAKE_READ_URL"),
                              ("writerd", "FAKE_WRITE_URL")],
          "each credential reaches exactly one process", secrets)
    check("fake mcpd arg=--flag" in log, "--mcpd-arg is passed through", log)
    check(re.search(r"^fake mcpd .*tenant=acme", log, re.M),
          "mcpd gets the trusted context", log)
    check(re.search(r"^fake ledgerd .*tenant=acme", log, re.M),
          "and ledgerd gets it from us, not from mcpd", log)
    check(not re.search(r"^fake writerd .*tenant=acme", log, re.M),
          "writerd does not", log)
    mode = os.stat(b.store + ".run").st_mode & 0o777
    check(mode == 0o700, "the run folder is private", oct(mode))
    for name in ("mcpd", "writer", "control"):
        mode = os.stat(f"{b.store}.run/{name}.sock").st_mode & 0o777
        check(mode == 0o600, f"{name}.sock is private", oct(mode))


def test_nothing_to_read(b):
    r = Instance(b)
    r.ping()
    for role, secret in (("run", READ), ("run", WRITE), ("ledgerd", WRITE),
                         ("writerd", WRITE), ("mcpd", READ)):
        pid = r.process.pid if role == "run" else r.pid_of(role)
        # As root the attacker could do everything; drop to the same uid's
        # rights by taking its capabilities away.
        command = [ATTACKER, str(pid), secret]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={b.uid}", f"--regid={b.uid}",
                       "--clear-groups", "--bounding-set=-all",
                       "--inh-caps=-all", "--no-new-privs"] + command
        out = subprocess.run(command, capture_output=True, text=True).stdout
        table = dict(line.split()[:2] for line in out.splitlines())
        wanted = ("environ", "cmdline", "mem", "process_vm", "ptrace",
                  "pidfd_getfd")
        if b.uid != 0:
            # /proc/PID/fd of an undumpable process belongs to root.
            wanted += ("list_fds",)
        check(all(table.get(k) == "no" for k in wanted),
              f"same uid cannot read {role}", out)
        with open(f"/proc/{pid}/cmdline") as f:
            check("hunter" not in f.read(), f"no secret in argv of {role}")
        if os.geteuid() == 0:
            # Root may read it, and must not find anything either.
            with open(f"/proc/{pid}/environ", "rb") as f:
                check(b"hunter" not in f.read(),
                      f"no secret in the environment of {role}")
    r.end()


def test_deaths(b):
    r = Instance(b)
    r.ping()
    os.kill(r.pid_of("writerd"), signal.SIGKILL)
    time.sleep(0.3)
    check(r.process.poll() is None and r.ping(),
          "the end of writerd ends nothing else", r.log())
    check("writerd was killed by signal 9" in r.log(), "and is reported")
    os.kill(r.pid_of("ledgerd"), signal.SIGKILL)
    check(r.wait() == 1, "the end of ledgerd ends everything", r.log())
    check("ledgerd was killed by signal 9" in r.log(), "and says why")
    check(gone(r.pid_of("mcpd")), "mcpd is gone with it")

    b.next_store()
    r = Instance(b)
    r.ping()
    r.say("exit 3")
    check(r.wait() == 1 and "mcpd ended with status 3" in r.log(),
          "a failing mcpd is a failure", r.log())

    b.next_store()
    r = Instance(b)
    r.ping()
    r.process.kill()
    r.wait()
    check(all(gone(r.pid_of(x)) for x in ("ledgerd", "writerd", "mcpd")),
          "nobody outlives the supervisor", r.log())

    for sig in (signal.SIGTERM, signal.SIGINT):
        b.next_store()
        r = Instance(b)
        r.ping()
        r.process.send_signal(sig)
        check(r.wait() == 0, f"{sig.name} drains", r.log())
        check(all(gone(r.pid_of(x)) for x in ("ledgerd", "writerd", "mcpd")),
              "and leaves nobody", r.log())

    b.next_store()
    r = Instance(b)
    r.ping()
    freeze(r.pid_of("writerd"))
    r.process.send_signal(signal.SIGTERM)
    check(r.wait() == 0 and "child_killed process=writerd" in r.log(),
          "one that hangs is killed after the deadline", r.log())


def test_failed_start(b):
    r = Instance(b, "--mcpd-credential", "FAKE_FAIL", env={"FAKE_FAIL": "1"})
    check(r.wait() == 111, "a child that refuses is a failed start", r.log())
    check("mcpd does not start: told to fail" in r.log(),
          "its own words are repeated", r.log())
    check(gone(r.pid_of("ledgerd")), "what already ran is ended")

    b.next_store()
    r = Instance(b, "--libexec", "/nonexistent")
    check(r.wait() == 111 and "could not be executed" in r.log(),
          "a missing program is named", r.log())
    r = Instance(b, "--config", "/nonexistent.json")
    check(r.wait() == 111, "a missing contract is fatal", r.log())
    r = Instance(b, "--roles", "ledgerd,admin")
    check(r.wait() == 100, "an unknown role is a usage error", r.log())
    if b.uid != 0 or os.geteuid() != 0:
        return
    out = subprocess.run([RUN, "--config", b.config, "--libexec", FAKE,
                          "--store", b.store], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    check(out.returncode == 111 and "cs-mcpd" in out.stderr,
          "root without the system users is refused", out.stderr)


def test_roles(b):
    r = Instance(b, env={"FAKE_WRITE_URL": None})
    r.ping()
    check(r.pid_of("writerd") is None, "no write URL, no writerd", r.log())
    r.end()

    b.next_store()
    r = Instance(b, "--roles", "ledgerd", "--print-ready", "--exit-idle")
    line = r.process.stdout.readline()
    check(line == f"ready {b.store}.run/control.sock\n",
          "--print-ready names the control socket", line + r.log())
    check(r.process.stdout.read() == "", "and lets go of stdout")
    check("fake ledgerd arg=--exit-idle" in r.log(), "--exit-idle is passed")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{b.store}.run/control.sock")
        check(s.recv(2) == b"hi", "the control socket is served")
    second = Instance(b)
    check(second.ping(), "a second instance serves its own client",
          second.log())
    log = second.log()
    check("attached" in log and second.pid_of("ledgerd") is None and
          second.pid_of("writerd") is None and "ledger=1" in log,
          "with the ledgerd of the first", log)
    check(second.end() == 0, "and ends alone", second.log())
    check(r.process.poll() is None, "without the first", r.log())
    os.kill(r.pid_of("ledgerd"), signal.SIGTERM)
    check(r.wait() == 1, "ledgerd by signal is no idle end", r.log())


def test_shared_credential(b):
    shared = json.loads(json.dumps(CONTRACT))
    shared["sources"]["app"]["write_url_env"] = "FAKE_READ_URL"
    config = os.path.join(b.folder, "shared.json")
    with open(config, "w") as f:
        json.dump(shared, f)
    os.chmod(config, 0o644)
    r = Instance(b, "--config", config)
    if b.uid == 0:
        r.ping()
        r.end()
        check("credential_shared" in r.log(), "one URL for both is reported")
    else:
        check(r.wait() == 111 and "FAKE_READ_URL" in r.log(),
              "one URL for both is refused", r.log())
    b.next_store()
    r = Instance(b, env={"FAKE_WRITE_URL": READ})
    r.ping()
    r.end()
    check("credential_shared" in r.log() and READ not in
          re.sub(r"^fake.*$", "", r.log(), flags=re.M),
          "one value under two names is reported, not printed", r.log())


def test_credentials_directory(b):
    folder = os.path.join(b.folder, "cred")
    os.mkdir(folder)
    with open(os.path.join(folder, "FAKE_WRITE_URL"), "w") as f:
        f.write("from-file\n")
    os.chown(os.path.join(folder, "FAKE_WRITE_URL"), b.uid, b.uid)
    r = Instance(b, env={"CREDENTIALS_DIRECTORY": folder})
    r.ping()
    r.end()
    check("secret=FAKE_WRITE_URL value=from-file" in r.log(),
          "a credential file wins over the variable", r.log())
    check(f"secret=FAKE_READ_URL value={READ}" in r.log(),
          "the variable fills in")


def test_long_path(b):
    store = os.path.join(b.folder, *(["x" * 60] * 4), "ledger.db")
    r = Instance(b, "--store", store)
    check(r.ping(), "a store path beyond sun_path works", r.log())
    check(r.end() == 0, "and ends")


USERS = {"cs-ledgerd": 64901, "cs-writerd": 64902, "cs-mcpd": 64903}


def with_users(bench, command):
    """Wrap a command so that it sees the three system users: they exist in a
    mount namespace of its own only, never on the host."""
    passwd, group = (os.path.join(bench.folder, x) for x in ("pw", "gr"))
    with open("/etc/passwd") as a, open(passwd, "w") as f:
        f.write(a.read() + "".join(
            f"{n}:x:{i}:{i}::/:/usr/sbin/nologin\n" for n, i in USERS.items()))
    with open("/etc/group") as a, open(group, "w") as f:
        f.write(a.read() + "cs-reviewers:x:64904:\n" + "".join(
            f"{n}:x:{i}:\n" for n, i in USERS.items()))
    for path in (passwd, group):
        os.chmod(path, 0o644)
    script = ("mount --bind \"$1\" /etc/passwd && "
              "mount --bind \"$2\" /etc/group && shift 2 && exec \"$@\"")
    return ["unshare", "-m", "sh", "-c", script, "sh", passwd, group] + command


def test_system_users(b):
    if b.uid != 0:
        return
    if subprocess.run(with_users(b, ["true"]), capture_output=True).returncode:
        print("ok - system users # SKIP no mount namespaces here")
        return
    r = Instance.__new__(Instance)
    environment = {"FAKE_READ_URL": READ, "FAKE_WRITE_URL": WRITE,
                   "PATH": os.environ["PATH"]}
    r.start(b, with_users(b, [RUN, "--config", b.config, "--libexec", FAKE,
                              "--store", b.store]), environment)
    check(r.ping(), "root with the system users starts without a waiver",
          r.log())
    uids = dict(re.findall(r"^fake (\w+) .*uid=(\d+)", r.log(), re.M))
    check(uids == {n[3:]: str(i) for n, i in USERS.items()},
          "each daemon has its own uid", uids)
    for role in ("ledgerd", "writerd", "run"):
        pid = r.process.pid if role == "run" else r.pid_of(role)
        out = subprocess.run(["setpriv", "--reuid=64903", "--regid=64903",
                              "--clear-groups", ATTACKER, str(pid), WRITE],
                             capture_output=True, text=True).stdout
        rows = [x.split()[:2] for x in out.splitlines()]
        check(rows and all(x[1] == "no" for x in rows),
              f"uid cs-mcpd can do nothing to {role}", out)
    with open(f"/proc/{r.process.pid}/status") as f:
        caps = re.search(r"^CapEff:\s*(\w+)", f.read(), re.M).group(1)
    check(int(caps, 16) == 1 << 5, "the supervisor keeps CAP_KILL only", caps)
    own = os.readlink("/proc/self/ns/net")
    check(os.readlink(f"/proc/{r.pid_of('ledgerd')}/ns/net") != own,
          "ledgerd has no network")
    st = os.stat(f"{b.store}.run/writer.sock")
    check((st.st_uid, st.st_gid, st.st_mode & 0o777) == (0, 64902, 0o660),
          "writer.sock is for cs-writerd", st)
    st = os.stat(f"{b.store}.run/control.sock")
    check((st.st_uid, st.st_gid, st.st_mode & 0o777) == (0, 64904, 0o660),
          "control.sock is for cs-reviewers", st)
    st = os.stat(os.path.dirname(b.store))
    check((st.st_uid, st.st_mode & 0o777) == (64901, 0o711),
          "the store's folder belongs to cs-ledgerd", st)
    freeze(r.pid_of("writerd"))
    check(r.end() == 0 and gone(r.pid_of("writerd")),
          "the supervisor can still end other users' processes", r.log())
    check("isolation_reduced" not in r.log(), "nothing is degraded", r.log())

    pinned = f"{b.store}.run/ledger.key.pub"
    check(f"fake writerd arg={pinned}" in r.log() and
          os.stat(pinned).st_uid == 0, "writerd gets a root-owned key", r.log())
    with open(pinned, "w") as f:
        f.write("another\n")
    r.start(b, r.process.args, environment)
    check(r.wait() == 111 and "LEDGER_KEY_CHANGED" in r.log(),
          "a ledgerd with another key is refused", r.log())


CASES = (test_order_and_credentials, test_nothing_to_read, test_deaths,
         test_failed_start, test_roles, test_shared_credential,
         test_credentials_directory, test_long_path, test_system_users)


def main():
    for uid in [os.geteuid()] + ([NOBODY] if os.geteuid() == 0 else []):
        for case in CASES:
            print(f"# {case.__name__} as uid {uid}")
            bench = Bench(uid)
            try:
                case(bench)
            finally:
                bench.clear()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
