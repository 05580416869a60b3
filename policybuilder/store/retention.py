"""Retention: what is kept for how long, and the roll-up of hours into days, by which no count is lost.

Everything is done in portions, each a transaction of its own: it may be stopped after any of them, and repeated. Limits
are whole days, so a day's hours are rolled up together. What a person said (decisions, deployments) stays, and so does
the number of reports a group ever had.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Subquery, and_, case, delete, exists, func, select
from sqlmodel import SQLModel

from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, HOUR_MS, to_ms
from policybuilder.store.engine import writing
from policybuilder.store.erasing import erase_leftovers
from policybuilder.store.forgetting import forget
from policybuilder.store.listing_marks import ListMarks
from policybuilder.store.portions import as_parameters, delete_in_portions, is_row, keys_in_portions
from policybuilder.store.tables import chunks, insert_into, is_any, table_of

HOURS_FOR_DAYS = 30
"""After so many days a group's hours become days."""

SAMPLES_FOR_DAYS = 30
REPORTERS_FOR_DAYS = 90
GROWTH_FOR_HOURS = 2

MAX_GROUPS = 200_000
"""Of a site. A flood that keeps within its hourly budget for long would still grow without end."""

MAX_GROUPS_OF_ONE_ORIGIN = 1_000
"""Where a site has too many, those beyond go first, or a flood of what many report would drive out all the rest."""

MAX_PAGES_OF_A_DAY = 5_000
"""Whose visitors are known once the day is over. Anybody can make pages up, and most of a site come to few."""

_GROUPS_AT_ONCE = 50
"""With all that is keyed by them: their days and reporters are gone by then, which leaves pages and policies."""

_KEYED_BY_GROUP = (
    schema.GroupPolicyRow,
    schema.GroupHourRow,
    schema.GroupDayRow,
    schema.GroupPageRow,
    schema.GroupReporterRow,
    schema.SampleRow,
)

Removed = Mapping[str, int]
"""Rows by table."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What one transaction did."""

    removed: Removed
    rolled_up: int = 0
    """Rows of hours that became days."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What all of it did."""

    removed: Removed
    """Of every table that retention is about, without the hours that became days."""

    rolled_up: int


def prune(engine: Engine, now: datetime) -> Pruned:
    """Do all that is due. Raises SQLAlchemyError when the database fails; what was done by then stays done."""
    removed: Counter[str] = Counter({row.__tablename__: 0 for row in _PRUNED})
    rolled_up = 0
    for portion in prune_in_portions(engine, now):
        removed.update(portion.removed)
        rolled_up += portion.rolled_up
    return Pruned(dict(sorted(removed.items())), rolled_up)


_PRUNED: tuple[Any, ...] = (
    *_KEYED_BY_GROUP,
    schema.GroupRow,
    schema.PolicyRow,
    schema.PageReporterRow,
    schema.PolicyReporterRow,
    schema.PolicyNonceRow,
    schema.NetworkDayRow,
    schema.PageViewRow,
    schema.ViewLogRow,
    schema.SeenLineRow,
    schema.ScriptHashRow,
    schema.GrowthRow,
    schema.ReporterKeyRow,
)


def prune_in_portions(engine: Engine, now: datetime) -> Iterator[Portion]:
    """The same step by step, for those who let others write in between."""
    now_ms = to_ms(now)
    forgotten = forget(engine, now_ms)
    yield Portion({schema.ReporterKeyRow.__tablename__: forgotten.keys})
    for removed in erase_leftovers(engine):
        yield Portion(removed)
    sites = table_of(schema.SiteRow)
    with engine.connect() as connection:
        kept_for = connection.execute(select(sites.c.name, sites.c.retention_days).order_by(sites.c.name)).all()
    for name, days in kept_for:
        yield from _prune_site(engine, name, days, now_ms)


