"""Looking at a schema: what is found on each server, what is suggested and why, and what is never told."""
import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mariadb import Mariadb  # noqa: E402
from newcomer import Newcomer  # noqa: E402
from postgres import PASSWORD, Postgres, free_port  # noqa: E402
from workspace import BIN, ROWS  # noqa: E402

INSPECT = os.path.join(BIN, "countersign-inspect")

POSTGRES = [
    "CREATE TABLE orders (tenant_id text NOT NULL, number integer NOT NULL, status text DEFAULT 'open',"
    " total numeric(10,2), doubled numeric GENERATED ALWAYS AS (total * 2) STORED, api_key text, user_ssn text,"
    " photo bytea, tags text[], extra jsonb, modified_at timestamptz, PRIMARY KEY (tenant_id, number))",
    "CREATE TABLE lines (id integer PRIMARY KEY, tenant_id text, number integer, sku text, note text,"
    " FOREIGN KEY (tenant_id, number) REFERENCES orders (tenant_id, number))",
    "CREATE UNIQUE INDEX lines_sku ON lines (sku)",
    "CREATE UNIQUE INDEX lines_open ON lines (note) WHERE note IS NOT NULL",
    "CREATE UNIQUE INDEX lines_lower ON lines (lower(note))",
    "CREATE VIEW open_orders AS SELECT number, tenant_id FROM orders WHERE status = 'open'",
    "CREATE TABLE \"odd \"\" name\" (\"a'b\" text, id text)",
    "CREATE TABLE hidden (id text)",
    "COMMENT ON TABLE orders IS 'what was bought'", "COMMENT ON COLUMN orders.status IS 'open or paid'",
    "GRANT SELECT ON orders, open_orders, \"odd \"\" name\" TO reader",
    "GRANT SELECT (id, sku, tenant_id, number) ON lines TO reader",
]


def tables(document):
    return {t["name"]: t for t in document["tables"]}


def columns(table):
    return {c["name"]: c for c in table["columns"]}


class Case(unittest.TestCase):
    def setUp(self):
        self.new = Newcomer()
        self.addCleanup(self.new.close)

    def inspect(self, *words, check=0):
        return json.loads(self.new.run("inspect", "--from-env", "U", "--json", *words, check=check).stdout)


