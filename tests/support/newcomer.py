"""An empty folder with a database's URL in the environment, and the command in PATH."""
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from workspace import BIN, Mcp, REDUCED, processes


class Newcomer:
    """Everything happens in `path`, as a person would: nothing is given but the environment."""

    def __init__(self, **env):
        self.path = tempfile.mkdtemp(prefix="countersign-new-")
        self.env = {"PATH": BIN + ":/usr/bin:/bin", "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                    "HOME": self.path, "COUNTERSIGN_ACCEPT_REDUCED_ISOLATION": "1", **env}

    def run(self, *words, check=0, **env):
        """countersign with these words; its exit status must be `check` unless that is None."""
        result = subprocess.run([os.path.join(BIN, "countersign"), *words], cwd=self.path, env={**self.env, **env},
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        if check is not None and result.returncode != check:
            raise AssertionError("%s: exit %d\n%s\n%s" % (words, result.returncode, result.stdout, result.stderr))
        return result

    def shell(self, line, check=0, types=None):
        """A line as it was printed, by a shell; what a person types then comes from a terminal."""
        person, terminal = os.openpty()
        os.write(person, (types or "\4").encode())
        try:
            result = subprocess.run(["/bin/sh", "-c", line], cwd=self.path, env=self.env, text=True, timeout=120,
                                    stdin=terminal if types else subprocess.DEVNULL, capture_output=True, check=False)
        finally:
            os.close(person)
            os.close(terminal)
        if check is not None and result.returncode != check:
            raise AssertionError("%s: exit %d\n%s\n%s" % (line, result.returncode, result.stdout, result.stderr))
        return result

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))
        return name

    def read(self, name):
        with open(os.path.join(self.path, name)) as file:
            return file.read()

    def contract(self, name="countersign.json"):
        return json.loads(self.read(name))

    def files(self):
        """Every file below the folder, but those of a running ledger."""
        return sorted(os.path.relpath(os.path.join(folder, name), self.path)
                      for folder, _, names in os.walk(self.path) for name in names)

    def serve(self, line="countersign mcp serve"):
        """Serve by a line as it was printed."""
        log_path = os.path.join(self.path, "serve-%d.log" % time.monotonic_ns())
        with open(log_path, "w") as log:
            process = subprocess.Popen(shlex.split(line) + REDUCED + ["--no-writer"], cwd=self.path, env=self.env,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                       executable=os.path.join(BIN, "countersign"))
        process.log_path = log_path
        return Mcp(process)

    @contextlib.contextmanager
    def client(self, line="countersign mcp serve"):
        mcp = self.serve(line)
        try:
            mcp.initialize()
            yield mcp
        finally:
            mcp.close()

    def close(self):
        for pid in processes(self.path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)


def printed_commands(text):
    """The lines of an output that are commands of ours."""
    found = []
    for line in text.splitlines():
        start = line.find("countersign ")
        if start >= 0 and line[:start].strip(" 0123456789.") in ("", "OpenAI Agents SDK:"):
            found.append(line[start:])
    return found
