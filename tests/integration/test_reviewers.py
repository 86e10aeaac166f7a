"""Reviewers with keys of their own: quorum, signatures, roles, a separate applier,
revoked keys; and what stops a change that was approved: a freeze, a rejection."""
import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from postgres import wait_for  # noqa: E402
from wire import Peer, text, u32  # noqa: E402
from workspace import BIN, Workspace, contract, processes  # noqa: E402

# Accounts that every Debian has: ssh-keygen wants to know who it runs as.
PEOPLE = ("games", "man", "news", "proxy")
ACTIONS = ("approve", "reject", "apply")


class People(unittest.TestCase):
    """A store whose reviewers are accounts of this machine, each with a key."""

    approval = {"signatures": "required", "required_role": "lead"}
    document = {}

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("acts as other users, so it wants root")
        self.keys = tempfile.mkdtemp(prefix="countersign-keys-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.keys, True)
        os.chmod(self.keys, 0o755)
        self.signers = os.path.join(self.keys, "allowed_signers")
        for person in PEOPLE:
            self.make_key(person)
        self.allow(*PEOPLE)
        config = contract(allowed_signers=self.signers, **self.document)
        config["capabilities"][1]["approval"] = self.approval
        self.w = Workspace("sqlite", config=config)
        self.addCleanup(self.w.close)
        self.mcp = self.w.serve(no_writer=False)
        self.addCleanup(self.mcp.close)
        self.mcp.initialize()
        for path, mode in ((self.w.path, 0o755), (os.path.dirname(self.w.store), 0o755),
                           (self.w.store + ".run", 0o755), (self.w.store + ".run/control.sock", 0o666)):
            os.chmod(path, mode)

    def make_key(self, person, kind="ed25519"):
        path = os.path.join(self.keys, person)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", person, "-f", path], check=True)
        shutil.chown(path, person)
        return path

    def allow(self, *people, role="lead", extra=""):
        lines = ["# who may approve"]
        for person in people:
            with open(os.path.join(self.keys, person + ".pub")) as file:
                lines.append('%s,role:%s namespaces="countersign"%s %s' % (person, role, extra, file.read().strip()))
        with open(self.signers + ".new", "w") as file:
            file.write("\n".join(lines) + "\n")
        os.chmod(self.signers + ".new", 0o644)
        os.rename(self.signers + ".new", self.signers)

    def as_person(self, person, *words, key=True, check=None, env=None):
        command = ["setpriv", "--reuid=" + person, "--regid=nogroup", "--clear-groups",
                   os.path.join(BIN, "countersign"), *words, "--store", self.w.store, "--config", self.w.config]
        if key:
            command += ["--key", os.path.join(self.keys, person if key is True else key)]
        result = subprocess.run(command, capture_output=True, text=True, cwd="/", env={**self.w.env, **(env or {})},
                                stdin=subprocess.DEVNULL, timeout=60)
        if check is not None and result.returncode != check:
            raise AssertionError("%s: %d\n%s\n%s" % (words, result.returncode, result.stdout, result.stderr))
        return result

    def approve(self, person, identifier, **options):
        return self.as_person(person, "proposals", "approve", identifier, "--yes", **options)

    def propose(self, invoice="INV-3001"):
        answer = self.mcp.propose(invoice)
        self.assertTrue(answer["ok"], answer)
        return answer["proposal"]["id"]

    def connect(self):
        """The control socket, as this user and without the command line between."""
        with open(self.w.config, "rb") as file:
            peer = Peer(self.w.store, "control", digest=hashlib.sha256(file.read()).digest())
        self.addCleanup(peer.close)
        return peer

    def request(self, peer, kind, identifier, action, reason=""):
        digest = self.w.json("proposals", "show", identifier)["proposal"]["proposal_hash"]
        return peer.request(kind, text(identifier) + text(digest) + u32(1) + bytes([ACTIONS.index(action)]) + text(reason))

    def proposed(self, fee, invoice="INV-3001", reason="small"):
        answer = self.mcp.propose(invoice, fee=fee, reason=reason)
        self.assertTrue(answer["ok"], answer)
        identifier = answer["proposal"]["id"]
        shown = self.w.json("proposals", "show", identifier)
        return identifier, shown["proposal"]["state"], [e["kind"] for e in shown["events"]]

    def state(self, identifier):
        return self.w.json("proposals", "show", identifier)["proposal"]["state"]

    def fee(self, invoice="INV-3001"):
        return self.w.row(invoice)[0]


class Signatures(People):
    def test_an_approval_without_a_signature_is_refused_and_says_what_to_do(self):
        identifier = self.propose()
        result = self.approve("games", identifier, key=False, check=1)
        self.assertIn("SIGNATURE_REQUIRED", result.stderr)
        self.assertIn("--key", result.stderr)
        self.assertEqual(self.state(identifier), "pending_review")

    def test_a_signed_approval_is_applied_and_ssh_keygen_can_check_it(self):
        identifier = self.propose()
        result = self.approve("games", identifier, check=0)
        self.assertIn("signing with", result.stderr)
        self.assertRegex(result.stdout, r"reviewer: games \(uid \d+\)\n")
        decision = self.w.json("proposals", "show", identifier)["decisions"][0]
        self.assertEqual(decision["statement"]["reviewer"]["user"], "games")
        before = self.fee()
        receipt = json.loads(self.as_person("games", "apply", identifier, "--json", check=0, key=False).stdout)
        self.assertEqual(receipt["status"], "applied", receipt)
        self.assertNotEqual(self.fee(), before)
        # The exported decision, checked by OpenSSH alone.
        folder = os.path.join(self.w.path, "decisions")
        self.w.run("proposals", "export-decisions", identifier, "--output", folder, check=0)
        statement, = [f for f in os.listdir(folder) if f.endswith(".json")]
        with open(os.path.join(folder, statement), "rb") as file:
            words = ["ssh-keygen", "-Y", "verify", "-f", self.signers, "-I", "games", "-n", "countersign",
                     "-s", os.path.join(folder, statement + ".sig")]
            text = file.read()
        good = subprocess.run(words, input=text, capture_output=True, check=False)
        self.assertEqual(good.returncode, 0, good.stderr)
        bad = subprocess.run(words, input=text.replace(b"approve", b"approxe"), capture_output=True, check=False)
        self.assertNotEqual(bad.returncode, 0)

    def test_a_key_of_the_agent_signs(self):
        identifier = self.propose()
        socket = os.path.join(self.keys, "agent.sock")
        agent = subprocess.Popen(["setpriv", "--reuid=games", "--regid=nogroup", "--clear-groups", "ssh-agent", "-D",
                                  "-a", "/tmp/countersign-agent-%d" % os.getpid()], stdout=subprocess.PIPE, text=True)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        agent.stdout.readline()
        socket = "/tmp/countersign-agent-%d" % os.getpid()
        self.addCleanup(lambda: os.path.exists(socket) and os.unlink(socket))
        subprocess.run(["setpriv", "--reuid=games", "--regid=nogroup", "--clear-groups", "ssh-add", "-q",
                        os.path.join(self.keys, "games")], env={**os.environ, "SSH_AUTH_SOCK": socket}, check=True)
        os.unlink(os.path.join(self.keys, "games"))
        self.approve("games", identifier, key="games.pub", env={"SSH_AUTH_SOCK": socket}, check=0)
        self.assertEqual(self.state(identifier), "approved")

    def test_somebody_elses_key_is_refused(self):
        identifier = self.propose()
        shutil.chown(os.path.join(self.keys, "man"), "games")
        result = self.approve("games", identifier, key="man", check=1)
        self.assertIn("SIGNER_MISMATCH", result.stderr)
        self.assertEqual(self.state(identifier), "pending_review")

    def test_a_key_without_the_role_is_refused(self):
        self.allow("games", role="other")
        identifier = self.propose()
        self.assertIn("REVIEWER_ROLE_REQUIRED", self.approve("games", identifier, check=1).stderr)

    def test_a_key_that_expired_is_refused(self):
        self.allow("games", extra=',valid-before="20200101Z"')
        identifier = self.propose()
        self.assertIn("REVIEWER_NOT_LISTED", self.approve("games", identifier, check=1).stderr)

    def test_a_key_that_is_taken_out_of_the_file_counts_no_more(self):
        identifier = self.propose()
        self.approve("games", identifier, check=0)
        self.allow("man")
        result = self.as_person("man", "apply", identifier, check=1, key=False)
        self.assertIn("APPROVAL_REVOKED", result.stderr)
        self.assertIn("ource database changed: no", result.stderr)
        self.assertEqual(self.fee(), 5500)

    def test_a_file_that_others_may_write_gives_nobody_a_say(self):
        identifier = self.propose()
        os.chmod(self.signers, 0o666)
        result = self.approve("games", identifier, check=1)
        self.assertEqual(self.state(identifier), "pending_review")
        self.assertIn(self.signers, result.stderr)

    def test_a_rejection_needs_no_key(self):
        identifier = self.propose()
        self.as_person("games", "proposals", "reject", identifier, "--yes", "--reason", "no", key=False, check=0)
        self.assertEqual(self.state(identifier), "rejected")


def string(data):
    return u32(len(data)) + data


class HardwareKey:
    """A FIDO key (sk-ssh-ed25519) as PROTOCOL.u2f describes it, in software."""

    kind = b"sk-ssh-ed25519@openssh.com"

    def __init__(self, application=b"ssh:"):
        self.key = Ed25519PrivateKey.generate()
        self.application = application
        point = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = string(self.kind) + string(point) + string(application)

    def line(self):
        return "%s %s" % (self.kind.decode(), base64.b64encode(self.blob).decode())

    def sign(self, message, touched=True, namespace=b"countersign"):
        inner = b"SSHSIG" + string(namespace) + string(b"") + string(b"sha512") + string(hashlib.sha512(message).digest())
        flags_counter = bytes([1 if touched else 0]) + u32(7)
        signature = self.key.sign(hashlib.sha256(self.application).digest() + flags_counter +
                                  hashlib.sha256(inner).digest())
        return (b"SSHSIG" + u32(1) + string(self.blob) + string(namespace) + string(b"") + string(b"sha512") +
                string(string(self.kind) + string(signature) + flags_counter))


class Hardware(People):
    def setUp(self):
        super().setUp()
        self.key = HardwareKey()
        with open(self.signers, "a") as file:
            file.write('root,role:lead namespaces="countersign" %s\n' % self.key.line())
        self.peer = self.connect()

    def statement(self, identifier):
        name, answer = self.request(self.peer, "PREPARE", identifier, "approve")
        self.assertEqual(name, "DOCUMENT", answer)
        return answer[5:]

    def signed(self, statement, signature):
        return self.peer.request("SIGNED", text(statement) + text(signature))

    def test_a_touched_hardware_key_approves_and_openssh_agrees(self):
        identifier = self.propose()
        statement = self.statement(identifier)
        for wrong in (self.key.sign(statement, touched=False), self.key.sign(statement + b" "),
                      self.key.sign(statement, namespace=b"git"), HardwareKey().sign(statement)):
            name, reason = self.signed(statement, wrong)
            self.assertEqual(name, "FAILURE")
            self.assertIn(reason, ("SIGNATURE_INVALID", "SIGNER_UNKNOWN"))
        signature = self.key.sign(statement)
        self.assertEqual(self.signed(statement, signature)[0], "DOCUMENT")
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")
        folder = os.path.join(self.w.path, "out")
        self.w.run("proposals", "export-decisions", identifier, "--output", folder, check=0)
        with open(os.path.join(folder, "decision-1.json"), "rb") as file:
            openssh = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", self.signers, "-I", "root", "-n", "countersign",
                                      "-s", os.path.join(folder, "decision-1.json.sig")], stdin=file, capture_output=True,
                                     check=False)
        self.assertEqual(openssh.returncode, 0, openssh.stderr)

    def test_a_statement_that_was_changed_before_signing_is_refused(self):
        identifier = self.propose()
        statement = self.statement(identifier)
        for old, new in ((b'"lead"', b'"boss"'), (b'"approve"', b'"reject"'), (b"expires_at\":\"202", b"expires_at\":\"203"),
                         (b'"uid":0', b'"uid":5')):
            self.assertIn(old, statement)
            changed = statement.replace(old, new)
            name, reason = self.signed(changed, self.key.sign(changed))
            self.assertEqual(name, "FAILURE", new)
        old = re.sub(rb'"issued_at":"\d{4}', b'"issued_at":"2020', statement)
        self.assertEqual(self.signed(old, self.key.sign(old)), ("FAILURE", "STATEMENT_EXPIRED"))
        self.assertEqual(self.state(identifier), "pending_review")


