"""What each way of running protects against, attacker by attacker, with the tests
that show it. docs/threat-model.md has the tables that `promises.py write` makes
of this file; test_docs.py compares them and looks every test up."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = os.path.join(ROOT, "docs", "threat-model.md")

# What kills whoever tries it: no program of ours ever does this.
KILLED = {"exec", "fork", "unshare", "mount", "bpf", "io_uring", "keyctl", "ptrace of others", "pidfd_getfd of others"}
LEDGER = {"read ledger", "write ledger", "read wal", "write wal", "read key", "write key"}
SOURCE = {"read source", "write source"}
# What works from inside, by role and mode. Everything else must not. "home" is a
# file of the user who started us, "source" the SQLite database.
EXPECTED = {
    "mcpd": {
        "E1": {"read source"},
        "E2": {"read source"},
        # One uid, and nothing limits paths or ports: docs/modes.md says so.
        "E3": LEDGER | SOURCE | {"read contract", "write contract", "read home", "write home", "tcp"},
    },
    "ledgerd": {
        "E1": LEDGER,
        "E2": LEDGER,
        "E3": LEDGER | SOURCE | {"read contract", "write contract", "read home", "write home"},
    },
    # A SQLite source is a folder to its writer, which has to make a journal in it.
    "writerd": {
        "E1": SOURCE | {"read contract", "read home", "write home"},
        "E2": SOURCE | LEDGER | {"read contract", "write contract", "read home", "write home"},
        "E3": SOURCE | LEDGER | {"read contract", "write contract", "read home", "write home", "tcp"},
    },
}

MODES = ("packaged", "E1", "E2", "E3")
TABLE = "tests/boundary/test_boundary.py"
INSIDE = [TABLE + " Boundary.test_e1_three_users", TABLE + " Boundary.test_e2_one_uid_with_landlock",
          TABLE + " Boundary.test_e3_one_uid_without_landlock"]
HIJACK = "tests/integration/test_hijack.py Hijacked."
TAMPER = "tests/integration/test_tamper.py Tampering."
STOLEN = "tests/integration/test_mutations.py StolenKey.test_nothing_that_no_reviewer_signed_is_written"

# (attacker, answers by mode, tests). yes: enforced by the kernel or by another
# process. if: see the note. no: it does not hold, and nothing shows it.
PROMISES = [
    ("a model that sends hostile requests, SQL-like text, invented ids", ("yes", "yes", "yes", "yes"),
     ["tests/integration/test_loop.py Loop.test_another_tenants_row_does_not_exist",
      "tests/unit/test_rules.c", "tests/fuzz"]),
    ("**code execution in mcpd**: the write URL in another process", ("yes", "yes", "yes", "yes (1)"), INSIDE),
    ("... credential files, the ledger file", ("yes", "yes", "yes", "**no** (2)"), INSIDE),
    ("... approving over the control socket", ("yes", "yes", "if (3)", "if (3)"),
     INSIDE + [HIJACK + "test_it_cannot_say_what_only_others_may_say", HIJACK + "test_it_cannot_pass_for_another_role"]),
    ("... proposing what the contract does not contain", ("yes", "yes", "yes", "yes"),
     [HIJACK + "test_it_cannot_propose_outside_of_the_contract"]),
    ("... starting a process outside (exec, fork, D-Bus, docker.sock)", ("yes", "yes", "if (3)", "if (3)"), INSIDE),
    ("... ending or freezing the other daemons", ("yes", "yes", "yes", "yes"), INSIDE),
    ("... acting for a caller whose token it never saw", ("yes", "yes", "yes", "yes"),
     ["tests/integration/test_tokens.py Tokens.test_a_hijacked_mcpd_can_act_for_nobody_whose_token_it_does_not_have"]),
    ("... reading all that the read URL can read; lying about who asks; withholding proposals",
     ("**no** (4)", "no", "no", "no"), []),
    ("... reaching other hosts", ("if (5)", "if (6)", "if (6)", "no"), INSIDE),
    ("**code execution in ledgerd**: inventing or altering a write", ("if (7)", "if (7)", "if (7)", "if (7)"),
     [STOLEN, "tests/integration/test_mutations.py StolenKey.test_700_mutations_of_the_envelope_and_what_is_in_it"]),
    ("... the write URL, another network, another program", ("yes", "yes", "yes", "yes (1)"), INSIDE),
    ("... reading, withholding or reordering proposals", ("no", "no", "no", "no"), []),
    ("**code execution in writerd**: what its role may write", ("no (8)", "no", "no", "no"), []),
    ("... approving, or changing what was approved", ("yes", "yes", "yes", "yes"),
     ["tests/integration/test_hijack_writer.py", INSIDE[0]]),
    ("... the ledger file", ("yes", "yes", "if (11)", "no"), INSIDE),
    ("**an edit of the ledger file** by another tool: getting it applied, hiding it", ("yes", "yes", "yes", "yes"),
     [TAMPER + "test_patch_with_a_hash_that_fits", TAMPER + "test_forged_approval",
      "tests/integration/test_mutations.py EditedLedger.test_300_mutations_of_the_file_are_all_found",
      "tests/integration/test_mutations.py EditedLedger.test_a_deleted_decision_signature_or_receipt_is_found"]),
    ("**another program of the same user**, such as the agent's shell", ("yes (9)", "yes (9)", "**no** (10)", "no"),
     [TABLE + " Boundary.test_one_uid_another_program_cannot_read_the_running_daemons",
      TABLE + " Boundary.test_three_uids_mcpds_user_reaches_nothing"]),
    ("other users of the machine", ("yes", "yes", "yes", "yes"),
     [TABLE + " Boundary.test_three_uids_mcpds_user_reaches_nothing",
      TABLE + " Boundary.test_no_secret_in_arguments_or_environment_of_any_process"]),
    ("a reviewer alone, where two are asked for", ("yes", "yes", "yes", "yes"),
     ["tests/integration/test_reviewers.py Quorum.test_two_people_approve_and_a_third_applies"]),
    ("a reviewer's stolen key, once it is out of the file", ("yes", "yes", "yes", "yes"),
     ["tests/integration/test_reviewers.py Signatures.test_a_key_that_is_taken_out_of_the_file_counts_no_more"]),
    ("a stolen copy of the ledger: forging approvals", ("if (7)", "if (7)", "if (7)", "if (7)"), [STOLEN]),
    ("root, the kernel, the database administrator", ("no", "no", "no", "no"), []),
]

NOTES = """1. By dumpability and seccomp only; there is no second layer.
2. seccomp knows calls, not paths: mcpd can open whatever your user can. Do not
   keep credentials in files then.
