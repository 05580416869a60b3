"""Housekeeping: what a service forgets and removes by itself, while it takes reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from collector.ingest.counters import IngestCounters
from collector.ingest.housekeeping import Housekeeping
from collector.ingest.writer import GroupCommitWriter, StoreUnreachableError
from policybuilder.store.clock import to_ms
from policybuilder.store.engine import open_for_writing, writing
from policybuilder.store.sites import ensure_default_site
from tests.collector.ingest.builders import make_observation, make_violation
from tests.support.evidence import record_observations


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Any:
    opened = open_for_writing(f"sqlite:///{tmp_path}/data/csp.db")
    yield opened
    opened.dispose()


def run(engine: Engine, work: Callable[[GroupCommitWriter], Awaitable[None]], **every: float) -> None:
    """Give `work` a writer with its housekeeping, and close both afterwards."""

    async def main() -> None:
        writer = GroupCommitWriter(engine, IngestCounters(), max_queued=100, housekeeping=Housekeeping(engine, **every))
        writer.start()
        try:
            await work(writer)
        finally:
            await writer.close()

    asyncio.run(main())


async def nothing(_writer: GroupCommitWriter) -> None:
    """Start and stop at once."""


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  (another thread makes it true)
        await asyncio.sleep(0.005)


def counted(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def stored_reports(engine: Engine) -> int:
    return counted(engine, "SELECT coalesce(sum(reports), 0) FROM violation_group")


OLD_KEY = "INSERT INTO reporter_key (site, day, key, expires_at_ms) VALUES ('default', 0, :key, 86400000)"


def add_old_key(engine: Engine, key: bytes = b"k" * 32) -> None:
    """A key whose day is long over."""
    with writing(engine).begin() as connection:
        connection.execute(text(OLD_KEY), {"key": key})


def key_days(engine: Engine) -> set[int]:
    """The days whose reporters can still be recognised."""
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT day FROM reporter_key")).scalars())


def test_old_keys_are_forgotten_at_the_start(engine: Engine) -> None:
    add_old_key(engine)
    run(engine, nothing)
    assert key_days(engine) == set()


def test_old_keys_are_forgotten_in_time_though_nobody_reports(engine: Engine) -> None:
    async def work(_writer: GroupCommitWriter) -> None:
        for _ in range(2):
            add_old_key(engine)
            await until(lambda: not key_days(engine))

    run(engine, work, forget_every_seconds=0.01)


def test_a_failure_to_forget_old_keys_is_logged_and_made_up_for(
    sqlite_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    add_old_key(sqlite_engine)
    with writing(sqlite_engine).begin() as connection:
        connection.execute(
            text("CREATE TRIGGER keep BEFORE DELETE ON reporter_key BEGIN SELECT RAISE(ABORT, 'not now'); END")
        )

    async def work(writer: GroupCommitWriter) -> None:
        await until(lambda: "reporter keys not forgotten" in caplog.text)
        with pytest.raises(StoreUnreachableError):
            await writer.store([make_observation()])
        assert stored_reports(sqlite_engine) == 0, "who is told 503 sends again: nothing may be stored"
        with writing(sqlite_engine).begin() as connection:
            connection.execute(text("DROP TRIGGER keep"))
        await until(lambda: not key_days(sqlite_engine))
        await writer.store([make_observation()])

    run(sqlite_engine, work, forget_every_seconds=0.01)
    assert stored_reports(sqlite_engine) == 1


def holding(path: Path, content: bytes) -> list[str]:
    """The files of a directory that hold these bytes."""
    return sorted(file.name for file in path.iterdir() if content in file.read_bytes())


def test_no_file_holds_a_key_that_a_report_made_us_forget(sqlite_engine: Engine, tmp_path: Path) -> None:
    """It is deleted by the transaction of a report, which leaves none to delete in time."""
    key = b"the key of a day that is over!!!"
    add_old_key(sqlite_engine, key)
    assert holding(tmp_path / "data", key) == ["csp.db-wal"]

    async def work(writer: GroupCommitWriter) -> None:
        await writer.store([make_observation()])
        await until(lambda: not holding(tmp_path / "data", key))

    run(sqlite_engine, work, forget_every_seconds=0.01)


def test_a_reader_in_the_way_only_puts_it_off(sqlite_engine: Engine, tmp_path: Path) -> None:
    key = b"the key of a day that is over!!!"
    add_old_key(sqlite_engine, key)

    async def work(writer: GroupCommitWriter) -> None:
        with sqlite_engine.connect() as reader:
            reader.execute(text("SELECT count(*) FROM site")).all()
            await writer.store([make_observation()])
            began = time.monotonic()
            await writer.store([make_observation()])
            assert time.monotonic() - began < 10
            assert holding(tmp_path / "data", key) == ["csp.db-wal"]
        await until(lambda: not holding(tmp_path / "data", key))

    run(sqlite_engine, work, forget_every_seconds=0.01)
    assert stored_reports(sqlite_engine) == 2


def fill(engine: Engine, *, groups: int, days_ago: int = 500) -> None:
    """So many groups that were last seen long ago."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    ensure_default_site(engine, at)
    record_observations(
        engine,
        *(
            make_observation(make_violation(blocked_uri=f"https://img.example/{number}.png"), seen_at_ms=to_ms(at))
            for number in range(groups)
        ),
        now=at,
    )


