"""The official conformance suite over HTTP, with exactly the baseline below."""
import glob
import json
import os
import re
import unittest

import node
from http_server import HttpServer
from workspace import Workspace, contract

SUITE = "@modelcontextprotocol/conformance/dist/index.js"
REVISIONS = ("2025-11-25", "2026-07-28")

# Every scenario that does not pass, with the reason. Nothing else may fail, and
# what passes must not stand here.
NO_SUCH_CAPABILITY = ["logging-set-level", "completion-complete", "prompts-list", "prompts-get-simple",
                      "prompts-get-with-args", "prompts-get-embedded-resource", "prompts-get-with-image",
                      "resources-subscribe", "resources-unsubscribe",
                      # wants prompts/list to be answered with a lifetime
                      "caching"]
# Tools answer with JSON about one row, never with media, and ask nobody anything.
NO_SUCH_CONTENT = ["tools-call-image", "tools-call-audio", "tools-call-embedded-resource", "tools-call-mixed-content",
                   "tools-call-with-progress", "tools-call-with-logging", "resources-read-text",
                   "resources-read-binary", "resources-templates-read", "json-schema-2020-12",
                   # no argument travels in a header
                   "http-custom-header-server-validation"]
NO_QUESTIONS = ["tools-call-sampling", "tools-call-elicitation", "elicitation-sep1034-defaults",
                "elicitation-sep1330-enums"] + ["input-required-result-" + name for name in (
                    "basic-elicitation", "basic-sampling", "basic-list-roots", "request-state",
                    "multiple-input-requests", "multi-round", "non-tool-request", "result-type", "tampered-state",
                    "capability-check")]
# They drive fixtures that finish, fail or ask by themselves; ours wait for a
# person. What they check of the envelope is checked in test_standing.py.
TASKS_OF_FIXTURES = ["tasks-" + name for name in (
    "lifecycle", "capability-negotiation", "wire-fields", "request-state-removal", "mrtr-input", "request-headers",
    "dispatch-and-envelope", "required-task-error", "mrtr-composition")]
BASELINE = set(NO_SUCH_CAPABILITY + NO_SUCH_CONTENT + NO_QUESTIONS + TASKS_OF_FIXTURES)
# Single checks of a scenario that otherwise has to pass: each needs a fixture
# tool that asks, logs or lacks a capability.
STATELESS = {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400",
             "sep-2575-http-server-no-independent-requests-on-stream", "sep-2575-server-no-log-without-loglevel"}


def fixtures():
    """Reviewed tools that go by the names of the suite's simple fixtures."""
    value = contract("sqlite")
    read = value["capabilities"][0]
    value["capabilities"] += [
        {**read, "name": "test.simple_text", "description": "Read the text of the suite.",
         "args": {"invoice_id": {"type": "string", "enum": ["INV-3001"], "required": False}}},
        {**read, "name": "test.error_handling", "description": "Always refuse.",
         "args": {"invoice_id": {"type": "string", "enum": ["INV-3001"], "required": False}}}]
    return value


class Suite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        node.install()
        cls.w = Workspace("sqlite", config=fixtures())
        cls.addClassCleanup(cls.w.close)
        # The suite sends no token.
        cls.server = HttpServer(cls.w, "--dev-no-auth", "--tool-name-style", "flat", token=None)
        cls.addClassCleanup(cls.server.close)
        cls.found = {revision: cls.run_suite(revision) for revision in REVISIONS}

    @classmethod
    def run_suite(cls, revision):
        """{scenario: [(check, status, message)]}"""
        out = os.path.join(cls.w.path, "out-" + revision)
        result = node.node(cls.w, node.module(SUITE), "server", "--url",
                           "http://127.0.0.1:%d/mcp" % cls.server.port, "--requirements", revision, "-o", out,
                           timeout=600)
        if "=== SUMMARY ===" not in result.stdout:
            raise AssertionError(result.stdout[-2000:] + result.stderr[-2000:])
        found = {}
        for path in glob.glob(os.path.join(out, "*", "checks.json")):
            name = re.fullmatch(r"server-(.*?)-\d{4}-\d\d-\d\dT.*", os.path.basename(os.path.dirname(path)))[1]
            with open(path) as file:
                found[name] = [(c["id"], c["status"], c.get("errorMessage", "")) for c in json.load(file)]
        return found

    def test_every_scenario_passes_but_the_baseline(self):
        for revision, found in self.found.items():
            self.assertGreater(len(found), 20)
            failed = {name for name, checks in found.items()
                      if [c for c in checks if c[1] == "FAILURE" and not (name == "server-stateless" and c[0] in STATELESS)]}
            with self.subTest(revision=revision):
                self.assertEqual({n: found[n] for n in failed - BASELINE}, {})
                self.assertEqual((BASELINE & set(found)) - failed, set(), "these pass: take them off the baseline")
                stateless = {c[0] for c in found.get("server-stateless", []) if c[1] == "FAILURE"}
                self.assertEqual(stateless, STATELESS if "server-stateless" in found else set())

    def test_every_message_fits_the_schema_of_its_revision(self):
        for revision, scenarios in self.found.items():
            checks = [(name, c) for name, found in scenarios.items() for c in found if c[0] == "wire-schema-valid"]
            with self.subTest(revision=revision):
                self.assertGreater(len(checks), 20)
                self.assertEqual([c for c in checks if c[1][1] != "SUCCESS"], [])


if __name__ == "__main__":
    unittest.main()