class Quorum(People):
    approval = {"signatures": "required", "required_role": "lead", "required_approvals": 2, "separate_applier": True}

    def test_two_people_approve_and_a_third_applies(self):
        identifier = self.propose()
        result = self.approve("games", identifier, check=0)
        self.assertIn("others are needed", result.stdout)
        self.assertEqual(self.state(identifier), "pending_review")
        again = self.approve("games", identifier, check=1)
        self.assertIn("APPROVER_ALREADY_COUNTED", again.stderr)
        early = self.as_person("news", "apply", identifier, check=1)
        self.assertIn("PROPOSAL_NOT_APPROVED", early.stderr)
        self.approve("man", identifier, check=0)
        self.assertEqual(self.state(identifier), "approved")
        own = self.as_person("man", "apply", identifier, check=1)
        self.assertIn("APPLIER_APPROVED", own.stderr)
        self.assertIn("ource database changed: no", own.stderr)
        self.assertIn("SIGNATURE_REQUIRED", self.as_person("news", "apply", identifier, key=False, check=1).stderr)
        self.assertEqual(self.fee(), 5500)
        receipt = json.loads(self.as_person("news", "apply", identifier, "--json", check=0).stdout)
        self.assertEqual(receipt["status"], "applied", receipt)
        kinds = [e["kind"] for e in self.w.json("proposals", "show", identifier)["events"]]
        self.assertIn("proposal_approval_recorded", kinds)
        self.assertIn("apply_authorized", kinds)
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)

    def test_one_no_outweighs_every_yes(self):
        identifier = self.propose()
        self.approve("games", identifier, check=0)
        self.approve("man", identifier, check=0)
        self.as_person("news", "proposals", "reject", identifier, "--yes", "--reason", "stop", check=0)
        self.assertIn("rejected",
                      self.as_person("proxy", "apply", identifier, check=1).stderr)
        self.assertEqual(self.fee(), 5500)


