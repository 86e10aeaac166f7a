"""Starters of `countersign handler template` and of init: each is generated, started as it is, and asked by the real
loop; none starts without its secrets, and none is written over a file."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import credit  # noqa: E402
import node_packages  # noqa: E402
from credit import App, CreditWorkspace, KIT  # noqa: E402
from newcomer import Newcomer  # noqa: E402
from postgres import Postgres, free_port  # noqa: E402
from workspace import BIN  # noqa: E402

ACTION = "billing.propose_account_credit"
NAMES = {"node-fastify": "synapsor-writeback-handler.mjs", "node-http": "synapsor-writeback-handler.mjs",
         "python-fastapi": "synapsor_writeback_handler.py", "python-http": "synapsor_writeback_handler.py",
         "command": "synapsor-command-handler.mjs", "c": "synapsor-writeback-handler"}
ALIASES = {"node": "node-fastify", "fastify": "node-fastify", "python": "python-fastapi", "fastapi": "python-fastapi",
           "script": "command", "local-command": "command"}
TOKEN, SECRET = "SYNAPSOR_APP_WRITEBACK_TOKEN", "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET"


def handler(folder, *words, check=0):
    result = subprocess.run([os.path.join(BIN, "countersign"), "handler", "template", *words], cwd=folder, text=True,
                            capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if result.returncode != check:
        raise AssertionError("%s: exit %d\n%s" % (words, result.returncode, result.stdout + result.stderr))
    return result


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="countersign-starter-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)


class TheCommand(Folder):
    def test_the_list_and_the_aliases(self):
        shown = handler(self.folder, "--list").stdout
        for name in (*NAMES, *ALIASES):
            self.assertIn(name, shown)
        for alias, name in ALIASES.items():
            self.assertEqual(handler(self.folder, alias, "--stdout").stdout, handler(self.folder, name, "--stdout").stdout)
        self.assertEqual(os.listdir(self.folder), [])

    def test_what_every_starter_says(self):
        for name in set(NAMES) - {"c"}:
            with self.subTest(name):
                got = handler(self.folder, name, "--stdout", "--action", ACTION)
                for part in ("IMPORTANT: your app handler owns the final business write.", "lost updates",
                             "duplicate writes", "cross-tenant", "transaction/rollback", "idempotency"):
                    self.assertIn(part, got.stdout.replace("\n// ", " ").replace("\n# ", " "))
                self.assertIn(ACTION, got.stdout)
                self.assertIn("/usr/share/countersign/kit", got.stdout)
                self.assertNotRegex(got.stdout, r"@[A-Z_]+@|dev-handler-token")
                self.assertIn("tenant/scope check", got.stderr)
        fastify = handler(self.folder, "node-fastify", "--stdout").stdout
        for part in ("Fastify", "app-owned transaction"):
            self.assertIn(part, fastify)
        self.assertTrue(handler(self.folder, "command", "--stdout").stdout.startswith("#!/usr/bin/env node\n"))

    def test_it_is_written_once_and_for_its_owner_to_change(self):
        for name, file in NAMES.items():
            with self.subTest(name):
                self.assertIn("created " + file, handler(self.folder, name).stdout)
                paths = [self.path(file)] if name != "c" else [
                    os.path.join(self.path(file), part) for part in ("handler.c", "server.c", "server.h", "Makefile")]
                self.assertEqual([os.stat(path).st_mode & 0o777 for path in paths], [0o644] * len(paths))
                before = open(paths[0]).read()
                with open(paths[-1], "w") as changed:
                    changed.write("mine")
                refused = handler(self.folder, name, check=1)
                self.assertRegex(refused.stderr, "(?i)exists")
                self.assertEqual(open(paths[-1]).read(), "mine")
                handler(self.folder, name, "--force")
                self.assertEqual(open(paths[0]).read(), before)
                for path in paths:
                    os.unlink(path)
        handler(self.folder, "node-http", "--output", "a/b.mjs")
        self.assertTrue(os.path.exists(self.path("a/b.mjs")))

    def test_words_that_could_be_more_than_names(self):
        for words in (("node-http", "--action", "a'b"), ("node-http", "--action", ""), ("node-http", "--kit-path", "kit"),
                      ("node-http", "--kit-path", "/a'+x"), ("nothing",), (), ("node", "python")):
            with self.subTest(words):
                handler(self.folder, *words, check=1)
        self.assertEqual(os.listdir(self.folder), [])


class Starter(Folder):
    """One template in use. The proposal of the example, whose patch the starter applies to its row."""
    server = None

    @classmethod
    def setUpClass(cls):
        Starter.server = Postgres()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        with open(os.path.join(credit.EXAMPLE, "schema.sql")) as file:
            self.server.sql("shop", "DROP TABLE IF EXISTS synapsor_handler_receipts", file.read(),
                            credit.receipt_table(),
                            "GRANT SELECT, INSERT, UPDATE ON synapsor_handler_receipts TO credit_app")
        self.url = "postgres://credit_app:app_password@127.0.0.1:%d/shop" % self.server.port

    def workspace(self, config, **env):
        w = CreditWorkspace(config=config, server=self.server)
        self.addCleanup(w.close)
        w.env.update(SHOP_READ_URL=self.url.replace("credit_app:app", "credit_reader:reader"), **env)
        del w.env["SHOP_WRITE_URL"]
        return w

    def generated(self, name):
        handler(self.folder, name, "--action", ACTION, "--kit-path", KIT)
        return self.path(NAMES[name])

    def credited(self):
        return self.server.sql("shop", "SELECT credited_cents, credit_reason FROM invoices WHERE id = 'INV-1'")[0]

    def applies(self, command, url=None):
        """It refuses to start without its secrets, then applies a proposal once."""
        port = {} if url is None else {"PORT": url.split(":")[2].split("/")[0]}
        for env in ({TOKEN: ""}, {SECRET: "short"}):
            ended = subprocess.run(command, cwd=self.folder, env={**credit.APP_ENV, "DATABASE_URL": self.url, **env},
                                   capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
            self.assertNotEqual(ended.returncode, 0)
            self.assertIn(list(env)[0], ended.stdout + ended.stderr)
        app = App(command, self.folder, silent_url=url, DATABASE_URL=self.url, **port)
        self.addCleanup(app.kill)
        w = self.workspace(credit.contract(), CREDIT_APP_URL=app.url, **{TOKEN: credit.TOKEN, SECRET: credit.SECRET})
        w.run("doctor", "--check-handlers", "--json")
        identifier = w.approved()
        return json.loads(w.run("apply", identifier, "--json").stdout), app

    def applied(self, got, ends_at_once=False):
        """`ends_at_once`: a server that cuts a peer off which sends too much, so that it may not read why."""
        receipt, app = got
        self.assertEqual((receipt["status"], receipt["rows_affected"]), ("applied", 1), receipt)
        self.assertEqual(self.credited(), ("2500", "late delivery"))
        request = credit.credit_request(invoice="INV-2")
        body = json.dumps(request).encode()
        headers = credit.headers_of(body, request)
        for wrong, status in (({"Authorization": "Bearer wrong"}, 401), ({"X-Synapsor-Signature": "sha256=0"}, 401)):
            self.assertEqual(credit.post(app.url, body, {**headers, **wrong})[0], status)
        try:
            self.assertEqual(credit.post(app.url, b"x" * ((1 << 20) + 1), headers)[0], 413)
        except ConnectionError:
            self.assertTrue(ends_at_once)
        self.assertEqual(credit.post(app.url, body, headers)[0], 200)

    def test_python_http(self):
        self.applied(self.applies(["/usr/bin/python3", self.generated("python-http")]))

    def test_python_fastapi(self):
        self.applied(self.applies(["/usr/bin/python3", self.generated("python-fastapi")],
                                  "http://127.0.0.1:%d/synapsor/writeback" % free_port()), ends_at_once=True)

    def test_c(self):
        folder, lib = self.generated("c"), os.path.join(os.path.dirname(BIN), "lib")
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-o", "handler", "handler.c",
                        "server.c", "-I", KIT + "/c", "-L", lib, "-Wl,-rpath," + lib, "-lcountersign-handler",
                        "-levent_extra", "-levent_core", "-lpthread"], cwd=folder, check=True, capture_output=True)
        self.applied(self.applies([os.path.join(folder, "handler")]))


if node_packages.AVAILABLE:
    class NodeStarter(Starter):
        test_python_http = test_python_fastapi = test_c = None

        def setUp(self):
            super().setUp()
            node_packages.link(self.folder)

        def test_node_http(self):
            self.applied(self.applies([node_packages.NODE, self.generated("node-http")]))

        def test_node_fastify(self):
            self.applied(self.applies([node_packages.NODE, self.generated("node-fastify")]), ends_at_once=True)

        def test_command(self):
            """Executed by writerd-handler in its sandbox, with its database's URL in a file."""
            script = self.generated("command")
            os.unlink(self.path("node_modules"))
            shutil.copytree(node_packages.MODULES, self.path("node_modules"), symlinks=True,
                            ignore=shutil.ignore_patterns("typescript", "@types", "mysql2", "fastify"))
            with open(self.path("database-url"), "w") as file:
                file.write(self.url + "\n")
            config = credit.contract()
            config["executors"]["credit_app"] = {"type": "command_handler", "command_env": "CREDIT_COMMAND",
                                                 "timeout_ms": 20000}
            w = self.workspace(config, CREDIT_COMMAND="%s %s %s %s" % (
                os.path.realpath(node_packages.NODE), script, self.path("database-url"), os.path.join(KIT, "node")))
            receipt = json.loads(w.run("apply", w.approved(), "--json").stdout)
            self.assertEqual((receipt["status"], receipt["rows_affected"]), ("applied", 1), receipt)
            self.assertEqual(self.credited(), ("2500", "late delivery"))


