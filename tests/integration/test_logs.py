"""What the programs write to standard error: one event a line, in both formats with the same fields, and never a
value of a row or an argument."""
import glob
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import HttpServer  # noqa: E402
from postgres import Postgres  # noqa: E402
from workspace import ROOT, Workspace, contract  # noqa: E402

# In rows and arguments only: nothing else may bring them into a log.
SECRETS = ["PURPLE-4711", "marmalade waiver", "8364", "VIOLET-0815", "no such row 5150", "model-chose-this-name"]
FIELD = re.compile(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)')


def fields_of_text(line):
    head = re.match(r"^<(\d)>([a-z-]+): ([a-z_]+)((?: [a-z_]+=(?:\"(?:[^\"\\]|\\.)*\"|[^ \"]+))*)$", line)
    assert head, line
    fields = {"level": {3: "error", 4: "warning", 5: "notice", 6: "info"}[int(head[1])], "program": head[2],
              "event": head[3]}
    for key, value in FIELD.findall(head[4]):
        fields[key] = json.loads(value) if value.startswith('"') else value
    return fields


def fields_of_json(line):
    value = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value.pop("timestamp")), line
    return {k: v if isinstance(v, str) else str(v) for k, v in value.items()}


class Run(unittest.TestCase):
    """The same run in both formats: reads, refusals of all kinds, a proposal, an apply, a database that refuses."""

    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.close)
        cls.logs = {name: cls.play(name) for name in ("kv", "json")}

    @classmethod
    def play(cls, name):
        value = contract("postgres", result_format=2)
        broken = json.loads(json.dumps(value["capabilities"][0]))
        broken.update(name="billing.broken", visible_columns=["id", "boom"])
        broken["target"]["table"] = "broken"
        value["capabilities"].append(broken)
        w = Workspace("postgres", config=value, server=cls.postgres)
        try:
            w.sql("INSERT INTO invoices VALUES ('PURPLE-4711', 'acme', 'open', 4200, 'marmalade waiver',"
                  " '2026-06-20T14:31:08Z')")
            # Its message quotes the value of the row.
            w.sql("CREATE OR REPLACE FUNCTION boom(t text) RETURNS text LANGUAGE plpgsql AS"
                  " $$ BEGIN RAISE EXCEPTION 'boom: %', t; END $$")
            w.sql("CREATE VIEW broken AS SELECT id, tenant_id, boom(waiver_reason) AS boom FROM invoices")
            w.sql("GRANT SELECT ON broken TO reader")
            with w.client("--log-format", name, no_writer=False) as mcp:
                cls.calls(mcp)
                proposal = mcp.propose("PURPLE-4711", reason="VIOLET-0815", fee=83)["proposal"]["id"]
                w.run("proposals", "approve", proposal, "--yes", check=0)
                assert w.json("apply", proposal)["status"] == "applied"
                log_path = mcp.process.log_path
            with open(log_path) as file:
                return proposal, file.read().splitlines()
        finally:
            w.close()

    @staticmethod
    def calls(mcp):
        assert mcp.read("PURPLE-4711")["ok"]
        assert not mcp.read("no such row 5150")["ok"]
        assert not mcp.envelope("billing.broken", invoice_id="PURPLE-4711")["ok"]
        assert not mcp.propose("PURPLE-4711", fee=8364)["ok"]
        mcp.propose("PURPLE-4711", reason="VIOLET-0815" * 100)
        mcp.call("model-chose-this-name", invoice_id="PURPLE-4711")
        mcp.call("billing.inspect_invoice", invoice_id=8364)
        mcp.call("billing.inspect_invoice", invoice_id="PURPLE-4711", tenant_id="VIOLET-0815")
        mcp.send({"jsonrpc": "2.0", "id": 'x"y\n\u202e', "method": "tools/call",
                  "params": {"name": "billing.inspect_invoice", "arguments": {"invoice_id": "no such row 5150"}}})
        mcp.process.stdout.readline()

    def events(self, name):
        parse = fields_of_json if name == "json" else fields_of_text
        return [parse(line) for line in self.logs[name][1]]

    def test_every_line_is_one_event(self):
        for name in self.logs:
            events = self.events(name)
            self.assertLessEqual({"mcpd", "ledgerd", "writerd", "countersign-run"} - {"ledgerd", "countersign-run"},
                                 {e["program"] for e in events}, name)
            self.assertGreater(len(events), 8, name)

    def test_no_line_holds_a_value(self):
        for name, (_, lines) in self.logs.items():
            for secret in SECRETS:
                self.assertNotIn(secret, "\n".join(lines), name)

    def test_calls_name_request_and_proposal(self):
        for name in self.logs:
            events = self.events(name)
            calls = [e for e in events if "call" in e]
            self.assertEqual([int(e["call"]) for e in calls if e["event"] == "call_refused"],
                             sorted(int(e["call"]) for e in calls if e["event"] == "call_refused"), name)
            self.assertIn('"x\\"y\\n\\u202e"', [e["request"] for e in calls], name)
            failed = next(e for e in events if e["event"] == "source_query_failed")
            self.assertEqual((failed["capability"], failed["sqlstate"]), ("billing.broken", "P0001"))
            refused = [e["reason"] for e in events if e["event"] == "call_refused" and e["program"] == "mcpd"
                       and e["call"] == failed["call"]]
            self.assertEqual(refused, ["SOURCE_QUERY_FAILED"], name)
            proposal = self.logs[name][0]
            self.assertEqual([e["proposal"] for e in events if e["event"] in ("proposed", "job_done")],
                             [proposal] * 2, name)

    def test_both_formats_say_the_same(self):
        kv, js = ([sorted((e["program"], e["event"], tuple(sorted(e))) for e in self.events(name) if
                          e["event"] != "draining")] for name in ("kv", "json"))
        self.assertEqual(kv, js)


