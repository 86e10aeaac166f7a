"""The review of MCP servers: every rule both ways, every input, every form, and
what a hostile server cannot do."""
import http.server
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from http_server import TOKEN, TOKEN_NAME, HttpServer  # noqa: E402
from workspace import BIN, ROOT, Workspace  # noqa: E402

SEVERITIES = {"error": "HIGH", "warning": "MEDIUM", "note": "LOW"}


def audit(*words, env=None, timeout=60, stdin="", cwd=None):
    base = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
    return subprocess.run([os.path.join(BIN, "countersign"), "audit", *words], capture_output=True, text=True,
                          input=stdin, env={**base, **(env or {})}, timeout=timeout, check=False, cwd=cwd)


def report(*words, **options):
    result = audit(*words, "--json", **options)
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def codes(document, **options):
    """{(severity, code)} of a document on standard input."""
    return {(f["severity"], f["code"]) for f in report("-", stdin=json.dumps(document), **options)["findings"]}


def tool(name="billing.show", fields=(), **changes):
    """A tool that no rule minds, with these input fields and changes (None: without)."""
    value = {"name": name, "description": "Show one invoice.", "outputSchema": {"type": "object"},
             "inputSchema": {"type": "object", "properties": {f: {"type": "string"} for f in fields}},
             "annotations": {"readOnlyHint": True}, "examples": [{}], **changes}
    return {key: item for key, item in value.items() if item is not None}


# rule: (severity, tools it minds, tools it does not mind)
RULES = {
    "GENERIC_SQL_TOOL": ("HIGH", [
        tool("execute_sql"), tool("Run-Query"), tool("query.database"), tool(description="Execute  SQL here"),
        tool(description="A SQL executor"), tool(description="raw query"),
    ], [tool("sql_like_names"), tool(description="runs queries"), tool(description="executes sqlish things")]),
    "WRITE_TOOL_ACCEPTS_ARBITRARY_SQL": ("HIGH", [tool("execute_sql", ["SQL"]), tool("run_query", ["raw_sql"])],
                                         [tool("execute_sql", ["invoice"]), tool("show", ["sql"])]),
    "ARBITRARY_IDENTIFIER_INPUT": ("HIGH", [
        tool(fields=["tableName"]), tool(fields=["columns"]), tool(fields=["database-name"]),
        tool(inputSchema=None, parameters={"properties": {"a": {"anyOf": [{"properties": {"schema": {}}}]}}}),
        tool(inputSchema={"$defs": {"x": {"properties": {"table": {}}}}}),
    ], [tool(fields=["tables_seen", "invoice_id"])]),
    "MODEL_CONTROLLED_TRUST_SCOPE": ("HIGH", [tool(fields=["tenant_id"]), tool(fields=["Principal"]),
                                              tool(fields=["expectedVersion"])], [tool(fields=["tenant_name"])]),
    "MODEL_CALLABLE_COMMIT_OR_APPROVAL": ("HIGH", [
        tool("x.approve_proposal", description="A proposal."), tool("change-apply", description="propose"),
        tool("x", description="Will commit it."), tool("mergewriteback", description="proposal"),
    ], [tool("x.approve_proposals", description="proposal"), tool("x", description="Needs approval-required commit."),
        tool("x", description="committed things")]),
    "WRITE_WITHOUT_PROPOSAL_BOUNDARY": ("HIGH", [
        tool(description="Update it."), tool(annotations={"destructiveHint": True}),
        tool(annotations={"readOnlyHint": False}),
    ], [tool("update_x"), tool(description="Update it by a change-set."), tool(description="Propose an update."),
        tool(description="write, by a guarded writeback")]),
    "NO_STRUCTURED_OUTPUT_SCHEMA": ("MEDIUM", [tool(outputSchema=None)], [
        tool(), tool(outputSchema=None, structuredContent=True), tool(outputSchema=None, result_schema={})]),
    "NO_IDEMPOTENCY_FIELD": ("MEDIUM", [tool(description="Refund it.")], [
        tool(), tool(description="Refund it.", fields=["request_id"]), tool(description="Propose to refund it.")]),
    "NO_CONFLICT_GUARD": ("MEDIUM", [tool(description="Refund it.")], [
        tool(), tool(description="Refund it.", fields=["ETag"]), tool(description="Refund on approval.")]),
    "AMBIGUOUS_READ_WRITE_TOOL": ("MEDIUM", [tool(description="Read or write.")],
                                  [tool(description="Read."), tool(description="Write."),
                                   tool(description="Read and propose to write.")]),
    "MISSING_BUSINESS_DESCRIPTION": ("LOW", [tool(description=None), tool(description=" \n")],
                                     [tool(), tool(description=None, summary="Sums.")]),
    "MISSING_RISK_ANNOTATIONS": ("LOW", [tool(annotations=None), tool(annotations={})], [tool()]),
    "MISSING_TEST_FIXTURE": ("LOW", [tool(examples=None)], [tool(), tool(examples=None, test_fixture=1)]),
    "ARBITRARY_PREDICATE_INPUT": ("HIGH", [tool(fields=["where"]), tool(fields=["order_by"])], [tool(fields=["why"])]),
}


