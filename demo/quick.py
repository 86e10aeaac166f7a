#!/usr/bin/python3
"""usage: quick.py --bin FOLDER (--quick | --inspect | --prepare) [options]

What `countersign demo` runs: the beginning of the demonstration (play.py), with
the real programs in FOLDER, in the working folder. Standard library only.

  --quick    one proposal in ./.countersign/quick-demo.db; the source stays as it is
  --inspect  the same, and the commands that look at it
  --prepare  contract, database and environment to go on by hand
"""
import argparse
import contextlib
import glob
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import play  # noqa: E402

STORE = "./.countersign/quick-demo.db"
FOLDER = "./.countersign/quick-demo"
CONFIG = FOLDER + "/countersign.json"
TOOL = "billing.propose_late_fee_waiver"
INVOICE = "INV-3001"
RULE = "-" * 60


class Refused(Exception):
    """Nothing was done, and the text says why."""


class Silent:
    """play.Agent and its friends print what they do; here the result is told."""

    def __enter__(self):
        self.redirect = contextlib.redirect_stdout(open(os.devnull, "w", encoding="utf-8"))
        self.redirect.__enter__()

    def __exit__(self, *reason):
        self.redirect.__exit__(*reason)


def serve(workspace):
    """An agent's session, with the whole sandbox if the system can give it."""
    if "COUNTERSIGN_ACCEPT_REDUCED_ISOLATION" in os.environ:
        workspace.environment["COUNTERSIGN_ACCEPT_REDUCED_ISOLATION"] = "1"
    try:
        return play.Agent(workspace)
    except play.Broken as refusal:
        if "accept-reduced-isolation" not in str(refusal):
            raise
        print("Note: root, or a kernel without the whole sandbox: running with reduced isolation. The commands below"
              " want COUNTERSIGN_ACCEPT_REDUCED_ISOLATION=1 then.", file=sys.stderr)
        workspace.environment["COUNTERSIGN_ACCEPT_REDUCED_ISOLATION"] = "1"
        return play.Agent(workspace)


def forget(workspace):
    """The ledger of an earlier run, and whoever has it open."""
    if os.path.exists(workspace.store):
        workspace.command("store", "reset", "--yes", "--force", store=workspace.store)
    for path in glob.glob(glob.escape(workspace.store) + "*"):
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.remove(path)


def seed():
    """One proposal, made by the real programs; what is told about it."""
    os.makedirs(".countersign", mode=0o700, exist_ok=True)
    workspace = play.Workspace(os.path.abspath(FOLDER))
    workspace.store = os.path.abspath(STORE)
    workspace.environment["SYNAPSOR_LOCAL_STORE"] = workspace.store
    if os.path.isdir(FOLDER):
        forget(workspace)
        shutil.rmtree(FOLDER)
    os.makedirs(FOLDER, mode=0o700)
    with Silent():
        store, workspace.store = workspace.store, os.path.join(workspace.path, "unused", "x")
        workspace.build()
        workspace.store = store
        forget(workspace)
        before = workspace.row(INVOICE)
        agent = serve(workspace)
        try:
            agent.call("billing.inspect_invoice", invoice_id=INVOICE)
            answer = agent.call(TOOL, invoice_id=INVOICE, reason=play.REASON)
        finally:
            agent.close()
    os.rmdir(os.path.join(workspace.path, "unused"))
    if not answer.get("ok"):
        raise Refused("the proposal was refused: %s" % json.dumps(answer))
    proposal = answer["proposal"]["id"]
    shown = workspace.json("replay", "show", proposal)["proposal"]
    change = shown["change_set"]
    return {
        "mode": "fixture_only", "store": STORE, "proposal_id": proposal,
        "evidence_bundle_id": change["evidence"]["bundle_id"], "replay_id": "replay_" + proposal, "model_tool": TOOL,
        "business_object": "invoice:" + INVOICE,
        "proposed_change": {column: {"before": change["before"].get(column), "after": value}
                            for column, value in change["patch"].items()},
        "source_database_changed": workspace.row(INVOICE) != before, "approval": "required outside MCP",
    }


def where():
    return "--store %s --config %s" % (STORE, CONFIG)


def commands(told):
    table = (
        ("Proposal summary", "What a reviewer is asked to decide", "proposals show latest"),
        ("Proposal details", "Hashes, guards and events", "proposals show latest --details"),
        ("Evidence", "What the agent saw", "evidence show " + told["evidence_bundle_id"]),
        ("Query audit", "What was asked of the database", "query-audit list"),
        ("Activity", "Everything about this invoice", "activity search --object invoice:" + INVOICE),
        ("Replay", "The story so far", "replay show latest"),
        ("Record", "Whether anybody has edited it", "ledger verify"),
    )
    return [{"label": label, "description": text, "command": "countersign %s %s" % (words, where())}
            for label, text, words in table]


def change_lines(told):
    return ["%s: %s -> %s" % (column, json.dumps(v["before"]), json.dumps(v["after"]))
            for column, v in told["proposed_change"].items()]


def concise(told):
    print("""Countersign quick demo complete.

The agent called:
  %s(invoice_id="%s")

* proposal created: %s
* source DB changed: no
* approval required outside MCP
* evidence + replay saved locally

Store: %s

Next:
  countersign demo inspect
  countersign demo --quick --details""" % (TOOL, INVOICE, told["proposal_id"], STORE))


