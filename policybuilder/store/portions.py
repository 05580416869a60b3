"""Portions: deleting many rows a few at a time, so that whoever wants to store a report never waits for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, bindparam, delete, select, tuple_

from policybuilder.store.engine import writing

PORTION_ROWS = 2_000
"""Rows of one transaction: less than a tenth of a second."""


def keys_in_portions(
    engine: Engine, table: Table, site: str, *conditions: ColumnElement[bool], rows: int | None = None
) -> Iterator[Sequence[Row[Any]]]:
    """Primary keys of a site's rows that meet the conditions, in order; each portion read by itself, without a lock."""
    limit = PORTION_ROWS if rows is None else rows
    site_column, *others = table.primary_key.columns
    after: tuple[Any, ...] | None = None
    while True:
        query = select(site_column, *others).where(site_column == site, *conditions).order_by(*others).limit(limit)
        if after is not None and others:
            query = query.where(tuple_(*others) > after)
        with engine.connect() as connection:
            found = connection.execute(query).all()
        if found:
            yield found
        if len(found) < limit or not others:
            return
        after = tuple(found[-1])[1:]


def delete_in_portions(
    engine: Engine,
    table: Table,
    site: str,
    *conditions: ColumnElement[bool],
    before: Callable[[Connection, Sequence[Row[Any]]], None] = lambda _connection, _keys: None,
) -> Iterator[Mapping[str, int]]:
    """Delete a site's rows that meet the conditions, a transaction for each portion; yields what went, by table.

    `before` is called in each of them, with the keys of what goes.
    """
    for keys in keys_in_portions(engine, table, site, *conditions):
        with writing(engine).begin() as connection:
            before(connection, keys)
            # Asked again: what was stored meanwhile may have made a row young.
            statement = delete(table).where(*is_row(table), *conditions)
            removed = connection.execute(statement, as_parameters(table, keys)).rowcount
        yield {table.name: removed}


def is_row(table: Table) -> list[ColumnElement[bool]]:
    """That a row has the primary key of the parameters `as_parameters` makes."""
    return [column == bindparam(f"key_{column.name}") for column in table.primary_key.columns]


def as_parameters(table: Table, keys: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Primary keys as the parameters of `is_row`."""
    names = [f"key_{column.name}" for column in table.primary_key.columns]
    return [dict(zip(names, key, strict=True)) for key in keys]