def _prune_site(engine: Engine, site: str, retention_days: int, now_ms: int) -> Iterator[Portion]:
    today = now_ms // DAY_MS
    oldest = today - retention_days
    hours = table_of(schema.GroupHourRow)
    for removed in delete_in_portions(engine, hours, site, hours.c.hour < oldest * 24, before=_have_read_anew):
        yield Portion(removed)
    yield from _roll_up(engine, site, (today - HOURS_FOR_DAYS) * 24)
    oldest_reporters = today - min(REPORTERS_FOR_DAYS, retention_days)
    by_day: list[tuple[type[SQLModel], int]] = [
        (schema.GroupDayRow, oldest),
        (schema.GroupReporterRow, oldest_reporters),
        (schema.PageReporterRow, oldest_reporters),
        (schema.PolicyReporterRow, oldest_reporters),
        (schema.PolicyNonceRow, oldest_reporters),
        (schema.NetworkDayRow, oldest_reporters),
        (schema.PageViewRow, oldest),
    ]
    for row, oldest_day in by_day:
        table = table_of(row)
        before = _have_read_anew if row in _KEYED_BY_GROUP else _nothing
        for removed in delete_in_portions(engine, table, site, table.c.day < oldest_day, before=before):
            yield Portion(removed)
    by_instant: list[tuple[type[SQLModel], str, int]] = [
        (schema.SampleRow, "seen_at_ms", today - min(SAMPLES_FOR_DAYS, retention_days)),
        (schema.ScriptHashRow, "last_seen_ms", oldest),
        (schema.ViewLogRow, "counted_at_ms", oldest),
        (schema.SeenLineRow, "seen_at_ms", oldest),
    ]
    for row, column, oldest_day in by_instant:
        table = table_of(row)
        for removed in delete_in_portions(engine, table, site, table.c[column] < oldest_day * DAY_MS):
            yield Portion(removed)
    groups = table_of(schema.GroupRow)
    yield from _remove_groups(engine, site, groups.c.last_seen_ms < oldest * DAY_MS)
    for day in (today - 2, today - 1):
        yield from _remove_excess_pages(engine, site, day)
    yield from _remove_excess_groups(engine, site)
    policies, named = table_of(schema.PolicyRow), table_of(schema.GroupPolicyRow)
    is_named = exists().where(named.c.site == policies.c.site, named.c.policy_digest == policies.c.digest)
    old = policies.c.last_seen_ms < oldest * DAY_MS
    for removed in delete_in_portions(engine, policies, site, old, ~is_named):
        yield Portion(removed)
    growth = table_of(schema.GrowthRow)
    for removed in delete_in_portions(engine, growth, site, growth.c.hour < now_ms // HOUR_MS - GROWTH_FOR_HOURS):
        yield Portion(removed)


def _have_read_anew(connection: Connection, keys: Sequence[Row[Any]]) -> None:
    """What counts for the groups of these keys becomes less."""
    ListMarks(connection, keys[0].site).changed({key.fingerprint for key in keys})


def _nothing(_connection: Connection, _keys: Sequence[Row[Any]]) -> None:
    """What goes is of no group."""


def _roll_up(engine: Engine, site: str, oldest_hour: int) -> Iterator[Portion]:
    """Turn hours before `oldest_hour` into days."""
    hours = table_of(schema.GroupHourRow)
    for keys in keys_in_portions(engine, hours, site, hours.c.hour < oldest_hour):
        with writing(engine).begin() as connection:
            rows = _take_hours(connection, site, sorted({key.fingerprint for key in keys}), oldest_hour)
            _add_days(connection, rows)
        yield Portion({}, rolled_up=len(rows))


def _take_hours(connection: Connection, site: str, fingerprints: Sequence[str], oldest_hour: int) -> list[Row[Any]]:
    """Delete these groups' hours before `oldest_hour`; returns them as they were."""
    hours = table_of(schema.GroupHourRow)
    keys = hours.primary_key.columns
    rows: list[Row[Any]] = []
    for chunk in chunks(fingerprints):
        # Locked before they are read (where a database locks rows), or what is added in between would be lost.
        rows += connection.execute(
            select(hours)
            .where(hours.c.site == site, hours.c.fingerprint.in_(chunk), hours.c.hour < oldest_hour)
            .order_by(*keys)
            .with_for_update()
        )
    if rows:
        # By their keys: an hour that came in since was not read.
        taken = as_parameters(hours, [(row.site, row.fingerprint, row.hour) for row in rows])
        connection.execute(delete(hours).where(*is_row(hours)), taken)
    return rows


def _add_days(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    days = table_of(schema.GroupDayRow)
    counts: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    names = ("reports", "trusted_reports", "estimated_reports")
    for row in rows:
        counts[row.site, row.fingerprint, row.hour // 24].update({name: getattr(row, name) for name in names})
    if not counts:
        return
    statement = insert_into(connection, days)
    added = {name: days.c[name] + statement.excluded[name] for name in names}
    connection.execute(
        statement.on_conflict_do_update(index_elements=[days.c.site, days.c.fingerprint, days.c.day], set_=added),
        [
            {"site": site, "fingerprint": fingerprint, "day": day, **{name: total[name] for name in names}}
            for (site, fingerprint, day), total in sorted(counts.items())
        ],
    )


def _remove_excess_pages(engine: Engine, site: str, day: int) -> Iterator[Portion]:
    """Forget who came to the pages of a day that is over, but for the `MAX_PAGES_OF_A_DAY` most visited."""
    table = table_of(schema.PageReporterRow)
    with engine.connect() as connection:
        excess = connection.scalars(
            select(table.c.page)
            .where(table.c.site == site, table.c.day == day)
            .group_by(table.c.page)
            .order_by(func.count().desc(), table.c.page)
            .offset(MAX_PAGES_OF_A_DAY)
        ).all()
        conditions = [(table.c.day == day, is_any(connection, table.c.page, chunk)) for chunk in chunks(excess)]
    for condition in conditions:
        for removed in delete_in_portions(engine, table, site, *condition):
            yield Portion(removed)


def _remove_excess_groups(engine: Engine, site: str) -> Iterator[Portion]:
    """Remove what is more than `MAX_GROUPS`: of what strangers reported, the fewest networks' first, then the oldest.

    What a site really loads, many of its visitors report, or its owner vouches for. Each of them may see a URL of their
    own, so that networks are counted of all the groups of an origin together, and only within it of each.
    """
    groups = table_of(schema.GroupRow)
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(groups).where(groups.c.site == site)) or 0
        if count <= MAX_GROUPS:
            return  # the usual case, and the question below reads all reporters
        ranked = _ranked_groups(connection, site)
        excess = connection.scalars(
            select(ranked.c.fingerprint)
            .order_by(
                case((ranked.c.place > MAX_GROUPS_OF_ONE_ORIGIN, 0), else_=1),
                ranked.c.origin_networks,
                ranked.c.networks,
                ranked.c.last_seen_ms,
                ranked.c.fingerprint,
            )
            .limit(count - MAX_GROUPS)
        ).all()
    for chunk in chunks(excess):
        yield from _remove_groups(engine, site, groups.c.fingerprint.in_(chunk), groups.c.trusted_reports == 0)


def _ranked_groups(connection: Connection, site: str) -> Subquery:
    """The groups nobody vouches for, with their reach, that of their origin, and their place within it.

    Reach is the number of client networks on the day of the most.
    """
    groups, reporters = table_of(schema.GroupRow), table_of(schema.GroupReporterRow)
    origin = _origin(connection, groups.c.blocked).label("origin")
    of_site = (
        select(groups.c.fingerprint, groups.c.directive, origin, groups.c.evidence_class)
        .where(groups.c.site == site)
        .subquery()
    )
    group_reach = _reach(
        select(reporters.c.fingerprint, func.count().label("networks"))
        .where(reporters.c.site == site)
        .group_by(reporters.c.fingerprint, reporters.c.day)
        .subquery(),
        "fingerprint",
    )
    source = ("directive", "origin", "evidence_class")
    source_columns = [of_site.c[name] for name in source]
    source_reach = _reach(
        select(*source_columns, func.count(reporters.c.network.distinct()).label("networks"))
        .join(reporters, reporters.c.fingerprint == of_site.c.fingerprint)
        .where(reporters.c.site == site)
        .group_by(*source_columns, reporters.c.day)
        .subquery(),
        *source,
    )
    networks = func.coalesce(group_reach.c.networks, 0)
    place = func.row_number().over(
        partition_by=source_columns,
        order_by=(networks.desc(), groups.c.last_seen_ms.desc(), groups.c.fingerprint.desc()),
    )
    return (
        select(
            groups.c.fingerprint,
            groups.c.last_seen_ms,
            networks.label("networks"),
            func.coalesce(source_reach.c.networks, 0).label("origin_networks"),
            place.label("place"),
        )
        .join(of_site, of_site.c.fingerprint == groups.c.fingerprint)
        .outerjoin(group_reach, group_reach.c.fingerprint == groups.c.fingerprint)
        .outerjoin(source_reach, and_(*(source_reach.c[name] == of_site.c[name] for name in source)))
        .where(groups.c.site == site, groups.c.trusted_reports == 0)
        .subquery()
    )


def _reach(by_day: Subquery, *names: str) -> Subquery:
    """The networks of the day of the most, by the columns of these names."""
    columns = [by_day.c[name] for name in names]
    return select(*columns, func.max(by_day.c.networks).label("networks")).group_by(*columns).subquery()


def _origin(connection: Connection, url: ColumnElement[str]) -> ColumnElement[str]:
    """Scheme, host and port of a URL; anything else as it stands."""
    position = func.strpos if connection.dialect.name == "postgresql" else func.instr
    start = position(url, "://") + 3
    return case(
        (start > 3, func.substr(url, 1, start + position(func.substr(url, start).concat("/"), "/") - 2)),
        else_=url,
    )


def _remove_groups(engine: Engine, site: str, *conditions: ColumnElement[bool]) -> Iterator[Portion]:
    """Remove the groups that meet the conditions, with everything that is keyed by them."""
    groups = table_of(schema.GroupRow)
    for keys in keys_in_portions(engine, groups, site, *conditions, rows=_GROUPS_AT_ONCE):
        removed: Counter[str] = Counter()
        with writing(engine).begin() as connection:
            listed = ListMarks(connection, site)
            asked = groups.c.fingerprint.in_([key.fingerprint for key in keys])
            old = connection.scalars(
                # In the order in which they are written, so that nobody waits for somebody who waits for them.
                select(groups.c.fingerprint)
                .where(groups.c.site == site, asked, *conditions)
                .order_by(groups.c.fingerprint)
                .with_for_update()
            ).all()
            for row in (schema.GroupRow, *_KEYED_BY_GROUP):
                table = table_of(row)
                statement = delete(table).where(table.c.site == site, table.c.fingerprint.in_(old))
                removed[table.name] += connection.execute(statement).rowcount
            listed.gone(old)
        yield Portion(removed)
