#!/usr/bin/env python3
"""Make the vectors that every language of the handler kit is tested with.

  make.py            write requests.json, versions.json and row_hash.json again
  make.py --check    exit 1 if one of them is not what this program would write
  make.py --capture  first ask the real programs for captured.json (CS_BIN)

captured.json is one request as writerd-handler sent it to tests/support/app.py,
with its real signature; flat-0.1.1.json is one as 0.1.1 sent it. Every case of
requests.json is one of the two, or one of them changed in one place. What is
expected is written here by hand, not computed by a kit.
"""
import datetime
import hashlib
import hmac
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOKEN = "t0ken-of-the-handler"
SECRET = "s1gning-secret-of-the-handler"
SKEW_MS = 300000
LIMIT = 1 << 20
COMMAND_LEAVES_OUT = ("protocol_version", "issued_at")
GONE = object()  # in place of a value: the member is taken away


def load(name):
    with open(os.path.join(HERE, name)) as file:
        return json.load(file)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def sign(body, secret=SECRET):
    return "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def edited(value, changes):
    """A copy with members set by dotted path; GONE removes one."""
    value = json.loads(json.dumps(value))
    for path, new in changes.items():
        *parents, last = path.split(".")
        at = value
        for name in parents:
            at = at[name]
        if new is GONE:
            del at[last]
        else:
            at[last] = new
    return value


class Cases:
    def __init__(self):
        self.captured = load("captured.json")
        self.real = json.loads(self.captured["body"])
        self.flat = load("flat-0.1.1.json")
        issued = datetime.datetime.fromisoformat(self.real["issued_at"].replace("Z", "+00:00"))
        self.clock = issued + datetime.timedelta(seconds=2)
        self.cases = []

    def at(self, seconds, digits="milliseconds"):
        """A timestamp so far from the kit's clock."""
        moment = self.clock + datetime.timedelta(seconds=seconds)
        return moment.isoformat(timespec=digits).replace("+00:00", "Z")

    def headers(self, request, body):
        text = body if isinstance(body, str) else ""
        return {"Content-Type": "application/json", "Idempotency-Key": request["idempotency_key"],
                "Authorization": "Bearer " + TOKEN, "X-Synapsor-Issued-At": request["issued_at"],
                "X-Synapsor-Proposal-Id": request["proposal_id"], "X-Synapsor-Signature": sign(text)}

    def put(self, name, expect, body, headers, method="POST", mode="http"):
        if isinstance(expect, tuple):
            expect = {"http": expect[0], "safe_error_code": expect[1]}
        case = {"name": name, "mode": mode, "method": method, "headers": headers, "body": body, "expect": expect}
        if mode == "command":
            del case["method"], case["headers"]
        self.cases.append(case)

    def case(self, name, expect, base=None, changes=None, body=None, headers=None, method="POST"):
        """The real request with `changes` in its body, signed again, then with `headers` set or GONE."""
        request = edited(base or self.real, changes or {})
        text = body if body is not None else compact(request)
        complete = base or self.real
        sent = self.headers({k: request.get(k) or complete[k] for k in ("idempotency_key", "issued_at", "proposal_id")}
                            if isinstance(request, dict) else complete, text)
        for key in ("idempotency_key", "issued_at", "proposal_id"):
            if not isinstance(request.get(key, ""), str):
                sent = self.headers(complete, text)
        for key, value in (headers or {}).items():
            sent.pop(key, None)
            if value is not GONE:
                sent[key] = value
        self.put(name, expect, text, sent, method)

    def command(self, name, expect, changes=None, base=None, body=None):
        request = edited(base or self.real, changes or {})
        for key in COMMAND_LEAVES_OUT:
            request.pop(key, None)
        self.put(name, expect, compact(request) + "\n" if body is None else body, {}, mode="command")


