"""The summary: violation groups as rows a person reads, most reporters first."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from policybuilder.decisions import DecisionAction
from policybuilder.evidence import MEANINGS, NOISE_CLASSES, OTHER, OVER_BUDGET, EvidenceClass, ViolationGroup
from policybuilder.networks import SetupWarning
from policybuilder.replay import document_origins
from policybuilder.suggestion.candidates import Candidates, Hold
from policybuilder.times import Window, from_ms
from policybuilder.views import SaidViews, Views, said_of_day, said_of_window

TREND_DAYS = 14
"""As many as a glance takes in; two weeks show what weekends do."""

APART_CLASSES = NOISE_CLASSES | {EvidenceClass.SUPERSEDED, EvidenceClass.CONTRADICTION}
"""What no policy is made of, and nobody has to look at first: left out of the rows unless it is asked for."""

_SETTLED = frozenset({DecisionAction.REJECT, DecisionAction.IGNORE, DecisionAction.CLASS})
"""Answers after which nobody has to look at a group first any more."""


class SummaryBy(enum.StrEnum):
    """What one row of a summary stands for."""

    GROUP = "group"
    DIRECTIVE = "directive"
    SOURCE = "source"
    INITIATOR = "initiator"
    """Whose code had it loaded."""

    PAGE = "page"
    DAY = "day"


class ViewsFrom(enum.StrEnum):
    """Where the number of page views comes from."""

    ACCESS_LOG = "access-log"
    DEPLOYMENT = "deployment"
    """A person said how many there are in a day."""


class RowViewsFrom(enum.StrEnum):
    """Where the page views of one row come from."""

    LOG = "log"
    SAID = "said"


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a summary; in rows by anything but group, what differs inside is left empty."""

    key: str
    """What the row is about: a directive, a source, a page, a day, or the group's fingerprint."""

    reports: int
    estimated_reports: int
    """Before sampling; networks are never scaled, since a sample says nothing of how many it missed."""

    reporters: int
    first_seen_ms: int | None
    last_seen_ms: int | None
    """Milliseconds since 1970; None in rows by page and by day."""

    groups: int = 1
    noise_reports: int = 0
    attack_like_reports: int = 0
    """Of groups that look like an attack, and nobody decided about."""

    apart_reports: int = 0
    """Of groups that are set apart: noise, and what else no policy is made of."""

    group: ViolationGroup | None = None
    """The group itself, in rows by group."""

    is_held: bool = False
    """What the group asks for has a price that evidence alone does not pay: a person decides. In rows by group."""

    views: int | None = None
    """Page views, in rows by page and by day, where something tells."""

    views_from: RowViewsFrom | None = None

    trend: tuple[int, ...] = ()
    """Reports of each day of `Summary.trend_days`; empty in rows by page and by day."""

    @property
    def first_seen_at(self) -> datetime | None:
        return None if self.first_seen_ms is None else from_ms(self.first_seen_ms)

    @property
    def last_seen_at(self) -> datetime | None:
        return None if self.last_seen_ms is None else from_ms(self.last_seen_ms)

    @property
    def reports_per_1000_views(self) -> float | None:
        """Estimated reports for a thousand page views; None where the views are not known."""
        return 1000 * self.estimated_reports / self.views if self.views else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """Reports of one class and rule that no policy is made of."""

    evidence_class: EvidenceClass
    rule: str
    meaning: str
    """What the rule says of such reports, or else what the class means."""

    groups: int
    reports: int
    estimated_reports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over every group in the window, noise included."""

    reports: int
    estimated_reports: int
    groups: int
    reporters: int
    """The largest number of distinct client networks on any one day."""

    noise_reports: int
    views: int | None = None
    """Page views in the window, where something tells."""

    views_from: ViewsFrom | None = None

    @property
    def sampling_rate(self) -> float | None:
        """The share of what browsers saw that was reported; None without reports."""
        return self.reports / self.estimated_reports if self.estimated_reports else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a site's browsers reported in a window."""

    site: str
    window: Window
    by: SummaryBy
    totals: Totals
    rows: tuple[SummaryRow, ...]
    includes_noise: bool = False
    """The rows hold what is set apart, too."""

    hidden_noise_groups: int
    """Noise groups left out of the rows."""

    hidden_superseded_groups: int = 0
    """Superseded groups left out of the rows."""

    hidden_contradiction_groups: int = 0
    """Groups left out of the rows because the policies they name allow what they report."""

    apart: tuple[Apart, ...] = ()
    """What no policy is made of, shown in the rows or not; most reports first."""

    attack_like: Apart | None = None
    """What looks like an attack and nobody decided about, all rules together."""

    groups_before: int = 0
    """Groups that there are without the beginning of a window that has none."""

    over_budget_groups: int = 0
    """Groups that stand for what was new beyond the site's budget."""

    trend_days: tuple[str, ...] = ()
    warnings: tuple[SetupWarning, ...] = ()


