"""Reading how far things were reported: client networks by the day, against those there are.

Nothing here can be lowered by anybody's reports: what is counted of a source only grows with them, and so do the
audiences, each by the networks that somebody really has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, select

from policybuilder.evidence import OTHER, ViolationGroup
from policybuilder.store import schema
from policybuilder.store.reading import within_days
from policybuilder.store.tables import chunks, table_of
from policybuilder.suggestion.trust import Prevalence, Reach, Share, SourceKey, Thresholds, has_own_audience
from policybuilder.times import Window


def read_prevalence(
    connection: Connection,
    site: str,
    window: Window,
    sources: Mapping[SourceKey, Sequence[ViolationGroup]],
    thresholds: Thresholds,
) -> Prevalence:
    """How far the window saw `sources` reported, each with the groups that ask for it, and how far the policies.

    A page counts on its own where trusted evidence names it, or where so many of the site's networks come that it is no
    forger's. `sources` is what strangers alone speak for.
    """
    table = table_of(schema.NetworkDayRow)
    networks = select(func.count()).where(*within_days(table, site, window)).group_by(table.c.day)
    audience = max((int(number) for number in connection.scalars(networks)), default=0)
    pages = _page_audiences(connection, site, window, audience, thresholds)
    reader = _Reader(connection, site, window, pages, thresholds.min_reporters)
    return Prevalence(
        audience=audience,
        smallest_page=min(pages.values(), default=None),
        sources={key: reader.reach_of(groups) for key, groups in sorted(sources.items())},
        policies=_policy_reach(connection, site, window),
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
    vouched = _vouched_pages(connection, site)
    return {
        page: networks
        for page, networks in most.items()
        if page != OTHER and (page in vouched or has_own_audience(networks, audience, thresholds))
    }


def _vouched_pages(connection: Connection, site: str) -> set[str]:
    """Pages that trusted evidence names."""
    table = table_of(schema.GroupPageRow)
    return set(
        connection.scalars(select(table.c.page).distinct().where(table.c.site == site, table.c.trusted_reports > 0))
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    site: str
    window: Window
    pages: Mapping[str, int]
    """Those with an audience of their own, with its size."""

    min_reporters: int

    def reach_of(self, groups: Sequence[ViolationGroup]) -> Reach:
        fingerprints = sorted(group.fingerprint for group in groups)
        table = table_of(schema.GroupReporterRow)
        # Of more groups than a statement can name, the networks of one portion: fewer than there are, and never more.
        by_day: dict[int, int] = {}
        for chunk in chunks(fingerprints):
            for day, networks in self.connection.execute(
                select(table.c.day, func.count(table.c.network.distinct()))
                .where(*within_days(table, self.site, self.window), table.c.fingerprint.in_(chunk))
                .group_by(table.c.day)
            ):
                by_day[day] = max(by_day.get(day, 0), int(networks))
        most = max(by_day.values(), default=0)
        own = sorted({page.url for group in groups for page in group.pages} & self.pages.keys())
        return Reach(
            reporters=most,
            days=len(by_day),
            span=self._span(fingerprints),
            best_page=self._best_page(fingerprints, own) if most >= self.min_reporters else None,
        )

    def _span(self, fingerprints: Sequence[str]) -> timedelta:
        table = table_of(schema.GroupRow)
        extremes = select(func.min(table.c.received_first_ms), func.max(table.c.received_last_ms))
        times = [
            time
            for chunk in chunks(fingerprints)
            for row in self.connection.execute(
                extremes.where(table.c.site == self.site, table.c.fingerprint.in_(chunk))
            )
            for time in row
            if time is not None
        ]
        return timedelta(milliseconds=max(times) - min(times)) if times else timedelta()

    def _best_page(self, fingerprints: Sequence[str], pages: Sequence[str]) -> Share | None:
        """The page of which the largest part of the audience reported the source that day, on whatever page.

        Which page a network reported a source on is not kept; that it came to the page is.
        """
        reporters, visitors = table_of(schema.GroupReporterRow), table_of(schema.PageReporterRow)
        shares = []
        for page in pages:
            most = 0
            for chunk in chunks(fingerprints):
                both = (
                    select(func.count(reporters.c.network.distinct()))
                    .where(
                        *within_days(reporters, self.site, self.window),
                        reporters.c.fingerprint.in_(chunk),
                        visitors.c.site == self.site,
                        visitors.c.page == page,
                        visitors.c.day == reporters.c.day,
                        visitors.c.network == reporters.c.network,
                    )
                    .group_by(reporters.c.day)
                )
                most = max([most, *(int(number) for number in self.connection.scalars(both))])
            shares.append(Share(most, self.pages[page]))
        return max(shares, key=lambda share: (share.reporters / share.audience, share.audience), default=None)


def _policy_reach(connection: Connection, site: str, window: Window) -> dict[str, Reach]:
    """How far each policy was named, by its text."""
    table, texts = table_of(schema.PolicyReporterRow), table_of(schema.PolicyRow)
    most: dict[str, tuple[int, int]] = {}
    for text, networks in connection.execute(
        select(texts.c.text, func.count())
        .where(*within_days(table, site, window), texts.c.site == site, texts.c.digest == table.c.policy_digest)
        .group_by(texts.c.text, table.c.day)
    ):
        reporters, days = most.get(text, (0, 0))
        most[text] = (max(reporters, int(networks)), days + 1)
    # Its times are those that browsers give themselves; the days are ours.
    return {text: Reach(reporters, days, timedelta(days=days - 1)) for text, (reporters, days) in most.items()}
