"""News: what was reported for the first time since somebody last looked, and when a report last came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from policybuilder.evidence import NOISE_CLASSES
from policybuilder.store import schema
from policybuilder.store.clock import from_ms, to_ms
from policybuilder.store.tables import table_of


@dataclass(frozen=True, slots=True)
class NewGroup:
    """One that nobody can have seen before."""

    fingerprint: str
    directive: str
    blocked: str
    reports: int


@dataclass(frozen=True, slots=True)
class News:
    """What is new, noise apart."""

    since: datetime
    groups: int
    noise_groups: int
    most_reported: Sequence[NewGroup]


def read_news(connection: Connection, site: str, since: datetime, *, most: int) -> News:
    """Groups whose first report arrived after `since`, by the collector's own clock. Raises SQLAlchemyError."""
    table = table_of(schema.GroupRow)
    is_new = (table.c.site == site, table.c.received_first_ms > to_ms(since))
    counts = connection.execute(
        select(table.c.evidence_class, func.count()).where(*is_new).group_by(table.c.evidence_class)
    )
    of_class = {str(evidence_class): int(groups) for evidence_class, groups in counts}
    noise = sum(of_class.get(each.value, 0) for each in NOISE_CLASSES)
    rows = connection.execute(
        select(table.c.fingerprint, table.c.directive, table.c.blocked, table.c.reports)
        .where(*is_new, table.c.evidence_class.not_in([each.value for each in NOISE_CLASSES]))
        .order_by(table.c.reports.desc(), table.c.fingerprint)
        .limit(most)
    )
    return News(since, sum(of_class.values()) - noise, noise, tuple(NewGroup(*row) for row in rows))


def read_last_arrival(connection: Connection, site: str) -> datetime | None:
    """When a violation of the site was last reported, by the collector's own clock. Raises SQLAlchemyError."""
    table = table_of(schema.GroupRow)
    last = connection.scalar(select(func.max(table.c.received_last_ms)).where(table.c.site == site))
    return None if last is None else from_ms(last)
