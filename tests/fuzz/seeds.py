#!/usr/bin/python3
"""Make the seeds of every fuzz target from tests/vectors: seeds.py FOLDER."""

import base64
import json
import pathlib
import re
import struct
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors"
ROLES = {"mcpd": 1, "writer": 2, "control": 4, "ledger": 8}
PEER = {"mcpd": 0, "writer": 1, "control": 2}
HANG_UP = 3

frames = {
    p.stem.split("-", 1)[1]: bytes.fromhex(p.read_text())
    for p in sorted((VECTORS / "frames").glob("*.hex"))
}

SENDERS = {
    "mcpd": ["PING", "READ", "PROPOSE", "REFUSE", "RESOURCE", "STATUS", "WITHDRAW"],
    "writer": ["PING", "CLAIM", "REPORT", "APPLYING", "OBSERVED"],
    "control": ["PING", "QUERY", "SHOW", "DECIDE", "APPLY", "INSPECT", "RESOLVE", "KEEP", "SHADOW"],
    "ledger": ["FAILURE", "PONG", "DOCUMENT", "RECORDED", "PROPOSED", "JOB", "IDLE"],
}


def hello(role):
    """The HELLO vector is mcpd's; the role is its fourth u32."""
    frame = bytearray(frames["HELLO"])
    frame[24:28] = struct.pack(">I", ROLES[role])
    if role == "ledger":
        frame[6:8] = b"\0\1"
    return bytes(frame)


def step(role, data, chunk=0):
    return struct.pack(">BH", PEER[role] | chunk << 2, len(data)) + data


def show(kind, name):
    body = struct.pack(">BI", kind, len(name)) + name.encode()
    return struct.pack(">IHHI", len(body), 0x31, 0, 8) + body


def query(kind):
    body = struct.pack(">BII", kind, 20, 0)
    return struct.pack(">IHHI", len(body), 0x30, 0, 9) + body


def conversations():
    greet = b"".join(step(r, hello(r)) for r in PEER)
    propose = step("mcpd", frames["PROPOSE"])
    decide = step("control", frames["DECIDE"])
    claim = step("writer", frames["CLAIM"])
    apply = step("control", frames["APPLY"])
    report = step("writer", frames["REPORT"])
    everything = greet + propose + decide + claim + apply + report
    yield "loop", everything
    yield "claim-late", greet + propose + decide + apply + claim + report
    yield "lost", greet + propose + decide + claim + apply + struct.pack(
        ">BH", HANG_UP | PEER["writer"] << 2, 0
    )
    lost = greet + propose + decide + claim + apply + step("writer", frames["APPLYING"]) + struct.pack(
        ">BH", HANG_UP | PEER["writer"] << 2, 0
    )
    looks = step("writer", hello("writer")) + claim + step("control", frames["INSPECT"])
    looks += step("writer", frames["OBSERVED"])
    yield "reconciled", lost + looks + step("control", frames["RESOLVE"])
    yield "again", everything + propose + decide + apply
    yield "reads", greet + b"".join(step("mcpd", frames[m]) for m in SENDERS["mcpd"])
    looks = b"".join(step("control", show(k, "latest")) for k in range(8))
    looks += b"".join(step("control", query(k)) for k in range(6))
    yield "looks", everything + looks
    for chunk in range(8):
        yield f"chunk-{chunk}", step("control", hello("control"), chunk) + step(
            "control", show(7, ""), chunk
        )


