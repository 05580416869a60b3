"""Statements that are executed together store what each of them would alone, all of them or none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, bindparam, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.sql import ClauseElement

from policybuilder.store import schema
from policybuilder.store.engine import writing
from policybuilder.store.prepared import Prepared, Together, inserted
from policybuilder.store.recording import DEADLOCK
from policybuilder.store.tables import table_of

SAMPLES = table_of(schema.SampleRow)
GROUPS = table_of(schema.GroupRow)


def _add_samples(connection: Connection) -> ClauseElement:
    made: ClauseElement = inserted(connection, SAMPLES)
    return made


def _add_or_count(connection: Connection) -> ClauseElement:
    hours = table_of(schema.GroupHourRow)
    statement = inserted(connection, hours)
    counted: ClauseElement = statement.on_conflict_do_update(
        index_elements=list(hours.primary_key), set_={"reports": hours.c.reports + statement.excluded.reports}
    )
    return counted


def _rename(_connection: Connection) -> ClauseElement:
    return (
        SAMPLES.update()
        .where(SAMPLES.c.report == bindparam("old"), SAMPLES.c.site != "100% $1 %s")
        .values(report=bindparam("new"))
    )


ADD_SAMPLES, ADD_OR_COUNT, RENAME = Prepared(_add_samples), Prepared(_add_or_count), Prepared(_rename)


def sample(digest: str, report: str = "{}", seen_at_ms: int = 1, site: str = "default") -> dict[str, Any]:
    return {"site": site, "fingerprint": "f", "digest": digest, "report": report, "seen_at_ms": seen_at_ms}


def hour(number: int, reports: int) -> dict[str, Any]:
    counts = {"reports": reports, "trusted_reports": 0, "estimated_reports": 2**62}
    return {"site": "default", "fingerprint": "f", "hour": number, **counts}


def reports_of(connection: Connection) -> dict[str, str]:
    return {digest: report for digest, report in connection.execute(select(SAMPLES.c.digest, SAMPLES.c.report))}  # noqa: C416


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with writing(engine).begin() as opened:
        yield opened


def test_they_run_in_their_order(connection: Connection) -> None:
    together = Together()
    together.add(ADD_SAMPLES, [sample("a", "old"), sample("b", "other")])
    together.add_once(RENAME, old="old", new="new")
    together.add(ADD_SAMPLES, [sample("c", "old")])
    together.add(ADD_OR_COUNT, [hour(7, 1), hour(8, 2)])
    together.add(ADD_OR_COUNT, [hour(7, 40)])
    together.run(connection)
    assert reports_of(connection) == {"a": "new", "b": "other", "c": "old"}
    hours = table_of(schema.GroupHourRow)
    counted = connection.execute(select(hours.c.hour, hours.c.reports, hours.c.estimated_reports).order_by("hour"))
    assert counted.all() == [(7, 41, 2**62), (8, 2, 2**62)]


def test_what_has_run_does_not_run_again(connection: Connection) -> None:
    together = Together()
    together.add(ADD_OR_COUNT, [hour(7, 1)])
    together.run(connection)
    together.run(connection)
    together.add(ADD_OR_COUNT, [])
    together.run(connection)
    assert connection.scalar(select(table_of(schema.GroupHourRow).c.reports)) == 1


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), number=st.integers(-(2**63), 2**63 - 1))
def test_any_value_comes_through(texts: list[str], number: int, connection: Connection) -> None:
    connection.execute(SAMPLES.delete())
    rows = [sample(f"{place}", each, number, site=each) for place, each in enumerate(texts)]
    ADD_SAMPLES.run_many(connection, rows)
    found = connection.execute(select(SAMPLES).order_by(SAMPLES.c.digest)).mappings()
    assert [dict(row) for row in found] == rows


@pytest.mark.parametrize("awkward", ['"', "\\", "\\u0041", "%s", "%(rows)s", "$1", "'", "\n\t\x7f", "\N{PILE OF POO}"])
def test_awkward_texts_come_through(awkward: str, connection: Connection) -> None:
    ADD_SAMPLES.run_many(connection, [sample("a", awkward)])
    assert reports_of(connection) == {"a": awkward}


def test_what_is_null_stays_null(connection: Connection) -> None:
    statement = Prepared(lambda opened: inserted(opened, GROUPS))
    texts = {each.name: "" for each in GROUPS.c if issubclass(each.type.python_type, str)}
    numbers = {each.name: 1 for each in GROUPS.c if each.name not in texts}
    statement.run_many(connection, [{**texts, **numbers, "line_number": None}])
    assert connection.execute(select(GROUPS.c.line_number, GROUPS.c.reports)).all() == [(None, 1)]


def test_one_that_fails_fails_all(engine: Engine) -> None:
    together = Together()
    together.add(ADD_SAMPLES, [sample("a")])
    together.add(ADD_SAMPLES, [sample("b"), sample("a")])
    together.add(ADD_SAMPLES, [sample("c")])
    with pytest.raises(IntegrityError), writing(engine).begin() as connection:
        together.run(connection)
    with engine.connect() as connection:
        assert reports_of(connection) == {}
    # And the connection is as good as before.
    with writing(engine).begin() as connection:
        ADD_SAMPLES.run_many(connection, [sample("a")])
        assert reports_of(connection) == {"a": "{}"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_that_wait_for_each_other_are_told_so(engine: Engine) -> None:
    """As for one statement: whoever is told may try again."""
    with writing(engine).begin() as connection:
        ADD_OR_COUNT.run_many(connection, [hour(1, 1), hour(2, 1)])
    told: list[str] = []
    both = threading.Barrier(2)

    def count(hours: tuple[int, int]) -> None:
        first, second = Together(), Together()
        first.add(ADD_OR_COUNT, [hour(hours[0], 1)])
        second.add(ADD_OR_COUNT, [hour(hours[1], 1)])
        try:
            with writing(engine).begin() as connection:
                first.run(connection)
                both.wait(10)
                second.run(connection)
        except OperationalError as error:
            told.append(error.orig.sqlstate)  # type: ignore[union-attr]

    threads = [threading.Thread(target=count, args=(hours,)) for hours in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert told == [DEADLOCK]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_is_told_as_lost(engine: Engine) -> None:
    together = Together()
    together.add(ADD_SAMPLES, [sample("a")])
    with writing(engine).connect() as connection:
        pid = connection.scalar(select(func.pg_backend_pid()))
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(OperationalError) as caught:
            together.run(connection)
    assert caught.value.connection_invalidated
    with engine.connect() as connection:
        assert reports_of(connection) == {}
