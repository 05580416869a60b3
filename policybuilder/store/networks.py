"""Reading client networks: how many reported on a day, how evenly, and how many used the rehearsal key."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, case, func, select
from sqlmodel import SQLModel

from policybuilder.networks import FEW_NETWORKS, NetworksOfDay
from policybuilder.store import schema
from policybuilder.store.clock import DAY_MS, day_name, to_ms
from policybuilder.times import Window

_NETWORK_DAYS = SQLModel.metadata.tables[str(schema.NetworkDayRow.__tablename__)]


def read_rehearsal_networks(connection: Connection, site: str, window: Window) -> Mapping[str, int]:
    """How many distinct client networks used the site's rehearsal key on each day of the window, by `2026-11-23`.

    Days on which nobody did are left out, and imported files do not count, since they use no key. A window is rounded
    outwards to whole days of receipt.
    """
    table = _NETWORK_DAYS
    rows = connection.execute(
        select(table.c.day, func.count())
        .where(table.c.site == site, *_days(window), table.c.rehearsed_reports > 0)
        .group_by(table.c.day)
        .order_by(table.c.day)
    )
    return {day_name(day): int(networks) for day, networks in rows}


def read_networks(connection: Connection, site: str, window: Window) -> tuple[NetworksOfDay, ...]:
    """How evenly the site's client networks reported on each day of the window, oldest first, rehearsals left out."""
    return read_networks_of_sites(connection, window, _NETWORK_DAYS.c.site == site).get(site, ())


def read_networks_of_sites(
    connection: Connection, window: Window, *conditions: ColumnElement[bool]
) -> Mapping[str, tuple[NetworksOfDay, ...]]:
    """The same of every site for which the conditions hold, by its name; sites without reports are left out."""
    table = _NETWORK_DAYS
    strangers = table.c.reports - table.c.rehearsed_reports
    ranked = (
        select(
            table.c.site,
            table.c.day,
            strangers.label("reports"),
            func.row_number().over(partition_by=(table.c.site, table.c.day), order_by=strangers.desc()).label("place"),
        )
        .where(*_days(window), strangers > 0, *conditions)
        .subquery()
    )
    busiest = case((ranked.c.place <= FEW_NETWORKS, ranked.c.reports), else_=0)
    rows = connection.execute(
        select(ranked.c.site, ranked.c.day, func.sum(ranked.c.reports), func.count(), func.sum(busiest))
        .group_by(ranked.c.site, ranked.c.day)
        .order_by(ranked.c.site, ranked.c.day)
    )
    found: dict[str, tuple[NetworksOfDay, ...]] = {}
    for site, day, reports, networks, most in rows:
        of_day = NetworksOfDay(
            day=day_name(day), reports=int(reports), networks=int(networks), busiest_reports=int(most)
        )
        found[site] = (*found.get(site, ()), of_day)
    return found


def _days(window: Window) -> tuple[ColumnElement[bool], ...]:
    table = _NETWORK_DAYS
    until = table.c.day <= to_ms(window.until) // DAY_MS
    return (until,) if window.since is None else (until, table.c.day >= to_ms(window.since) // DAY_MS)
