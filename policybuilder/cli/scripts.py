"""`cspbuild scripts`: what browsers reported of external scripts and their hashes."""

from __future__ import annotations

from collections.abc import Callable

import click
from rich.text import Text

from policybuilder.cli.options import database_option, format_option, read_window, site_option, window_options
from policybuilder.cli.output import console, count, hint, plural, print_json, table
from policybuilder.documents.scripts import scripts_document
from policybuilder.program import site_flag, typed
from policybuilder.rendering.tables import csv_table, markdown_table
from policybuilder.scripts import ReportedScript, reported_scripts
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import read_script_hashes, read_vouched_hosts, snapshot
from policybuilder.store.sites import get_site
from policybuilder.times import Window, isoformat

_MAX_TEXT_ROWS = 100
_SHOWN_DIGEST = 18
"""Characters of a hash in a terminal: enough to tell two apart."""

_TEXT_COLUMNS = ("mark", "script", "hash reported", "first seen", "last seen", "reports")
_WIDE = 120
"""Columns of a terminal that has room for all of them; a narrower one does without the last two."""

_COLUMNS = ("script", "mark", "third_party", "hash", "first_seen", "last_seen", "reports", "advice")


@click.command()
@window_options
@site_option
@database_option
@format_option(["text", "json", "csv", "markdown"])
def command(*, since: str | None, as_of: str | None, site: str, database: str, output_format: str) -> None:
    """External scripts with the hashes that browsers reported, changed ones first.

    They come by the second header of  cspbuild header  over https. Anybody can post such a report: nothing is trusted
    or allowed for it.
    """
    window = read_window(since, as_of)
    engine = open_for_reading(database)
    hosts = get_site(engine, site).hosts
    with snapshot(engine) as connection:
        own = (*hosts, *read_vouched_hosts(connection, site))
        scripts = reported_scripts(read_script_hashes(connection, site), window, own)
    _RENDERERS[output_format](site, window, scripts)


def _as_text(site: str, window: Window, scripts: tuple[ReportedScript, ...]) -> None:
    out = console()
    out.print(f"{site}: {plural(len(scripts), 'external script')} reported ({window})", markup=False)
    if not scripts:
        header = f"{typed('cspbuild')} header{site_flag(site)} --base-url https://…"
        hint(f"no hashes yet: browsers send them over https alone; see  {header}")
        return
    if alarming := [script for script in scripts if script.is_alarming]:
        out.print(
            Text(
                f"\nDRIFT: {plural(len(alarming), 'script')} of third parties reported with another hash than before",
                style="bold red",
            )
        )
    shown = scripts[:_MAX_TEXT_ROWS]
    columns = _TEXT_COLUMNS if out.width >= _WIDE else _TEXT_COLUMNS[:-2]
    rows = [
        (
            (script.mark.value, "(third party)") if script.is_alarming else script.mark.value,
            (script.url, f"  {script.advice}"),
            tuple(_short(each.hash) for each in script.hashes),
            tuple(f"{each.first_seen_at:%Y-%m-%d}" for each in script.hashes),
            tuple(f"{each.last_seen_at:%Y-%m-%d}" for each in script.hashes),
            tuple(count(each.reports) for each in script.hashes),
        )[: len(columns)]
        for script in shown
    ]
    out.print(table("", columns, rows, numbers=["reports"], whole=["mark", "hash reported", "first seen", "last seen"]))
    if any(_short(each.hash).endswith("…") for script in shown for each in script.hashes):
        hint("hashes are shortened here: --format json has them whole")
    if len(scripts) > len(shown):
        hint(f"{len(scripts) - len(shown)} more: --format json or csv has them all")


def _short(digest: str) -> str:
    if not digest:
        return "(none)"
    return digest if len(digest) <= _SHOWN_DIGEST else f"{digest[:_SHOWN_DIGEST]}…"


def _as_json(site: str, window: Window, scripts: tuple[ReportedScript, ...]) -> None:
    print_json("scripts", scripts_document(site, window, scripts))


def _rows(scripts: tuple[ReportedScript, ...]) -> list[tuple[str, ...]]:
    """A line for each hash."""
    return [
        (
            script.url,
            script.mark.value,
            "yes" if script.is_third_party else "no",
            each.hash,
            isoformat(each.first_seen_at),
            isoformat(each.last_seen_at),
            str(each.reports),
            script.advice,
        )
        for script in scripts
        for each in script.hashes
    ]


def _as_csv(_site: str, _window: Window, scripts: tuple[ReportedScript, ...]) -> None:
    click.echo(csv_table(_COLUMNS, _rows(scripts)), nl=False)


def _as_markdown(_site: str, _window: Window, scripts: tuple[ReportedScript, ...]) -> None:
    click.echo(markdown_table(_COLUMNS, _rows(scripts)), nl=False)


_RENDERERS: dict[str, Callable[[str, Window, tuple[ReportedScript, ...]], None]] = {
    "text": _as_text,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
