"""Before serving: tools preview, smoke call, propose, config explain, doctor, up, help
and completion, on an SQLite source."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, REDUCED, Workspace, contract  # noqa: E402

COUNTERSIGN = os.path.join(BIN, "countersign")
CHECKS = ["semantic tools present", "execute_sql absent", "approval tools absent", "commit tools absent",
          "database_url absent", "write credentials absent"]


class Case(unittest.TestCase):
    def setUp(self):
        self.w = Workspace()
        self.addCleanup(self.w.close)

    def changed(self, **changes):
        value = contract()
        value["capabilities"][0].update(changes)
        self.w.write_config(value)


class Tools(Case):
    def test_preview_needs_no_variable_and_names_what_is_not_exposed(self):
        bare = {"SHOP_READ_URL": "", "SHOP_WRITE_URL": ""}
        out = self.w.run("tools", "preview", check=0, env=bare).stdout
        for line in ("Exposed to MCP:", "  - billing.inspect_invoice", "Not exposed to MCP:",
                     "  - execute_sql / raw query tools", "Alias mode: canonical", *("PASS " + c for c in CHECKS)):
            self.assertIn(line, out)
        self.assertFalse(os.path.exists(self.w.store))

    def test_preview_lists_what_is_served(self):
        shown = self.w.json("tools", "list", "--alias-mode", "openai")
        with self.w.client("--tool-name-style", "openai") as mcp:
            served = [t["name"] for t in mcp.request("tools/list")["result"]["tools"]]
        self.assertEqual(shown["exposed_to_mcp"], served)
        self.assertEqual([m["canonicalName"] for m in shown["alias_mappings"]],
                         ["billing.inspect_invoice", "billing.propose_late_fee_waiver"])
        self.assertEqual((len(shown["not_exposed_to_mcp"]), [c["name"] for c in shown["checks"]]), (7, CHECKS))

    def test_aliases_alone_show_both_names(self):
        self.assertEqual(len(self.w.json("tools", "list", "--aliases")["exposed_to_mcp"]), 4)
        result = self.w.run("tools", "list", "--alias-mode", "both", "--openai-tool-aliases", check=1)
        self.assertIn("disagree", result.stderr)

    def test_tool_that_breaks_the_boundary_fails_its_check(self):
        for name, check in (("db.run_query", 1), ("db.approve_it", 2), ("db.commit_it", 3)):
            with self.subTest(name):
                self.changed(name=name)
                result = self.w.run("smoke", "boundary", "--json")
                self.assertEqual(result.returncode, 1)
                bad = [c["name"] for c in json.loads(result.stdout)["checks"] if not c["ok"]]
                self.assertEqual(bad, [CHECKS[check]])
        self.changed(description="See postgres://u:p@h/db for the schema")
        self.assertIn("FAIL database_url absent", self.w.run("mcp", "smoke", check=1).stdout)

    def test_word_token_in_a_description_is_no_credential(self):
        self.changed(description="Reads one invoice; a token of thanks.")
        self.w.run("mcp", "smoke", check=0)

    def test_missing_contract_says_what_to_run(self):
        os.remove(self.w.config)
        result = subprocess.run([COUNTERSIGN, "tools", "preview"], cwd=self.w.path, capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("countersign onboard db --from-env DATABASE_URL", result.stderr)


class Smoke(Case):
    def test_call_is_recorded_and_its_commands_run_as_printed(self):
        out = self.w.run("smoke", "call", "billing.inspect_invoice", check=0).stdout
        self.assertIn("Countersign smoke call: ok", out)
        self.assertIn("Source DB changed:\n  no\nEvidence:\n  ev_", out)
        for line in out[out.index("Next:"):].splitlines()[1:]:
            result = subprocess.run([COUNTERSIGN, *line.split()[1:]], cwd=self.w.path, env=self.w.env,
                                    capture_output=True, text=True, stdin=subprocess.DEVNULL)
            self.assertEqual(result.returncode, 0, line + result.stderr)
        self.assertEqual(len(self.w.json("evidence", "list")["evidence"]), 1)

    def test_proposal_with_both_result_formats_prints_its_ids(self):
        for form in (1, 2):
            with self.subTest(form):
                self.w.write_config(contract(result_format=form))
                out = self.w.run("propose", "billing.propose_late_fee_waiver", "--json",
                                 json.dumps({"invoice_id": "INV-300%d" % form, "reason": "r"}), check=0).stdout
                self.assertIn("INV-300%d" % form, out)
                text = self.w.run("propose", "billing.propose_late_fee_waiver", "--sample", check=0).stdout
                self.assertRegex(text, r"Proposal created.\nCapability:\n.*\nProposal:\n  wrp_\w+\nEvidence:\n  ev_")
                self.assertNotIn("missing", text)

    def test_failed_call_is_a_failure_in_both_formats(self):
        for form in (1, 2):
            with self.subTest(form):
                self.w.write_config(contract(result_format=form))
                bad = self.w.run("smoke", "call", "billing.inspect_invoice", "--json", '{"invoice_id": "none"}')
                self.assertEqual((bad.returncode, json.loads(bad.stdout)["ok"]), (1, False))
                with open(os.path.join(self.w.path, "in.json"), "w") as file:
                    file.write('{"invoice_id": "none"}')
                text = self.w.run("smoke", "call", "billing.inspect_invoice", "--input", "in.json", check=1)
                self.assertIn("Source database changed: no", text.stderr)

    def test_input_is_named_once_and_is_an_object(self):
        for flags, word in ((("--sample", "--json", "{}"), "exactly one"), (("--json", "{}", "--input", "x"), "exactly"),
                            (("--json", "{\"a\":1,\"a\":2}"), "twice"), ((), "exactly one")):
            with self.subTest(flags):
                result = self.w.run("propose", "billing.propose_late_fee_waiver", *flags, check=1)
                self.assertIn(word, result.stderr)
        self.assertFalse(os.path.exists(self.w.store))

    def test_read_is_no_proposal_and_unknown_tools_list_the_known(self):
        self.assertIn("is a read capability", self.w.run("propose", "billing.inspect_invoice", check=1).stderr)
        self.assertIn("billing.inspect_invoice, billing.propose", self.w.run("smoke", "call", "x.y", check=1).stderr)

    def test_sample_fits_type_and_limits_of_each_argument(self):
        value = contract()
        cap = value["capabilities"][1]
        cap["args"] = {"invoice_id": {"type": "string", "max_length": 64}, "reason": {"type": "string", "max_length": 4},
                       "credit_amount": {"type": "string"}, "fee": {"type": "number", "minimum": 5, "maximum": 7},
                       "status_word": {"type": "string", "enum": ["b", "a"]}, "sure": {"type": "boolean"}}
        self.w.write_config(value)
        result = self.w.run("smoke", "call", "billing.propose_late_fee_waiver", "--json")
        given = json.loads(result.stdout)["input"]
        self.assertEqual(given, {"invoice_id": "INV-3001", "reason": given["reason"], "credit_amount":
                                 "sample_credit_amount", "fee": 7, "status_word": "b", "sure": True})
        self.assertEqual((len(given["reason"]), result.returncode), (4, 0))


class Config(Case):
    def test_explanation_holds_the_sql_that_is_sent(self):
        out = self.w.run("config", "explain", check=0).stdout
        for text in ('SELECT "id", "status"', 'WHERE "id" = ? AND "tenant_id" = ? LIMIT 2',
                     'UPDATE "main"."invoices" SET "late_fee_cents" = ?1', "late_fee_cents stays within 0 and 5000",
                     "no argument can change them", "which the model-facing process never has"):
            self.assertIn(text, out)
        value = self.w.json("config", "explain")["capabilities"]
        self.assertEqual([(c["name"], len(c["apply_sql"])) for c in value],
                         [("billing.inspect_invoice", 0), ("billing.propose_late_fee_waiver", 6)])
        for c in value:
            self.assertIn(c["read_sql"], out)

    def test_show_hides_what_may_be_secret(self):
        shown = json.loads(self.w.run("config", "show", "--redacted", check=0).stdout)
        self.assertEqual(shown["sources"]["shop"]["read_url_env"], "<redacted>")
        self.changed(description="write to mysql://u:p@h/x")
        text = self.w.run("config", "show", "--redacted", check=0).stdout
        self.assertNotIn("mysql://", text)
        self.assertEqual(json.loads(self.w.run("config", "show", check=0).stdout)["version"], 1)

    def test_migrate_keeps_the_old_file_and_needs_a_word(self):
        self.assertIn("config already current: version 1\nno file written", self.w.run("config", "migrate", check=0).stdout)
        self.assertEqual(self.w.json("config", "migrate"), {"ok": True, "version": 1, "written": None})
        before = open(self.w.config).read()
        self.assertIn("--yes", self.w.run("config", "migrate", "--write", check=1).stderr)
        self.assertEqual(open(self.w.config).read(), before)
        result = self.w.run("config", "migrate", "--write", "--yes", check=0)
        self.assertIn("wrote migrated config: " + self.w.config, result.stdout)
        backup = next(line for line in result.stderr.splitlines() if line.startswith("Backup: "))
        self.assertEqual(open(backup[8:]).read(), before)
        self.w.write_config({"version": 1})
        self.assertIn("Nothing was written", self.w.run("config", "migrate", "--write", "--yes", check=1).stderr)


class Doctor(Case):
    def checks(self, *flags, code=0, env=None):
        result = self.w.run("doctor", "--json", *flags, env=env)
        value = json.loads(result.stdout)
        self.assertEqual((result.returncode, value["ok"]), (code, code == 0), result.stdout)
        return {c["name"]: c for c in value["checks"]}

    def test_everything_is_looked_at(self):
        self.w.proposed()
        with self.w.client():
            checks = self.checks("--check-writeback", code=1)
        self.assertEqual(checks["source:shop:writeback:receipt-table"]["level"], "fail")
        for name in ("config-valid", "env:SHOP_READ_URL", "capability:billing.inspect_invoice:read:table",
                     "mcp-runtime", "mcp-tool-boundary", "file:store", "file:signing-key", "socket:control",
                     "os:landlock", "os:seccomp"):
            self.assertEqual(checks[name]["level"], "pass", name)
        confined = [c for n, c in checks.items() if n.startswith("sandbox:ledgerd:")]
        self.assertIn("seccomp in force, no_new_privs in force", confined[0]["message"])
        waived = [c["level"] for n, c in checks.items() if n.startswith("isolation:ledgerd:")]
        self.assertEqual(waived, ["warn"] if REDUCED else [])

    def test_missing_variable_broken_contract_and_open_files_fail(self):
        checks = self.checks(code=1, env={"SHOP_READ_URL": ""})
        self.assertEqual((checks["env:SHOP_READ_URL"]["level"], checks["databases:read"]["level"]), ("fail", "warn"))
        self.w.proposed()
        os.chmod(self.w.store, 0o644)
        self.assertIn("chmod 0600", self.checks(code=1)["file:store"]["message"])
        os.chmod(self.w.store, 0o600)
        value = contract()
        del value["capabilities"][0]["target"]
        self.w.write_config(value)
        self.assertEqual(self.checks(code=1)["config-valid"]["level"], "fail")

    def test_one_credential_for_both_roles_is_a_failure(self):
        self.w.write_config(contract("postgres"))
        same = {"SHOP_READ_URL": "postgres://u:topsecret@127.0.0.1:1/x",
                "SHOP_WRITE_URL": "postgres://u:topsecret@127.0.0.1:1/x"}
        name = "source:shop:credential-separation"
        self.assertEqual(self.checks(code=1, env=same)[name]["level"], "fail")
        self.assertEqual(self.checks("--allow-shared-credential", code=1, env=same)[name]["level"], "warn")
        result = self.w.run("doctor", "--check-db", env=same)
        self.assertNotIn("topsecret", result.stdout + result.stderr)

    def test_report_has_its_headings_and_no_secret(self):
        self.assertIn("wrote redacted doctor report: r.md",
                      self.w.run("doctor", "--report", "--redact", "--output", "r.md", check=0).stdout)
        with open(os.path.join(self.w.path, "r.md")) as file:
            text = file.read()
        self.assertEqual([line for line in text.splitlines() if line.startswith("#")],
                         ["# Countersign Doctor Report", "## Semantic Tools", "## Safety Boundary", "## Local Store",
                          "## Checks", "## Redaction Note"])
        self.assertNotIn("sqlite://", text)

    def test_first_run_finds_a_credential_in_a_clients_file(self):
        self.assertEqual(self.w.run("doctor", "--first-run").returncode, 0)
        with open(os.path.join(self.w.path, "c.json"), "w") as file:
            json.dump({"env": {"URL": "postgresql://u:p@h/d"}}, file)
        result = self.w.run("doctor", "--first-run", "--client-config", "c.json", "--json", check=1)
        bad = [c["name"] for c in json.loads(result.stdout)["checks"] if c["status"] == "fail"]
        self.assertEqual(bad, ["mcp-client-config-c.json"])


class Up(Case):
    def test_checklist_shows_names_and_never_values(self):
        out = self.w.run("up", check=0).stdout
        for text in ("Countersign review-mode up", "Serve now: no", "Transport: stdio", "Model-facing tools:",
                     "direct guarded one-row UPDATE via SHOP_WRITE_URL (set)", "Server guidance:",
                     "stdio mode is launched by an MCP client", "Next commands:"):
            self.assertIn(text, out)
        self.assertNotIn("sqlite://", out)
        out = self.w.run("up", "--serve", "--dry-run", check=0).stdout
        self.assertIn("Status: dry run only; server not started.", out)
        self.assertIn("SYNAPSOR_RUNNER_HTTP_TOKEN (missing)", out)

    def test_checklist_for_programs_holds_names_only(self):
        value = self.w.json("up", "--serve", "--dry-run")
        self.assertEqual((value["ok"], value["transport"], value["serve_now"], value["dry_run"]),
                         (True, "streamable-http", True, True))
        self.assertEqual(value["writeback_paths"], [{"capability": "billing.propose_late_fee_waiver",
                                                     "executor": "sql_update", "write_url_env": "SHOP_WRITE_URL",
                                                     "is_set": True}])
        self.assertNotIn("sqlite://", json.dumps(value))

    def test_serving_over_stdio_or_an_invalid_contract_is_refused(self):
        self.assertIn("up --serve starts the Streamable HTTP MCP server",
                      self.w.run("up", "--serve", "--transport", "stdio", check=1).stderr)
        self.w.write_config({"version": 1})
        self.assertIn("invalid config", self.w.run("up", check=1).stderr)


class Words(unittest.TestCase):
    def run_it(self, *words, **options):
        return subprocess.run([COUNTERSIGN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)

    def test_flags_may_stand_anywhere_and_hold_their_value(self):
        w = Workspace()
        self.addCleanup(w.close)
        for words in (("--config", w.config, "config", "validate"), ("config", "validate", "--config=" + w.config),
                      ("--config=" + w.config, "--json", "config", "validate")):
            self.assertEqual(self.run_it(*words).returncode, 0, words)

    def test_help_of_every_command_and_unknown_ones(self):
        self.assertEqual(self.run_it().returncode, 0)
        self.assertIn("--alias-mode", self.run_it("help", "tools", "preview").stdout)
        self.assertEqual(self.run_it("proposals").returncode, 2)
        unknown = self.run_it("nonsense")
        self.assertEqual((unknown.returncode, unknown.stderr),
                         (2, "Unknown command: countersign nonsense\n\nTry:\n  countersign --help\n"))

    def test_help_of_every_command_shows_an_example_that_exists(self):
        words = [tuple(w for w in m.groups() if w) for m in re.finditer(
            r"(?m)^  countersign ([a-z-]+)(?: ([a-z-]+)(?= ))?", self.run_it("--help").stdout)]
        self.assertGreater(len(words), 60)
        for command in words:
            text = self.run_it(*command, "--help").stdout
            self.assertTrue(text.split("Usage:")[1:], command)
            flags = set(re.findall(r"(?m)^  (--[a-z-]+)", text))
            example = text.split("Examples:\n")[-1]
            self.assertIn("countersign " + " ".join(command), example, command)
            used = set(re.findall(r"countersign %s[^|\n]*" % " ".join(command), example))
            self.assertLessEqual({f for line in used for f in re.findall(r" (--[a-z-]+)", line)}, flags, command)

    def test_completion_of_words_and_flags_in_bash(self):
        script = self.run_it("completion", "bash").stdout
        for words, at, wanted in ((["pro"], 1, "propose proposals"), (["proposals", "app"], 2, "approve"),
                                  (["proposals", "list", "--sta"], 3, "--state --status"), (["apply", "--dry"], 2, "--dry-run")):
            code = script + "\nCOMP_WORDS=(countersign %s); COMP_CWORD=%d; _countersign; echo \"${COMPREPLY[*]}\"" % (
                " ".join(words), at)
            found = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd="/").stdout
            self.assertEqual(sorted(found.split()), sorted(wanted.split()), words)
        self.assertEqual(self.run_it("completion", "csh").returncode, 1)

    def complete(self, shell, code, name):
        """What a shell of that kind says when it has loaded the script; no word on standard error."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "completion." + name)
        with open(path, "w") as file:
            file.write(self.run_it("completion", name).stdout)
        found = subprocess.run([*shell, code, path], capture_output=True, text=True, cwd=folder, check=False,
                               env={"PATH": "/usr/bin:/bin", "HOME": folder}, timeout=60)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        return found.stdout

    def test_completion_is_loaded_by_fish(self):
        for line, wanted in (("countersign prop", {"propose", "proposals"}), ("countersign proposals app", {"approve"}),
                             ("countersign apply --dry", {"--dry-run"})):
            with self.subTest(line):
                out = self.complete(["fish", "--no-config", "-c"], "source $argv[1]; complete -C '%s'" % line, "fish")
                self.assertEqual({row.split("\t")[0] for row in out.splitlines()}, wanted)

    def test_completion_is_loaded_by_zsh(self):
        for words, wanted in (("prop", {"propose", "proposals"}), ("proposals app", {"approve"}),
                              ("apply --dry", {"--dry-run"})):
            with self.subTest(words):
                code = """autoload -U compinit && compinit -D -u && source $0
                    [[ $_comps[countersign] == *_countersign* ]] || exit 3
                    COMP_WORDS=(countersign %s); COMP_CWORD=$((${#COMP_WORDS} - 1))
                    emulate bash -c 'setopt KSH_ARRAYS SH_WORD_SPLIT; _countersign'
                    print -l -- $COMPREPLY""" % words
                out = self.complete(["zsh", "-f", "-c"], code, "zsh")
                # compadd, which gets them, drops what does not begin with the word.
                self.assertEqual({w for w in out.split() if w.startswith(words.split()[-1])}, wanted)


if __name__ == "__main__":
    unittest.main()
