"""Reading how far things were reported: client networks by the day, against those there are.

What is counted of a source only grows with anybody's reports, and so do the audiences, each by the networks that
somebody really has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from policybuilder.evidence import OTHER, ViolationGroup
from policybuilder.store import schema
from policybuilder.store.reading import within_days
from policybuilder.store.tables import (
    is_any,
    lists_of,
    rows_as,
    rows_as_json,
    rows_of,
    table_of,
    texts_in,
    values_as_json,
)
from policybuilder.suggestion.sorting import is_script_like
from policybuilder.suggestion.trust import (
    Z_95,
    Z_99,
    Prevalence,
    Reach,
    Share,
    SourceKey,
    Thresholds,
    fewest_of_a_page,
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
        members = [[group.fingerprint for group in sources[key]] for key in keys]
        found = [
            _reach_by_day(networks, self.audience, self.audiences, _span(sources[key]))
            for key, networks in zip(keys, self._networks_by_day(members), strict=True)
        ]
        # The few who come to a page are few to outnumber, so code is measured by the whole site.
        rare = [
            number
            for number, reach in enumerate(found)
            if not is_script_like(*keys[number][:2]) and self._may_be_of_a_page(reach)
        ]
        for number, share in zip(rare, self._best_pages([members[number] for number in rare]), strict=True):
            found[number] = replace(found[number], best_page=share)
        return dict(zip(keys, found, strict=True))

    def _may_be_of_a_page(self, reach: Reach) -> bool:
        """Whether enough reported it, of one page's visitors perhaps, and too few of the site's."""
        least = fewest_of_a_page(self.audience, self.thresholds)
        return reach.reporters >= least and not is_prevalent(reach, self.audience, self.thresholds)

    def _networks_by_day(self, sources: Sequence[Sequence[str]]) -> list[Mapping[int, int]]:
        """Distinct networks of each source on each day; a source is the fingerprints of its groups."""
        table, source = table_of(schema.GroupReporterRow), lists_of(self.connection, sources)
        by_day = (
            select(table.c.day, func.count(table.c.network.distinct()).label("networks"))
            .where(
                *within_days(table, self.site, self.window),
                table.c.fingerprint.in_(select(texts_in(self.connection, source.c.texts)).correlate(source)),
            )
            .group_by(table.c.day)
            .correlate(source)
            .subquery("by_day")
        )
        # Source by source: to sort the networks of all of them at once takes as long as to look them up.
        networks = select(rows_as_json(self.connection, by_day.c.day, by_day.c.networks)).scalar_subquery()
        found: list[Mapping[int, int]] = [{} for _ in sources]
        for number, days in rows_of(self.connection, select(source.c.number, networks)):
            if days is not None:
                found[number] = dict(_DAYS.decode(days))
        return found

    def _best_pages(self, sources: Sequence[Sequence[str]]) -> list[Share | None]:
        """Of each source, the page of which the largest part of the audience reported it that day, on whatever page.

        Which page a network reported a source on is not kept, and the list of a group's pages is short enough to be
        filled up by a stranger; that the network came to the page is kept.
        """
        if not sources or not self.pages:
            return [None for _ in sources]
        visitors = self._visitors()
        members = {fingerprint: number for number, source in enumerate(sources) for fingerprint in source}
        reporters: list[dict[int, list[int]]] = [defaultdict(list) for _ in sources]
        table = table_of(schema.GroupReporterRow)
        for fingerprint, day, networks in self._networks_of(table, table.c.fingerprint, members):
            reporters[members[fingerprint]][day] += networks
        return [visitors.best_page(by_day) for by_day in reporters]

    def _visitors(self) -> _Visitors:
        table = table_of(schema.PageReporterRow)
        return _Visitors(list(self._networks_of(table, table.c.page, self.pages)), self.pages)

    def _networks_of(
        self, table: Table, named: ColumnElement[str], names: Collection[str]
    ) -> Iterator[tuple[str, int, list[int]]]:
        """The networks that stand in a table of reporters under one of the names, by name and day."""
        return rows_as(
            self.connection,
            tuple[str, int, list[int]],
            (named, table.c.day, values_as_json(self.connection, table.c.network)),
            select(table)
            .where(*within_days(table, self.site, self.window), is_any(self.connection, named, names))
            .group_by(named, table.c.day),
        )


class _Visitors:
    """Which networks came to which pages. A set of them is a number with a bit for each, so that sets meet quickly."""

    def __init__(self, visits: Sequence[tuple[str, int, list[int]]], audiences: Mapping[str, int]) -> None:
        """Of the networks that came to a page on a day; `audiences` are those of the pages, and not none."""
        networks = {network for _, _, came in visits for network in came}
        self._place = {network: divmod(number, 8) for number, network in enumerate(sorted(networks))}
        self._largest_audience = max(audiences.values())
        self._by_day: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for page, day, came in visits:
            self._by_day[day].append((audiences[page], self._mask(came)))
        for pages in self._by_day.values():
            pages.sort()

    def _mask(self, networks: Iterable[int]) -> int:
        """Those of the networks that came to any page, as a set."""
        marks = bytearray((len(self._place) + 7) // 8)
        for network in networks:
            place = self._place.get(network)
            if place is not None:
                marks[place[0]] |= 1 << place[1]
        return int.from_bytes(marks, "little")

    def best_page(self, reporters: Mapping[int, Iterable[int]]) -> Share:
        """The largest part of a page's audience that the networks of a day are."""
        best = (0.0, 0, self._largest_audience)
        for day, networks in reporters.items():
            mask = self._mask(networks)
            most = mask.bit_count()
            for audience, came in self._by_day.get(day, ()):
                # Of this audience and all larger ones they are less, even if all of them came.
                if audience > most and _bound(most, audience, Z_99) < best[0]:
                    break
                number = (came & mask).bit_count()
                best = max(best, (_bound(number, audience, Z_99), number, audience))
        _, number, audience = best
        return Share(number, audience)


@lru_cache(maxsize=65_536)
def _bound(reporters: int, audience: int, z: float) -> float:
    """Thousands of sources are reported by as few."""
    return wilson_lower_bound(Share(reporters, audience), z)


_DAYS = msgspec.json.Decoder(list[tuple[int, int]])


def _span(groups: Sequence[ViolationGroup]) -> timedelta:
    """Between the first and the last receipt."""
    # As lists: the groups of all sources together are a hundred thousand.
    first_ms = min([group.received_first_ms for group in groups])
    return timedelta(milliseconds=max([group.received_last_ms for group in groups]) - first_ms)


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
    if not by_day:
        return Reach(best_day=Share(0, audience), span=span)
    _, reporters, of_audience = max(
        (_bound(networks, audiences.get(day, audience), Z_95), networks, audiences.get(day, audience))
        for day, networks in by_day.items()
    )
    return Reach(
        reporters=max(by_day.values()),
        best_day=Share(reporters, of_audience),
        days=len(by_day),
        span=span,
    )
