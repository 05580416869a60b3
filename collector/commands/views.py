"""`csp-collector views`: how often pages were served, from access logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from collector.commands.database import database_url_option, open_database
from collector.settings import load_settings
from policybuilder.cli.options import format_option, site_option
from policybuilder.cli.output import console, count, hint, plural, print_json, table
from policybuilder.program import site_flag, typed

if TYPE_CHECKING:
    from collector.view_counting import ViewCount


@click.group("views")
def command() -> None:
    """How often pages were served: what reports are measured against."""


@command.command("import")
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option("--site", metavar="NAME", default="default", show_default=True, help="The site whose pages they are.")
@click.option("--origin", metavar="URL", required=True, help="Where its pages are, such as https://shop.example.")
@database_url_option
@format_option()
def import_(files: tuple[str, ...], site: str, origin: str, database_url: str | None, output_format: str) -> None:
    """Count page views from access logs, .gz too, or - for standard input.

    Read are the common and combined formats of Apache and nginx, and JSON lines. A line counts once, however often its
    log is read: one that grew goes on where it ended. Of a line only the page and the day are kept.
    """
    from collector.progress import import_progress  # noqa: PLC0415  (only import needs it)
    from collector.view_counting import check_origin, count_views, parse_origin  # noqa: PLC0415  (the same)
    from policybuilder.store.sites import get_site  # noqa: PLC0415  (the same)

    pages_at = parse_origin(origin)
    engine = open_database(database_url)
    found = get_site(engine, site)
    check_origin(pages_at, found)
    with import_progress() as on_progress:
        result = count_views(engine, site, files, origin=pages_at, aliases=found.aliases, on_progress=on_progress)
    _show_count(site, result, output_format)


def _show_count(site: str, result: ViewCount, output_format: str) -> None:
    from collector.access_logs import REJECTED  # noqa: PLC0415  (start-up of --help)

    skipped = {reason.value: lines for reason, lines in sorted(result.not_counted.items()) if reason not in REJECTED}
    rejected = {reason.value: lines for reason, lines in sorted(result.not_counted.items()) if reason in REJECTED}
    where = {reason.value: list(lines) for reason, lines in sorted(result.noted_lines.items())}
    if output_format == "json":
        print_json(
            "views",
            {
                "site": site,
                "lines": result.lines,
                "views": result.views,
                "repeated_lines": result.repeated_lines,
                "skipped": skipped,
                "rejected": rejected,
                "rejected_lines": where,
            },
        )
        return
    rows = [
        ("lines read", count(result.lines)),
        ("page views counted", count(result.views)),
        ("lines counted before", count(result.repeated_lines)),
        *((f"no view: {reason}", count(lines)) for reason, lines in skipped.items()),
    ]
    out = console()
    out.print(table("", ("", "number"), rows, numbers=["number"]))
    if rejected:
        lines = [(reason, count(number), " ".join(where[reason])) for reason, number in rejected.items()]
        out.print(table("Not read", ("reason", "number", "first lines"), lines, numbers=["number"]))
    hint(f"next: {typed('cspbuild')} summary --by page{site_flag(site)}")


@command.command("list")
@site_option
@database_url_option
@format_option()
def list_(site: str, database_url: str | None, output_format: str) -> None:
    """The page views there are, day by day, and the logs they are from."""
    from policybuilder.store.engine import open_for_reading  # noqa: PLC0415  (start-up of --help)
    from policybuilder.store.reading import snapshot  # noqa: PLC0415  (the same)
    from policybuilder.store.sites import get_site  # noqa: PLC0415  (the same)
    from policybuilder.store.views import read_view_days, read_view_logs  # noqa: PLC0415  (the same)
    from policybuilder.times import isoformat  # noqa: PLC0415  (the same)

    engine = open_for_reading(load_settings(database_url=database_url).database_url)
    get_site(engine, site)
    with snapshot(engine) as connection:
        days, logs = read_view_days(connection, site), read_view_logs(connection, site)
    if output_format == "json":
        print_json(
            "views",
            {
                "site": site,
                "views": sum(day.views for day in days),
                "days": [{"day": day.day, "views": day.views, "pages": day.pages} for day in days],
                "logs": [{"lines": log.lines, "counted_at": isoformat(log.counted_at)} for log in logs],
            },
        )
        return
    if not days:
        hint(f"no page views yet: see  {typed('csp-collector')} views import --help")
        return
    rows = [(day.day, count(day.views), count(day.pages)) for day in days]
    out = console()
    out.print(table("", ("day", "views", "pages"), rows, numbers=["views", "pages"]))
    lines = sum(log.lines for log in logs)
    out.print(
        f"{plural(sum(day.views for day in days), 'view')} from {plural(lines, 'line')} of {plural(len(logs), 'log')}"
    )
