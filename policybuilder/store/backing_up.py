"""Backing up: all that is kept of sites, as it is at one moment, into one file, while others write.

The keys that hash a day's client networks stay behind: they are deleted after their day, so that nobody can be
recognised any more, and a backup is kept for longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, select
from sqlmodel import SQLModel

from policybuilder.private_file import new_file
from policybuilder.store import schema
from policybuilder.store.backup_file import FORMAT, ROWS_AT_ONCE, BackupHead, TableHead, write_backup
from policybuilder.store.engine import SCHEMA_REVISION
from policybuilder.store.reading import snapshot
from policybuilder.store.tables import table_of

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many rows were done just now, and how many there are."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made."""

    head: BackupHead
    sha256: str
    """Of its lines, as the last of them says."""


def back_up(engine: Engine, path: Path, now: datetime, *, replaces: bool, on_progress: Progress) -> BackedUp:
    """Write all that is kept of sites to a new file, of which nothing is left if that fails.

    Raises CspbuildError for a file that is there, unless `replaces`, or cannot be; OSError on a full disk.
    """
    tables = tables_backed_up()
    with new_file(path, replaces=replaces) as file, snapshot(engine) as connection:
        head = BackupHead(FORMAT, SCHEMA_REVISION, now, tuple(_head_of(connection, table) for table in tables))
        return BackedUp(head, write_backup(file, head, _portions(connection, tables, head.rows, on_progress)))


def _head_of(connection: Connection, table: Table) -> TableHead:
    # SQLAlchemy's names are strings with more to them.
    return TableHead(str(table.name), tuple(map(str, table.columns.keys())), rows_in(connection, table))


def tables_backed_up() -> tuple[Table, ...]:
    """All with rows of sites but the keys of client networks and what is made of others, by name.

    What else there is, is of a running service.
    """
    sites, left_out = table_of(schema.SiteRow), {table_of(row) for row in schema.NOT_BACKED_UP}
    return tuple(
        table
        for table in SQLModel.metadata.sorted_tables
        if (table is sites or "site" in table.columns) and table not in left_out
    )


def rows_in(connection: Connection, table: Table) -> int:
    """How many rows a table has."""
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _portions(
    connection: Connection, tables: Sequence[Table], total: int, on_progress: Progress
) -> Iterator[list[tuple[Any, ...]]]:
    """All rows, by primary key: neighbours alike pack well, and where they are put in by their key a table grows."""
    for table in tables:
        query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_AT_ONCE)
        for portion in connection.execute(query).partitions():
            yield list(map(tuple, portion))
            on_progress("backing up", len(portion), total)
