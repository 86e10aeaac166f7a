"""What the handler wants of a database, and the parts that the two SQL engines share.

An application with a store of its own implements `Storage` and `Session`."""
from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Protocol, Sequence

from .request import Job, Key, Target, is_name
from .values import as_text

TABLE = "synapsor_handler_receipts"
# The kit begins and ends the transaction; what ends it early (MySQL: also every
# change of a table's shape) would leave the effect without its receipt.
_FORBIDDEN = re.compile(r"\s*(?:begin|start|commit|end|rollback|abort|prepare\s+transaction|lock\s+tables|unlock)\b", re.I)
_COMMITS = re.compile(r"\s*(?:create|alter|drop|truncate|rename|lock|analyze|grant|revoke|set\s+autocommit)\b", re.I)


class OutcomeUnknown(Exception):
    """COMMIT was sent and no answer came: it may be there or not."""


@dataclass(frozen=True)
class Existing:
    """A receipt row that was there before."""
    status: str
    proposal_hash: str | None
    receipt: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    rows: list[dict[str, Any]]
    row_count: int


class Tx(Protocol):
    """What a business function gets: the transaction of its receipt."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> Result:
        """One statement with %s for each parameter; values are bound."""

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Rows inserted. `table` may be schema.table."""

    def update(self, table: str, where: Mapping[str, Any], values: Mapping[str, Any],
               expect: int | None = None) -> int:
        """Rows that matched; ValueError if they are not as many as `expect`."""


class Session(Protocol):
    tx: Tx

    def claim(self, job: Job) -> Existing | None:
        """Insert the receipt row ('claimed') as the first statement; or, when the key is
        there, lock that row, which waits for its owner, and return it."""

    def lock_target(self, job: Job) -> Mapping[str, Any] | None:
        """The row of key and tenant, under lock, values as docs/values.md; None: no such row."""

    def record(self, job: Job, status: str, receipt: Mapping[str, Any]) -> None:
        """Complete the claimed row. An error if it is not there."""


class Storage(Protocol):
    """It may also have is_deadlock(error) and is_lost(error): a transaction that may go well when it is run again, and
    a connection that is gone."""

    def with_transaction(self, work: Callable[[Session], tuple[Any, bool]]) -> Any:
        """Run work(session) in one transaction of a connection of its own. It returns
        (answer, keep): COMMIT if keep, else ROLLBACK; then return the answer. Whatever
        work raises: ROLLBACK and raise it. OutcomeUnknown if COMMIT was not answered."""


def _names(values: Mapping[str, Any]) -> list[str]:
    if not values or not all(map(is_name, values)):
        raise ValueError("no columns, or one that is no plain name")
    return list(values)


class SqlTx:
    """`run(sql, params)` executes and returns a Result. After a statement that failed there is no other: MySQL has
    rolled back everything at a deadlock, the claim too, and would keep what comes then."""

    def __init__(self, run: Callable[[str, Sequence[Any]], Result], quote: str, ddl_commits: bool):
        self._execute, self._quote, self._ddl_commits = run, quote, ddl_commits
        self.failure: Exception | None = None

    def _run(self, sql: str, params: Sequence[Any]) -> Result:
        if self.failure is not None:
            raise RuntimeError("a statement before this one has failed: nothing can be kept")
        try:
            return self._execute(sql, params)
        except Exception as error:
            self.failure = error
            raise

    def _table(self, table: str) -> str:
        parts = table.split(".")
        if len(parts) > 2 or not all(map(is_name, parts)):
            raise ValueError("no plain table name")
        return ".".join(self._quoted(part) for part in parts)

    def _quoted(self, name: str) -> str:
        return self._quote + name + self._quote

    def query(self, sql: str, params: Sequence[Any] = ()) -> Result:
        if _FORBIDDEN.match(sql) or (self._ddl_commits and _COMMITS.match(sql)):
            raise ValueError("the transaction is the kit's: no statement that begins or ends one")
        return self._run(sql, params)

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        names = _names(values)
        sql = "INSERT INTO %s (%s) VALUES (%s)" % (self._table(table), ", ".join(map(self._quoted, names)),
                                                   ", ".join(["%s"] * len(names)))
        return self._run(sql, list(values.values())).row_count

    def update(self, table: str, where: Mapping[str, Any], values: Mapping[str, Any],
               expect: int | None = None) -> int:
        sets = ", ".join(self._quoted(name) + " = %s" for name in _names(values))
        wheres = " AND ".join(self._quoted(name) + " = %s" for name in _names(where))
        sql = "UPDATE %s SET %s WHERE %s" % (self._table(table), sets, wheres)
        count = self._run(sql, [*values.values(), *where.values()]).row_count
        if expect is not None and count != expect:
            raise ValueError("UPDATE matched %d rows instead of %d" % (count, expect))
        return count


def receipt_text(receipt: Mapping[str, Any]) -> str:
    return json.dumps(receipt, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def spelled_exactly(row: Mapping[str, Any], *keys: Key) -> bool:
    """A collation may have found another row than the one that was meant."""
    return all(row.get(key.column) is not None and as_text(row[key.column]) == as_text(key.value) for key in keys)


def target_sql(target: Target, tenant: Key, quote: str) -> str:
    def q(name: str) -> str:
        return quote + name + quote
    return "SELECT * FROM %s.%s WHERE %s = %%s AND %s = %%s LIMIT 2 FOR UPDATE" % (
        q(target.schema), q(target.table), q(target.primary_key.column), q(tenant.column))


def key_params(job: Job) -> list[str]:
    return [as_text(job.target.primary_key.value), as_text(job.tenant_guard.value)]


@contextlib.contextmanager
def borrowed(connect: Callable[[], Any], release: Callable[[Any], Any] | None) -> Iterator[Any]:
    connection = connect()
    try:
        yield connection
    finally:
        (release or (lambda c: c.close()))(connection)