class Applier(People):
    """Without signatures, so that a decision needs nothing but a message."""

    approval = {"separate_applier": True}
    document = {"reviewers": {p: {"roles": ["lead"]} for p in ("root",) + PEOPLE}}

    def test_nobody_signs_twice_to_apply(self):
        identifier = self.propose()
        self.approve("games", identifier, key=False, check=0)
        peer = self.connect()
        self.assertEqual(self.request(peer, "DECIDE", identifier, "apply")[0], "DOCUMENT")
        self.assertEqual(self.request(peer, "DECIDE", identifier, "apply"), ("FAILURE", "APPLIER_ALREADY_COUNTED"))
        self.assertEqual(len(self.w.json("proposals", "show", identifier)["decisions"]), 2)
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")


class NoApplier(People):
    approval = {}
    document = {}

    def test_nobody_signs_to_apply_where_that_is_not_asked_for(self):
        identifier = self.propose()
        self.w.run("proposals", "approve", identifier, "--yes", check=0)
        self.assertEqual(self.request(self.connect(), "DECIDE", identifier, "apply"), ("FAILURE", "APPLIER_NOT_ASKED"))
        self.assertEqual(len(self.w.json("proposals", "show", identifier)["decisions"]), 1)


class Automatic(People):
    approval = {"automatic": {
        "columns": {"late_fee_cents": {"minimum": 100, "maximum": 1000}, "waiver_reason": {"max_length": 40}},
        "limits": [{"maximum": 3, "window": "day", "per": "tenant"},
                   {"column": "late_fee_cents", "maximum": 1500, "window": "24h", "per": "tenant"}]}}
    document = {}

    def test_what_fits_the_rules_is_approved_and_written_without_a_person(self):
        identifier, state, _ = self.proposed(500)
        self.assertEqual(state, "approved")
        decision, = self.w.json("proposals", "show", identifier)["decisions"]
        self.assertEqual(decision["statement"]["reviewer"]["user"], "policy:billing.propose_late_fee_waiver")
        self.assertIn('"projected":500', decision["statement"]["reason"])
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")
        self.assertEqual(self.fee(), 500)
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)

    def test_what_does_not_fit_waits_for_a_person(self):
        for fee, reason in ((99, "small"), (1001, "small"), (500, "x" * 41)):
            identifier, state, kinds = self.proposed(fee, reason=reason)
            self.assertEqual((state, "policy_auto_approval_deferred" in kinds), ("pending_review", False))
        self.w.run("proposals", "approve", identifier, "--yes", check=0)
        self.assertEqual(self.state(identifier), "approved")

    def test_limits_count_what_was_approved_before(self):
        self.assertEqual(self.proposed(700)[1], "approved")
        _, state, kinds = self.proposed(600, "INV-3002")
        self.assertEqual(state, "approved")
        self.assertIn("policy_limit_near", kinds)  # 1300 of 1500
        identifier, state, kinds = self.proposed(201)
        self.assertEqual(state, "pending_review")
        self.assertIn("policy_auto_approval_deferred", kinds)
        self.assertEqual(self.proposed(200)[1], "approved")
        # Three of three: the count now stands against it.
        self.assertEqual(self.proposed(100, "INV-3002")[1], "pending_review")
        self.assertEqual(self.fee(), 5500)

    def test_a_freeze_is_a_freeze_of_the_policy_too(self):
        self.w.run("freeze", "--reason", "x", check=0)
        self.assertEqual(self.proposed(500)[1], "pending_review")


