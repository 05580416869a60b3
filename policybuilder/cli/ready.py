"""`cspbuild ready`: may the policy be enforced?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from policybuilder.cli.failures import gate
from policybuilder.cli.header import read_share
from policybuilder.cli.options import (
    database_option,
    format_option,
    read_policies,
    read_window,
    site_option,
    window_options,
)
from policybuilder.cli.output import console, hint, hint_at_oddities, print_json, table
from policybuilder.errors import CspbuildError
from policybuilder.program import site_flag, typed
from policybuilder.readiness.judging import judge, make_case
from policybuilder.readiness.values import Case, Criterion, CriterionName, Readiness
from policybuilder.routes import parse_path, parse_routes
from policybuilder.store.engine import open_for_reading
from policybuilder.store.reading import snapshot
from policybuilder.store.site_record import read_site_record
from policybuilder.store.sites import get_site, open_sites
from policybuilder.store.waivers import add_waiver, undo_waivers
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import isoformat, parse_until
from policybuilder.waivers import Waiver

_MAX_ROUTES_BYTES = 50 * 1024 * 1024
"""As large as a sitemap may be."""

_NAMES = [name.value for name in CriterionName]


@click.command()
@click.option("--policy", metavar="POLICY", help="Text, @file, or -; else the one on trial, or what suggest proposes.")
@window_options
@click.option("--critical", metavar="PATH", multiple=True, help="Nothing may break here, or beneath; repeatable.")
@click.option(
    "--routes", metavar="FILE", help="The site's paths: a sitemap, or a list.  [default: those of access logs]"
)
@click.option("--sample", metavar="SHARE", help="Share of page views with the headers.  [default: as reports say]")
@click.option("--waive", metavar="NAME", type=click.Choice(_NAMES), multiple=True, help="Do without a criterion.")
@click.option("--unwaive", metavar="NAME", type=click.Choice(_NAMES), multiple=True, help="Have it count again.")
@click.option("--note", default="", metavar="TEXT", help="Why it is waived.")
@click.option("--until", metavar="TIME", help="The last day, or moment, of the waiver.  [default: none]")
@site_option
@database_option
@format_option()
def command(
    *,
    policy: str | None,
    since: str | None,
    as_of: str | None,
    critical: tuple[str, ...],
    routes: str | None,
    sample: str | None,
    waive: tuple[str, ...],
    unwaive: tuple[str, ...],
    note: str,
    until: str | None,
    site: str,
    database: str,
    output_format: str,
) -> None:
    """May the policy be enforced? Every criterion with its figure; exits 1 when one fails.

    A criterion that does not matter to this site is waived by name, with the reason; the waiver is kept and shown.
    """
    given = None if policy is None else read_policies(policy)
    if given is not None and not given.policies:
        raise CspbuildError("an empty policy is none; give one as text, @FILE, or -")
    window = read_window(since, as_of)
    paths = _read_paths(critical)
    known = _read_routes(routes) if routes else ()
    share = read_share(sample) if sample else None
    last = _read_until(until, window.until)
    if (note or until) and not waive:
        raise CspbuildError("--note and --until say why and how long for --waive NAME")
    engine = open_for_reading(database)
    get_site(engine, site)
    if waive or unwaive:
        engine.dispose()  # a database that is new would have nothing to judge
        engine = open_sites(database, datetime.now(UTC))
        for name in dict.fromkeys(unwaive):
            if not undo_waivers(engine, site, name, datetime.now(UTC)):
                raise CspbuildError(f"no waiver of {name} stands; see  {typed('cspbuild')} ready{site_flag(site)}")
        for name in dict.fromkeys(waive):
            add_waiver(engine, site, name, note=note, until=last, now=datetime.now(UTC))
    with snapshot(engine) as connection:
        record = read_site_record(connection, site, window, Thresholds())
    if not record.groups and given is None and not record.deployments:
        raise CspbuildError(
            f"nothing of {site!r} is recorded in the window, so there is no policy to judge; "
            f"see  {typed('cspbuild')} status{site_flag(site)}"
        )
    case = make_case(record, given=given, critical=paths, routes=known, sample=share)
    readiness = judge(case)
    with gate(says_no=not readiness.is_ready):
        if output_format == "json":
            print_json("ready", _document(case, readiness))
        else:
            _print(case, readiness)
            if given is not None:
                hint_at_oddities(given)


def _read_until(until: str | None, now: datetime) -> datetime | None:
    try:
        return parse_until(until, now) if until else None
    except ValueError as error:
        raise CspbuildError(str(error)) from None


def _read_paths(critical: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(map(parse_path, critical)))
    except ValueError as error:
        raise CspbuildError(f"--critical: {error}") from None


def _read_routes(name: str) -> tuple[str, ...]:
    """The paths that a file names. Raises CspbuildError for a file that cannot be read, or names none."""
    try:
        with Path(name).open("rb") as file:
            raw = file.read(_MAX_ROUTES_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CspbuildError(f"cannot read {name}: {reason}; --routes takes a sitemap, or a list of paths") from None
    if len(raw) > _MAX_ROUTES_BYTES:
        raise CspbuildError(f"{name} holds more than 50 MiB: that is no sitemap")
    try:
        return parse_routes(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise CspbuildError(f"{name} is not UTF-8 text; unpack it first if it is packed") from None
    except ValueError as error:
        raise CspbuildError(f"{name} gives no routes: {error}") from None


def _document(case: Case, readiness: Readiness) -> dict[str, object]:
    window = case.record.window
    return {
        "site": case.record.site,
        "ready": readiness.is_ready,
        "policy": str(case.candidate),
        "policy_from": case.origin,
        "window": {
            "since": isoformat(window.since) if window.since else None,
            "until": isoformat(window.until),
        },
        "criteria": [
            {
                "name": criterion.name,
                "passed": criterion.passed,
                "value": criterion.value,
                "needed": criterion.needed,
                "waived": criterion.waiver is not None,
                "note": criterion.waiver.note if criterion.waiver else "",
                "waiver": _waiver_document(criterion.waiver),
                "figures": criterion.figures,
            }
            for criterion in readiness.criteria
        ],
        "failing": list(readiness.failing),
        "verdict": readiness.verdict,
    }


def _waiver_document(waiver: Waiver | None) -> dict[str, object] | None:
    if waiver is None:
        return None
    return {
        "number": waiver.number,
        "waived_at": isoformat(waiver.waived_at),
        "until": isoformat(waiver.until) if waiver.until else None,
    }


def _print(case: Case, readiness: Readiness) -> None:
    out = console()
    rows = [
        (_shown(criterion), criterion.name.value, _value(criterion), criterion.needed)
        for criterion in readiness.criteria
    ]
    title = f"May it be enforced? The policy {_ORIGINS[case.origin]}"
    out.print(table(title, ("", "criterion", "is", "needed"), rows, whole=["", "criterion"]))
    out.print(readiness.verdict, markup=False, style="bold green" if readiness.is_ready else "bold red")
    site = site_flag(case.record.site)
    if not readiness.is_ready:
        hint(f"what does not matter here can be waived:  {typed('cspbuild')} ready{site} --waive NAME --note WHY")
    else:
        hint(f"next:  {typed('cspbuild')} status{site}")


_ORIGINS = {"given": "you gave", "trial": "on trial", "suggestion": "that the evidence speaks for"}


def _shown(criterion: Criterion) -> str:
    return "✓" if criterion.passed else "waived" if criterion.waiver else "✗"


def _value(criterion: Criterion) -> str | tuple[str, ...]:
    """The figure, and beneath it why nobody minds."""
    waiver = criterion.waiver
    if waiver is None:
        return criterion.value
    until = f", until {waiver.until:%Y-%m-%d %H:%M} UTC" if waiver.until else ""
    return criterion.value, f"(waived: {waiver.note}{until})"
