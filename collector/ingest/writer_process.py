"""The writer process: `python -m collector.ingest.writer_process FD FORMAT LEVEL`, the one that writes for a collector.

Beside the process that answers, since both are busy with Python and would wait for each other in one. It takes all
frames that have arrived into one transaction, and keeps house meanwhile. It ends when the collector does.
"""

from __future__ import annotations

import asyncio
import gc
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from collector.ingest.folding import fold, fold_hash
from collector.ingest.frames import Ack, Frame, FromWriter, Hello, Ready, ToWriter, Unpacker, pack, to_writer
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
    """The collector at the other end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unpacker = Unpacker()

    def receive(self) -> list[ToWriter]:
        """All that has arrived, waited for if there is nothing. Raises EOFError once the collector is gone."""
        messages: list[ToWriter] = []
        while not messages or select.select([self._connection], [], [], 0)[0]:
            data = self._connection.recv(_RECEIVE_BYTES)
            if not data and not messages:
                raise EOFError
            if not data:
                break
            messages += map(to_writer.decode, self._unpacker.feed(data))
        return messages

    def send(self, messages: Sequence[FromWriter]) -> None:
        self._connection.sendall(b"".join(map(pack, messages)))


class _Writer:
    def __init__(self, engine: Engine, stream: str) -> None:
        self._engine = engine
        self._stream = stream
        self._known = Recollection()

    def write(self, frames: Sequence[Frame]) -> list[Ack]:
        """Store frames together; where something is wrong with them, one by one, so that each fails for itself."""
        began = time.perf_counter()
        failure: Exception | None = None
        try:
            self._store(frames)
        except InDoubtError as error:
            stored = _stored(self._engine, self._stream)
            failure = None if stored is not None and stored >= frames[-1].number else error
        except (OperationalError, InterfaceError) as error:
            failure = error
        except Exception as error:  # noqa: BLE001  (what is wrong with one frame must not fail the others)
            if len(frames) > 1:
                return [ack for frame in frames for ack in self.write([frame])]
            failure = error
        seconds = time.perf_counter() - began
        reports = _reports(frames)
        return [
            Ack(
                frame.number,
                # The driver's own message may quote what it was given, so only the kind of failure is told.
                "" if failure is None else type(failure).__name__,
                is_ours=failure is not None and not isinstance(failure, SQLAlchemyError),
                seconds=seconds,
                reports=reports if place == 0 else 0,
            )
            for place, frame in enumerate(frames)
        ]

    def _store(self, frames: Sequence[Frame]) -> None:
        batch = Batch()
        for frame in frames:
            for observation in frame.violations:
                fold(batch, observation)
            for seen in frame.hashes:
                fold_hash(batch, seen)
        position = Position(self._stream, frames[-1].number)
        record(self._engine, batch, time.time_ns() // 1_000_000, self._known, position)


def _reports(frames: Sequence[Frame]) -> int:
    return sum(len(frame.violations) + len(frame.hashes) for frame in frames)


def serve(connection: socket.socket) -> None:
    """Write what arrives, until the other end is closed."""
    wire = _Wire(connection)
    try:
        hello, *more = wire.receive()
        if not isinstance(hello, Hello) or more:
            raise TypeError(f"the collector began with {type(hello).__name__} and {len(more)} more")
        engine = open_migrated(hello.database_url)
        wire.send([Ready(_stored(engine, hello.stream))])
        with suppress(SQLAlchemyError):  # there is a next start
            forget_old_streams(engine, time.time_ns() // 1_000_000)
        threading.Thread(target=_keep_house, args=(engine,), daemon=True, name="housekeeping").start()
        writer = _Writer(engine, hello.stream)
        while True:
            frames = [message for message in wire.receive() if isinstance(message, Frame)]
            if frames:
                wire.send(writer.write(frames))
    except (EOFError, ConnectionError):
        return


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


def main() -> None:
    """The program; its arguments are the number of an open socket, and how to log."""
    # Whoever stops a whole group of processes means the collector, which still has reports for us.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    descriptor, log_format, log_level = sys.argv[1:]
    set_up_logs(LogFormat(log_format), LogLevel(log_level))
    with socket.socket(fileno=int(descriptor)) as connection:
        gc.freeze()  # as the collector does
        serve(connection)


if __name__ == "__main__":
    main()
