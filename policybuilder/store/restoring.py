"""Restoring: what a backup holds, into an empty database of either kind, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any

import msgspec
from sqlalchemy import Connection, MetaData, Table, delete, exists, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import SQLModel

from policybuilder.errors import CspbuildError
from policybuilder.program import typed
from policybuilder.store import schema
from policybuilder.store.backing_up import Progress, rows_in, tables_backed_up
from policybuilder.store.backup_file import BackupHead, TableHead, damaged, read_head, read_rows
from policybuilder.store.engine import (
    SCHEMA_REVISION,
    made_by_newer_program,
    open_unmigrated,
    refresh_statistics,
    shown_url,
    stored_revision,
    writing,
)
from policybuilder.store.sites import DEFAULT_SITE
from policybuilder.store.tables import table_of


def restore(database_url: str, path: Path, *, on_progress: Progress) -> BackupHead:
    """Bring a backup into an empty database, in one transaction, and its schema up to date.

    A database of SQLite is made where there is none; what a first start puts into one may be there. Raises
    CspbuildError for a file that is no backup, not whole or of a newer program, and for a database that holds more than
    that; EnvironmentFailedError or OperationalError when the database fails. Nothing is changed then.
    """
    head = read_head(path)
    # All of it once, so that damage is found before a database is made, or anybody waits for the one there is.
    for _, lines in read_rows(path):
        on_progress("checking", len(lines), head.rows)
    engine = open_unmigrated(database_url)
    try:
        with writing(engine).begin() as connection:
            _make_room(connection, database_url, path, head.revision)
            _fill(connection, path, head, on_progress)
            _migrate(connection, "head")
        refresh_statistics(engine)
    finally:
        engine.dispose()
    return head


def _make_room(connection: Connection, database_url: str, path: Path, revision: str) -> None:
    """Empty tables of the backup's schema; nobody else reads or writes them until the transaction ends.

    Raises CspbuildError where there is something to lose.
    """
    from policybuilder.store.migrating import lock_schema  # noqa: PLC0415  (loads what migrates)

    lock_schema(connection)
    stored = stored_revision(connection)
    if stored is not None and stored > SCHEMA_REVISION:
        raise made_by_newer_program(shown_url(database_url))
    names = set(inspect(connection).get_table_names())
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name in names]
    if tables and connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in tables)} IN ACCESS EXCLUSIVE MODE"))
    of_sites = [table for table in tables if table in tables_backed_up()]
    for table in of_sites:
        if _holds_something(connection, table):
            raise _is_in_use(database_url, path, table)
    if stored == revision:
        left_out = {table_of(row) for row in schema.NOT_BACKED_UP}
        for table in (*of_sites, *(table for table in tables if table in left_out)):
            connection.execute(delete(table))
        return
    for table in tables:
        table.drop(connection)
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    _migrate(connection, revision)


def _holds_something(connection: Connection, table: Table) -> bool:
    """Whether a table has rows that no first start puts there: the default site, with its keys."""
    query = exists().select_from(table)
    if table is table_of(schema.SiteRow):
        query = query.where(table.c.name != DEFAULT_SITE)
    if table is table_of(schema.SiteKeyRow):
        query = query.where(table.c.site != DEFAULT_SITE)
    return bool(connection.scalar(select(query)))


def _is_in_use(database_url: str, path: Path, table: Table) -> CspbuildError:
    url = make_url(database_url)
    name = Path(str(url.database))
    other = url.set(database=str(name.with_name(f"{name.stem}-restored{name.suffix}")))
    program = typed("csp-collector")
    return CspbuildError(
        f"{shown_url(database_url)} is in use: {table.name} has rows, which a restore never replaces; restore into"
        f" another database:  {program} restore {path} --database-url {shown_url(other.render_as_string())}"
    )


def _fill(connection: Connection, path: Path, head: BackupHead, on_progress: Progress) -> None:
    """Put all rows in, and count them there."""
    tables = {of.name: _table(connection, path, of) for of in head.tables}
    decoders = {of.name: _row_decoder(tables[of.name], of) for of in head.tables}
    for of, lines in read_rows(path):
        try:
            rows = decoders[of.name](b"".join(lines))
            connection.execute(insert(tables[of.name]), [dict(zip(of.columns, row, strict=True)) for row in rows])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DataError, IntegrityError):
            raise damaged(path, f"not every row is one of {of.name}") from None
        on_progress("restoring", len(lines), head.rows)
    for of in head.tables:
        if (stored := rows_in(connection, tables[of.name])) != of.rows:
            raise damaged(path, f"of {of.rows} rows of {of.name} {stored} arrived")


def _table(connection: Connection, path: Path, of: TableHead) -> Table:
    """A table as it is in the schema of the backup, which may be older than those that we describe."""
    if any(of.name == table.name for table in tables_backed_up()):
        table = Table(of.name, MetaData(), autoload_with=connection)
        if set(of.columns) == set(table.columns.keys()):
            return table
    raise damaged(path, f"{of.name} has other columns")


def _row_decoder(table: Table, of: TableHead) -> Callable[[bytes], Sequence[Sequence[Any]]]:
    """What reads lines of rows, and lets nothing pass that is of another type than its column."""
    row: Any = GenericAlias(tuple, tuple(_type_of(table, name) for name in of.columns))
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)
    return decoder.decode_lines


_INTEGER = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


def _type_of(table: Table, name: str) -> Any:
    column = table.columns[name]
    python_type = column.type.python_type
    found: Any = _INTEGER if python_type is int else python_type
    return found | None if column.nullable else found


def _migrate(connection: Connection, revision: str) -> None:
    from policybuilder.store.migrating import migrate  # noqa: PLC0415  (takes long to load, and most fail before)

    migrate(connection, revision)
