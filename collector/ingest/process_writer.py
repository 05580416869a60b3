"""The worker's end of the writer process: hands it reports, and holds on to them when it dies.

Whatever arrives while two frames are under way goes into the next one, so that frames grow with the load, without a
timer. A frame that was sent and not answered is in doubt when the writer dies: the next one knows whether it was
stored, and only what was not is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from collector.forking import ForkedProcess
from collector.ingest.counters import IngestCounters
from collector.ingest.folding import HashObservation, Observation
from collector.ingest.frames import Ack, Frame, FromWriter, Hello, Ready, Unpacker, from_writer, pack
from collector.ingest.writer import LatestCommit, QueueFullError, StoreUnreachableError
from collector.logs import LogFormat, LogLevel

_MAX_FRAMES_UNDER_WAY = 2
"""While one is committed, the next is on its way."""

_MAX_FRAME_REPORTS = 5_000
_LARGE_FRAME_REPORTS = 500
_MAX_LARGE_FRAMES_UNDER_WAY = 8
"""So many reports are sent at once. Else they wait for the end of the loop's turn, in which batches may be read for as
long as a commit takes, and the writer would have nothing to do meanwhile."""

_START_SECONDS = 30.0
_END_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0
"""How long reports wait for a writer that is gone, before they are refused."""

_STALL_SECONDS = 3.0
"""After so long without an answer, nothing more is sent after what the writer has: it is refused, and nothing of it is
stored. What the writer has may be, and waits."""

_WATCH_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    observations: Sequence[Observation | HashObservation]
    size: int
    stored: asyncio.Future[None]


@dataclass(slots=True)
class _Sent:
    packed: bytes
    waiting: Sequence[_Waiting]


class ProcessWriter:
    """Takes observations from any number of requests to a process that commits them together."""

    def __init__(
        self,
        database_url: str,
        counters: IngestCounters,
        *,
        max_queued: int,
        max_queued_bytes: int,
        home: WriterHome | None = None,
    ) -> None:
        self._database_url = database_url
        self._home = home or OwnWriter()
        self._counters = counters
        self._max_queued = max_queued
        self._max_queued_bytes = max_queued_bytes
        self._stream = secrets.token_hex(16)
        self._last_number = 0
        self._pending: list[_Waiting] = []
        self._pending_reports = 0
        self._sent: dict[int, _Sent] = {}
        self._queued = 0
        self._queued_bytes = 0
        self._latest_commit = LatestCommit()
        self._latest: _Connection | None = None
        self._connection: _Connection | None = None
        """The latest, while there is a writer at the other end that said what is stored."""

        self._is_flush_due = False
        self._has_given_up = False
        self._answered_at = 0.0
        """When the writer said something last, or began to have something to say."""

        self._watch: asyncio.TimerHandle | None = None
        self._has_begun = asyncio.Event()
        self._closing = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Find the process, or start it; call it on the running event loop."""
        self._task = asyncio.create_task(self._run(), name="writer-process")

    async def until_running(self) -> None:
        """Return once the process can write, or has taken too long for that."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_begun.wait(), _START_SECONDS)

    async def close(self) -> None:
        """Have what is pending stored, or refused where nobody can store it, then end the process."""
        self._closing.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _PATIENCE_SECONDS)
        self._refuse_all()
        if self._watch is not None:
            self._watch.cancel()
        if self._latest is not None:
            self._latest.close()
        if self._task is not None:
            await self._task

    @property
    def has_room(self) -> bool:
        return self._queued < self._max_queued and self._queued_bytes < self._max_queued_bytes

    @property
    def is_running(self) -> bool:
        """Whether there is a process that writes."""
        return self._connection is not None

    @property
    def failure(self) -> str:
        return "no answer" if self._is_stalled else self._latest_commit.failure

    async def store(self, observations: Sequence[Observation | HashObservation], size: int) -> None:
        """Return when the observations are durable, all of them or none; see `Writer`."""
        if observations:
            await self.enqueue(observations, size)

    def enqueue(self, observations: Sequence[Observation | HashObservation], size: int) -> asyncio.Future[None]:
        """Have observations stored; see `Writer`."""
        if self._has_given_up or self._is_stalled:
            raise StoreUnreachableError("no writer")
        is_alone = not self._queued
        if self._closing.is_set() or not (
            is_alone
            or (
                self._queued + len(observations) <= self._max_queued
                and self._queued_bytes + size <= self._max_queued_bytes
            )
        ):
            raise QueueFullError
        loop = asyncio.get_running_loop()
        waiting = _Waiting(observations, size, loop.create_future())
        if self._watch is None:
            self._watch = loop.call_later(_WATCH_SECONDS, self._look_after_what_waits)
        self._pending.append(waiting)
        self._count(len(observations), size)
        self._pending_reports += len(observations)
        if self._pending_reports >= _LARGE_FRAME_REPORTS:
            self._flush()
        else:
            self._flush_soon()
        return waiting.stored

    @property
    def _is_stalled(self) -> bool:
        """Whether the writer has frames and has not answered for long."""
        return bool(self._sent) and time.monotonic() - self._answered_at > _STALL_SECONDS

    def _look_after_what_waits(self) -> None:
        self._watch = None
        if self._is_stalled:
            waiting, self._pending, self._pending_reports = self._pending, [], 0
            self._settle(waiting, StoreUnreachableError("the writer does not answer"))
        if self._queued:
            self._watch = asyncio.get_running_loop().call_later(_WATCH_SECONDS, self._look_after_what_waits)

    def _count(self, reports: int, size: int) -> None:
        self._queued += reports
        self._queued_bytes += size
        self._counters.queued = self._queued
        self._counters.queued_bytes = self._queued_bytes
        if self._queued:
            self._idle.clear()
        else:
            self._idle.set()

    def _flush_soon(self) -> None:
        """At the end of this turn of the loop: what else arrives in it goes along."""
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    @property
    def _max_under_way(self) -> int:
        is_large = self._pending_reports >= _LARGE_FRAME_REPORTS
        return _MAX_LARGE_FRAMES_UNDER_WAY if is_large else _MAX_FRAMES_UNDER_WAY

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._connection is None:
            return
        while self._pending and len(self._sent) < self._max_under_way:
            taken, reports = 0, 0
            while taken < len(self._pending) and (taken == 0 or reports < _MAX_FRAME_REPORTS):
                reports += len(self._pending[taken].observations)
                taken += 1
            waiting, self._pending = self._pending[:taken], self._pending[taken:]
            self._pending_reports -= reports
            try:
                self._send(waiting)
            except Exception as error:  # noqa: BLE001  (a bug must fail its own reports, not everybody's)
                self._send_each(waiting, error)

    def _send(self, waiting: Sequence[_Waiting]) -> None:
        members = [observation for each in waiting for observation in each.observations]
        frame = Frame(
            self._last_number + 1,
            [each for each in members if isinstance(each, Observation)],
            [each for each in members if isinstance(each, HashObservation)],
        )
        packed = pack(frame)
        if not self._sent:
            self._answered_at = time.monotonic()
        self._last_number += 1
        self._sent[frame.number] = _Sent(packed, waiting)
        if self._connection is not None:
            self._connection.send(packed)

    def _send_each(self, waiting: Sequence[_Waiting], error: Exception) -> None:
        """Send apart what cannot be sent together."""
        if len(waiting) == 1:
            self._settle(waiting, error)
            return
        for each in waiting:
            try:
                self._send([each])
            except Exception as own:  # noqa: BLE001  (the same)
                self._settle([each], own)

    def _on_ack(self, ack: Ack) -> None:
        self._answered_at = time.monotonic()
        if ack.reports:
            self._counters.commit_seconds.observe(ack.seconds)
            self._counters.batch_reports.observe(ack.reports)
        if not ack.is_ours:
            self._latest_commit.ended(ack.failure)
        failure: Exception | None = None
        if ack.failure:
            failure = RuntimeError(ack.failure) if ack.is_ours else StoreUnreachableError(ack.failure)
        sent = self._sent.pop(ack.number, None)
        if sent is not None:  # else it was given up
            self._settle(sent.waiting, failure)
        self._flush_soon()

    def _settle(self, waiting: Sequence[_Waiting], failure: Exception | None) -> None:
        self._count(-sum(len(each.observations) for each in waiting), -sum(each.size for each in waiting))
        for each in waiting:
            if each.stored.done():
                continue
            if failure is None:
                each.stored.set_result(None)
            else:
                each.stored.set_exception(failure)

    def _give_up(self) -> None:
        """There was no writer for so long that reports are refused until there is one."""
        self._has_given_up = True
        self._refuse_all()

    def _refuse_all(self) -> None:
        """Nobody stores what waits. What was sent may be stored; but nobody can say so any more."""
        waiting = [*(each for sent in self._sent.values() for each in sent.waiting), *self._pending]
        self._sent, self._pending, self._pending_reports = {}, [], 0
        self._settle(waiting, StoreUnreachableError("no writer"))

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        refusing = asyncio.get_running_loop().call_later(_START_SECONDS, self._give_up)
        while not self._closing.is_set() or self._sent:
            connection = await self._connect()
            self._latest = connection
            if self._closing.is_set() and not self._queued:
                connection.close()
            try:
                stored = await asyncio.wait_for(connection.ready, _START_SECONDS)
            except (TimeoutError, ConnectionError):
                connection.close()
            else:
                refusing.cancel()
                self._resume(connection, stored)
                pause = _FIRST_PAUSE_SECONDS
                await connection.lost.wait()
                self._connection = None
                refusing = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._give_up)
            code = await asyncio.to_thread(self._home.until_ended)
            if self._closing.is_set():
                break
            if code is not None:
                logger.warning("the writer process ended with %(code)s, and is started anew", {"code": code})
                self._counters.writer_restarts.inc()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        refusing.cancel()

    async def _connect(self) -> _Connection:
        connection = _Connection(self._on_ack)
        try:
            ours = await asyncio.to_thread(self._home.connect)
        except OSError:
            connection.connection_lost(None)
            return connection
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=ours)
        connection.send(pack(Hello(self._database_url, self._stream)))
        return connection

    def _resume(self, connection: _Connection, stored: int | None) -> None:
        """Go on with a new process, which knows what of that in doubt is stored."""
        self._connection = connection
        self._has_begun.set()
        self._has_given_up = False
        self._answered_at = time.monotonic()
        if stored is None:
            self._refuse_all()
        for number in sorted(self._sent):
            if stored is not None and number <= stored:
                self._settle(self._sent.pop(number).waiting, None)
            else:
                connection.send(self._sent[number].packed)
        self._flush_soon()


class WriterHome(Protocol):
    """Where a worker finds its writer. What is here may wait, and is called in a thread."""

    def connect(self) -> socket.socket:
        """A socket with a writer at the other end, or soon. Raises OSError."""

    def until_ended(self) -> int | None:
        """After the connection is lost: see that the process ends. Returns its exit code, where it was our own."""


class OwnWriter:
    """A writer of this worker alone, which starts it, but for the `first` one where there is that already."""

    def __init__(
        self,
        log_format: LogFormat = LogFormat.TEXT,
        log_level: LogLevel = LogLevel.WARNING,
        *,
        first: tuple[socket.socket, ForkedProcess] | None = None,
    ) -> None:
        self._how_to_log = (log_format, log_level)
        self._first = first
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    def connect(self) -> socket.socket:
        if self._first is not None:
            (ours, self._process), self._first = self._first, None
            return ours
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = start_writer(theirs, None, *self._how_to_log)
        return ours

    def until_ended(self) -> int | None:
        if self._process is None:
            return None
        end_writer(self._process)
        return self._process.returncode


class SharedWriter:
    """A writer of several workers, which somebody else starts: at the other end of a socket file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        return connection

    def until_ended(self) -> int | None:
        return None


