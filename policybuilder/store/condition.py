"""The database's condition: whether it can be written to, how large it is, and how much room it has left."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

_A_LITTLE = "SELECT name FROM site LIMIT 1"
"""Fails where the database does not answer, and where it has lost our tables."""

_ENOUGH_BYTES = 64 * 1024 * 1024
_ENOUGH_SHARE = 0.05
"""Of a file system that is smaller than that is large."""


def fault_of(engine: Engine) -> str:
    """Why nothing can be written to the database, in a few words; empty where it can. Nothing is written for it."""
    return _fault_of_file(_file_of(engine)) if engine.dialect.name == "sqlite" else _fault_of_server(engine)


def _fault_of_file(path: Path) -> str:
    # Opened anew, as the next writer would: who has it open already sees neither that the file is gone nor that it may
    # not be written to any more. And without waiting: where somebody else holds the lock, it can be written to.
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as connection:
            connection.isolation_level = None
            connection.execute(_A_LITTLE)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        # Of an extended code, the last byte is the kind: https://www.sqlite.org/rescode.html
        match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
            case sqlite3.SQLITE_BUSY:
                return ""
            case sqlite3.SQLITE_READONLY:
                return "is read-only"
        return _no_answer(error)
    return ""


def _fault_of_server(engine: Engine) -> str:
    try:
        with engine.connect() as connection:
            connection.execute(text(_A_LITTLE))
            # On too while the server recovers, or stands by for another.
            read_only = connection.scalar(text("SHOW transaction_read_only"))
    except SQLAlchemyError as error:
        return _no_answer(error)
    return "is read-only" if read_only == "on" else ""


def _no_answer(error: Exception) -> str:
    """The kind of failure alone: the driver's own message may name places that are nobody's business."""
    return f"does not answer ({type(error).__name__})"


def is_nearly_out_of_room(engine: Engine) -> bool:
    """Whether the file system of the database's file is nearly full; of a server's nothing is known here."""
    if engine.dialect.name != "sqlite":
        return False
    try:
        system = os.statvfs(_file_of(engine).absolute().parent)
    except OSError:
        return False  # the directory is gone, so the database does not answer either
    return system.f_bavail * system.f_frsize < min(_ENOUGH_BYTES, _ENOUGH_SHARE * system.f_blocks * system.f_frsize)


def size_of(engine: Engine) -> int | None:
    """Bytes of the database; of a file, with its log. None where nobody says."""
    if engine.dialect.name == "sqlite":
        path = _file_of(engine)
        with suppress(OSError):
            log = path.with_name(f"{path.name}-wal")
            return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        return None
    with suppress(SQLAlchemyError), engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    return None


def _file_of(engine: Engine) -> Path:
    return Path(str(engine.url.database))