def job_of(request, **changes):
    """What a kit makes of a whole request of ours."""
    scope = request.get("change_set", {}).get("scope")
    job = {"protocol_version": request.get("protocol_version", request["schema_version"]),
           "proposal_id": request["proposal_id"], "proposal_hash": request["proposal_hash"],
           "idempotency_key": request["idempotency_key"], "issued_at": request.get("issued_at"),
           "action": request["action"],
           "tenant_id": scope["tenant_id"] if scope else request["tenant_guard"]["value"],
           "object_id": scope["object_id"] if scope else request["target"]["primary_key"]["value"],
           "principal": request["change_set"]["principal"]["id"] if scope else request["runner_hint"],
           "target": request["target"], "tenant_guard": request["tenant_guard"],
           "expected_version": request["guards"]["expected_version"], "patch": request["patch"],
           "dry_run": request["dry_run"]}
    job.update(changes)
    return {"job": job}


def transport(c):
    """Checks 1 to 4: method, size, token, signature."""
    ok = job_of(c.real)
    body = c.captured["body"]
    c.put("a real request, signed by writerd-handler", ok, body, c.captured["headers"])
    for method in ("PUT", "PATCH"):
        c.case("method " + method, ok, method=method)
    for method in ("GET", "DELETE", "HEAD", "post"):
        c.case("method " + method, (405, "METHOD_NOT_ALLOWED"), method=method)
    c.case("OPTIONS answers what is allowed", {"http": 204, "allow": "POST, PUT, PATCH, OPTIONS"}, method="OPTIONS")
    c.case("OPTIONS needs no token", {"http": 204, "allow": "POST, PUT, PATCH, OPTIONS"}, method="OPTIONS",
           headers={"Authorization": GONE, "X-Synapsor-Signature": GONE})
    whole = {"prefix": body, "repeat": " ", "times": LIMIT - len(body.encode()), "suffix": ""}
    padded = body + " " * whole["times"]
    c.case("a body of exactly 1 MiB", ok, body=whole, headers={"X-Synapsor-Signature": sign(padded)})
    c.case("a body of 1 MiB and one byte", (413, "REQUEST_TOO_LARGE"), body={**whole, "times": whole["times"] + 1},
           headers={"X-Synapsor-Signature": sign(padded + " ")})
    c.case("too large comes before the token", (413, "REQUEST_TOO_LARGE"),
           body={"prefix": "", "repeat": "[", "times": LIMIT + 1, "suffix": ""}, headers={"Authorization": GONE})
    for name, value in (("no token", GONE), ("another token", "Bearer t0ken-of-the-handles"),
                        ("a shorter token", "Bearer t0ken"), ("a longer token", "Bearer " + TOKEN + "x"),
                        ("an empty token", "Bearer "), ("a token without its scheme", TOKEN),
                        ("another scheme", "Basic " + TOKEN), ("two tokens", "Bearer %s, Bearer %s" % (TOKEN, TOKEN))):
        c.case(name, (401, "UNAUTHORIZED"), headers={"Authorization": value})
    c.case("the scheme in small letters", ok, headers={"Authorization": "bearer " + TOKEN})
    good = sign(compact(c.real))
    for name, value in (("no signature", GONE), ("an empty signature", ""), ("another secret", sign(body, SECRET + "x")),
                        ("a signature cut short", good[:-1]), ("a signature with more", good + "0"),
                        ("a signature without its name", good[7:]), ("another algorithm", "sha512=" + good[7:]),
                        ("the signature of another body", sign("{}")),
                        ("no hexadecimal digits", "sha256=" + "z" * 64)):
        c.case(name, (401, "INVALID_SIGNATURE"), headers={"X-Synapsor-Signature": value})
    c.case("the digits in capitals", ok, headers={"X-Synapsor-Signature": "sha256=" + good[7:].upper()})
    c.case("one byte of the body changed", (401, "INVALID_SIGNATURE"), changes={"patch.late_fee_cents": 1},
           headers={"X-Synapsor-Signature": good})
    c.case("the signature comes before the timestamp", (401, "INVALID_SIGNATURE"),
           headers={"X-Synapsor-Signature": GONE, "X-Synapsor-Issued-At": GONE})


