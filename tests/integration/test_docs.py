"""What the documents say is so: contracts, commands, links, codes, man pages, and
the README's setup of a PostgreSQL database."""
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import unittest

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "boundary")]
import promises  # noqa: E402
from workspace import BIN, ROOT, Workspace  # noqa: E402
from postgres import PASSWORD, Postgres  # noqa: E402

COUNTERSIGN = os.path.join(BIN, "countersign")
MAN = sorted(glob.glob(os.path.join(ROOT, "docs/man/*.[1-8]")))


def documents():
    found = [os.path.join(ROOT, "README.md")]
    for folder in ("docs", "examples"):
        found += glob.glob(os.path.join(ROOT, folder, "**", "*.md"), recursive=True)
    return sorted(found)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks(text, language):
    return re.findall(r"(?ms)^```%s\n(.*?)^```$" % language, text)


def run(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def commands():
    """{("proposals", "show"): {"--json": takes a value, ...}}, from --help."""
    table = {}
    for line in run(COUNTERSIGN, "--help").stdout.splitlines():
        words = re.match(r"  countersign ([a-z-]+)(?: ([a-z-]+)(?= ))?", line)
        if words is None:
            continue
        key = tuple(w for w in words.groups() if w)
        help_text = run(COUNTERSIGN, *key, "--help").stdout
        table[key] = {flag: value == " VALUE"
                      for flag, value in re.findall(r"(?m)^  (--[a-z-]+)( VALUE)?$", help_text)}
    return table


def problem(table, words):
    """What is wrong with the words after "countersign"; None if nothing."""
    if words[:1] in (["--version"], ["--help"], []):
        return None
    key = next((k for k in (tuple(words[:2]), tuple(words[:1])) if k in table), None)
    if key is None:
        return None if len(words) == 1 and any(k[0] == words[0] for k in table) else "no such command"
    rest = words[len(key):]
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            continue
        flag, _, value = word.partition("=")
        if flag not in table[key]:
            return "no such flag: " + flag
        if table[key][flag] and not value:
            if not rest:
                return flag + " wants a value"
            rest.pop(0)
    return None


class Documents(unittest.TestCase):
    def test_the_threat_model_is_what_the_tests_say(self):
        with open(promises.DOCUMENT) as file:
            text = file.read()
        self.assertEqual(promises.generated(text), text, "run tests/boundary/promises.py write")
        self.assertEqual(promises.missing_tests(), [])

    def test_every_contract_is_valid(self):
        schema = json.loads(read(os.path.join(ROOT, "schemas/contract.schema.json")))
        contracts = {}
        for path in documents():
            for i, text in enumerate(blocks(read(path), "json")):
                contracts["%s block %d" % (path, i)] = json.loads(text)
        for path in glob.glob(os.path.join(ROOT, "examples/**/*.json"), recursive=True):
            contracts[path] = json.loads(read(path))
        contracts = {name: value for name, value in contracts.items() if "capabilities" in value}
        self.assertGreaterEqual(len(contracts), 2)
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        for name, value in contracts.items():
            with self.subTest(name):
                jsonschema.validate(value, schema)
                w.write_config(value)
                report = json.loads(run(COUNTERSIGN, "config", "validate", "--config", w.config, "--json").stdout)
                self.assertEqual((report["errors"], report["warnings"]), ([], []))

    def test_every_command_line_exists(self):
        table = commands()
        self.assertIn(("apply",), table)
        seen = 0
        for path in documents():
            text = read(path)
            lines = [line for block in blocks(text, "") for line in block.splitlines()]
            lines += re.findall(r"`(countersign [^`\n]*)`", re.sub(r"(?ms)^```.*?^```$", "", text))
            for line in lines:
                line = line.split("<<")[0]
                found = re.match(r"(?:[A-Z_]+=\S+ )*countersign ([a-z-].*)$", line)
                if found is None or "..." in found.group(1).replace("...@", ""):
                    continue
                seen += 1
                with self.subTest("%s: %s" % (path, line)):
                    self.assertIsNone(problem(table, shlex.split(found.group(1), comments=True)))
        self.assertGreater(seen, 15)

    def test_mcp_client_entries_use_existing_flags(self):
        table = commands()
        texts = [read(p) for p in glob.glob(os.path.join(ROOT, "examples/**/*.json"), recursive=True)]
        texts += [b for path in documents() for b in blocks(read(path), "json")]
        entries = [e for t in texts for e in json.loads(t).get("mcpServers", {}).values()]
        self.assertGreaterEqual(len(entries), 2)
        for entry in entries:
            self.assertIsNone(problem(table, entry["args"]), entry)

    def test_relative_links_exist(self):
        for path in documents():
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(path)):
                if not re.match(r"[a-z]+:", target):
                    with self.subTest("%s -> %s" % (path, target)):
                        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), target)))

    def test_every_code_has_a_line_in_operations(self):
        text = read(os.path.join(ROOT, "docs/operations.md")) + read(os.path.join(ROOT, "docs/audit.md"))
        documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", text))
        used = set()
        for folder in ("common/base", "common/crypto", "common/db", "common/proc", "proto", "mcpd", "ledgerd",
                       "writerd", "http", "inspect", "cli"):
            for path in glob.glob(os.path.join(ROOT, folder, "**/*.c"), recursive=True):
                used |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', read(path)))
        for name in ("load.c", "rules.c", "rules_patch.c", "rules_secret.c"):
            used |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"',
                                   read(os.path.join(ROOT, "common/contract", name))))
        names = {c for c in used if re.match(r"(APP_[A-Z]+|SYNAPSOR|COUNTERSIGN|CREDENTIALS|LISTEN_(PID|FDS|FDNAMES)$|DATABASE_URL$|XDG_CONFIG_HOME$)", c)}
        self.assertEqual(sorted(used - names - documented), [], "give each a row in docs/operations.md (audit rules: docs/audit.md)")

    def test_man_pages_have_no_warnings_and_every_flag(self):
        self.assertGreaterEqual(len(MAN), 6)
        for path in MAN:
            with self.subTest(path):
                result = run("groff", "-man", "-Tutf8", "-ww", path)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
        page = "".join(map(read, glob.glob(os.path.join(ROOT, "docs/man/countersign*.1")))).replace("\\-", "-")
        for key, flags in commands().items():
            self.assertIn(" ".join(key), page)
            for flag in flags:
                self.assertIn(flag, page, key)

    def test_packages_exist_in_this_distribution_and_are_listed_once(self):
        lines = [line for line in read(os.path.join(ROOT, "packaging/debian-packages.txt")).splitlines() if line]
        self.assertEqual([line for line in lines if line in ("# build", "# test", "# lint")],
                         ["# build", "# test", "# lint"])
        packages = [line for line in lines if not line.startswith("#")]
        self.assertEqual(len(packages), len(set(packages)))
        for package in packages:
            self.assertRegex(package, r"^[a-z0-9][a-z0-9.+-]+$")


