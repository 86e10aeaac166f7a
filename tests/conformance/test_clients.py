"""Real clients, pinned: each lists the tools, reads a row, proposes a change,
and reads a row that is not there, over stdio and HTTP."""
import contextlib
import json
import os
import unittest

import node
from http_server import HttpServer, TOKEN
from node import BUILD, last_json, module, stdio_command
from workspace import Workspace, contract

CLIENTS = [("sdk1", "-"), ("sdk2", "legacy"), ("sdk2", "auto"), ("sdk2", "modern"), ("openai-agents", "-"),
           ("ai-sdk", "-"), ("langchain", "-")]
NAMES = ["billing__inspect_invoice", "billing__propose_late_fee_waiver"]
STYLE = ("--tool-name-style", "openai")


@contextlib.contextmanager
def serving(w):
    server = HttpServer(w, *STYLE)
    try:
        yield "http://127.0.0.1:%d/mcp" % server.port
    finally:
        server.close()


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        node.install()

    def setUp(self):
        self.w = Workspace("sqlite", config=contract("sqlite", status_tool="billing.proposal_status"))
        self.addCleanup(self.w.close)

    def check(self, answer):
        self.assertTrue(all(any(n.endswith(name) for n in answer["names"]) for name in NAMES), answer["names"])
        self.assertEqual(answer["read"]["data"]["late_fee_cents"], 5500)
        self.assertEqual(answer["proposal"]["proposal"]["state"], "review_required")
        self.assertFalse(answer["proposal"]["source_database_changed"])
        self.assertEqual(answer["miss"]["error"]["code"], "NOT_FOUND_IN_TENANT")
        shown = self.w.run("proposals", "show", answer["proposal"]["proposal"]["id"], check=0).stdout
        self.assertIn("pending review", shown)

    def client(self, name, mode, *target):
        return last_json(node.node(self.w, os.path.join(BUILD, "clients", name + ".mjs"), mode, *target))

    def test_every_client_reads_and_proposes_over_stdio(self):
        for name, mode in CLIENTS:
            with self.subTest(client=name, mode=mode):
                self.check(self.client(name, mode, "stdio", *stdio_command(self.w, *STYLE)))

    def test_every_client_reads_and_proposes_over_http(self):
        with serving(self.w) as url:
            for name, mode in CLIENTS:
                with self.subTest(client=name, mode=mode):
                    self.check(self.client(name, mode, "http", url, TOKEN))

    def test_mcp_remote_is_a_stdio_server_for_old_clients(self):
        with serving(self.w) as url:
            self.check(self.client("sdk1", "remote", "stdio", node.NODE, module("mcp-remote/dist/proxy.js"), url,
                                   "--allow-http", "--transport", "http-only",
                                   "--header", "Authorization: Bearer " + TOKEN))


class Inspector(unittest.TestCase):
    """The Inspector lints schemas with --strict and drives tasks."""

    @classmethod
    def setUpClass(cls):
        node.install()

    def setUp(self):
        self.w = Workspace("sqlite", config=contract("sqlite", status_tool="billing.proposal_status"))
        self.addCleanup(self.w.close)

    def inspect(self, target, *arguments):
        result = node.node(self.w, module("@modelcontextprotocol/inspector/clients/launcher/build/index.js"), "--cli",
                           *arguments, "--format", "json", *target)
        if result.returncode != 0:
            raise AssertionError("exit %d\n%s\n%s" % (result.returncode, result.stdout[-2000:], result.stderr[-3000:]))
        return json.loads(result.stdout)["result"]

    def check(self, target):
        for era in ("legacy", "modern"):
            with self.subTest(era=era):
                listed = self.inspect(target, "--method", "tools/list", "--strict", "--protocol-era", era)
                self.assertEqual(len(listed["tools"]), 3)
                read = self.inspect(target, "--method", "tools/call", "--protocol-era", era, "--tool-name",
                                    "billing__inspect_invoice", "--tool-args-json", '{"invoice_id":"INV-3001"}')
                self.assertTrue(read["structuredContent"]["ok"])

    def test_it_accepts_schemas_and_reads_over_stdio(self):
        # It hands only a few variables on.
        given = ["%s=%s" % item for item in self.w.env.items()]
        self.check(["--", "/usr/bin/env", *given, *stdio_command(self.w, *STYLE)])

    def test_it_accepts_schemas_and_reads_over_http(self):
        with serving(self.w) as url:
            self.check([url, "--transport", "http", "--header", "Authorization: Bearer " + TOKEN,
                        "--stored-auth-only"])


if __name__ == "__main__":
    unittest.main()
