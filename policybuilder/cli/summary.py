"""`cspbuild summary`: what browsers reported, most reporters first."""

from __future__ import annotations

from collections.abc import Callable

import click

from policybuilder.cli.options import database_option, format_option, read_window, site_option, window_options
from policybuilder.cli.output import print_json
from policybuilder.cli.working import working
from policybuilder.documents.summary import WITH_VIEWS, per_1000_views, reason_of, summary_document
from policybuilder.rendering.tables import csv_table, markdown_table
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site
from policybuilder.store.summarizing import read_summary
from policybuilder.summary import Summary, SummaryBy
from policybuilder.times import isoformat


@click.command()
@window_options
@click.option(
    "--by", type=click.Choice([by.value for by in SummaryBy]), default="group", show_default=True, help="A row is a …"
)
@click.option("--noise", is_flag=True, help="Show what no site caused, too.")
@site_option
@database_option
@format_option(["text", "json", "csv", "markdown"])
def command(
    *,
    since: str | None,
    as_of: str | None,
    by: str,
    site: str,
    database: str,
    output_format: str,
    noise: bool,
) -> None:
    """What browsers reported, most reporters first."""
    window = read_window(since, as_of)
    engine = open_for_reading(database)
    get_site(engine, site)
    with working("reading evidence"), snapshot(engine) as connection:
        summary = read_summary(connection, site, window, by=SummaryBy(by), include_noise=noise)
    _RENDERERS[output_format](summary)


def _as_json(summary: Summary) -> None:
    print_json("summary", summary_document(summary))


def _columns(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What CSV and Markdown show, a row a line."""
    if summary.by is not SummaryBy.GROUP:
        columns = (summary.by.value, "reporters", "reports", "groups", "noise_reports", "estimated_reports")
        with_views = summary.by in WITH_VIEWS
        view_columns = ("views", "reports_per_1000_views") if with_views else ()
        sources = ("views_from",) if with_views else ()
        return (*columns, *view_columns, "attack_like_reports", "apart_reports", *sources), [
            (
                *(row.key, str(row.reporters), str(row.reports), str(row.groups), str(row.noise_reports)),
                str(row.estimated_reports),
                *((_or_empty(row.views), _or_empty(per_1000_views(row))) if with_views else ()),
                *(str(row.attack_like_reports), str(row.apart_reports)),
                *((row.views_from or "",) if with_views else ()),
            )
            for row in summary.rows
        ]
    group_columns = (
        *("directive", "blocked", "disposition", "reporters", "reports", "first_seen", "last_seen"),
        *("page", "class", "rule", "sample", "estimated_reports", "held", "decision", "group", "reason"),
        "loaded_by",
    )
    rows: list[tuple[str, ...]] = [
        (
            group.directive,
            group.blocked,
            group.disposition.value,
            str(row.reporters),
            str(row.reports),
            isoformat(group.first_seen_at),
            isoformat(group.last_seen_at),
            group.pages[0].url if group.pages else "",
            group.evidence_class.value,
            group.rule,
            group.sample,
            str(row.estimated_reports),
            "yes" if row.is_held else "no",
            group.decision or "",
            group.fingerprint,
            reason_of(group),
            group.initiator,
        )
        for row in summary.rows
        if (group := row.group) is not None
    ]
    return group_columns, rows


def _or_empty(number: float | None) -> str:
    return "" if number is None else str(number)


def _as_text(summary: Summary) -> None:
    from policybuilder.cli.summary_text import print_summary  # noqa: PLC0415  (loads what draws tables)

    print_summary(summary)


def _as_csv(summary: Summary) -> None:
    click.echo(csv_table(*_columns(summary)), nl=False)


def _as_markdown(summary: Summary) -> None:
    click.echo(markdown_table(*_columns(summary)), nl=False)


_RENDERERS: dict[str, Callable[[Summary], None]] = {
    "text": _as_text,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
