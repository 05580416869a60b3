"""Tests of forgetting: once a day is over, no file of the database holds the key that hashed its client networks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from policybuilder.store.clock import DAY_MS, to_ms
from policybuilder.store.engine import open_for_writing, writing
from policybuilder.store.forgetting import Forgotten, clear_files, forget, forget_keys
from policybuilder.store.recording import recording
from tests.support.evidence import SEEN_AT, make_observation, record_observations
from tests.support.postgres import PostgresServer

NOW_MS = to_ms(datetime(2026, 11, 20, 10, 30, tzinfo=UTC))


def keys_of(engine: Engine) -> list[bytes]:
    with engine.connect() as connection:
        return [bytes(key) for key in connection.execute(text("SELECT key FROM reporter_key")).scalars()]


def held(directory: Path, keys: list[bytes]) -> dict[str, int]:
    """How many of the keys each file of the directory holds."""
    contents = {file.name: file.read_bytes() for file in directory.iterdir()}
    found = {name: sum(key in content for key in keys) for name, content in contents.items()}
    return {name: number for name, number in found.items() if number}


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Engine:
    return open_for_writing(f"sqlite:///{tmp_path}/data/csp.db")


def test_no_file_holds_a_key_once_its_day_is_over(sqlite_engine: Engine, tmp_path: Path) -> None:
    record_observations(sqlite_engine, make_observation(), now=SEEN_AT)
    (key,) = keys_of(sqlite_engine)
    assert held(tmp_path / "data", [key])
    assert forget(sqlite_engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=1, is_complete=True)
    assert held(tmp_path / "data", [key]) == {}
    sqlite_engine.dispose()
    assert held(tmp_path / "data", [key]) == {}


def test_keys_of_many_sites_and_days_go_though_their_pages_were_split_and_checkpointed(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    # With these keys some move when pages are joined, and leave a copy where no content is overwritten.
    chance = random.Random(34)  # noqa: S311  (the same ones each time)
    keys = {(f"site{site}", day): chance.randbytes(32) for site in range(40) for day in range(20)}
    for (site, day), key in sorted(keys.items(), key=lambda item: item[1]):
        with writing(sqlite_engine).begin() as connection:
            connection.execute(
                text("INSERT INTO reporter_key (site, day, key, expires_at_ms) VALUES (:site, :day, :key, :end)"),
                {"site": site, "day": day, "key": key, "end": (day + 1) * DAY_MS},
            )
    clear_files(sqlite_engine)
    assert held(tmp_path / "data", list(keys.values())) == {"csp.db": 800}
    for day in range(20):
        forgotten = forget(sqlite_engine, (day + 1) * DAY_MS)
        assert forgotten == Forgotten(keys=40, is_complete=True)
        gone = [key for (_, of_day), key in keys.items() if of_day <= day]
        assert held(tmp_path / "data", gone) == {}
    sqlite_engine.dispose()


def test_a_key_that_a_report_deleted_is_cleared_from_the_files_too(sqlite_engine: Engine, tmp_path: Path) -> None:
    record_observations(sqlite_engine, make_observation(), now=SEEN_AT)
    (key,) = keys_of(sqlite_engine)
    with recording(sqlite_engine, to_ms(SEEN_AT) + DAY_MS):
        pass
    assert keys_of(sqlite_engine) == []
    assert held(tmp_path / "data", [key])
    assert forget(sqlite_engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=0, is_complete=True)
    assert held(tmp_path / "data", [key]) == {}
    sqlite_engine.dispose()


def test_while_somebody_reads_it_is_not_complete_and_can_be_repeated(sqlite_engine: Engine, tmp_path: Path) -> None:
    record_observations(sqlite_engine, make_observation(), now=SEEN_AT)
    (key,) = keys_of(sqlite_engine)
    with sqlite_engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM site")).all()
        assert forget(sqlite_engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=1, is_complete=False)
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 15_000
    assert forget(sqlite_engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=0, is_complete=True)
    assert held(tmp_path / "data", [key]) == {}
    sqlite_engine.dispose()


def test_a_key_whose_day_is_not_over_stays(engine: Engine) -> None:
    record_observations(engine, make_observation(), now=SEEN_AT)
    before = keys_of(engine)
    assert forget(engine, to_ms(SEEN_AT)).keys == 0
    assert keys_of(engine) == before != []


@pytest.fixture
def postgresql_engine(postgres: PostgresServer) -> Iterator[Engine]:
    opened = open_for_writing(postgres.create_database())
    yield opened
    opened.dispose()


def test_postgresql_keeps_no_dead_rows_of_keys(postgresql_engine: Engine) -> None:
    engine = postgresql_engine
    record_observations(engine, make_observation(), now=SEEN_AT)
    forget(engine, to_ms(SEEN_AT) + DAY_MS)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_relation_size('reporter_key')")).scalar_one() == 0


def test_postgresql_keeps_none_though_another_session_may_still_look_at_them(postgresql_engine: Engine) -> None:
    engine = postgresql_engine
    record_observations(engine, make_observation(), now=SEEN_AT)
    old = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with old as reader:
        reader.execute(text("SELECT count(*) FROM site")).all()
        assert forget(engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=1, is_complete=True)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT pg_relation_size('reporter_key')")).scalar_one() == 0


def test_postgresql_keeps_the_keys_of_today(postgresql_engine: Engine) -> None:
    engine = postgresql_engine
    record_observations(engine, make_observation(), now=SEEN_AT)
    before = keys_of(engine)
    assert clear_files(engine)
    assert keys_of(engine) == before != []


def test_postgresql_is_not_waited_for(postgresql_engine: Engine) -> None:
    """Who waits for this lock would keep everybody else waiting behind them."""
    engine = postgresql_engine
    record_observations(engine, make_observation(), now=SEEN_AT)
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM reporter_key")).all()
        assert forget(engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=1, is_complete=False)
    assert forget(engine, to_ms(SEEN_AT) + DAY_MS) == Forgotten(keys=0, is_complete=True)


def test_postgresql_does_not_wait_for_a_key_that_somebody_writes_with(postgresql_engine: Engine) -> None:
    """They may wait for one that we have; what is left goes the next time."""
    engine, now_ms = postgresql_engine, to_ms(SEEN_AT) + DAY_MS
    for site in ("a", "b", "c"):
        record_observations(engine, make_observation(site=site), now=SEEN_AT)
    with engine.connect() as writer:
        writer.execute(text("SELECT key FROM reporter_key WHERE site = 'b' FOR SHARE")).all()
        with writing(engine).begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 1000"))
            assert forget_keys(connection, now_ms) == 2
        assert forget(engine, now_ms) == Forgotten(keys=0, is_complete=False)
    assert forget(engine, now_ms) == Forgotten(keys=1, is_complete=True)
    assert keys_of(engine) == []