def time_and_json(c):
    """Checks 5 to 7."""
    late = (401, "INVALID_ISSUED_AT")
    for name, seconds, expect in (("issued 300 s ago", -300, None), ("issued 300 s ahead", 300, None),
                                  ("issued too long ago", -300.001, late), ("issued too far ahead", 300.001, late)):
        at = c.at(seconds)
        c.case(name, expect or job_of(c.real, issued_at=at), changes={"issued_at": at})
    for name, digits in (("no fraction", "seconds"), ("microseconds", "microseconds")):
        at = c.at(-1, digits)
        c.case("issued_at with " + name, job_of(c.real, issued_at=at), changes={"issued_at": at})
    good = c.at(-1, "seconds")[:-1]
    for value in ("", "now", good, good + "+00:00", good + "+02:00", good + "z", good.replace("T", " ") + "Z",
                  good + ".Z", good + ".1234567890Z", good[:10] + "T25:00:00Z", good[:5] + "02-30T00:00:00Z",
                  good[:10] + "T10:00:61Z", "1782570000", good + "Z ", "x" + good + "Z"):
        # Header text loses blanks around it on its way; the body does not.
        expect = late
        c.case("issued_at is %r" % value, expect, changes={"issued_at": value},
               headers={"X-Synapsor-Issued-At": value.strip()})
    c.case("no X-Synapsor-Issued-At", late, headers={"X-Synapsor-Issued-At": GONE})
    c.case("an old body under a fresh header", late, changes={"issued_at": c.at(-3600)},
           headers={"X-Synapsor-Issued-At": c.at(0)})
    c.case("the same moment in other words", late, changes={"issued_at": c.at(-1, "milliseconds")},
           headers={"X-Synapsor-Issued-At": c.at(-1, "microseconds")})
    c.case("no issued_at in the body", late, changes={"issued_at": GONE})
    c.case("issued_at in the body is no string", late, changes={"issued_at": 1782570000})
    bad = (400, "BAD_JSON")
    body = compact(c.real)
    for name, text in (
            ("an empty body", ""), ("no JSON", "hello"), ("an array", "[]"), ("a string", '"x"'), ("null", "null"),
            ("a body cut short", body[:-1]), ("more behind the body", body + "{}"), ("a byte order mark", "\ufeff" + body),
            ("a comma too many", body[:-1] + ",}"), ("a comment", body + "/**/"), ("NaN", body[:-1] + ',"x":NaN}'),
            ("Infinity", body[:-1] + ',"x":-Infinity}'), ("a number with a zero in front", body[:-1] + ',"x":01}'),
            ("a number with a plus", body[:-1] + ',"x":+1}'), ("a number that ends in a point", body[:-1] + ',"x":1.}'),
            ("a line break in a string", body[:-1] + ',"x":"a\nb"}'), ("an unknown escape", body[:-1] + ',"x":"\\q"}'),
            ("half of a surrogate pair", body[:-1] + ',"x":"\\ud83d"}'),
            ("surrogates the wrong way round", body[:-1] + ',"x":"\\ude00\\ud83d"}'),
            ("NUL in a string", body[:-1] + ',"x":"a\\u0000"}'), ("single quotes", body.replace('"', "'")),
            ("a member twice", body[:-1] + ',"action":"billing.other"}'),
            ("a member twice, once escaped", body[:-1] + ',"\\u0061ction":"billing.other"}'),
            ("a member twice further in", body[:-1] + ',"x":{"a":1,"a":1}}'),
            ("65 levels", body[:-1] + ',"x":' + "[" * 64 + "]" * 64 + "}"),
            ("65 levels of objects", body[:-1] + ',"x":' + '{"a":' * 64 + "1" + "}" * 64 + "}"),
            ("no-break space between members", body[:-1] + ',\u00a0"x":1}')):
        c.case(name, bad, body=text)
    c.case("100000 open brackets", bad, body={"prefix": "", "repeat": "[", "times": 100000, "suffix": ""},
           headers={"X-Synapsor-Signature": sign("[" * 100000)})
    for name, raw in (("bytes that are not UTF-8", b"\xff\xfe"), ("an overlong encoding", b"\xc0\xaf"),
                      ("a surrogate in UTF-8", b"\xed\xa0\x80")):
        data = body[:-1].encode() + b',"x":"' + raw + b'"}'
        c.case(name, bad, body={"hex": data.hex()}, headers={
            "X-Synapsor-Signature": "sha256=" + hmac.new(SECRET.encode(), data, hashlib.sha256).hexdigest()})
    ok = job_of(c.real)
    c.case("64 levels", ok, body=body[:-1] + ',"x":' + "[" * 63 + "]" * 63 + "}")
    c.case("brackets in a string are no levels", ok, body=body[:-1] + ',"x":"' + "[" * 100 + '\\"{"}')
    c.case("a whole surrogate pair", ok, body=body[:-1] + ',"x":"\\ud83d\\ude00"}')
    c.case("blanks around everything", ok, body=" \r\n\t" + json.dumps(c.real, indent=2, ensure_ascii=False) + "\n")
    c.case("members that nobody knows", ok, changes={"x": 1, "change_set.x": [1.5e300, {"a": None}]})