class DayCount(msgspec.Struct, frozen=True, gc=False):
    """Reports of one group on one UTC day."""

    fingerprint: str
    day: str
    """As `2026-11-23`."""

    reports: int
    estimated_reports: int


ReporterCounts = Mapping[str, int]
"""Distinct client networks on the busiest day, by row key; the empty key is the whole site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a summary needs beside the groups."""

    reporters: ReporterCounts
    """The distinct networks of each row key (and of the whole site under the empty key), since networks of several
    groups overlap."""

    days: Sequence[DayCount] = ()
    """Of the window, for rows by day."""

    trends: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """For rows that have one: reports on each day of `trend_window`, by the fingerprint of groups with any."""

    views: Views = field(default_factory=Views)
    """Of the window; for rows by page of all that is kept before its end, as their reports are."""

    said: Sequence[SaidViews] = ()
    """Page views a day as somebody said, oldest first; used where no access log tells."""

    warnings: tuple[SetupWarning, ...] = ()
    groups_before: int = 0
    """Groups that there are without the beginning of the window, where it has none."""


def trend_window(window: Window) -> Window:
    """The last days of a window, as many as a trend shows; from midnight, UTC, unless the window begins later."""
    midnight = window.until.replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=TREND_DAYS - 1)
    return Window(since if window.since is None else max(since, window.since), window.until)


def has_trends(by: SummaryBy) -> bool:
    """Whether a row says how many reports there were on each of the last days."""
    return by not in {SummaryBy.PAGE, SummaryBy.DAY}


def trend_days_of(window: Window) -> tuple[str, ...]:
    """The days of a window's trend, oldest first."""
    last = trend_window(window)
    since = last.since or last.until
    count = (last.until.date() - since.date()).days + 1
    return tuple(f"{since.date() + timedelta(days=number):%Y-%m-%d}" for number in range(count))


def source_of(group: ViolationGroup) -> str:
    """The origin a group's blocked URI belongs to, or its keyword or scheme as it stands."""
    scheme, separator, rest = group.blocked.partition("://")
    if not separator:
        return group.blocked or "(empty)"
    return f"{scheme}://{rest.partition('/')[0]}"


NO_INITIATOR = "(no other origin)"
"""Key of the row for what the pages load themselves, and for what nobody is said to load."""


def is_alarming(group: ViolationGroup) -> bool:
    """Whether a group looks like an attack, and no person said yet what is to become of it."""
    return group.evidence_class is EvidenceClass.ATTACK_LIKE and group.decision not in _SETTLED


def row_key(by: SummaryBy, group: ViolationGroup) -> str:
    """The key of the row that counts `group`; pages and days hold several keys and are made elsewhere."""
    match by:
        case SummaryBy.DIRECTIVE:
            return group.directive
        case SummaryBy.SOURCE:
            return source_of(group)
        case SummaryBy.INITIATOR:
            return group.initiator or NO_INITIATOR
        case _:
            return group.fingerprint


