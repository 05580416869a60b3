"""Streams: how far each collector's reports are stored, known by the same transaction that stores them.

A writer that dies after its commit and before it says so leaves the collector in doubt; whoever follows it tells.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, delete, select
from sqlalchemy.sql import ClauseElement

from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS
from policybuilder.store.engine import writing
from policybuilder.store.prepared import Prepared, Together
from policybuilder.store.tables import insert_into, table_of

_KEPT_MS = 7 * DAY_MS
"""Nobody comes back to a stream after so long."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a stream: the frame with this number, and all before it."""

    stream: str
    frame: int


def advance(writes: Together, position: Position, now_ms: int) -> None:
    """Say, in the transaction that stores it, that the stream is stored up to here."""
    writes.add_once(_ADVANCE, stream=position.stream, frame=position.frame, written_at_ms=now_ms)


def read_position(engine: Engine, stream: str) -> int:
    """The last frame of the stream that is stored; 0 before any. Raises SQLAlchemyError."""
    table = table_of(schema.WriterStreamRow)
    with engine.connect() as connection:
        return int(connection.scalar(select(table.c.frame).where(table.c.stream == stream)) or 0)


def forget_old_streams(engine: Engine, now_ms: int) -> None:
    """Forget the streams of collectors that ended long ago. Raises SQLAlchemyError."""
    table = table_of(schema.WriterStreamRow)
    with writing(engine).begin() as connection:
        connection.execute(delete(table).where(table.c.written_at_ms < now_ms - _KEPT_MS))


def _advance_statement(connection: Connection) -> ClauseElement:
    table = table_of(schema.WriterStreamRow)
    statement = insert_into(connection, table).values({column.name: bindparam(column.name) for column in table.c})
    changed: ClauseElement = statement.on_conflict_do_update(
        index_elements=[table.c.stream],
        set_={"frame": statement.excluded.frame, "written_at_ms": statement.excluded.written_at_ms},
    )
    return changed


_ADVANCE = Prepared(_advance_statement)