def start_writer(
    first: socket.socket, lifeline: socket.socket | None, log_format: LogFormat, log_level: LogLevel
) -> subprocess.Popen[bytes]:
    """Start a writer process; for the sockets see there. Raises OSError."""
    sockets = [first] if lifeline is None else [first, lifeline]
    numbers = [str(each.fileno()) for each in sockets]
    return subprocess.Popen(  # noqa: S603  (this very program)
        # Whatever lies in the directory that the collector was started in is not to be taken for its packages.
        [
            *(sys.executable, "-P", "-m", "collector.ingest.writer_process", *numbers),
            *(() if lifeline else ("-",)),
            *(log_format, log_level),
        ],
        pass_fds=[each.fileno() for each in sockets],
        stdin=subprocess.DEVNULL,
    )


def end_writer(process: subprocess.Popen[bytes] | ForkedProcess) -> None:
    """Wait for a writer whose socket is closed: it ends by itself, after the commit that it is at."""
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, on_ack: Callable[[Ack], None]) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[int | None] = loop.create_future()
        self.lost = asyncio.Event()
        self._on_ack = on_ack
        self._unpacker = Unpacker()
        self._transport: asyncio.WriteTransport | None = None

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        for content in self._unpacker.feed(data):
            message: FromWriter = from_writer.decode(content)
            if isinstance(message, Ready):
                self.ready.set_result(message.stored)
            else:
                self._on_ack(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (how it was lost does not matter)
        self.lost.set()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the writer process ended at its start"))
