"""Charts: numbers by day as the bars of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

MAX_DAYS = 60
"""As many bars as can be told apart."""

MIN_DAYS = 30
"""Fewer would be planks."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    day: str
    reports: int
    height: float
    """Of 100, for the day with most; what is not nothing can be seen."""

    upper: int = 0
    """Reports of another kind, which stand on top."""

    upper_height: float = 0.0
    reporters: int = 0
    """Client networks, in a picture of their own."""

    reporters_height: float = 0.0


def bars(
    reports: Mapping[str, int],
    last: date,
    upper: Mapping[str, int] | None = None,
    reporters: Mapping[str, int] | None = None,
) -> tuple[Bar, ...]:
    """Every day from the first with reports to `last`, oldest first, of many the last; days are `2026-11-23`."""
    upper, reporters = upper or {}, reporters or {}
    if not reports and not upper:
        return ()
    earliest, latest = last - timedelta(days=MAX_DAYS - 1), last - timedelta(days=MIN_DAYS - 1)
    first = min(max(date.fromisoformat(min((*reports, *upper))), earliest), latest)
    days = [f"{first + timedelta(days=number)}" for number in range((last - first).days + 1)]
    most = max(reports.get(day, 0) + upper.get(day, 0) for day in days)
    most_reporters = max(reporters.get(day, 0) for day in days)
    return tuple(
        Bar(
            day,
            reports.get(day, 0),
            _height(reports.get(day, 0), most),
            upper.get(day, 0),
            _height(upper.get(day, 0), most),
            reporters.get(day, 0),
            _height(reporters.get(day, 0), most_reporters),
        )
        for day in days
    )


def _height(number: int, most: int) -> float:
    return max(2.0, 98 * number / most) if number else 0.0
