#!/usr/bin/python3
"""usage: play.py [--no-wait] [--bin FOLDER] WORKSPACE

Plays one proposal from the agent's request to the replay, with the real
programs in FOLDER (else $CS_BIN), in the empty folder WORKSPACE, and checks every promise it
prints. Standard library only. Exit status 0: all was as promised; 1: not.
"""
import contextlib
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QUICKSTART = os.path.join(ROOT, "examples", "quickstart")
PROGRAMS = ("countersign", "countersign-run", "ledgerd", "mcpd", "writerd")
NOBODY = 65534
COMMAND_SECONDS = 60
REASON = "courtesy waiver: the payment reminder was sent late"


class Broken(Exception):
    """A step was not as promised."""


class Screen:
    def __init__(self, waits):
        self.waits = waits

    def step(self, number, title, explanation):
        if number > 1:
            self.wait()
        print("\n%d. %s\n" % (number, title))
        print(textwrap.fill(" ".join(explanation.split()), 78) + "\n")

    def wait(self):
        if self.waits:
            input("\n[Enter] ")

    @staticmethod
    def block(text):
        for line in text.rstrip("\n").split("\n"):
            print(("    " + line).rstrip())

    @staticmethod
    def ok(promise):
        print("ok: " + promise)
        sys.stdout.flush()


def expect(wanted, found, promise):
    if wanted != found:
        raise Broken("%s\n  wanted: %r\n  found:  %r" % (promise, wanted, found))
    Screen.ok(promise)


