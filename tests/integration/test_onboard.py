"""From a schema to files: by flags, spec, answers, saved inspection and recipes; all files or none."""
import json
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import jsonschema  # noqa: E402
from newcomer import Newcomer, printed_commands  # noqa: E402
from workspace import ROOT, ROWS  # noqa: E402

FILES = [".countersign/mcp/claude-desktop.json", ".countersign/mcp/cursor.json", ".countersign/mcp/generic-stdio.json",
         ".countersign/mcp/vscode.json", ".env.example", "countersign.json"]
SPEC = {"version": 1, "engine": "sqlite", "mode": "review", "schema": "main", "table": "invoices",
        "primary_key": "id", "tenant_key": "tenant_id", "conflict_column": "updated_at", "namespace": "billing",
        "visible_columns": ["status", "late_fee_cents"], "read_url_env": "DATABASE_URL",
        "patch": {"late_fee_cents": {"from_arg": "fee"}, "status": {"from_arg": "next"}, "waiver_reason": {"fixed": "x"}},
        "patch_args": {"next": {"max_length": 20, "description": "Where it goes."}},
        "numeric_bounds": {"late_fee_cents": {"minimum": 0, "maximum": 5000}},
        "transition_guards": {"status": {"allowed": {"open": ["paid", "waived"], "waived": ["open"]}}},
        "approval": {"required_role": "billing_lead"},
        "trusted_context": {"tenant_id_env": "THE_TENANT", "principal_env": "THE_CALLER"}}
ANSWERS = {"mode": "review", "engine": "sqlite", "table": "invoices", "schema": "main", "primary_key": "id",
           "tenant_column": "tenant_id", "conflict_column": "updated_at", "visible_columns": "status, late_fee_cents",
           "patch": ["late_fee_cents=arg:fee", "waiver_reason=fixed:approved, in person"],
           "patch_bounds": ["late_fee_cents=0:5000"], "read_tool": "billing.inspect_invoice",
           "proposal_tool": "billing.propose_late_fee", "object_name": " ", "approval_role": "billing_lead",
           "tenant_env": "THE_TENANT"}
SELECTION = json.load(open(os.path.join(ROOT, "schemas/onboarding-selection.v1.schema.json")))
SCHEMA = json.load(open(os.path.join(ROOT, "schemas/contract.schema.json")))


class Case(unittest.TestCase):
    """A shop in a SQLite file; its URL is in DATABASE_URL."""

    def setUp(self):
        self.new = Newcomer(SYNAPSOR_TENANT_ID="acme", SYNAPSOR_PRINCIPAL="bot")
        self.addCleanup(self.new.close)
        self.source = os.path.join(self.new.path, "..", os.path.basename(self.new.path) + ".db")
        self.addCleanup(os.unlink, self.source)
        db = sqlite3.connect(self.source)
        db.execute("CREATE TABLE invoices (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, status TEXT,"
                   " late_fee_cents INTEGER NOT NULL, waiver_reason TEXT, updated_at TEXT)")
        db.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        db.executescript("CREATE TABLE things (key INTEGER PRIMARY KEY, customer_id TEXT, paid BOOLEAN, twice INTEGER AS"
                         " (key * 2), \"a b\" TEXT, card_number TEXT);"
                         "CREATE TABLE plain (id TEXT, name TEXT); CREATE TABLE \"odd name\" (id TEXT, tenant_id TEXT);"
                         "CREATE VIEW seen AS SELECT * FROM invoices;")
        db.commit()
        db.close()
        self.new.env["DATABASE_URL"] = self.new.env["SYNAPSOR_DATABASE_WRITE_URL"] = "sqlite://" + self.source

    def init(self, *words, check=0):
        return self.new.run("init", "--from-env", "DATABASE_URL", "--yes", *words, check=check)

    def valid(self):
        """The contract, which the schema, the command and the tools' preview are content with."""
        value = self.new.contract()
        jsonschema.validate(value, SCHEMA)
        report = json.loads(self.new.run("config", "validate", "--json").stdout)
        self.assertEqual((report["errors"], report["warnings"]), ([], []))
        return value

    def refused(self, text, *words, command="init"):
        """An error with this text, and not a single file."""
        before = self.new.files()
        words = ("--from-env", "DATABASE_URL", "--yes", *words) if command == "init" else words
        result = self.new.run(command, *words, check=1)
        self.assertIn(text, result.stderr)
        self.assertEqual((result.stdout, self.new.files()), ("", before))


