"""Tables and portions: what every module with SQL needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Table
from sqlmodel import SQLModel

_T = TypeVar("_T")

_CHUNK = 400  # parameters of one IN (…): SQLite allows 32,766, and statements of a few hundred cache well


def table_of(row: type[SQLModel]) -> Table:
    """The table a row class describes."""
    return SQLModel.metadata.tables[str(row.__tablename__)]


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The values in portions that one statement can name."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
