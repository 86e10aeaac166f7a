#!/usr/bin/env python3
"""Calls a second over HTTP and HTTPS, beside a bare evhttp server in the same run.

usage: run_http.py BUILD [--quick]

A call of tools/list is answered from memory, so it shows what the transport
costs; a read goes to SQLite and into the ledger before it is answered.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../build/release"))
os.environ["CS_BIN"] = os.path.join(BUILD, "bin")
from http_server import TOKEN, HttpServer, free_port  # noqa: E402
from workspace import Workspace  # noqa: E402

AIM = 0.40  # of the bare server, at 64 connections
CONNECTIONS = (1, 8, 64, 512)
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
READ = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-3001"}}}


def load(port, kind, connections, milliseconds, body):
    command = [os.path.join(BUILD, "bench/http_load"), str(port), kind, str(connections), str(milliseconds), TOKEN,
               json.dumps(body)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@contextlib.contextmanager
def floor(size):
    port = free_port()
    process = subprocess.Popen([os.path.join(BUILD, "bench/floor_http"), str(port), str(size)])
    try:
        subprocess.run(["sh", "-c", "for i in $(seq 50); do nc -z 127.0.0.1 %d 2>/dev/null && exit; sleep .05; done"
                        % port], check=False)
        yield port
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def served(*flags, **options):
    workspace = Workspace("sqlite")
    server = HttpServer(workspace, *flags, **options)
    try:
        yield server
    finally:
        server.close()
        workspace.close()


@contextlib.contextmanager
def certificate():
    folder = tempfile.mkdtemp(prefix="cs-bench-")
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    with open(key) as file:
        yield cert, file.read()
    shutil.rmtree(folder)


def main():
    milliseconds = 700 if "--quick" in sys.argv else 4000
    rows = []
    with certificate() as (cert, key), served() as plain, \
            served("--tls-cert", cert, "--tls-key", "TLS_KEY", env={"TLS_KEY": key}) as secure:
        for name, body in (("tools/list", LIST), ("read", READ)):
            size = len(plain.post(body).body)
            with floor(size) as bare:
                for connections in CONNECTIONS:
                    below = load(bare, "plain", connections, milliseconds, body)
                    rows.append((name, connections, below,
                                 load(plain.port, "plain", connections, milliseconds, body),
                                 load(secure.port, "tls", connections, milliseconds, body)))
    print("| call | connections | evhttp/s | HTTP/s | of evhttp | p99 ms | HTTPS/s | p99 ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, connections, below, http, https in rows:
        rate = [r["calls"] / r["seconds"] for r in (below, http, https)]
        print("| %s | %d | %.0f | %.0f | %.0f %% | %.1f | %.0f | %.1f |" % (
            name, connections, rate[0], rate[1], 100 * rate[1] / rate[0], http["p99_us"] / 1000, rate[2],
            https["p99_us"] / 1000))
        if name == "tools/list" and connections == 64 and rate[1] < AIM * rate[0]:
            print("below the aim of %.0f %%" % (100 * AIM), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