def groups_of(engine: Engine) -> int:
    return counted(engine, "SELECT count(*) FROM violation_group")


def test_a_service_prunes_at_its_start_and_again(engine: Engine) -> None:
    async def work(_writer: GroupCommitWriter) -> None:
        for _ in range(2):
            await until(lambda: groups_of(engine) == 0)
            fill(engine, groups=3)
        await until(lambda: groups_of(engine) == 0)

    fill(engine, groups=3)
    run(engine, work, prune_every_seconds=0.05)


def test_reports_are_stored_while_much_is_removed(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        while groups_of(engine) > 20:
            await writer.store([make_observation(seen_at_ms=to_ms(datetime.now(UTC)))])

    fill(engine, groups=400)
    run(engine, work)
    assert counted(engine, "SELECT reports FROM violation_group WHERE reports > 1") > 1


def test_a_service_that_is_stopped_does_not_prune_to_the_end(engine: Engine) -> None:
    fill(engine, groups=400)

    async def work(_writer: GroupCommitWriter) -> None:
        await until(lambda: groups_of(engine) < 400)

    run(engine, work)
    assert groups_of(engine) > 0


def listed(engine: Engine) -> int:
    return counted(engine, "SELECT count(*) FROM violation_listing")


def test_a_service_lists_what_there_is_at_its_start_and_what_comes(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        await until(lambda: listed(engine) == 3)
        await writer.store([make_observation(seen_at_ms=to_ms(datetime.now(UTC)))])
        await until(lambda: listed(engine) == 4)

    fill(engine, groups=3, days_ago=1)
    run(engine, work, list_every_seconds=0.01)


def test_a_failure_to_list_is_logged_and_made_up_for(sqlite_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    fill(sqlite_engine, groups=3, days_ago=1)
    with writing(sqlite_engine).begin() as connection:
        connection.execute(
            text("CREATE TRIGGER keep BEFORE INSERT ON violation_listing BEGIN SELECT RAISE(ABORT, 'not now'); END")
        )

    async def work(writer: GroupCommitWriter) -> None:
        await until(lambda: "violations not listed" in caplog.text)
        await writer.store([make_observation(seen_at_ms=to_ms(datetime.now(UTC)))])
        with writing(sqlite_engine).begin() as connection:
            connection.execute(text("DROP TRIGGER keep"))
        await until(lambda: listed(sqlite_engine) == 4)

    run(sqlite_engine, work, list_every_seconds=0.01)
    assert "img.example" not in caplog.text


def test_a_failure_to_prune_is_logged_without_what_was_reported(
    sqlite_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    fill(sqlite_engine, groups=3)
    with writing(sqlite_engine).begin() as connection:
        connection.execute(
            text("CREATE TRIGGER keep BEFORE DELETE ON violation_group BEGIN SELECT RAISE(ABORT, 'not now'); END")
        )

    async def work(writer: GroupCommitWriter) -> None:
        await until(lambda: "evidence not pruned" in caplog.text)
        await writer.store([make_observation(seen_at_ms=to_ms(datetime.now(UTC)))])
        with writing(sqlite_engine).begin() as connection:
            connection.execute(text("DROP TRIGGER keep"))
        await until(lambda: groups_of(sqlite_engine) == 1)

    run(sqlite_engine, work, prune_every_seconds=0.05)
    assert "img.example" not in caplog.text
    assert stored_reports(sqlite_engine) == 1
