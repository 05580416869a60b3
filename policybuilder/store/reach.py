"""Reading how far things were reported: client networks by the day, against those there are.

What is counted of a source only grows with anybody's reports, and so do the audiences, each by the networks that
somebody really has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection, and_, func, or_, select, true

from policybuilder.evidence import OTHER, ViolationGroup
from policybuilder.store import schema
from policybuilder.store.reading import within_days
from policybuilder.store.tables import column_of, is_any, table_of
from policybuilder.suggestion.trust import (
    Z_99,
    Prevalence,
    Reach,
    Share,
    SourceKey,
    Thresholds,
    has_own_audience,
    is_prevalent,
    usual_audience,
    wilson_lower_bound,
)
from policybuilder.times import Window


def read_prevalence(
    connection: Connection,
    site: str,
    window: Window,
    sources: Mapping[SourceKey, Sequence[ViolationGroup]],
    thresholds: Thresholds,
) -> Prevalence:
    """How far the window saw `sources` reported, each with the groups that ask for it, and how far the policies.

    A page counts on its own where so many of the site's networks come that it is no forger's. `sources` is what
    strangers alone speak for.
    """
    table = table_of(schema.NetworkDayRow)
    # Whoever only rehearses is no audience. Of imported reports none are counted here, but their networks are.
    strangers = or_(table.c.rehearsed_reports == 0, table.c.reports > table.c.rehearsed_reports)
    networks = select(table.c.day, func.count()).where(*within_days(table, site, window), strangers)
    days = {int(day): int(number) for day, number in connection.execute(networks.group_by(table.c.day))}
    audience = usual_audience(list(days.values()))
    audiences = {day: max(number, audience) for day, number in days.items()}
    pages = _page_audiences(connection, site, window, audience, thresholds)
    reader = _Reader(connection, site, window, pages, audience, audiences, thresholds)
    return Prevalence(
        audience=audience,
        smallest_page=min(pages.values(), default=None),
        sources={key: reader.reach_of(groups) for key, groups in sorted(sources.items())},
        policies=_policy_reach(connection, site, window, audience, audiences),
    )


def _page_audiences(
    connection: Connection, site: str, window: Window, audience: int, thresholds: Thresholds
) -> dict[str, int]:
    """Pages with an audience of their own, with its size on their best day."""
    table = table_of(schema.PageReporterRow)
    most: dict[str, int] = {}
    for page, networks in connection.execute(
        select(table.c.page, func.count()).where(*within_days(table, site, window)).group_by(table.c.page, table.c.day)
    ):
        most[page] = max(most.get(page, 0), int(networks))
    return {
        page: networks
        for page, networks in most.items()
        if page != OTHER and has_own_audience(networks, audience, thresholds)
    }


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    site: str
    window: Window
    pages: Mapping[str, int]
    """Those with an audience of their own, with its size."""

    audience: int
    audiences: Mapping[int, int]
    """By the day, none below the usual."""

    thresholds: Thresholds

    def reach_of(self, groups: Sequence[ViolationGroup]) -> Reach:
        fingerprints = [group.fingerprint for group in groups]
        table = table_of(schema.GroupReporterRow)
        is_source = is_any(self.connection, table.c.fingerprint, fingerprints)
        networks = (
            select(table.c.day, func.count(table.c.network.distinct()))
            .where(*within_days(table, self.site, self.window), is_source)
            .group_by(table.c.day)
        )
        by_day = {int(day): int(number) for day, number in self.connection.execute(networks)}
        reach = _reach_by_day(by_day, self.audience, self.audiences, self._span(fingerprints))
        if reach.reporters < self.thresholds.min_reporters or is_prevalent(reach, self.audience, self.thresholds):
            return reach
        return replace(reach, best_page=self._best_page(fingerprints))

    def _span(self, fingerprints: Sequence[str]) -> timedelta:
        table = table_of(schema.GroupRow)
        first, last = self.connection.execute(
            select(func.min(table.c.received_first_ms), func.max(table.c.received_last_ms)).where(
                table.c.site == self.site, is_any(self.connection, table.c.fingerprint, fingerprints)
            )
        ).one()
        return timedelta() if first is None else timedelta(milliseconds=last - first)

    def _best_page(self, fingerprints: Sequence[str]) -> Share | None:
        """The page of which the largest part of the audience reported the source that day, on whatever page.

        Which page a network reported a source on is not kept, and the list of a group's pages is short enough to be
        filled up by a stranger; that the network came to the page is kept.
        """
        table, visitors = table_of(schema.GroupReporterRow), table_of(schema.PageReporterRow)
        reporters = (
            select(table.c.day, table.c.network)
            .distinct()
            .where(
                *within_days(table, self.site, self.window), is_any(self.connection, table.c.fingerprint, fingerprints)
            )
            .subquery("reporters")
        )
        page = select(column_of(self.connection, self.pages).label("page")).subquery("pages")
        # Outer joins, so that SQLite goes through them in this order: the last is then looked up by its whole key.
        came = and_(
            visitors.c.site == self.site,
            visitors.c.page == page.c.page,
            visitors.c.day == reporters.c.day,
            visitors.c.network == reporters.c.network,
        )
        both = (
            select(page.c.page, reporters.c.day, func.count(visitors.c.network))
            .select_from(page.outerjoin(reporters, true()).outerjoin(visitors, came))
            .group_by(page.c.page, reporters.c.day)
        )
        shares = [Share(int(number), self.pages[name]) for name, _, number in self.connection.execute(both)]
        return max(shares, key=lambda share: (wilson_lower_bound(share, Z_99), share.audience), default=None)


def _policy_reach(
    connection: Connection, site: str, window: Window, audience: int, audiences: Mapping[int, int]
) -> dict[str, Reach]:
    """How far each policy was named, by its text."""
    table, texts = table_of(schema.PolicyReporterRow), table_of(schema.PolicyRow)
    by_day: dict[str, dict[int, int]] = {}
    for text, day, networks in connection.execute(
        select(texts.c.text, table.c.day, func.count())
        .where(*within_days(table, site, window), texts.c.site == site, texts.c.digest == table.c.policy_digest)
        .group_by(texts.c.text, table.c.day)
    ):
        by_day.setdefault(text, {})[int(day)] = int(networks)
    # Its times are those that browsers give themselves; the days are ours.
    return {
        text: _reach_by_day(days, audience, audiences, timedelta(days=len(days) - 1)) for text, days in by_day.items()
    }


def _reach_by_day(by_day: Mapping[int, int], audience: int, audiences: Mapping[int, int], span: timedelta) -> Reach:
    shares = [Share(networks, audiences.get(day, audience)) for day, networks in by_day.items()]
    return Reach(
        reporters=max(by_day.values(), default=0),
        best_day=max(
            shares, key=lambda share: (wilson_lower_bound(share), share.reporters), default=Share(0, audience)
        ),
        days=len(by_day),
        span=span,
    )
