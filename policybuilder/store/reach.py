"""Reading how far things were reported: client networks by the day, against those there are.

What is counted of a source only grows with anybody's reports, and so do the audiences, each by the networks that
somebody really has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection, and_, func, or_, select

from policybuilder.evidence import OTHER, ViolationGroup
from policybuilder.store import schema
from policybuilder.store.reading import within_days
from policybuilder.store.tables import is_any, pairs_of, rows_of, table_of
from policybuilder.suggestion.sorting import is_script_like
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
        sources=reader.reach_of(sources),
        policies=_policy_reach(connection, site, window, audience, audiences),
    )


def _page_audiences(
    connection: Connection, site: str, window: Window, audience: int, thresholds: Thresholds
) -> dict[str, int]:
    """Pages with an audience of their own, with its size on their best day."""
    table = table_of(schema.PageReporterRow)
    most: dict[str, int] = {}
    for page, networks in rows_of(
        connection,
        select(table.c.page, func.count()).where(*within_days(table, site, window)).group_by(table.c.page, table.c.day),
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

    def reach_of(self, sources: Mapping[SourceKey, Sequence[ViolationGroup]]) -> dict[SourceKey, Reach]:
        """Of all of them at once: there may be as many as there are groups, and each query takes a millisecond."""
        keys = sorted(sources)
        members = [(number, group.fingerprint) for number, key in enumerate(keys) for group in sources[key]]
        by_day, spans = self._networks_by_day(members), self._spans(members)
        nothing: Mapping[int, int] = {}
        found = [
            _reach_by_day(by_day.get(number, nothing), self.audience, self.audiences, spans.get(number, timedelta()))
            for number in range(len(keys))
        ]
        # The few who come to a page are few to outnumber, so code is measured by the whole site.
        rare = {
            number
            for number, reach in enumerate(found)
            if not is_script_like(*keys[number][:2]) and self._may_be_of_a_page(reach)
        }
        for number, share in self._best_pages([member for member in members if member[0] in rare]).items():
            found[number] = replace(found[number], best_page=share)
        return dict(zip(keys, found, strict=True))

    def _may_be_of_a_page(self, reach: Reach) -> bool:
        """Whether enough reported it, of one page's visitors perhaps, and too few of the site's."""
        is_reported = reach.reporters >= self.thresholds.min_reporters
        return is_reported and not is_prevalent(reach, self.audience, self.thresholds)

    def _networks_by_day(self, members: Sequence[_Member]) -> dict[int, dict[int, int]]:
        """Distinct networks of each source on each day."""
        table, source = table_of(schema.GroupReporterRow), pairs_of(self.connection, members)
        networks = (
            select(source.c.number, table.c.day, func.count(table.c.network.distinct()))
            .where(*within_days(table, self.site, self.window), table.c.fingerprint == source.c.text)
            .group_by(source.c.number, table.c.day)
        )
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for number, day, count in rows_of(self.connection, networks):
            found[number][int(day)] = int(count)
        return found

    def _spans(self, members: Sequence[_Member]) -> dict[int, timedelta]:
        table, source = table_of(schema.GroupRow), pairs_of(self.connection, members)
        received = (
            select(source.c.number, func.min(table.c.received_first_ms), func.max(table.c.received_last_ms))
            .where(table.c.site == self.site, table.c.fingerprint == source.c.text)
            .group_by(source.c.number)
        )
        return {
            number: timedelta(milliseconds=last - first) for number, first, last in rows_of(self.connection, received)
        }

    def _best_pages(self, members: Sequence[_Member]) -> dict[int, Share]:
        """The page of which the largest part of the audience reported a source that day, on whatever page.

        Which page a network reported a source on is not kept, and the list of a group's pages is short enough to be
        filled up by a stranger; that the network came to the page is kept.
        """
        if not members or not self.pages:
            return {}
        table, visitors = table_of(schema.GroupReporterRow), table_of(schema.PageReporterRow)
        source = pairs_of(self.connection, members)
        reporters = (
            select(source.c.number, table.c.day, table.c.network)
            .distinct()
            .where(*within_days(table, self.site, self.window), table.c.fingerprint == source.c.text)
            .subquery("reporters")
        )
        came = (
            select(visitors.c.page, visitors.c.day, visitors.c.network)
            .where(*within_days(visitors, self.site, self.window), is_any(self.connection, visitors.c.page, self.pages))
            .subquery("came")
        )
        # An outer join, so that SQLite goes through the visitors once, and looks the reporters up in an index of its
        # own: the other way round it goes through all visitors for each. Who reported nothing is of no source.
        both = came.outerjoin(reporters, and_(reporters.c.network == came.c.network, reporters.c.day == came.c.day))
        by_day = (
            select(reporters.c.number, came.c.page, func.count().label("networks"))
            .select_from(both)
            .group_by(reporters.c.number, came.c.page, came.c.day)
            .subquery("by_day")
        )
        busiest = select(by_day.c.number, by_day.c.page, func.max(by_day.c.networks)).group_by(
            by_day.c.number, by_day.c.page
        )
        most: dict[int, dict[str, int]] = {number: {} for number, _ in members}
        for number, page, networks in rows_of(self.connection, busiest):
            if number is not None:
                most[number][page] = int(networks)
        return {
            number: max(
                (Share(found.get(page, 0), audience) for page, audience in self.pages.items()),
                key=lambda share: (wilson_lower_bound(share, Z_99), share.audience),
            )
            for number, found in most.items()
        }


_Member = tuple[int, str]
"""The number of a source, and the fingerprint of a group that asks for it."""


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
