"""The writer: everything that arrived while the last commit ran goes into the next one.

Groups form by themselves, without a timer: an idle writer takes a single report at once, a busy one takes all that is
pending. Whoever waits is answered after the commit that holds its reports, never before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from collector.ingest.counters import IngestCounters
from collector.ingest.folding import HashObservation, Observation, fold, fold_hash
from collector.ingest.housekeeping import Housekeeping
from policybuilder.store.batch import Batch
from policybuilder.store.recollection import Recollection
from policybuilder.store.recording import record


class QueueFullError(Exception):
    """More reports wait for the database than memory was set aside for."""


class StoreUnreachableError(Exception):
    """The commit failed: nothing of it was stored."""


class Writer(Protocol):
    """Whoever stores what requests bring."""

    def start(self) -> None:
        """Begin; call it on the running event loop."""

    async def until_running(self) -> None:
        """Return once there is somebody who writes, or that has taken too long."""

    async def close(self) -> None:
        """Store what is pending, then stop."""

    @property
    def has_room(self) -> bool:
        """Whether more reports may wait."""

    @property
    def is_running(self) -> bool:
        """Whether there is somebody who writes."""

    @property
    def failure(self) -> str:
        """The kind of failure of the latest commit, or of the one under way; empty where none is known of late."""

    async def store(self, observations: Sequence[Observation | HashObservation], size: int) -> None:
        """Return when the observations are durable, all of them or none; `size` is about how many bytes they hold.

        Raises QueueFullError or StoreUnreachableError; then none is stored.
        """

    def enqueue(self, observations: Sequence[Observation | HashObservation], size: int) -> asyncio.Future[None]:
        """The same of one or more, without waiting: what is done, or fails, when `store` would return.

        Raises QueueFullError or StoreUnreachableError where that is known at once.
        """


class LatestCommit:
    """How the latest commit ended, for as long as that says something of the next."""

    _TELLING_SECONDS = 10.0
    """Without reports nobody commits, and nobody would learn that the database is well again."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failure = ""
        self._ended_at = 0.0

    def ended(self, failure: str = "") -> None:
        """Note that a commit ended, and with which kind of failure, if any."""
        self._failure, self._ended_at = failure, self._clock()

    @property
    def failure(self) -> str:
        """The kind of failure; empty after a success, and when it is no news any more."""
        return self._failure if self._clock() - self._ended_at < self._TELLING_SECONDS else ""


@dataclass(slots=True)
class _Pending:
    observations: Sequence[Observation | HashObservation]
    stored: asyncio.Future[None]


class GroupCommitWriter:
    """Takes observations from any number of requests and commits them together, in a thread of its own.

    For whoever embeds the application, and for tests; `serve` has a process of its own for it, see `process_writer`.
    """

    def __init__(
        self,
        engine: Engine,
        counters: IngestCounters,
        *,
        max_queued: int,
        housekeeping: Housekeeping | None = None,
    ) -> None:
        self._engine = engine
        self._counters = counters
        self._max_queued = max_queued
        self._housekeeping = housekeeping or Housekeeping(engine)
        self._known = Recollection()
        self._pending: list[_Pending] = []
        self._queued = 0
        self._latest = LatestCommit()
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, and to keep house beside it; call it on the running event loop."""
        self._task = asyncio.create_task(self._run(), name="group-commit")
        self._housekeeping.start()

    async def until_running(self) -> None:
        """Return at once: the thread is there when it is wanted."""

    async def close(self) -> None:
        """Commit what is pending, then stop."""
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._housekeeping.close()

    @property
    def has_room(self) -> bool:
        return self._queued < self._max_queued

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def failure(self) -> str:
        return self._latest.failure

    async def store(self, observations: Sequence[Observation | HashObservation], size: int = 0) -> None:
        """Return when the observations are durable, all of them or none; see `Writer`."""
        if observations:
            await self.enqueue(observations, size)

    def enqueue(
        self,
        observations: Sequence[Observation | HashObservation],
        size: int = 0,  # noqa: ARG002
    ) -> asyncio.Future[None]:
        """Have observations stored; see `Writer`."""
        if self._closing.is_set() or self._queued + len(observations) > max(self._max_queued, len(observations)):
            raise QueueFullError
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(observations, stored))
        self._queued += len(observations)
        self._counters.queued = self._queued
        self._wake.set()
        return stored

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                taken, self._pending = self._pending, []
                await self._commit(taken)
            if self._closing.is_set():
                return

    async def _commit(self, taken: list[_Pending]) -> None:
        reports = sum(len(pending.observations) for pending in taken)
        started = time.perf_counter()
        failure: Exception | None = None
        try:
            await asyncio.to_thread(self._write, taken)
            self._latest.ended()
        except SQLAlchemyError as error:
            self._latest.ended(type(error).__name__)
            failure = StoreUnreachableError()
            failure.__cause__ = error
        except Exception as error:  # noqa: BLE001  (a bug must fail its own batch, not everybody's for ever)
            failure = error
        self._queued -= reports
        self._counters.queued = self._queued
        self._counters.commit_seconds.observe(time.perf_counter() - started)
        self._counters.batch_reports.observe(reports)
        for pending in taken:
            if pending.stored.cancelled():
                continue
            if failure is None:
                pending.stored.set_result(None)
            else:
                pending.stored.set_exception(failure)

    def _write(self, taken: list[_Pending]) -> None:
        batch = Batch()
        for pending in taken:
            for observation in pending.observations:
                if isinstance(observation, Observation):
                    fold(batch, observation, self._known)
                else:
                    fold_hash(batch, observation)
        record(self._engine, batch, time.time_ns() // 1_000_000, self._known)