class ByFlags(Case):
    def test_one_table_becomes_one_reading_tool(self):
        result = self.init("--table", "invoices", "--mode", "read_only")
        self.assertEqual(result.stdout.splitlines()[:5], [
            "created countersign.json", "created .env.example", "created MCP client snippets under .countersign/mcp",
            "selected main.invoices from sqlite inspection", "exposed tools: invoice.inspect_invoice"])
        self.assertEqual(self.new.files(), FILES)
        value = self.valid()
        self.assertEqual(list(value), ["version", "mode", "result_format", "storage", "sources", "trusted_context",
                                       "contexts", "capabilities"])
        self.assertEqual(list(value["capabilities"][0]), [
            "name", "kind", "description", "returns_hint", "source", "context", "target", "args", "lookup",
            "visible_columns", "evidence", "max_rows"])
        self.assertEqual(value["capabilities"][0]["visible_columns"][:3], ["id", "tenant_id", "updated_at"])
        self.assertEqual(value["sources"], {"local_sqlite": {"engine": "sqlite", "read_url_env": "DATABASE_URL",
                                                             "statement_timeout_ms": 3000}})
        self.assertTrue(value["capabilities"][0]["args"]["invoice_id"]["description"].startswith("Invoice id"))

    def test_a_proposal_has_its_bounds_guards_and_types(self):
        self.init("--table", "main.invoices", "--mode", "review", "--patch",
                  "late_fee_cents=arg:fee,waiver_reason=arg:reason", "--patch-fixed", "status=waived, partly",
                  "--numeric-bound", "late_fee_cents=0:5000", "--namespace", "billing", "--approval-role", "lead")
        proposal = self.valid()["capabilities"][1]
        self.assertEqual(proposal["name"], "billing.propose_invoice_update")
        self.assertEqual(proposal["args"], {
            "invoice_id": {"type": "string", "required": True, "max_length": 128},
            "fee": {"type": "number", "required": True, "minimum": 0, "maximum": 5000},
            "reason": {"type": "string", "required": True, "max_length": 500}})
        self.assertEqual(proposal["patch"], {"late_fee_cents": {"from_arg": "fee"}, "waiver_reason": {"from_arg": "reason"},
                                             "status": {"fixed": "waived, partly"}})
        self.assertEqual(proposal["allowed_columns"], ["late_fee_cents", "waiver_reason", "status"])
        self.assertEqual(proposal["conflict_guard"], {"column": "updated_at"})
        self.assertEqual(proposal["approval"], {"mode": "human", "required_role": "lead"})

    def test_states_become_an_enum_and_fixed_values_have_their_type(self):
        self.init("--table", "invoices", "--mode", "review", "--status-guards", "status=open:paid|waived;waived:open",
                  "--patch", "status=arg:next", "--patch", "late_fee_cents=fixed:0", "--patch", "waiver_reason=fixed:null")
        proposal = self.valid()["capabilities"][1]
        self.assertEqual(proposal["args"]["next"], {"type": "string", "required": True, "max_length": 128,
                                                    "enum": ["paid", "waived", "open"]})
        self.assertEqual(proposal["transition_guards"], {"status": {"allowed": {"open": ["paid", "waived"],
                                                                                "waived": ["open"]}}})
        self.assertEqual((proposal["patch"]["late_fee_cents"], proposal["patch"]["waiver_reason"]),
                         ({"fixed": 0}, {"fixed": None}))

    def test_columns_decide_types_and_odd_and_sensitive_ones_stay_out(self):
        result = self.init("--table", "things", "--mode", "review", "--patch", "paid=arg:paid")
        value = self.valid()
        proposal = value["capabilities"][1]
        self.assertIn("weak_guard_ack", result.stderr)
        self.assertEqual(proposal["conflict_guard"], {"weak_guard_ack": True})
        self.assertEqual(proposal["args"]["paid"]["type"], "boolean")
        self.assertEqual(proposal["visible_columns"], ["key", "customer_id", "paid", "twice"])
        self.assertIn("left out, for its name", result.stderr)

    def test_a_key_that_nothing_makes_unique_is_said(self):
        self.assertIn("nothing makes id unique", self.init("--table", "plain", "--mode", "read_only",
                                                           "--single-tenant-dev").stderr)
        self.assertEqual(self.new.contract()["capabilities"][0]["target"],
                         {"schema": "main", "table": "plain", "primary_key": "id", "single_tenant_dev": True})

    def test_handlers_of_the_application(self):
        self.init("--table", "invoices", "--mode", "review", "--patch", "status=arg:s", "--writeback", "http_handler",
                  "--handler-token-env", "THE_TOKEN", "--handler-signing-secret-env", "THE_SECRET")
        value = self.valid()
        self.assertEqual(value["executors"], {"invoice_http_handler": {
            "type": "http_handler", "url_env": "SYNAPSOR_APP_WRITEBACK_URL", "method": "POST",
            "auth": {"type": "bearer_env", "token_env": "THE_TOKEN"}, "signing_secret_env": "THE_SECRET",
            "timeout_ms": 5000}})
        self.assertTrue(value["sources"]["local_sqlite"]["read_only"])
        self.assertEqual(value["capabilities"][1]["executor"], "invoice_http_handler")
        env = self.new.read(".env.example")
        for line in ('DATABASE_URL="<sqlite-read-url>"', 'THE_TOKEN="<handler-bearer-token>"',
                     'SYNAPSOR_APP_WRITEBACK_URL="http://127.0.0.1:8787/synapsor/writeback"',
                     'SYNAPSOR_TENANT_ID="acme"', 'SYNAPSOR_PRINCIPAL="local_operator"'):
            self.assertIn(line + "\n", env)
        self.init("--table", "invoices", "--mode", "review", "--patch", "status=arg:s", "--writeback",
                  "command_handler", "--force")
        self.assertEqual(self.valid()["executors"], {"invoice_command_handler": {
            "type": "command_handler", "command_env": "SYNAPSOR_APP_WRITEBACK_COMMAND", "timeout_ms": 5000}})

    def test_no_file_holds_a_credential_and_clients_can_read_theirs(self):
        self.new.env["DATABASE_URL"] = "sqlite://" + self.source
        self.init("--table", "invoices", "--mode", "read_only", "--output", "sub/mine.json")
        for name in self.new.files():
            self.assertNotIn("sqlite:/", self.new.read(name))
        for name, keys in (("generic-stdio", []), ("claude-desktop", ["mcpServers", "countersign"]),
                           ("cursor", ["mcpServers", "countersign"]), ("vscode", ["servers", "countersign"])):
            entry = json.loads(self.new.read(".countersign/mcp/%s.json" % name))
            for key in keys:
                entry = entry[key]
            self.assertEqual(entry.pop("type", "stdio"), "stdio")
            path = os.path.realpath(self.new.path)
            self.assertEqual(entry, {"command": "countersign", "args": [
                "mcp", "serve", "--config", path + "/sub/mine.json", "--store", path + "/.countersign/local.db"]})

    def test_refusals_write_nothing(self):
        for text, *words in (
                ("--table is required", "--mode", "read_only"),
                ("table nosuch was not found", "--table", "nosuch"),
                ("there is: main.invoices", "--table", "nosuch"),
                ("unsafe identifier in selection: odd name", "--table", "odd name", "--mode", "read_only"),
                ("has no column x", "--table", "invoices", "--primary-key", "x"),
                ("has no column x", "--table", "invoices", "--visible-columns", "id,x"),
                ("looks like a tenant's", "--table", "plain", "--mode", "read_only"),
                ("mode shadow needs something to propose", "--table", "invoices"),
                ("mode must be read_only, shadow or review", "--table", "invoices", "--mode", "wild"),
                ("a patch is column=fixed:value", "--table", "invoices", "--patch", "status"),
                ("numeric bound column status is not in patch.", "--table", "invoices", "--patch", "late_fee_cents=arg:f",
                 "--patch-bounds", "status=0:1"),
                ("minimum is above maximum", "--table", "invoices", "--patch", "late_fee_cents=arg:f", "--patch-bounds",
                 "late_fee_cents=2:1"),
                ("needs finite numbers", "--table", "invoices", "--patch-bounds", "late_fee_cents=a:1"),
                ("a transition guard is", "--table", "invoices", "--status-guards", "status=open"),
                ("is the conflict_column", "--table", "invoices", "--patch", "updated_at=arg:t"),
                ("is the primary_key", "--table", "invoices", "--patch", "id=arg:t"),
                ("patch column status is not in allowed columns.", "--table", "invoices", "--patch", "status=arg:s",
                 "--allowed-columns", "late_fee_cents"),
                ("is computed by the database", "--table", "things", "--patch", "twice=arg:t"),
                ("is a view", "--table", "seen", "--primary-key", "id", "--patch", "status=arg:s"),
                ("unsafe identifier", "--table", "things", "--mode", "read_only", "--visible-columns", "a b"),
                ("app-owned writeback executors are only valid in review mode.", "--table", "invoices", "--patch",
                 "status=arg:s", "--writeback", "http_handler"),
                ("must be the name of an environment variable", "--table", "invoices", "--mode", "read_only",
                 "--tenant-env", "acme corp"),
                ("must be two words joined by a dot", "--table", "invoices", "--mode", "read_only", "--read-tool", "x"),
                ("MODEL_CONTROLLED_RESERVED_ARG", "--table", "invoices", "--mode", "review", "--patch",
                 "status=arg:tenant_id"),
                ("ARBITRARY_SQL_FORBIDDEN", "--table", "invoices", "--mode", "review", "--patch", "status=arg:sql"),
                ("finds the row already", "--table", "invoices", "--patch", "status=arg:invoice_id"),
                ("Unknown option", "--tabel", "invoices"),
        ):
            with self.subTest(text):
                self.refused(text, *words)

    def test_an_existing_file_stops_all_of_them_unless_forced(self):
        for name in (".env.example", ".countersign/mcp/vscode.json", "countersign.json"):
            os.makedirs(os.path.join(self.new.path, ".countersign/mcp"), exist_ok=True)
            self.new.write(name, "mine")
            self.refused(name + " already exists. Use --force to overwrite.", "--table", "invoices", "--mode",
                         "read_only")
            self.assertEqual(self.new.read(name), "mine")
            os.unlink(os.path.join(self.new.path, name))
        self.new.write("countersign.json", "mine")
        self.init("--table", "invoices", "--mode", "read_only", "--force")
        self.valid()
        self.assertEqual(self.new.files(), FILES)

    def test_a_failure_half_way_leaves_what_was_there(self):
        self.init("--table", "invoices", "--mode", "read_only")
        before = {name: self.new.read(name) for name in FILES}
        # A folder in the place of the last file: all others could be replaced.
        os.unlink(os.path.join(self.new.path, ".countersign/mcp/vscode.json"))
        os.mkdir(os.path.join(self.new.path, ".countersign/mcp/vscode.json"))
        result = self.init("--table", "invoices", "--mode", "read_only", "--namespace", "x", "--force", check=1)
        self.assertIn("No file was written", result.stderr)
        self.assertEqual({n: self.new.read(n) for n in FILES if "vscode" not in n},
                         {n: t for n, t in before.items() if "vscode" not in n})
        self.assertEqual(self.new.files(), [n for n in FILES if "vscode" not in n])

    def test_dry_run_prints_the_contract_only(self):
        result = self.init("--table", "invoices", "--mode", "read_only", "--dry-run")
        self.assertEqual(json.loads(result.stdout)["mode"], "read_only")
        self.assertEqual(self.new.files(), [])


