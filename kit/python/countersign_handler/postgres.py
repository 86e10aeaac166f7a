"""Receipts and locks in PostgreSQL, through psycopg 3 connections of the application."""
from __future__ import annotations

import contextlib
import json
from typing import Any, Callable, Mapping, Sequence

from .request import Job, is_name
from .storage import (TABLE, Existing, OutcomeUnknown, Result, SqlTx, borrowed, key_params, receipt_text,
                      spelled_exactly, target_sql)
from .values import postgres_value


def ddl(table: str = TABLE, schema: str = "public") -> str:
    """For whoever owns the schema, once. It also brings a table of 0.1.1 up to date."""
    name = _qualified(schema, table)
    return (
        "CREATE TABLE IF NOT EXISTS %s (\n"
        "  idempotency_key text PRIMARY KEY,\n"
        "  proposal_id text NOT NULL,\n"
        "  proposal_hash text,\n"
        "  action text NOT NULL,\n"
        "  status text NOT NULL,\n"
        "  receipt_json jsonb NOT NULL,\n"
        "  created_at timestamptz NOT NULL DEFAULT now(),\n"
        "  completed_at timestamptz\n"
        ");\n"
        "ALTER TABLE %s ADD COLUMN IF NOT EXISTS proposal_hash text;\n"
        "-- The application's role: GRANT SELECT, INSERT, UPDATE ON %s TO <role>;\n" % (name, name, name))


def _qualified(schema: str, table: str) -> str:
    if not (is_name(schema) and is_name(table)):
        raise ValueError("the receipt table needs a plain name")
    return '"%s"."%s"' % (schema, table)


class Postgres:
    """`connect` returns a connection that nobody else uses meanwhile (a new one, or a
    pool's getconn); `release` takes it back (default: close it; a pool: putconn)."""

    def __init__(self, connect: Callable[[], Any], release: Callable[[Any], Any] | None = None, *,
                 table: str = TABLE, schema: str = "public", lock_timeout_ms: int = 5000,
                 statement_timeout_ms: int = 10000):
        self._connect, self._release = connect, release
        self._table, self._schema = _qualified(schema, table), schema
        self._name = table
        self._settings = {
            "TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "bytea_output": "hex",
            "extra_float_digits": "1", "lock_timeout": str(int(lock_timeout_ms)),
            "statement_timeout": str(int(statement_timeout_ms))}

    def check(self) -> None:
        """RuntimeError, with what to run, unless the receipt table is there as the kit wants it."""
        with borrowed(self._connect, self._release) as connection:
            sql = "SELECT idempotency_key, proposal_hash, receipt_json FROM %s LIMIT 0" % self._table
            try:
                connection.execute(sql)
            except Exception as error:
                if getattr(error, "sqlstate", None) not in ("42P01", "42703", "42501"):
                    raise
                raise RuntimeError("%s cannot be used; as its owner run:\n%s" % (
                    self._table, ddl(self._name, self._schema))) from None
            finally:
                connection.rollback()

    @staticmethod
    def is_deadlock(error: BaseException) -> bool:
        return getattr(error, "sqlstate", None) in ("40001", "40P01")

    @staticmethod
    def is_lost(error: BaseException) -> bool:
        """The server went away or ends; without a state the connection broke."""
        from psycopg import OperationalError  # only who passes its connections has it
        state = getattr(error, "sqlstate", None)
        return isinstance(error, OperationalError) and (state is None or state.startswith(("08", "57P", "53")))

    def with_transaction(self, work: Callable[["_Session"], tuple[Any, bool]]) -> Any:
        with borrowed(self._connect, self._release) as connection:
            own = connection.autocommit
            connection.autocommit = True  # BEGIN and COMMIT are written out below
            try:
                return self._run(connection, work)
            finally:
                with contextlib.suppress(Exception):
                    connection.autocommit = own

    def _run(self, connection: Any, work: Callable[["_Session"], tuple[Any, bool]]) -> Any:
        session = _Session(connection, self._table)
        try:
            session.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            session.execute("SELECT " + ", ".join(["set_config(%s, %s, true)"] * len(self._settings)),
                            [text for pair in self._settings.items() for text in pair])
            answer, keep = work(session)
        except BaseException:
            _rollback(connection)
            raise
        if keep:
            _commit(session)
        else:
            _rollback(connection)
        return answer


def _rollback(connection: Any) -> None:
    """A connection that cannot is closed, which rolls back as well."""
    try:
        connection.execute("ROLLBACK")
    except Exception:  # pylint: disable=broad-except
        connection.close()


def _commit(session: "_Session") -> None:
    try:
        tag = session.execute("COMMIT").statusmessage
    except BaseException as error:
        session.connection.close()
        raise OutcomeUnknown from error
    if tag != "COMMIT":  # the server rolled back a transaction that had failed
        raise RuntimeError("the transaction had failed before its COMMIT")


class _Session:
    def __init__(self, connection: Any, table: str):
        self.connection, self._table = connection, table
        self.tx = SqlTx(self._result, '"', ddl_commits=False)

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> Any:
        return self.connection.cursor().execute(sql, params, prepare=False)

    def _raw(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows from the server's own text, whatever the connection converts."""
        result = self.connection.cursor().execute(sql, params, prepare=False, binary=False).pgresult
        names = [result.fname(i).decode() for i in range(result.nfields)]
        return [{name: postgres_value(result.ftype(i), result.get_value(row, i)) for i, name in enumerate(names)}
                for row in range(result.ntuples)]

    def _result(self, sql: str, params: Sequence[Any]) -> Result:
        cursor = self.connection.cursor()
        cursor.execute(sql, params or None, prepare=False)
        rows: list[dict[str, Any]] = []
        if cursor.description is not None:
            names = [column.name for column in cursor.description]
            rows = [dict(row) if isinstance(row, dict) else dict(zip(names, row)) for row in cursor.fetchall()]
        return Result(rows, cursor.rowcount)

    def claim(self, job: Job) -> Existing | None:
        made = self.execute(
            "INSERT INTO " + self._table + " (idempotency_key, proposal_id, proposal_hash, action, status, receipt_json)"
            " VALUES (%s, %s, %s, %s, 'claimed', '{}') ON CONFLICT (idempotency_key) DO NOTHING",
            [job.idempotency_key, job.proposal_id, job.proposal_hash, job.action]).rowcount
        if made == 1:
            return None
        row, = self._raw("SELECT status, proposal_hash, receipt_json::text FROM " + self._table +
                         " WHERE idempotency_key = %s FOR UPDATE", [job.idempotency_key])
        return Existing(row["status"], row["proposal_hash"], json.loads(row["receipt_json"]))

    def lock_target(self, job: Job) -> Mapping[str, Any] | None:
        rows = self._raw(target_sql(job.target, job.tenant_guard, '"'), key_params(job))
        is_it = len(rows) == 1 and spelled_exactly(rows[0], job.target.primary_key, job.tenant_guard)
        return rows[0] if is_it else None

    def record(self, job: Job, status: str, receipt: Mapping[str, Any]) -> None:
        done = self.execute(
            "UPDATE " + self._table + " SET status = %s, receipt_json = %s::jsonb, completed_at = now()"
            " WHERE idempotency_key = %s AND status = 'claimed'",
            [status, receipt_text(receipt), job.idempotency_key]).rowcount
        if done != 1:
            raise RuntimeError("the claimed receipt row is gone")
