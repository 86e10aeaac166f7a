"""One request, one transaction, one receipt (kit/vectors/README.md, docs/handler-kit.md)."""
from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import sys
import time
from typing import Any, BinaryIO, Callable, Iterable, Mapping

from .request import ALLOW, MAX_BODY, Job, Refusal, Rules, lower_headers, verify, verify_command
from .storage import Existing, OutcomeUnknown, Session, Storage, Tx
from .values import ROW_HASH, as_text, is_scalar, row_hash, version_equal

TOKEN_ENV = "SYNAPSOR_APP_WRITEBACK_TOKEN"
SECRET_ENV = "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET"
_MIN_SECRET = 16
_VERSION_MAX = 1024  # what writerd-handler takes
_TRIES = 3  # of claim and lock, at deadlocks
_CODE = re.compile(r"[A-Z0-9_]{1,64}")

Function = Callable[[Job, Tx], "Mapping[str, Any] | None"]
Log = Callable[[str, "str | None", "BaseException | None"], None]


class Refuse(Exception):
    """Raised by a business function: nothing is done, and the receipt says `code`
    (capitals, digits, underscores; at most 64)."""

    def __init__(self, code: str):
        if not _CODE.fullmatch(code):
            raise ValueError("a code is 1 to 64 capitals, digits and underscores")
        super().__init__(code)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _receipt(status: str, code: str | None = None, rows: int = 0, **versions: Any) -> dict[str, Any]:
    receipt = {"status": status, "rows_affected": rows, "source_database_mutated": status == "applied" and rows > 0,
               "safe_error_code": code}
    receipt.update({name: _shown(value) for name, value in versions.items() if _shown(value) is not None})
    return receipt


def _shown(value: Any) -> Any:
    """A version as a receipt may hold it, exactly: numbers that are no small integer as text."""
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 1 << 53):
        return value
    text = as_text(value)
    return text if len(text.encode()) <= _VERSION_MAX else None


def _log_default(code: str, key: str | None, error: BaseException | None) -> None:
    logging.getLogger("countersign_handler").warning("%s (idempotency key %s)", code, key, exc_info=error)


class _Failed(Exception):
    """The business function's error, told apart from the kit's own."""

    def __init__(self, code: str, cause: BaseException):
        super().__init__(code)
        self.code, self.cause = code, cause


class _Passing(Exception):
    """The database's own trouble under the business function."""


class Kit:
    """The part that needs no transport: a job in, a receipt out."""

    def __init__(self, capabilities: Mapping[str, Function], storage: Storage, log: Log | None = None):
        if not capabilities or not all(callable(f) for f in capabilities.values()):
            raise ValueError("capabilities: at least one action with its function")
        if storage is None or not hasattr(storage, "with_transaction"):
            raise ValueError("storage: where receipts and rows are, such as Postgres(connect)")
        self.capabilities, self.storage = dict(capabilities), storage
        self._log_hook = log or _log_default

    def log(self, code: str, key: str | None, error: BaseException | None = None) -> None:
        try:
            self._log_hook(code, key, error)
        except Exception:  # pylint: disable=broad-except
            pass  # a log that fails does not change what happened

    def run(self, job: Job) -> tuple[int, dict[str, Any]]:
        """HTTP status and receipt."""
        try:
            return self._transaction(job)
        except Refusal as refusal:
            code, http, error = refusal.code, refusal.http, None
        except _Failed as failed:
            code, http, error = failed.code, 422, failed.cause
        except OutcomeUnknown as unknown:
            code, http, error = "HANDLER_OUTCOME_UNKNOWN", 500, unknown
        except Exception as other:  # pylint: disable=broad-except
            code, http, error = "HANDLER_DATABASE_UNAVAILABLE", 503, other.__cause__ or other
        self.log(code, job.idempotency_key, error)
        return http, _unknown() if http == 500 else _receipt("failed", code)

    def _is(self, what: str, error: BaseException) -> bool:
        """What the storage says of its error, if it says anything."""
        return bool(getattr(self.storage, what, lambda _: False)(error))

    def _transaction(self, job: Job) -> tuple[int, dict[str, Any]]:
        """Once more at a deadlock, as long as the function was not called."""
        for left in reversed(range(_TRIES)):
            called: list[bool] = []
            try:
                return self.storage.with_transaction(lambda session: self._work(job, session, called))
            except (Refusal, OutcomeUnknown, _Failed, _Passing):
                raise
            except Exception as error:  # pylint: disable=broad-except
                if called or left == 0 or not self._is("is_deadlock", error):
                    raise
        raise AssertionError("not reached")

    def _work(self, job: Job, session: Session, called: list[bool]) -> tuple[tuple[int, dict[str, Any]], bool]:
        existing = session.claim(job)
        if existing is not None:
            return (200, _known(job, existing)), False
        row = session.lock_target(job)
        if row is None:
            return self._conflict(job, session, "ROW_NOT_FOUND_OR_WRONG_TENANT")
        current = _version(job, row)
        if not version_equal(current, job.expected_version.value):
            return self._conflict(job, session, "ROW_CHANGED_AFTER_PROPOSAL", previous_version=current)
        if job.dry_run:
            return (200, _receipt("applied", previous_version=current)), False
        called.append(True)
        receipt = self._business(dataclasses.replace(job, row=row), session, current)
        session.record(job, "applied", receipt)
        return (200, receipt), True

    def _conflict(self, job: Job, session: Session, code: str, **versions: Any):
        receipt = _receipt("conflict", code, **versions)
        if not job.dry_run:
            session.record(job, "conflict", receipt)
        return (200, receipt), not job.dry_run

    def _business(self, job: Job, session: Session, before: Any) -> dict[str, Any]:
        try:
            said = self.capabilities[job.action](job, session.tx) or {}
            rows, new = said.get("rows_affected", 1), said.get("new_version")
            if isinstance(rows, bool) or not isinstance(rows, int) or not is_scalar(new):
                raise TypeError("rows_affected is a number, new_version a scalar")
            self._check_statements(session, None)
        except (_Failed, _Passing):
            raise
        except Exception as error:
            self._check_statements(session, error)
            code = error.code if isinstance(error, Refuse) else "HANDLER_BUSINESS_ERROR"
            raise _Failed(code, error) from error
        if new is None:
            row = session.lock_target(job)
            new = None if row is None else _version(job, row)
        return _receipt("applied", rows=min(max(1, rows), 1000000), previous_version=before, new_version=new)

    def _check_statements(self, session: Session, error: BaseException | None) -> None:
        """A statement that failed counts, whatever the function made of it."""
        failure = getattr(session.tx, "failure", None)
        if failure is None:
            return
        if self._is("is_deadlock", failure) or self._is("is_lost", failure):
            raise _Passing from failure
        raise _Failed("HANDLER_BUSINESS_ERROR", error or failure) from failure


