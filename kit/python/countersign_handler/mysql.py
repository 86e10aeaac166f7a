"""Receipts and locks in MySQL and MariaDB, through PyMySQL connections of the application."""
from __future__ import annotations

import contextlib
import json
import secrets
from typing import Any, Callable, Iterator, Mapping, Sequence

from .request import Job, is_name
from .storage import (TABLE, Existing, OutcomeUnknown, Result, SqlTx, borrowed, key_params, receipt_text,
                      spelled_exactly, target_sql)
from .values import mysql_value

_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


def ddl(table: str = TABLE) -> str:
    """For whoever owns the database, once. A table without proposal_hash needs the ALTER."""
    if not is_name(table):
        raise ValueError("the receipt table needs a plain name")
    return (
        "CREATE TABLE IF NOT EXISTS `%s` (\n"
        "  idempotency_key varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY,\n"
        "  proposal_id varchar(512) NOT NULL,\n"
        "  proposal_hash varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,\n"
        "  action varchar(512) NOT NULL,\n"
        "  status varchar(64) NOT NULL,\n"
        "  receipt_json longtext NOT NULL,\n"
        "  created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),\n"
        "  completed_at timestamp(6) NULL\n"
        ") ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4;\n"
        "-- If it is there without that column:\n"
        "-- ALTER TABLE `%s` ADD COLUMN proposal_hash varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
        "-- The application's account: GRANT SELECT, INSERT, UPDATE ON `%s` TO <account>;\n" % (table, table, table))