class ByDocument(Case):
    def document(self, flag, value, *words, check=0):
        self.new.write("in.json", value)
        result = self.new.run("init", flag, "in.json", "--yes", *words, check=check)
        os.unlink(os.path.join(self.new.path, "in.json"))
        return result

    def test_a_spec_becomes_a_contract_without_a_database(self):
        jsonschema.validate(SPEC, SELECTION)
        self.document("--spec", SPEC)
        value = self.valid()
        read, proposal = value["capabilities"]
        self.assertEqual((read["name"], proposal["name"]), ("billing.inspect_invoice", "billing.propose_invoice_update"))
        self.assertEqual(proposal["args"]["next"], {"type": "string", "description": "Where it goes.", "required": True,
                                                    "max_length": 20, "enum": ["paid", "waived", "open"]})
        self.assertEqual(value["trusted_context"]["values"], {"tenant_id_env": "THE_TENANT",
                                                              "principal_env": "THE_CALLER"})
        self.assertEqual(proposal["approval"]["required_role"], "billing_lead")

    def test_a_spec_may_name_its_tools_and_its_writeback(self):
        self.document("--spec", {**SPEC, "read_tool": "a.b", "proposal_tool": "a.c", "writeback": {
            "executor": "http_handler", "executor_name": "app", "handler_url_env": "APP", "timeout_ms": 100}})
        value = self.valid()
        self.assertEqual([c["name"] for c in value["capabilities"]], ["a.b", "a.c"])
        self.assertEqual(value["executors"]["app"]["timeout_ms"], 100)

    def test_object_names_of_specs(self):
        for table, name in (("companies", "company"), ("Orders", "order"), ("bus_stops", "bus_stop")):
            self.document("--spec", {**SPEC, "table": table}, "--force")
            self.assertEqual(self.new.contract()["capabilities"][0]["name"], "billing.inspect_" + name)

    def test_answers_become_a_contract_without_a_database(self):
        self.document("--answers", ANSWERS)
        proposal = self.valid()["capabilities"][1]
        self.assertEqual(proposal["name"], "billing.propose_late_fee")
        self.assertEqual(proposal["patch"]["waiver_reason"], {"fixed": "approved, in person"})
        self.assertEqual(proposal["numeric_bounds"], {"late_fee_cents": {"minimum": 0, "maximum": 5000}})
        self.assertEqual(self.new.contract()["sources"]["local_sqlite"]["read_url_env"], "DATABASE_URL")

    def test_what_a_document_lacks_or_mistypes_is_told_and_nothing_written(self):
        without = {k: v for k, v in ANSWERS.items() if k != "primary_key"}
        cases = [("--answers", without, "--answers missing primary_key"),
                 ("--answers", {**ANSWERS, "numeric_bound": "late_fee_cents=0:1"}, "numeric_bound is not known here"),
                 ("--answers", {**ANSWERS, "patch": 1}, "a list of texts is needed"),
                 ("--spec", {**SPEC, "version": 2}, "selection version must be 1"),
                 ("--spec", {**SPEC, "engine": "oracle"}, "engine must be postgres, mysql or sqlite"),
                 ("--spec", {**SPEC, "tenant_key": "tenant id"}, "unsafe identifier in selection: tenant id"),
                 ("--spec", {**SPEC, "table": 'x"; DROP TABLE y'}, "unsafe identifier in selection"),
                 ("--spec", {**SPEC, "visible_columns": []}, "at least one visible column"),
                 ("--spec", {**SPEC, "patch": {"status": {}}}, "patch.status must have fixed (a scalar) or from_arg"),
                 ("--spec", {**SPEC, "transition_guards": {"status": {"allowed": {"open": []}}}}, "TRANSITION_TO"),
                 ("--spec", {**SPEC, "approval": {"quorum": 2}}, "quorum is not known here"),
                 ("--spec", "[]", "an object is needed"), ("--spec", '{"a": 1, "a": 2}', "a"),
                 ("--spec", {k: v for k, v in SPEC.items() if k != "tenant_key"}, "selection needs tenant_key")]
        for flag, value, text in cases:
            with self.subTest(text):
                result = self.document(flag, value, check=1)
                self.assertIn(text, result.stderr)
                self.assertEqual((result.stdout, self.new.files()), ("", []))

    def test_a_spec_wants_to_be_told_that_nobody_is_asked(self):
        self.new.write("in.json", SPEC)
        self.assertIn("init --spec requires --non-interactive",
                      self.new.run("init", "--spec", "in.json", check=1).stderr)

    def test_a_saved_inspection_is_as_good_as_a_database(self):
        self.new.run("inspect", "--from-env", "DATABASE_URL", "--output", "schema.json")
        words = ["--table", "invoices", "--mode", "review", "--patch-from-arg", "late_fee_cents=fee"]
        self.new.run("init", "--inspection-json", "schema.json", "--from-env", "DATABASE_URL", *words)
        saved = self.valid()
        self.init(*words, "--force")
        self.assertEqual(self.new.contract(), saved)
        self.new.write("schema.json", "{}")
        result = self.new.run("init", "--inspection-json", "schema.json", *words, "--force", check=1)
        self.assertIn("INSPECTION_INVALID", result.stderr)
        self.assertEqual(self.new.contract(), saved)


