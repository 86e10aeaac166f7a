"""The handler kit's own tests, all over the same vectors, and that these are current."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import node_packages  # noqa: E402
from workspace import ROOT  # noqa: E402

KIT = os.path.join(ROOT, "kit")


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
                          check=False, **options)


class Passes:
    def passes(self, *command, **options):
        result = run(*command, **options)
        self.assertEqual(result.returncode, 0, result.stdout[-4000:] + result.stderr[-4000:])
        return result.stdout + result.stderr


class Vectors(Passes, unittest.TestCase):
    def test_they_are_what_make_py_writes(self):
        self.passes("/usr/bin/python3", os.path.join(KIT, "vectors/make.py"), "--check")

    def test_the_captured_request_has_the_form_of_ours(self):
        """What writerd-handler sends now has the members that it had."""
        sys.path.insert(0, os.path.join(KIT, "vectors"))
        import make

        def form(value):
            return {k: form(v) for k, v in value.items()} if isinstance(value, dict) else type(value).__name__
        now, then = (make.json.loads(c["body"]) for c in (make.capture(), make.load("captured.json")))
        self.assertEqual(form(now), form(then))
        self.assertEqual(list(now), list(then))

    def test_python(self):
        out = self.passes("/usr/bin/python3", "-m", "unittest", "discover", "-s", "kit/python/tests")
        self.assertRegex(out, r"Ran [1-9][0-9]* tests")

    def test_python_prints_its_tables(self):
        for engine in ("postgres", "mysql"):
            out = self.passes("/usr/bin/python3", "-m", "countersign_handler", "--print-ddl", engine,
                              env={**os.environ, "PYTHONPATH": os.path.join(KIT, "python")})
            self.assertIn("synapsor_handler_receipts", out)


if node_packages.AVAILABLE:
    class NodeVectors(Passes, unittest.TestCase):
        def test_node(self):
            out = self.passes(node_packages.NODE, "--test", "kit/node/test/")
            self.assertRegex(out, r"(?m)^. pass [2-9][0-9]{2}$")

        def test_node_prints_the_same_tables(self):
            for engine in ("postgres", "mysql"):
                self.assertEqual(
                    self.passes(node_packages.NODE, "kit/node/print-ddl.js", engine),
                    self.passes("/usr/bin/python3", "-m", "countersign_handler", "--print-ddl", engine,
                                env={**os.environ, "PYTHONPATH": os.path.join(KIT, "python")}))

        def test_its_types_are_what_an_application_needs(self):
            with tempfile.TemporaryDirectory() as folder:
                node_packages.link(folder)
                os.symlink(os.path.join(KIT, "node"), os.path.join(folder, "kit"))
                for name, text in (("good", GOOD), ("bad", BAD)):
                    with open(os.path.join(folder, name + ".mts"), "w") as file:
                        file.write(text)
                tsc = [node_packages.NODE, os.path.join(node_packages.MODULES, "typescript/bin/tsc"), "--noEmit",
                       "--strict", "--module", "nodenext", "--preserveSymlinks", "--types", "node", "--typeRoots",
                       os.path.join(node_packages.MODULES, "@types")]
                self.passes(*tsc, os.path.join(folder, "good.mts"))
                result = run(*tsc, os.path.join(folder, "bad.mts"))
                self.assertEqual(len([line for line in result.stdout.splitlines() if "error TS" in line]), 3,
                                 result.stdout)


GOOD = """
import { createHandler, createCommandHandler, postgres, mysql, Refuse, type Job, type Tx } from './kit/index.js';
async function credit(job: Job, tx: Tx) {
\tif (job.row.status !== 'open') { throw new Refuse('NOT_OPEN'); }
\tconst rows: number = await tx.update('a.b', { id: job.object_id }, { cents: job.patch.cents }, { expect: 1 });
\tawait tx.query('SELECT $1', [rows]);
\treturn { rows_affected: rows };
}
declare const pool: { connect(): Promise<unknown>; query(sql: string): Promise<unknown> };
declare const other: { getConnection(): Promise<unknown> };
const handler = createHandler({ capabilities: { 'a.b': credit }, storage: postgres(pool), tokenEnv: null });
export const server = await handler.serve({ port: 0 });
export const status: number = await createCommandHandler({ capabilities: { a: credit }, storage: mysql(other) }).main();
"""
BAD = """
import { createHandler, postgres } from './kit/index.js';
createHandler({ capabilities: { a: () => {} } });
createHandler({ capabilities: { a: (job) => job.nothing }, storage: postgres({ connect: async () => 1, query: async () => 1 }) });
postgres({});
"""

if __name__ == "__main__":
    unittest.main()
