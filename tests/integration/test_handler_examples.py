"""examples/handler-*: each by its one command, as its README says."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import node_packages  # noqa: E402
from workspace import BIN, ROOT  # noqa: E402


class Played(unittest.TestCase):
    def play(self, example, folder=None):
        folder = folder or os.path.join(ROOT, "examples", example)
        result = subprocess.run([os.path.join(folder, "run.sh")], text=True, capture_output=True, timeout=120,
                                stdin=subprocess.DEVNULL, check=False, cwd="/", env={
                                    "PATH": BIN + ":" + os.environ["PATH"], "HOME": "/nowhere",
                                    "COUNTERSIGN_KIT": os.path.join(ROOT, "kit"),
                                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                                    "COUNTERSIGN_ACCEPT_REDUCED_ISOLATION": "1"})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        balances = [line.split()[3] for line in result.stdout.splitlines() if line.startswith("balance of CUS-1:")]
        self.assertEqual(balances, ["0", "0", "0", "2500", "2500"], result.stdout)
        for line in ("App-owned writeback applied.", "App-owned writeback already applied.", "* affected rows: 3"):
            self.assertIn(line, result.stdout)

    def test_python(self):
        self.play("handler-python")

    def test_command(self):
        self.play("handler-command")

    def test_c(self):
        """With the program as the test build made it: that its Makefile does is in test_install.py."""
        folder = tempfile.mkdtemp(prefix="countersign-example-")
        self.addCleanup(shutil.rmtree, folder, True)
        for name in ("examples/handler-c", "examples/handler-credit", "kit/templates/c"):
            shutil.copytree(os.path.join(ROOT, name), os.path.join(folder, name))
        program = os.path.join(folder, "examples/handler-c/credit")
        shutil.copy(os.path.join(os.path.dirname(BIN), "tests", "handler_c"), program)
        os.chmod(folder, 0o755)
        self.play("handler-c", os.path.dirname(program))


if node_packages.AVAILABLE:
    class PlayedByNode(Played):
        test_python = test_command = test_c = None

        def test_node(self):
            """Its packages are the pinned ones of the tests; everything else is as it stands there."""
            folder = tempfile.mkdtemp(prefix="countersign-example-")
            self.addCleanup(shutil.rmtree, folder, True)
            for name in ("handler-node", "handler-credit"):
                shutil.copytree(os.path.join(ROOT, "examples", name), os.path.join(folder, name),
                                ignore=shutil.ignore_patterns("node_modules"))
            node_packages.link(os.path.join(folder, "handler-node"))
            self.play("handler-node", os.path.join(folder, "handler-node"))


if __name__ == "__main__":
    unittest.main()
