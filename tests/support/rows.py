"""Rows put into tables by hand, for what no part of the program under test would store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Engine, Integer, LargeBinary, Table, insert
from sqlmodel import SQLModel

from policybuilder.store.engine import writing
from policybuilder.store.tables import table_of


def insert_rows(engine: Engine, row: type[SQLModel], *rows: dict[str, Any]) -> None:
    """Insert rows that say only what matters; every other column is empty, 0 or NULL."""
    table = table_of(row)
    with writing(engine).begin() as connection:
        connection.execute(insert(table), [{**_nothing(table), **known} for known in rows])


def _nothing(table: Table) -> dict[str, Any]:
    return {column.name: None if column.nullable else _empty(column.type) for column in table.columns}


def _empty(kind: Any) -> Any:
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, (BigInteger, Integer)):
        return 0
    return b"" if isinstance(kind, LargeBinary) else ""
