"""Reading evidence: rows become frozen values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Subquery, Table, case, func, select, union_all

from policybuilder.csp.violation import Disposition, SampleExtent
from policybuilder.evidence import EvidenceClass, PageCount, PolicyCount, ScriptHash, ViolationGroup
from policybuilder.networks import leaked_days
from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, HOUR_MS, day_name, day_number, from_ms, to_ms
from policybuilder.store.networks import read_rehearsal_networks
from policybuilder.store.tables import rows_of, table_of
from policybuilder.summary import DayCount, ReporterCounts
from policybuilder.times import Window


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which every read sees the same state of the database."""
    with engine.connect() as connection:
        is_postgresql = connection.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if is_postgresql else {}
        with connection.execution_options(**options).begin():
            yield connection


def read_groups(connection: Connection, site: str, window: Window) -> tuple[ViolationGroup, ...]:
    """A site's groups with reports in the window, by fingerprint; counts are those of the window.

    A window is rounded outwards to whole days (reporters), and to whole hours (reports), or days where hours are rolled
    up. Pages are kept without times, so they are those of all evidence; so are policies, but one is trusted only for
    what the window saw. Nothing is trusted of days on which the rehearsal key was used from too many networks.
    """
    table = table_of(schema.GroupRow)
    counts = _counts_in(connection, site, window, _leaked_days(connection, site, window))
    pages = _pages_of(connection, site)
    vouched = {fingerprint for fingerprint, (_, trusted, _) in counts.items() if trusted}
    policies = _policies_of(connection, site, window, vouched)
    reporters = _reporters_of(connection, site, window)
    columns = (table.c[name] for name in _GROUP_COLUMNS)
    groups = []
    for row in rows_of(
        connection,
        select(*columns)
        .where(
            table.c.site == site, table.c.first_seen_ms < _until_ms(window), table.c.last_seen_ms >= _since_ms(window)
        )
        .order_by(table.c.fingerprint),
    ):
        # By their places: to ask a hundred thousand rows for twenty columns each by name takes as long as to read them.
        fingerprint, origin, directive, blocked, disposition, evidence_class, rule, reason, *others = row
        sample, sample_extent, source_file, line_number, initiator, first_seen_ms, last_seen_ms = others
        if fingerprint not in counts:
            continue
        reports, trusted_reports, estimated_reports = counts[fingerprint]
        busiest, days = reporters.get(fingerprint, (0, 0))
        groups.append(
            ViolationGroup(
                fingerprint=fingerprint,
                document_origin=origin,
                directive=directive,
                blocked=blocked,
                disposition=_DISPOSITIONS[disposition],
                evidence_class=_CLASSES[evidence_class],
                rule=rule,
                reason=reason,
                sample=sample,
                sample_extent=_EXTENTS[sample_extent],
                source_file=source_file,
                line_number=line_number,
                initiator=initiator,
                reports=reports,
                trusted_reports=trusted_reports,
                estimated_reports=estimated_reports,
                reporters=busiest,
                days=days,
                first_seen_at=from_ms(first_seen_ms),
                last_seen_at=from_ms(last_seen_ms),
                pages=tuple(pages.get(fingerprint, ())),
                policies=tuple(policies.get(fingerprint, ())),
            )
        )
    return tuple(groups)


_GROUP_COLUMNS = (
    *("fingerprint", "document_origin", "directive", "blocked", "disposition", "evidence_class", "rule", "reason"),
    *("sample", "sample_extent", "source_file", "line_number", "initiator", "first_seen_ms", "last_seen_ms"),
)
_DISPOSITIONS = {each.value: each for each in Disposition}
_CLASSES = {each.value: each for each in EvidenceClass}
_EXTENTS = {each.value: each for each in SampleExtent}


