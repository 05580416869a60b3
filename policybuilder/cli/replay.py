"""`cspbuild replay`: every recorded group against a policy."""

from __future__ import annotations

from collections.abc import Sequence

import click

from policybuilder.cli.failures import gate
from policybuilder.cli.options import (
    database_option,
    format_option,
    read_policies,
    read_window,
    site_option,
    window_options,
)
from policybuilder.cli.output import (
    Cell,
    blocked_cell,
    console,
    count,
    hint,
    hint_at_oddities,
    plural,
    print_json,
    table,
)
from policybuilder.cli.working import working
from policybuilder.csp import PolicyList
from policybuilder.replay import Replay, ReplayedGroup, VerdictCounts, replay
from policybuilder.store.engine import open_for_reading
from policybuilder.store.evidence import read_evidence
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site

_MAX_TEXT_ROWS = 30


@click.command()
@click.option("--policy", metavar="POLICY", required=True, help="Text, @file, or - for standard input.")
@window_options
@site_option
@database_option
@format_option()
def command(*, policy: str, since: str | None, as_of: str | None, site: str, database: str, output_format: str) -> None:
    """Put every recorded group to POLICY. Exits 1 when genuine evidence would be blocked."""
    policies = read_policies(policy)
    window = read_window(since, as_of)
    engine = open_for_reading(database)
    get_site(engine, site)
    with working("replaying evidence"), snapshot(engine) as connection:
        result = replay(read_evidence(connection, site, window), policies.policies)
    with gate(says_no=result.genuine.block > 0):
        if output_format == "json":
            print_json("replay", _document(policies, result))
        else:
            _print(result)
            hint_at_oddities(policies)


def _document(policies: PolicyList, result: Replay) -> dict[str, object]:
    return {
        "policy": str(policies),
        "totals": _counts(result.totals),
        "genuine": _counts(result.genuine),
        "rows": map(_row, result.rows),
    }


def _counts(counts: VerdictCounts) -> dict[str, int]:
    return {"allow": counts.allow, "block": counts.block, "unknown": counts.unknown}


def _row(row: ReplayedGroup) -> dict[str, object]:
    group = row.group
    return {
        "directive": group.directive,
        "blocked": group.blocked,
        "page": group.pages[0].url if group.pages else group.document_origin,
        "class": group.evidence_class,
        "reports": group.reports,
        "verdict": row.decision.verdict,
        "matched_by": row.decision.matched_by,
        "reason": row.decision.reason,
        "group": group.fingerprint,
        "sample": group.sample,
    }


def _print(result: Replay) -> None:
    out = console()
    if not result.rows:
        out.print("no groups recorded: nothing to replay")
        return
    rows = [
        (name, count(counts.allow), count(counts.block), count(counts.unknown))
        for name, counts in (("genuine groups", result.genuine), ("all groups", result.totals))
    ]
    out.print(table("", ("", "allow", "block", "unknown"), rows, numbers=["allow", "block", "unknown"]))
    blocked = [row for row in result.rows if row.decision.verdict != "allow"]
    shown = blocked[:_MAX_TEXT_ROWS]
    if shown:
        columns, cells = (_COLUMNS, _cells) if out.width >= _WIDE else (_NARROW_COLUMNS, _narrow_cells)
        out.print(table("", columns, map(cells, shown), numbers=["reports"], whole=["verdict", "directive"]))
    if len(blocked) > len(shown):
        hint(f"{len(blocked) - len(shown)} more that are not plainly allowed: --format json has them all")


_WIDE = 100
"""Columns from which a row has room for one cell after the other."""

_COLUMNS = ("verdict", "reports", "directive", "blocked", "class", "why")
_NARROW_COLUMNS = ("verdict", "directive", "blocked, and why")


def _cells(row: ReplayedGroup) -> Sequence[Cell]:
    group = row.group
    return (
        row.decision.verdict.value,
        count(group.reports),
        group.directive,
        blocked_cell(group),
        group.evidence_class.value,
        row.decision.reason,
    )


def _narrow_cells(row: ReplayedGroup) -> Sequence[Cell]:
    """The same, with what is long on lines of its own."""
    group = row.group
    about = f"{plural(group.reports, 'report')}, {group.evidence_class}: {row.decision.reason}"
    return (row.decision.verdict.value, group.directive, (blocked_cell(group), about))
