"""`csp-collector backup` and `csp-collector restore`: all evidence in one file, and out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.commands.database import database_url_option, open_existing_database
from collector.settings import load_settings
from policybuilder.cli.options import format_option
from policybuilder.cli.output import console, count, hint, plural, print_json, table
from policybuilder.cli.progress import progress_of_rows
from policybuilder.program import typed
from policybuilder.times import isoformat

if TYPE_CHECKING:
    from policybuilder.store.backup_file import BackupHead


@click.command("backup")
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@database_url_option
@format_option()
def backup(file: str, database_url: str | None, output_format: str, *, force: bool) -> None:
    """Write all evidence, as it is now, to FILE, which only you can read. The collector may run meanwhile.

    FILE restores into SQLite and PostgreSQL alike. It has neither the keys of today's client networks, which nobody may
    keep, nor the file of the rehearsal key.
    """
    from datetime import UTC, datetime  # noqa: PLC0415  (start-up of --help)

    from policybuilder.store.backing_up import back_up  # noqa: PLC0415  (the same)

    path = Path(file)
    engine = open_existing_database(database_url, writes=False)
    try:
        with progress_of_rows() as on_progress:
            made = back_up(engine, path, datetime.now(UTC), replaces=force, on_progress=on_progress)
    finally:
        engine.dispose()
    size = path.stat().st_size
    if output_format == "json":
        print_json("backup", {"file": file, "bytes": size, "sha256": made.sha256, **_described(made.head)})
        return
    _print_table(made.head)
    hint(f"{plural(made.head.rows, 'row')} in {file}, {count(size)} bytes")


@click.command("restore")
@click.argument("file")
@database_url_option
@format_option()
def restore(file: str, database_url: str | None, output_format: str) -> None:
    """Bring what FILE holds, a backup, into a new database: all of it, or nothing.

    A database that holds anything but what a first start puts there is refused.
    """
    from policybuilder.store.engine import shown_url  # noqa: PLC0415  (start-up of --help)
    from policybuilder.store.restoring import restore as restore_from  # noqa: PLC0415  (the same)

    url = load_settings(database_url=database_url).database_url
    with progress_of_rows() as on_progress:
        head = restore_from(url, Path(file), on_progress=on_progress)
    if output_format == "json":
        print_json("restore", {"file": file, "database": shown_url(url), **_described(head)})
        return
    _print_table(head)
    hint(f"{plural(head.rows, 'row')} of {isoformat(head.made_at)} in {shown_url(url)}")
    hint(f"next: {typed('cspbuild')} site list --database {shown_url(url)}")


def _described(head: BackupHead) -> dict[str, Any]:
    return {
        "made_at": isoformat(head.made_at),
        "revision": head.revision,
        "rows": head.rows,
        "tables": {each.name: each.rows for each in head.tables},
    }


def _print_table(head: BackupHead) -> None:
    rows = [(each.name, count(each.rows)) for each in head.tables if each.rows]
    console().print(table("", ("table", "rows"), rows, numbers=["rows"]))