class OnPostgres(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()
        cls.addClassCleanup(cls.server.close)
        cls.server.make_shop(ROWS)
        cls.server.sql("shop", *POSTGRES)

    def setUp(self):
        super().setUp()
        self.new.env["U"] = self.server.url("shop", "reader")

    def test_a_role_that_may_only_read_sees_keys_and_constraints(self):
        found = tables(self.inspect())
        self.assertEqual(found["orders"]["primary_key"], ["tenant_id", "number"])
        self.assertEqual(found["invoices"]["primary_key"], ["id"])
        self.assertEqual(found["lines"]["foreign_keys"], [{
            "name": "lines_tenant_id_number_fkey", "columns": ["tenant_id", "number"], "referenced_schema": "public",
            "referenced_table": "orders", "referenced_columns": ["tenant_id", "number"]}])

    def test_an_index_over_some_rows_or_an_expression_names_no_columns(self):
        found = {i["name"]: i for i in tables(self.inspect())["lines"]["indexes"]}
        self.assertEqual(found["lines_sku"]["columns"], ["sku"])
        self.assertTrue(found["lines_sku"]["unique"])
        for name in ("lines_open", "lines_lower"):
            self.assertNotIn("columns", found[name])
        self.assertIn("CREATE UNIQUE INDEX lines_sku", found["lines_sku"]["definition"])

    def test_types_defaults_comments_and_generated_columns(self):
        orders = tables(self.inspect())["orders"]
        found = columns(orders)
        self.assertEqual(orders["comment"], "what was bought")
        self.assertEqual(found["status"]["comment"], "open or paid")
        self.assertEqual(found["status"]["default"], "'open'::text")
        self.assertEqual((found["tags"]["data_type"], found["total"]["data_type"]), ("ARRAY", "numeric"))
        self.assertEqual((found["doubled"]["generated"], found["total"]["generated"]), (True, False))
        self.assertEqual((found["number"]["nullable"], found["total"]["nullable"]), (False, True))
        self.assertNotIn("default", found["total"])

    def test_suggestions_have_their_reasons(self):
        s = tables(self.inspect())["orders"]["suggestions"]
        self.assertEqual((s["tenant_columns"], s["conflict_columns"]), (["tenant_id"], ["modified_at"]))
        self.assertEqual(s["sensitive_columns"], ["api_key", "user_ssn"])
        self.assertEqual(s["default_visible_columns"],
                         ["tenant_id", "number", "status", "total", "doubled", "tags", "modified_at"])
        reasons = {(r["column"], r["suggestion"]): r["reason"] for r in s["reasons"]}
        self.assertEqual(reasons["api_key", "sensitive"], "its name says API key")
        self.assertIn(("photo", "large_or_binary"), reasons)
        self.assertIn(("number", "key"), reasons)

    def test_views_are_not_writable_and_hidden_tables_and_columns_are_not_there(self):
        found = tables(self.inspect())
        self.assertEqual((found["open_orders"]["type"], found["open_orders"]["writable"]), ("view", False))
        self.assertNotIn("hidden", found)
        self.assertNotIn("note", columns(found["lines"]))
        self.assertIn("odd \" name", found)

    def test_filters_take_one_schema_or_some_tables(self):
        self.server.sql("shop", "CREATE SCHEMA IF NOT EXISTS other", "DROP TABLE IF EXISTS other.invoices",
                        "CREATE TABLE other.invoices (id text)", "GRANT USAGE ON SCHEMA other TO reader",
                        "GRANT SELECT ON other.invoices TO reader")
        pairs = [(t["schema"], t["name"]) for t in self.inspect("--tables", "other.invoices,lines")["tables"]]
        self.assertEqual(pairs, [("other", "invoices"), ("public", "lines")])
        self.assertEqual([t["name"] for t in self.inspect("--schema", "other")["tables"]], ["invoices"])

    def test_text_tells_the_same_and_what_to_do_next(self):
        text = self.new.run("inspect", "--from-env", "U").stdout
        for line in ("Countersign schema inspection", "Engine: postgres", "Current user: reader",
                     "- public.orders (table)", "  primary key: tenant_id, number",
                     "  possible tenant/scope columns: tenant_id (its name says tenant)",
                     "  fields suggested for review: none", "- public.open_orders (view)",
                     "  primary key: not detected", "Next:", "  countersign onboard db --from-env U"):
            self.assertIn(line + "\n", text)

    def test_nothing_but_the_catalog_is_asked(self):
        self.server.sql("shop", "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
        self.inspect()
        self.server.sql("shop", "ALTER SYSTEM RESET log_statement", "SELECT pg_reload_conf()")
        with open(os.path.join(self.server.path, "log")) as log:
            text = log.read()
        self.assertIn("WITH t AS (SELECT c.oid", text)
        for word in ("FROM invoices", "FROM public.", "FROM orders", "INSERT", "UPDATE "):
            self.assertNotIn(word, text.split("WITH t AS", 1)[1])

    def test_no_password_anywhere(self):
        port = free_port()
        for url in ("postgres://reader:hunter2@127.0.0.1:%d/shop" % port, self.server.url("shop", "reader")[:-4] + "nodb",
                    "postgres://reader:hunter2@127.0.0.1:%d/shop" % self.server.port,
                    "postgres://reader:hunter2@127.0.0.1/shop?service=x"):
            result = self.new.run("inspect", "--from-env", "U", check=1, U=url)
            self.assertRegex(result.stderr, r"^error: DATABASE_(UNAVAILABLE|URL_INVALID): ")
            for secret in ("hunter2", PASSWORD, PASSWORD.replace(" ", "%20")):
                self.assertNotIn(secret, result.stdout + result.stderr)
            self.assertEqual(self.new.files(), [])

    def test_output_is_a_file_that_is_not_replaced_unasked(self):
        result = self.new.run("inspect", "--from-env", "U", "--output", "schema.json")
        self.assertEqual(result.stdout, "created schema.json\n")
        self.assertIn("invoices", tables(json.loads(self.new.read("schema.json"))))
        self.new.write("schema.json", "mine")
        result = self.new.run("inspect", "--from-env", "U", "--output", "schema.json", check=1)
        self.assertIn("already exists", result.stderr)
        self.assertEqual(self.new.read("schema.json"), "mine")

    def test_a_url_on_the_command_line_works_and_is_advised_against(self):
        for words in ([self.new.env["U"]], ["--from", self.new.env["U"]]):
            result = self.new.run("inspect", *words, "--json")
            self.assertIn("invoices", tables(json.loads(result.stdout)))
            self.assertIn("--from-env", result.stderr)


class OnMariadb(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = Mariadb()
        cls.addClassCleanup(cls.server.close)
        cls.server.make_shop(ROWS)
        cls.server.sql(
            "shop",
            "CREATE TABLE orders (tenant_id varchar(20) NOT NULL, number integer NOT NULL, status varchar(20)"
            " DEFAULT 'open' COMMENT 'open or paid', doubled integer AS (number * 2) STORED, photo blob, sku varchar(9),"
            " note varchar(200), row_version bigint, PRIMARY KEY (tenant_id, number), UNIQUE KEY by_sku (sku),"
            " UNIQUE KEY by_prefix (note(5)))",
            "CREATE VIEW open_orders AS SELECT number FROM orders", "CREATE TABLE `odd ``name` (`a b` text)",
            "CREATE TABLE hidden (id int)", "GRANT SELECT ON shop.orders TO reader@'%'",
            "GRANT SELECT ON shop.open_orders TO reader@'%'", "GRANT SELECT ON shop.`odd ``name` TO reader@'%'")

    def setUp(self):
        super().setUp()
        self.new.env["U"] = self.server.url("shop", "reader")

    def test_an_account_that_may_only_read_sees_keys(self):
        found = tables(self.inspect())
        self.assertEqual(found["orders"]["primary_key"], ["tenant_id", "number"])
        self.assertEqual(found["orders"]["unique_constraints"], [{"name": "by_sku", "columns": ["sku"]}])
        self.assertEqual(found["open_orders"]["type"], "view")
        self.assertIn("odd `name", found)
        self.assertNotIn("hidden", found)

    def test_types_defaults_comments_and_generated_columns(self):
        orders = tables(self.inspect())["orders"]
        found = columns(orders)
        self.assertEqual((found["status"]["default"], found["status"]["comment"]), ("'open'", "open or paid"))
        self.assertNotIn("default", found["note"])
        self.assertEqual((found["doubled"]["generated"], found["number"]["generated"]), (True, False))
        self.assertTrue(found["photo"]["suggestions"]["large_or_binary"])
        self.assertEqual(orders["suggestions"]["conflict_columns"], ["row_version"])

    def test_mariadb_urls_and_a_named_engine(self):
        self.new.env["U"] = self.server.url("shop", "reader", "mariadb")
        self.assertEqual(self.inspect("--engine", "mysql")["engine"], "mysql")
        result = self.new.run("inspect", "--from-env", "U", "--engine", "postgres", check=1)
        self.assertIn("DATABASE_URL_INVALID", result.stderr)

    def test_no_password_anywhere(self):
        result = self.new.run("inspect", "--from-env", "U", check=1, U=self.server.url("shop", "writer") + "x")
        self.assertNotIn(PASSWORD, result.stderr)
        self.assertIn("DATABASE_UNAVAILABLE", result.stderr)


class OnSqlite(Case):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.new.path, "shop.db")
        self.new.env["U"] = "sqlite://" + self.file
        with sqlite3.connect(self.file) as db:
            db.executescript(
                "CREATE TABLE orders (tenant_id TEXT, number INTEGER, status TEXT DEFAULT 'open', doubled INTEGER AS"
                " (number * 2) STORED, note TEXT, sku TEXT UNIQUE, updated_at TEXT, PRIMARY KEY (tenant_id, number));"
                "CREATE UNIQUE INDEX some ON orders (note) WHERE note IS NOT NULL;"
                "CREATE UNIQUE INDEX low ON orders (lower(note));"
                "CREATE TABLE lines (id INTEGER PRIMARY KEY, tenant_id TEXT, number INTEGER,"
                " FOREIGN KEY (tenant_id, number) REFERENCES orders (tenant_id, number));"
                "CREATE VIEW good AS SELECT number FROM orders; CREATE VIEW broken AS SELECT x FROM nosuch;"
                "CREATE TABLE \"odd name\" (\"a b\" TEXT); CREATE VIRTUAL TABLE words USING fts5(word);")
        db.close()

    def test_keys_constraints_views_and_generated_columns(self):
        document = self.inspect()
        found = tables(document)
        self.assertEqual(found["orders"]["primary_key"], ["tenant_id", "number"])
        self.assertEqual([u["columns"] for u in found["orders"]["unique_constraints"]], [["sku"]])
        self.assertTrue(columns(found["orders"])["doubled"]["generated"])
        self.assertEqual(found["lines"]["foreign_keys"][0]["referenced_columns"], ["tenant_id", "number"])
        self.assertEqual(found["good"]["type"], "view")
        self.assertEqual([name for name in found if name.startswith("words")], [], "virtual, and what it is made of")

    def test_a_broken_view_is_told_and_spoils_nothing(self):
        document = self.inspect()
        self.assertEqual(tables(document)["broken"]["columns"], [])
        self.assertTrue(any("broken" in w for w in document["warnings"]))

    def test_a_schema_larger_than_one_document_is_passed_on_listed_and_used(self):
        with sqlite3.connect(self.file) as db:
            for i in range(250):
                db.execute("CREATE TABLE t%d (id TEXT PRIMARY KEY, tenant_id TEXT, %s)" % (
                    i, ", ".join("c%d TEXT" % k for k in range(15))))
        db.close()
        self.assertIn("t249", tables(self.inspect()))
        self.assertIn("- main.t249 (table)", self.new.run("inspect", "--from-env", "U").stdout)
        self.new.run("init", "--from-env", "U", "--table", "t249", "--mode", "read_only")
        self.assertEqual(self.new.contract()["capabilities"][0]["target"]["table"], "t249")

    def test_the_file_is_neither_made_nor_changed(self):
        with open(self.file, "rb") as file:
            before = file.read()
        self.inspect()
        with open(self.file, "rb") as file:
            self.assertEqual(file.read(), before)
        self.new.run("inspect", "--from-env", "U", check=1, U="sqlite://" + self.file + "2")
        self.assertFalse(os.path.exists(self.file + "2"))


class TheProgram(Case):
    def test_without_a_url_nothing_is_done_and_it_is_said(self):
        result = self.new.run("inspect", "--from-env", "NOT_SET", check=1)
        self.assertIn("DATABASE_URL_MISSING: NOT_SET is not set.", result.stderr)
        for words, text in ((["--from-env", "a b"], "must be an environment variable name."),
                            (["--engine", "oracle"], "inspect --engine must be postgres, mysql, or auto."),
                            (["--from", "http://x"], "--from wants a"),
                            (["sqlite:x", "--from", "sqlite:y"], "give the URL once")):
            self.assertIn(text, self.new.run("inspect", *words, check=1).stderr)

    def test_it_gets_one_variable_of_the_environment_and_wipes_it(self):
        """A FIFO as the database keeps the program waiting while it is looked at."""
        folder = tempfile.mkdtemp()
        self.addCleanup(lambda: subprocess.run(["rm", "-r", folder], check=True))
        with sqlite3.connect(os.path.join(folder, "held.db")) as db:
            db.execute("CREATE TABLE t (id TEXT)")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        self.addCleanup(db.close)
        process = subprocess.Popen(["strace", "-f", "-e", "trace=execve", "-v", "-s", "500", "-o",
                                    os.path.join(folder, "trace"), os.path.join(BIN, "countersign"), "inspect",
                                    "--from-env", "U"], cwd=self.new.path, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**self.new.env, "U": "sqlite://" + os.path.join(folder, "held.db"),
                                        "OTHER_SECRET": "tell nobody"})
        output = process.communicate(timeout=60)[0]
        self.assertIn("locked", output)
        with open(os.path.join(folder, "trace")) as file:
            call = next(line for line in file if "countersign-inspect" in line)
        self.assertIn("U=sqlite", call)
        self.assertNotIn("tell nobody", call)
        words = call.split("], [")[0]
        self.assertNotIn("sqlite:", words, "the URL is not among the arguments")

    def test_a_server_that_says_nothing_is_given_up(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            url = "postgres://a:hunter2@127.0.0.1:%d/b?connect_timeout=2" % silent.getsockname()[1]
            started = time.monotonic()
            result = self.new.run("inspect", "--from-env", "U", check=1, U=url)
        self.assertIn("DATABASE_UNAVAILABLE", result.stderr)
        self.assertNotIn("hunter2", result.stderr)
        self.assertLess(time.monotonic() - started, 15)

    def test_its_own_usage(self):
        self.assertEqual(subprocess.run([INSPECT], capture_output=True, check=False).returncode, 100)
        result = subprocess.run([INSPECT, "--url-env", "NO"], capture_output=True, check=False, env={})
        self.assertEqual((result.returncode, json.loads(result.stdout)["error"]["reason"]), (1, "DATABASE_URL_MISSING"))
        self.assertTrue(stat.S_ISREG(os.stat(INSPECT).st_mode))


if __name__ == "__main__":
    unittest.main()
