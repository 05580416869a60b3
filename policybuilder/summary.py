"""The summary: violation groups as rows a person reads, most reporters first."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from policybuilder.evidence import ViolationGroup
from policybuilder.times import Window


class SummaryBy(enum.StrEnum):
    """What one row of a summary stands for."""

    GROUP = "group"
    DIRECTIVE = "directive"
    SOURCE = "source"
    PAGE = "page"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One line of a summary; in rows by anything but group, what differs inside is left empty."""

    key: str
    """What the row is about: a directive, a source, a page, a day, or the group's fingerprint."""

    reports: int
    reporters: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    groups: int = 1
    noise_reports: int = 0
    group: ViolationGroup | None = None
    """The group itself, in rows by group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over every group in the window, noise included."""

    reports: int
    groups: int
    reporters: int
    """The largest number of distinct client networks on any one day."""

    noise_reports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a site's browsers reported in a window."""

    site: str
    window: Window
    by: SummaryBy
    totals: Totals
    rows: tuple[SummaryRow, ...]
    hidden_noise_groups: int
    """Noise groups left out of the rows."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Reports of one group on one UTC day."""

    fingerprint: str
    day: str
    """As `2026-11-23`."""

    reports: int


ReporterCounts = Mapping[str, int]
"""Distinct client networks on the busiest day, by row key; the empty key is the whole site."""


def source_of(group: ViolationGroup) -> str:
    """The origin a group's blocked URI belongs to, or its keyword or scheme as it stands."""
    scheme, separator, rest = group.blocked.partition("://")
    if not separator:
        return group.blocked or "(empty)"
    return f"{scheme}://{rest.partition('/')[0]}"


def row_key(by: SummaryBy, group: ViolationGroup) -> str:
    """The key of the row that counts `group`; pages and days hold several keys and are made elsewhere."""
    match by:
        case SummaryBy.DIRECTIVE:
            return group.directive
        case SummaryBy.SOURCE:
            return source_of(group)
        case _:
            return group.fingerprint


def summarize(
    groups: Sequence[ViolationGroup],
    *,
    site: str,
    window: Window,
    by: SummaryBy = SummaryBy.GROUP,
    include_noise: bool = False,
    reporters: ReporterCounts,
    days: Iterable[DayCount] = (),
) -> Summary:
    """Fold `groups` into rows.

    `reporters` gives the distinct networks of each row key (and of the whole site under the empty key),
    since networks of several groups overlap; `days` is needed only for rows by day.
    """
    shown = [group for group in groups if include_noise or not group.is_noise]
    match by:
        case SummaryBy.GROUP:
            rows = [_group_row(group) for group in shown]
        case SummaryBy.DAY:
            rows = _day_rows(shown, days, reporters)
        case SummaryBy.PAGE:
            rows = _page_rows(shown, reporters)
        case _:
            rows = _folded_rows(shown, lambda group: row_key(by, group), reporters)
    if by is SummaryBy.DAY:
        rows.sort(key=lambda row: row.key)
    else:
        rows.sort(key=lambda row: (-row.reporters, -row.reports, row.key))
    return Summary(
        site=site,
        window=window,
        by=by,
        totals=Totals(
            reports=sum(group.reports for group in groups),
            groups=len(groups),
            # Networks are kept by the day: a window within a day may have some, and no reports.
            reporters=reporters.get("", 0) if groups else 0,
            noise_reports=sum(group.reports for group in groups if group.is_noise),
        ),
        rows=tuple(rows),
        hidden_noise_groups=len(groups) - len(shown),
    )


def _group_row(group: ViolationGroup) -> SummaryRow:
    return SummaryRow(
        key=group.fingerprint,
        reports=group.reports,
        reporters=group.reporters,
        first_seen_at=group.first_seen_at,
        last_seen_at=group.last_seen_at,
        noise_reports=group.reports if group.is_noise else 0,
        group=group,
    )


def _folded_rows(
    groups: Sequence[ViolationGroup], key_of: Callable[[ViolationGroup], str], reporters: ReporterCounts
) -> list[SummaryRow]:
    members: dict[str, list[ViolationGroup]] = defaultdict(list)
    for group in groups:
        members[key_of(group)].append(group)
    return [
        SummaryRow(
            key=key,
            reports=sum(group.reports for group in alike),
            reporters=reporters.get(key, 0),
            first_seen_at=min(group.first_seen_at for group in alike),
            last_seen_at=max(group.last_seen_at for group in alike),
            groups=len(alike),
            noise_reports=sum(group.reports for group in alike if group.is_noise),
        )
        for key, alike in members.items()
    ]


def _page_rows(groups: Sequence[ViolationGroup], reporters: ReporterCounts) -> list[SummaryRow]:
    """Pages have no times of their own: a page's count is bounded and kept without them."""
    reports: dict[str, int] = defaultdict(int)
    noise: dict[str, int] = defaultdict(int)
    members: dict[str, int] = defaultdict(int)
    for group in groups:
        for page in group.pages:
            reports[page.url] += page.reports
            members[page.url] += 1
            if group.is_noise:
                noise[page.url] += page.reports
    return [
        SummaryRow(
            key=url,
            reports=count,
            reporters=reporters.get(url, 0),
            first_seen_at=None,
            last_seen_at=None,
            groups=members[url],
            noise_reports=noise[url],
        )
        for url, count in reports.items()
    ]


def _day_rows(
    groups: Sequence[ViolationGroup], days: Iterable[DayCount], reporters: ReporterCounts
) -> list[SummaryRow]:
    by_fingerprint = {group.fingerprint: group for group in groups}
    reports: dict[str, int] = defaultdict(int)
    noise: dict[str, int] = defaultdict(int)
    members: dict[str, set[str]] = defaultdict(set)
    for count in days:
        group = by_fingerprint.get(count.fingerprint)
        if group is None:
            continue
        reports[count.day] += count.reports
        members[count.day].add(count.fingerprint)
        if group.is_noise:
            noise[count.day] += count.reports
    return [
        SummaryRow(
            key=day,
            reports=total,
            reporters=reporters.get(day, 0),
            first_seen_at=None,
            last_seen_at=None,
            groups=len(members[day]),
            noise_reports=noise[day],
        )
        for day, total in reports.items()
    ]