class Rules(unittest.TestCase):
    def test_each_rule_minds_what_it_should_and_nothing_else(self):
        cases = [(code, severity, value, minds) for code, (severity, bad, good) in RULES.items()
                 for minds, values in ((True, bad), (False, good)) for value in values]
        found = {}
        for f in report("-", stdin=json.dumps([value for _, _, value, _ in cases]))["findings"]:
            found.setdefault(f["evidence"][0], {})[f["code"]] = f["severity"]
        for i, (code, severity, value, minds) in enumerate(cases):
            with self.subTest(code=code, value=value, minds=minds):
                self.assertEqual(found.get("path $[%d]" % i, {}).get(code), severity if minds else None)

    def test_a_sound_tool_has_no_finding_and_none_at_all_is_one(self):
        self.assertEqual(codes([tool()]), set())
        self.assertEqual(codes({}), {("MEDIUM", "NO_TOOLS_FOUND")})

    def test_findings_come_in_the_order_of_the_rules(self):
        value = tool("execute_sql", ["sql", "where"], description="", annotations=None, outputSchema=None)
        found = [f["code"] for f in report("-", stdin=json.dumps([value]))["findings"]]
        order = list(RULES)
        self.assertEqual(found, sorted(found, key=order.index))
        self.assertGreaterEqual(len(found), 5)

    def test_where_tools_are_found(self):
        for path, document in (
                ("$[0]", [tool()]), ("$.tools[0]", {"tools": [tool()]}),
                ("$.result.tools[0]", {"result": {"tools": [tool()]}}), ("$.tools[0]", {"tools": [{"toolName": "x"}]}),
                ("$.mcpServers.x.tools[0]", {"mcpServers": {"x": {"tools": [tool(examples=None)]}}}),
                ("$.data.adapter.manifest[0]", {"data": {"adapter": {"manifest": [tool()]}}})):
            with self.subTest(path):
                found = report("-", stdin=json.dumps(document).replace('"examples"', '"x"'))
                self.assertEqual(found["summary"]["tools_inspected"], 1)
                self.assertEqual(found["findings"][0]["evidence"][0], "path " + path)
        self.assertEqual(report("-", stdin=json.dumps({"other": [tool()]}))["summary"]["tools_inspected"], 0)
        deep = {"tools": [tool()]}
        for _ in range(9):
            deep = {"result": deep}
        self.assertEqual(report("-", stdin=json.dumps(deep))["summary"]["tools_inspected"], 0)

    def test_a_clients_configuration(self):
        good = {"command": "countersign", "args": ["mcp", "connect", "--socket", "/run/x"]}
        found = report("-", stdin=json.dumps({"mcpServers": {
            "safe": good,
            "sql": {"command": "npx", "args": ["@modelcontextprotocol/server-postgres", "postgresql://u:hunter2@h/d"]},
            "env": {"command": "x", "env": {"DB": "mysql://h/d", "API_TOKEN": "hunter2", "OTHER_TOKEN": "${T}"}},
            "web": {"url": "https://h/mcp", "headers": {"Authorization": "Bearer hunter2"}}}}))
        self.assertNotIn("hunter2", json.dumps(found))
        self.assertEqual([(f["tool"], f["code"]) for f in found["findings"]], [
            ("safe", "TOOL_SURFACE_NOT_VERIFIED"),
            ("sql", "DIRECT_DATABASE_PATH"), ("sql", "CREDENTIAL_IN_CLIENT_CONFIG"), ("sql", "TOOL_SURFACE_NOT_VERIFIED"),
            ("env", "DIRECT_DATABASE_PATH"), ("env", "CREDENTIAL_IN_CLIENT_CONFIG"), ("env", "TOOL_SURFACE_NOT_VERIFIED"),
            ("web", "CREDENTIAL_IN_CLIENT_CONFIG"), ("web", "TOOL_SURFACE_NOT_VERIFIED")])