class Starters(Case):
    def test_each_engine_and_mode_has_a_valid_starter(self):
        for engine in ("postgres", "mysql", "sqlite"):
            for mode in ("read_only", "shadow", "review", "cloud"):
                result = self.new.run("init", "--engine", engine, "--mode", mode, "--force")
                self.assertIn("created countersign.json", result.stdout)
                self.assertEqual(self.new.contract()["mode"], mode)
                self.new.run("config", "validate")
        self.assertEqual(self.new.files(), ["countersign.json"])
        self.assertIn("already exists", self.new.run("init", check=1).stderr)
        self.assertIn("--engine", self.new.run("init", "--engine", "oracle", "--force", check=1).stderr)

    def test_wizards_need_a_terminal(self):
        for words in (["init", "--wizard"], ["onboard", "db", "--from-env", "DATABASE_URL"]):
            result = self.new.run(*words, check=1)
            self.assertIn("TERMINAL_REQUIRED", result.stderr)
            self.assertEqual(self.new.files(), [])


class Recipes(Case):
    IDS = ["accounts.trial_extension", "billing.late_fee_waiver", "credits.account_credit", "orders.refund_review",
           "support.ticket_resolution"]

    def test_each_is_listed_shown_and_becomes_a_valid_contract(self):
        listed = json.loads(self.new.run("recipes", "list", "--json").stdout)["recipes"]
        self.assertEqual([r["id"] for r in listed], self.IDS)
        for recipe in listed:
            with self.subTest(recipe["id"]):
                whole = json.loads(self.new.run("recipes", "show", recipe["id"], "--json").stdout)
                self.assertEqual(whole, json.load(open(os.path.join(ROOT, "schemas/recipes", recipe["id"] + ".json"))))
                result = self.new.run("recipes", "init", recipe["id"], "--force")
                self.assertIn("initialized recipe %s\n" % recipe["id"], result.stdout)
                value = self.valid()
                self.assertEqual([c["name"] for c in value["capabilities"]], recipe["semantic_tools"])
                for arg, facts in whole["spec"]["patch_args"].items():
                    self.assertLessEqual(facts.items(), value["capabilities"][1]["args"][arg].items())
                jsonschema.validate(whole["spec"], SELECTION)
                self.new.run("recipes", "init", recipe["id"], "--force", "--mode", "read_only")
                self.assertEqual([c["name"] for c in self.valid()["capabilities"]], recipe["semantic_tools"][:1])

    def test_text_has_the_labels(self):
        text = self.new.run("recipes", "show", "support.ticket_resolution").stdout
        for label in ("Expected table:", "Required columns:", "Primary key:", "Tenant key:", "Conflict/version column:",
                      "Visible columns:", "Allowed write columns:", "Tools:", "- "):
            self.assertIn(label, text)

    def test_a_file_is_a_recipe_and_what_is_none_is_refused(self):
        self.assertIn("countersign recipes list", self.new.run("recipes", "init", "no.such", check=1).stderr)
        recipe = json.loads(self.new.run("recipes", "show", "billing.late_fee_waiver", "--json").stdout)
        self.new.write("mine.json", {**recipe, "id": "mine"})
        self.assertIn("initialized recipe mine", self.new.run("recipes", "init", "./mine.json").stdout)
        self.new.write("bad.json", {k: v for k, v in recipe.items() if k != "spec"})
        self.assertIn("RECIPE_INVALID", self.new.run("recipes", "show", "bad.json", check=1).stderr)

    def test_flags_fit_a_recipe_to_a_table_and_the_tools_work(self):
        self.new.run("recipes", "init", "billing.late_fee_waiver", "--engine", "sqlite", "--schema", "main",
                     "--read-tool", "billing.inspect_invoice", "--source-name", "shop")
        self.valid()
        self.new.env["SYNAPSOR_DATABASE_READ_URL"] = self.new.env["DATABASE_URL"]
        with self.new.client() as mcp:
            self.assertEqual(mcp.read("INV-3001")["data"]["late_fee_cents"], 5500)
            self.assertTrue(mcp.envelope("billing.propose_late_fee_waiver", invoice_id="INV-3001", reason="x")["ok"])


