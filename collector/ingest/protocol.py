"""The HTTP protocol: uvicorn's, with a deadline for whatever a client owes and a bound for whatever it sends.

uvicorn waits for ever for a slow client, and keeps headers of any size. Here a client that is late or sends too much is
told so and hung up on, before anything more is read of it.
"""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import ClassVar, Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from collector.ingest.connections import OpenConnections
from collector.ingest.counters import IngestCounters
from collector.ingest.refusals import Refusal, answer_to
from collector.ingest.whole import MadeAnswer, WholeReports
from collector.settings import Settings

MAX_TARGET_BYTES = 8 * 1024
MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
"""Of the request target and the header lines together."""

MAX_BODY_BYTES = 2 * 1024 * 1024
"""On the wire, framing and trailers included: twice what any endpoint reads before it refuses by itself."""

MAX_WAITING_REQUESTS = 64
"""Sent on one connection before the answer to the first. One read may hold thousands, each of which takes kilobytes."""

_PIECE_BYTES = 16 * 1024
"""One read brings up to 256 KiB. It is parsed in pieces, and what is too much is noticed in its midst."""

_LAST_SECONDS = 3.0
"""For a body under way, or an answer not yet taken, when the service is told to stop."""

_NEVER = math.inf


# What the client has begun to send, and not ended. Plain numbers, since every request looks at them ten times.
_NOTHING: Final = 0
_HEAD: Final = 1
_BODY: Final = 2


