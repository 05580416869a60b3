"""`cspbuild site erase` and `cspbuild site export`: all that is kept of a site, taken away or handed out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from policybuilder.cli.options import database_option, format_option
from policybuilder.cli.output import console, count, hint, plural, print_json, table
from policybuilder.errors import CspbuildError
from policybuilder.store.engine import open_for_reading, open_for_writing
from policybuilder.store.erasing import erase_site
from policybuilder.store.exporting import export_site
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import DEFAULT_SITE, get_site


@click.command("erase")
@click.argument("name")
@click.option("--yes", "is_sure", is_flag=True, help="Without being asked to type the site's name.")
@database_option
@format_option()
def erase(name: str, database: str, output_format: str, *, is_sure: bool) -> None:
    """Delete a site with all that is kept of it, for good.

    Of the site `default` only the evidence goes: its keys and settings stay, as it is always there.
    """
    reading = open_for_reading(database)
    get_site(reading, name)
    reading.dispose()
    if not is_sure:
        _ask_for(name)
    removed = erase_site(open_for_writing(database), name)
    if output_format == "json":
        print_json("site", {"name": name, "erased": dict(removed)})
        return
    rows = [(table_name, count(rows)) for table_name, rows in removed.items() if rows]
    if rows:
        console().print(table("", ("table", "rows erased"), rows, numbers=("rows erased",)))
    hint(f"{name} is empty; its keys and settings stay" if name == DEFAULT_SITE else f"{name} is no more")


@click.command("export")
@click.argument("name")
@click.option("--output", metavar="FILE", default="-", help="Where to; - for standard output.  [default: -]")
@database_option
def export(name: str, output: str, database: str) -> None:
    """All that is kept of a site as JSON lines, without anybody's keys or networks."""
    engine = open_for_reading(database)
    get_site(engine, name)
    with snapshot(engine) as connection:
        lines = export_site(connection, name)
        if output == "-":
            _write(lines)
            return
        written = _write_to_file(Path(output), lines)
    hint(f"{plural(written, 'line')} in {output}")


def _ask_for(name: str) -> None:
    """Have the site's name typed. Raises CspbuildError for anything else."""
    question = f"All that is kept of {name} will be gone for good. Type its name to go on"
    try:
        answer = click.prompt(question, default="", show_default=False, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        answer = ""  # nobody is there to ask
    if answer != name:
        raise CspbuildError(f"{answer!r} is not {name!r}, so nothing was erased; pass --yes to do it unasked")


def _write(lines: Iterable[Mapping[str, Any]]) -> None:
    for line in lines:
        # ASCII, so that no terminal takes report text for its own.
        sys.stdout.write(_text(line))


def _write_to_file(path: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """Write beside the file first: what was there stays until the export is whole. Returns the number of lines."""
    beside = path.with_name(f"{path.name}.part")
    written = 0
    try:
        # Evidence is its operator's alone, like the database.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            for line in lines:
                file.write(_text(line))
                written += 1
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CspbuildError(f"cannot write {path}: {error.strerror}; pass another --output") from None
    return written


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line) + "\n"
