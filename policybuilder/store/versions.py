"""Versions: what is the same as long as nothing that is known of a site changed, and is quickly read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select
from sqlmodel import SQLModel

from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, to_ms
from policybuilder.store.listing_upkeep import read_recorded
from policybuilder.store.tables import table_of

_SAID: Sequence[tuple[type[SQLModel], str]] = (
    (schema.SiteRow, "name"),
    (schema.SiteHostRow, "site"),
    (schema.SiteAliasRow, "site"),
    (schema.SiteKeyRow, "site"),
    (schema.DecisionRow, "site"),
    (schema.DeploymentRow, "site"),
    (schema.WaiverRow, "site"),
)
"""Tables that people write, a row at a time, and by what column they name the site."""


def read_said_version(connection: Connection, site: str, now: datetime) -> Hashable:
    """Of what people said of the site, as far as it holds at `now`."""
    return tuple(
        tuple(_still(table, tuple(row), to_ms(now)) for row in _rows(connection, table_of(table), name, site))
        for table, name in _SAID
    )


def _rows(connection: Connection, table: Table, name: str, site: str) -> Sequence[Any]:
    return connection.execute(select(table).where(table.c[name] == site).order_by(*table.primary_key.columns)).all()


def _still(row: type[SQLModel], values: tuple[Any, ...], now_ms: int) -> Hashable:
    """The row, and whether it holds still."""
    columns = table_of(row).columns.keys()
    if "until_ms" not in columns:
        return values
    until_ms = values[columns.index("until_ms")]
    return (*values, until_ms is not None and until_ms < now_ms)


def read_seen_version(connection: Connection, site: str, now: datetime) -> Hashable:
    """Of what browsers reported, and access logs counted, of the site; another one each day, since spans pass."""
    state, hashes, logs = (table_of(row) for row in (schema.ListingStateRow, schema.ScriptHashRow, schema.ViewLogRow))
    generation = connection.scalar(select(state.c.generation).where(state.c.site == site))
    return (
        to_ms(now) // DAY_MS,
        generation,
        read_recorded(connection, site),
        _count_and_sum(connection, hashes, hashes.c.reports, site),
        _count_and_sum(connection, logs, logs.c.lines, site),
    )


def _count_and_sum(connection: Connection, table: Table, column: ColumnElement[int], site: str) -> tuple[int, int]:
    number, total = connection.execute(select(func.count(), func.sum(column)).where(table.c.site == site)).one()
    return int(number), int(total or 0)
