"""Prepared statements: built and compiled once for each database, then sent as text.

To build a statement, look it up among those compiled and bind its values takes SQLAlchemy a hundred microseconds, which
is more than SQLite takes to run it; whoever commits hundreds of times a second sends the same twenty each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Connection, CursorResult, Table, bindparam, func, select
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from policybuilder.store.tables import insert_into


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    names: tuple[str, ...] | None
    """Of the parameters in their order, where the database takes them by place."""

    constants: dict[str, Any]

    def values(self, row: dict[str, Any]) -> Any:
        given = {**self.constants, **row} if self.constants else row
        return given if self.names is None else tuple([given[name] for name in self.names])


def inserted(connection: Connection, table: Table) -> Any:
    """An INSERT of rows with all columns of a table, to be executed by `Prepared.run_many`.

    SQLite takes a statement for each row. PostgreSQL would wait for the other end each time: it takes the columns as
    lists, in the order of the rows, so that locks are taken in that order too.
    https://www.postgresql.org/docs/current/functions-array.html#ARRAY-FUNCTIONS-TABLE (unnest)
    """
    names = [column.name for column in table.c]
    if connection.dialect.name != "postgresql":
        return insert_into(connection, table).values({name: bindparam(name) for name in names})
    lists = [bindparam(column.name, type_=ARRAY(column.type)) for column in table.c]
    rows = func.unnest(*lists).table_valued(*names, name="given").render_derived()
    return insert_into(connection, table).from_select(names, select(*(rows.c[name] for name in names)))


class Prepared:
    """A statement with named parameters: `bindparam`, or the columns of an INSERT."""

    def __init__(self, build: Callable[[Connection], ClauseElement]) -> None:
        """`build` makes it of a connection, whose dialect it may ask for."""
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, **values: Any) -> CursorResult[Any]:
        """Execute it once."""
        compiled = self._for(connection)
        return connection.exec_driver_sql(compiled.text, compiled.values(values))

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Execute it for each row; nothing for none.

        On PostgreSQL it is one statement for all of them, which takes lists of values: see `inserted`.
        """
        if not rows:
            return
        compiled = self._for(connection)
        if connection.dialect.name == "postgresql":
            lists = {name: [row[name] for row in rows] for name in rows[0]}
            connection.exec_driver_sql(compiled.text, compiled.values(lists))
        else:
            connection.exec_driver_sql(compiled.text, [compiled.values(row) for row in rows])

    def _for(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        compiled = self._compiled.get(name)
        if compiled is None:
            made = self._build(connection).compile(dialect=connection.dialect)
            if not isinstance(made, SQLCompiler):
                raise TypeError(f"{made} is no statement with parameters")
            names = tuple(made.positiontup) if made.positional and made.positiontup is not None else None
            constants = {name: value for name, value in made.params.items() if value is not None}
            compiled = self._compiled[name] = _Compiled(str(made), names, constants)
        return compiled