def details(told):
    print("""Countersign quick demo

Raw MCP shape:
  execute_sql(sql: string)
  The model writes SQL, names tables and tenants, and commits.

Countersign shape:
  %s(invoice_id: string, reason: string)
  The model names one business object. It cannot commit the write.

Trusted context:
  tenant acme, principal support_agent_17: from the server's environment

Proposal: %s
Evidence id: %s
Proposed change:
%s
Source DB changed: no
Approval: required outside MCP

Replay:
  countersign replay show latest %s

Run this next:
  countersign proposals approve latest %s
  . %s/env && countersign apply latest %s""" % (
        TOOL, told["proposal_id"], told["evidence_bundle_id"], "\n".join("  " + line for line in change_lines(told)),
        where(), where(), FOLDER, where()))


def guided(told):
    waits = sys.stdin.isatty() and sys.stdout.isatty()
    screens = (
        ("Countersign quick demo", "An agent wants to waive a late fee. You will see what it can and cannot do."),
        ("The risky default", "Raw MCP shape:\n  execute_sql(sql: string)\n\nThe model writes any SQL, for any tenant, and"
                              " it is committed."),
        ("A reviewed tool", "Countersign shape:\n  %s(invoice_id=\"%s\")\n\nTenant and principal come from the server."
                            " It cannot commit the write." % (TOOL, INVOICE)),
        ("What it proposed", "\n".join([told["proposal_id"], *change_lines(told)])),
        ("Nothing was written", "* proposal created\n* source DB changed: no\n* approval required outside MCP"),
        ("Evidence and replay", "Evidence id: %s\nReplay: %s\n* evidence + replay saved locally in %s" % (
            told["evidence_bundle_id"], told["replay_id"], STORE)),
        ("Next paths", "Run this next:\n  countersign demo inspect\n\nIf installed globally, use:\n"
                       "  countersign demo            a workspace to go on by hand\n"
                       "  countersign demo --play     every promise, checked to the end"),
    )
    for i, (title, text) in enumerate(screens, 1):
        print("%s\nStep %d/%d: %s\n%s\n\n%s\n" % (RULE, i, len(screens), title, RULE, text))
        if i < len(screens):
            print("Press Enter to continue...")
            if waits:
                input()


def inspect(told, as_json):
    table = commands(told)
    if as_json:
        print(json.dumps({**told, "commands": table}, indent=2, ensure_ascii=False))
        return
    print("Quick demo inspection\n")
    for i, row in enumerate(table, 1):
        print("%d. %s\n   %s\n   %s\n" % (i, row["label"], row["description"], row["command"]))


def write_environment(workspace, path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        for name, value in workspace.environment.items():
            file.write("export %s=%s\n" % (name, play.shlex.quote(value)))


def prepare(force):
    """Contract, database and environment here: the reference workspace of 0.1.1, without containers."""
    workspace = play.Workspace(os.path.abspath("."))
    workspace.store = os.path.abspath("./.countersign/local.db")
    with open(os.path.join(play.QUICKSTART, "countersign.json"), encoding="utf-8") as file:
        contract = file.read().replace("./ledger/local.db", "./.countersign/local.db")
    for path in ("countersign.json", "shop.db", "demo.env"):
        if os.path.exists(path) and not force:
            with open("countersign.json", encoding="utf-8", errors="replace") as file:
                is_ours = file.read() == contract
            if not is_ours:
                raise Refused("%s already exists. Use --force to overwrite." % path)
    os.makedirs(".countersign", mode=0o700, exist_ok=True)
    forget(workspace)
    for path in glob.glob("shop.db*"):
        os.remove(path)
    with open("countersign.json", "w", encoding="utf-8") as file:
        file.write(contract)
    os.chmod("countersign.json", 0o644)
    with open(os.path.join(play.QUICKSTART, "shop.sql"), encoding="utf-8") as file, \
            contextlib.closing(play.sqlite3.connect(workspace.source)) as db:
        db.executescript(file.read())
    write_environment(workspace, "demo.env")
    print("""Countersign demo is ready.

A contract (countersign.json), an application's database (shop.db) and the
variables that name it (demo.env). An agent would serve itself by MCP; by hand:

  . ./demo.env
1. countersign propose %s --sample
2. countersign proposals show latest
3. countersign proposals approve latest
4. countersign apply latest
5. countersign replay show latest

MCP client:  countersign mcp config claude-desktop --absolute-paths
Review:      countersign review
All of it, checked:  countersign demo --play""" % TOOL)


def main(arguments):
    parser = argparse.ArgumentParser(add_help=False)
    for flag in ("quick", "inspect", "prepare", "guided", "no-interactive", "details", "json", "force"):
        parser.add_argument("--" + flag, action="store_true")
    parser.add_argument("--bin", required=True)
    options = parser.parse_args(arguments)
    os.environ["CS_BIN"] = options.bin
    try:
        if options.prepare:
            prepare(options.force)
            return 0
        told = seed()
        write_environment(play.Workspace(os.path.abspath(FOLDER)), FOLDER + "/env")
        on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not {"CI", "VITEST"} & set(os.environ)
        if options.inspect:
            inspect(told, options.json)
        elif options.json:
            print(json.dumps(told, indent=2, ensure_ascii=False))
        elif options.details:
            details(told)
        elif options.guided or (on_terminal and not options.no_interactive):
            guided(told)
        else:
            concise(told)
    except (Refused, play.Broken, play.subprocess.TimeoutExpired, play.sqlite3.Error, OSError) as problem:
        print("error: DEMO_FAILED: %s" % problem, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
