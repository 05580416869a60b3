"""Reading groups: what the database writes as JSON arrives as it was recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Connection, Engine, Text, cast, func

from policybuilder.store import reading
from policybuilder.store.clock import to_ms
from policybuilder.store.reading import read_groups, read_trends, snapshot
from policybuilder.store.sites import ensure_default_site
from policybuilder.store.tables import row_as_json, rows_as_json
from policybuilder.summary import TREND_DAYS
from policybuilder.times import Window
from tests.support.evidence import ORIGIN, PAGE, SEEN_AT, make_observation, make_violation, record_observations, replace

_EVERYTHING = Window(None, SEEN_AT + timedelta(days=9))
_ODD = "a\"b\\c,]}{[\t\x1b\x7f\u2028é😀'\n\\u0000 null"


@pytest.fixture
def recorded(engine: Engine) -> Engine:
    ensure_default_site(engine, SEEN_AT)
    odd = make_violation("script-src-elem", "inline", sample=_ODD, line_number=None)
    seen = make_violation("img-src", f"{ORIGIN}/a.png", document_uri=f"{ORIGIN}/help")
    record_observations(
        engine,
        make_observation(odd, seen_at=SEEN_AT),
        *(
            make_observation(seen, seen_at=SEEN_AT + timedelta(days=day, hours=day), network=f"n{day * number}")
            for day in range(3)
            for number in range(4)
        ),
        make_observation(make_violation("img-src", f"{ORIGIN}/a.png"), seen_at=SEEN_AT, is_trusted=True),
    )
    return engine


def test_what_is_rehearsed_counts_in_the_trend_when_it_arrives(engine: Engine) -> None:
    """Its browser may have held it for weeks."""
    ensure_default_site(engine, SEEN_AT)
    held = make_observation(make_violation(), seen_at=SEEN_AT - timedelta(days=20), is_trusted=True)
    record_observations(engine, replace(held, received_at_ms=to_ms(SEEN_AT)))
    window = Window(None, SEEN_AT + timedelta(hours=1))
    with snapshot(engine) as connection:
        (trend,) = read_trends(connection, "default", window).values()
    assert trend == (*[0] * (TREND_DAYS - 1), 1)


def test_whatever_a_report_holds_is_read_as_it_was_written(recorded: Engine) -> None:
    with snapshot(recorded) as connection:
        groups = {group.directive: group for group in read_groups(connection, "default", _EVERYTHING)}
    odd, picture = groups["script-src-elem"], groups["img-src"]
    assert (odd.sample, odd.line_number, odd.reports, odd.days) == (_ODD, None, 1, 1)
    assert (picture.reports, picture.trusted_reports, picture.days, picture.reporters) == (13, 1, 3, 4)
    assert [(page.url, page.reports, page.trusted_reports) for page in picture.pages] == [
        (f"{ORIGIN}/help", 12, 0),
        (PAGE, 1, 1),
    ]
    assert [policy.reports for policy in picture.policies] == [13]


def test_a_database_that_forgets_what_is_json_is_understood(recorded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with snapshot(recorded) as connection:
        known = read_groups(connection, "default", _EVERYTHING)

    def forgotten(column: ColumnElement[Any]) -> ColumnElement[str]:
        return func.coalesce(cast(column, Text) + "", "null")

    def row(connection: Connection, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        return forgotten(row_as_json(connection, *columns))

    def rows(connection: Connection, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        return forgotten(rows_as_json(connection, *columns))

    monkeypatch.setattr(reading, "row_as_json", row)
    monkeypatch.setattr(reading, "rows_as_json", rows)
    with snapshot(recorded) as connection:
        groups = read_groups(connection, "default", _EVERYTHING)
    assert groups == known
    assert all(group.policies and group.pages for group in groups)