class Mysql:
    """`connect` returns a connection that nobody else uses meanwhile; `release` takes it
    back (default: close it). The session's time zone, SQL mode and lock timeout are the
    kit's while a request is at work, and the application's own afterwards."""

    def __init__(self, connect: Callable[[], Any], release: Callable[[Any], Any] | None = None, *,
                 table: str = TABLE, lock_timeout_ms: int = 5000):
        ddl(table)
        self._connect, self._release, self._table = connect, release, table
        self._lock_seconds = max(1, (int(lock_timeout_ms) + 999) // 1000)

    def check(self) -> None:
        """RuntimeError, with what to run, unless the receipt table is there as the kit wants it."""
        with borrowed(self._connect, self._release) as connection:
            session = _Session(connection, self._table)
            rows = session.raw("SELECT engine AS e FROM information_schema.tables WHERE table_schema = DATABASE()"
                               " AND table_name = %s", [self._table])
            columns = session.raw("SELECT column_name AS c FROM information_schema.columns WHERE table_schema ="
                                  " DATABASE() AND table_name = %s AND column_name = 'proposal_hash'", [self._table])
            connection.rollback()
            if not rows or rows[0]["e"] != "InnoDB" or not columns:
                raise RuntimeError("`%s` cannot be used; as its owner run:\n%s" % (self._table, ddl(self._table)))

    @staticmethod
    def is_deadlock(error: BaseException) -> bool:
        return bool(error.args) and error.args[0] == 1213

    @staticmethod
    def is_lost(error: BaseException) -> bool:
        from pymysql.err import InterfaceError  # only who passes its connections has it
        return isinstance(error, InterfaceError) or (bool(error.args) and error.args[0] in (1053, 1927, 2006, 2013))

    def with_transaction(self, work: Callable[["_Session"], tuple[Any, bool]]) -> Any:
        with borrowed(self._connect, self._release) as connection:
            session = _Session(connection, self._table)
            connection.rollback()
            with self._settings(session):
                return self._run(session, work)

    @contextlib.contextmanager
    def _settings(self, session: "_Session") -> Iterator[None]:
        names = ("time_zone", "sql_mode", "innodb_lock_wait_timeout")
        before, = session.raw("SELECT " + ", ".join("CAST(@@SESSION.%s AS CHAR) AS %s" % (n, n) for n in names), [])
        sql = "SET SESSION time_zone = %s, sql_mode = %s, innodb_lock_wait_timeout = %s"
        try:
            session.execute(sql, ["+00:00", _SQL_MODE, self._lock_seconds])
            yield
        finally:
            try:
                session.execute(sql, [before["time_zone"], before["sql_mode"], int(before["innodb_lock_wait_timeout"])])
            except Exception:  # pylint: disable=broad-except
                session.end()

    def _run(self, session: "_Session", work: Callable[["_Session"], tuple[Any, bool]]) -> Any:
        try:
            session.connection.begin()
            answer, keep = work(session)
        except BaseException:
            session.rollback()
            raise
        if keep:
            session.commit()
        else:
            session.rollback()
        return answer


class _Session:
    def __init__(self, connection: Any, table: str):
        self.connection, self._table = connection, "`%s`" % table
        self.tx = SqlTx(self._result, "`", ddl_commits=True)
        self._claim = ""

    def end(self) -> None:
        with contextlib.suppress(Exception):
            self.connection.close()

    def rollback(self) -> None:
        try:
            self.connection.rollback()
        except Exception:  # pylint: disable=broad-except
            self.end()

    def commit(self) -> None:
        try:
            self.connection.commit()
        except BaseException as error:
            self.end()
            raise OutcomeUnknown from error

    def _cursor(self) -> Any:
        from pymysql.cursors import Cursor  # only who passes its connections has it
        return self.connection.cursor(Cursor)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        with self._cursor() as cursor:
            return cursor.execute(sql, params or None)

    def raw(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows from the server's own text, whatever the connection converts."""
        own, self.connection.decoders = self.connection.decoders, {}
        try:
            with self._cursor() as cursor:
                cursor.execute(sql, params or None)
                return [{column[0]: mysql_value(column[1], value) for column, value in zip(cursor.description, row)}
                        for row in cursor.fetchall()]
        finally:
            self.connection.decoders = own

    def _result(self, sql: str, params: Sequence[Any]) -> Result:
        with self._cursor() as cursor:
            count = cursor.execute(sql, params or None)
            names = [column[0] for column in cursor.description or ()]
            return Result([dict(zip(names, row)) for row in cursor.fetchall()] if names else [], count)

    def claim(self, job: Job) -> Existing | None:
        """Drivers count the rows of such an INSERT differently, so the row tells whose it is."""
        self._claim = receipt_text({"claim": secrets.token_hex(16)})
        self.execute(
            "INSERT INTO " + self._table + " (idempotency_key, proposal_id, proposal_hash, action, status, receipt_json)"
            " VALUES (%s, %s, %s, %s, 'claimed', %s) ON DUPLICATE KEY UPDATE idempotency_key = idempotency_key",
            [job.idempotency_key, job.proposal_id, job.proposal_hash, job.action, self._claim])
        row, = self.raw("SELECT status, proposal_hash, receipt_json FROM " + self._table +
                        " WHERE idempotency_key = %s FOR UPDATE", [job.idempotency_key])
        if row["receipt_json"] == self._claim:
            return None
        return Existing(row["status"], row["proposal_hash"], json.loads(row["receipt_json"]))

    def lock_target(self, job: Job) -> Mapping[str, Any] | None:
        rows = self.raw(target_sql(job.target, job.tenant_guard, "`"), key_params(job))
        is_it = len(rows) == 1 and spelled_exactly(rows[0], job.target.primary_key, job.tenant_guard)
        return rows[0] if is_it else None

    def record(self, job: Job, status: str, receipt: Mapping[str, Any]) -> None:
        done = self.execute(
            "UPDATE " + self._table + " SET status = %s, receipt_json = %s, completed_at = CURRENT_TIMESTAMP(6)"
            " WHERE idempotency_key = %s AND status = 'claimed' AND receipt_json = %s",
            [status, receipt_text(receipt), job.idempotency_key, self._claim])
        if done != 1:
            raise RuntimeError("the claimed receipt row is gone")