def schema(c):
    """Checks 8 to 10."""
    bad = (400, "BAD_WRITEBACK_REQUEST")
    both = ("", "change_set.")
    for name in ("proposal_id", "idempotency_key", "proposal_hash"):
        for what, value in (("missing", GONE), ("empty", ""), ("null", None), ("no string", 7), ("too long", "x" * 513)):
            changes = {name: value}
            headers = {"Idempotency-Key": GONE, "X-Synapsor-Proposal-Id": GONE}
            c.case("%s %s" % (name, what), bad, changes=changes, headers=headers)
    c.case("idempotency_key of 512 characters", job_of(c.real, idempotency_key="x" * 512),
           changes={"idempotency_key": "x" * 512})
    key = "wrp_1:Größe 日本"
    c.case("idempotency_key in other letters", job_of(c.real, idempotency_key=key), changes={"idempotency_key": key})

    def each(name, changes, expect=bad):
        """In the flat members and in change_set alike."""
        c.case(name, expect, changes=changes)

    each("no target", {p + "target": GONE for p in both})
    each("target is null", {p + "target": None for p in both})
    for member in ("schema", "table"):
        for value in (GONE, None, "", "a.b", 'a"b', "a b", "1a", "ä", "a;drop table x", 5, ["a"]):
            shown = "missing" if value is GONE else compact(value)
            each("target.%s %s" % (member, shown), {p + "target." + member: value for p in both})
    for path in ("target.primary_key", ):
        for value in ("id; --", "", None, 1):
            each("%s.column %s" % (path, compact(value)), {p + path + ".column": value for p in both})
        for value in (None, {}, [1], GONE, True, 1.5):
            shown = "missing" if value is GONE else compact(value)
            each("%s.value %s" % (path, shown), {p + path + ".value": value for p in both})
    tenant = ("tenant_guard", "change_set.guards.tenant", "guards.tenant")
    each("no tenant guard", {p: GONE for p in tenant})
    each("tenant guard null", {p: None for p in tenant})
    each("tenant column with a quote", {p + ".column": 'x"' for p in tenant})
    for value in (None, "", [], False):
        each("tenant value " + compact(value), {p + ".value": value for p in tenant})
    version = ("guards.expected_version", "change_set.guards.expected_version")
    each("no expected version", {p: GONE for p in version})
    each("expected version without a value", {p + ".value": GONE for p in version})
    each("expected version is an object", {p + ".value": {} for p in version})
    each("version column with a blank", {p + ".column": "updated at" for p in version})
    each("row hash without before", {**{p: {"column": "__row_hash", "value": "sha256:x"} for p in version},
                                     "before": GONE})
    each("row hash over an unsafe name", {**{p: {"column": "__row_hash", "value": "sha256:x"} for p in version},
                                          "before": {"id": 1, "a b": 2}})
    hashed = {"column": "__row_hash", "value": "sha256:" + "0" * 64}
    each("row hash", {p: hashed for p in version}, job_of(c.real, expected_version=hashed))
    for value in (None, 7, "v1", True):
        guard = {"column": "updated_at", "value": value}
        each("expected version " + compact(value), {p: guard for p in version}, job_of(c.real, expected_version=guard))
    patches = ("patch", "change_set.patch")
    for name, value in (("missing", GONE), ("null", None), ("empty", {}), ("an array", [1]),
                        ("with an unsafe column", {"a b": 1}), ("with an object", {"waiver_reason": {}}),
                        ("with an array", {"waiver_reason": []}), ("outside of allowed_columns", {"status": "paid"})):
        each("patch " + name, {p: value for p in patches})
    columns = ("allowed_columns", "change_set.guards.allowed_columns", "guards.allowed_columns")
    for name, value in (("missing", GONE), ("empty", []), ("no list", "late_fee_cents"), ("unsafe", ["a b"]),
                        ("without the patch's column", ["late_fee_cents"])):
        each("allowed_columns " + name, {p: value for p in columns})
    each("one of allowed_columns is narrower", {"allowed_columns": ["late_fee_cents"]})
    for name, column in (("the primary key", "id"), ("the tenant column", "tenant_id")):
        each("patch names " + name, {**{p: {column: "x"} for p in patches}, **{p: [column] for p in columns}})
    for value in (0, 12.5, -1, 9223372036854775807, None, True, "0", "ä\n\"'\\;--"):
        patch = {"late_fee_cents": value, "waiver_reason": "r"}
        each("patch value " + compact(value), {p: patch for p in patches}, job_of(c.real, patch=patch))
    for name, path, value in (
            ("table", "target.table", "customers"), ("schema", "target.schema", "other"),
            ("key column", "target.primary_key.column", "status"), ("key value", "target.primary_key.value", "INV-3002"),
            ("tenant column", "tenant_guard.column", "status"), ("tenant value", "tenant_guard.value", "other"),
            ("guards.tenant", "guards.tenant.value", "other"), ("patch value", "patch.late_fee_cents", 1),
            ("patch type", "patch.late_fee_cents", "0"), ("patch member", "patch", {"late_fee_cents": 0}),
            ("action", "action", "billing.other"), ("action in change_set", "change_set.action", "billing.other"),
            ("version", "guards.expected_version.value", "2026-06-20T14:31:09Z"),
            ("version column", "guards.expected_version.column", "status"),
            ("object id", "change_set.scope.object_id", "INV-3002"),
            ("tenant id", "change_set.scope.tenant_id", "other")):
        each("the two halves differ: " + name, {path: value})
    each("the patch in another order", {"patch": dict(reversed(c.real["patch"].items()))}, job_of(c.real))
    each("the action is missing", {"action": GONE, "change_set.action": GONE})
    each("the action is no string", {"action": 1, "change_set.action": 1})
    each("change_set is no object", {"change_set": []})
    each("change_set is null", {"change_set": None}, job_of({k: v for k, v in c.real.items() if k != "change_set"}))
    flat = ("target", "tenant_guard", "allowed_columns", "guards", "patch", "action")
    each("change_set alone", {name: GONE for name in flat}, job_of(c.real))
    each("no principal", {"change_set.principal": GONE}, job_of(c.real, principal=c.real["runner_hint"]))
    each("no principal, no runner", {"change_set.principal": GONE, "runner_hint": GONE}, job_of(c.real, principal=None))
    each("the principal is no object", {"change_set.principal": "me"})
    each("dry_run", {"dry_run": True}, job_of(c.real, dry_run=True))
    each("no dry_run", {"dry_run": GONE}, job_of(c.real))
    for value in ("false", 0, None):
        each("dry_run " + compact(value), {"dry_run": value})
    c.case("another Idempotency-Key", bad, headers={"Idempotency-Key": "x"})
    c.case("another X-Synapsor-Proposal-Id", bad, headers={"X-Synapsor-Proposal-Id": "wrp_x"})
    c.case("neither header", job_of(c.real), headers={"Idempotency-Key": GONE, "X-Synapsor-Proposal-Id": GONE})
    number = {p + "target.primary_key.value": 17 for p in both}
    number["change_set.scope.object_id"] = "17"
    target = edited(c.real, number)["target"]
    each("a key that is a number", number, job_of(c.real, target=target, object_id="17"))

    wrong = (400, "UNSUPPORTED_PROTOCOL_VERSION")
    for value in ("1.1", "2.0", "1", "", 1.0, 1, None):
        each("protocol_version " + compact(value), {"protocol_version": value}, wrong)
    each("schema_version of something else", {"schema_version": "synapsor.change-set.v1"}, wrong)
    each("neither version", {"protocol_version": GONE, "schema_version": GONE}, wrong)
    each("protocol_version alone", {"schema_version": GONE}, job_of(c.real))
    each("schema_version alone", {"protocol_version": GONE},
         job_of(c.real, protocol_version="synapsor.handler-writeback.v1"))
    each("a bad request of another version is a bad request", {"protocol_version": "9", "proposal_hash": GONE})
    unknown = {"action": "billing.other", "change_set.action": "billing.other"}
    each("an action without a function", unknown, (400, "UNSUPPORTED_ACTION"))
    each("the version comes before the action", {**unknown, "protocol_version": "9"}, wrong)
    for name in ("constructor", "__proto__", "toString"):
        each("action " + name, {"action": name, "change_set.action": name}, (400, "UNSUPPORTED_ACTION"))
    column = {"__proto__": 1}
    each("a column named __proto__", {**{p: column for p in patches}, **{p: ["__proto__"] for p in columns}},
         job_of(c.real, patch=column))


