#!/usr/bin/python3
"""Runs in a root with the packages installed and no service manager: the entrypoint
of the container recipe, its four daemons under four users, and the loop through
it. Ends 0 and prints `container done` if everything held."""
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from installed_loop import ETC, SOURCE, as_user, prepare  # noqa: E402

STORE = ("--store", "/var/lib/countersign/ledger/ledger.db", "--config", ETC + "/countersign.json")
USERS = {"ledgerd": "cs-ledgerd", "writerd": "cs-writerd", "writerd-handler": "cs-handler", "mcpd": "cs-mcpd"}


def capabilities():
    """Those of the recipe and no others."""
    with open(os.path.join(HERE, "Containerfile")) as file:
        granted = re.search(r"--cap-drop=all --cap-add=(\S+)", file.read()).group(1)
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all," + ",".join("+" + name for name in granted.split(","))]


def processes():
    """{program: user} of what runs."""
    out = subprocess.run(["ps", "-eo", "user:20,args"], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in out.splitlines():
        user, _, rest = line.strip().partition(" ")
        name = os.path.basename(rest.strip().split(" ")[0])
        if name in USERS:
            found[name] = user
    return found


def main():
    prepare()
    with open(ETC + "/countersign.json") as file:
        contract = json.load(file)
    contract["executors"] = {"app": {"type": "http_handler", "url_env": "APP_URL",
                                     "auth": {"type": "bearer_env", "token_env": "APP_TOKEN"}}}
    other = json.loads(json.dumps(contract["capabilities"][0]))
    other.update(name="billing.propose_by_app", executor="app")
    contract["capabilities"].append(other)
    with open(ETC + "/countersign.json", "w") as file:
        json.dump(contract, file)
    os.makedirs("/run/secrets", mode=0o700)
    values = {"SYNAPSOR_DATABASE_READ_URL": "sqlite://" + SOURCE, "SYNAPSOR_DATABASE_WRITE_URL": "sqlite://" + SOURCE,
              "APP_URL": "http://127.0.0.1:9/", "APP_TOKEN": "a token of the application"}
    for name, value in values.items():
        with open("/run/secrets/" + name, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(value)
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYNAPSOR_TENANT_ID": "acme", "SYNAPSOR_PRINCIPAL": "support_agent",
           "ROLES": "ledgerd,writerd,writerd-handler,mcpd"}
    with open("/tmp/container.log", "w") as log:
        process = subprocess.Popen([*capabilities(), os.path.join(HERE, "entrypoint")], env=env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=log, text=True)

    def ask(method, params, identifier):
        process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise AssertionError(open("/tmp/container.log").read())
        return json.loads(line)["result"]
    ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}, 1)
    answer = ask("tools/call", {"name": "billing.propose_waiver", "arguments": {"id": "INV-1"}}, 2)
    proposal = json.loads(answer["content"][0]["text"])["proposal"]["id"]
    deadline = time.monotonic() + 20
    while processes() != USERS and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes() == USERS, processes()
    assert as_user("agent", "countersign", "proposals", "approve", proposal, "--yes", *STORE).returncode != 0
    signed = as_user("ada", "countersign", "proposals", "approve", proposal, "--yes", "--key", "/home/ada/key", *STORE)
    assert signed.returncode == 0, signed.stderr
    applied = as_user("ada", "countersign", "apply", proposal, "--json", *STORE)
    assert applied.returncode == 0 and json.loads(applied.stdout)["status"] == "applied", applied.stdout + applied.stderr
    process.stdin.close()
    with open("/tmp/container.log") as file:
        assert process.wait(30) == 0, file.read()
        # What these capabilities cannot do is said, and nothing else is missing.
        reduced = [line for line in file if "isolation" in line]
        assert len(reduced) == 1 and "network namespace" in reduced[0], reduced
    print("container done")


if __name__ == "__main__":
    main()
