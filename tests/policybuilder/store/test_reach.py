"""How far sources were reported: all at once is what one after the other is."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, and_, func, select, true

from policybuilder.evidence import OTHER, ViolationGroup
from policybuilder.store import schema
from policybuilder.store.reach import read_prevalence
from policybuilder.store.reading import read_groups, snapshot, within_days
from policybuilder.store.sites import ensure_default_site
from policybuilder.store.tables import column_of, is_any, table_of
from policybuilder.suggestion.propose import asked_by_strangers
from policybuilder.suggestion.sorting import is_script_like
from policybuilder.suggestion.trust import (
    Z_99,
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
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation, record_observations

_UNTIL = SEEN_AT + timedelta(days=4)
_WINDOWS = (Window(None, _UNTIL), Window(SEEN_AT + timedelta(days=1), SEEN_AT + timedelta(days=2)))
_THRESHOLDS = (Thresholds(), Thresholds(min_reporters=2, min_prevalence=0.05), Thresholds(min_prevalence=0.3))


def _record_at_random(engine: Engine, seed: int) -> None:
    """Sources of one to five groups, on five pages and four days, from sixty networks of which few come to a page."""
    chance = random.Random(seed)  # noqa: S311  (evidence, not secrets)
    observations = []
    for _ in range(600):
        host, page = int(8 * chance.random() ** 2), int(5 * chance.random() ** 2)
        url = f"https://cdn{host}.example/{chance.randrange(1 + host % 5)}.js"
        directive = chance.choice(("img-src", "script-src-elem"))
        observations.append(
            make_observation(
                make_violation(directive, url, document_uri=f"{ORIGIN}/{page}"),
                seen_at=SEEN_AT + timedelta(days=chance.randrange(4), minutes=chance.randrange(600)),
                network=f"10.0.{int(60 * chance.random() ** (1 + host % 3))}.0/24",
                is_trusted=chance.random() < 0.01,
            )
        )
    record_observations(engine, *observations, now=_UNTIL)


@pytest.mark.parametrize("seed", range(4))
def test_the_reach_of_all_sources_is_the_reach_of_each(engine: Engine, seed: int) -> None:
    ensure_default_site(engine, SEEN_AT)
    _record_at_random(engine, seed)
    best_pages = set()
    with snapshot(engine) as connection:
        for window in _WINDOWS:
            sources = asked_by_strangers(read_groups(connection, "default", window))
            assert sources
            for thresholds in _THRESHOLDS:
                found = read_prevalence(connection, "default", window, sources, thresholds)
                one_by_one = _OneByOne.of(connection, window, thresholds)
                assert found.sources == {key: one_by_one.reach_of(key, groups) for key, groups in sources.items()}
                best_pages |= {reach.best_page for reach in found.sources.values()}
    # Both kinds occurred, or nothing was compared.
    assert None in best_pages
    assert len(best_pages) > 1


def test_no_sources_have_no_reach(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)
    _record_at_random(engine, 0)
    with snapshot(engine) as connection:
        assert read_prevalence(connection, "default", _WINDOWS[0], {}, Thresholds()).sources == {}


@dataclass(frozen=True, slots=True)
class _OneByOne:
    """Each source by itself, as plainly as the tables can be asked."""

    connection: Connection
    window: Window
    pages: Mapping[str, int]
    audience: int
    audiences: Mapping[int, int]
    thresholds: Thresholds

    @classmethod
    def of(cls, connection: Connection, window: Window, thresholds: Thresholds) -> _OneByOne:
        networks, visitors = table_of(schema.NetworkDayRow), table_of(schema.PageReporterRow)
        by_day = select(networks.c.day, func.count()).where(
            *within_days(networks, "default", window), networks.c.reports > networks.c.rehearsed_reports
        )
        days = {int(day): int(number) for day, number in connection.execute(by_day.group_by(networks.c.day))}
        audience = usual_audience(list(days.values()))
        by_page = select(visitors.c.page, func.count()).where(*within_days(visitors, "default", window))
        most: dict[str, int] = {}
        for page, number in connection.execute(by_page.group_by(visitors.c.page, visitors.c.day)):
            most[page] = max(most.get(page, 0), int(number))
        pages = {
            page: number
            for page, number in most.items()
            if page != OTHER and has_own_audience(number, audience, thresholds)
        }
        audiences = {day: max(number, audience) for day, number in days.items()}
        return cls(connection, window, pages, audience, audiences, thresholds)

    def reach_of(self, key: SourceKey, groups: Sequence[ViolationGroup]) -> Reach:
        fingerprints = [group.fingerprint for group in groups]
        table = table_of(schema.GroupReporterRow)
        is_source = is_any(self.connection, table.c.fingerprint, fingerprints)
        networks = (
            select(table.c.day, func.count(table.c.network.distinct()))
            .where(*within_days(table, "default", self.window), is_source)
            .group_by(table.c.day)
        )
        by_day = {int(day): int(number) for day, number in self.connection.execute(networks)}
        reach = self._reach(by_day, self._span(fingerprints))
        if reach.reporters < self.thresholds.min_reporters or is_prevalent(reach, self.audience, self.thresholds):
            return reach
        if is_script_like(*key[:2]):
            return reach
        return replace(reach, best_page=self._best_page(fingerprints))

    def _span(self, fingerprints: Sequence[str]) -> timedelta:
        table = table_of(schema.GroupRow)
        first, last = self.connection.execute(
            select(func.min(table.c.received_first_ms), func.max(table.c.received_last_ms)).where(
                table.c.site == "default", is_any(self.connection, table.c.fingerprint, fingerprints)
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
                *within_days(table, "default", self.window), is_any(self.connection, table.c.fingerprint, fingerprints)
            )
            .subquery("reporters")
        )
        page = select(column_of(self.connection, self.pages).label("page")).subquery("pages")
        # Outer joins, so that SQLite goes through them in this order: the last is then looked up by its whole key.
        came = and_(
            visitors.c.site == "default",
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

    def _reach(self, by_day: Mapping[int, int], span: timedelta) -> Reach:
        shares = [Share(networks, self.audiences.get(day, self.audience)) for day, networks in by_day.items()]
        return Reach(
            reporters=max(by_day.values(), default=0),
            best_day=max(
                shares,
                key=lambda share: (wilson_lower_bound(share), share.reporters),
                default=Share(0, self.audience),
            ),
            days=len(by_day),
            span=span,
        )