class Workspace:
    """Contract, source database, ledger and environment in one folder."""

    def __init__(self, path):
        self.path = path
        self.programs = os.path.abspath(os.environ["CS_BIN"])
        self.source = os.path.join(path, "shop.db")
        self.store = os.path.join(path, "ledger", "local.db")
        url = "sqlite://" + urllib.parse.quote(self.source)
        self.environment = {
            "SHOP_READ_URL": url,
            "SHOP_WRITE_URL": url,
            "SYNAPSOR_TENANT_ID": "acme",
            "SYNAPSOR_PRINCIPAL": "support_agent_17",
        }

    def build(self):
        shutil.copy(os.path.join(QUICKSTART, "countersign.json"), self.path)
        os.chmod(os.path.join(self.path, "countersign.json"), 0o644)
        with open(os.path.join(QUICKSTART, "shop.sql"), encoding="utf-8") as file:
            script = file.read()
        with contextlib.closing(sqlite3.connect(self.source)) as db:
            db.executescript(script)
        os.mkdir(os.path.dirname(self.store), 0o700)

    def write_files(self, is_root, reduced):
        """The env file, and `cs`: countersign in this folder."""
        if reduced:
            self.environment["COUNTERSIGN_ACCEPT_REDUCED_ISOLATION"] = "1"
        with open(os.path.join(self.path, "env"), "w", encoding="utf-8") as file:
            file.write("# Where the database is, and for whom the agent works.\n")
            for name, value in self.environment.items():
                file.write("export %s=%s\n" % (name, shlex.quote(value)))
        program = shlex.quote(os.path.join(self.programs, "countersign"))
        drop = "setpriv --reuid=%d --regid=%d --clear-groups " % (NOBODY, NOBODY)
        script = os.path.join(self.path, "cs")
        with open(script, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\n# countersign in this folder.\ncd "$(dirname "$0")" && . ./env || exit 1\n')
            if is_root and not reduced:
                file.write('if [ "$(id -u)" = 0 ]; then\n\texec %s%s "$@"\nfi\n' % (drop, program))
            file.write('exec %s "$@"\n' % program)
        os.chmod(script, 0o755)

    def row(self, invoice):
        return self.sql("SELECT late_fee_cents, waiver_reason, updated_at FROM invoices WHERE id = ?", invoice)[0]

    def sql(self, statement, *parameters):
        """What any other program with access to the application's data can do."""
        with contextlib.closing(sqlite3.connect(self.source, timeout=10)) as db:
            rows = db.execute(statement, parameters).fetchall()
            db.commit()
            return rows

    def command(self, *words, store=None):
        """countersign; its exit code, standard output and standard error."""
        words = [os.path.join(self.programs, "countersign"), *words]
        if store is not None:
            words += ["--store", store]
        result = subprocess.run(words, cwd=self.path, env={**os.environ, **self.environment},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=COMMAND_SECONDS, check=False, text=True)
        return result.returncode, result.stdout, result.stderr

    def shown(self, *words, wanted=0, store=None):
        """Print a command line and its answer; the exit code must be `wanted`."""
        print("$ countersign " + " ".join(shlex.quote(w) for w in words))
        code, out, errors = self.command(*words, store=store)
        # Log lines of the processes it started begin with a priority: <6>.
        Screen.block(out + "".join(line for line in errors.splitlines(True) if not line.startswith("<")))
        if code != wanted:
            raise Broken("exit code of countersign %s\n  wanted: %d\n  found:  %d" % (" ".join(words), wanted, code))
        return out + errors

    def json(self, *words):
        code, out, errors = self.command(*words, "--json")
        if code != 0:
            raise Broken("countersign %s: exit code %d\n%s" % (" ".join(words), code, errors))
        return json.loads(out)


class Agent:
    """An MCP client on the standard input and output of `countersign mcp serve`."""

    def __init__(self, workspace):
        words = [os.path.join(workspace.programs, "countersign"), "mcp", "serve"]
        if "COUNTERSIGN_ACCEPT_REDUCED_ISOLATION" in workspace.environment:
            words.append("--accept-reduced-isolation")
        self.log = os.path.join(workspace.path, "serve.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(words, cwd=workspace.path, env={**os.environ, **workspace.environment},
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.next_id = 0
        try:
            self.request("initialize", protocolVersion="2025-06-18", capabilities={},
                         clientInfo={"name": "demo", "version": "1"})
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        except BaseException:
            self.close()
            raise

    def send(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def request(self, method, **parameters):
        self.next_id += 1
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self.send({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": parameters})
            line = self.process.stdout.readline()
        if not line:
            raise Broken("the MCP server ended:\n" + self.words())
        return json.loads(line)["result"]

    def call(self, tool, **arguments):
        print("agent> %s %s" % (tool, json.dumps(arguments)))
        result = self.request("tools/call", name=tool, arguments=arguments)
        return json.loads(result["content"][0]["text"])

    def words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()


class Demo:
    def __init__(self, workspace, agent, screen):
        self.w = workspace
        self.agent = agent
        self.screen = screen
        self.first = None

    def propose(self, invoice):
        answer = self.agent.call("billing.propose_late_fee_waiver", invoice_id=invoice, reason=REASON)
        if not answer.get("ok"):
            raise Broken("the proposal was refused: %s" % json.dumps(answer))
        return answer["proposal"]["id"]

    def approve(self, identifier):
        """In a terminal the person really decides: countersign itself asks."""
        if not self.screen.waits:
            self.w.shown("proposals", "approve", identifier, "--yes")
            return
        print("$ countersign proposals approve %s" % identifier)
        sys.stdout.flush()
        words = [os.path.join(self.w.programs, "countersign"), "proposals", "approve", identifier]
        result = subprocess.run(words, cwd=self.w.path, env={**os.environ, **self.w.environment}, check=False)
        if result.returncode != 0:
            raise Broken("you did not approve: nothing was written, and the demonstration ends here")

    def propose_something(self):
        self.screen.step(1, "The agent reads and proposes", """
            An agent speaks MCP with mcpd. It sees two reviewed tools, no SQL. mcpd holds the URL that reads and
            cannot open the ledger; the tenant comes from the environment, never from the agent.""")
        tools = [t["name"] for t in self.agent.request("tools/list")["tools"]]
        Screen.block("tools: " + ", ".join(tools))
        expect(["billing.inspect_invoice", "billing.propose_late_fee_waiver"], tools,
               "the agent is offered two tools, and none that approves or applies")
        invoice = self.agent.call("billing.inspect_invoice", invoice_id="INV-3001")
        Screen.block(json.dumps(invoice.get("data"), indent=2))
        expect(5500, (invoice.get("data") or {}).get("late_fee_cents"), "it reads the invoice INV-3001")
        other = self.agent.call("billing.inspect_invoice", invoice_id="INV-9001")
        expect("NOT_FOUND_IN_TENANT", (other.get("error") or {}).get("code"),
               "an invoice of another tenant does not exist for it")
        self.first = self.propose("INV-3001")
        Screen.ok("it proposes to waive the late fee: %s" % self.first)

    def nothing_changed(self):
        self.screen.step(2, "The source is unchanged", """
            A proposal is an exact change of one row, stored by ledgerd with the evidence that the agent saw. It is
            a request, not a write.""")
        before = (5500, None, "2026-06-20T14:31:08Z")
        Screen.block("invoices INV-3001: %r" % (self.w.row("INV-3001"),))
        expect(before, self.w.row("INV-3001"), "the row is as it was")
        text = self.w.shown("apply", self.first, wanted=1)
        expect(True, "PROPOSAL_NOT_APPROVED" in text, "nobody can apply what nobody approved")
        expect(before, self.w.row("INV-3001"), "the row is still as it was")

    def person_approves(self):
        self.screen.step(3, "A person approves, outside MCP", """
            The reviewer looks at exactly the change that will be made. ledgerd knows who it is from the kernel, signs
            the decision, and binds it to the hash of what was shown.""")
        self.w.shown("proposals", "show", self.first)
        self.approve(self.first)
        expect("approved", self.w.json("proposals", "show", self.first)["proposal"]["state"], "it is approved")
        expect(5500, self.w.row("INV-3001")[0], "and the row is still as it was")

    def writer_applies(self):
        self.screen.step(4, "writerd applies it, once", """
            writerd is the only process that was given the URL that writes. It listens on nothing, checks signature,
            hash, contract and approval itself, and runs one guarded transaction.""")
        text = self.w.shown("apply", self.first)
        expect(True, "Guarded writeback applied." in text, "writerd applied it")
        expect((0, REASON), self.w.row("INV-3001")[:2], "the row has the approved values")

    def retry(self):
        self.screen.step(5, "A retry changes nothing", """
            The receipt lies in the application's database, in the same transaction as the change. Whoever tries
            again finds it.""")
        self.w.sql("UPDATE invoices SET late_fee_cents = 700 WHERE id = 'INV-3001'")
        print("(the application sets a new late fee of 700 meanwhile)")
        text = self.w.shown("apply", self.first)
        expect(True, "already applied" in text, "the answer is: already applied")
        expect(700, self.w.row("INV-3001")[0], "the row was not written again")

    def stale_row(self):
        self.screen.step(6, "A row that changed since is not overwritten", """
            The agent proposes for INV-3002. Before anyone applies it, the application updates that row: what the
            agent and the reviewer saw is stale.""")
        identifier = self.propose("INV-3002")
        self.w.sql("UPDATE invoices SET late_fee_cents = 900, updated_at = '2026-06-21T08:00:00Z'"
                   " WHERE id = 'INV-3002'")
        self.w.shown("proposals", "approve", identifier, "--yes")
        text = self.w.shown("apply", identifier)
        expect(True, "VERSION_CONFLICT" in text, "it ends in conflict")
        expect((900, None, "2026-06-21T08:00:00Z"), self.w.row("INV-3002"), "the application's values stand")

    def edited_ledger(self):
        self.screen.step(7, "An edited ledger is refused", """
            Somebody with write access to the ledger file turns the approved waiver of INV-3003 into another one.
            (The demonstration does this to a copy of the ledger, and keeps yours.)""")
        identifier = self.propose("INV-3003")
        copy = self.copy_ledger()
        self.w.shown("proposals", "approve", identifier, "--yes", store=copy)
        with contextlib.closing(sqlite3.connect(copy, timeout=10)) as db:
            changed = db.execute("UPDATE proposals SET change_set = CAST(replace(CAST(change_set AS TEXT),"
                                 " ?, ?) AS BLOB) WHERE proposal_id = ?",
                                 ('"late_fee_cents":0', '"late_fee_cents":-99999', identifier)).rowcount
            db.commit()
        print("(another tool edits the file: late_fee_cents 0 becomes -99999)")
        if changed != 1:
            raise Broken("the demonstration could not edit its copy")
        text = self.w.shown("apply", identifier, wanted=1, store=copy)
        expect(True, "PROPOSAL_HASH_MISMATCH" in text, "the edited proposal is refused")
        text = self.w.shown("ledger", "verify", wanted=1, store=copy)
        expect(True, "LEDGER DAMAGED" in text, "and the ledger names the row that was edited")
        expect(2500, self.w.row("INV-3003")[0], "the source was not touched")

    def copy_ledger(self):
        folder = os.path.join(self.w.path, "edited-copy")
        copy = os.path.join(folder, "local.db")
        os.mkdir(folder, 0o700)
        with contextlib.closing(sqlite3.connect(self.w.store, timeout=10)) as db, \
                contextlib.closing(sqlite3.connect(copy)) as target:
            db.backup(target)
        os.chmod(copy, 0o600)
        for suffix in (".key", ".key.pub"):
            shutil.copy2(self.w.store + suffix, copy + suffix)
        return copy

    def story(self):
        self.screen.step(8, "The replay tells the story", """
            Everything is in the ledger: what was read, proposed, decided and written, and what was refused. The
            source database is not asked.""")
        text = self.w.shown("replay", "show", self.first)
        expect(True, self.first in text and "already_applied" in text, "the replay knows how it ended")
        kinds = [e["kind"] for e in self.w.json("replay", "show", self.first)["events"]]
        expect(["proposal_created", "proposal_approved", "proposal_pending_worker", "writeback_job_recorded",
                "writeback_applied", "writeback_already_applied"], kinds, "every step of it is an event of the record")
        text = self.w.shown("ledger", "verify")
        expect(True, "ledger verified" in text, "the record is complete and unedited")

    def play(self):
        for step in (self.propose_something, self.nothing_changed, self.person_approves, self.writer_applies,
                     self.retry, self.stale_row, self.edited_ledger, self.story):
            step()


def can_run_as_nobody(folder):
    """Can nobody run the programs there? Asked in a child that is nobody."""
    child = os.fork()
    if child == 0:
        try:
            become_nobody()
            ok = all(os.access(os.path.join(folder, p), os.X_OK) for p in PROGRAMS)
        except OSError:
            os._exit(2)
        os._exit(0 if ok else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def prepare_as_root(w):
    """Root is no boundary: go on as nobody, with programs it can reach. Returns
    whether that works; if not, the programs must be told."""
    verdict = can_run_as_nobody(w.programs)
    if verdict == 2 or shutil.which("setpriv") is None:
        return False
    if verdict != 0:
        copies = os.path.join(w.path, "bin")
        os.mkdir(copies)
        for program in PROGRAMS:
            shutil.copy(os.path.join(w.programs, program), copies)
            os.chmod(os.path.join(copies, program), 0o755)
        w.programs = copies
    return True


def give_to_nobody(path):
    """Everything but the programs, which stay root's."""
    os.chown(path, NOBODY, NOBODY)
    for folder, folders, files in os.walk(path):
        if os.path.basename(folder) != "bin":
            for name in files + [f for f in folders if f != "bin"]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)


def start(w, is_root):
    """The agent's session; without the whole sandbox only if there is no other way."""
    reduced = is_root and not prepare_as_root(w)
    if reduced:
        print("Note: root, and no other user to become: all processes run as root, with reduced isolation.")
    w.write_files(is_root, reduced)
    if is_root and not reduced:
        print("Note: started as root; from here on everything runs as the user nobody.")
        give_to_nobody(w.path)
        become_nobody()
    os.chdir(w.path)
    try:
        return Agent(w)
    except Broken as refusal:
        if "accept-reduced-isolation" not in str(refusal):
            raise
        print("Note: this kernel cannot give the whole sandbox (Landlock); going on with reduced isolation:")
        Screen.block(str(refusal))
        w.write_files(is_root, True)
        return Agent(w)


def print_what_is_left(w):
    cs = shlex.quote(os.path.join(w.path, "cs"))
    print("\nAll was as promised. The workspace stays: %s" % w.path)
    print("(contract, application database, ledger, env file; remove it when you like)\n")
    print("The proposal for INV-3003 waits for you. Go on with:\n")
    for words in ("proposals show latest", "proposals approve latest --yes", "apply latest"):
        print("  %s %s" % (cs, words))
    print("\nAn MCP client can be pointed at it: command %s, arguments mcp serve" % cs)


def main(arguments):
    if "--bin" in arguments:
        at = arguments.index("--bin")
        os.environ["CS_BIN"] = "".join(arguments[at + 1:at + 2])
        arguments = arguments[:at] + arguments[at + 2:]
    waits = "--no-wait" not in arguments and sys.stdin.isatty() and sys.stdout.isatty()
    paths = [a for a in arguments if a != "--no-wait"]
    if len(paths) != 1 or "CS_BIN" not in os.environ:
        print(__doc__, file=sys.stderr)
        return 2
    w = Workspace(os.path.abspath(paths[0]))
    try:
        w.build()
        agent = start(w, os.geteuid() == 0)
        try:
            Demo(w, agent, Screen(waits)).play()
        finally:
            ended = agent.close()
        expect(0, ended, "the agent's session ended in order")
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Broken, subprocess.TimeoutExpired, sqlite3.Error, OSError) as problem:
        print("\nNOT AS PROMISED: %s\nThe workspace stays: %s" % (problem, w.path))
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nStopped. The workspace stays: %s" % w.path)
        return 1
    print_what_is_left(w)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
