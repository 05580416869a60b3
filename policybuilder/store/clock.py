"""Instants as the tables keep them: integers since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of a stored instant."""
    return _EPOCH + timedelta(milliseconds=ms)


def day_number(name: str) -> int:
    """Days since 1970 of `2026-11-23`."""
    return (datetime.fromisoformat(name).replace(tzinfo=UTC) - _EPOCH).days


def day_name(day: int) -> str:
    """A day since 1970 as `2026-11-23`."""
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"