3. Landlock does not stop a process from connecting to a Unix socket by its
   path (before ABI 9); seccomp does, by refusing the socket. **This is lost if
   a database URL of mcpd is a Unix socket.** Use TCP on localhost there.
4. By design: that is what the read URL is for. Limit it in the database: a
   role with SELECT on the listed tables only.
5. The units deny all addresses; allow the database's.
6. By port, and only with Landlock ABI 4 (Linux 6.7). Any host on an allowed
   port can be reached, and UDP is not limited. In E1 ledgerd has
   no network where `CAP_SYS_ADMIN` is there to take it away; in a container it is
   not, which is logged (`isolation_reduced`).
7. Only where reviewers sign their decisions and writerd has their keys
   ([reviewing.md](reviewing.md)).
8. It is the credential. Limit the write role in the database: UPDATE on the
   listed columns, from this host only.
9. Unless that user is in `cs-reviewers` or has sudo.
10. What runs is protected once it has started (*tested*), but a program of the
    same user can be there first, replace the binary, the contract or
    `LD_PRELOAD`, read credential and ledger files, run
    `countersign proposals approve`, or type on the terminal.
11. Not with a SQLite source whose folder holds the ledger: its writer needs the
    folder. mcpd gets the files alone.
"""


def attacker_table():
    rows = ["| attacker | %s | shown by |" % " | ".join(MODES), "|---|%s---|" % ("---|" * len(MODES))]
    for attacker, answers, tests in PROMISES:
        shown = "<br>".join("`%s`" % re.sub(r"^tests/", "", t) for t in tests) or "–"
        rows.append("| %s | %s | %s |" % (attacker, " | ".join(answers), shown))
    return "\n".join(rows)


def inside_table():
    """What code inside each daemon could open, as the tests measured it."""
    rows = ["| inside | E1 | E2 | E3 |", "|---|---|---|---|"]
    for role, modes in EXPECTED.items():
        rows.append("| %s | %s |" % (role, " | ".join(", ".join(sorted(modes[m])) or "nothing"
                                                     for m in ("E1", "E2", "E3"))))
    return "\n".join(rows) + "\n\nKills the process that tries it: " + ", ".join(sorted(KILLED)) + "."


def generated(text):
    """The document with its generated parts as they follow from this file."""
    for name, part in (("attackers", attacker_table() + "\n\n" + NOTES.rstrip()), ("inside", inside_table())):
        begin, end = "<!-- %s: tests/boundary/promises.py -->\n" % name, "\n<!-- end -->"
        head, rest = text.split(begin)
        text = head + begin + part + end + rest.split(end, 1)[1]
    return text


def missing_tests():
    """Tests that are named and do not exist."""
    missing = []
    for _, _, tests in PROMISES:
        for test in tests:
            path, _, name = test.partition(" ")
            full = os.path.join(ROOT, path)
            if not os.path.exists(full):
                missing.append(test)
            elif name:
                with open(full) as file:
                    text = file.read()
                cls, _, method = name.partition(".")
                if not re.search(r"^class %s\b" % cls, text, re.M) or "def %s(" % method not in text:
                    missing.append(test)
    return missing


if __name__ == "__main__":
    with open(DOCUMENT) as document:
        old = document.read()
    if sys.argv[1:] == ["write"]:
        new = generated(old)
        with open(DOCUMENT, "w") as document:
            document.write(new)
    sys.exit(0)
