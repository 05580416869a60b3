"""Reading ahead: the rows of any number of portions arrive, and whoever stops early or fails leaves nothing running."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing

import pytest
from sqlalchemy import ColumnElement, Connection, Engine, func, literal, select
from sqlalchemy.exc import DBAPIError

from policybuilder.store import reading_ahead
from policybuilder.store.reading import snapshot
from policybuilder.store.reading_ahead import rows_ahead
from policybuilder.store.tables import column_of

_NAMES = [f"{number:04}" for number in range(1, 26)]


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_ahead, "_ROWS", 5)


def _names(connection: Connection, count: int) -> Generator[str]:
    name = column_of(connection, _NAMES[:count])
    for (each,) in rows_ahead(connection, tuple[str], (name,), select(name), name):
        yield each


def _running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "reading-ahead"]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 24, 25])
def test_every_row_arrives_once_portion_by_portion(engine: Engine, count: int) -> None:
    with snapshot(engine) as connection:
        names = list(_names(connection, count))
        assert connection.scalar(select(literal(1))) == 1
    starts = range(0, count, 5)
    assert [sorted(names[at : at + 5]) for at in starts] == [_NAMES[at : min(at + 5, count)] for at in starts]
    assert len(names) == count
    assert not _running()


def test_whoever_stops_early_has_the_connection_for_himself(engine: Engine) -> None:
    with snapshot(engine) as connection:
        with closing(_names(connection, 25)) as names:
            assert next(names) in _NAMES[:5]
            assert _running()
        assert not _running()
        assert connection.scalar(select(literal(1))) == 1


def test_what_the_database_refuses_is_raised_where_the_rows_are_asked_for(engine: Engine) -> None:
    with engine.connect() as connection:
        name = column_of(connection, _NAMES)
        unknown: ColumnElement[str] = func.no_such_function(name)
        with pytest.raises(DBAPIError, match="no_such_function"):
            next(rows_ahead(connection, tuple[str], (unknown,), select(name), name))
    assert not _running()
