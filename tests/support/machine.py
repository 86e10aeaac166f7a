"""A machine to install packages on: systemd itself, booted in a copy-on-write copy of
this system (systemd-nspawn). What happens in it leaves no trace here. Wants root."""
import contextlib
import os
import subprocess
import tempfile
import time

BOOT_S = 60
# systemd-nspawn keeps the calls of Landlock from what it runs; a real machine does not.
CALLS = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
SCRIPT = """set -e
mount --make-rprivate /
mount -t tmpfs none {0}
mkdir {0}/upper {0}/work {0}/root
mount -t overlay overlay -o lowerdir=/,upperdir={0}/upper,workdir={0}/work {0}/root
: >{0}/root/etc/fstab
exec systemd-nspawn --quiet --directory={0}/root --register=no --keep-unit --private-network \\
    --system-call-filter="{1}" --bind-ro="{2}" --boot systemd.unit=basic.target
"""


def remove_cgroups():
    """What systemd-nspawn makes under our own group and leaves: empty ones only can be removed."""
    with open("/proc/self/cgroup") as file:
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    for _, kind, path in groups:
        root = {"name=systemd": "systemd", "": "unified" if os.path.isdir("/sys/fs/cgroup/unified") else ""}.get(kind)
        for name in ("payload", "supervisor") if root is not None else ():
            top = os.path.join("/sys/fs/cgroup", root, path.lstrip("/"), name)
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


class Machine:
    def __init__(self, visible):
        """`visible`: a folder of ours that can be read in it, by its own path."""
        self.folder = tempfile.mkdtemp(prefix="countersign-machine-", dir="/var/tmp")
        self.log = open(os.path.join(tempfile.gettempdir(), "machine-%d.log" % os.getpid()), "w+")
        self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", SCRIPT.format(self.folder, CALLS, visible)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.leader = None
        deadline = time.monotonic() + BOOT_S
        while not self.has_booted():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                log = self.log.read()[-3000:]
                self.close()
                raise AssertionError("the machine does not boot: " + log)
            time.sleep(0.1)

    def has_booted(self):
        if self.leader is None:
            self.leader = self.find_leader()
        return self.leader is not None and self.run("systemctl", "is-active", "basic.target", check=False).returncode == 0

    def find_leader(self):
        """Its PID 1: the child of systemd-nspawn that has become systemd."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            for pid in file.read().split():
                try:
                    with open("/proc/%s/cmdline" % pid, "rb") as words:
                        if words.read().split(b"\0")[0].endswith(b"/systemd"):
                            return pid
                except FileNotFoundError:
                    pass
        return None

    def run(self, *words, check=True, user=None, stdin=""):
        command = ["nsenter", "--target", self.leader, "--all"]
        if user is not None:
            command += ["runuser", "-u", user, "--"]
        done = subprocess.run([*command, *words], input=stdin, capture_output=True, text=True, timeout=120, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                   "DEBIAN_FRONTEND": "noninteractive"})
        if check and done.returncode != 0:
            raise AssertionError("%r: %d\n%s%s\n%s" % (words, done.returncode, done.stdout[-3000:], done.stderr[-3000:],
                                                       self.journal()))
        return done

    def journal(self, *words):
        return self.run("journalctl", "--no-pager", "-n", "60", "-o", "cat", *(words or ("-u", "countersign*")), check=False).stdout

    def write(self, path, text, mode=0o644):
        self.run("sh", "-c", 'umask 077; cat >"$0" && chmod "$1" "$0"', path, "%o" % mode, stdin=text)

    def close(self):
        if self.process.poll() is None:
            if self.leader is not None:
                # What a container manager sends for "halt".
                subprocess.run(["kill", "-s", "RTMIN+4", self.leader], check=False)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        remove_cgroups()
        self.log.close()
        os.unlink(self.log.name)
        os.rmdir(self.folder)
