"""Recorded posts: what is a record, what is a report, and what is said of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from policybuilder.reports.records import Record, RecordError, is_record, read_record

REPORT = {"csp-report": {"document-uri": "https://shop.example/"}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"body": "{}"}, True),
        ({"method": "POST"}, True),
        ({"body": 7}, True),
        (REPORT, False),
        ({**REPORT, "body": "{}"}, False),
        ({"type": "csp-violation", "body": {}}, False),
        ({"type": "csp-violation", "body": {}, "received_at": 1}, False),
        ({"age": 7, "url": "https://shop.example/", "user_agent": "Browser", "body": {}}, False),
        ({"body": {}, "received_at": 1}, True),
        ({"body": {}, "client": "192.0.2.1"}, True),
        ({"body": {}, "method": "POST", "url": "/report/key"}, True),
        ([{"body": "{}"}], False),
        ("body", False),
        (None, False),
    ],
)
def test_a_record_has_a_body_with_something_beside_it_that_no_report_has(value: Any, expected: bool) -> None:  # noqa: FBT001  (a column of the table)
    assert is_record(value) is expected


def test_whatever_is_no_record_is_a_body() -> None:
    for raw in (json.dumps(REPORT).encode(), b"[]", b"not json", b"\xff", b""):
        assert read_record(raw) == Record(raw)


def test_a_record_says_who_posted_what_and_when() -> None:
    line = {"body": "{}", "user_agent": "Browser", "client": "192.0.2.1", "received_at": "2026-11-23T12:00:00+01:00"}
    at = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=1)))
    assert read_record(json.dumps(line).encode()) == Record(b"{}", "Browser", "192.0.2.1", at)


def test_the_user_agent_may_stand_in_the_headers() -> None:
    line = {"method": "POST", "headers": [["User-Agent", "Browser"], ["user-agent", "Other"], 7], "body": ""}
    assert read_record(json.dumps(line).encode()) == Record(b"", "Browser")


@pytest.mark.parametrize(
    ("said", "received_at"),
    [
        ("2026-11-23T12:00:00", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        (1_795_435_200, datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("yesterday", None),
        (True, None),
        (1e300, None),
        (float("nan"), None),
        (None, None),
    ],
)
def test_a_time_is_an_iso_8601_text_or_seconds_since_1970(said: Any, received_at: datetime | None) -> None:
    record = read_record(json.dumps({"body": "", "time": said}).encode())
    assert record is not None
    assert record.received_at == received_at


def test_a_preflight_holds_nothing() -> None:
    assert read_record(b'{"method": "options", "body": "x"}') is None


# As somebody may have written it down, and as it was posted.
UNPACKED: list[Any] = [REPORT, [], [REPORT, REPORT], {"csp-report": {"script-sample": "\ud83d"}}]


@pytest.mark.parametrize("body", UNPACKED)
def test_an_unpacked_body_is_its_json(body: Any) -> None:
    line = json.dumps({"body": body, "client": "192.0.2.1", "received_at": 1_795_435_200})
    record = read_record(line.encode())
    assert record == Record(json.dumps(body).encode(), "", "192.0.2.1", datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.mark.parametrize("line", [{"method": "POST"}, {"body": None}, {"body": 7}, {"body": ["x"]}, {"body": [{}, 7]}])
def test_a_record_without_text_or_objects_is_refused(line: Any) -> None:
    with pytest.raises(RecordError, match="record-without-report-body"):
        read_record(json.dumps(line).encode())
