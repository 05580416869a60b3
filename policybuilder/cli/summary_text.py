"""A summary as people read it: what is wrong first, then what is asked of the policy, then what is set apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from policybuilder.cli.output import Cell, blocked_cell, console, count, hint, plural, shorten, table
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.program import site_flag, typed
from policybuilder.rendering.text_safety import visible
from policybuilder.summary import APART_CLASSES, RowViewsFrom, Summary, SummaryBy, SummaryRow, is_alarming

_MAX_TEXT_ROWS = 50
_MAX_ALARMING_ROWS = 10
"""Whoever sends attacks by the dozen must not push everything else out of sight."""

_TREND_DAYS = 7
_GROUP_COLUMNS = (
    *("networks", "reports", "", "trend", "directive", "blocked", "as", "page", "class", "state", "group"),
    "last seen",
)
_GIVEN_UP = ("last seen", "as", "", "page", "state", "group", "class", "trend")
"""Columns in the order in which they are left out where lines are short.

A state then stands behind the class, and both below what was blocked, if there is anything to say.
"""

_GROUP_FROM_WIDTH = 140
_GROUP_DIGITS = 8
"""Of a fingerprint: enough to name a group to `decide class`."""

_TELLING_COLUMNS = ("directive", "blocked", "as", "page", "class", "state")
"""What tells rows apart; counts and times say nothing of what a row is about."""

_FOLDED_AT = {"blocked": 40, "page": 24, "source": 50, "initiator": 50}
"""Columns of long texts, with how much of one has to fit on a line for the others to stay."""

_WHOLE_COLUMNS = ("", "trend", "directive", "as", "class", "state", "group", "last seen")
_NUMBERS = ("networks", "reports", "groups", "attack-like", "set apart", "views", "per 1,000 views")
_COLUMN_GAP = 3
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"


def print_summary(summary: Summary) -> None:
    """Print it, as wide as the terminal is; hints go to standard error."""
    out = console()
    _print_head(out, summary)
    if not summary.totals.groups:
        _hint_at_nothing(summary)
        return
    _print_alarms(out, summary)
    alarming, others = _in_order(summary)
    first = alarming[:_MAX_ALARMING_ROWS]
    shown = others[: _MAX_TEXT_ROWS - len(first)]
    if summary.by is not SummaryBy.GROUP:
        _print_folded(out, summary.by, shown)
    else:
        _print_groups(out, first, shown, more_alarming=len(alarming) - len(first))
    _print_apart(out, summary)
    _print_hints(summary, hidden_rows=len(others) - len(shown))


def _hint_at_nothing(summary: Summary) -> None:
    if before := summary.groups_before:
        is_one = before == 1
        hint(f"none in this window; without --since there {'is' if is_one else 'are'} {plural(before, 'group')}")
    else:
        program = typed("cspbuild")
        site = site_flag(summary.site)
        hint(f"no reports yet: see  {program} header{site}  for the headers to send, or visit /try on the collector")


def _print_head(out: Console, summary: Summary) -> None:
    totals = summary.totals
    estimate = ""
    if totals.estimated_reports != totals.reports:
        estimate = f" (≈ {count(totals.estimated_reports)} before sampling)"
    networks = f"from {plural(totals.reporters, 'network')} on the busiest day"
    if totals.reports and not totals.reporters:
        networks = "from networks that are not kept any more"
    views = f"; {plural(totals.views, 'page view')}" if totals.views is not None else ""
    out.print(
        f"{summary.site}: {plural(totals.reports, 'report')}{estimate} in {plural(totals.groups, 'group')} "
        f"{networks}; {plural(totals.noise_reports, 'report')} of noise"
        f"{views} ({summary.window})",
        markup=False,
    )


def _print_alarms(out: Console, summary: Summary) -> None:
    """What nobody may overlook: each a line of its own, which says so in words where there are no colours."""
    for warning in summary.warnings:
        out.print(Text(f"\nWARNING: {visible(warning.message)}\n  try: {visible(warning.fix)}", style="bold yellow"))
    if attacks := summary.attack_like:
        out.print(
            Text(
                f"\nATTACK-LIKE: {plural(attacks.groups, 'group')} with {plural(attacks.reports, 'report')} "
                f"{'looks' if attacks.groups == 1 else 'look'} like attempts to inject code; read them first",
                style="bold red",
            )
        )


def _in_order(summary: Summary) -> tuple[list[SummaryRow], list[SummaryRow]]:
    """What looks like an attack, then the others; what is set apart is told below the table, unless asked for."""
    alarming: list[SummaryRow] = []
    others: list[SummaryRow] = []
    for row in summary.rows:
        if row.group is None or summary.includes_noise or row.group.evidence_class not in APART_CLASSES:
            (alarming if row.group is not None and is_alarming(row.group) else others).append(row)
    return alarming, others


def _print_table(out: Console, columns: Sequence[str], cells: Sequence[Mapping[str, Cell]]) -> None:
    rows = [tuple(row[name] for name in columns) for row in cells]
    out.print(table("", columns, rows, numbers=_NUMBERS, whole=_WHOLE_COLUMNS))


def _fitting(columns: Sequence[str], cells: Sequence[Mapping[str, str]], width: int) -> tuple[str, ...]:
    """The columns that say something in any row, as many as stand beside each other in `width`."""
    kept = [name for name in columns if any(row[name] for row in cells)]
    widths = {name: max(len(name), *(len(row[name]) for row in cells)) for name in kept}
    widths = {name: min(needed, _FOLDED_AT.get(name, needed)) for name, needed in widths.items()}
    for name in _GIVEN_UP:
        if sum(widths[each] + _COLUMN_GAP for each in kept) <= width:
            break
        if name in kept:
            kept.remove(name)
    return tuple(kept)


def _print_groups(
    out: Console, first: Sequence[SummaryRow], others: Sequence[SummaryRow], *, more_alarming: int
) -> None:
    """A table of the groups that look like an attack, how many more there are, and the others."""
    rows = [*first, *others]
    if not rows:
        return
    most = max(row.reports for row in rows)
    groups = [row.group for row in rows if row.group is not None]
    cells = [_group_cells(row, group, most) for row, group in zip(rows, groups, strict=True)]
    offered = [name for name in _GROUP_COLUMNS if name != "group" or out.width >= _GROUP_FROM_WIDTH]
    columns = _fitting(offered, cells, out.width)
    if "state" not in columns:
        cells = [{**row, "class": ", ".join(filter(None, (row["class"], row["state"])))} for row in cells]
    below = ["" if "class" in columns else _class_below(row) for row in cells]
    loaders = [f"loaded by {group.initiator}" if group.initiator else "" for group in groups]
    alike = [
        (*(row[name] for name in _TELLING_COLUMNS if name in columns), loader, line)
        for row, loader, line in zip(cells, loaders, below, strict=True)
    ]
    shown: list[dict[str, Cell]] = [
        {**row, "blocked": tuple(filter(None, (row["blocked"], loader, line, told)))}
        for row, loader, line, told in zip(cells, loaders, below, _told_apart(groups, alike), strict=True)
    ]
    if more_alarming:
        more = (plural(more_alarming, "more attack-like group") + ":", "--format json has them all")
        shown.insert(len(first), {**dict.fromkeys(columns, ""), "blocked": more})
    _print_table(out, columns, shown)


def _class_below(row: Mapping[str, str]) -> str:
    return "" if row["class"] == EvidenceClass.GENUINE.value else f"({row['class']})"


def _told_apart(groups: Sequence[ViolationGroup], alike: Sequence[tuple[str, ...]]) -> list[str]:
    """For each group what tells it from the others whose rows read alike; empty where none does."""
    members: dict[tuple[str, ...], list[ViolationGroup]] = defaultdict(list)
    for group, key in zip(groups, alike, strict=True):
        members[key].append(group)
    return [_told_from(group, members[key]) for group, key in zip(groups, alike, strict=True)]


def _told_from(group: ViolationGroup, others: Sequence[ViolationGroup]) -> str:
    if len(others) == 1:
        return ""
    differences: tuple[Callable[[ViolationGroup], str], ...] = (_disposition_of, _host_of)
    differing = [name_of for name_of in differences if len({name_of(other) for other in others}) > 1]
    names = [tuple(name_of(other) for name_of in differing) for other in others]
    if len(set(names)) < len(names):
        differing.append(_number_of)
    return f"({', '.join(name_of(group) for name_of in differing)})"


def _disposition_of(group: ViolationGroup) -> str:
    return group.disposition.value


def _host_of(group: ViolationGroup) -> str:
    return group.document_origin.rpartition("://")[2]


def _number_of(group: ViolationGroup) -> str:
    return f"group {group.fingerprint[:_GROUP_DIGITS]}"


def _group_cells(row: SummaryRow, group: ViolationGroup, most: int) -> dict[str, str]:
    """What each column may show of a group."""
    page = shorten(group.pages[0].url if group.pages else group.document_origin, 40)
    kind = group.evidence_class.value
    if group.evidence_class in APART_CLASSES:
        kind = f"{kind}: {group.rule}"
    elif group.trusted_reports:
        kind = f"{kind}, yours"
    return {
        **_common_cells(row, most),
        "directive": group.directive,
        "blocked": blocked_cell(group),
        "as": group.disposition.value,
        "page": page + (f" +{len(group.pages) - 1}" if len(group.pages) > 1 else ""),
        "class": kind,
        "state": _state(row, group),
        "group": group.fingerprint[:_GROUP_DIGITS],
        "last seen": f"{group.last_seen_at:%m-%d %H:%M}",
    }


def _state(row: SummaryRow, group: ViolationGroup) -> str:
    """What a person said about it, or that a person has to."""
    if group.decision is not None:
        is_class = group.decision == DecisionAction.CLASS
        return f"decided: {group.evidence_class if is_class else group.decision}"
    return "held" if row.is_held else ""


def _print_folded(out: Console, by: SummaryBy, rows: Sequence[SummaryRow]) -> None:
    if not rows:
        return
    most = max(row.reports for row in rows)
    cells = [{**_common_cells(row, most), by.value: row.key, "groups": count(row.groups)} for row in rows]
    columns = (
        *("networks", "reports", "", "trend", by.value, "groups"),
        *("attack-like", "set apart", "views", "per 1,000 views"),
    )
    _print_table(out, _fitting(columns, cells, out.width), cells)


def _common_cells(row: SummaryRow, most: int) -> dict[str, str]:
    share = row.reports_per_1000_views
    estimate = "" if row.estimated_reports == row.reports else f" ≈ {count(row.estimated_reports)}"
    return {
        # Networks are kept for a shorter time than reports.
        "networks": count(row.reporters) if row.reporters or not row.reports else "–",
        "reports": count(row.reports) + estimate,
        "": _bar(row.reports, most),
        "trend": sparkline(row.trend[-_TREND_DAYS:]),
        "attack-like": count(row.attack_like_reports) if row.attack_like_reports else "",
        "set apart": count(row.apart_reports) if row.apart_reports else "",
        "views": _views_cell(row),
        "per 1,000 views": "" if share is None else f"{share:,.1f}",
    }


def _views_cell(row: SummaryRow) -> str:
    if row.views is None:
        return ""
    return count(row.views) + (" said" if row.views_from is RowViewsFrom.SAID else "")


def _bar(number: int, most: int) -> str:
    """Eight cells, in eighths, so that a glance compares rows."""
    eighths = round(64 * number / most) if most else 0
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def sparkline(numbers: Sequence[int]) -> str:
    """A character for each number, as high as its share of the largest; empty when all are zero."""
    most = max(numbers, default=0)
    if most == 0:
        return ""
    # The least that is not zero stands as high as the lowest block; nothing is a dot.
    return "".join(_LEVELS[(number * len(_LEVELS) - 1) // most] if number else "·" for number in numbers)


def _print_apart(out: Console, summary: Summary) -> None:
    if not summary.apart:
        return
    rows = [
        (count(apart.groups), count(apart.reports), apart.evidence_class.value, apart.rule, apart.meaning)
        for apart in summary.apart
    ]
    columns = ("groups", "reports", "class", "rule", "what it is")
    title = "Set apart: no policy is made of this"
    out.print(table(title, columns, rows, numbers=["groups", "reports"], whole=["class"]))


def _print_hints(summary: Summary, *, hidden_rows: int) -> None:
    if hidden_rows:
        hint(f"{plural(hidden_rows, 'more row')}: --format json or csv has them all, --by directive folds them")
    noise, contradictions = summary.hidden_noise_groups, summary.hidden_contradiction_groups
    hidden = (
        f"{plural(noise, 'group')} of noise" if noise else "",
        plural(contradictions, "contradiction") if contradictions else "",
    )
    if any(hidden):
        hint(f"{' and '.join(filter(None, hidden))} not shown: --noise shows them, with the reason")
    if summary.hidden_superseded_groups:
        superseded = plural(summary.hidden_superseded_groups, "superseded group")
        hint(f"{superseded} not shown, seen only before the last deployment: --noise shows them")
    if summary.over_budget_groups:
        program = typed("cspbuild")
        hint(
            "(other) stands for what was new beyond the site's budget: raise it with  "
            f"{program} site set {summary.site} --new-groups-per-hour N  or leave it, if somebody floods the site"
        )
    if any(row.is_held for row in summary.rows):
        hint(f"held: it has a price that evidence alone does not pay; see  {typed('cspbuild')} suggest")
