"""`cspbuild summary`: what browsers reported, most reporters first."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import click

from policybuilder.cli.options import database_option, format_option, read_window, site_option, window_options
from policybuilder.cli.output import blocked_cell, console, count, hint, plural, print_json, shorten, table
from policybuilder.evidence import ViolationGroup
from policybuilder.program import typed
from policybuilder.rendering.text_safety import csv_cell, visible
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site
from policybuilder.store.summarizing import read_summary
from policybuilder.summary import Summary, SummaryBy, SummaryRow
from policybuilder.times import isoformat

_MAX_TEXT_ROWS = 50
_WIDE = 130
_GROUP_COLUMNS = ("networks", "reports", "", "directive", "blocked", "as", "page", "class", "last seen")
_NARROW_GROUP_COLUMNS = ("networks", "reports", "directive", "blocked", "class")
_WHOLE_COLUMNS = ("", "directive", "as", "class", "last seen")
_EIGHTHS = " ▏▎▍▌▋▊▉"


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
    with snapshot(engine) as connection:
        summary = read_summary(connection, site, window, by=SummaryBy(by), include_noise=noise)
    _RENDERERS[output_format](summary)


def _as_text(summary: Summary) -> None:
    out = console()
    totals = summary.totals
    out.print(
        f"{summary.site}: {plural(totals.reports, 'report')} in {plural(totals.groups, 'group')} from "
        f"{plural(totals.reporters, 'network')} on the busiest day; {plural(totals.noise_reports, 'report')} of noise "
        f"({summary.window})",
        markup=False,
    )
    if not totals.groups:
        program = typed("cspbuild")
        hint(f"no reports yet: see  {program} header  for the headers to send, or visit /try on the collector")
        return
    shown = summary.rows[:_MAX_TEXT_ROWS]
    most = max((row.reports for row in shown), default=0)
    rows: list[tuple[str, ...]]
    if summary.by is SummaryBy.GROUP:
        cells = [_group_cells(row, row.group, most) for row in shown if row.group is not None]
        columns = _GROUP_COLUMNS if out.width >= _WIDE else _NARROW_GROUP_COLUMNS
        rows = [tuple(row[column] for column in columns) for row in cells]
        out.print(table("", columns, rows, numbers=["networks", "reports"], whole=_WHOLE_COLUMNS))
    else:
        rows = [
            (count(row.reporters), count(row.reports), _bar(row.reports, most), row.key, count(row.groups))
            for row in shown
        ]
        out.print(
            table(
                "",
                ("networks", "reports", "", summary.by, "groups"),
                rows,
                numbers=["networks", "reports", "groups"],
            )
        )
    if len(summary.rows) > len(shown):
        hint(
            f"{len(summary.rows) - len(shown)} more rows: --format json or csv has them all, --by directive folds them"
        )
    if summary.hidden_noise_groups:
        hint(f"{plural(summary.hidden_noise_groups, 'group')} of noise not shown: --noise shows them, with the reason")


def _group_cells(row: SummaryRow, group: ViolationGroup, most: int) -> dict[str, str]:
    """What each column may show of a group."""
    page = shorten(group.pages[0].url if group.pages else group.document_origin, 40)
    kind = group.evidence_class.value if not group.is_noise else f"{group.evidence_class.value}: {group.rule}"
    return {
        "networks": count(row.reporters),
        "reports": count(row.reports),
        "": _bar(row.reports, most),
        "directive": group.directive,
        "blocked": blocked_cell(group),
        "as": group.disposition.value,
        "page": page + (f" +{len(group.pages) - 1}" if len(group.pages) > 1 else ""),
        "class": kind + (", yours" if group.trusted_reports else ""),
        "last seen": f"{group.last_seen_at:%m-%d %H:%M}",
    }


def _bar(number: int, most: int) -> str:
    """Eight cells, in eighths, so that a glance compares rows."""
    eighths = round(64 * number / most) if most else 0
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _as_json(summary: Summary) -> None:
    print_json(
        "summary",
        {
            "site": summary.site,
            "by": summary.by,
            "window": {
                "since": isoformat(summary.window.since) if summary.window.since else None,
                "until": isoformat(summary.window.until),
            },
            "totals": {
                "reports": summary.totals.reports,
                "groups": summary.totals.groups,
                "reporters": summary.totals.reporters,
                "noise_reports": summary.totals.noise_reports,
            },
            "hidden_noise_groups": summary.hidden_noise_groups,
            "rows": [_json_row(summary.by, row) for row in summary.rows],
        },
    )


def _json_row(by: SummaryBy, row: SummaryRow) -> dict[str, object]:
    counts: dict[str, object] = {
        "reports": row.reports,
        "reporters": row.reporters,
        "first_seen": isoformat(row.first_seen_at) if row.first_seen_at else None,
        "last_seen": isoformat(row.last_seen_at) if row.last_seen_at else None,
    }
    group = row.group
    if group is None:
        return {by.value: row.key, **counts, "groups": row.groups, "noise_reports": row.noise_reports}
    return {
        "group": group.fingerprint,
        "directive": group.directive,
        "blocked": group.blocked,
        "disposition": group.disposition,
        **counts,
        "trusted_reports": group.trusted_reports,
        "document_origin": group.document_origin,
        "pages": [page.url for page in group.pages],
        "noise": group.is_noise,
        "class": group.evidence_class,
        "rule": group.rule,
        "decision": group.decision,
        "sample": group.sample,
        "source_file": group.source_file,
        "line_number": group.line_number,
    }


def _columns(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What CSV and Markdown show, a row a line."""
    if summary.by is not SummaryBy.GROUP:
        columns = (summary.by.value, "reporters", "reports", "groups", "noise_reports")
        return columns, [
            (row.key, str(row.reporters), str(row.reports), str(row.groups), str(row.noise_reports))
            for row in summary.rows
        ]
    group_columns = (
        *("directive", "blocked", "disposition", "reporters", "reports", "first_seen", "last_seen"),
        *("page", "class", "rule", "sample"),
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
        )
        for row in summary.rows
        if (group := row.group) is not None
    ]
    return group_columns, rows


def _as_csv(summary: Summary) -> None:
    columns, rows = _columns(summary)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(visible(cell)) for cell in row] for row in rows)
    click.echo(text.getvalue(), nl=False)


def _as_markdown(summary: Summary) -> None:
    columns, rows = _columns(summary)
    click.echo("| " + " | ".join(columns) + " |")
    click.echo("|" + " --- |" * len(columns))
    for row in rows:
        click.echo("| " + " | ".join(_markdown_cell(cell) for cell in row) + " |")


def _markdown_cell(text: str) -> str:
    """As code, so that nothing in it is markup; a backtick or a bar would end the code or the cell."""
    shown = visible(text).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`" if shown else ""


_RENDERERS: dict[str, Callable[[Summary], None]] = {
    "text": _as_text,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
