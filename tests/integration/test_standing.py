"""A slow person: where a proposal stands, told by the status tool and as a
task of 2026-07-28; withdrawing one; nobody else's is told."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import BIN, Workspace, contract  # noqa: E402

TASKS = "io.modelcontextprotocol/tasks"
PROPOSE = {"name": "billing.propose_late_fee_waiver",
           "arguments": {"invoice_id": "INV-3001", "reason": "approved support waiver", "fee": 0}}


def modern(mcp, method, params=None, tasks=True):
    caps = {"extensions": {TASKS: {}}} if tasks else {}
    return mcp.request(method, {**(params or {}), "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": caps}})


class Standing(unittest.TestCase):
    changes = {}

    def setUp(self):
        config = contract("sqlite", status_tool="billing.proposal_status", **self.changes)
        self.w = Workspace("sqlite", config=config)
        self.addCleanup(self.w.close)
        self.mcp = self.w.serve()
        self.addCleanup(self.mcp.close)

    def status(self, proposal_id, mcp=None):
        return (mcp or self.mcp).envelope("billing.proposal_status", proposal_id=proposal_id)

    def task(self, task_id):
        return modern(self.mcp, "tasks/get", {"taskId": task_id})["result"]


class StatusTool(Standing):
    def test_every_state_is_told(self):
        made = self.mcp.propose("INV-3001")["proposal"]["id"]
        status = self.status(made)
        self.assertEqual((status["data"]["state"], status["data"]["final"]), ("pending_review", False))
        self.assertIn("waits for a person", status["summary"])
        self.assertIn("Source database changed: no.", status["summary"])
        self.w.run("proposals", "approve", made, "--yes", check=0)
        self.assertEqual(self.status(made)["data"]["state"], "approved")
        self.w.run("apply", made, check=0)
        status = self.status(made)
        self.assertEqual((status["data"]["state"], status["data"]["final"]), ("applied", True))
        self.assertTrue(status["source_database_changed"])
        self.assertIn("Source database changed: yes.", status["summary"])
        other = self.mcp.propose("INV-3002", fee=1)["proposal"]["id"]
        self.w.run("proposals", "reject", other, "--reason", "no", "--yes", check=0)
        status = self.status(other)
        self.assertEqual((status["data"]["state"], status["data"]["final"]), ("rejected", True))
        self.assertFalse(status["source_database_changed"])

    def test_what_is_not_ours_does_not_exist(self):
        self.mcp.propose("INV-3001")
        for proposal_id in ("latest", "wrp_00000000000000000000", "", "../x", "x" * 200, "x" * 5000):
            with self.subTest(id=proposal_id[:30]):
                self.assertEqual(self.status(proposal_id)["error"]["code"], "NOT_FOUND_IN_TENANT")
        for arguments in ({}, {"proposal_id": 7}, {"proposal_id": "a", "tenant_id": "other"}):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.mcp.envelope("billing.proposal_status", **arguments)["error"]["code"],
                                 "INVALID_ARGUMENT")

    def test_it_is_listed_once_and_only_where_the_contract_says_so(self):
        names = [t["name"] for t in self.mcp.request("tools/list")["result"]["tools"]]
        self.assertEqual(names.count("billing.proposal_status"), 1)
        plain = Workspace("sqlite")
        self.addCleanup(plain.close)
        mcp = plain.serve()
        self.addCleanup(mcp.close)
        self.assertNotIn("billing.proposal_status",
                         [t["name"] for t in mcp.request("tools/list")["result"]["tools"]])
        reply = mcp.request("tools/call", {"name": "billing.proposal_status", "arguments": {"proposal_id": "x"}})
        self.assertEqual(reply["error"]["code"], -32602)

    def test_a_name_that_a_capability_has_is_refused(self):
        for name in ("billing.inspect_invoice", "status", 7, "a b.c"):
            self.w.write_config(contract("sqlite", status_tool=name))
            result = subprocess.run([os.path.join(BIN, "countersign"), "config", "validate", "--config", self.w.config, "--json"],
                                    capture_output=True, text=True)
            self.assertIn("INVALID_STATUS_TOOL", result.stdout)


class Tasks(Standing):
    def propose(self, **arguments):
        call = {**PROPOSE, "arguments": {**PROPOSE["arguments"], **arguments}}
        return modern(self.mcp, "tools/call", call)["result"]

    def test_a_proposal_is_a_task_only_for_clients_that_declare_it(self):
        found = modern(self.mcp, "server/discover")["result"]
        self.assertIn(TASKS, found["capabilities"]["extensions"])
        plain = modern(self.mcp, "tools/call", PROPOSE, tasks=False)["result"]
        self.assertEqual(plain["resultType"], "complete")
        task = self.propose()
        self.assertEqual((task["resultType"], task["status"]), ("task", "working"))
        self.assertEqual(task["taskId"], plain["structuredContent"]["proposal"]["id"])
        self.assertNotIn("content", task)
        refused = modern(self.mcp, "tasks/get", {"taskId": task["taskId"]}, tasks=False)["error"]
        self.assertEqual(refused["code"], -32021)
        self.assertEqual(refused["data"], {"requiredCapabilities": {"extensions": {TASKS: {}}}})
        self.assertEqual(self.mcp.request("tasks/get", {"taskId": task["taskId"]})["error"]["code"], -32601)

    def test_a_task_completes_when_the_change_was_written(self):
        task = self.propose()
        first = self.task(task["taskId"])
        self.assertEqual((first["resultType"], first["status"]), ("complete", "working"))
        self.assertEqual(first["createdAt"], task["createdAt"])
        self.w.run("proposals", "approve", task["taskId"], "--yes", check=0)
        self.assertEqual(self.task(task["taskId"])["status"], "working")
        self.w.run("apply", task["taskId"], check=0)
        done = self.task(task["taskId"])
        self.assertEqual(done["status"], "completed")
        self.assertNotIn("isError", done["result"])
        self.assertIn("was applied", done["result"]["content"][0]["text"])

    def test_rejection_and_conflict_complete_as_errors(self):
        rejected = self.propose()["taskId"]
        self.w.run("proposals", "reject", rejected, "--reason", "no", "--yes", check=0)
        conflict = self.propose(invoice_id="INV-3002", fee=1)["taskId"]
        self.w.run("proposals", "approve", conflict, "--yes", check=0)
        self.w.sql("UPDATE invoices SET updated_at = '2026-06-21T00:00:00Z' WHERE id = 'INV-3002'")
        self.w.run("apply", conflict)
        for task_id in (rejected, conflict):
            done = self.task(task_id)
            self.assertEqual((done["status"], done["result"]["isError"]), ("completed", True))
            self.assertIn("Source database changed: no.", done["result"]["content"][0]["text"])

    def test_cancel_withdraws_what_nobody_has_decided_about(self):
        task_id = self.propose()["taskId"]
        acknowledged = modern(self.mcp, "tasks/cancel", {"taskId": task_id})["result"]
        self.assertEqual(acknowledged["resultType"], "complete")
        self.assertEqual(self.task(task_id)["status"], "cancelled")
        self.assertIn("canceled", self.w.run("proposals", "show", task_id, check=0).stdout)
        self.assertNotEqual(self.w.run("proposals", "approve", task_id, "--yes").returncode, 0)
        event = self.w.json("events", "tail", "--kind", "proposal_canceled", "--limit", "1")["events"][0]
        self.assertEqual(event["proposal_id"], task_id)
        again = self.propose()
        self.assertNotEqual(again["taskId"], task_id)
        self.w.run("ledger", "verify", check=0)

    def test_cancel_after_a_decision_changes_nothing(self):
        task_id = self.propose()["taskId"]
        self.w.run("proposals", "approve", task_id, "--yes", check=0)
        self.assertIn("result", modern(self.mcp, "tasks/cancel", {"taskId": task_id}))
        self.assertEqual(self.task(task_id)["status"], "working")
        self.w.run("apply", task_id, check=0)
        self.assertEqual(self.w.row("INV-3001")[0], 0)

    def test_unknown_tasks_are_all_alike(self):
        for method in ("tasks/get", "tasks/cancel", "tasks/update"):
            for task_id in ("wrp_00000000000000000000", "latest", "x y", 7, None):
                self.assertEqual(modern(self.mcp, method, {"taskId": task_id})["error"]["code"], -32602)


class ShadowTasks(Standing):
    changes = {"mode": "shadow"}

    def test_a_shadow_proposal_is_no_task_because_it_would_never_end(self):
        result = modern(self.mcp, "tools/call", PROPOSE)["result"]
        self.assertEqual(result["resultType"], "complete")
        self.assertNotIn("extensions", modern(self.mcp, "server/discover")["result"]["capabilities"])


class SomebodyElse(unittest.TestCase):
    def test_the_same_id_is_not_found_for_another_principal_or_tenant(self):
        config = contract("sqlite", status_tool="billing.proposal_status")
        config["trusted_context"] = {"provider": "environment",
                                     "values": {"tenant_id_env": "T", "principal_env": "P"}}
        w = Workspace("sqlite", config=config)
        self.addCleanup(w.close)
        mine = w.serve(env={"T": "acme", "P": "agent_1"})
        self.addCleanup(mine.close)
        made = mine.propose("INV-3001")["proposal"]["id"]
        for tenant, principal in (("acme", "agent_2"), ("other", "agent_1")):
            with self.subTest(tenant=tenant, principal=principal):
                theirs = w.serve(env={"T": tenant, "P": principal})
                self.assertEqual(theirs.envelope("billing.proposal_status", proposal_id=made)["error"]["code"],
                                 "NOT_FOUND_IN_TENANT")
                self.assertEqual(modern(theirs, "tasks/cancel", {"taskId": made})["error"]["code"], -32602)
                theirs.close()
        self.assertEqual(mine.envelope("billing.proposal_status", proposal_id=made)["data"]["state"],
                         "pending_review")


if __name__ == "__main__":
    unittest.main()