def read_day_counts(connection: Connection, site: str, window: Window) -> tuple[DayCount, ...]:
    """Reports of each group on each day of the window."""
    counts = _counts(site, window)
    rows = rows_of(
        connection,
        select(counts.c.fingerprint, counts.c.day, func.sum(counts.c.reports), func.sum(counts.c.estimated_reports))
        .group_by(counts.c.fingerprint, counts.c.day)
        .order_by(counts.c.fingerprint, counts.c.day),
    )
    name = lru_cache(day_name)
    return tuple(
        DayCount(fingerprint, name(int(number)), int(reports), int(estimated))
        for fingerprint, number, reports, estimated in rows
    )


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
    table = table_of(schema.GroupReporterRow)
    counts = {
        day_name(day): int(networks)
        for day, networks in connection.execute(
            select(table.c.day, func.count(table.c.network.distinct()))
            .where(*within_days(table, site, window))
            .group_by(table.c.day)
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


def _counts_in(
    connection: Connection, site: str, window: Window, void_days: Collection[int]
) -> dict[str, tuple[int, int, int]]:
    """Reports, trusted and estimated reports of the window by fingerprint."""
    counts = _counts(site, window, void_days)
    rows = rows_of(
        connection,
        select(
            counts.c.fingerprint,
            func.sum(counts.c.reports),
            func.sum(counts.c.trusted_reports),
            func.sum(counts.c.estimated_reports),
        ).group_by(counts.c.fingerprint),
    )
    return {
        fingerprint: (int(reports), int(trusted), int(estimated)) for fingerprint, reports, trusted, estimated in rows
    }


def _counts(site: str, window: Window, void_days: Collection[int] = ()) -> Subquery:
    """Counts of the window by fingerprint and day: of hours, and of the days that older hours are rolled up into.

    A day may have both: evidence that is imported late is kept by the hour again, until the next roll-up adds it.
    Nothing of `void_days` (since 1970) is trusted.
    """
    hours, days = table_of(schema.GroupHourRow), table_of(schema.GroupDayRow)
    return union_all(
        _count_columns(hours, hours.c.hour // 24, void_days).where(*_hours(hours, site, window)),
        _count_columns(days, days.c.day, void_days).where(*within_days(days, site, window)),
    ).subquery("counts")


def _count_columns(table: Table, day: ColumnElement[int], void_days: Collection[int]) -> Select[Any]:
    trusted: ColumnElement[int] = table.c.trusted_reports
    if void_days:
        trusted = case((day.in_(sorted(void_days)), 0), else_=trusted)
    return select(
        table.c.fingerprint,
        day.label("day"),
        table.c.reports,
        trusted.label("trusted_reports"),
        table.c.estimated_reports,
    )


def _reporters_of(connection: Connection, site: str, window: Window) -> dict[str, tuple[int, int]]:
    """By fingerprint: distinct networks on the busiest day, and the number of days seen."""
    table = table_of(schema.GroupReporterRow)
    by_day = (
        select(table.c.fingerprint, func.count().label("networks"))
        .where(*within_days(table, site, window))
        .group_by(table.c.fingerprint, table.c.day)
        .subquery("by_day")
    )
    rows = rows_of(
        connection,
        select(by_day.c.fingerprint, func.max(by_day.c.networks), func.count()).group_by(by_day.c.fingerprint),
    )
    return {fingerprint: (int(networks), int(days)) for fingerprint, networks, days in rows}


def _pages_of(connection: Connection, site: str) -> dict[str, list[PageCount]]:
    table = table_of(schema.GroupPageRow)
    found: dict[str, list[PageCount]] = defaultdict(list)
    # A page stands under thousands of groups, and is to stand once in memory.
    once: dict[str, str] = {}
    for fingerprint, page, reports, trusted in rows_of(
        connection,
        select(table.c.fingerprint, table.c.page, table.c.reports, table.c.trusted_reports)
        .where(table.c.site == site)
        .order_by(table.c.fingerprint, table.c.reports.desc(), table.c.page),
    ):
        found[fingerprint].append(PageCount(once.setdefault(page, page), reports, trusted))
    return found


def _policies_of(
    connection: Connection, site: str, window: Window, vouched: Collection[str]
) -> dict[str, list[PolicyCount]]:
    """Counts are those of all evidence; but trusted only counts when it was seen in the window.

    Whoever vouched for a policy did so by vouching for the group: nobody did whose fingerprint is not in `vouched`.
    """
    table, texts = table_of(schema.GroupPolicyRow), table_of(schema.PolicyRow)
    # Of few policies each stands under thousands of groups: the text is long, and is read once.
    text_of = dict(rows_of(connection, select(texts.c.digest, texts.c.text).where(texts.c.site == site)))
    since_ms, until_ms = _since_ms(window), _until_ms(window)
    found: dict[str, list[PolicyCount]] = defaultdict(list)
    columns = (table.c[name] for name in _POLICY_COLUMNS)
    for fingerprint, digest, reports, trusted, first_ms, last_ms, trusted_first_ms, trusted_last_ms in rows_of(
        connection,
        select(*columns)
        .where(table.c.site == site)
        .order_by(table.c.fingerprint, table.c.reports.desc(), table.c.policy_digest),
    ):
        if digest not in text_of:
            continue
        is_vouched = (
            fingerprint in vouched
            and trusted_last_ms is not None
            and trusted_last_ms >= since_ms
            and trusted_first_ms <= until_ms
        )
        found[fingerprint].append(
            PolicyCount(text_of[digest], reports, trusted if is_vouched else 0, from_ms(first_ms), from_ms(last_ms))
        )
    return found


_POLICY_COLUMNS = (
    *("fingerprint", "policy_digest", "reports", "trusted_reports", "first_seen_ms", "last_seen_ms"),
    *("trusted_first_ms", "trusted_last_ms"),
)


def _busiest_day(by_day: Mapping[tuple[str, int], set[int]]) -> ReporterCounts:
    most: dict[str, int] = {"": 0}
    for (key, _), networks in by_day.items():
        most[key] = max(most.get(key, 0), len(networks))
    return most


def _since_ms(window: Window) -> int:
    return -(2**62) if window.since is None else to_ms(window.since)


def _until_ms(window: Window) -> int:
    return to_ms(window.until)


def _hours(table: Table, site: str, window: Window) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.site == site,
        table.c.hour >= _since_ms(window) // HOUR_MS,
        table.c.hour <= _until_ms(window) // HOUR_MS,
    )


def within_days(table: Table, site: str, window: Window) -> tuple[ColumnElement[bool], ...]:
    """Conditions for rows of a table with a day, in a window rounded outwards to whole days."""
    return (
        table.c.site == site,
        table.c.day >= _since_ms(window) // DAY_MS,
        table.c.day <= _until_ms(window) // DAY_MS,
    )
