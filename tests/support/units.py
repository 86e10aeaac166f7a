"""Starts what the units of packaging/systemd describe, as PID 1 would: sockets with
their mode and owner, LISTEN_FDS, a folder of credentials that is the service
user's, the user itself, and NOTIFY_SOCKET. It reads the unit files; nothing of
them is written down here. (The sandbox of systemd itself is not applied:
`systemd-analyze` judges that.)"""
import grp
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import time

UNITS = "/usr/lib/systemd/system"


def parse(name):
    """{section: {key: [value, …]}} of a unit file."""
    unit, section = {}, None
    with open(os.path.join(UNITS, name)) as file:
        for line in file:
            line = line.strip()
            if line.startswith("["):
                section = unit.setdefault(line.strip("[]"), {})
            elif "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                section.setdefault(key, []).append(value)
    return unit


def last(section, key, default=None):
    return section.get(key, [default])[-1]


class Socket:
    def __init__(self, name):
        section = parse(name)["Socket"]
        self.name = last(section, "FileDescriptorName")
        self.path = last(section, "ListenStream")
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        os.chown(self.path, pwd.getpwnam(last(section, "SocketUser")).pw_uid,
                 grp.getgrnam(last(section, "SocketGroup")).gr_gid)
        os.chmod(self.path, int(last(section, "SocketMode"), 8))
        self.socket.listen(64)


class Service:
    def __init__(self, name, sockets=()):
        unit = parse(name)["Service"]
        user = pwd.getpwnam(last(unit, "User"))
        self.user = user
        env = {"PATH": "/usr/bin:/bin", "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(s.name for s in sockets)}
        if not sockets:
            del env["LISTEN_FDS"], env["LISTEN_FDNAMES"]
        for path in unit.get("EnvironmentFile", []):
            self.read_environment(path.lstrip("-"), env)
        self.credentials(unit, env, name)
        for folder in unit.get("StateDirectory", []):
            path = os.path.join("/var/lib", folder)
            os.makedirs(path, exist_ok=True)
            os.chown(path, user.pw_uid, user.pw_gid)
            os.chmod(path, int(last(unit, "StateDirectoryMode"), 8))
        # Not in a shared folder: the daemon may write to it and to nothing else.
        self.notify_path = "/run/notify-%s" % name
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.notify_path)
        os.chmod(self.notify_path, 0o777)
        env["NOTIFY_SOCKET"] = self.notify_path
        words = [w for word in shlex.split(last(unit, "ExecStart")) for w in
                 (shlex.split(env.get(word[1:], "")) if word.startswith("$") else [word])]
        self.log = open("/tmp/%s.log" % name, "w+")
        # LISTEN_PID is the daemon's own: set between fork and exec.
        launcher = ("import os, sys; n = int(sys.argv[1]); uid, gid = int(sys.argv[2]), int(sys.argv[3]);"
                    "fds = [int(x) for x in sys.argv[4].split(',') if x];"
                    "[os.dup2(fd, 100 + i) for i, fd in enumerate(fds)];"
                    "[os.dup2(100 + i, 3 + i) for i in range(n)];"
                    "os.environ.update(LISTEN_PID=str(os.getpid())) if n else None;"
                    "os.setgroups([]); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid); os.umask(0o77);"
                    "os.execv(sys.argv[5], sys.argv[5:])")
        fds = [s.socket.fileno() for s in sockets]
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", launcher, str(len(fds)), str(user.pw_uid),
                                         str(user.pw_gid), ",".join(map(str, fds)), *words],
                                        env=env, pass_fds=fds, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait_ready()
        for line in unit.get("ExecStartPost", []):
            subprocess.run(shlex.split(line.lstrip("+")), check=True)

    @staticmethod
    def read_environment(path, env):
        if os.path.exists(path):
            with open(path) as file:
                for line in file:
                    key, equals, value = line.strip().partition("=")
                    if equals and not key.startswith("#"):
                        env[key] = value

    def credentials(self, unit, env, name):
        folder = "/run/credentials/" + name
        for line in unit.get("LoadCredential", []):
            key, _, source = line.partition(":")
            os.makedirs(folder, mode=0o700, exist_ok=True)
            shutil.copyfile(source, os.path.join(folder, key))
            os.chown(os.path.join(folder, key), self.user.pw_uid, self.user.pw_gid)
            os.chmod(os.path.join(folder, key), 0o400)
            env["CREDENTIALS_DIRECTORY"] = folder
        if "CREDENTIALS_DIRECTORY" in env:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    def wait_ready(self):
        self.notify.settimeout(0.1)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if b"READY=1" in self.notify.recv(4096):
                    return
            except TimeoutError:
                pass
            if self.process.poll() is not None:
                break
        self.log.seek(0)
        raise AssertionError("not ready: " + self.log.read()[-2000:])

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)
