#!/usr/bin/python3
"""Runs where the packages are installed: the whole loop, each daemon as its own user,
started by systemd from the units. Prints `loop done` and ends 0 if everything held."""
import json
import os
import pwd
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from app import SECRET, TOKEN, App  # noqa: E402
from issuer import AUDIENCE, ISSUER, Issuer, KeyServer  # noqa: E402

ETC = "/etc/countersign"
SOURCE = "/srv/shop/shop.db"
POSTGRES = "/var/lib/countersign-test-postgres"
TABLE = "CREATE TABLE invoices (id TEXT PRIMARY KEY, tenant_id TEXT, late_fee_cents INTEGER, updated_at TEXT)"
ROWS = ["INSERT INTO invoices VALUES ('INV-%d', 'acme', 5500, '2026-06-20T14:31:08Z')" % n for n in (1, 2, 3)]
LISTENERS = "/run/countersign/"
FOLDERS = {"mcpd": "mcpd", "writerd": "writerd", "writerd-handler": "handler"}


def people():
    for name, group in (("ada", "cs-reviewers"), ("agent", "cs-agents")):
        subprocess.run(["useradd", "-m", "-G", group, name], check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/home/ada/key"], check=True)
    for name in ("key", "key.pub"):
        os.chown("/home/ada/" + name, pwd.getpwnam("ada").pw_uid, pwd.getpwnam("ada").pw_gid)
    with open("/home/ada/key.pub") as public, open(ETC + "/allowed_signers", "w") as file:
        file.write('ada,role:lead namespaces="countersign" ' + public.read())


def contract(engine, schema):
    value = {
        "version": 1, "mode": "review", "result_format": 2, "signatures": "required",
        "allowed_signers": ETC + "/allowed_signers",
        "sources": {"shop": {"engine": engine, "read_url_env": "SYNAPSOR_DATABASE_READ_URL",
                             "write_url_env": "SYNAPSOR_DATABASE_WRITE_URL"}},
        "trusted_context": {"provider": "environment", "values": {"tenant_id_env": "SYNAPSOR_TENANT_ID",
                                                                  "principal_env": "SYNAPSOR_PRINCIPAL"}},
        "capabilities": [{
            "name": "billing.propose_waiver", "kind": "proposal", "source": "shop",
            "target": {"schema": schema, "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id"},
            "args": {"id": {"type": "string"}}, "lookup": {"id_from_arg": "id"},
            "visible_columns": ["id", "tenant_id", "late_fee_cents", "updated_at"],
            "patch": {"late_fee_cents": {"fixed": 0}}, "allowed_columns": ["late_fee_cents"],
            "conflict_guard": {"column": "updated_at"}, "approval": {"required_role": "lead"}}]}
    value["executors"] = {"app": {
        "type": "http_handler", "url_env": "APP_URL", "auth": {"type": "bearer_env", "token_env": "APP_TOKEN"},
        "signing_secret_env": "APP_SECRET"}}
    value["capabilities"].append({**value["capabilities"][0], "name": "billing.propose_by_app", "executor": "app"})
    with open(ETC + "/countersign.json", "w") as file:
        json.dump(value, file)
    with open(ETC + "/context.env", "w") as file:
        file.write("SYNAPSOR_TENANT_ID=acme\nSYNAPSOR_PRINCIPAL=support_agent\n")
    with open(ETC + "/mcpd.env", "w") as file:
        file.write("MCPD_FLAGS=--transport unix --allow-uid %d\n" % pwd.getpwnam("agent").pw_uid)


def credential(daemon, name, value):
    with open("%s/credentials/%s/%s" % (ETC, daemon, name), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(value)


def prepare():
    """People, a SQLite source and a contract for it."""
    people()
    os.makedirs("/srv/shop", mode=0o777, exist_ok=True)
    os.chmod("/srv/shop", 0o777)
    with sqlite3.connect(SOURCE) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in (TABLE, *ROWS):
            db.execute(statement)
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(SOURCE + suffix):
            os.chmod(SOURCE + suffix, 0o666)
    contract("sqlite", "main")


def psql(*statements):
    words = [word for statement in statements for word in ("-c", statement)]
    return as_user("postgres", "psql", "-qAt", "-h", POSTGRES, "-v", "ON_ERROR_STOP=1", *words).stdout.strip()


def prepare_server():
    """The same on PostgreSQL, over TCP and with a role for reading and one for writing."""
    people()
    programs = os.path.join("/usr/lib/postgresql", sorted(os.listdir("/usr/lib/postgresql"))[-1], "bin/")
    os.makedirs(POSTGRES)
    os.chown(POSTGRES, pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid)
    for words in (["initdb", "-A", "scram-sha-256", "--auth-local=peer", "-N", "-D", POSTGRES + "/data"],
                  ["pg_ctl", "-w", "-D", POSTGRES + "/data", "-l", POSTGRES + "/log", "-o",
                   "-k %s -c listen_addresses=127.0.0.1 -c fsync=off" % POSTGRES, "start"]):
        done = as_user("postgres", programs + words[0], *words[1:])
        assert done.returncode == 0, done.stderr
    psql(TABLE, *ROWS, "CREATE ROLE reader LOGIN PASSWORD 'r'", "CREATE ROLE writer LOGIN PASSWORD 'w'",
         "GRANT SELECT ON invoices TO reader, writer", "GRANT UPDATE (late_fee_cents) ON invoices TO writer",
         "GRANT CREATE ON SCHEMA public TO writer")
    contract("postgres", "public")
    credential("mcpd", "SYNAPSOR_DATABASE_READ_URL", "postgres://reader:r@127.0.0.1/postgres")
    credential("writerd", "SYNAPSOR_DATABASE_WRITE_URL", "postgres://writer:w@127.0.0.1/postgres")


def as_user(name, *words, **options):
    return subprocess.run(["runuser", "-u", name, "--", *words], capture_output=True, text=True, timeout=60, check=False,
                          cwd="/", **options)


def ask(user, *messages):
    """An MCP client of that user, over the credential-free pipe: its answers."""
    text = "".join(json.dumps(m) + "\n" for m in messages)
    done = as_user(user, "countersign", "stdio", input=text)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


HELLO = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}


def propose(row, tool="billing.propose_waiver"):
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": tool, "arguments": {"id": row}}}
    answers, errors = ask("agent", HELLO, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call)
    assert len(answers) == 2, errors
    answer = json.loads(answers[1]["result"]["content"][0]["text"])
    assert answer["ok"], answer
    return answer["proposal"]["id"]


def approve_and_apply(proposal):
    signed = as_user("ada", "countersign", "proposals", "approve", proposal, "--yes", "--key", "/home/ada/key")
    assert signed.returncode == 0, signed.stderr
    applied = as_user("ada", "countersign", "apply", proposal, "--json")
    assert applied.returncode == 0 and json.loads(applied.stdout)["status"] == "applied", applied.stdout + applied.stderr


def systemctl(*words):
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, "%r %s" % (words, done.stderr)
    return done.stdout.strip()


def pid_of(unit):
    return int(systemctl("show", "-P", "MainPID", unit))


def wait_for(what, why):
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


def inside(unit, *words):
    """The same user's command, with what the unit lets him see."""
    return subprocess.run(["nsenter", "--target", str(pid_of(unit)), "--mount", "--", "runuser", "-u",
                           systemctl("show", "-P", "User", unit), "--", *words], capture_output=True, text=True, check=False)


def check_confinement(units):
    """Each process as the kernel sees it: its user, no capability, both sandboxes; and out of reach of the others'
    listeners and credentials."""
    for unit, program in units.items():
        with open("/proc/%d/status" % pid_of(unit)) as file:
            status = file.read()
        uid = pwd.getpwnam(systemctl("show", "-P", "User", unit)).pw_uid
        assert re.search(r"Uid:\t{0}\t{0}\t{0}\t{0}\n".format(uid), status), status
        for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
            assert line in status, (unit, line)
        # systemd's filters and, on top, the daemon's own.
        assert int(re.search(r"Seccomp_filters:\t(\d+)", status).group(1)) > 1, status
        for other, folder in FOLDERS.items():
            if os.path.isdir(LISTENERS + folder) and program != "ledgerd":
                seen = inside(unit, "ls", LISTENERS + folder).returncode == 0
                assert seen == (other == program), (unit, folder)
        seen = inside(unit, "cat", "/var/lib/countersign/ledger/ledger.db.key").returncode == 0
        assert seen == (program == "ledgerd"), unit
        assert inside(unit, "ls", ETC + "/credentials").returncode != 0, unit


def check_refusals():
    """A daemon that cannot confine itself does not start, whatever keeps it from it."""
    folder = "/run/systemd/system/countersign-ledgerd.service.d"
    os.makedirs(folder)
    for call in ("landlock_create_ruleset", "seccomp"):
        with open(folder + "/refuse.conf", "w") as file:
            file.write("[Service]\nRestart=no\nSystemCallFilter=~%s:ENOSYS\n" % call)
        systemctl("daemon-reload")
        done = subprocess.run(["systemctl", "start", "countersign-ledgerd.service"], capture_output=True, check=False)
        assert done.returncode != 0, call
        log = subprocess.run(["journalctl", "-o", "cat", "-n", "20", "-u", "countersign-ledgerd"], capture_output=True, text=True,
                             check=True).stdout
        assert "ISOLATION_REDUCED" in log.rpartition("Starting")[2], log
    os.unlink(folder + "/refuse.conf")
    systemctl("stop", "countersign.target", "countersign-ledgerd.service")
    systemctl("daemon-reload")
    systemctl("reset-failed")


def main():
    prepare_server()
    check_refusals()
    app = App()
    for name, value in (("URL", app.url), ("TOKEN", TOKEN), ("SECRET", SECRET)):
        credential("handler", "APP_" + name, value)
    systemctl("enable", "--now", "countersign.target", "countersign-writerd@1.service", "countersign-handler.service")
    first = propose("INV-1")
    check_confinement({"countersign-ledgerd.service": "ledgerd", "countersign-mcpd.service": "mcpd",
                       "countersign-writerd@1.service": "writerd", "countersign-handler.service": "writerd-handler"})
    doctor = subprocess.run(["countersign", "doctor", "--json", "--config", ETC + "/countersign.json"], cwd="/",
                            capture_output=True, text=True, check=False)
    found = {c["name"].rpartition(":")[0]: c["level"] for c in json.loads(doctor.stdout)["checks"] if c["name"].startswith("sandbox:")}
    assert found == {"sandbox:" + p: "pass" for p in ("ledgerd", "mcpd", "writerd", "writerd-handler")}, doctor.stdout
    reset = subprocess.Popen(["countersign", "store", "reset", "--yes", "--force", "--store",
                              "/var/lib/countersign/ledger/ledger.db", "--config", ETC + "/countersign.json"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
    # The agent's own user is no reviewer, and cannot reach the socket of those who are.
    refused = as_user("agent", "countersign", "proposals", "approve", first, "--yes")
    assert refused.returncode == 1 and "cs-reviewers" in refused.stderr, refused
    assert ask("ada", HELLO)[0] == [], "ada is no agent"
    for user, path in (("agent", "/var/lib/countersign/ledger/ledger.db"), ("cs-mcpd", "/var/lib/countersign/ledger/ledger.db"),
                       ("cs-mcpd", ETC + "/credentials/writerd/SYNAPSOR_DATABASE_WRITE_URL"),
                       ("agent", "/usr/libexec/countersign/mcpd")):
        assert as_user(user, "head", "-c", "1", path).returncode != 0, (user, path)
    unsigned = as_user("ada", "countersign", "proposals", "approve", first, "--yes")
    assert "SIGNATURE_REQUIRED" in unsigned.stderr, unsigned.stderr
    approve_and_apply(first)
    assert psql("SELECT late_fee_cents FROM invoices WHERE id = 'INV-1'") == "0"
    approve_and_apply(propose("INV-1", "billing.propose_by_app"))
    assert len(app.effects) == 1, app.requests
    replayed = as_user("ada", "countersign", "replay", "show", first)
    assert replayed.returncode == 0 and first in replayed.stdout, replayed.stderr
    # A second ledgerd for the same file, as root could start one by hand.
    refused, errors = reset.communicate(timeout=60)
    assert "STORE_IN_USE" in errors and "STORE_BUSY" in errors, refused + errors
    assert os.path.exists("/var/lib/countersign/ledger/ledger.db")
    # A ledgerd that dies is started again, and so are those that had a connection to it.
    before = {unit: pid_of(unit) for unit in ("countersign-ledgerd.service", "countersign-mcpd.service",
                                              "countersign-writerd@1.service", "countersign-handler.service")}
    subprocess.run(["kill", "-KILL", str(before["countersign-ledgerd.service"])], check=True)
    wait_for(lambda: all(pid_of(unit) not in (0, pid) for unit, pid in before.items()), "not all came back")
    second = propose("INV-2")
    wait_for(lambda: "connections{role=\"writer\"} 1" in as_user("ada", "countersign", "metrics").stdout, "no writer came back")
    approve_and_apply(second)
    verified = as_user("ada", "countersign", "ledger", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    print("loop done")


def again():
    """After an upgrade."""
    wait_for(lambda: pid_of("countersign-writerd@1.service") != 0, "no writer came back")
    approve_and_apply(propose("INV-3"))
    listed = as_user("ada", "countersign", "proposals", "list", "--json")
    assert len(json.loads(listed.stdout)["proposals"]) == 4, listed.stdout
    print("again done")


def tokens():
    """HTTP instead of the socket, tokens of an issuer, and the keys that the fourth unit fetches."""
    issuer = Issuer()
    server = KeyServer(lambda path: (200, {}, json.dumps(issuer.jwks()).encode()))
    with open(ETC + "/countersign.json") as file:
        value = json.load(file)
    value["http_auth"] = {"issuer": ISSUER, "audience": AUDIENCE, "algorithms": ["ES256"],
                          "jwks_file": "/var/lib/countersign-jwks/jwks.json", "jwks_url": server.url}
    value["trusted_context"] = {"provider": "http_claims", "values": {}}
    with open(ETC + "/countersign.json", "w") as file:
        json.dump(value, file)
    with open(ETC + "/mcpd.env", "w") as file:
        file.write("MCPD_FLAGS=--transport streamable-http --port 8766\n")
    systemctl("mask", "--now", "countersign-mcpd.socket")
    systemctl("enable", "countersign-mcpd.service", "countersign-jwks.service")
    systemctl("restart", "countersign.target")
    wait_for(lambda: os.path.exists("/var/lib/countersign-jwks/jwks.json"), "no keys were fetched")

    def call(token):
        request = urllib.request.Request("http://127.0.0.1:8766/mcp", json.dumps(HELLO).encode(), {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + token})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
    wait_for(lambda: pid_of("countersign-mcpd.service") != 0, "mcpd does not serve")
    assert call(issuer.token()) == 200
    assert call(Issuer().token()) == 401
    print("tokens done")


if __name__ == "__main__":
    {"": main, "again": again, "tokens": tokens}["".join(sys.argv[1:])]()
