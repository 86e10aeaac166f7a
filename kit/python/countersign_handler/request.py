"""From bytes to a job: every check that needs no database, in one order
(kit/vectors/README.md). Pure: no input or output, no clock of its own."""
from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Any, Collection, Iterable, Mapping

from . import strict_json
from .values import ROW_HASH, as_text, is_scalar, moment, same

MAX_BODY = 1 << 20
METHODS = ("POST", "PUT", "PATCH")
ALLOW = "POST, PUT, PATCH, OPTIONS"
PROTOCOL = "1.0"
SCHEMA = "synapsor.handler-writeback.v1"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ISSUED_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_MAX_TEXT = 512
_NOT_THERE = object()


class Refusal(Exception):
    """The request is refused; nothing was done."""

    def __init__(self, http: int, code: str):
        super().__init__(code)
        self.http, self.code = http, code


@dataclass(frozen=True)
class Key:
    column: str
    value: Any


@dataclass(frozen=True)
class Target:
    schema: str
    table: str
    primary_key: Key


@dataclass(frozen=True)
class Job:
    """One approved change. `row` is the target row as it is now, locked: column to
    value; empty until it was read. Decimals of the request are Decimal, never float."""
    protocol_version: str
    proposal_id: str
    proposal_hash: str
    idempotency_key: str
    issued_at: str | None
    action: str
    tenant_id: str
    object_id: str
    principal: str | None
    target: Target
    tenant_guard: Key
    expected_version: Key
    patch: Mapping[str, Any]
    dry_run: bool
    row: Mapping[str, Any] = field(default_factory=dict)
    hashed_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What a request is checked against. `token` and `secret`: None for not asked for."""
    actions: Collection[str]
    token: bytes | None
    secret: bytes | None
    skew_ms: int = 300000


def is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _bytes(header: str) -> bytes:
    """Header text is Latin-1 in most servers; what was sent are bytes."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode("utf-8", "surrogateescape")


def lower_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names in small letters; one that came twice is joined, as HTTP says."""
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        name = name.lower()
        found[name] = found[name] + ", " + value if name in found else value
    return found


def _check_token(rules: Rules, headers: Mapping[str, str]) -> None:
    if rules.token is None:
        return
    scheme, _, token = headers.get("authorization", "").partition(" ")
    is_equal = hmac.compare_digest(_bytes(token), rules.token)
    if scheme.lower() != "bearer" or not is_equal:
        raise Refusal(401, "UNAUTHORIZED")


def _check_signature(rules: Rules, headers: Mapping[str, str], body: bytes) -> None:
    if rules.secret is None:
        return
    wanted = "sha256=" + hmac.new(rules.secret, body, hashlib.sha256).hexdigest()
    name, _, digits = headers.get("x-synapsor-signature", "").partition("=")
    if not hmac.compare_digest(_bytes(name + "=" + digits.lower()), wanted.encode()):
        raise Refusal(401, "INVALID_SIGNATURE")


EPOCH_US = 719163 * 86400 * 1000000  # moment() of 1970-01-01


def _check_issued_at(rules: Rules, headers: Mapping[str, str], now_us: int) -> str:
    text = headers.get("x-synapsor-issued-at", "")
    at = moment(text) if _ISSUED_AT.fullmatch(text) else None
    if at is None or abs(at - EPOCH_US - now_us) > rules.skew_ms * 1000:
        raise Refusal(401, "INVALID_ISSUED_AT")
    return text


def _need(is_good: bool) -> None:
    if not is_good:
        raise Refusal(400, "BAD_WRITEBACK_REQUEST")


def _text(value: Any) -> str:
    _need(isinstance(value, str) and 0 < len(value) <= _MAX_TEXT)
    return value


def _object(value: Any) -> dict[str, Any]:
    _need(isinstance(value, dict))
    return value


def _name(value: Any) -> str:
    _need(is_name(value))
    return value


class _Places:
    """A request says most things twice: in flat members, which 0.1.1 had alone, and in change_set."""

    def __init__(self, request: dict[str, Any]):
        self.request = request
        change_set = request.get("change_set")
        self.change_set = {} if change_set is None else _object(change_set)
        self.guards = [_object(half["guards"]) for half in (self.change_set, request) if "guards" in half]

    def all(self, name: str, *halves: dict[str, Any]) -> list[Any]:
        return [half[name] for half in halves if name in half]

    def one(self, values: list[Any], read, is_equal) -> Any:
        """Read in every place, there at least once, and the same everywhere."""
        read_values = [read(value) for value in values]
        _need(len(read_values) > 0 and all(is_equal(read_values[0], other) for other in read_values[1:]))
        return read_values[0]


def _keyed(value: Any) -> Key:
    """A column and a value that a row is found by."""
    value = _object(value)
    key = Key(_name(value.get("column")), value.get("value"))
    is_integer = isinstance(key.value, int) and not isinstance(key.value, bool)
    _need(is_integer or (isinstance(key.value, str) and key.value != ""))
    return key


def _version(value: Any) -> Key:
    value = _object(value)
    _need(is_scalar(value.get("value", _NOT_THERE)))
    return Key(_name(value.get("column")), value["value"])


def _target(value: Any) -> Target:
    value = _object(value)
    return Target(_name(value.get("schema")), _name(value.get("table")), _keyed(value.get("primary_key")))


def _patch(value: Any) -> dict[str, Any]:
    value = _object(value)
    _need(len(value) > 0 and all(is_name(k) and is_scalar(v) for k, v in value.items()))
    return value


def _same_key(a: Key, b: Key) -> bool:
    return a.column == b.column and same(a.value, b.value)


def _same_target(a: Target, b: Target) -> bool:
    return (a.schema, a.table) == (b.schema, b.table) and _same_key(a.primary_key, b.primary_key)


def _same_patch(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)


def _identity(said: Any, key: Key) -> str:
    """scope.tenant_id or scope.object_id, which is the text of the guard's value."""
    text = as_text(key.value)
    _need(said is _NOT_THERE or said == text)
    return text


