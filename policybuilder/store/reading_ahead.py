"""Portions of rows, read ahead: the database makes the next one while Python is busy with the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from policybuilder.store.tables import row_as_json

_T = TypeVar("_T")

_ROWS = 1_000
"""Large enough that what a statement costs by itself is small beside it, and a hostile one is no burden to memory."""

_PORTIONS_AHEAD = 2


def rows_ahead(
    connection: Connection,
    kind: type[_T],
    columns: Sequence[ColumnElement[Any]],
    query: Select[Any],
    key: ColumnElement[str],
) -> Iterator[_T]:
    """These columns of the rows of a query, in portions by `key`, which is not empty and of each row another.

    As `rows_as` reads them, but with the lists of a portion put together by the database: it does so in one step, for
    which Python's lock is not held, so that a thread has the next one ready when the last is taken. Within a portion
    rows have no order that SQL would promise. Nothing else may use the connection until the last row is taken, or the
    iterator closed. Raises what the query raises.
    """
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    for text in _ahead(_portions(connection, columns, query, key)):
        yield from decode(f"[{text}]")


def _portions(
    connection: Connection, columns: Sequence[ColumnElement[Any]], query: Select[Any], key: ColumnElement[str]
) -> Iterator[str]:
    """The rows as lists in JSON, with commas between; each portion begins after the last key of the one before."""
    rows = (
        query.with_only_columns(row_as_json(connection, *columns).label("row"), key.label("key"))
        .where(key > bindparam("after"))
        .order_by(None)
        .order_by(key)
        .limit(_ROWS)
        .subquery("rows")
    )
    portion = select(func.aggregate_strings(rows.c.row, ","), func.max(rows.c.key), func.count())
    after, found = "", _ROWS
    while found == _ROWS:
        text, after, found = connection.execute(portion, {"after": after}).one()
        if found:
            yield text


def _ahead(portions: Iterator[str]) -> Iterator[str]:
    """The same, taken from the iterator by a thread."""
    ready: SimpleQueue[str | BaseException | None] = SimpleQueue()
    room = Semaphore(_PORTIONS_AHEAD)
    is_over = Event()

    def take() -> None:
        end: BaseException | None = None
        try:
            for portion in portions:
                ready.put(portion)
                room.acquire()
                if is_over.is_set():
                    break
        except BaseException as error:  # noqa: BLE001  (raised where the portions are asked for)
            end = error
        ready.put(end)

    thread = Thread(target=take, name="reading-ahead", daemon=True)
    thread.start()
    try:
        while isinstance(portion := ready.get(), str):
            room.release()
            yield portion
        if portion is not None:
            raise portion
    finally:
        is_over.set()
        room.release()
        thread.join()
