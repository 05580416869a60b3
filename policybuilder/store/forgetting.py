"""Forgetting: the keys that hash client networks, gone from the tables and from the files beneath them.

On SQLite nothing is left once this is done: deleted content is overwritten with zeros (`PRAGMA secure_delete`), the
table is filled anew, since content that only moved is not, and the write-ahead log, which still holds old pages, is
emptied. On PostgreSQL the table is written anew
without them; the server's own log and its backups keep what they hold until they are recycled, which is for their
operator.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, exists, insert, select, text, tuple_
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql import ClauseElement

from policybuilder.store import schema
from policybuilder.store.engine import writing
from policybuilder.store.prepared import Prepared
from policybuilder.store.tables import table_of

_PATIENCE_MS = 200
"""How long readers are waited for; while we wait nobody else can write, and there is a next time."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of it."""

    keys: int
    """Rows deleted now. Whoever stores a report deletes them too, so none may be left to do."""

    is_complete: bool
    """Whether no file holds them any more; if not, somebody was in the way, and it can be tried again."""


def forget(engine: Engine, now_ms: int) -> Forgotten:
    """Delete the keys whose day is over, and what the database's files still hold of any that are deleted."""
    table = table_of(schema.ReporterKeyRow)
    with writing(engine).begin() as connection:
        keys = forget_keys(connection, now_ms)
        is_left = bool(connection.scalar(select(exists().where(table.c.expires_at_ms <= now_ms))))
    return Forgotten(keys, is_complete=clear_files(engine) and not is_left)


def forget_keys(connection: Connection, now_ms: int) -> int:
    """Delete the keys whose day is over, but for those that somebody still writes with. Returns how many.

    Who waited for these, in whatever order the table has them, could wait for a writer who waits for them.
    """
    return _FORGET.run(connection, now_ms=now_ms).rowcount


def _forget(connection: Connection) -> ClauseElement:
    table = table_of(schema.ReporterKeyRow)
    is_over = table.c.expires_at_ms <= bindparam("now_ms")
    if connection.dialect.name != "postgresql":
        return delete(table).where(is_over)
    keys = table.primary_key.columns
    free = select(*keys).where(is_over).order_by(*keys).with_for_update(skip_locked=True)
    return delete(table).where(tuple_(*keys).in_(free))


_FORGET = Prepared(_forget)


def clear_files(engine: Engine) -> bool:
    """Leave nothing of deleted keys in the database's files. Returns False where somebody was in the way."""
    return _overwrite(engine) if engine.dialect.name == "sqlite" else _rewrite_table(engine)


def _overwrite(engine: Engine) -> bool:
    # Not in a transaction, which is what an engine's own connections begin.
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        (usual,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        try:
            return _fill_anew(cursor) and _empty_log(cursor)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")
            cursor.close()


def _fill_anew(cursor: Any) -> bool:
    """Take all rows out and put them in again: pages that are given back are overwritten as a whole.

    When a page is split or joined with another, its rows move, and copies of them stay where it has no content now.
    """
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:  # somebody else writes
        return False
    try:
        kept = cursor.execute("SELECT site, day, key, expires_at_ms FROM reporter_key ORDER BY site, day").fetchall()
        cursor.execute("DELETE FROM reporter_key")
        cursor.executemany("INSERT INTO reporter_key (site, day, key, expires_at_ms) VALUES (?, ?, ?, ?)", kept)
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    return True


def _empty_log(cursor: Any) -> bool:
    (is_busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def _rewrite_table(engine: Engine) -> bool:
    # VACUUM FULL would copy what was deleted for as long as any other session, such as the server's own autovacuum, may
    # still look at it. Whoever reads this table takes a new snapshot for every statement and waits for our lock.
    table = table_of(schema.ReporterKeyRow)
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection, connection.begin():
        connection.execute(text(f"SET LOCAL lock_timeout = {_PATIENCE_MS}"))
        try:
            connection.execute(text("LOCK TABLE reporter_key IN ACCESS EXCLUSIVE MODE"))
        except OperationalError:  # the lock was not to be had in time
            connection.rollback()
            return False
        kept = [dict(row) for row in connection.execute(select(table)).mappings()]
        connection.execute(text("TRUNCATE reporter_key"))
        if kept:
            connection.execute(insert(table), kept)
        return True