def old_and_command(c):
    """Requests of plain 0.1.1, and one line on standard input."""
    flat = {**c.flat, "issued_at": c.at(-1)}
    c.case("0.1.1, flat", job_of(flat), base=flat)
    c.case("0.1.1, dry run", job_of(flat, dry_run=True), base=flat, changes={"dry_run": True})
    c.case("0.1.1, patch outside", (400, "BAD_WRITEBACK_REQUEST"), base=flat, changes={"patch": {"status": "paid"}})
    c.case("0.1.1, replayed", (401, "INVALID_ISSUED_AT"), base=flat, headers={"X-Synapsor-Issued-At": c.at(0)})
    by_command = {k: v for k, v in c.real.items() if k not in COMMAND_LEAVES_OUT}
    c.command("command", job_of(by_command))
    c.command("command without a line end", job_of(by_command), body=compact(by_command))
    flat = {k: v for k, v in c.flat.items() if k not in COMMAND_LEAVES_OUT}
    c.command("command, 0.1.1", job_of(flat), base=c.flat)
    for name, changes, code in (("two halves", {"patch.late_fee_cents": 1}, "BAD_WRITEBACK_REQUEST"),
                                ("no key", {"idempotency_key": GONE}, "BAD_WRITEBACK_REQUEST"),
                                ("version", {"schema_version": "x"}, "UNSUPPORTED_PROTOCOL_VERSION"),
                                ("action", {"action": "x", "change_set.action": "x"}, "UNSUPPORTED_ACTION")):
        c.command("command, bad: " + name, (400, code), changes)
    c.command("command, no JSON", (400, "BAD_JSON"), body="{\n")
    c.command("command, nothing", (400, "BAD_JSON"), body="")
    c.command("command, two lines", (400, "BAD_JSON"), body=compact(by_command) + "\n" + compact(by_command) + "\n")
    c.command("command, too much", (413, "REQUEST_TOO_LARGE"),
              body={"prefix": "", "repeat": " ", "times": LIMIT + 1, "suffix": ""})


