"""Who may decide, what a reviewer sees, and that decisions cannot interleave."""
import concurrent.futures
import json
import os
import pwd
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from workspace import Workspace, contract  # noqa: E402

ME = pwd.getpwuid(os.geteuid()).pw_name


def with_role(reviewers=None, principal="support_agent_17"):
    value = contract()
    value["capabilities"][1]["approval"] = {"required_role": "support_lead"}
    value["trusted_context"]["values"]["principal"] = principal
    if reviewers is not None:
        value["reviewers"] = reviewers
    return value


class Reviewers(unittest.TestCase):
    def refused(self, config, code):
        w = Workspace("sqlite", config=config)
        self.addCleanup(w.close)
        identifier = w.proposed()
        result = w.run("proposals", "approve", identifier, "--yes", check=1)
        self.assertIn(code, result.stderr)
        self.assertEqual(w.json("proposals", "show", identifier)["proposal"]["state"], "pending_review")

    def test_owner_may_approve_when_nobody_is_listed_and_is_told_so(self):
        w = Workspace("sqlite", config=with_role())
        self.addCleanup(w.close)
        result = w.run("proposals", "approve", w.proposed(), "--yes", check=0)
        self.assertIn("as owner of the ledger: the contract lists no reviewers", result.stdout)

    def test_listed_reviewer_with_the_role_may_approve(self):
        w = Workspace("sqlite", config=with_role({ME: {"uid": os.geteuid(), "roles": ["support_lead"]}}))
        self.addCleanup(w.close)
        identifier = w.approved()
        statement = w.json("proposals", "show", identifier)["decisions"][0]["statement"]
        self.assertEqual(statement["reviewer"], {"user": ME, "uid": os.geteuid(), "role": "support_lead"})
        self.assertEqual(w.json("apply", identifier)["status"], "applied")

    def test_listed_reviewer_without_the_role_is_refused(self):
        self.refused(with_role({ME: {"uid": os.geteuid(), "roles": ["other"]}}), "REVIEWER_ROLE_REQUIRED")

    def test_owner_who_is_not_listed_is_refused(self):
        self.refused(with_role({"somebody": {"uid": 4242, "roles": ["support_lead"]}}), "REVIEWER_NOT_LISTED")

    def test_proposer_is_refused(self):
        self.refused(with_role(principal=ME), "SELF_APPROVAL_REFUSED")

    def test_actor_flag_cannot_name_somebody_else(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        identifier = w.proposed()
        result = w.run("proposals", "approve", identifier, "--yes", "--actor", "alice", check=1)
        self.assertIn("ACTOR_NOT_YOU", result.stderr)
        w.run("proposals", "approve", identifier, "--yes", "--actor", ME, check=0)

    def test_without_a_terminal_nothing_is_decided_unless_yes_is_said(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        result = w.run("proposals", "approve", w.proposed(), check=1)
        self.assertIn("approval/rejection requires --yes in noninteractive mode", result.stderr)

    def test_rejection_needs_a_reason(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        self.assertIn("REASON_REQUIRED", w.run("proposals", "reject", w.proposed(), "--yes", check=1).stderr)


class Screen(unittest.TestCase):
    def test_what_is_invisible_is_shown_as_escapes_and_fenced(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        reason = "ok\u202egnihton\u200b\x1b[2J\nApproval: approved"
        identifier = w.proposed(reason=reason)
        for flags in ((), ("--details",)):
            text = w.run("proposals", "show", identifier, *flags, check=0).stdout
            self.assertIn("\\u202egnihton\\u200b\\u001b[2J\\u000aApproval: approved", text)
            for hidden in ("\u202e", "\u200b", "\x1b", "\nApproval: approved"):
                self.assertNotIn(hidden, text)
            self.assertRegex(text, r"(?m)^  \| waiver_reason: null -> ok")
            self.assertIn("not an instruction", text)

    def test_a_value_cannot_leave_its_code_span_in_an_exported_replay(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        w.sql("INSERT INTO invoices VALUES ('x` [a](b) `', 'acme', 'open', 5, NULL, '2026-06-20T14:31:08Z')")
        identifier = w.proposed("x` [a](b) `")
        path = os.path.join(w.path, "replay.md")
        w.run("replay", "export", identifier, "--output", path, "--format", "markdown", check=0)
        with open(path) as file:
            text = file.read()
        self.assertIn("`` x` [a](b) ` ``", text)
        self.assertIn("not external database time travel", text)

    def test_first_look_has_no_hashes_and_details_have_them(self):
        w = Workspace("sqlite")
        self.addCleanup(w.close)
        identifier = w.proposed()
        brief = w.run("proposals", "show", "latest", check=0).stdout
        self.assertNotIn("sha256:", brief)
        for line in ("Status: pending review", "required outside MCP", "Source DB changed:\n  no"):
            self.assertIn(line, brief)
        full = w.run("proposals", "show", identifier, "--details", check=0).stdout
        for line in ("proposal hash: sha256:", "allowed columns: late_fee_cents, waiver_reason",
                     "conflict guard: updated_at=2026-06-20T14:31:08Z", "Events:"):
            self.assertIn(line, full)


class Races(unittest.TestCase):
    def setUp(self):
        self.w = Workspace("sqlite")
        self.addCleanup(self.w.close)

    def together(self, *commands):
        with self.w.client(), concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
            # A ledgerd is up: only the decisions race.
            return list(pool.map(lambda c: self.w.run(*c), commands))

    def test_of_approve_and_reject_exactly_one_wins_or_reject_is_last(self):
        for _ in range(5):
            with self.w.client() as mcp:
                identifier = mcp.propose("INV-3001", reason=os.urandom(8).hex())["proposal"]["id"]
            results = self.together(("proposals", "approve", identifier, "--yes"),
                                    ("proposals", "reject", identifier, "--reason", "no", "--yes"))
            events = [e["kind"] for e in self.w.json("events", "tail", "--proposal", identifier)["events"]]
            state = self.w.json("proposals", "show", identifier)["proposal"]["state"]
            self.assertEqual(state, "rejected" if results[1].returncode == 0 else "approved")
            self.assertIn(events[::-1], (["proposal_created", "proposal_rejected"],
                                         ["proposal_created", "proposal_approved", "proposal_rejected"],
                                         ["proposal_created", "proposal_approved"]))

    def test_eight_approvals_at_once_make_one(self):
        identifier = self.w.proposed()
        results = self.together(*[("proposals", "approve", identifier, "--yes")] * 8)
        self.assertEqual(sorted(r.returncode for r in results), [0] + [1] * 7)
        self.assertEqual(len(self.w.json("proposals", "show", identifier)["decisions"]), 1)

    def test_eight_applies_at_once_write_once(self):
        self.w.sql("CREATE TABLE effects (id TEXT)")
        self.w.sql("CREATE TRIGGER t AFTER UPDATE ON invoices BEGIN INSERT INTO effects VALUES (NEW.id); END")
        identifier = self.w.approved()
        with self.w.client(no_writer=False), concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: self.w.run("apply", identifier, "--json"), range(8)))
        statuses = [json.loads(r.stdout)["status"] if r.stdout else "refused" for r in results]
        self.assertLessEqual(set(statuses), {"applied", "already_applied", "refused"})
        self.assertEqual(self.w.sql("SELECT count(*) FROM effects"), [(1,)])

    def test_apply_and_reject_cannot_interleave(self):
        identifier = self.w.approved()
        results = self.together(("apply", identifier, "--json"),
                                ("proposals", "reject", identifier, "--reason", "late", "--yes"))
        changed = self.w.row("INV-3001")[0] == 0
        state = self.w.json("proposals", "show", identifier)["proposal"]["state"]
        self.assertEqual(changed, state == "applied")
        self.assertEqual(state == "rejected", results[1].returncode == 0)


if __name__ == "__main__":
    unittest.main()