def summarize(
    groups: Sequence[ViolationGroup],
    *,
    site: str,
    window: Window,
    by: SummaryBy = SummaryBy.GROUP,
    include_noise: bool = False,
    figures: Figures,
) -> Summary:
    """Fold `groups`, of the classes that people and deployments gave them, into rows."""
    shown = [group for group in groups if include_noise or group.evidence_class not in APART_CLASSES]
    rows = _rows(shown, by, figures, origins=document_origins(groups))
    if by is SummaryBy.DAY:
        rows.sort(key=lambda row: row.key)
    else:
        rows.sort(key=lambda row: (-row.reporters, -row.reports, row.key))
    hidden = [group for group in groups if not include_noise]
    return Summary(
        site=site,
        window=window,
        by=by,
        totals=_totals(groups, window, figures),
        rows=tuple(rows),
        includes_noise=include_noise,
        hidden_noise_groups=sum(group.is_noise for group in hidden),
        hidden_superseded_groups=sum(group.evidence_class is EvidenceClass.SUPERSEDED for group in hidden),
        hidden_contradiction_groups=sum(group.evidence_class is EvidenceClass.CONTRADICTION for group in hidden),
        apart=_apart(groups),
        attack_like=_attack_like(groups),
        groups_before=figures.groups_before,
        over_budget_groups=sum(group.rule == OVER_BUDGET for group in groups),
        trend_days=trend_days_of(window) if has_trends(by) else (),
        warnings=figures.warnings,
    )


def _rows(
    shown: Sequence[ViolationGroup],
    by: SummaryBy,
    figures: Figures,
    *,
    origins: Sequence[str],
) -> list[SummaryRow]:
    match by:
        case SummaryBy.GROUP:
            candidates = Candidates(origins)
            return [_group_row(group, figures.trends.get(group.fingerprint, ()), candidates) for group in shown]
        case SummaryBy.DAY:
            return _day_rows(shown, figures)
        case SummaryBy.PAGE:
            return _page_rows(shown, figures)
        case _:
            return _folded_rows(shown, lambda group: row_key(by, group), figures)


def _totals(groups: Sequence[ViolationGroup], window: Window, figures: Figures) -> Totals:
    views, views_from = _views_of(window, figures)
    return Totals(
        reports=sum(group.reports for group in groups),
        estimated_reports=sum(group.estimated_reports for group in groups),
        groups=len(groups),
        # Networks are kept by the day: a window within a day may have some, and no reports.
        reporters=figures.reporters.get("", 0) if groups else 0,
        noise_reports=sum(group.reports for group in groups if group.is_noise),
        views=views,
        views_from=views_from,
    )


def _views_of(window: Window, figures: Figures) -> tuple[int | None, ViewsFrom | None]:
    """Access logs before what somebody said."""
    if figures.views:
        return figures.views.total, ViewsFrom.ACCESS_LOG
    said = said_of_window(figures.said, window)
    return said, None if said is None else ViewsFrom.DEPLOYMENT


def _apart(groups: Iterable[ViolationGroup]) -> tuple[Apart, ...]:
    members: dict[tuple[EvidenceClass, str], list[ViolationGroup]] = defaultdict(list)
    for group in groups:
        if group.evidence_class in APART_CLASSES:
            members[group.evidence_class, group.rule].append(group)
    found = [_folded_apart(evidence_class, rule, alike) for (evidence_class, rule), alike in members.items()]
    return tuple(sorted(found, key=lambda apart: (-apart.reports, apart.evidence_class, apart.rule)))


def _attack_like(groups: Iterable[ViolationGroup]) -> Apart | None:
    found = [group for group in groups if is_alarming(group)]
    return _folded_apart(EvidenceClass.ATTACK_LIKE, "", found) if found else None


def _folded_apart(evidence_class: EvidenceClass, rule: str, alike: Sequence[ViolationGroup]) -> Apart:
    reasons = {group.reason for group in alike if group.reason} if rule else set()
    return Apart(
        evidence_class=evidence_class,
        rule=rule,
        meaning=reasons.pop() if len(reasons) == 1 else MEANINGS[evidence_class],
        groups=len(alike),
        reports=sum(group.reports for group in alike),
        estimated_reports=sum(group.estimated_reports for group in alike),
    )