class Forms(unittest.TestCase):
    def test_the_dangerous_example(self):
        found = report("--example", "dangerous-db-mcp")
        self.assertEqual(found["target"], "example:dangerous-db-mcp")
        self.assertEqual(found["schema_version"], "synapsor.mcp-audit.v1")
        # 0.1.1 has 15, 12 and 12; the condition of query_database is ours.
        self.assertEqual(found["summary"], {"tools_inspected": 6, "high": 16, "medium": 12, "low": 12,
                                            "total_findings": 40})
        shipped = report(os.path.join(ROOT, "examples/dangerous-mcp-tools.json"))
        self.assertEqual(shipped["findings"], found["findings"])
        text = audit("--example", "dangerous-db-mcp").stdout
        for line in ("Countersign MCP database risk review", "Tools inspected: 6", "Overall risk: high",
                     "Findings: HIGH 16 | MEDIUM 12 | LOW 12", "Suggested safer shape:",
                     "This is a static risk review, not proof that an MCP server is secure."):
            self.assertIn(line + "\n", text)
        markdown = audit("--example", "dangerous-db-mcp", "--format", "markdown").stdout
        for line in ("# Countersign MCP Database Risk Review", "## Findings", "## Safer Shape",
                     "### HIGH: GENERIC_SQL_TOOL (execute\\_sql)"):
            self.assertIn(line + "\n", markdown)

    def test_sarif_has_its_required_structure(self):
        path = os.path.join(ROOT, "examples/dangerous-mcp-tools.json")
        log = json.loads(audit(path, "--format", "sarif").stdout)
        self.assertEqual(log["version"], "2.1.0")
        self.assertRegex(log["$schema"], "sarif-2.1.0")
        run, = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        self.assertEqual(run["tool"]["driver"]["name"], "countersign-audit")
        self.assertEqual(len({r["id"] for r in rules}), len(rules))
        for rule in rules:
            self.assertTrue(rule["shortDescription"]["text"] and rule["help"]["text"])
            self.assertIn(rule["defaultConfiguration"]["level"], SEVERITIES)
        lines = open(path).read().splitlines()
        plain = report(path)["findings"]
        self.assertEqual(len(run["results"]), len(plain))
        for result, finding in zip(run["results"], plain):
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            self.assertEqual((SEVERITIES[result["level"]], result["ruleId"]), (finding["severity"], finding["code"]))
            self.assertTrue(result["message"]["text"])
            place, = result["locations"]
            self.assertEqual(place["physicalLocation"]["artifactLocation"]["uri"], "file://" + path)
            line = place["physicalLocation"]["region"]["startLine"]
            self.assertIn('"name": "%s"' % finding["tool"], "".join(lines[line - 1:line + 2]))
            self.assertEqual(place["logicalLocations"][0]["name"], finding["tool"])
            self.assertRegex(result["partialFingerprints"]["countersignAudit/v1"], "^sha256:[0-9a-f]{64}$")

    def test_hostile_names_stay_text_in_every_form(self):
        name = "a\u202e\x1b[31m`<b>|*\n# x"
        for form in ("text", "markdown"):
            text = audit("-", "--format", form, stdin=json.dumps([tool(name, examples=None)])).stdout
            for bad in ("\u202e", "\x1b", "\n# x"):
                self.assertNotIn(bad, text)
        self.assertNotIn("<b>", text.replace("\\<b\\>", ""))

    def test_exit_codes_and_files(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        low = json.dumps([tool(examples=None)])
        medium = json.dumps([tool(outputSchema=None)])
        for words, text, code in (([], medium, 0), (["--fail-on", "high"], medium, 0), (["--fail-on", "medium"], medium, 1),
                                  (["--fail-on", "low"], low, 1), (["--fail-on", "medium"], low, 0),
                                  (["--fail-on", "never"], medium, 0)):
            self.assertEqual(audit("-", *words, stdin=text).returncode, code, words)
        out = os.path.join(folder.name, "report.json")
        self.assertEqual(audit("-", "--json", "--output", out, stdin=low).returncode, 0)
        self.assertEqual(json.load(open(out))["summary"]["low"], 1)
        again = audit("-", "--output", out, stdin=low)
        self.assertEqual(again.returncode, 1)
        self.assertIn("already exists. Use --force to overwrite.", again.stderr)
        self.assertEqual(audit("-", "--output", out, "--force", stdin=low).returncode, 0)
        for words in ([], ["--example", "x"], ["-", "--format", "x"], ["-", "--fail-on", "x"], ["/nonexistent"],
                      ["/dev/null"], ["a", "b"], ["stdio:'x"], ["--stdio", " "], ["ftp://x"]):
            self.assertEqual(audit(*words, stdin=low).returncode, 1, words)
        self.assertEqual(audit("-", stdin="{").returncode, 1)


SERVER = r'''#!/usr/bin/python3
import json, os, subprocess, sys, time
mode = sys.argv[1]
open(os.environ["LANG"], "a").write(json.dumps(dict(os.environ)) + "\n")
def say(**m):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **m}) + "\n"); sys.stdout.flush()
if mode == "child":
    subprocess.Popen(["/bin/sleep", "600"], start_new_session=False)
if mode == "spam":
    while True: sys.stdout.write("x" * 65536)
if mode in ("hang", "child"):
    time.sleep(600)
if mode == "exit":
    sys.exit(0)
for line in sys.stdin:
    m = json.loads(line)
    if m["method"] == "initialize":
        if mode == "envelope": say(id=m["id"], error={"code": -32601, "message": "no"})
        else: print("noise"); say(id=m["id"], result={"protocolVersion": m["params"]["protocolVersion"]})
    if m["method"] == "tools/list":
        if mode == "envelope": assert m["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        page = int(m["params"].get("cursor", "0"))
        tools = [{"name": "tool%d" % page}]
        say(id=m["id"], result={"tools": tools, **({"nextCursor": str(page + 1)} if page < 2 else {})})
'''


class Stdio(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.server = os.path.join(self.folder.name, "server one.py")
        with open(self.server, "w") as file:
            file.write(SERVER)
        os.chmod(self.server, stat.S_IRWXU)
        self.seen = os.path.join(self.folder.name, "seen")

    def audit(self, mode, *words, env=None, **options):
        return audit("stdio:'%s' %s" % (self.server, mode), *words, env={"LANG": self.seen, **(env or {})}, **options)

    def test_all_pages_of_both_eras(self):
        for mode in ("plain", "envelope"):
            result = self.audit(mode, "--json")
            self.assertEqual(result.returncode, 0, result)
            self.assertEqual(json.loads(result.stdout)["summary"]["tools_inspected"], 3)

    def test_the_environment_is_small(self):
        self.audit("plain", "--pass-env", "GIVEN,MISSING", env={"SECRET_URL": "s", "GIVEN": "g"})
        seen = json.loads(open(self.seen).read().splitlines()[0])
        self.assertNotIn("SECRET_URL", seen)
        self.assertEqual(seen["GIVEN"], "g")

    def test_what_hangs_or_floods_is_ended_with_its_children(self):
        for mode, limit in (("hang", "400"), ("spam", "20000"), ("exit", "5000"), ("child", "400")):
            started = time.monotonic()
            result = self.audit(mode, "--timeout-ms", limit)
            self.assertEqual(result.returncode, 1, result)
            self.assertIn("AUDIT_SERVER_FAILED", result.stderr)
            self.assertLess(time.monotonic() - started, 15)
        left = subprocess.run(["pgrep", "-f", "^/bin/sleep 600$"], capture_output=True, text=True, check=False)
        self.assertEqual(left.stdout, "")

    def test_live_looks_at_the_servers_of_a_client(self):
        config = {"mcpServers": {"one": {"command": self.server, "args": ["plain"], "env": {"LANG": self.seen}},
                                 "two": {"command": "/nonexistent"}}}
        result = audit("-", "--live", "--json", stdin="// VS Code\n" + json.dumps(config))
        found = json.loads(result.stdout)
        self.assertEqual(found["summary"]["tools_inspected"], 3)
        self.assertEqual([f["tool"] for f in found["findings"] if f["code"] == "TOOL_SURFACE_NOT_VERIFIED"], ["two"])
        self.assertIn("warning: server two: ", result.stderr)


class Era(http.server.BaseHTTPRequestHandler):
    """Answers only one era of the protocol; else 400."""

    def do_POST(self):
        m = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        era = self.server.era
        self.server.seen.append((m["method"], dict(self.headers)))
        result = None
        session = self.headers.get("Mcp-Session-Id")
        if m["method"] == "initialize" and era in ("handshake", "events"):
            result = {"protocolVersion": "2025-11-25"}
        elif m["method"] == "tools/list":
            modern = self.headers.get("MCP-Protocol-Version") == "2026-07-28" and "_meta" in m["params"]
            if (era == "envelope" and modern) or (era == "bare" and "MCP-Protocol-Version" not in self.headers) or (
                    era in ("handshake", "events") and session == "s1"):
                result = {"tools": [tool(name="t." + era)]}
        if m["method"].startswith("notifications/"):
            return self.answer(202, b"", "text/plain")
        if result is None:
            return self.answer(400, b"{}", "application/json")
        text = json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": result})
        if era == "events":
            text = ": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\ndata: %s\n\n" % text
        return self.answer(200, text.encode(), "text/event-stream" if era == "events" else "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Mcp-Session-Id", "s1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Http(unittest.TestCase):
    def serve(self, era):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Era)
        server.daemon_threads = True
        server.era, server.seen = era, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, "http://127.0.0.1:%d/mcp" % server.server_address[1]

    def test_servers_of_every_era(self):
        for era in ("handshake", "events", "envelope", "bare"):
            with self.subTest(era):
                _, url = self.serve(era)
                self.assertEqual(report(url)["summary"], {"tools_inspected": 1, "high": 0, "medium": 0, "low": 0,
                                                          "total_findings": 0})

    def test_the_token_comes_from_a_variable_and_stays_out_of_every_text(self):
        server, url = self.serve("bare")
        result = audit(url + "?key=hunter3", "--bearer-env", "T", env={"T": "hunter2"})
        self.assertEqual(server.seen[-1][1]["Authorization"], "Bearer hunter2")
        server.era = "none"
        failed = audit(url + "?key=hunter3", "--bearer-env", "T", env={"T": "hunter2"})
        self.assertEqual((result.returncode, failed.returncode), (0, 1))
        for text in (result.stdout, failed.stderr):
            self.assertNotRegex(text, "hunter")
        self.assertIn("status 400", failed.stderr)
        self.assertEqual(audit(url, "--bearer-env", "MISSING").returncode, 1)
        self.assertEqual(audit("http://192.0.2.1/mcp").returncode, 1)


class OurOwn(unittest.TestCase):
    """What we serve must pass our own review, however it is looked at."""

    def test_contract_stdio_and_http(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        command = "'%s' mcp serve --no-writer --accept-reduced-isolation --store '%s' --config '%s'" % (
            os.path.join(BIN, "countersign"), w.store, w.config)
        reports = [report(w.config), report("--stdio", command, "--pass-env", "SHOP_READ_URL,ASAN_OPTIONS",
                                            "--timeout-ms", "20000", env=w.env, cwd=w.path)]
        server = HttpServer(w)
        self.addCleanup(server.close)
        reports.append(report("--url", "http://127.0.0.1:%d/mcp" % server.port, "--bearer-env", TOKEN_NAME,
                              env={TOKEN_NAME: TOKEN}))
        for found in reports:
            self.assertEqual(found["summary"]["tools_inspected"], 2)
            self.assertEqual({f["code"] for f in found["findings"]}, {"MISSING_TEST_FIXTURE"})


if __name__ == "__main__":
    unittest.main()
