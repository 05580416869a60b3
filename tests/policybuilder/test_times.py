"""Tests of instants and spans of time as they are typed and shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from policybuilder.times import Window, isoformat, parse_instant, parse_since, parse_until

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T10:00:00Z", NOW),
        (" 2026-11-23T10:00:00Z ", NOW),
        ("2026-11-23T10:00:00", NOW),
        ("2026-11-23 10:00", NOW),
        ("2026-11-23T11:00:00+01:00", NOW),
    ],
)
def test_an_instant_is_utc_where_it_names_no_zone(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
        ("2w", timedelta(weeks=2)),
        ("2W", timedelta(weeks=2)),
        (" 7 d ", timedelta(days=7)),
        ("0d", timedelta()),
        ("2026-11-22T10:00:00Z", timedelta(days=1)),
    ],
)
def test_a_window_begins_a_span_ago_or_at_an_instant(text: str, back: timedelta) -> None:
    assert parse_since(text, NOW) == NOW - back


@pytest.mark.parametrize("text", ["", "7", "d", "7y", "-7d", "1.5h", "yesterday", "7d 2h", "2026-13-01", "\x00"])
def test_what_is_no_span_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of time; write 7d") as refused:
        parse_since(text, NOW)
    assert repr(text) in str(refused.value)


def test_a_span_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="before the calendar"):
        parse_since("999999w", NOW)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-31", "10:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00+01:00"]
)
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write 2026-11-23") as refused:
        parse_instant(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2027-01-31T00:00:00Z", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31 12:00+01:00", datetime(2027, 1, 31, 11, tzinfo=UTC)),
        ("2026-11-23T10:00:00Z", NOW),
    ],
)
def test_a_day_ends_with_its_last_moment_and_an_instant_at_once(text: str, until: datetime) -> None:
    assert parse_until(text, NOW) == until


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-23T09:59:59Z", "0001-01-01"])
def test_what_is_over_is_no_end(text: str) -> None:
    with pytest.raises(ValueError, match="is over; write a day") as refused:
        parse_until(text, NOW)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", ["", "7d", "2026-02-30", "tomorrow"])
def test_an_end_is_a_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_until(text, NOW)


def test_an_instant_is_shown_in_utc_to_the_second() -> None:
    eastern = datetime(2026, 11, 23, 5, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=-5)))
    assert isoformat(eastern) == "2026-11-23T10:00:00Z"


def test_a_window_says_where_it_begins_and_ends() -> None:
    assert str(Window(None, NOW)) == "all evidence until 2026-11-23 10:00 UTC"
    assert str(Window(NOW - timedelta(days=7), NOW)) == "2026-11-16 10:00 – 2026-11-23 10:00 UTC"