class AutomaticEdges(People):
    """The smallest and the largest number that there are."""

    approval = {"automatic": {
        "columns": {"late_fee_cents": {"minimum": -2**63, "maximum": 2**63 - 1}, "waiver_reason": {"max_length": 40}},
        "limits": [{"column": "late_fee_cents", "maximum": 2**63 - 1, "window": "day", "per": "tenant"}]}}
    document = {}

    def setUp(self):
        super().setUp()
        self.mcp.close()
        self.w.wait_idle()
        with open(self.w.config) as file:
            config = json.load(file)
        by = config["capabilities"][1]
        by["args"]["fee"] = {"type": "number", "required": False}
        by["numeric_bounds"]["late_fee_cents"] = {"minimum": -2**63, "maximum": 2**63 - 1}
        self.w.write_config(config)
        self.mcp = self.w.serve(no_writer=False)
        self.addCleanup(self.mcp.close)
        self.mcp.initialize()

    def test_a_sum_that_no_number_holds_waits_for_a_person(self):
        self.assertEqual(self.proposed(-2**63)[1], "approved")
        for fee in (1, -2**63, 2**63 - 1):
            self.assertEqual(self.proposed(fee, "INV-3002")[1], "pending_review")


class InHand(People):
    """A writer has the job and waits for the row, which somebody else holds."""

    approval = {}
    document = {}

    def begun(self):
        """(proposal, the apply under way, who holds the database)."""
        identifier = self.propose()
        self.w.run("proposals", "approve", identifier, "--yes", check=0)
        holder = sqlite3.connect(self.w.source, isolation_level=None, timeout=10)
        self.addCleanup(holder.close)
        holder.execute("BEGIN IMMEDIATE")
        apply = subprocess.Popen([os.path.join(BIN, "countersign"), "apply", identifier, "--json", "--store", self.w.store,
                                  "--config", self.w.config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env=self.w.env, cwd=self.w.path)
        wait_for(lambda: self.w.ledger("SELECT 1 FROM jobs WHERE state = 'leased'"), 20, "the writer has the job")
        return identifier, apply, holder

    def receipt(self, apply, holder):
        holder.execute("ROLLBACK")
        out, errors = apply.communicate(timeout=60)
        self.assertTrue(out, errors)
        return json.loads(out)

    def test_a_rejection_reaches_the_writer_before_its_commit(self):
        identifier, apply, holder = self.begun()
        said = self.w.run("proposals", "reject", identifier, "--yes", "--reason", "wrong customer", check=0).stdout
        self.assertIn("told the writer to stop", said)
        receipt = self.receipt(apply, holder)
        self.assertEqual((receipt["status"], receipt["safe_error_code"], receipt["source_database_mutated"]),
                         ("failed", "APPROVAL_REVOKED", False))
        self.assertEqual((self.state(identifier), self.fee()), ("rejected", 5500))
        self.assertIn("rejected", self.w.run("apply", identifier, check=1).stderr)
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)

    def test_a_freeze_reaches_the_writer_before_its_commit_and_can_be_applied_later(self):
        identifier, apply, holder = self.begun()
        said = self.w.run("freeze", "--tenant", "acme", "--reason", "incident", check=0).stdout
        self.assertIn("told to stop", said)
        receipt = self.receipt(apply, holder)
        self.assertEqual((receipt["status"], receipt["safe_error_code"]), ("failed", "FROZEN"))
        self.assertEqual(self.fee(), 5500)
        self.w.run("thaw", "--tenant", "acme", "--reason", "over", check=0)
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")

    def test_to_prepare_a_rejection_takes_nothing_back_and_to_make_it_does(self):
        waiting = self.propose("INV-3002")
        self.w.run("proposals", "approve", waiting, "--yes", check=0)
        _, apply, holder = self.begun()
        second = subprocess.Popen([os.path.join(BIN, "countersign"), "apply", waiting, "--store", self.w.store, "--config",
                                   self.w.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.w.env,
                                  cwd=self.w.path)
        self.addCleanup(second.wait)
        self.addCleanup(second.kill)
        wait_for(lambda: self.w.ledger("SELECT 1 FROM jobs WHERE state = 'released'"), 20, "a job waits for the writer")
        peer = self.connect()
        self.assertEqual(self.request(peer, "PREPARE", waiting, "reject", "no")[0], "DOCUMENT")
        self.assertEqual(self.state(waiting), "pending_worker")
        self.assertEqual(self.request(peer, "DECIDE", waiting, "reject", "no")[0], "DOCUMENT")
        self.assertEqual(self.state(waiting), "rejected")
        self.assertEqual(self.receipt(apply, holder)["status"], "applied")
        self.assertEqual((self.fee(), self.fee("INV-3002")), (0, 1200))
        self.assertEqual(self.w.run("ledger", "verify").returncode, 0)

    def test_a_rejection_that_comes_too_late_says_so(self):
        identifier = self.propose()
        self.w.run("proposals", "approve", identifier, "--yes", check=0)
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")
        result = self.w.run("proposals", "reject", identifier, "--yes", "--reason", "late", check=1)
        self.assertIn("PROPOSAL_NOT_REJECTABLE", result.stderr)


class Freezes(People):
    approval = {}
    document = {"reviewers": {p: {"roles": ["lead"]} for p in ("root",) + PEOPLE}}

    def test_a_freeze_stops_approvals_and_applies_and_survives_a_restart(self):
        first, second = self.propose(), self.propose(invoice="INV-3002")
        self.w.run("proposals", "approve", first, "--yes", check=0)
        self.assertIn("FREEZE_REASON_REQUIRED", self.w.run("freeze", check=1).stderr)
        self.w.run("freeze", "--reason", "incident 7", check=0)
        for words in (("proposals", "approve", second, "--yes"), ("apply", first)):
            result = self.w.run(*words, check=1)
            self.assertIn("FROZEN", result.stderr)
            self.assertIn("incident 7", result.stderr)
        self.mcp.close()
        self.w.wait_idle()
        self.assertIn("frozen: all", self.w.run("freeze", "list", check=0).stdout)
        self.assertIn("FROZEN", self.w.run("apply", first, check=1).stderr)
        self.assertEqual(self.fee(), 5500)
        self.assertIn("nothing is frozen", self.w.run("thaw", "--reason", "solved", check=0).stdout)
        self.assertEqual(self.w.json("apply", first)["status"], "applied")

    def test_what_is_applied_without_being_asked_waits_for_the_thaw(self):
        w = Workspace("sqlite", config=contract(apply="on_approval"))
        self.addCleanup(w.close)
        identifier = w.approved()
        w.run("freeze", "--tenant", "acme", "--reason", "incident", check=0)
        mcp = w.serve(no_writer=False)
        self.addCleanup(mcp.close)
        mcp.initialize()
        wait_for(lambda: processes(w.store, "writerd"), 20, "the writer")
        time.sleep(3)  # more than one claim
        self.assertEqual(w.row("INV-3001")[0], 5500)
        with open(w.store + ".log") as file:
            self.assertNotIn("not_released", file.read())
        w.run("thaw", "--tenant", "acme", "--reason", "over", check=0)
        wait_for(lambda: w.json("proposals", "show", identifier)["proposal"]["state"] == "applied", 5, "the change")

    def test_a_freeze_of_one_tenant_or_capability_leaves_the_others(self):
        identifier = self.propose()
        self.w.run("proposals", "approve", identifier, "--yes", check=0)
        self.w.run("freeze", "--tenant", "other", "--reason", "x", check=0)
        self.w.run("freeze", "--capability", "billing.propose_late_fee_waiver", "--reason", "y", check=0)
        self.assertIn("CAPABILITY_NOT_FOUND", self.w.run("freeze", "--capability", "no.such", "--reason", "y", check=1).stderr)
        self.assertIn("FROZEN", self.w.run("apply", identifier, check=1).stderr)
        self.w.run("thaw", "--capability", "billing.propose_late_fee_waiver", "--reason", "z", check=0)
        self.assertIn("FREEZE_NOT_FOUND", self.w.run("thaw", "--reason", "z", check=1).stderr)
        self.assertEqual(self.w.json("apply", identifier)["status"], "applied")

    def test_who_is_no_reviewer_freezes_nothing(self):
        result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                 os.path.join(BIN, "countersign"), "freeze", "--reason", "x", "--store", self.w.store,
                                 "--config", self.w.config], capture_output=True, text=True, cwd="/", env=self.w.env)
        self.assertIn("REVIEWER_NOT_LISTED", result.stderr)

    def test_a_freeze_that_is_edited_in_the_file_keeps_the_ledger_closed(self):
        self.w.run("freeze", "--reason", "incident", check=0)
        self.mcp.close()
        self.w.wait_idle()
        self.w.tampered = True
        self.w.ledger("DROP TRIGGER events_are_never_changed")
        self.w.ledger("UPDATE events SET body = replace(body, 'all', 'tenant') WHERE kind = 'frozen'")
        result = self.w.run("freeze", "list")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("FREEZE_DAMAGED", result.stderr)


if __name__ == "__main__":
    unittest.main()
