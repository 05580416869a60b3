"""`cspbuild replay`: every recorded group against a policy."""

from __future__ import annotations

import click

from policybuilder.cli.failures import GateError
from policybuilder.cli.options import (
    database_option,
    format_option,
    read_policies,
    read_window,
    site_option,
    window_options,
)
from policybuilder.cli.output import blocked_cell, console, count, hint, plural, print_json, table
from policybuilder.program import typed
from policybuilder.replay import Replay, ReplayedGroup, VerdictCounts, replay
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import read_groups, snapshot
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
    with snapshot(engine) as connection:
        result = replay(read_groups(connection, site, window), policies.policies)
    if output_format == "json":
        print_json(
            "replay",
            {
                "policy": str(policies),
                "totals": _counts(result.totals),
                "genuine": _counts(result.genuine),
                "rows": [_row(row) for row in result.rows],
            },
        )
    else:
        _print(result)
        if policies.findings:
            hint(f"the policy has {plural(len(policies.findings), 'oddity')}: see  {typed('cspbuild')} parse")
    if result.genuine.block:
        raise GateError


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
    shown = [
        (
            row.decision.verdict.value,
            count(row.group.reports),
            row.group.directive,
            blocked_cell(row.group),
            row.group.evidence_class.value,
            row.decision.reason,
        )
        for row in blocked[:_MAX_TEXT_ROWS]
    ]
    if shown:
        out.print(table("", ("verdict", "reports", "directive", "blocked", "class", "why"), shown, numbers=["reports"]))
    if len(blocked) > len(shown):
        hint(f"{len(blocked) - len(shown)} more that are not plainly allowed: --format json has them all")
