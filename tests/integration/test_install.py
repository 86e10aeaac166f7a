"""`make install`: what lands where, with which rights, and that it runs there."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import workspace  # noqa: E402


class Install(unittest.TestCase):
    def test_installed_programs_find_each_other_and_daemons_cannot_be_read_by_others(self):
        folder = tempfile.mkdtemp(prefix="countersign-install-")
        self.addCleanup(shutil.rmtree, folder, True)
        os.chmod(folder, 0o755)
        prefix = os.path.join(folder, "usr")
        build = os.path.join(folder, "build")
        # A build of its own: the tree's build folders keep their prefix.
        subprocess.run(["cmake", "-S", workspace.ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                        "-DCS_TESTS=OFF", "-DCMAKE_INSTALL_PREFIX=" + prefix], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
        staged = os.path.join(folder, "staged")
        subprocess.run(["cmake", "--install", build], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": staged})
        self.assertTrue(os.path.exists(staged + prefix + "/bin/countersign"))
        subprocess.run(["cmake", "--install", build], check=True, capture_output=True)
        for name in ("mcpd", "ledgerd", "writerd", "countersign-inspect"):
            mode = os.stat(os.path.join(prefix, "libexec/countersign", name)).st_mode & 0o777
            self.assertEqual(mode & 0o077, 0o011, "%s may be run but not read by others" % name)
        for path in ("share/countersign/schemas/contract.schema.json", "share/man/man1/countersign.1",
                     "share/countersign/kit/node/index.js", "share/countersign/kit/python/countersign_handler/__init__.py"):
            self.assertTrue(os.path.exists(os.path.join(prefix, path)), path)
        self.applications_link_the_handler_library(prefix)
        old, workspace.BIN = workspace.BIN, os.path.join(prefix, "bin")
        try:
            w = workspace.Workspace("sqlite")
            self.assertEqual(w.json("apply", w.approved())["status"], "applied")
            w.close()
        finally:
            workspace.BIN = old

    def applications_link_the_handler_library(self, prefix):
        """The example as a stranger builds it: by its Makefile, and with the archive beside a function of its own
        that is named like one of ours inside."""
        package, = glob.glob(prefix + "/lib/**/countersign-handler.pc", recursive=True)
        lib = os.path.dirname(os.path.dirname(package))
        example = os.path.join(prefix, "share/countersign/examples/handler-c")
        template = os.path.join(prefix, "share/countersign/kit/templates/c")
        env = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(package), "LD_LIBRARY_PATH": lib}

        def run(*command):
            done = subprocess.run(command, env=env, cwd=example, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        self.assertTrue(os.access(os.path.join(example, "../handler-credit/run.sh"), os.X_OK))
        run("make", "CFLAGS=-O1 -Wall -Wextra -Werror")
        self.assertIn("synapsor_handler_receipts", run("./credit", "--print-ddl"))
        with open(os.path.join(example, "own.c"), "w") as file:
            file.write("int json_scan(void);\nint json_scan(void) { return 1; }\n")
        flags = run("pkg-config", "--static", "--cflags", "--libs", "countersign-handler").split()
        flags += run("pkg-config", "--libs", "libevent_extra", "libevent_core").split()
        run("cc", "-o", "archived", "main.c", "credit.c", "own.c", template + "/server.c", "-I" + template,
            os.path.join(lib, "libcountersign-handler.a"), *(f for f in flags if f != "-lcountersign-handler"))
        self.assertNotIn("countersign-handler", run("readelf", "-d", "archived"))
        self.assertIn("synapsor_handler_receipts", run("./archived", "--print-ddl"))


if __name__ == "__main__":
    unittest.main()
