"""`cspbuild suggest`: the policy that the evidence speaks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

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
from policybuilder.cli.output import console, count, hint, hint_at_oddities, plural, print_json, table
from policybuilder.errors import CspbuildError
from policybuilder.program import site_flag, typed
from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.rendering.text_safety import visible
from policybuilder.stages import ENFORCED, Header
from policybuilder.store.engine import open_for_reading
from policybuilder.store.evidence import read_evidence, read_grounds
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site
from policybuilder.suggestion.current import Origin, as_current
from policybuilder.suggestion.granularity import Granularity, parse_granularity
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.refining import Grain
from policybuilder.suggestion.trust import PoisonMargin, Thresholds, Tier
from policybuilder.suggestion.values import Evidence, Mode, SuggestedChange, SuggestedSource, Suggestion
from policybuilder.times import isoformat

_NO_EVIDENCE = (
    "no reports of site {site!r} in the window ({window}), so there is nothing to suggest. The likeliest causes: the "
    "pages do not send the header ({header}), a content blocker stops the reports, an https page reports to an "
    "http address, or the policy uses report-to over plain http, which browsers never deliver"
)

_MAX_ROWS = 25


@click.command()
@window_options
@click.option(
    "--current", metavar="POLICY", help="What the site enforces: text, @file, or - .  [default: as deploy record says]"
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    help="What to do with it.  [default: tighten where it is known, else fresh]",
)
@click.option(
    "--granularity",
    metavar="D=G",
    multiple=True,
    callback=lambda _context, _parameter, values: _read_granularities(values),
    help="How fine other origins are named: img-src=origin, script-src=path, …; may be repeated.",
)
@click.option("--script-wildcards", is_flag=True, help="Take wildcards for numbered hosts of scripts too.")
@click.option(
    "--min-reporters",
    metavar="N",
    type=click.IntRange(1),
    default=Thresholds().min_reporters,
    show_default=True,
    help="Client networks on one day that strangers' reports need.",
)
@click.option(
    "--min-days",
    metavar="N",
    type=click.IntRange(1),
    default=Thresholds().min_days,
    show_default=True,
    help="Days on which strangers have to report it.",
)
@site_option
@database_option
@format_option(["text", "json", *(fmt.value for fmt in SnippetFormat)])
def command(
    *,
    since: str | None,
    as_of: str | None,
    current: str | None,
    mode: str | None,
    granularity: dict[str, Granularity],
    script_wildcards: bool,
    min_reporters: int,
    min_days: int,
    site: str,
    database: str,
    output_format: str,
) -> None:
    """The proposed enforced policy, with the evidence for every token.

    Evidence that arrived at the rehearsal key adds sources, and so does what many of the site's visitors reported; for
    scripts, frames and connections something that strangers cannot write must stand behind it. What you decided is
    obeyed. What the observed policies allowed is kept. Beside an enforced policy it is narrowed, and only what page
    views enough under a report-only policy show unused goes; what would repair it stands apart. Exits 1 when accepted
    evidence would be blocked all the same.
    """
    thresholds = Thresholds(
        min_reporters=min_reporters, min_days=min_days, min_span=timedelta(days=max(0, min_days - 1))
    )
    window = read_window(since, as_of)
    engine = open_for_reading(database)
    get_site(engine, site)
    with snapshot(engine) as connection:
        groups = read_evidence(connection, site, window)
        grounds = read_grounds(connection, site, window, groups, thresholds)
    if not groups:
        header = f"{typed('cspbuild')} header{site_flag(site)}"
        raise CspbuildError(_NO_EVIDENCE.format(site=site, window=window, header=header))
    if current is not None:
        given = read_policies(current)
        hint_at_oddities(given)
        if not given.policies:
            raise CspbuildError("an empty policy enforces nothing; leave --current out")
        grounds = replace(grounds, enforced=given.policies, current=as_current(given.policies, Origin.GIVEN))
    try:
        grain = Grain(by_directive=granularity, allows_script_wildcards=script_wildcards)
        suggestion = propose(site, groups, grounds, Options(mode=Mode(mode) if mode else None, grain=grain))
    except ValueError as error:
        record = f"{typed('cspbuild')} deploy record{site_flag(site)} --stage enforce --policy POLICY"
        raise CspbuildError(f"{error}; give it with --current, or record it:  {record}") from None
    with gate(says_no=suggestion.replay.block > 0):
        _print(suggestion, output_format)
        for group in suggestion.blocked_groups:
            hint(f"accepted, yet it would be blocked: {visible(group.directive)} {visible(group.blocked)}")


def _read_granularities(values: Sequence[str]) -> dict[str, Granularity]:
    try:
        return dict(map(parse_granularity, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _print(suggestion: Suggestion, output_format: str) -> None:
    match output_format:
        case "json":
            print_json("suggest", _document(suggestion))
        case "text":
            _print_text(suggestion)
        case _:
            if suggestion.policy is None:
                reason = next(finding for finding in suggestion.findings if finding.code == "nothing-accepted")
                raise CspbuildError(f"no policy can be suggested yet: {reason.message}; {reason.fix}")
            try:
                snippet = render([Header(ENFORCED, str(suggestion.policy))], SnippetFormat(output_format))
            except ValueError as error:
                raise CspbuildError(f"{error}; choose another --format") from None
            click.echo(snippet, nl=False)


def _document(suggestion: Suggestion) -> dict[str, object]:
    policy = "" if suggestion.policy is None else str(suggestion.policy)
    return {
        "site": suggestion.site,
        "policy": policy,
        "header": {"name": ENFORCED, "value": policy},
        "directives": [
            {
                "name": directive.name,
                "sources": [
                    {
                        "source": source.source,
                        "rule": source.rule,
                        "reason": source.reason,
                        "tier": source.tier,
                        "evidence": _evidence(source.evidence),
                        "poison_margin": _margin(source.margin),
                    }
                    for source in directive.sources
                ],
            }
            for directive in suggestion.directives
        ],
        "held": [
            {
                "directive": held.directive,
                "source": held.source,
                "why": held.why,
                "needs": held.needs,
                "evidence": _evidence(held.evidence),
            }
            for held in suggestion.held
        ],
        "excluded": [
            {
                "directive": excluded.directive,
                "blocked": excluded.blocked,
                "class": excluded.evidence_class,
                "rule": excluded.rule,
                "reports": excluded.reports,
            }
            for excluded in suggestion.excluded
        ],
        "unresolved": [
            {
                "directive": unresolved.directive,
                "blocked": unresolved.blocked,
                "why": unresolved.why,
                "todo": unresolved.todo,
                "reports": unresolved.reports,
            }
            for unresolved in suggestion.unresolved
        ],
        "needs_nonce": suggestion.needs_nonce,
        "replay": {
            "allow": suggestion.replay.allow,
            "block": suggestion.replay.block,
            "unknown": suggestion.replay.unknown,
            "held": suggestion.replay.held,
            "excluded": suggestion.replay.excluded,
        },
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "directive": finding.directive,
                "value": finding.value,
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in suggestion.findings
        ],
        "changes": [_change(change) for change in suggestion.changes],
        "relation": suggestion.relation,
        "mode": suggestion.mode,
        "current": None
        if suggestion.current is None
        else {"policy": ", ".join(map(str, suggestion.current.policies)), "known": suggestion.current.origin},
        "unknown": [
            {"directive": each.directive, "sources": list(each.sources), "why": each.why} for each in suggestion.unknown
        ],
        "probe": None if suggestion.probe is None else str(suggestion.probe),
        "observed_under": list(suggestion.observed_policies),
    }


def _change(change: SuggestedChange) -> dict[str, object]:
    exposure = change.rests_on
    return {
        "kind": change.kind,
        "directive": change.directive,
        "source": change.source,
        "effect": change.effect,
        "applied": change.is_applied,
        "evidence": None if change.is_applied else _evidence(change.evidence),
        "rests_on": None
        if exposure is None
        else {
            "policy": str(exposure.policy),
            "views": exposure.views,
            "bound": exposure.bound,
            "since": isoformat(exposure.since_at),
            "until": isoformat(exposure.until_at),
        },
    }


def _margin(margin: PoisonMargin | None) -> dict[str, object] | None:
    if margin is None:
        return None
    return {"networks": margin.networks, "share": round(margin.share, 4), "days": margin.days}


def _evidence(evidence: Evidence) -> dict[str, object]:
    return {
        "reports": evidence.reports,
        "reporters": evidence.reporters,
        "days": evidence.days,
        "first_seen": isoformat(evidence.first_seen_at) if evidence.first_seen_at else None,
        "last_seen": isoformat(evidence.last_seen_at) if evidence.last_seen_at else None,
        "pages": list(evidence.pages),
        "examples": list(evidence.examples),
    }


def _print_text(suggestion: Suggestion) -> None:
    out = console()
    rows: list[tuple[str, ...]]
    if suggestion.policy is None:
        out.print("No policy can be suggested yet.", style="bold red")
    else:
        rows = [
            (
                directive.name if index == 0 else "",
                source.source,
                source.rule,
                _BELIEVED[source.tier],
                _to_forge(source),
                _reports(source),
                _because(source),
            )
            for directive in suggestion.directives
            for index, source in enumerate(directive.sources or (_VALUELESS,))
        ]
        columns = ("directive", "source", "rule", "says", "to forge", "reports", "because, or seen on")
        whole = ("directive", "rule", "says")
        out.print(table("Suggested, each source with its evidence", columns, rows, numbers=["reports"], whole=whole))
    _print_changes(suggestion)
    if suggestion.findings:
        out.print(table("To know", ("how bad", "what", "where"), _finding_rows(suggestion), whole=["how bad"]))
    for needs in sorted({held.needs for held in suggestion.held}):
        rows = [
            (held.directive, held.source, count(held.evidence.reports), ", ".join(held.evidence.examples), held.why)
            for held in suggestion.held
            if held.needs == needs
        ]
        _print_some(f"Held, until {needs}", ("directive", "source", "reports", "such as", "why"), rows)
    if suggestion.unresolved:
        rows = [
            (u.directive, u.blocked or "(empty)", count(u.reports), f"{u.why}; {u.todo}") for u in suggestion.unresolved
        ]
        _print_some("Unresolved: no source can answer these", ("directive", "blocked", "reports", "what to do"), rows)
    if suggestion.excluded:
        classes: dict[tuple[str, str], int] = {}
        for excluded in suggestion.excluded:
            key = (excluded.evidence_class.value, excluded.rule)
            classes[key] = classes.get(key, 0) + excluded.reports
        rows = [(kind, rule, count(reports)) for (kind, rule), reports in sorted(classes.items())]
        out.print(table("Excluded: not the site's doing", ("class", "rule", "reports"), rows, numbers=["reports"]))
    _print_closing(suggestion)


def _print_changes(suggestion: Suggestion) -> None:
    made = [change for change in suggestion.changes if change.is_applied]
    repairs = [change for change in suggestion.changes if not change.is_applied]
    if made:
        rows = [
            (change.directive, change.kind.value, change.source or "", change.effect, _rests_on(change))
            for change in made[:_MAX_ROWS]
        ]
        columns = ("directive", "change", "source", "so that", "rests on")
        title = f"Compared with what is enforced: {suggestion.relation}"
        console().print(table(title, columns, rows, whole=["directive", "change"]))
        if len(made) > _MAX_ROWS:
            hint(f"{len(made) - _MAX_ROWS} more: --format json has them all")
    elif suggestion.relation is not None:
        console().print("The same as what is enforced.\n", markup=False)
    if repairs:
        rows = [
            (
                each.directive,
                each.source or "",
                count(each.evidence.reports),
                each.effect,
                ", ".join(each.evidence.pages[:1]),
            )
            for each in repairs
        ]
        columns = ("directive", "source", "reports", "why", "seen on")
        _print_some("Repairs, not applied since they would widen it: --mode repair", columns, rows)


def _rests_on(change: SuggestedChange) -> str:
    exposure = change.rests_on
    if exposure is None or exposure.bound is None:
        return ""
    return f"no use in {count(exposure.views or 0)} views: at most 1 in {count(round(1 / exposure.bound))}"


def _finding_rows(suggestion: Suggestion) -> list[tuple[str, ...]]:
    """A row for what is said once, with all the places it is said of."""
    places: dict[tuple[str, str], list[str]] = {}
    for finding in suggestion.findings:
        place = " ".join((finding.directive, finding.value)).strip()
        places.setdefault((finding.severity, f"{finding.message}. To do: {finding.fix}"), []).append(place)
    return [
        (
            severity,
            said,
            ", ".join(where[:_MAX_PLACES]) + (f" +{more}" if (more := len(where) - _MAX_PLACES) > 0 else ""),
        )
        for (severity, said), where in places.items()
    ]


_MAX_PLACES = 4

_VALUELESS = SuggestedSource(source="", rule="unobserved-kept", reason="part of every observed policy")


_BELIEVED = {
    Tier.DECIDED: "decision",
    Tier.TRUSTED: "you",
    Tier.AUTO: "visitors",
    Tier.KEPT: "silence",
    Tier.BASE: "base",
}


def _to_forge(source: SuggestedSource) -> str:
    """What strangers would have needed, where they could have brought it about at all."""
    if source.margin is not None:
        return f"{count(source.margin.networks)} networks"
    return "your key" if source.tier in {Tier.AUTO, Tier.TRUSTED} else ""


def _reports(source: SuggestedSource) -> str:
    return count(source.evidence.reports) if source.evidence.reports else ""


def _because(source: SuggestedSource) -> str:
    """Where it was seen; the reason, where nothing was."""
    pages = source.evidence.pages
    return f"{pages[0]}{f' +{len(pages) - 1}' if len(pages) > 1 else ''}" if pages else source.reason


def _print_some(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    out = console()
    out.print(table(title, columns, rows[:_MAX_ROWS], numbers=["reports"], whole=["directive"]))
    if len(rows) > _MAX_ROWS:
        hint(f"{len(rows) - _MAX_ROWS} more: --format json has them all")


def _print_closing(suggestion: Suggestion) -> None:
    out = console()
    replayed = suggestion.replay
    out.print(
        f"Replayed {plural(replayed.allow + replayed.block + replayed.unknown, 'accepted group')}: "
        f"{replayed.allow} allowed, {replayed.block} blocked, {replayed.unknown} unknown; "
        f"{replayed.held} held, {replayed.excluded} excluded.\n",
        markup=False,
    )
    if suggestion.policy is not None:
        out.print(f"{ENFORCED}: {suggestion.policy}", markup=False, soft_wrap=True)
        hint("\nnext: save the policy, which is what follows the colon, in a file, and try it report-only first:")
        hint(f"      {typed('cspbuild')} header{site_flag(suggestion.site)} --stage trial --policy @FILE")