def _unknown() -> dict[str, Any]:
    """No receipt: whether something was changed is what nobody knows."""
    return {"status": "unknown", "safe_error_code": "HANDLER_OUTCOME_UNKNOWN"}


def _version(job: Job, row: Mapping[str, Any]) -> Any:
    column = job.expected_version.column
    try:
        return row_hash(row, job.hashed_columns) if column == ROW_HASH else row[column]
    except KeyError:
        return "(the column is gone)"


def _known(job: Job, existing: Existing) -> dict[str, Any]:
    if existing.proposal_hash is not None and existing.proposal_hash != job.proposal_hash:
        raise Refusal(409, "IDEMPOTENCY_KEY_REUSED")
    stored = existing.receipt
    versions = {name: stored.get(name) for name in ("previous_version", "new_version")}
    if existing.status in ("applied", "already_applied"):
        return _receipt("already_applied", **versions)
    if existing.status == "conflict":
        return _receipt("conflict", stored.get("safe_error_code"), **versions)
    raise OutcomeUnknown("a receipt row with the status %r" % existing.status)


class Handler(Kit):
    """For HTTP. Both the token and the signing secret are asked for, from the
    environment, unless one is turned off by `token_env=None` or `signing_secret_env=None`.
    ValueError at once for what could not be safe."""

    def __init__(self, capabilities: Mapping[str, Function], storage: Storage, *, token_env: str | None = TOKEN_ENV,
                 signing_secret_env: str | None = SECRET_ENV, env: Mapping[str, str] | None = None,
                 issued_at_skew_ms: int = 300000, allow_unauthenticated: bool = False, log: Log | None = None,
                 now_us: Callable[[], int] | None = None):
        super().__init__(capabilities, storage, log)
        env = os.environ if env is None else env
        token, secret = (_secret(env, name) for name in (token_env, signing_secret_env))
        if token is None and secret is None and not allow_unauthenticated:
            raise ValueError("neither token nor signing secret: anybody could write. For a handler that only this"
                             " machine reaches there is allow_unauthenticated")
        if issued_at_skew_ms <= 0:
            raise ValueError("issued_at_skew_ms is more than 0")
        self.rules = Rules(self.capabilities, token, secret, issued_at_skew_ms)
        self._now_us = now_us or (lambda: time.time_ns() // 1000)

    def handle(self, method: str, headers: Mapping[str, str] | Iterable[tuple[str, str]],
               body: bytes | None) -> Answer:
        """The whole of it, for any server. `body` are the raw bytes; None when there were
        more than MAX_BODY, which need not be read."""
        if method == "OPTIONS":
            return Answer(204, {"Allow": ALLOW}, b"")
        try:
            job = verify(self.rules, method, lower_headers(headers), body, self._now_us())
        except Refusal as refusal:
            self.log(refusal.code, None)
            answer = _answer(refusal.http, _receipt("failed", refusal.code))
            return dataclasses.replace(answer, headers={**answer.headers, "Allow": ALLOW}) if (
                refusal.http == 405) else answer
        return _answer(*self.run(job))

    def serve(self, port: int = 8787, host: str = "127.0.0.1", path: str = "/synapsor/writeback") -> None:
        """Serve with the standard library, until interrupted. Port 0 takes a free one. Prints the address."""
        from .server import serve
        serve(self, port, host, path)


class CommandHandler(Kit):
    """For a command_handler: one request on standard input, the receipt on standard
    output. Whoever may start the command is trusted; there is no token."""

    def answer(self, line: bytes) -> dict[str, Any]:
        try:
            job = verify_command(Rules(self.capabilities, None, None), line)
        except Refusal as refusal:
            self.log(refusal.code, None)
            return _receipt("failed", refusal.code)
        return self.run(job)[1]

    def main(self, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> int:
        """The exit status: 0 with a receipt; 1 without one, when the outcome is not known."""
        line = (stdin or sys.stdin.buffer).read(MAX_BODY + 1)
        receipt = self.answer(line)
        if receipt["status"] == "unknown":
            return 1
        out = stdout or sys.stdout.buffer
        out.write(_json(receipt))
        out.flush()
        return 0


def _secret(env: Mapping[str, str], name: str | None) -> bytes | None:
    if name is None:
        return None
    value = env.get(name, "").encode("utf-8", "surrogateescape")
    if len(value) < _MIN_SECRET:
        raise ValueError("%s is %s: it needs at least %d bytes" % (name, "too short" if value else "not set",
                                                                  _MIN_SECRET))
    return value


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _answer(http: int, receipt: Mapping[str, Any]) -> Answer:
    return Answer(http, {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"},
                  _json(receipt))
