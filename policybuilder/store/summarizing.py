"""Summaries from the database: the groups, and the distinct networks behind each row."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from policybuilder.evidence import ViolationGroup
from policybuilder.store.reading import (
    count_reporters,
    count_reporters_by_day,
    count_reporters_by_page,
    read_day_counts,
    read_groups,
)
from policybuilder.summary import ReporterCounts, Summary, SummaryBy, row_key, summarize
from policybuilder.times import Window


def read_summary(connection: Connection, site: str, window: Window, *, by: SummaryBy, include_noise: bool) -> Summary:
    """The summary of a site, as of one state of the database."""
    groups = read_groups(connection, site, window)
    return summarize(
        groups,
        site=site,
        window=window,
        by=by,
        include_noise=include_noise,
        reporters=_reporters(connection, site, window, by, groups),
        days=read_day_counts(connection, site, window) if by is SummaryBy.DAY else (),
    )


def _reporters(
    connection: Connection, site: str, window: Window, by: SummaryBy, groups: Sequence[ViolationGroup]
) -> ReporterCounts:
    match by:
        case SummaryBy.DAY:
            return count_reporters_by_day(connection, site, window)
        case SummaryBy.PAGE:
            return count_reporters_by_page(connection, site, window)
        case SummaryBy.GROUP:
            return count_reporters(connection, site, window)
        case _:
            keys = {group.fingerprint: row_key(by, group) for group in groups}
            return count_reporters(connection, site, window, keys)