def _added_up(trends: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Day by day; empty where there is none."""
    return tuple(map(sum, zip(*trends, strict=True)))


def _group_row(group: ViolationGroup, trend: Sequence[int], candidates: Candidates) -> SummaryRow:
    is_genuine = group.evidence_class is EvidenceClass.GENUINE
    return SummaryRow(
        key=group.fingerprint,
        reports=group.reports,
        estimated_reports=group.estimated_reports,
        reporters=group.reporters,
        first_seen_ms=group.first_seen_ms,
        last_seen_ms=group.last_seen_ms,
        noise_reports=group.reports if group.is_noise else 0,
        attack_like_reports=group.reports if is_alarming(group) else 0,
        apart_reports=group.reports if group.evidence_class in APART_CLASSES else 0,
        group=group,
        is_held=is_genuine and group.decision is None and isinstance(candidates.of(group), Hold),
        trend=tuple(trend),
    )


def _folded_rows(
    groups: Sequence[ViolationGroup], key_of: Callable[[ViolationGroup], str], figures: Figures
) -> list[SummaryRow]:
    members: dict[str, list[ViolationGroup]] = defaultdict(list)
    for group in groups:
        members[key_of(group)].append(group)
    return [
        SummaryRow(
            key=key,
            reports=sum(group.reports for group in alike),
            estimated_reports=sum(group.estimated_reports for group in alike),
            reporters=figures.reporters.get(key, 0),
            first_seen_ms=min(group.first_seen_ms for group in alike),
            last_seen_ms=max(group.last_seen_ms for group in alike),
            groups=len(alike),
            noise_reports=sum(group.reports for group in alike if group.is_noise),
            attack_like_reports=sum(group.reports for group in alike if is_alarming(group)),
            apart_reports=sum(group.reports for group in alike if group.evidence_class in APART_CLASSES),
            trend=_added_up(figures.trends[each.fingerprint] for each in alike if each.fingerprint in figures.trends),
        )
        for key, alike in members.items()
    ]


@dataclass(slots=True)
class _Sums:
    """What adds up to a row of a page or a day."""

    reports: int = 0
    estimated: float = 0
    noise: int = 0
    attack_like: int = 0
    apart: int = 0
    members: set[str] = field(default_factory=set)

    def add(self, group: ViolationGroup, reports: int, estimated: float) -> None:
        self.reports += reports
        self.estimated += estimated
        self.noise += reports if group.is_noise else 0
        self.attack_like += reports if is_alarming(group) else 0
        self.apart += reports if group.evidence_class in APART_CLASSES else 0
        self.members.add(group.fingerprint)

    def row(
        self, key: str, reporters: ReporterCounts, views: int | None, views_from: RowViewsFrom = RowViewsFrom.LOG
    ) -> SummaryRow:
        return SummaryRow(
            key=key,
            reports=self.reports,
            estimated_reports=round(self.estimated),
            reporters=reporters.get(key, 0),
            first_seen_ms=None,
            last_seen_ms=None,
            groups=len(self.members),
            noise_reports=self.noise,
            attack_like_reports=self.attack_like,
            apart_reports=self.apart,
            views=views,
            views_from=None if views is None else views_from,
        )


def _page_rows(groups: Sequence[ViolationGroup], figures: Figures) -> list[SummaryRow]:
    """Pages have no times of their own: a page's count is bounded and kept without them, and without an estimate.

    So a page's estimate is scaled as its group is.
    """
    pages: dict[str, _Sums] = defaultdict(_Sums)
    for group in groups:
        scale = group.estimated_reports / group.reports if group.reports else 1.0
        for page in group.pages:
            pages[page.url].add(group, page.reports, page.reports * scale)
    # What found no room among the reports' pages is not what found none among the views'.
    views = {page: count for page, count in figures.views.by_page.items() if page != OTHER}
    return [sums.row(url, figures.reporters, views.get(url)) for url, sums in pages.items()]


def _day_rows(groups: Sequence[ViolationGroup], figures: Figures) -> list[SummaryRow]:
    by_fingerprint = {group.fingerprint: group for group in groups}
    days: dict[str, _Sums] = defaultdict(_Sums)
    for count in figures.days:
        group = by_fingerprint.get(count.fingerprint)
        if group is not None:
            days[count.day].add(group, count.reports, count.estimated_reports)
    rows = []
    for day, sums in days.items():
        logged = figures.views.by_day.get(day)
        if logged is None:
            rows.append(sums.row(day, figures.reporters, said_of_day(figures.said, day), RowViewsFrom.SAID))
        else:
            rows.append(sums.row(day, figures.reporters, logged))
    return rows