def requests():
    c = Cases()
    transport(c)
    time_and_json(c)
    schema(c)
    old_and_command(c)
    names = [case["name"] for case in c.cases]
    assert len(set(names)) == len(names), [n for n in names if names.count(n) > 1]
    return {"clock": c.at(0), "token": TOKEN, "secret": SECRET, "skew_ms": SKEW_MS, "actions": [c.real["action"]],
            "cases": c.cases}


VERSIONS = [
    ("2026-05-16 00:00:00.123456", "2026-05-16T00:00:00.123456Z", True),
    ("2026-05-16 00:00:00.123456", "2026-05-16T00:00:00.123Z", False),
    ("2026-06-20 14:31:08+00", "2026-06-20T14:31:08Z", True),
    ("2026-06-20 07:31:08-07", "2026-06-20T14:31:08Z", True),
    ("2026-06-20T16:31:08+02:00", "2026-06-20T14:31:08.000000Z", True),
    ("2026-06-20T20:01:08+0530", "2026-06-20T14:31:08", True),
    ("2026-06-20t14:31:08z", "2026-06-20T14:31:08Z", True),
    ("2026-06-20T14:31:08.1Z", "2026-06-20T14:31:08.100000Z", True),
    ("2026-06-20T14:31:08.1234567Z", "2026-06-20T14:31:08.123456Z", True),
    ("2026-06-20T14:31:08.123456789Z", "2026-06-20T14:31:08.123457Z", False),
    ("2026-06-20T14:31:08.000001Z", "2026-06-20T14:31:08Z", False),
    ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z", True),
    ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z", True),
    ("0001-01-01T00:00:00+01:00", "0000-12-31T23:00:00Z", True),
    ("9999-12-31T23:59:59-01", "9999-12-31T23:59:59Z", False),
    ("2026-02-30T00:00:00Z", "2026-03-02T00:00:00Z", False),
    ("2026-06-20T24:00:00Z", "2026-06-21T00:00:00Z", False),
    ("2026-06-20T14:31:60Z", "2026-06-20T14:32:00Z", False),
    ("2026-06-20", "2026-06-20T00:00:00Z", False),
    ("2026-06-20T14:31Z", "2026-06-20T14:31:00Z", False),
    ("2026-06-20T14:31:08.Z", "2026-06-20T14:31:08Z", False),
    ("2026-06-20T14:31:08.1234567891Z", "2026-06-20T14:31:08.123456Z", False),
    ("  2026-06-20T14:31:08Z ", "2026-06-20T14:31:08Z", True),
    ("v1", " v1\n", True), ("v1", "V1", False), ("v1", "v2", False), ("", "", True), ("", " ", True),
    (7, "7", True), (7, 7, True), (7, 8, False), (7, "07", False), ("50", "1950", False), ("32", "2032", False),
    ("7", "2001-07-01", False), ("rev 7", "x 7", False), ("1.0", "1", False), (1.5, "1.5", True),
    (9007199254740993, "9007199254740993", True), ("9007199254740993", "9007199254740992", False),
    (9223372036854775807, 9223372036854775806, False), ("12.50", "12.5", False), (True, "true", True),
    (None, None, True), (None, "", False), (None, "null", False), ("x", None, False),
    ("ä", "ä", True), ("a\u0308", "\u00e4", False),
]

