#!/usr/bin/python3
"""Runs in a root with the packages installed: the whole loop by the units, each
daemon as its own user. Ends 0 and prints `loop done` if everything held."""
import json
import os
import pwd
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from units import Service, Socket  # noqa: E402

ETC = "/etc/countersign"
SOURCE = "/srv/shop/shop.db"


def prepare():
    subprocess.run(["useradd", "-m", "ada"], check=True)
    subprocess.run(["useradd", "-m", "agent"], check=True)
    subprocess.run(["usermod", "-aG", "cs-reviewers", "ada"], check=True)
    subprocess.run(["usermod", "-aG", "cs-agents", "agent"], check=True)
    os.makedirs("/srv/shop", mode=0o777, exist_ok=True)
    os.chmod("/srv/shop", 0o777)
    with sqlite3.connect(SOURCE) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE invoices (id TEXT PRIMARY KEY, tenant_id TEXT, late_fee_cents INTEGER, updated_at TEXT)")
        db.execute("INSERT INTO invoices VALUES ('INV-1', 'acme', 5500, '2026-06-20T14:31:08Z')")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(SOURCE + suffix):
            os.chmod(SOURCE + suffix, 0o666)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/home/ada/key"], check=True)
    for name in ("key", "key.pub"):
        os.chown("/home/ada/" + name, pwd.getpwnam("ada").pw_uid, pwd.getpwnam("ada").pw_gid)
    with open("/home/ada/key.pub") as public, open(ETC + "/allowed_signers", "w") as file:
        file.write('ada,role:lead namespaces="countersign" ' + public.read())
    contract = {
        "version": 1, "mode": "review", "result_format": 2, "signatures": "required",
        "allowed_signers": ETC + "/allowed_signers",
        "sources": {"shop": {"engine": "sqlite", "read_url_env": "SYNAPSOR_DATABASE_READ_URL",
                             "write_url_env": "SYNAPSOR_DATABASE_WRITE_URL"}},
        "trusted_context": {"provider": "environment", "values": {"tenant_id_env": "SYNAPSOR_TENANT_ID",
                                                                  "principal_env": "SYNAPSOR_PRINCIPAL"}},
        "capabilities": [{
            "name": "billing.propose_waiver", "kind": "proposal", "source": "shop",
            "target": {"schema": "main", "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id"},
            "args": {"id": {"type": "string"}}, "lookup": {"id_from_arg": "id"},
            "visible_columns": ["id", "tenant_id", "late_fee_cents", "updated_at"],
            "patch": {"late_fee_cents": {"fixed": 0}}, "allowed_columns": ["late_fee_cents"],
            "conflict_guard": {"column": "updated_at"}, "approval": {"required_role": "lead"}}]}
    with open(ETC + "/countersign.json", "w") as file:
        json.dump(contract, file)
    with open(ETC + "/context.env", "w") as file:
        file.write("SYNAPSOR_TENANT_ID=acme\nSYNAPSOR_PRINCIPAL=support_agent\n")
    with open(ETC + "/mcpd.env", "w") as file:
        file.write("MCPD_FLAGS=--transport unix --allow-uid %d\n" % pwd.getpwnam("agent").pw_uid)
    for name in ("READ", "WRITE"):
        path = ETC + "/credentials/SYNAPSOR_DATABASE_%s_URL" % name
        with open(path, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("sqlite://" + SOURCE)


def as_user(name, *words, **options):
    return subprocess.run(["runuser", "-u", name, "--", *words], capture_output=True, text=True, timeout=60, check=False,
                          cwd="/", **options)


def ask(user, *messages):
    """An MCP client of that user, over the credential-free pipe: its answers."""
    text = "".join(json.dumps(m) + "\n" for m in messages)
    done = as_user(user, "countersign", "mcp", "connect", "--socket", "/run/countersign/mcp.sock", input=text)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def main():
    prepare()
    ledger_sockets = [Socket("countersign-ledgerd-%s.socket" % n) for n in ("mcpd", "writer", "control", "handler")]
    ledgerd = Service("countersign-ledgerd.service", ledger_sockets)
    mcpd = Service("countersign-mcpd.service", [Socket("countersign-mcpd.socket")])
    writerd = Service("countersign-writerd@.service")
    for service in (ledgerd, mcpd, writerd):
        with open("/proc/%d/status" % service.process.pid) as file:
            assert "Uid:\t%d\t%d" % (service.user.pw_uid, service.user.pw_uid) in file.read()
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
    propose = {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
               "params": {"name": "billing.propose_waiver", "arguments": {"id": "INV-1"}}}
    answers, errors = ask("agent", hello, {"jsonrpc": "2.0", "method": "notifications/initialized"}, propose)
    assert len(answers) == 2, errors
    proposal = json.loads(answers[1]["result"]["content"][0]["text"])["proposal"]["id"]
    # The agent's own user is no reviewer, and cannot reach the socket of those who are.
    refused = as_user("agent", "countersign", "proposals", "approve", proposal, "--yes")
    assert refused.returncode != 0, refused.stdout
    assert ask("ada", hello)[0] == [], "ada is no agent"
    for user, path in (("agent", "/var/lib/countersign/ledger/ledger.db"), ("cs-mcpd", "/var/lib/countersign/ledger/ledger.db"),
                       ("cs-writerd", "/var/lib/countersign/ledger/ledger.db.key"),
                       ("cs-mcpd", ETC + "/credentials/SYNAPSOR_DATABASE_WRITE_URL"),
                       ("agent", "/usr/libexec/countersign/mcpd")):
        assert as_user(user, "head", "-c", "1", path).returncode != 0, (user, path)
    unsigned = as_user("ada", "countersign", "proposals", "approve", proposal, "--yes")
    assert "SIGNATURE_REQUIRED" in unsigned.stderr, unsigned.stderr
    signed = as_user("ada", "countersign", "proposals", "approve", proposal, "--yes", "--key", "/home/ada/key")
    assert signed.returncode == 0, signed.stderr
    applied = as_user("ada", "countersign", "apply", proposal, "--json")
    assert applied.returncode == 0 and json.loads(applied.stdout)["status"] == "applied", applied.stdout + applied.stderr
    with sqlite3.connect(SOURCE) as db:
        assert db.execute("SELECT late_fee_cents FROM invoices").fetchone() == (0,)
    verified = as_user("ada", "countersign", "ledger", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # A ledgerd that goes away: mcpd and writerd end, so that the manager starts them again.
    assert ledgerd.stop() == 0
    assert mcpd.process.wait(20) == 111
    writerd.process.wait(20)
    print("loop done")


if __name__ == "__main__":
    main()