class _StopParsingError(Exception):
    """Ends the parsing of a piece from within."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class BoundedProtocol(HttpToolsProtocol):
    """One connection; made by a class of `bounded_protocol`, which sets the class attributes."""

    open_connections: ClassVar[OpenConnections]
    counters: ClassVar[IngestCounters]
    seconds: ClassVar[tuple[float, float, float]]
    """How long the client has for what it owes, which is the index; for its next request, when that is nothing."""

    reports: ClassVar[WholeReports | None] = None

    # The state of a connection; these are its values before the first byte.
    _is_counted = False
    _refusal: Refusal | None = None
    """Answered as soon as the requests before it are; nothing is parsed any more."""

    _running: RequestResponseCycle | None = None
    """The request that the application has begun with last. `cycle` is the one read last, which may have to wait."""

    _is_parsing = False
    _held: tuple[RequestResponseCycle, ASGI3Application] | None = None
    """A report whose head is here, while the rest of the piece is parsed: its body may be in it."""

    _owed = _NOTHING
    _owed_bytes = 0
    """What came of it in earlier pieces."""

    # Deadlines on the loop's clock. They change with every request, so none has a timer of its own: one looks at them
    # as often as the shortest could have passed, and when the next one does.
    _send_by = _NEVER
    _take_by = _NEVER
    """For a piece, or the rest, of what is written and not taken."""

    _untaken_bytes = 0

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        refusal = self.open_connections.enter(self._peer)
        if refusal is not None:
            self.counters.connection_refused(refusal)
            self._refusal = refusal
            transport.abort()
            return
        self._is_counted = True
        self._expect(_HEAD)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._is_counted:
            self.open_connections.leave(self._peer)
        self._tell_that_client_is_gone()
        super().connection_lost(exc)

    @property
    def _peer(self) -> str | None:
        return self.client[0] if self.client else None

    @property
    def _unanswered(self) -> RequestResponseCycle | None:
        return None if self._running is None or self._running.response_complete else self._running

    def _tell_that_client_is_gone(self) -> None:
        """To the application, which would fail to write; uvicorn tells it of the request that was read last only."""
        if (running := self._unanswered) is not None:
            running.disconnected = True
            running.message_event.set()

    # What arrives.

    def data_received(self, data: bytes | memoryview) -> None:
        if len(data) > _PIECE_BYTES:
            view = memoryview(data)
            for start in range(0, len(data), _PIECE_BYTES):
                self.data_received(view[start : start + _PIECE_BYTES])
            return
        if self._refusal is not None:
            return
        self._is_parsing = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here. The request is answered, without the body that the parser does not
            # look for then; so nothing more is read.
            self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._release()
            self._refuse(cause.refusal if isinstance(cause, _StopParsingError) else Refusal.MALFORMED)
        self._is_parsing = False
        self._release()
        if self._owed:
            self._weigh(len(data))

    # Reports that are here as a whole.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self.reports is None or not self._may_be_taken_whole(cycle):
            super()._start_asgi_task(cycle, app)
        elif self._is_parsing and cycle.more_body:
            self._held = cycle, app
        elif cycle.more_body or not self._is_taken_whole(cycle):
            super()._start_asgi_task(cycle, app)

    def _may_be_taken_whole(self, cycle: RequestResponseCycle) -> bool:
        is_plain = cycle.keep_alive and not cycle.waiting_for_100_continue and not self.parser.should_upgrade()
        return is_plain and self.reports is not None and self.reports.wants(cycle.scope)

    def _is_taken_whole(self, cycle: RequestResponseCycle) -> bool:
        try:
            return self.reports is not None and self.reports.take(
                cycle.scope, bytes(cycle.body), partial(self._answer, cycle)
            )
        except Exception:  # noqa: BLE001  (a bug: the application has it again, and somebody to tell)
            return False

    def _release(self) -> None:
        """The body of what is held is not here: the application waits for it."""
        if self._held is not None:
            held, self._held = self._held, None
            super()._start_asgi_task(*held)

    def _answer(self, cycle: RequestResponseCycle, answer: MadeAnswer) -> None:
        """As the cycle itself sends what the application gives it."""
        if cycle.disconnected or self.transport.is_closing():
            return
        cycle.response_started = cycle.response_complete = True
        if answer.closes:
            cycle.keep_alive = False
        self.transport.write(
            b"".join(
                (
                    STATUS_LINE[answer.status],
                    *(part for name, value in cycle.default_headers for part in (name, b": ", value, b"\r\n")),
                    answer.header_lines,
                    b"" if cycle.keep_alive or answer.closes else b"connection: close\r\n",
                    b"\r\n",
                    answer.body,
                )
            )
        )
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _weigh(self, size: int) -> None:
        """After a piece that left something incomplete: begin its deadline, keep it within bounds."""
        if not self._owed_bytes:
            self._expect(self._owed)
        self._owed_bytes += size
        is_head = self._owed == _HEAD
        # The first piece may hold the end of another message, which does not count against this one.
        most = _PIECE_BYTES + (MAX_HEAD_BYTES if is_head else MAX_BODY_BYTES)
        if is_head and len(self.url) > MAX_TARGET_BYTES:
            self._refuse(Refusal.TARGET_TOO_LONG)
        elif len(self.headers) > MAX_HEADERS or (is_head and self._owed_bytes > most):
            self._refuse(Refusal.HEADERS_TOO_LARGE)
        elif self._owed_bytes > most:
            self._refuse(Refusal.BODY_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._owed = _HEAD
        self._owed_bytes = 0

    def on_headers_complete(self) -> None:
        if len(self.url) > MAX_TARGET_BYTES:
            raise _StopParsingError(Refusal.TARGET_TOO_LONG)
        # What came in one piece, as heads do, is small enough.
        is_long = self._owed_bytes > MAX_HEAD_BYTES - _PIECE_BYTES and self._head_bytes() > MAX_HEAD_BYTES
        if is_long or len(self.headers) > MAX_HEADERS:
            raise _StopParsingError(Refusal.HEADERS_TOO_LARGE)
        if len(self.pipeline) >= MAX_WAITING_REQUESTS:
            raise _StopParsingError(Refusal.TOO_MANY_AT_ONCE)
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle
        # The parser reports trailers as headers: they go where the application does not look.
        self.headers = []
        self._owed = _BODY
        self._owed_bytes = 0

    def on_message_complete(self) -> None:
        self._owed = _NOTHING
        cycle = self.cycle
        if cycle.response_complete:
            self._expect(_NOTHING)
            return
        self._send_by = _NEVER
        cycle.more_body = False
        if self._held is not None:
            (cycle, app), self._held = self._held, None
            if self._is_taken_whole(cycle):
                return
            super()._start_asgi_task(cycle, app)
        cycle.message_event.set()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _should_upgrade(self) -> bool:
        return False

    # What is answered.

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._running, app = self.pipeline.pop()
            self._start_asgi_task(self._running, app)
            if self._owed:
                # Nothing was read while this one waited for its turn.
                self._expect(self._owed)
        elif self._refusal is not None:
            self._hang_up(self._refusal)
        elif not self._owed:
            self._expect(_NOTHING)

    def _refuse(self, refusal: Refusal) -> None:
        """Hang up, with the refusal for an answer; after the answers to the requests before this one."""
        self.counters.connection_refused(refusal)
        self._refusal = refusal
        self._send_by = _NEVER
        owed, self._owed = self._owed, _NOTHING
        if owed == _BODY and self.pipeline:
            # The last in the queue, whose turn will not come.
            self.pipeline.popleft()
        elif owed == _BODY:
            # The application has begun with it.
            self._tell_that_client_is_gone()
            self._hang_up(None if self.cycle.response_started else refusal)
        elif self._unanswered is None:
            self._hang_up(refusal)

    def _hang_up(self, refusal: Refusal | None = None) -> None:
        if refusal is not None:
            self.transport.write(answer_to(refusal, self.server_state.default_headers))
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._take_by = _NEVER

    # What is late.

    def _expect(self, owed: int) -> None:
        self._send_by = self.loop.time() + self.seconds[owed]

    def _expect_taking(self) -> None:
        self._take_by = self.loop.time() + self.seconds[_BODY]
        self._untaken_bytes = self.transport.get_write_buffer_size()

    def _set_timer(self) -> None:
        at = min(self._send_by, self._take_by, self.loop.time() + min(self.seconds))
        if at < _NEVER:
            self._timer = self.loop.call_at(at, self._look_at_deadlines)

    def _look_at_deadlines(self) -> None:
        now = self.loop.time()
        if now >= self._take_by:
            if self.transport.get_write_buffer_size() > self._untaken_bytes - _PIECE_BYTES:
                self.counters.connection_refused(Refusal.ANSWER_NOT_TAKEN)
                self._tell_that_client_is_gone()
                self.transport.abort()
                return
            self._expect_taking()
        if self.transport.is_closing():
            # Closed, and still here: there is something left to be taken.
            if self._take_by == _NEVER:
                self._expect_taking()
        elif now >= self._send_by:
            self._end_waiting()
        self._set_timer()

    def _end_waiting(self) -> None:
        if self.flow.read_paused:
            # It may have sent everything: we do not look.
            self._expect(self._owed)
        elif self._owed:
            self._refuse(Refusal.HEADERS_LATE if self._owed == _HEAD else Refusal.BODY_LATE)
        else:
            if self._running is None:
                self.counters.connection_refused(Refusal.SILENT)
            self._hang_up()

    def shutdown(self) -> None:
        """Called once, when the service is told to stop: idle connections close, slow ones have a little longer."""
        super().shutdown()
        last = self.loop.time() + _LAST_SECONDS
        if self._send_by < _NEVER:
            self._send_by = min(self._send_by, last)
        if self._take_by < _NEVER:
            self._take_by = min(self._take_by, last)
        if self._timer is not None:
            self._timer.cancel()
        self._set_timer()


def bounded_protocol(
    settings: Settings, counters: IngestCounters, reports: WholeReports | None = None
) -> type[BoundedProtocol]:
    """The protocol of one service, for `uvicorn.Config(http=…)`, which takes a class.

    It hands `reports` what is for them and is here as a whole; all else, or all, goes to the application.
    """

    class ServiceProtocol(BoundedProtocol):
        pass

    ServiceProtocol.counters = counters
    ServiceProtocol.reports = reports
    ServiceProtocol.open_connections = OpenConnections(
        most=settings.max_connections,
        most_per_client=settings.max_connections_per_client,
        trusted_proxies=settings.trusted_proxies,
    )
    counters.show_each("csp_connections_open", "Connections open now", lambda: ServiceProtocol.open_connections.in_all)
    ServiceProtocol.seconds = (
        settings.keep_alive_seconds or _NEVER,
        settings.header_seconds or _NEVER,
        settings.body_seconds or _NEVER,
    )
    return ServiceProtocol
