"""Several workers: processes that take requests from the same sockets, and one that writes for all of them.

The process that was started forks the workers and serves nobody itself. It has no threads and no event loop, so that
what it forks is whole, and workers share the memory of what was loaded before. Workers and writer notice when it is
gone, and end too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from collector.ingest.counters import IngestCounters, forget_process, share_counters
from collector.ingest.process_writer import SharedWriter, WriterHome, end_writer, start_writer
from collector.listening import notify
from collector.scratch import scratch_directory
from collector.settings import Settings
from collector.stopping import end_at_once
from policybuilder.cli.failures import tell
from policybuilder.errors import EnvironmentFailedError, ExitCode

_END_SECONDS = 8.7
"""For workers that were told to stop: they allow themselves eight. To end one and all behind it takes a busy machine up
to a second more, and ten are promised.
"""

_BUG = 1
"""What Python itself ends with after an exception that nobody expected."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0
_WELL_SECONDS = 10.0
"""Whoever lived so long did not end for a cause that will end the next one at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker is given."""

    number: int
    """From 1; one that dies leaves its number to the next."""

    writer: WriterHome
    make_server: Callable[[uvicorn.Config], uvicorn.Server]
    shared_counters: Path | None = None
    """Where the processes of a service add up what they count; None for one alone."""


class _SupervisedServer(uvicorn.Server):
    """Says on its lifeline when it serves, and stops when nobody is at the other end any more."""

    def __init__(self, config: uvicorn.Config, lifeline: socket.socket) -> None:
        super().__init__(config)
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().add_reader(self._lifeline, self._end)
        await super().startup(sockets=sockets)
        if self.started:
            with suppress(OSError):
                self._lifeline.send(b"1")

    def _end(self) -> None:
        if not self.started:
            # Nothing was taken yet that would have to be stored; and a writer to wait for will not come.
            os._exit(ExitCode.DONE)
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def supervise(settings: Settings, work: Callable[[Place], None]) -> None:
    """Have `work` done by as many processes as the settings say, until told to stop.

    Raises SystemExit with the code of the first worker where that one does not come to serve.
    """
    with scratch_directory() as directory:
        supervisor = _Supervisor(settings, work, directory)
        try:
            supervisor.run()
        finally:
            supervisor.end()


@dataclass(slots=True)
class _Child:
    number: int
    """0 is the writer's."""

    pid: int
    lifeline: socket.socket
    started_at: float
    process: subprocess.Popen[bytes] | None = None
    serves: bool = False


