"""Reading evidence: rows become frozen values."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from operator import attrgetter
from sys import intern

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Table,
    case,
    cast,
    func,
    or_,
    select,
)

from policybuilder.csp.violation import Disposition, SampleExtent
from policybuilder.deferred import Deferred
from policybuilder.evidence import EvidenceClass, PageCount, PolicyCount, ScriptHash, ViolationGroup
from policybuilder.networks import leaked_days
from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, HOUR_MS, day_name, day_number, from_ms, to_ms
from policybuilder.store.networks import read_rehearsal_networks
from policybuilder.store.reading_ahead import rows_ahead
from policybuilder.store.tables import is_any, row_as_json, rows_as, rows_as_json, rows_of, table_of
from policybuilder.summary import DayCount, ReporterCounts, trend_window
from policybuilder.times import Window


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which every read sees the same state of the database."""
    with engine.connect() as connection:
        is_postgresql = connection.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if is_postgresql else {}
        with connection.execution_options(**options).begin():
            yield connection


def read_groups(
    connection: Connection,
    site: str,
    window: Window,
    *,
    fingerprint: str | None = None,
    fingerprints: Collection[str] | None = None,
) -> tuple[ViolationGroup, ...]:
    """A site's groups with reports in the window, or those named; by fingerprint, with the counts of the window.

    A window is rounded outwards to whole days (reporters), and to whole hours (reports), or days where hours are rolled
    up. Pages are kept without times, so they are those of all evidence; so are policies, but one is trusted only for
    what the window saw. Nothing is trusted of days on which the rehearsal key was used from too many networks.
    """
    table = table_of(schema.GroupRow)
    pages_table, policies_table = table_of(schema.GroupPageRow), table_of(schema.GroupPolicyRow)
    # All that is known of a group in one row: to put rows of five queries together takes as long as to read them.
    columns = (
        *(table.c[name] for name in _GROUP_COLUMNS),
        *_counts_of_group(connection, table, window, _leaked_days(connection, site, window)),
        _networks_of_group(connection, table, window),
        _members_of_group(connection, pages_table, table, ("page", "reports", "trusted_reports")),
        _members_of_group(connection, policies_table, table, _PolicyUse.__struct_fields__),
    )
    query = select(table).where(
        table.c.site == site, table.c.first_seen_ms < _until_ms(window), table.c.last_seen_ms >= _since_ms(window)
    )
    if fingerprint is not None:
        query = query.where(table.c.fingerprint == fingerprint)
    if fingerprints is not None:
        query = query.where(is_any(connection, table.c.fingerprint, fingerprints))
    unpack, unpack_unvouched = _unpackers_of_policies(connection, site, window)
    groups = []
    for row in rows_ahead(connection, _Group, columns, query, table.c.fingerprint):
        if not row.of_hours and not row.of_days:
            continue
        reports, trusted_reports, estimated_reports = _counts_in(row.of_hours, row.of_days)
        seen = _NETWORKS.decode(row.networks) if isinstance(row.networks, str) else row.networks
        reporters, days = seen or (0, 0)
        groups.append(
            ViolationGroup(
                fingerprint=row.fingerprint,
                document_origin=intern(row.document_origin),
                directive=intern(row.directive),
                blocked=row.blocked,
                disposition=row.disposition,
                evidence_class=row.evidence_class,
                rule=intern(row.rule),
                reason=intern(row.reason),
                sample=row.sample,
                sample_extent=row.sample_extent,
                source_file=intern(row.source_file),
                line_number=row.line_number,
                initiator=intern(row.initiator),
                reports=reports,
                trusted_reports=trusted_reports,
                estimated_reports=estimated_reports,
                reporters=reporters or 0,
                days=days,
                first_seen_ms=row.first_seen_ms,
                last_seen_ms=row.last_seen_ms,
                received_first_ms=row.received_first_ms,
                received_last_ms=row.received_last_ms,
                pages=_in_order(row.pages),
                # A copy, since the original keeps the whole portion of rows.
                policies=Deferred(row.policies.copy(), unpack if trusted_reports else unpack_unvouched),
            )
        )
    groups.sort(key=attrgetter("fingerprint"))
    return tuple(groups)