class OnboardDb(Case):
    def test_four_commands_from_a_url_to_the_first_call(self):
        """An empty folder, a URL: none of what is printed is edited."""
        first = self.new.run("inspect", "--from-env", "DATABASE_URL").stdout
        self.assertIn("countersign onboard db --from-env DATABASE_URL", printed_commands(first))
        second = self.new.run("onboard", "db", "--from-env", "DATABASE_URL", "--table", "invoices", "--mode", "read_only",
                              "--smoke-id", "INV-3001", "--yes").stdout
        for text in ("Countersign own-database onboarding", "created .env.example", "config valid: countersign.json",
                     "Countersign tools preview: ok", "Doctor:", "Next commands:"):
            self.assertIn(text, second)
        self.assertNotIn("WRITEBACK_DISABLED", second)
        third, *rest = [c for c in printed_commands(second) if "mcp serve" not in c]
        self.assertEqual(rest, [])
        called = self.new.shell(third).stdout
        self.assertIn("Countersign smoke call: ok", called)
        fourth = next(c for c in printed_commands(called) if "evidence show" in c)
        self.assertIn("INV-3001", self.new.shell(fourth).stdout)

    def test_the_newcomers_path_is_timed(self):
        """By tests/newcomer.sh, in an empty folder; a minute is far too long even on a slow machine."""
        os.mkdir(os.path.join(self.new.path, "empty"))
        took = self.new.shell("cd empty && exec " + os.path.join(ROOT, "tests", "newcomer.sh") + " invoices INV-3001")
        self.assertRegex(took.stdout, r"first call after \d+ ms, three commands\nevidence seen after \d+ ms, four")
        self.assertLess(int(took.stdout.split()[3]), 60000)
        print(took.stdout)

    def test_every_printed_command_runs_as_it_is_printed(self):
        words = ["--from-env", "DATABASE_URL", "--table", "invoices", "--mode", "review", "--patch", "status=arg:s",
                 "--smoke-id", "INV-3001", "--yes"]
        odd = ["--output", "it's mine/contract one.json"]
        for command, extra in ((["init"], []), (["init"], odd), (["onboard", "db"], []),
                               (["onboard", "db"], ["--output", "sub/mine.json"])):
            text = self.new.run(*command, *words, *extra, "--force").stdout
            commands = printed_commands(text)
            self.assertTrue(any("mcp serve" in c for c in commands), text)
            for line in commands:
                with self.subTest(line):
                    if " mcp serve" in line:
                        with self.new.client(line) as mcp:
                            self.assertEqual(len(mcp.request("tools/list")["result"]["tools"]), 2)
                    else:
                        self.new.shell(line)

    def test_printed_commands_run_where_names_have_blanks_and_quotes(self):
        """Every path that is printed back is quoted, and the store and contract that were given go along."""
        place = ["--config", "it's mine/c one.json", "--store", "it's mine/led ger.db"]
        self.new.run("onboard", "db", "--from-env", "DATABASE_URL", "--table", "invoices", "--mode", "review", "--patch",
                     "status=arg:s", "--yes", "--output", place[1])
        self.new.env["SYNAPSOR_DATABASE_READ_URL"] = self.new.env["DATABASE_URL"]
        os.makedirs(os.path.join(self.new.path, "it's mine"), exist_ok=True)
        read, propose = (c["name"] for c in self.new.contract(place[1])["capabilities"])
        texts = [self.new.run(*words, *place).stdout for words in (
            ["smoke", "call", read, "--input", self.new.write("in put.json", {"invoice_id": "INV-3001"})],
            ["propose", propose, "--input", self.new.write("p.json", {"invoice_id": "INV-3001", "s": "paid"})],
            ["proposals", "show", "latest"], ["replay", "latest"],
            ["tools", "preview"], ["up"])]
        ran = 0
        for text in texts:
            commands = [c for c in printed_commands(text) if not any(
                word in c for word in ("mcp serve", "up --serve", "proposals approve", "proposals reject",
                                       "countersign apply", "doctor", "smoke call"))]
            self.assertTrue(commands or "tools preview" in text, text)
            for line in commands:
                with self.subTest(line):
                    self.new.shell(line)
                    ran += 1
            self.assertIn("it'\\''s mine", text)
        self.assertGreater(ran, 10)

    def test_start_is_the_same_and_says_what_it_is_not(self):
        result = self.new.run("start", "--from-env", "DATABASE_URL", "--table", "invoices", "--mode", "read_only",
                              "--yes", "--dry-run")
        self.assertIn("own-database onboarding", result.stdout)
        self.assertEqual(self.new.files(), [])
        self.assertIn("--from-env", self.new.run("start", check=1).stderr)
        self.assertEqual(self.new.run("onboard", "nothing", check=2).returncode, 2)

    def test_variables_that_are_not_set_are_told_and_doctor_is_no_verdict(self):
        del self.new.env["SYNAPSOR_TENANT_ID"]
        text = self.new.run("onboard", "db", "--from-env", "DATABASE_URL", "--table", "invoices", "--mode", "read_only",
                            "--yes").stdout
        self.assertIn("This is expected while environment variables are not set", text)
        self.assertRegex(text, r"Set in your environment first \(see .env.example\): SYNAPSOR_TENANT_ID\n")


if __name__ == "__main__":
    unittest.main()