def seeds():
    for path in VECTORS.glob("*.json"):
        data = path.read_bytes()
        yield "fuzz_json", path.stem, data
        yield "fuzz_jsonrpc", path.stem, data
        yield "fuzz_audit", path.stem, data
        if path.stem.startswith("contract"):
            yield "fuzz_contract", path.stem, data
        if path.stem.startswith("change-set"):
            yield "fuzz_change_set", path.stem, data
        if path.stem.startswith(("job", "change-set")):
            yield "fuzz_job_check", path.stem, data
    for method in ("initialize", "tools/list", "tools/call", "resources/read", "ping"):
        text = '{"jsonrpc":"2.0","id":1,"method":"%s","params":{}}' % method
        yield "fuzz_jsonrpc", method.replace("/", "-"), text.encode()
    envelope = ('"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
                '"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}')
    for method, rest in (("server/discover", ""), ("tools/list", ""), ("tools/call", '"name":"a.b","arguments":{"id":"1"},'),
                         ("resources/read", '"uri":"synapsor://evidence/ev_1",'), ("tasks/get", '"taskId":"wrp_1",'),
                         ("tasks/cancel", '"taskId":"wrp_1",')):
        text = '{"jsonrpc":"2.0","id":"x","method":"%s","params":{%s%s}}' % (method, rest, envelope)
        name = {"tools/call": "a.b", "resources/read": "synapsor://evidence/ev_1"}.get(method, "wrp_1")
        yield "fuzz_jsonrpc", "modern-" + method.replace("/", "-"), text.encode()
        yield "fuzz_jsonrpc", "http-" + method.replace("/", "-"), ("@2026-07-28|%s|%s|%s" % (method, name, text)).encode()
    yield from selections()
    yield from foreign_tools()
    yield from http_requests()
    yield from tokens()
    yield from signatures()
    yield from handler_requests()
    yield "fuzz_handler_answer", "applied", (b'{"status":"applied","rows_affected":3,"source_database_mutated":true,'
                                             b'"previous_version":"v1","new_version":2,"safe_error_code":null}')
    yield "fuzz_handler_answer", "failed", b'{"status":"failed","safe_error_code":"X","source_database_mutated":false}'
    yield "fuzz_handler_answer", "words", b"/bin/a 'b c' \"d\\\" e\" f"
    yield "fuzz_frame", "all", b"".join(frames.values())
    for role, names in SENDERS.items():
        target = f"fuzz_codec_{role}"
        for name in names:
            yield target, name, hello(role) + frames[name]
    names = "public\ninvoices\nid\ntenant_id\nupdated_at\n"
    yield "fuzz_stmt_plan", "billing", (names + "late_fee_cents\nreason").encode()
    yield "fuzz_stmt_plan", "hostile", (names + 'a" = 1; --\n').encode()
    for name, data in conversations():
        yield "fuzz_conn_ledgerd", name, data


def handler_requests():
    """Of the kit's vectors those that reach the job, at the fuzzer's time."""
    now = "2026-07-01T12:00:00.000Z"
    vectors = json.loads((VECTORS.parents[1] / "kit" / "vectors" / "requests.json").read_text())
    for i, case in enumerate(vectors["cases"]):
        if not isinstance(case["body"], str) or len(case["body"]) > 8000:
            continue
        body = re.sub(r'"issued_at":"[^"]*"', '"issued_at":"%s"' % now, case["body"])
        headers = {**case.get("headers", {}), "X-Synapsor-Issued-At": now}
        lines = [case.get("method", "POST"), *("%s: %s" % h for h in headers.items())]
        yield "fuzz_handler_kit", "%03d" % i, ("\n".join(lines) + "\n\n" + body).encode("utf-8", "surrogatepass")


def foreign_tools():
    """Manifests and clients' configurations for fuzz_audit."""
    yield "fuzz_audit", "dangerous", (VECTORS.parents[1] / "examples" / "dangerous-mcp-tools.json").read_bytes()
    schema = {"properties": {"a": {"anyOf": [{"properties": {"table": {}}}], "items": {"$defs": {"x": {}}}}}}
    page = {"jsonrpc": "2.0", "id": 2, "result": {"nextCursor": "c", "tools": [
        {"name": "sql.merge_change", "title": "raw  query", "parameters": schema, "annotations": {"destructiveHint": True}}]}}
    yield "fuzz_audit", "page", json.dumps(page).encode()
    servers = {"mcpServers": {"x": {"command": "npx", "args": ["server-postgres", "postgres://u:p@h/d"],
                                    "env": {"TOKEN": "t", "U": "${V}"}, "tools": [{"name": "n"}]}},
               "servers": {"y": {"url": "https://h", "headers": {"Authorization": "Bearer t"}}}}
    yield "fuzz_audit", "servers", json.dumps(servers).encode()
    for i, text in enumerate((
            '{\n  // servers\n  "servers": {\n    "a": {"command": "x"}, // last\n  },\n}\n', '{"servers":{"x":1,"y":2}}',
            '{"inputs": [1,], /* , */ }', '{ "servers": { /* none */ } }', '{"servers":[]}', "\t{}\r\n")):
        yield "fuzz_client_edit", str(i), text.encode()
    yield "fuzz_audit", "jsonc", b'\xef\xbb\xbf{ // c\n "servers": { /* , */ "a": {"command": "x",}, }, }\n'