_Counts = tuple[int, int, int]
"""Reports, trusted and estimated reports."""

_COUNTS: msgspec.json.Decoder[_Counts] = msgspec.json.Decoder(_Counts)
_Networks = tuple[int | None, int]
"""The most of a day, and the number of days."""

_NETWORKS: msgspec.json.Decoder[_Networks] = msgspec.json.Decoder(_Networks)
_PAGES = msgspec.json.Decoder(list[PageCount])


class _Group(msgspec.Struct, array_like=True, gc=False):
    """A row of the table of groups, and what other tables have of it."""

    fingerprint: str
    document_origin: str
    directive: str
    blocked: str
    disposition: Disposition
    evidence_class: EvidenceClass
    rule: str
    reason: str
    sample: str
    sample_extent: SampleExtent
    source_file: str
    line_number: int | None
    initiator: str
    first_seen_ms: int
    last_seen_ms: int
    received_first_ms: int
    received_last_ms: int
    of_hours: _Counts | str | None
    of_days: _Counts | str | None
    networks: _Networks | str | None
    pages: list[PageCount] | str | None
    policies: msgspec.Raw


_GROUP_COLUMNS = _Group.__struct_fields__[: _Group.__struct_fields__.index("of_hours")]


class _PolicyUse(msgspec.Struct, array_like=True, gc=False):
    """A row of the table of groups and policies, but for the site and the fingerprint."""

    policy_digest: str
    reports: int
    trusted_reports: int
    first_seen_ms: int
    last_seen_ms: int
    trusted_first_ms: int | None
    trusted_last_ms: int | None


_POLICY_USES = msgspec.json.Decoder(list[_PolicyUse] | str | None)


def _counts_in(of_hours: _Counts | str | None, of_days: _Counts | str | None) -> _Counts:
    """What hours and days count together."""
    hours = _COUNTS.decode(of_hours) if isinstance(of_hours, str) else of_hours
    days = _COUNTS.decode(of_days) if isinstance(of_days, str) else of_days
    if hours is None or days is None:
        return hours or days or (0, 0, 0)
    return hours[0] + days[0], hours[1] + days[1], hours[2] + days[2]


def _in_order(pages: list[PageCount] | str | None) -> tuple[PageCount, ...]:
    """Most reports first."""
    found = _PAGES.decode(pages) if isinstance(pages, str) else pages or []
    if len(found) > 1:
        # In two goes, since those of all groups together are very many.
        found.sort(key=attrgetter("url"))
        found.sort(key=attrgetter("reports"), reverse=True)
    return tuple(found)


_Unpacker = Callable[[msgspec.Raw], tuple[PolicyCount, ...]]


def _unpackers_of_policies(connection: Connection, site: str, window: Window) -> tuple[_Unpacker, _Unpacker]:
    """What makes the policies of a group, most reports first; and of one that nobody vouched for.

    Counts are those of all evidence, but trusted ones must be of the window. Whoever vouched for a policy did so by
    vouching for the group.
    """
    texts = table_of(schema.PolicyRow)
    # Of few policies each stands under thousands of groups: the text is long, and is read once.
    text_of = dict(rows_of(connection, select(texts.c.digest, texts.c.text).where(texts.c.site == site)))
    since_ms, until_ms = _since_ms(window), _until_ms(window)

    def is_vouched(use: _PolicyUse) -> bool:
        first_ms, last_ms = use.trusted_first_ms, use.trusted_last_ms
        return first_ms is not None and last_ms is not None and last_ms >= since_ms and first_ms <= until_ms

    def unpack(packed: msgspec.Raw, *, is_group_vouched: bool = True) -> tuple[PolicyCount, ...]:
        found = _POLICY_USES.decode(packed)
        found = _POLICY_USES.decode(found) if isinstance(found, str) else found
        uses = sorted(found or (), key=lambda use: (-use.reports, use.policy_digest))
        return tuple(
            PolicyCount(
                text_of[use.policy_digest],
                use.reports,
                use.trusted_reports if is_group_vouched and is_vouched(use) else 0,
                from_ms(use.first_seen_ms),
                from_ms(use.last_seen_ms),
            )
            for use in uses
            if use.policy_digest in text_of
        )

    return unpack, partial(unpack, is_group_vouched=False)


