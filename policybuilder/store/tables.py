"""Tables and portions: what every module with SQL needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    Text,
    cast,
    func,
    literal,
    select,
)
from sqlmodel import SQLModel

_T = TypeVar("_T")

_PORTION_ROWS = 10_000
_CHUNK = 400  # parameters of one IN (…): SQLite allows 32,766, and statements of a few hundred cache well


def table_of(row: type[SQLModel]) -> Table:
    """The table a row class describes."""
    return SQLModel.metadata.tables[str(row.__tablename__)]


def rows_of(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query that may have many: one by one they take four times as long, and at once the most room."""
    for portion in connection.execute(query).partitions(_PORTION_ROWS):
        yield from portion


def is_any(connection: Connection, column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether a column is one of any number of texts."""
    return column.in_(select(column_of(connection, texts)))


def column_of(connection: Connection, texts: Collection[str]) -> ColumnElement[str]:
    """Any number of texts as the one column of a table, which go as one parameter."""
    given = json.dumps(sorted(texts))
    if connection.dialect.name == "postgresql":
        found: ColumnElement[str] = func.json_array_elements_text(cast(literal(given, Text), JSON)).column_valued(
            "given"
        )
        return found
    return func.json_each(given).table_valued("value", name="given").c.value


def pairs_of(connection: Connection, pairs: Collection[tuple[int, str]]) -> Subquery:
    """Any number of pairs as a table of the columns `number` and `text`, which go as one parameter."""
    given = json.dumps(list(pairs))
    if connection.dialect.name == "postgresql":
        each = func.json_array_elements(cast(literal(given, Text), JSON)).column_valued("given")
        number, text = cast(each.op("->>")(0), BigInteger), each.op("->>")(1)
        return select(number.label("number"), text.label("text")).subquery("pairs")
    pair = func.json_each(given).table_valued("value", name="given").c.value
    return select(
        func.json_extract(pair, "$[0]").label("number"), func.json_extract(pair, "$[1]").label("text")
    ).subquery("pairs")


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The values in portions that one statement can name."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
