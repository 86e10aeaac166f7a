"""The pinned packages of tests/kit, in build/kit: drivers, Fastify and the TypeScript compiler."""
import fcntl
import os
import shutil
import subprocess

from workspace import ROOT

HERE = os.path.join(ROOT, "tests/kit")
BUILD = os.path.join(ROOT, "build/kit")
MODULES = os.path.join(BUILD, "node_modules")
NODE = shutil.which("node") or "node"
# Without npm these tests are not there; in CI they are, whatever is missing.
AVAILABLE = bool(os.environ.get("CI")) or all(shutil.which(name) for name in ("node", "npm"))


def installed(wanted):
    try:
        with open(os.path.join(BUILD, "installed.json"), "rb") as file:
            return file.read() == wanted
    except FileNotFoundError:
        return False


def install():
    """Once for each lock file; test files that run side by side wait for one another."""
    with open(os.path.join(HERE, "package-lock.json"), "rb") as file:
        wanted = file.read()
    if installed(wanted):
        return
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed(wanted):
            return
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), BUILD)
        result = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=BUILD, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        if result.returncode != 0:
            raise RuntimeError(result.stdout[-3000:])
        with open(os.path.join(BUILD, "installed.json"), "wb") as file:
            file.write(wanted)


def link(folder):
    """Make the packages importable for programs in `folder`."""
    install()
    os.symlink(MODULES, os.path.join(folder, "node_modules"))
