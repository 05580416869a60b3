"""Instants and spans of time, as they are typed, stored and shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_SPAN = re.compile(r"(\d{1,6})\s*([smhdw])", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of evidence; without a beginning it is all that is kept."""

    since: datetime | None
    until: datetime

    def __str__(self) -> str:
        until = f"{self.until:%Y-%m-%d %H:%M} UTC"
        return f"all evidence until {until}" if self.since is None else f"{self.since:%Y-%m-%d %H:%M} – {until}"


def parse_instant(text: str) -> datetime:
    """An instant of ISO 8601, such as `2026-11-23` or `2026-11-23T10:00:00Z`; UTC where it names no zone.

    Raises ValueError with a sentence that says what is accepted.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write 2026-11-23 or 2026-11-23T10:00:00Z") from None


def parse_until(text: str, now: datetime) -> datetime:
    """The last moment of something: an instant, or that of a day, UTC.

    Raises ValueError with a sentence that says what is accepted, also for what is over.
    """
    until = parse_instant(text)
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        pass
    else:
        until += timedelta(days=1, milliseconds=-1)
    if until < now:
        raise ValueError(f"{text!r} is over; write a day or an instant that is still to come")
    return until


def parse_since(text: str, now: datetime) -> datetime:
    """The beginning of a window: a span before `now` (`7d`, `12h`, `90m`, `2w`) or an instant.

    Raises ValueError with a sentence that says what is accepted.
    """
    if span := _SPAN.fullmatch(text.strip()):
        try:
            return now - timedelta(**{_UNITS[span[2].lower()]: int(span[1])})
        except OverflowError:
            raise ValueError(f"{text!r} reaches back before the calendar") from None
    try:
        return parse_instant(text)
    except ValueError:
        raise ValueError(f"{text!r} is no span of time; write 7d, 12h, 90m, 2w, or a time such as 2026-11-23") from None


def isoformat(instant: datetime) -> str:
    """An instant as JSON shows it: UTC, whole seconds, with a Z."""
    # strftime takes four times as long, and summaries have a hundred thousand rows.
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{utc.isoformat()[:_SECONDS]}Z"


def isoformat_of_ms(ms: int) -> str:
    """The same of milliseconds since 1970, since a hundred thousand datetimes take long to make."""
    return f"{datetime.fromtimestamp(ms // 1_000, UTC).isoformat()[:_SECONDS]}Z"


_SECONDS = len("2026-11-23T10:30:00")