def _check_columns(places: _Places, patch: dict[str, Any], keys: Iterable[str]) -> None:
    lists = places.all("allowed_columns", places.request, *places.guards)
    _need(len(lists) > 0)
    for allowed in lists:
        _need(isinstance(allowed, list) and all(map(is_name, allowed)) and all(name in allowed for name in patch))
    _need(not any(name in patch for name in keys))


def _hashed_columns(request: dict[str, Any], version: Key) -> tuple[str, ...]:
    if version.column != ROW_HASH:
        return ()
    before = _object(request.get("before"))
    _need(len(before) > 0 and all(is_name(k) and is_scalar(v) for k, v in before.items()))
    return tuple(before)


def _principal(places: _Places) -> str | None:
    principal = places.change_set.get("principal", _NOT_THERE)
    if principal is _NOT_THERE:
        hint = places.request.get("runner_hint")
        _need(hint is None or isinstance(hint, str))
        return hint
    said = _object(principal).get("id")
    _need(isinstance(said, str))
    return said


def _check_header(headers: Mapping[str, str], name: str, value: str) -> None:
    if name in headers:
        _need(_bytes(headers[name]).strip(b" \t") == value.encode().strip(b" \t"))


def _protocol(request: dict[str, Any]) -> str:
    version, schema = (request.get(name, _NOT_THERE) for name in ("protocol_version", "schema_version"))
    if (version is _NOT_THERE and schema is _NOT_THERE) or version not in (_NOT_THERE, PROTOCOL) or (
            schema not in (_NOT_THERE, SCHEMA)):
        raise Refusal(400, "UNSUPPORTED_PROTOCOL_VERSION")
    return SCHEMA if version is _NOT_THERE else PROTOCOL


def _job(rules: Rules, request: dict[str, Any], headers: Mapping[str, str], issued_at: str | None) -> Job:
    texts = {name: _text(request.get(name)) for name in ("proposal_id", "proposal_hash", "idempotency_key")}
    p = _Places(request)
    halves = (p.change_set, request)
    scope = _object(p.change_set.get("scope", {}))
    target = p.one(p.all("target", *halves), _target, _same_target)
    tenant = p.one(p.all("tenant", *p.guards) + p.all("tenant_guard", request), _keyed, _same_key)
    version = p.one(p.all("expected_version", *p.guards), _version, _same_key)
    patch = p.one(p.all("patch", *halves), _patch, _same_patch)
    action = p.one(p.all("action", *halves), _text, lambda a, b: a == b)
    _check_columns(p, patch, (target.primary_key.column, tenant.column))
    dry_run = request.get("dry_run", False)
    _need(isinstance(dry_run, bool))
    _check_header(headers, "idempotency-key", texts["idempotency_key"])
    _check_header(headers, "x-synapsor-proposal-id", texts["proposal_id"])
    job = Job(
        **texts, protocol_version="", issued_at=issued_at, action=action, target=target, tenant_guard=tenant,
        expected_version=version, patch=patch, dry_run=dry_run, principal=_principal(p),
        tenant_id=_identity(scope.get("tenant_id", _NOT_THERE), tenant),
        object_id=_identity(scope.get("object_id", _NOT_THERE), target.primary_key),
        hashed_columns=_hashed_columns(request, version))
    object.__setattr__(job, "protocol_version", _protocol(request))
    if action not in rules.actions:
        raise Refusal(400, "UNSUPPORTED_ACTION")
    return job


def _parse(body: bytes) -> dict[str, Any]:
    try:
        request = strict_json.parse(body)
    except strict_json.BadJson:
        request = None
    if not isinstance(request, dict):
        raise Refusal(400, "BAD_JSON")
    return request


def verify(rules: Rules, method: str, headers: Mapping[str, str], body: bytes | None, now_us: int) -> Job:
    """A request over HTTP, untrusted; `headers` by small letters, `body` None when it
    was longer than MAX_BODY, `now_us` microseconds since 1970. Refusal, or the job."""
    if method not in METHODS:
        raise Refusal(405, "METHOD_NOT_ALLOWED")
    if body is None or len(body) > MAX_BODY:
        raise Refusal(413, "REQUEST_TOO_LARGE")
    _check_token(rules, headers)
    _check_signature(rules, headers, body)
    issued_at = _check_issued_at(rules, headers, now_us)
    request = _parse(body)
    if request.get("issued_at") != issued_at:
        raise Refusal(401, "INVALID_ISSUED_AT")
    return _job(rules, request, headers, issued_at)


def verify_command(rules: Rules, line: bytes) -> Job:
    """A request on standard input: who may start the command is who may ask."""
    if len(line) > MAX_BODY:
        raise Refusal(413, "REQUEST_TOO_LARGE")
    return _job(rules, _parse(line), {}, None)
