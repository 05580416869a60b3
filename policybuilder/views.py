"""Page views: how often pages were served, which is what reports are measured against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from policybuilder.deployments import Deployment, last_deployment


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


def views_per_day_said(deployments: Iterable[Deployment]) -> int | None:
    """Page views a day as the newest deployment says that says so: the denominator where there are no logs."""
    said = last_deployment(deployment for deployment in deployments if deployment.views_per_day is not None)
    return None if said is None else said.views_per_day