class Init(unittest.TestCase):
    """--emit-handler and what goes with it: with the contract, all files or none."""
    ANSWERS = {"engine": "postgres", "mode": "review", "schema": "public", "table": "invoices", "primary_key": "id",
               "tenant_column": "tenant_id", "conflict_column": "updated_at", "read_url_env": "DATABASE_URL",
               "namespace": "billing", "visible_columns": ["id", "status"], "patch": ["status=fixed:paid"],
               "proposal_tool": "billing.propose_paid", "approval_role": "lead"}

    def setUp(self):
        self.new = Newcomer()
        self.addCleanup(self.new.close)
        self.addCleanup(shutil.rmtree, self.new.path, True)
        self.new.write("answers.json", self.ANSWERS)

    def init(self, *words, writeback="http_handler", check=0):
        flags = {"http_handler": ["--handler-url-env", "APP_URL", "--handler-token-env", "APP_TOKEN"],
                 "command_handler": ["--handler-command-env", "APP_COMMAND"], "sql_update": []}[writeback]
        return self.new.run("init", "--answers", "answers.json", "--writeback", writeback, *flags, *words, check=check)

    def test_a_starter_beside_the_contract(self):
        out = self.init("--emit-handler", "--output", "conf/countersign.json").stdout
        self.assertIn("created conf/synapsor-writeback-handler.mjs", out)
        self.assertIn("IMPORTANT: your app handler owns the final business write.", out)
        text = self.new.read("conf/synapsor-writeback-handler.mjs")
        for part in ("Fastify", "'billing.propose_paid'", 'tokenEnv: "APP_TOKEN"', "signingSecretEnv: null"):
            self.assertIn(part, text)

    def test_a_command_for_a_command_handler(self):
        self.assertIn("created synapsor-command-handler.mjs", self.init("--emit-handler", writeback="command_handler").stdout)

    def test_naming_one_asks_for_it(self):
        self.init("--handler-template", "python-http")
        self.assertIn('token_env="APP_TOKEN"', self.new.read("synapsor_writeback_handler.py"))
        self.init("--handler-template-output", "app/mine.mjs", "--force")
        self.assertIn("Fastify", self.new.read("app/mine.mjs"))
        self.init("--handler-output", "app/other.mjs", "--force")
        self.assertIn("Fastify", self.new.read("app/other.mjs"))

    def test_no_means_no(self):
        before = self.new.files()
        for flag in ("--no-emit-handler", "--skip-handler-template"):
            self.init("--emit-handler", "--handler-output", "x.mjs", flag, "--force")
            self.assertFalse([f for f in self.new.files() if f not in before and f.endswith(("mjs", "py"))])
        self.assertFalse(self.init("--force").stdout.count("handler.mjs"))

    def test_all_or_nothing(self):
        self.new.write("synapsor-writeback-handler.mjs", "mine")
        before = self.new.files()
        self.init("--emit-handler", check=1)
        self.init("--handler-template", "nothing", check=1)
        refused = self.init("--emit-handler", writeback="sql_update", check=1)
        self.assertIn("http_handler", refused.stderr)
        self.assertEqual(self.new.files(), before)
        self.assertEqual(self.new.read("synapsor-writeback-handler.mjs"), "mine")
        self.init("--emit-handler", "--force")
        self.assertIn("Fastify", self.new.read("synapsor-writeback-handler.mjs"))


if __name__ == "__main__":
    unittest.main()
