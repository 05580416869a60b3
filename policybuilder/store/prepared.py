"""Prepared statements: built and compiled once for each database, then sent as text.

To build a statement, look it up among those compiled and bind its values takes SQLAlchemy a hundred microseconds, which
is more than SQLite takes to run it; whoever commits hundreds of times a second sends the same twenty each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Connection,
    CursorResult,
    Dialect,
    Engine,
    Table,
    Text,
    bindparam,
    cast,
    column,
    event,
    func,
    select,
)
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from policybuilder.store.tables import insert_into

_ROWS = "rows"
_TOGETHER = "together"
"""The option of an execution that stands for several."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    in_order: Callable[[Row], Any] | None
    """Takes the parameters out of a row, where the database takes them by place."""

    constants: dict[str, Any]

    def values(self, row: Row) -> Any:
        given = {**self.constants, **row} if self.constants else row
        return given if self.in_order is None else self.in_order(given)


def inserted(connection: Connection, table: Table) -> Any:
    """An INSERT of rows with all columns of a table, for `Prepared.run_many` and `Together`.

    SQLite takes a statement for each row. PostgreSQL would wait for the other end each time: it takes all rows as one
    list of JSON, in their order, so that locks are taken in that order too. Of lists, one for each column, psycopg
    would look at every value, which takes the writer longer than all else that it does.
    https://www.postgresql.org/docs/current/functions-json.html (json_to_recordset)
    """
    names = [each.name for each in table.c]
    if connection.dialect.name != "postgresql":
        return insert_into(connection, table).values({name: bindparam(name) for name in names})
    given = func.json_to_recordset(cast(bindparam(_ROWS, type_=Text), JSON))
    rows = given.table_valued(*(column(each.name, each.type) for each in table.c)).render_derived(with_types=True)
    return insert_into(connection, table).from_select(names, select(*(rows.c[name] for name in names)))


class Prepared:
    """A statement with named parameters: `bindparam`, or the columns of an INSERT."""

    def __init__(self, build: Callable[[Connection], ClauseElement]) -> None:
        """`build` makes it of a connection, whose dialect it may ask for."""
        self._build = build
        self._compiled: dict[str, _Compiled] = {}
        self._sent: dict[str, _Compiled] = {}

    def run(self, connection: Connection, **values: Any) -> CursorResult[Any]:
        """Execute it once."""
        compiled = self._for(connection)
        return connection.exec_driver_sql(compiled.text, compiled.values(values))

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute it, of an `inserted`, for all rows; nothing for none."""
        together = Together()
        together.add(self, rows)
        together.run(connection)

    def _for(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = _compiled(self._build(connection), connection.dialect)
        return compiled

    def as_sent(self, connection: Connection) -> _Compiled:
        """It as the database itself takes it, which on PostgreSQL is not as the driver does."""
        name = connection.dialect.name
        if name != "postgresql":
            return self._for(connection)
        compiled = self._sent.get(name)
        if compiled is None:
            from sqlalchemy.dialects.postgresql import psycopg  # noqa: PLC0415  (only where there is PostgreSQL)

            dialect: Dialect = psycopg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
            compiled = self._sent[name] = _compiled(self._build(connection), dialect)
        return compiled


def _compiled(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    made = statement.compile(dialect=dialect)
    if not isinstance(made, SQLCompiler):
        raise TypeError(f"{made} is no statement with parameters")
    names = made.positiontup if made.positional else None
    constants = {name: value for name, value in made.params.items() if value is not None}
    return _Compiled(str(made), None if names is None else _in_order(names), constants)


def _in_order(names: Sequence[str]) -> Callable[[Row], Any]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple(row[name] for name in names)


class Together:
    """Statements without results that are executed together, in their order: on PostgreSQL with one wait for all."""

    def __init__(self) -> None:
        self._added: list[tuple[Prepared, Sequence[Row], bool]] = []

    def add(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Have an `inserted` executed for all rows; nothing for none."""
        if rows:
            self._added.append((statement, rows, True))

    def add_once(self, statement: Prepared, **values: Any) -> None:
        """Have a statement executed once."""
        self._added.append((statement, (values,), False))

    def run(self, connection: Connection) -> None:
        """Execute what was added. Raises as the connection does."""
        added, self._added = self._added, []
        if not added:
            return
        takes_lists = connection.dialect.name == "postgresql"
        sent: list[tuple[str, list[Any]]] = []
        for statement, rows, is_inserted in added:
            compiled = statement.as_sent(connection)
            given = ({_ROWS: msgspec.json.encode(rows).decode()},) if takes_lists and is_inserted else rows
            sent.append((compiled.text, [compiled.values(row) for row in given]))
        connection.exec_driver_sql(sent[0][0], execution_options={_TOGETHER: sent})


def allow_together(engine: Engine) -> None:
    """Make an engine one whose connections `Together` can use."""
    event.listen(engine, "do_execute", _execute_together)


def _execute_together(cursor: Any, _statement: str, _parameters: Any, context: Any) -> bool:
    """Stands in for the execution of the one statement; what the driver raises is SQLAlchemy's to tell, as always.

    https://docs.sqlalchemy.org/en/20/core/events.html#sqlalchemy.events.DialectEvents.do_execute
    """
    sent = context.execution_options.get(_TOGETHER)
    if sent is None:
        return False
    if context.dialect.name == "postgresql":
        # https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
        from psycopg import RawCursor  # noqa: PLC0415  (only where there is PostgreSQL)

        with cursor.connection.pipeline():
            # Statements as the server takes them: what the driver makes of others is too long for its memory.
            raw = RawCursor(cursor.connection)
            for text, (values,) in sent:
                raw.execute(text, values)
    else:
        for text, rows in sent:
            cursor.executemany(text, rows)
    return True
