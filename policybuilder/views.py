"""Page views: how often pages were served, which is what reports are measured against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policybuilder.deployments import Deployment
from policybuilder.times import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The page views of a window, as access logs tell."""

    total: int = 0
    by_day: Mapping[str, int] = field(default_factory=dict)
    """By `2026-11-23`, UTC; days without views are left out."""

    by_page: Mapping[str, int] = field(default_factory=dict)
    """By the page's URL, cleaned as that of a document that reports; `(other)` for those beyond the bound of a day."""

    def __bool__(self) -> bool:
        return self.total > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLog:
    """An access log that was counted, or its beginning."""

    lines: int
    counted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayViews:
    """A day of page views."""

    day: str
    views: int
    pages: int
    """Different ones, those of `(other)` counting as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidViews:
    """Page views a day as somebody said them with a deployment: the denominator where there are no logs."""

    per_day: int
    since_at: datetime


def views_said(deployments: Iterable[Deployment]) -> tuple[SaidViews, ...]:
    """What deployments say of page views, oldest first; each holds until the next."""
    ordered = sorted(deployments, key=lambda deployment: (deployment.since_at, deployment.number))
    return tuple(
        SaidViews(per_day=deployment.views_per_day, since_at=deployment.since_at)
        for deployment in ordered
        if deployment.views_per_day is not None
    )


def said_of_day(said: Sequence[SaidViews], day: str) -> int | None:
    """The page views of a day, such as `2026-11-23`; None before the day of the first deployment that says so."""
    return next((each.per_day for each in reversed(said) if f"{each.since_at:%Y-%m-%d}" <= day), None)


def said_of_window(said: Sequence[SaidViews], window: Window) -> int | None:
    """The page views of the part of a window since somebody said how many there are; None when there is no such part.

    Scaled by the hours: a window rarely begins and ends at midnight.
    """
    total, is_known = 0.0, False
    ends = [*(later.since_at for later in said), window.until][1:]
    for each, end in zip(said, ends, strict=True):
        since = each.since_at if window.since is None else max(each.since_at, window.since)
        if since < (until := min(end, window.until)):
            total += each.per_day * ((until - since) / timedelta(days=1))
            is_known = True
    return round(total) if is_known else None