class ReadmeSetup(unittest.TestCase):
    """The README's SQL, contract and commands, on a real server."""

    def test_roles_and_contract_carry_the_whole_loop(self):
        text = read(os.path.join(ROOT, "README.md"))
        server = Postgres()
        self.addCleanup(server.close)
        contract = next(b for b in map(json.loads, blocks(text, "json")) if "capabilities" in b)
        w = Workspace("postgres", config=contract, postgres=server)
        self.addCleanup(w.close)
        sql = re.sub(r"'choose (one|another)'", "'%s'" % PASSWORD, blocks(text, "sql")[0])
        server.sql("shop", *[s for s in re.sub(r"(?m)^\s*--.*$", "", sql).split(";") if s.strip()])
        w.env.update({"SHOP_READ_URL": server.url("shop", "countersign_reader"),
                      "SHOP_WRITE_URL": server.url("shop", "countersign_writer"),
                      "SHOP_TENANT": "acme", "SHOP_AGENT": "support_agent_17"})
        with w.client() as mcp:
            self.assertEqual(mcp.read("INV-3001")["data"]["late_fee_cents"], 5500)
            identifier = mcp.propose("INV-3001", fee=100)["proposal"]["id"]
        w.run("proposals", "approve", identifier, "--yes", check=0)
        self.assertEqual(w.json("apply", identifier)["status"], "applied")
        self.assertEqual(w.row("INV-3001")[:2], (100, "approved support waiver"))
        self.assertEqual(w.json("apply", identifier)["status"], "already_applied")
        for role, statement in (("countersign_reader", "UPDATE invoices SET late_fee_cents = 1"),
                                ("countersign_writer", "UPDATE invoices SET status = 'paid'"),
                                ("countersign_writer", "DELETE FROM invoices")):
            result = run("psql", "-X", server.url("shop", role), "-c", statement)
            self.assertIn("permission denied", result.stderr)


if __name__ == "__main__":
    unittest.main()
