"""`cspbuild suggest` as text: what is suggested and why, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from policybuilder.cli.output import console, count, hint, plural, table
from policybuilder.documents.suggestion import Later
from policybuilder.program import site_flag, typed
from policybuilder.stages import ENFORCED, REPORT_ONLY
from policybuilder.suggestion.strict import Climb
from policybuilder.suggestion.trust import Tier
from policybuilder.suggestion.values import SuggestedChange, SuggestedSource, Suggestion
from policybuilder.times import isoformat

_MAX_ROWS = 25


def print_text(suggestion: Suggestion, climbed: Climb | None = None, later: Later | None = None) -> None:
    """Tables for people, and the header last."""
    out = console()
    rows: list[tuple[str, ...]]
    if suggestion.policy is None:
        out.print("No policy can be suggested yet.", style="bold red")
    else:
        out.print(_sources_table(suggestion, out.width))
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
        out.print(
            table(
                "Excluded: not the site's doing, or rejected by you",
                ("class", "rule", "reports"),
                rows,
                numbers=["reports"],
            )
        )
    if climbed is not None:
        _print_climb(climbed)
    if later is not None:
        _print_later(later)
    _print_closing(suggestion, is_climbing=climbed is not None)


_WIDE, _MIDDLING = 130, 100
"""Columns of a terminal that has room for all of a source's evidence, and for most of it."""


def _sources_table(suggestion: Suggestion, width: int) -> Table:
    """Each source with its evidence, as much of it as there is room for; sources themselves are never squeezed out."""
    columns = ["directive", "source", "says", "reports"]
    if width >= _MIDDLING:
        columns.append("because, or seen on")
    if width >= _WIDE:
        columns[2:3] = ["rule", "says", "to forge"]
    rows = []
    for directive in suggestion.directives:
        for index, source in enumerate(directive.sources or (_VALUELESS,)):
            cells = {
                "directive": directive.name if index == 0 else "",
                "source": source.source,
                "rule": source.rule,
                "says": _BELIEVED[source.tier],
                "to forge": _to_forge(source),
                "reports": _reports(source),
                "because, or seen on": _because(source),
            }
            rows.append([cells[column] for column in columns])
    whole = ("directive", "rule", "says")
    return table("Suggested, each source with its evidence", columns, rows, numbers=["reports"], whole=whole)


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


def _print_closing(suggestion: Suggestion, *, is_climbing: bool) -> None:
    out = console()
    replayed = suggestion.replay
    out.print(
        f"Replayed {plural(replayed.allow + replayed.block + replayed.unknown, 'accepted group')}: "
        f"{replayed.allow} allowed, {replayed.block} blocked, {replayed.unknown} unknown; "
        f"{replayed.held} held, {replayed.excluded} excluded.\n",
        markup=False,
    )
    if is_climbing:
        hint("the headers above are those of the rung that can be sent now; --format json has those of all six")
    elif suggestion.policy is not None:
        out.print(f"{ENFORCED}: {suggestion.policy}", markup=False, soft_wrap=True)
        hint("\nnext: save the policy, which is what follows the colon, in a file, and try it report-only first:")
        hint(f"      {typed('cspbuild')} header{site_flag(suggestion.site)} --stage trial --policy @FILE")


def _print_climb(climbed: Climb) -> None:
    """The rungs, what stands before each, and the two headers to send now."""
    out = console()
    standing = climbed.standing
    rows = [
        (
            f"{rung.number}",
            rung.name,
            "reached" if rung.is_reached else (plural(len(rung.blockers), "blocker") if rung.blockers else "waits"),
            rung.only_a_probe_tells,
        )
        for rung in climbed.rungs
    ]
    out.print(table(f"The way to a strict policy, by {climbed.credential}", ("rung", "sends", "state", "needs"), rows))
    for rung in climbed.rungs:
        if rung.blockers:
            _print_some(
                f"Before rung {rung.number}",
                ("directive", "blocker", "what", "reports", "to do", "seen on"),
                [
                    (each.directive, each.kind.value, each.what, count(each.reports), each.todo, each.where)
                    for each in rung.blockers
                ],
            )
    if standing is not None and standing.enforced is not None:
        out.print(f"Rung {standing.number} can be sent now:\n", markup=False)
        out.print(f"{ENFORCED}: {standing.enforced}\n", markup=False, soft_wrap=True)
        if standing.report_only is not None:
            out.print(f"{REPORT_ONLY}: {standing.report_only}\n", markup=False, soft_wrap=True)


def _print_later(later: Later) -> None:
    changes = later.difference.changes
    title = f"Suggested at {isoformat(later.until_at)}: {later.difference.relation}"
    if not changes:
        console().print(f"{title}\n", markup=False)
        return
    rows = [(change.directive, change.kind.value, change.source or "", change.effect) for change in changes]
    _print_some(title, ("directive", "change", "source", "so that"), rows)