class _Supervisor:
    def __init__(self, settings: Settings, work: Callable[[Place], None], directory: Path) -> None:
        self._settings = settings
        self._work = work
        self._counters = directory / "counters"
        self._counters.mkdir()
        share_counters(self._counters)
        self._counted = IngestCounters(self._counters)
        self._writers_file = directory / "writer"
        # Of this process, so that those who come while there is no writer wait for the next one.
        self._writers = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._writers.bind(str(self._writers_file))
        except OSError as error:
            reason = error.strerror or error
            raise EnvironmentFailedError(
                f"cannot make the writer's socket {self._writers_file}: {reason}; set TMPDIR to another directory"
            ) from None
        self._writers.listen(settings.workers * 2)
        self._children: dict[int, _Child] = {}
        self._due: dict[int, float] = {}
        """When to start whom, by the monotonic clock."""

        self._pauses: dict[int, float] = {}
        self._has_served = False
        self._is_announced = False
        self._told_to_stop: int | None = None
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        for each in (self._wake, self._woken):
            each.setblocking(False)  # noqa: FBT003  (its only parameter)

    def run(self) -> None:
        """Start all, start anew whoever dies, and return when told to stop."""
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(each, self._on_signal)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._start(0)
        self._start(1)
        while self._told_to_stop is None:
            for key, _ in self._selector.select(self._seconds_to_wait()):
                if key.fileobj is self._wake:
                    self._wake.recv(4096)
                else:
                    self._hear(key.data)
            self._bury()
            for number in [number for number, at in self._due.items() if at <= time.monotonic()]:
                del self._due[number]
                self._start(number)

    def end(self) -> None:
        """Have all workers answer what they took, the writer store it, and end."""
        notify("STOPPING=1")
        workers = [child for child in self._children.values() if child.number]
        for child in workers:
            _kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        while any(child.pid in self._children for child in workers):
            if time.monotonic() > deadline:
                for child in workers:
                    if child.pid in self._children:
                        _kill(child.pid, signal.SIGKILL)
            time.sleep(0.02)
            self._bury(is_ending=True)
        for child in list(self._children.values()):
            child.lifeline.close()
            if child.process is not None:
                end_writer(child.process)
        self._writers.close()
        if self._told_to_stop == signal.SIGINT:
            raise KeyboardInterrupt
        if self._told_to_stop is not None:
            raise SystemExit(ExitCode.DONE)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._told_to_stop = number

    def _seconds_to_wait(self) -> float | None:
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        child = self._start_writer(ours, theirs) if number == 0 else self._fork(number, ours, theirs)
        theirs.close()
        self._children[child.pid] = child
        if number:
            self._selector.register(ours, selectors.EVENT_READ, child)

    def _start_writer(self, ours: socket.socket, theirs: socket.socket) -> _Child:
        process = start_writer(self._writers, theirs, self._settings.log_format, self._settings.log_level)
        return _Child(0, process.pid, ours, time.monotonic(), process)

    def _fork(self, number: int, ours: socket.socket, theirs: socket.socket) -> _Child:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            server = partial(_SupervisedServer, lifeline=theirs)
            self._become(Place(number, SharedWriter(self._writers_file), server, self._counters))
        return _Child(number, pid, ours, time.monotonic())

    def _become(self, place: Place) -> NoReturn:
        """The forked process: lets go of what is the supervisor's, works, and ends."""
        code: int | None = _BUG
        try:
            self._let_go()
            self._work(place)
            code = ExitCode.DONE
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else _BUG
        except Exception as error:  # noqa: BLE001  (whatever it is, this process ends here)
            code = tell(error, "csp-collector")
            if code is None:
                traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            os._exit(_BUG if code is None else code)

    def _let_go(self) -> None:
        """Of what is the supervisor's: another worker's lifeline must end with the supervisor, and not with us."""
        signal.set_wakeup_fd(-1)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, end_at_once)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if self._told_to_stop is not None:
            # Told so itself, while it still had the supervisor's ears.
            raise SystemExit(ExitCode.DONE)
        for child in self._children.values():
            child.lifeline.close()
        for each_socket in (self._wake, self._woken, self._writers):
            each_socket.close()
        self._selector.close()
        os.environ.pop("NOTIFY_SOCKET", None)

    def _hear(self, child: _Child) -> None:
        """A worker serves, or is about to be gone."""
        try:
            said = child.lifeline.recv(16)
        except OSError:
            said = b""
        if not said:
            self._selector.unregister(child.lifeline)
            return
        child.serves = True
        if not self._has_served:
            # The first has made the database what it is to be, and shown what an operator has to know.
            self._has_served = True
            for number in range(2, self._settings.workers + 1):
                self._start(number)
        serving = sum(each.serves for each in self._children.values())
        if serving == self._settings.workers and not self._is_announced:
            self._is_announced = True
            notify("READY=1")

    def _bury(self, *, is_ending: bool = False) -> None:
        for child in list(self._children.values()):
            code = _code_of(child)
            if code is None:
                continue
            del self._children[child.pid]
            if child.lifeline in self._selector.get_map():
                self._selector.unregister(child.lifeline)
            child.lifeline.close()
            if child.number:
                forget_process(self._counters, child.pid)
            if is_ending or self._told_to_stop is not None:
                continue
            if child.number == 1 and not self._has_served:
                raise SystemExit(code)
            logger.warning(
                "%(who)s ended with %(code)s, and is started anew",
                {"who": f"worker {child.number}" if child.number else "the writer process", "code": code},
            )
            if not child.number:
                self._counted.writer_restarts.inc()
            lived = time.monotonic() - child.started_at
            pause = self._pauses.get(child.number, _FIRST_PAUSE_SECONDS) if lived < _WELL_SECONDS else 0.0
            self._pauses[child.number] = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * pause))
            self._due[child.number] = time.monotonic() + pause


def _code_of(child: _Child) -> int | None:
    """The exit code of a child that has ended; a signal's is negative."""
    if child.process is not None:
        return child.process.poll()
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
