"""The writer process, who writes for others: `python -m collector.ingest.writer_process SOCKET LIFELINE FORMAT LEVEL`,
or a copy of the collector.

Beside the processes that answer, since all are busy with Python and would wait for each other in one. It takes all
frames that have arrived into one transaction, and keeps house meanwhile. It ends when those it writes for do.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from collector.forking import ForkedProcess, fork
from collector.ingest.folding import fold, fold_hash
from collector.ingest.frames import Ack, Frame, FromWriter, Ready, ToWriter, Unpacker, pack, to_writer
from collector.ingest.housekeeping import Housekeeping
from collector.logs import LogFormat, LogLevel, set_up_logs
from policybuilder.store.batch import Batch
from policybuilder.store.engine import open_migrated
from policybuilder.store.recollection import Recollection
from policybuilder.store.recording import InDoubtError, record
from policybuilder.store.streams import Position, forget_old_streams, read_position

_RECEIVE_BYTES = 256 * 1024
_PATIENCE_SECONDS = 10.0
"""How long the database is asked how far the stream is stored, before the collector is told that nobody knows."""

_POLL_SECONDS = 0.2


class _Wire:
    """One worker at the other end."""

    stream = ""
    """Named by its first word."""

    is_gone = False

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unpacker = Unpacker()

    def receive(self) -> tuple[list[ToWriter], bool]:
        """All that has arrived, and whether more may: not so once the worker is gone."""
        messages: list[ToWriter] = []
        while select.select([self._connection], [], [], 0)[0]:
            try:
                data = self._connection.recv(_RECEIVE_BYTES)
            except ConnectionError:
                data = b""
            if not data:
                return messages, False
            messages += map(to_writer.decode, self._unpacker.feed(data))
        return messages, True

    def send(self, messages: Sequence[FromWriter]) -> None:
        """Whoever is gone has no need of them."""
        with suppress(ConnectionError):
            self._connection.sendall(b"".join(map(pack, messages)))

    def close(self) -> None:
        self._connection.close()


class _Wires:
    """All workers: the one that is connected, or those that come to a socket that listens."""

    def __init__(self, first: socket.socket, lifeline: socket.socket | None) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(first, selectors.EVENT_READ, _Wire(first) if lifeline is None else None)
        self._listener = None if lifeline is None else first
        if lifeline is not None:
            self._selector.register(lifeline, selectors.EVENT_READ, None)

    def receive(self) -> list[tuple[_Wire, ToWriter]]:
        """All that has arrived, waited for if there is nothing. Raises EOFError once nobody is left."""
        messages: list[tuple[_Wire, ToWriter]] = []
        while not messages:
            if not self._selector.get_map():
                raise EOFError
            for key, _ in self._selector.select():
                if isinstance(key.data, _Wire):
                    messages += self._from(key)
                elif key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    self._selector.register(connection, selectors.EVENT_READ, _Wire(connection))
                else:
                    # Nobody will come any more; those who are here may have more to say.
                    self._selector.unregister(key.fileobj)
                    if self._listener is not None:
                        self._selector.unregister(self._listener)
        return messages

    def _from(self, key: selectors.SelectorKey) -> list[tuple[_Wire, ToWriter]]:
        wire: _Wire = key.data
        messages, may_say_more = wire.receive()
        if not may_say_more:
            self._selector.unregister(key.fileobj)
            wire.is_gone = True
            if not messages:
                wire.close()
        return [(wire, message) for message in messages]


class _Writer:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known = Recollection()

    def write(self, sent: Sequence[tuple[_Wire, Frame]]) -> list[tuple[_Wire, Ack]]:
        """Store frames together; where something is wrong with them, one by one, so that each fails for itself."""
        began = time.perf_counter()
        failure: Exception | None = None
        positions = {wire.stream: frame.number for wire, frame in sent}
        try:
            self._store([frame for _, frame in sent], positions)
        except InDoubtError as error:
            # In one transaction: where one of them came is where all of them came.
            stream, number = next(iter(positions.items()))
            stored = _stored(self._engine, stream)
            failure = None if stored is not None and stored >= number else error
        except (OperationalError, InterfaceError) as error:
            failure = error
        except Exception as error:  # noqa: BLE001  (what is wrong with one frame must not fail the others)
            if len(sent) > 1:
                return [answer for one in sent for answer in self.write([one])]
            failure = error
        seconds = time.perf_counter() - began
        reports = sum(len(frame.violations) + len(frame.hashes) for _, frame in sent)
        return [
            (
                wire,
                Ack(
                    frame.number,
                    # The driver's own message may quote what it was given, so only the kind of failure is told.
                    "" if failure is None else type(failure).__name__,
                    is_ours=failure is not None and not isinstance(failure, SQLAlchemyError),
                    seconds=seconds,
                    reports=reports if place == 0 else 0,
                ),
            )
            for place, (wire, frame) in enumerate(sent)
        ]

    def _store(self, frames: Sequence[Frame], positions: Mapping[str, int]) -> None:
        batch = Batch()
        for frame in frames:
            for observation in frame.violations:
                fold(batch, observation, self._known)
            for seen in frame.hashes:
                fold_hash(batch, seen)
        record(
            self._engine,
            batch,
            time.time_ns() // 1_000_000,
            self._known,
            [Position(stream, number) for stream, number in positions.items()],
        )


def serve(first: socket.socket, lifeline: socket.socket | None = None) -> None:
    """Write what arrives, until the other ends are closed.

    `first` is the connection of the only worker; or else a socket that listens for workers, as long as the other end of
    the `lifeline` is open.
    """
    wires = _Wires(first, lifeline)
    engine: Engine | None = None
    writer: _Writer | None = None
    with suppress(EOFError):
        while True:
            frames: list[tuple[_Wire, Frame]] = []
            for wire, message in wires.receive():
                if isinstance(message, Frame):
                    frames.append((wire, message))
                    continue
                wire.stream = message.stream
                if engine is None or writer is None:
                    engine = _open(message.database_url)
                    writer = _Writer(engine)
                wire.send([Ready(_stored(engine, message.stream))])
            if frames and writer is not None:
                answers: dict[_Wire, list[FromWriter]] = {}
                for wire, ack in writer.write(frames):
                    answers.setdefault(wire, []).append(ack)
                for wire, acks in answers.items():
                    wire.send(acks)
                    if wire.is_gone:
                        wire.close()


def _open(database_url: str) -> Engine:
    engine = open_migrated(database_url)
    with suppress(SQLAlchemyError):  # there is a next start
        forget_old_streams(engine, time.time_ns() // 1_000_000)
    threading.Thread(target=_keep_house, args=(engine,), daemon=True, name="housekeeping").start()
    return engine


def _stored(engine: Engine, stream: str) -> int | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return read_position(engine, stream)
        except SQLAlchemyError:
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_SECONDS)


def _keep_house(engine: Engine) -> None:
    async def run() -> None:
        Housekeeping(engine).start()
        await asyncio.Event().wait()

    asyncio.run(run())


def fork_writer(others: Sequence[socket.socket]) -> tuple[socket.socket, ForkedProcess]:
    """A writer as a copy of this process, which must have no threads, and the only worker's end of its connection.

    It lets go of the `others` among this process's sockets.
    """
    ours, theirs = socket.socketpair()

    def work() -> int:
        _ignore_signals()
        for each in (ours, *others):
            each.close()
        os.environ.pop("NOTIFY_SOCKET", None)
        serve(theirs)
        return 0

    process = fork(work)
    theirs.close()
    return ours, process


def _ignore_signals() -> None:
    """Whoever stops a whole group of processes means the collector, which still has reports for us."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)


def main() -> None:
    """The program; its arguments are the numbers of open sockets (of a lifeline, or -), and how to log."""
    _ignore_signals()
    first, lifeline, log_format, log_level = sys.argv[1:]
    set_up_logs(LogFormat(log_format), LogLevel(log_level))
    gc.freeze()  # as the collector does
    serve(socket.socket(fileno=int(first)), None if lifeline == "-" else socket.socket(fileno=int(lifeline)))


if __name__ == "__main__":
    main()