class Http(unittest.TestCase):
    def test_json_over_http_from_the_first_line(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        server = HttpServer.__new__(HttpServer)
        HttpServer.__init__(server, w, "--log-format", "json", expect_start=False)
        while '"event":"listening"' not in server.log():
            self.assertIsNone(server.process.poll(), server.log())
        self.assertTrue(server.read("INV-3001")["ok"])
        self.assertEqual(server.close(), 0)
        events = [fields_of_json(line)["event"] for line in server.log().splitlines()]
        self.assertIn("listening", events)
        self.assertIn("draining", events)

    def test_another_word_is_refused(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        server = HttpServer(w, "--log-format", "xml", expect_start=False)
        self.assertIn("--log-format is kv or json, not xml", server.wait_refused())


class Formats(unittest.TestCase):
    """common/base/log_line.h reads the formats by itself; the compiler does not know what it can read."""
    CALL = re.compile(r'log_event\((.*?)\);', re.S)
    ONE = re.compile(r'[a-z_]+=("(?:[^"%]|%(?:\.\*s|h{0,2}[dux]|l{0,2}[diux]|z[ux]|[sm%]))*"|'
                     r'(?:[^" %]|%(?:\.\*s|h{0,2}[dux]|l{0,2}[diux]|z[ux]|[sm%]))*)$')

    def test_every_format_is_one_that_the_log_reads(self):
        count = 0
        for path in glob.glob(os.path.join(ROOT, "*/**/*.c"), recursive=True):
            if not path.startswith(tuple(os.path.join(ROOT, d) for d in
                                         ("common", "mcpd", "ledgerd", "writerd", "cli", "jwks"))):
                continue
            with open(path) as file:
                text = file.read()
            for call in self.CALL.findall(text):
                call = call.replace("JOB_CALL_FMT", '"request=\\"%.*s\\" call=%llu"')
                literals = re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+)', call)
                fmt = next((joined for joined in ("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part))
                                                  for part in literals) if "=" in joined), None)
                if fmt is None or "event, " in call[:40] and "fmt" in call:
                    continue
                count += 1
                for field in re.findall(r'[a-z_]+="[^"]*"|\S+', fmt.replace('\\"', '"')):
                    self.assertRegex(field, self.ONE, "%s: %s" % (path, fmt))
        self.assertGreater(count, 40)


if __name__ == "__main__":
    unittest.main()