def _counts_of_group(
    connection: Connection, group: Table, window: Window, void_days: Collection[int]
) -> Iterator[ColumnElement[str | None]]:
    """As JSON, the counts of hours, and those of the days that older hours are rolled up into; NULL where none are.

    A day may have both: evidence that is imported late is kept by the hour again, until the next roll-up adds it.
    Nothing of `void_days` (since 1970) is trusted.
    """
    hours, days = table_of(schema.GroupHourRow), table_of(schema.GroupDayRow)
    for table, day, is_within in (
        (hours, hours.c.hour // 24, _hours(hours, window)),
        (days, days.c.day, _days(days, window)),
    ):
        trusted: ColumnElement[int] = table.c.trusted_reports
        if void_days:
            trusted = case((day.in_(sorted(void_days)), 0), else_=trusted)
        sums = map(_sum, (table.c.reports, trusted, table.c.estimated_reports))
        counts = select(row_as_json(connection, *sums)).where(*_is_of(table, group), *is_within)
        yield counts.group_by(table.c.fingerprint).scalar_subquery()


def _networks_of_group(connection: Connection, group: Table, window: Window) -> ColumnElement[str | None]:
    """As JSON, the largest number of distinct networks of a group on one day (null where none are), and its days."""
    table = table_of(schema.GroupReporterRow)
    by_day = (
        select(table.c.day, func.count().label("networks"))
        .where(*_is_of(table, group), *_days(table, window))
        .group_by(table.c.day)
        .correlate(group)
        .subquery("by_day")
    )
    return (
        select(row_as_json(connection, func.max(by_day.c.networks), func.count())).select_from(by_day).scalar_subquery()
    )


def _members_of_group(connection: Connection, table: Table, group: Table, names: Iterable[str]) -> ColumnElement[str]:
    """As JSON, these columns of the rows of another table about a group."""
    rows = rows_as_json(connection, *(table.c[name] for name in names))
    return select(rows).where(*_is_of(table, group)).scalar_subquery()


def _is_of(table: Table, group: Table) -> tuple[ColumnElement[bool], ...]:
    return table.c.site == group.c.site, table.c.fingerprint == group.c.fingerprint


def read_day_counts(
    connection: Connection, site: str, window: Window, *, fingerprint: str | None = None
) -> tuple[DayCount, ...]:
    """Reports of each group, or of the one named, on each day of the window, by fingerprint."""
    hours, days = table_of(schema.GroupHourRow), table_of(schema.GroupDayRow)
    name = lru_cache(day_name)
    # One after the other: each table is in the order of fingerprints, and both together would have to be sorted.
    of_hours, of_days = (
        tuple(
            DayCount(fingerprint, name(number), reports, estimated)
            for fingerprint, number, reports, estimated in rows_as(
                connection,
                tuple[str, int, int, int],
                (table.c.fingerprint, day, _sum(table.c.reports), _sum(table.c.estimated_reports)),
                select(table)
                .where(
                    table.c.site == site, *is_within, *((table.c.fingerprint == fingerprint,) if fingerprint else ())
                )
                .group_by(table.c.fingerprint, day)
                .order_by(table.c.fingerprint, day),
            )
        )
        for table, day, is_within in (
            (hours, hours.c.hour // 24, _hours(hours, window)),
            (days, days.c.day, _days(days, window)),
        )
    )
    return of_hours if not of_days else tuple(_added_up(heapq.merge(of_hours, of_days, key=_group_and_day)))


def read_trends(connection: Connection, site: str, window: Window) -> dict[str, tuple[int, ...]]:
    """Reports on each day of `trend_days_of` a window, by the fingerprint of the groups that have some."""
    window = trend_window(window)
    groups = table_of(schema.GroupRow)
    hours, days = table_of(schema.GroupHourRow), table_of(schema.GroupDayRow)
    first, last = _since_ms(window) // DAY_MS, _until_ms(window) // DAY_MS
    columns = (
        groups.c.fingerprint,
        _days_of_group(connection, hours, groups, hours.c.hour // 24, _hours(hours, window)),
        _days_of_group(connection, days, groups, days.c.day, _days(days, window)),
    )
    # Of all others there is nothing to look up. What was rehearsed counts when it arrived, long seen or not.
    since_ms = _since_ms(window) // HOUR_MS * HOUR_MS
    is_recent = or_(groups.c.last_seen_ms >= since_ms, groups.c.received_last_ms >= since_ms)
    query = select(groups).where(groups.c.site == site, is_recent)
    trends = {}
    for group in rows_ahead(connection, _DaysOfGroup, columns, query, groups.c.fingerprint):
        trend = [0] * (last - first + 1)
        for counts in (group.of_hours, group.of_days):
            for day, reports in (_DAYS.decode(counts) if isinstance(counts, str) else counts) or ():
                trend[day - first] += reports
        if any(trend):
            trends[group.fingerprint] = tuple(trend)
    return trends


_Days = list[tuple[int, int]]
"""Reports by the day."""

_DAYS = msgspec.json.Decoder(_Days)


class _DaysOfGroup(msgspec.Struct, array_like=True, gc=False):
    fingerprint: str
    of_hours: _Days | str | None
    of_days: _Days | str | None


def _days_of_group(
    connection: Connection,
    table: Table,
    group: Table,
    day: ColumnElement[int],
    is_within: Iterable[ColumnElement[bool]],
) -> ColumnElement[str | None]:
    """As JSON, reports of a group with the day they are of; a day may stand there several times."""
    # Added up where they are read: to sort each group's by the day takes the database as long again.
    counts = rows_as_json(connection, day, table.c.reports)
    return select(counts).where(*_is_of(table, group), *is_within).scalar_subquery()


def read_daily_reports(connection: Connection, site: str, window: Window) -> Mapping[tuple[str, EvidenceClass], int]:
    """Reports of the site by day and class, as rules gave it; in one pass, however many groups there are."""
    hours, days, groups = (table_of(row) for row in (schema.GroupHourRow, schema.GroupDayRow, schema.GroupRow))
    found: dict[tuple[str, EvidenceClass], int] = defaultdict(int)
    for table, day, is_within in (
        (hours, hours.c.hour // 24, _hours(hours, window)),
        (days, days.c.day, _days(days, window)),
    ):
        for number, kind, reports in connection.execute(
            select(day, groups.c.evidence_class, _sum(table.c.reports))
            .where(table.c.site == site, *is_within, *_is_of(table, groups))
            .group_by(day, groups.c.evidence_class)
        ):
            found[day_name(int(number)), EvidenceClass(kind)] += int(reports)
    return dict(found)


def _added_up(counts: Iterable[DayCount]) -> Iterator[DayCount]:
    for (fingerprint, day), alike in itertools.groupby(counts, key=_group_and_day):
        members = tuple(alike)
        yield DayCount(
            fingerprint,
            day,
            sum(count.reports for count in members),
            sum(count.estimated_reports for count in members),
        )


def _group_and_day(count: DayCount) -> tuple[str, str]:
    return count.fingerprint, count.day


def count_reporters(
    connection: Connection, site: str, window: Window, keys: Mapping[str, str] | None = None
) -> ReporterCounts:
    """Distinct client networks on the busiest day, by key of the groups that `keys` maps; all of them under ``""``."""
    table = table_of(schema.GroupReporterRow)
    by_day: dict[tuple[str, int], set[int]] = defaultdict(set)
    for fingerprint, day, network in rows_of(
        connection, select(table.c.fingerprint, table.c.day, table.c.network).where(*within_days(table, site, window))
    ):
        by_day["", day].add(network)
        if keys and fingerprint in keys:
            by_day[keys[fingerprint], day].add(network)
    return _busiest_day(by_day)


def count_reporters_by_day(connection: Connection, site: str, window: Window) -> ReporterCounts:
    """Distinct client networks on each day, and on the busiest under ``""``."""
    # Whoever reported any group is in this table once a day.
    table = table_of(schema.NetworkDayRow)
    counts = {
        day_name(day): int(networks)
        for day, networks in connection.execute(
            select(table.c.day, func.count()).where(*within_days(table, site, window)).group_by(table.c.day)
        )
    }
    return {**counts, "": max(counts.values(), default=0)}


def count_reporters_by_page(connection: Connection, site: str, window: Window) -> ReporterCounts:
    """Distinct client networks of each page on its busiest day, and of the whole site under ``""``."""
    table = table_of(schema.PageReporterRow)
    by_day: dict[tuple[str, int], set[int]] = defaultdict(set)
    for page, day, network in rows_of(
        connection, select(table.c.page, table.c.day, table.c.network).where(*within_days(table, site, window))
    ):
        by_day["", day].add(network)
        by_day[page, day].add(network)
    return _busiest_day(by_day)


def read_policies(connection: Connection, site: str) -> tuple[PolicyCount, ...]:
    """The policies that a site's reports named, oldest first."""
    table = table_of(schema.PolicyRow)
    rows = connection.execute(select(table).where(table.c.site == site).order_by(table.c.first_seen_ms, table.c.digest))
    return tuple(
        PolicyCount(row.text, row.reports, row.trusted_reports, from_ms(row.first_seen_ms), from_ms(row.last_seen_ms))
        for row in rows
    )


def read_script_hashes(connection: Connection, site: str) -> tuple[ScriptHash, ...]:
    """What `csp-hash` reports said of a site's external scripts."""
    table = table_of(schema.ScriptHashRow)
    rows = connection.execute(select(table).where(table.c.site == site).order_by(table.c.script_url, table.c.hash))
    return tuple(
        ScriptHash(row.script_url, row.hash, row.reports, from_ms(row.first_seen_ms), from_ms(row.last_seen_ms))
        for row in rows
    )


def read_vouched_hosts(connection: Connection, site: str) -> tuple[str, ...]:
    """The hosts, with ports, of documents that trusted evidence is of."""
    table = table_of(schema.GroupRow)
    origins = connection.scalars(
        select(table.c.document_origin).distinct().where(table.c.site == site, table.c.trusted_reports > 0)
    )
    return tuple(sorted({origin.partition("://")[2] for origin in origins if "://" in origin}))


def _leaked_days(connection: Connection, site: str, window: Window) -> tuple[int, ...]:
    """Days, since 1970, on which more networks used the rehearsal key than an operator has."""
    return tuple(day_number(day) for day in leaked_days(read_rehearsal_networks(connection, site, window)))


def _sum(counts: ColumnElement[int]) -> ColumnElement[int]:
    """PostgreSQL makes decimals of sums."""
    return cast(func.sum(counts), BigInteger)


def _busiest_day(by_day: Mapping[tuple[str, int], set[int]]) -> ReporterCounts:
    most: dict[str, int] = {"": 0}
    for (key, _), networks in by_day.items():
        most[key] = max(most.get(key, 0), len(networks))
    return most


def _since_ms(window: Window) -> int:
    return -(2**62) if window.since is None else to_ms(window.since)


def _until_ms(window: Window) -> int:
    return to_ms(window.until)


def _hours(table: Table, window: Window) -> tuple[ColumnElement[bool], ...]:
    return table.c.hour >= _since_ms(window) // HOUR_MS, table.c.hour <= _until_ms(window) // HOUR_MS


def _days(table: Table, window: Window) -> tuple[ColumnElement[bool], ...]:
    return table.c.day >= _since_ms(window) // DAY_MS, table.c.day <= _until_ms(window) // DAY_MS


def within_days(table: Table, site: str, window: Window) -> tuple[ColumnElement[bool], ...]:
    """Conditions for rows of a table with a day, in a window rounded outwards to whole days."""
    return table.c.site == site, *_days(table, window)
