"""Instants as the tables keep them: integers since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from policybuilder.times import from_ms as from_ms  # noqa: PLC0414  (the store has them from here)
from policybuilder.times import to_ms as to_ms  # noqa: PLC0414  (the same)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_number(name: str) -> int:
    """Days since 1970 of `2026-11-23`."""
    return (datetime.fromisoformat(name).replace(tzinfo=UTC) - _EPOCH).days


def day_name(day: int) -> str:
    """A day since 1970 as `2026-11-23`."""
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"