# As docs/values.md says: what a value of the server becomes. `text` is what the
# server writes for it (PostgreSQL: the text format in a session with
# TimeZone=UTC and DateStyle=ISO).
POSTGRES_VALUES = [
    (16, "bool", "t", True), (16, "bool", "f", False), (21, "int2", "7", 7), (23, "int4", "-5500", -5500),
    (26, "oid", "16384", 16384), (20, "int8", "9007199254740993", "9007199254740993"),
    (1700, "numeric", "12.50", "12.50"), (701, "float8", "12.5", 12.5), (701, "float8", "1e+21", 1e21),
    (701, "float8", "1", 1), (701, "float8", "-0", 0), (701, "float8", "NaN", "NaN"),
    (701, "float8", "Infinity", "Infinity"), (700, "float4", "0.1", 0.1),
    (1184, "timestamptz", "2026-06-20 14:31:08+00", "2026-06-20T14:31:08Z"),
    (1184, "timestamptz", "2026-06-20 14:31:08.12+00", "2026-06-20T14:31:08.120000Z"),
    (1184, "timestamptz", "2026-06-20 14:31:08.123456+00", "2026-06-20T14:31:08.123456Z"),
    (1184, "timestamptz", "infinity", "infinity"),
    (1184, "timestamptz", "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
    (1184, "timestamptz", "12026-06-20 14:31:08+00", "12026-06-20 14:31:08+00"),
    (1114, "timestamp", "2026-06-20 14:31:08", "2026-06-20T14:31:08"),
    (1114, "timestamp", "2026-06-20 14:31:08.5", "2026-06-20T14:31:08.500000"),
    (1082, "date", "2026-06-20", "2026-06-20"), (25, "text", "INV-3001", "INV-3001"), (25, "text", "", ""),
    (1042, "bpchar", "ab   ", "ab   "), (2950, "uuid", "0190b6a0-0000-7000-8000-000000000001",
                                         "0190b6a0-0000-7000-8000-000000000001"),
    (3802, "jsonb", '{"a": 1}', '{"a": 1}'), (1007, "int4[]", "{1,2}", "{1,2}"), (17, "bytea", "\\x00ff", "\\x00ff"),
    (25, "text", None, None),
]

ROWS = [
    {"id": "INV-3001", "tenant_id": "acme", "late_fee_cents": 5500, "waiver_reason": None,
     "updated_at": "2026-06-20T14:31:08Z"},
    {"updated_at": "2026-06-20T14:31:08Z", "id": "INV-3001"},
    {"id": "INV-3001", "updated_at": "2026-06-20T14:31:08Z"},
    {"a": True, "b": False, "c": None, "d": 0, "e": -1, "f": 12.5, "g": 9223372036854775807, "h": "9007199254740993"},
    {"a": "quote \" backslash \\ slash / tab \t line \n return \r bell \u0007 escape \u001b del \u007f"},
    {"a": "\u00e4 \u65e5\u672c \u2028 \u2029 \U0001f600", "b": ""},
    {"a": 1e21, "b": 1e-7, "c": 0.1, "d": 100000000000000000000.0},
]
ES_NUMBERS = {"1e+21": "1e+21", "1e-07": "1e-7", "0.1": "0.1", "1e+20": "100000000000000000000", "12.5": "12.5"}


def jstr(value):
    """engine.md §0.1, for the scalars of ROWS."""
    if isinstance(value, float):
        return ES_NUMBERS[repr(value)]
    return json.dumps(value, ensure_ascii=False)


def row_text(row):
    return "{%s}" % ",".join("%s:%s" % (jstr(k), jstr(v)) for k, v in row.items())


def row_hashes():
    cases = [{"row": row, "canonical": row_text(row),
              "hash": "sha256:" + hashlib.sha256(row_text(row).encode()).hexdigest()} for row in ROWS]
    return {"cases": cases, "postgres_values": [
        {"oid": oid, "type": name, "text": text, "value": value} for oid, name, text, value in POSTGRES_VALUES]}


def versions():
    return {"cases": [{"a": a, "b": b, "equal": equal} for a, b, equal in VERSIONS]}


def dump(value):
    """One case a line, so that a change of one shows as one."""
    parts = []
    for key, member in value.items():
        if isinstance(member, list) and member and isinstance(member[0], dict):
            text = "[\n" + ",\n".join("  " + json.dumps(one, ensure_ascii=True) for one in member) + "\n ]"
        else:
            text = json.dumps(member)
        parts.append(" %s: %s" % (json.dumps(key), text))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def capture():
    """One approved proposal, applied by the real writerd-handler."""
    sys.path[:0] = [os.path.join(ROOT, "tests", part) for part in ("support", "integration")]
    from app import App
    from test_handler import handled
    from workspace import Workspace
    app = App()
    w = Workspace(config=handled())
    try:
        del w.env["SHOP_WRITE_URL"]
        w.env.update(APP_URL=app.url, APP_TOKEN=TOKEN, APP_SECRET=SECRET)
        w.json("apply", w.approved())
    finally:
        w.close()
        app.close()
    (_, headers, body), = app.requests
    names = {name.lower(): name for name in ("Content-Type", "Idempotency-Key", "Authorization", "X-Synapsor-Issued-At",
                                             "X-Synapsor-Proposal-Id", "X-Synapsor-Signature")}
    return {"headers": {name: headers[low] for low, name in names.items()}, "body": body.decode()}


def main():
    if "--capture" in sys.argv:
        with open(os.path.join(HERE, "captured.json"), "w") as file:
            file.write(json.dumps(capture(), indent=1) + "\n")
    stale = []
    for name, value in (("requests.json", requests()), ("versions.json", versions()), ("row_hash.json", row_hashes())):
        path, text = os.path.join(HERE, name), dump(value)
        if "--check" in sys.argv:
            with open(path) as file:
                stale += [] if file.read() == text else [name]
        else:
            with open(path, "w") as file:
                file.write(text)
    if stale:
        print("not what make.py writes: %s" % ", ".join(stale), file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
