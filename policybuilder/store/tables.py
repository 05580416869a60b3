"""Tables and portions: what every module with SQL needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    Text,
    bindparam,
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


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT of the database's own dialect, which can say what to do on a conflict."""
    # Commands that only read have no need of either, and each takes a while to load.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite.insert(table)


def rows_of(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query that may have many: one by one they take four times as long, and at once the most room."""
    for portion in connection.execute(query).partitions(_PORTION_ROWS):
        yield from portion


def rows_as(
    connection: Connection, kind: type[_T], columns: Sequence[ColumnElement[Any]], query: Select[Any]
) -> Iterator[_T]:
    """These columns of the rows of a query, each row as a tuple or a struct that is a list in JSON.

    Of many rows this takes half of the time of `rows_of`: the database writes the lists, and msgspec reads a portion of
    them in one go. What is JSON in a column may come as a list or as its text: no version of SQLite promises to
    remember what it made.
    """
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    texts = connection.execute(query.with_only_columns(row_as_json(connection, *columns))).scalars()
    for portion in texts.partitions(_PORTION_ROWS):
        yield from decode(f"[{','.join(portion)}]")


def is_any(connection: Connection, column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether a column is one of any number of texts."""
    return column.in_(select(column_of(connection, texts)))


def column_of(connection: Connection, texts: Collection[str]) -> ColumnElement[str]:
    """Any number of texts as the one column of a table, which go as one parameter."""
    given = msgspec.json.encode(sorted(texts)).decode()
    if connection.dialect.name == "postgresql":
        found: ColumnElement[str] = func.json_array_elements_text(cast(literal(given, Text), JSON)).column_valued(
            "given"
        )
        return found
    return func.json_each(given).table_valued("value", name="given").c.value


def given_texts(connection: Connection, name: str) -> ColumnElement[str]:
    """The texts of a JSON list, which is the statement's parameter of this name, as the one column of a table."""
    if connection.dialect.name == "postgresql":
        found: ColumnElement[str] = func.json_array_elements_text(
            cast(bindparam(name, type_=Text), JSON)
        ).column_valued("given")
        return found
    return func.json_each(bindparam(name, type_=Text)).table_valued("value", name="given").c.value


def lists_of(connection: Connection, lists: Sequence[Sequence[str]]) -> Subquery:
    """Lists of texts as a table of the columns `number`, from 0, and `texts`, as JSON; they go as one parameter."""
    given = msgspec.json.encode(lists).decode()
    if connection.dialect.name == "postgresql":
        each = func.json_array_elements(cast(literal(given, Text), JSON)).table_valued(
            "texts", with_ordinality="place", name="each"
        )
        rows = each.render_derived()
        return select((rows.c.place - 1).label("number"), rows.c.texts).subquery("lists")
    each = func.json_each(given).table_valued("key", "value", name="each")
    return select(each.c.key.label("number"), each.c.value.label("texts")).subquery("lists")


def texts_in(connection: Connection, texts: ColumnElement[str]) -> ColumnElement[str]:
    """The texts of one of `lists_of`, as the one column of a table."""
    if connection.dialect.name == "postgresql":
        found: ColumnElement[str] = func.json_array_elements_text(texts).column_valued("text")
        return found
    return func.json_each(texts).table_valued("value", name="text").c.value


def row_as_json(connection: Connection, *columns: ColumnElement[Any]) -> ColumnElement[str]:
    """A row as the text of a JSON list."""
    if connection.dialect.name == "postgresql":
        return cast(func.json_build_array(*columns), Text)
    row: ColumnElement[str] = func.json_array(*columns)
    return row


def rows_as_json(connection: Connection, *columns: ColumnElement[Any]) -> ColumnElement[str]:
    """The rows of a group as the text of a JSON list of lists, in no order; NULL or an empty list where none are."""
    if connection.dialect.name == "postgresql":
        return cast(func.json_agg(func.json_build_array(*columns)), Text)
    rows: ColumnElement[str] = func.json_group_array(func.json_array(*columns))
    return rows


def values_as_json(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[str]:
    """The values that a group has in a column as the text of a JSON list, in no order."""
    if connection.dialect.name == "postgresql":
        return func.json_agg(column)
    values: ColumnElement[str] = func.json_group_array(column)
    return values


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The values in portions that one statement can name."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
