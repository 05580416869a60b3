"""Reading all that is known of a site at one instant: what readiness and the next step are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, func, or_, select

from policybuilder.networks import leaked_days
from policybuilder.readiness.judging import watched_since
from policybuilder.readiness.values import Exposure, Seen, SiteRecord
from policybuilder.routes import path_of
from policybuilder.store import schema
from policybuilder.store.clock import HOUR_MS, day_name, to_ms
from policybuilder.store.deployments import read_deployments
from policybuilder.store.evidence import read_evidence, read_grounds
from policybuilder.store.networks import read_rehearsal_networks
from policybuilder.store.reading import within_days
from policybuilder.store.tables import table_of
from policybuilder.store.views import read_views
from policybuilder.store.waivers import read_waivers
from policybuilder.suggestion.trust import Thresholds
from policybuilder.times import Window
from policybuilder.waivers import standing


def read_site_record(connection: Connection, site: str, window: Window, thresholds: Thresholds) -> SiteRecord:
    """All that is known of a site at the end of the window, with the evidence of the window."""
    groups = read_evidence(connection, site, window)
    # Whoever looks at an earlier instant does not know what came later.
    deployments = tuple(each for each in read_deployments(connection, site) if each.since_at <= window.until)
    since_at = watched_since(groups, deployments, window)
    pages = read_views(connection, site, window).by_page
    return SiteRecord(
        site=site,
        window=window,
        groups=groups,
        grounds=read_grounds(connection, site, window, groups, thresholds),
        deployments=deployments,
        views=read_views(connection, site, Window(since_at, window.until)),
        page_paths=sorted({path for page in pages if (path := path_of(page))}),
        exposure=Exposure(days=_days(connection, site, window), pages=_pages(connection, site, window)),
        waivers=standing(read_waivers(connection, site), window.until),
    )


def _days(connection: Connection, site: str, window: Window) -> Mapping[date, Seen]:
    """The days with reports, each with the networks of visitors."""
    table = table_of(schema.NetworkDayRow)
    # Whoever only rehearses is no visitor. Of imported reports none are counted here, but their networks are.
    visitors = or_(table.c.rehearsed_reports == 0, table.c.reports > table.c.rehearsed_reports)
    networks = {
        day_name(day): int(number)
        for day, number in connection.execute(
            select(table.c.day, func.count()).where(*within_days(table, site, window), visitors).group_by(table.c.day)
        )
    }
    trusted = _trusted_days(connection, site, window)
    return {
        date.fromisoformat(day): Seen(networks.get(day, 0), is_trusted=day in trusted)
        for day in sorted({*networks, *trusted})
    }


def _trusted_days(connection: Connection, site: str, window: Window) -> set[str]:
    hours, days = table_of(schema.GroupHourRow), table_of(schema.GroupDayRow)
    by_hour = (
        select(hours.c.hour // 24)
        .distinct()
        .where(hours.c.site == site, hours.c.trusted_reports > 0, hours.c.hour <= to_ms(window.until) // HOUR_MS)
    )
    if window.since is not None:
        by_hour = by_hour.where(hours.c.hour >= to_ms(window.since) // HOUR_MS)
    by_day = select(days.c.day).distinct().where(*within_days(days, site, window), days.c.trusted_reports > 0)
    found = {day_name(int(day)) for statement in (by_hour, by_day) for day in connection.scalars(statement)}
    # A key that many know vouches for nothing.
    return found - set(leaked_days(read_rehearsal_networks(connection, site, window)))


def _pages(connection: Connection, site: str, window: Window) -> Mapping[str, Seen]:
    """The pages that reported, each with the networks of its best day; what is trusted of one is kept without times."""
    table, pages = table_of(schema.PageReporterRow), table_of(schema.GroupPageRow)
    networks: dict[str, int] = {}
    for page, number in connection.execute(
        select(table.c.page, func.count()).where(*within_days(table, site, window)).group_by(table.c.page, table.c.day)
    ):
        networks[page] = max(networks.get(page, 0), int(number))
    trusted = set(
        connection.scalars(select(pages.c.page).distinct().where(pages.c.site == site, pages.c.trusted_reports > 0))
    )
    return {page: Seen(networks.get(page, 0), is_trusted=page in trusted) for page in sorted({*networks, *trusted})}
