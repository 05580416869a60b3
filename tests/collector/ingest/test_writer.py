"""The writer: one commit for everybody who waits, and an answer only when it is known how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sqlalchemy import Engine, event, text

from collector.ingest.counters import IngestCounters
from collector.ingest.folding import Observation
from collector.ingest.writer import GroupCommitWriter, LatestCommit, QueueFullError, StoreUnreachableError
from policybuilder.store.engine import writing
from tests.collector.ingest.builders import make_observation, make_violation


def stored_reports(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT coalesce(sum(reports), 0) FROM violation_group")).scalar_one())


def run(engine: Engine, work: Callable[[GroupCommitWriter], Awaitable[None]], *, max_queued: int = 100) -> None:
    """Give `work` a writer that runs, and close it afterwards."""

    async def main() -> None:
        writer = GroupCommitWriter(engine, IngestCounters(), max_queued=max_queued)
        writer.start()
        try:
            await work(writer)
        finally:
            await writer.close()

    asyncio.run(main())


def has_room(writer: GroupCommitWriter) -> bool:
    """Asked anew each time, whatever a type checker remembers of the property."""
    return writer.has_room


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Nobody else can write meanwhile."""
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE violation_group IN ACCESS EXCLUSIVE MODE"))
        yield


@contextmanager
def without_table(engine: Engine, name: str) -> Iterator[None]:
    """A database in which a commit fails."""
    with writing(engine).begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO away"))
    try:
        yield
    finally:
        with writing(engine).begin() as connection:
            connection.execute(text(f"ALTER TABLE away RENAME TO {name}"))


@contextmanager
def counting_commits(engine: Engine) -> Iterator[list[int]]:
    """The number of commits that recorded groups."""
    commits: list[int] = []
    began: set[int] = set()

    def on_statement(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "INSERT INTO violation_group" in statement:
            began.add(id(connection))

    def on_commit(connection: Any) -> None:
        if id(connection) in began:
            began.discard(id(connection))
            commits.append(1)

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield commits
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  (another thread's lock makes it true)
        await asyncio.sleep(0.005)


def test_what_was_stored_is_in_the_database_when_store_returns(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        await writer.store([make_observation()])
        assert stored_reports(engine) == 1

    run(engine, work)


def test_everybody_who_waits_is_stored_by_one_commit(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        with locked(engine):
            first = asyncio.create_task(writer.store([make_observation()]))
            # The writer holds the first alone, and waits for the lock.
            await until(lambda: not writer._pending and writer._queued == 1)
            others = [asyncio.create_task(writer.store([make_observation()] * 2)) for _ in range(40)]
            await until(lambda: writer._queued == 81)
            assert not first.done()
        await asyncio.gather(first, *others)

    with counting_commits(engine) as commits:
        run(engine, work)
    assert len(commits) == 2
    assert stored_reports(engine) == 81


def test_a_failing_database_fails_its_batch_and_not_the_next(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        with without_table(engine, "violation_group"):
            results = await asyncio.gather(
                *(writer.store([make_observation()]) for _ in range(3)), return_exceptions=True
            )
            assert [type(result) for result in results] == [StoreUnreachableError] * 3
        await writer.store([make_observation()])

    run(engine, work)
    assert stored_reports(engine) == 1


def test_a_failure_in_the_last_table_leaves_nothing_in_the_first(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        with without_table(engine, "sample"), pytest.raises(StoreUnreachableError):
            await writer.store([make_observation()])

    run(engine, work)
    assert stored_reports(engine) == 0


def test_a_bug_fails_its_own_batch_and_not_everybodys_for_ever(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        with pytest.raises(AttributeError):
            await writer.store([cast("Observation", object())])
        await writer.store([make_observation()])

    run(engine, work)
    assert stored_reports(engine) == 1


def test_the_queue_is_bounded_and_has_room_again_afterwards(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        with locked(engine):
            waiting = [asyncio.create_task(writer.store([make_observation()] * 2)) for _ in range(2)]
            await until(lambda: writer._queued == 4)
            assert has_room(writer)
            with pytest.raises(QueueFullError):
                await writer.store([make_observation()] * 2)
            waiting.append(asyncio.create_task(writer.store([make_observation()])))
            await until(lambda: writer._queued == 5)
            assert not has_room(writer)
            with pytest.raises(QueueFullError):
                await writer.store([make_observation()])
        await asyncio.gather(*waiting)
        assert has_room(writer)
        await writer.store([make_observation()])

    run(engine, work, max_queued=5)
    assert stored_reports(engine) == 6


def test_a_batch_larger_than_the_queue_is_taken_when_nothing_waits(engine: Engine) -> None:
    """Else it could never be stored, however often it was sent again."""

    async def work(writer: GroupCommitWriter) -> None:
        await writer.store([make_observation()] * 10)

    run(engine, work, max_queued=5)
    assert stored_reports(engine) == 10


def test_closing_commits_what_is_pending_and_takes_no_more(engine: Engine) -> None:
    async def main() -> None:
        writer = GroupCommitWriter(engine, IngestCounters(), max_queued=100)
        writer.start()
        with locked(engine):
            waiting = [asyncio.create_task(writer.store([make_observation()])) for _ in range(5)]
            await until(lambda: writer._queued == 5)
            closing = asyncio.create_task(writer.close())
            await asyncio.sleep(0)
            with pytest.raises(QueueFullError):
                await writer.store([make_observation()])
        await asyncio.gather(closing, *waiting)

    asyncio.run(main())
    assert stored_reports(engine) == 5


def test_a_client_that_goes_away_takes_nothing_from_the_others(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        with locked(engine):
            gone = asyncio.create_task(writer.store([make_observation()]))
            waiting = asyncio.create_task(writer.store([make_observation()]))
            await until(lambda: writer._queued == 2)
            gone.cancel()
        await waiting
        assert writer._queued == 0

    run(engine, work)
    assert stored_reports(engine) == 2


def test_nothing_to_store_needs_no_commit(engine: Engine) -> None:
    async def work(writer: GroupCommitWriter) -> None:
        await writer.store([])

    with counting_commits(engine) as commits:
        run(engine, work)
    assert commits == []


def test_thousands_of_different_groups_fit_into_one_commit(engine: Engine) -> None:
    observations = [make_observation(make_violation(blocked_uri=f"https://h{n}.example/")) for n in range(3_000)]

    async def work(writer: GroupCommitWriter) -> None:
        await writer.store(observations)

    run(engine, work)
    assert stored_reports(engine) == 3_000


def test_a_commit_that_failed_says_nothing_of_the_next_one_for_long() -> None:
    """Without reports there is no next one, which would show that the database is well again."""
    now = 0.0
    latest = LatestCommit(clock=lambda: now)
    assert latest.failure == ""
    latest.ended("OperationalError")
    now = 9.9
    assert latest.failure == "OperationalError"
    now = 10.1
    assert latest.failure == ""
    latest.ended("OperationalError")
    latest.ended()
    assert latest.failure == ""
