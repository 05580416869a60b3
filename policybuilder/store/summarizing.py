"""Summaries from the database: the groups, and what stands behind each row: networks, days, views, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection

from policybuilder.evidence import ViolationGroup
from policybuilder.networks import SetupWarning, setup_warnings
from policybuilder.nonces import nonce_warnings
from policybuilder.program import typed
from policybuilder.store.deployments import read_deployments
from policybuilder.store.evidence import read_classed
from policybuilder.store.networks import read_networks, read_rehearsal_networks
from policybuilder.store.nonces import read_repeated_nonces
from policybuilder.store.reading import (
    count_reporters,
    count_reporters_by_day,
    count_reporters_by_page,
    read_day_counts,
    read_trends,
)
from policybuilder.store.views import read_views
from policybuilder.summary import (
    Figures,
    ReporterCounts,
    Summary,
    SummaryBy,
    has_trends,
    row_key,
    summarize,
)
from policybuilder.superseded import with_superseded
from policybuilder.times import Window
from policybuilder.views import Views, views_said

_WARNING_DAYS = 7
"""What was wrong longer ago is either put right, or wrong still."""


def read_summary(connection: Connection, site: str, window: Window, *, by: SummaryBy, include_noise: bool) -> Summary:
    """The summary of a site, as of one state of the database."""
    deployments = read_deployments(connection, site)
    groups = with_superseded(read_classed(connection, site, window), deployments)
    figures = Figures(
        reporters=_reporters(connection, site, window, by, groups),
        days=read_day_counts(connection, site, window) if by is SummaryBy.DAY else (),
        trends=read_trends(connection, site, window) if has_trends(by) else {},
        views=_views(connection, site, window, by),
        said=views_said(deployments),
        warnings=read_warnings(connection, site, window),
        groups_before=_groups_before(connection, site, window) if not groups else 0,
    )
    return summarize(groups, site=site, window=window, by=by, include_noise=include_noise, figures=figures)


def read_warnings(connection: Connection, site: str, window: Window) -> tuple[SetupWarning, ...]:
    """What the last days of the window say about the collector's set-up."""
    since = window.until - timedelta(days=_WARNING_DAYS)
    recent = Window(since if window.since is None else max(since, window.since), window.until)
    return (
        *setup_warnings(
            site,
            read_networks(connection, site, recent),
            read_rehearsal_networks(connection, site, recent),
            program=typed("cspbuild"),
        ),
        *nonce_warnings(read_repeated_nonces(connection, site, recent)),
    )


def _groups_before(connection: Connection, site: str, window: Window) -> int:
    return 0 if window.since is None else len(read_classed(connection, site, Window(None, window.until)))


def _views(connection: Connection, site: str, window: Window, by: SummaryBy) -> Views:
    """Of the window; but a page's reports are those of all that is kept, and so are its views."""
    views = read_views(connection, site, window)
    if by is not SummaryBy.PAGE or window.since is None:
        return views
    return replace(views, by_page=read_views(connection, site, Window(None, window.until)).by_page)


def _reporters(
    connection: Connection, site: str, window: Window, by: SummaryBy, groups: Sequence[ViolationGroup]
) -> ReporterCounts:
    match by:
        case SummaryBy.DAY:
            return count_reporters_by_day(connection, site, window)
        case SummaryBy.PAGE:
            return count_reporters_by_page(connection, site, window)
        case SummaryBy.GROUP:
            # Of a group by itself the networks are known already: those of the whole site are left.
            return count_reporters_by_day(connection, site, window)
        case _:
            keys = {group.fingerprint: row_key(by, group) for group in groups}
            return count_reporters(connection, site, window, keys)
