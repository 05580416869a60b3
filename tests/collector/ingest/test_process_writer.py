"""The writer process: what it is given is stored once, whatever becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from collector.ingest.counters import IngestCounters
from collector.ingest.folding import Observation
from collector.ingest.frames import Frame, Ready, Unpacker, pack, to_writer
from collector.ingest.process_writer import ProcessWriter
from collector.ingest.writer import QueueFullError, StoreUnreachableError
from policybuilder.store.engine import writing
from tests.collector.ingest.builders import make_observation, make_violation
from tests.support.evidence import replace

SIZE = 700
"""Bytes of a report."""

DEADLINE_SECONDS = 60


def url_of(engine: Engine) -> str:
    return engine.url.set(drivername=engine.url.get_backend_name()).render_as_string(hide_password=False)


def stored_reports(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT coalesce(sum(reports), 0) FROM violation_group")).scalar_one())


def run(engine: Engine, work: Callable[[ProcessWriter], Awaitable[None]], **bounds: Any) -> IngestCounters:
    """Give `work` a writer that runs, and close it afterwards."""
    counters = IngestCounters()

    async def main() -> None:
        writer = ProcessWriter(
            url_of(engine), counters, **{"max_queued": 10_000, "max_queued_bytes": 10_000_000, **bounds}
        )
        writer.start()
        try:
            await asyncio.wait_for(work(writer), DEADLINE_SECONDS)
        finally:
            await asyncio.wait_for(writer.close(), DEADLINE_SECONDS)

    asyncio.run(main())
    return counters


def observation(number: int) -> Observation:
    return make_observation(make_violation(blocked_uri=f"https://img.example/{number % 50}.png"))


def children() -> set[int]:
    """The writer processes of this one."""
    own = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = set()
    for child in map(int, own):
        with contextlib.suppress(OSError):
            if b"writer_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


async def settle(writer: ProcessWriter, numbers: range) -> int:
    """Store a report for each number, all at once; returns how many were stored."""

    async def store(number: int) -> bool:
        try:
            await writer.store([observation(number)], SIZE)
        except (StoreUnreachableError, QueueFullError):
            return False
        return True

    return sum(await asyncio.gather(*map(store, numbers)))


def test_whoever_waits_is_answered_when_the_reports_are_durable(engine: Engine) -> None:
    async def work(writer: ProcessWriter) -> None:
        await writer.store([observation(1), observation(2)], SIZE)
        assert stored_reports(engine) == 2
        assert await settle(writer, range(500)) == 500
        assert stored_reports(engine) == 502

    counters = run(engine, work)
    exposition = counters.exposition().decode()
    assert "csp_commit_reports_sum 502.0" in exposition
    assert "csp_queue_reports 0.0" in exposition
    assert "csp_queue_bytes 0.0" in exposition
    assert not children()


def test_reports_that_wait_at_the_end_are_stored(engine: Engine) -> None:
    async def work(writer: ProcessWriter) -> None:
        waiting.extend(asyncio.create_task(writer.store([observation(number)], SIZE)) for number in range(300))
        await asyncio.sleep(0)

    waiting: list[asyncio.Task[None]] = []
    run(engine, work)
    assert all(task.done() and task.exception() is None for task in waiting)
    assert stored_reports(engine) == 300


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3, 1.0])
def test_it_ends_at_once_however_soon_it_is_told(engine: Engine, seconds: float) -> None:
    async def work(_writer: ProcessWriter) -> None:
        await asyncio.sleep(seconds)

    run(engine, work)
    assert not children()


def test_a_writer_that_is_killed_loses_nothing_and_counts_nothing_twice(engine: Engine) -> None:
    async def work(writer: ProcessWriter) -> None:
        for cycle in range(6):
            posting = asyncio.create_task(settle(writer, range(2_000)))
            # Somewhere in the middle: before, during or after a commit.
            await asyncio.sleep(0.02 + 0.03 * cycle)
            for child in children():
                os.kill(child, signal.SIGKILL)
            kept.append(await posting)
            assert stored_reports(engine) == sum(kept)

    kept: list[int] = []
    run(engine, work)
    assert stored_reports(engine) == sum(kept)
    assert sum(kept) > 6_000, "a writer that dies is started anew"


def test_a_database_that_fails_refuses_and_nothing_is_stored(engine: Engine) -> None:
    async def work(writer: ProcessWriter) -> None:
        assert await settle(writer, range(3)) == 3
        with writing(engine).begin() as connection:
            connection.execute(text("ALTER TABLE sample RENAME TO away"))
        assert await settle(writer, range(50)) == 0
        with writing(engine).begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO sample"))
        assert await settle(writer, range(4)) == 4

    run(engine, work)
    assert stored_reports(engine) == 7


@pytest.mark.parametrize("bound", [{"max_queued": 10}, {"max_queued_bytes": 10 * SIZE}], ids=["reports", "bytes"])
def test_what_waits_is_bounded(engine: Engine, bound: dict[str, int]) -> None:
    async def work(writer: ProcessWriter) -> None:
        assert await settle(writer, range(100)) == 10
        assert writer.has_room
        # One body may hold more than there is ever room for.
        await writer.store([observation(number) for number in range(20)], 20 * SIZE)

    run(engine, work, **bound)
    assert stored_reports(engine) == 30


def test_a_report_that_cannot_be_stored_for_our_own_fault_fails_alone(engine: Engine) -> None:
    """Normalisation lets no lone surrogate through, and dates fit; if it did, others must not suffer for it."""
    unsendable = replace(observation(1), network="\ud800")
    unstorable = replace(observation(2), received_at_ms=2**63, seen_at_ms=2**63)

    async def work(writer: ProcessWriter) -> None:
        results = await asyncio.gather(
            *(writer.store([each], SIZE) for each in (observation(3), unsendable, unstorable, observation(4))),
            return_exceptions=True,
        )
        assert [isinstance(result, Exception) for result in results] == [False, True, True, False]

    run(engine, work)
    assert stored_reports(engine) == 2


def test_without_a_database_reports_are_refused_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        counters = IngestCounters()
        writer = ProcessWriter(f"sqlite:///{tmp_path}/none/csp.db", counters, max_queued=10, max_queued_bytes=10_000)
        writer.start()
        with pytest.raises(StoreUnreachableError):
            await asyncio.wait_for(writer.store([observation(1)], SIZE), DEADLINE_SECONDS)
        await writer.close()

    asyncio.run(main())
    assert not children()


class _SilentHome:
    """A writer at the other end of a socket, that is ready and never says what became of anything."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()

    def connect(self) -> socket.socket:
        self.theirs.sendall(pack(Ready(0)))
        return self._ours

    def until_ended(self) -> None:
        self.theirs.close()

    def is_sent_something(self) -> bool:
        """Beyond the first word, which is short."""
        return len(self.theirs.recv(10_000, socket.MSG_PEEK)) == 10_000

    async def frames(self) -> list[int]:
        """How many reports are in each of the frames that arrive until nothing does for a moment."""

        def read() -> list[int]:
            self.theirs.settimeout(0.5)
            unpacker = Unpacker()
            found: list[int] = []
            with contextlib.suppress(TimeoutError):
                while True:
                    messages = map(to_writer.decode, unpacker.feed(self.theirs.recv(2**20)))
                    found += [len(message.violations) for message in messages if isinstance(message, Frame)]
            return found

        return await asyncio.to_thread(read)


def test_many_reports_are_sent_before_the_turn_of_the_loop_ends_and_not_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others who are read in the same turn may take as long as a commit."""
    monkeypatch.setattr("collector.ingest.process_writer._PATIENCE_SECONDS", 0.1)
    batch = [observation(number) for number in range(50)]
    home = _SilentHome()

    async def main() -> None:
        writer = ProcessWriter(
            "sqlite:///none.db", IngestCounters(), max_queued=100_000, max_queued_bytes=1_000_000, home=home
        )
        writer.start()
        await writer.until_running()
        waiting = [writer.enqueue(batch, SIZE) for _ in range(9)]
        assert not home.is_sent_something(), "a few wait for what else comes"
        waiting += [writer.enqueue(batch, SIZE) for _ in range(11)]
        assert home.is_sent_something()
        assert await home.frames() == [500, 500]
        # Nobody answers: what is under way is in doubt for as long, and may not be all that there is.
        waiting += [writer.enqueue(batch, SIZE) for _ in range(200)]
        assert await home.frames() == [500] * 6
        await writer.close()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in told} == {StoreUnreachableError}

    asyncio.run(asyncio.wait_for(main(), DEADLINE_SECONDS))