def http_requests():
    """Requests for fuzz_http; its first byte chooses the server."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a.b","arguments":{"id":"1"}}}'
    lines = b"Host: localhost\r\nContent-Type: application/json\r\n"
    plain = b"POST /mcp HTTP/1.1\r\n" + lines + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    chunked = b"POST /mcp HTTP/1.1\r\n" + lines + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
        len(body), body)
    events = plain.replace(b"Host", b"Accept: text/event-stream\r\nHost")
    for name, data in (("plain", plain), ("chunked", chunked), ("events", events), ("twice", plain * 2),
                       ("slow", b"\xff".join(plain[i:i + 40] for i in range(0, len(plain), 40))),
                       ("delete", b"DELETE /mcp HTTP/1.1\r\nMcp-Session-Id: x\r\n" + lines + b"\r\n"),
                       ("health", b"GET /healthz HTTP/1.1\r\n" + lines + b"\r\n"),
                       ("metrics", b"GET /metrics HTTP/1.1\r\n" + lines + b"\r\n"),
                       ("smuggle", plain.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"))):
        yield "fuzz_http", name, b"\0" + data
        yield "fuzz_http", name + "-bridge", b"\1" + data


def selections():
    """What onboarding reads: recipes as such and their specs, answers, an inspection."""
    root = VECTORS.parents[1]
    for path in sorted(root.glob("schemas/recipes/*.json")):
        yield "fuzz_selection", path.stem, b"R" + path.read_bytes()
        yield "fuzz_selection", path.stem + "-spec", json.dumps(json.loads(path.read_text())["spec"]).encode()
    for path in sorted(root.glob("examples/*/answers.json")):
        yield "fuzz_selection", path.parent.name, path.read_bytes()
    suggestions = {"tenant_columns": ["tenant_id"], "conflict_columns": ["updated_at"], "sensitive_columns": [],
                   "default_visible_columns": ["id", "tenant_id", "updated_at"], "reasons": []}
    table = {"schema": "public", "name": "invoices", "type": "table", "columns": [
        {"name": "fee", "data_type": "integer"}, {"name": "id", "data_type": "text"}], "primary_key": ["id"],
        "unique_constraints": [{"name": "u", "columns": ["id"]}], "suggestions": suggestions}
    yield "fuzz_selection", "inspection", b"I" + json.dumps({"engine": "postgres", "tables": [table]}).encode()


def signatures():
    """For fuzz_sshsig: what ssh-keygen wrote, as text and as bytes, and its file."""
    folder = VECTORS / "sshsig"
    for path in sorted(folder.glob("*.sig")):
        text = path.read_bytes()
        yield "fuzz_sshsig", path.stem, b"T" + text
        body = b"".join(line for line in text.splitlines() if not line.startswith(b"-----"))
        yield "fuzz_sshsig", path.stem + "-bytes", b"B" + base64.b64decode(body)
    yield "fuzz_sshsig", "allowed_signers", b"F" + (folder / "allowed_signers").read_bytes()


def tokens():
    """For fuzz_token: key sets, PEM, and tokens of the published key of RFC 8037."""
    secret = ed25519.Ed25519PrivateKey.from_private_bytes(
        base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    public = secret.public_key().public_bytes(serialization.Encoding.PEM,
                                              serialization.PublicFormat.SubjectPublicKeyInfo)

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"iss": "https://idp.example", "aud": ["https://mcp.example/mcp"], "exp": 1800000600, "nbf": 1799999999,
              "sub": "agent", "tenant_id": "acme", "scope": "a b"}
    for name, head in (("good", {"alg": "EdDSA", "kid": "ed"}), ("rs256", {"alg": "RS256", "kid": "rsa"}),
                       ("es256", {"alg": "ES256"}), ("none", {"alg": "none"}), ("crit", {"alg": "EdDSA", "crit": ["b64"]})):
        text = b64(json.dumps(head).encode()) + b"." + b64(json.dumps(claims).encode())
        yield "fuzz_token", name, b"T" + text + b"." + b64(secret.sign(text))
    # libcjose asserts on padding in the middle: what comes there must be refused before.
    yield "fuzz_token", "padding", b"T" + b64(b'{"alg":"ES256"}') + b".eyJpc3MiOi=iBi." + b64(bytes(64))
    yield "fuzz_token", "length", b"T" + b64(b'{"alg":"ES256"}') + b".eyJpc." + b64(bytes(64))
    yield "fuzz_token", "pem", b"P" + public
    yield "fuzz_token", "jwks", b'K{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'


def main():
    root = pathlib.Path(sys.argv[1])
    for target, name, data in seeds():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
