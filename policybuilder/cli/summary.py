"""`cspbuild summary`: what browsers reported, most reporters first."""

from __future__ import annotations

from collections.abc import Callable

import click

from policybuilder.cli.options import database_option, format_option, read_window, site_option, window_options
from policybuilder.cli.output import print_json
from policybuilder.cli.progress import working
from policybuilder.cli.summary_text import print_summary
from policybuilder.evidence import MEANINGS, ViolationGroup
from policybuilder.rendering.tables import csv_table, markdown_table
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site
from policybuilder.store.summarizing import read_summary
from policybuilder.summary import Apart, Summary, SummaryBy, SummaryRow
from policybuilder.times import isoformat

_WITH_VIEWS = frozenset({SummaryBy.PAGE, SummaryBy.DAY})


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
    totals = summary.totals
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
                "reports": totals.reports,
                "groups": totals.groups,
                "reporters": totals.reporters,
                "noise_reports": totals.noise_reports,
                "estimated_reports": totals.estimated_reports,
                "sampling_rate": None if totals.sampling_rate is None else round(totals.sampling_rate, 6),
                "views": totals.views,
                "views_from": totals.views_from,
            },
            "warnings": [
                {"code": warning.code, "message": warning.message, "fix": warning.fix} for warning in summary.warnings
            ],
            "hidden_noise_groups": summary.hidden_noise_groups,
            "hidden_superseded_groups": summary.hidden_superseded_groups,
            "hidden_contradiction_groups": summary.hidden_contradiction_groups,
            "apart": [_json_apart(apart) for apart in summary.apart],
            "attack_like": None if summary.attack_like is None else _json_apart(summary.attack_like),
            "trend_days": summary.trend_days,
            "rows": (_json_row(summary.by, row) for row in summary.rows),
        },
    )


def _json_apart(apart: Apart) -> dict[str, object]:
    return {
        "class": apart.evidence_class,
        "rule": apart.rule,
        "meaning": apart.meaning,
        "groups": apart.groups,
        "reports": apart.reports,
        "estimated_reports": apart.estimated_reports,
    }


def _json_row(by: SummaryBy, row: SummaryRow) -> dict[str, object]:
    counts: dict[str, object] = {
        "reports": row.reports,
        "estimated_reports": row.estimated_reports,
        "reporters": row.reporters,
        "first_seen": isoformat(row.first_seen_at) if row.first_seen_at else None,
        "last_seen": isoformat(row.last_seen_at) if row.last_seen_at else None,
    }
    group = row.group
    if group is None:
        folded: dict[str, object] = {
            by.value: row.key,
            **counts,
            "groups": row.groups,
            "noise_reports": row.noise_reports,
            "attack_like_reports": row.attack_like_reports,
            "apart_reports": row.apart_reports,
        }
        if by in _WITH_VIEWS:
            return {
                **folded,
                "views": row.views,
                "views_from": row.views_from,
                "reports_per_1000_views": _per_1000_views(row),
            }
        return {**folded, "trend": row.trend}
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
        "reason": _reason(group),
        "decision": group.decision,
        "held": row.is_held,
        "trend": row.trend,
        "sample": group.sample,
        "source_file": group.source_file,
        "loaded_by": group.initiator,
        "line_number": group.line_number,
    }


def _reason(group: ViolationGroup) -> str:
    return group.reason or MEANINGS[group.evidence_class]


def _columns(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What CSV and Markdown show, a row a line."""
    if summary.by is not SummaryBy.GROUP:
        columns = (summary.by.value, "reporters", "reports", "groups", "noise_reports", "estimated_reports")
        with_views = summary.by in _WITH_VIEWS
        view_columns = ("views", "reports_per_1000_views") if with_views else ()
        sources = ("views_from",) if with_views else ()
        return (*columns, *view_columns, "attack_like_reports", "apart_reports", *sources), [
            (
                *(row.key, str(row.reporters), str(row.reports), str(row.groups), str(row.noise_reports)),
                str(row.estimated_reports),
                *((_or_empty(row.views), _or_empty(_per_1000_views(row))) if with_views else ()),
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
            _reason(group),
            group.initiator,
        )
        for row in summary.rows
        if (group := row.group) is not None
    ]
    return group_columns, rows


def _per_1000_views(row: SummaryRow) -> float | None:
    share = row.reports_per_1000_views
    return None if share is None else round(share, 3)


def _or_empty(number: float | None) -> str:
    return "" if number is None else str(number)


def _as_csv(summary: Summary) -> None:
    click.echo(csv_table(*_columns(summary)), nl=False)


def _as_markdown(summary: Summary) -> None:
    click.echo(markdown_table(*_columns(summary)), nl=False)


_RENDERERS: dict[str, Callable[[Summary], None]] = {
    "text": print_summary,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
