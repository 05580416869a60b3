"""The report endpoint: a thin ASGI application in front of everything else.

Public and unauthenticated: every input is bounded before it is read, and the answer leaves when the reports are safe.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from collector.ingest.client import client_network
from collector.ingest.counters import IngestCounters
from collector.ingest.intake import Intake, take_in
from collector.ingest.limits import RateLimiter
from collector.ingest.sampling import stands_for
from collector.ingest.writer import QueueFullError, StoreUnreachableError, Writer
from collector.settings import Settings, Shed
from policybuilder.reports.hosts import host_matches
from policybuilder.reports.rules import Rules
from policybuilder.reports.wire import Reason, RejectedReportError, decode_body
from policybuilder.store.sites import KeyKind, SiteKey, find_key

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_T = TypeVar("_T")

PATH_PREFIX = "/report/"

MAX_BODY_BYTES = 64 * 1024
MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_ITEMS = 5_000
"""Far more than any browser queues; a megabyte could hold half a million."""

_DRAIN_BYTES = 64 * 1024

_INLINE_BYTES = 16 * 1024
_INLINE_BATCH_BYTES = 4 * 1024
"""About three reports."""

_READERS = 2
"""Commits and look-ups of keys need threads too: large bodies may not take all there are."""

_MAX_KEY_CHARACTERS = 128
_BATCH_TYPE = "application/reports+json"
_CONTENT_TYPES = frozenset({"", "application/csp-report", _BATCH_TYPE, "application/json", "text/plain"})

_RETRY_AFTER_SECONDS = 5

# Firefox posts a batch again when the answer lacks this, and the preflight is needed by both.
_ALLOW_ORIGIN = (b"access-control-allow-origin", b"*")
_NO_STORE = (b"cache-control", b"no-store")
# A report is a cross-origin request by design: without this its own answer would be withheld from the browser.
_ANY_EMBEDDER = (b"cross-origin-resource-policy", b"cross-origin")
_PREFLIGHT_HEADERS = (
    _ALLOW_ORIGIN,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
    _NO_STORE,
    _ANY_EMBEDDER,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with, but for the headers that every answer of the service has."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = (_ALLOW_ORIGIN, _NO_STORE, _ANY_EMBEDDER)
    body: bytes = b""


STORED = Answer(204)
_PREFLIGHT = Answer(204, _PREFLIGHT_HEADERS)
_FAILED = Answer(
    500,
    ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21"), (b"connection", b"close")),
    b"Internal Server Error",
)


class KeyDirectory:
    """Site keys, looked up in the database and remembered for five seconds; unknown ones too.

    Not so rehearsal keys, which are few: one that was revoked must not vouch for another report.
    """

    _TTL_SECONDS = 5.0
    _MAX_KEYS = 4096

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[str, tuple[float, SiteKey | None]] = OrderedDict()

    def remembered(self, key: str) -> tuple[SiteKey | None] | None:
        """The live key's site, or None, in a tuple; None where the database has to be asked."""
        remembered = self._known.get(key)
        if remembered is None or time.monotonic() - remembered[0] >= self._TTL_SECONDS:
            return None
        return remembered[1:]

    async def find(self, key: str) -> SiteKey | None:
        """The live key's site, or None. Raises SQLAlchemyError when the database cannot be asked."""
        if (remembered := self.remembered(key)) is not None:
            return remembered[0]
        now = time.monotonic()
        found = await asyncio.to_thread(find_key, self._engine, key)
        self._known.pop(key, None)
        if found is not None and found.kind is KeyKind.REHEARSAL:
            return found
        self._known[key] = (now, found)
        if len(self._known) > self._MAX_KEYS:
            self._known.popitem(last=False)
        return found


class _RefusedError(Exception):
    """The request gets an answer other than 204."""

    def __init__(self, status: int, reason: Reason, *, reports: int = 1, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.reports = reports
        self.headers = headers


class ReportEndpoint:
    """`POST /report/{site_key}`, and its preflight."""

    def __init__(
        self,
        settings: Settings,
        counters: IngestCounters,
        keys: KeyDirectory,
        writer: Writer,
        rules: Rules | None = None,
    ) -> None:
        self._settings = settings
        self._counters = counters
        self._keys = keys
        self._writer = writer
        self._rules = rules
        self._clients = RateLimiter(settings.rate_per_client)
        self._sites = RateLimiter(settings.rate_per_site)
        self._readers = asyncio.Semaphore(_READERS)
        self._arriving_bytes = 0
        """Of bodies that come in pieces, of which the last is still to come: any number of clients may send one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path begins with `PATH_PREFIX`."""
        if scope["method"] == "OPTIONS":
            self._counters.preflights.inc()
            await _send(send, _PREFLIGHT)
            return
        try:
            await self._take(scope, receive)
        except (_RefusedError, RejectedReportError, SQLAlchemyError) as error:
            await _send(send, self._refusal(error))
        except ConnectionResetError:
            self._counters.refused(Reason.CLIENT_GONE)
        else:
            await _send(send, STORED)

    def take_whole(self, scope: Scope, body: bytes, answer: Callable[[Answer], None]) -> bool:
        """Take a request that is here with its whole body, and `answer` it: before this returns, or when it is stored.

        False where somebody would have to wait before; then nothing is taken, and it is for `__call__`.
        """
        headers: dict[bytes, bytes] = dict(scope["headers"])
        remembered = self._keys.remembered(scope["path"].removeprefix(PATH_PREFIX))
        if remembered is None or not _is_soon_read(body):
            return False
        try:
            network = self._let_in(scope, headers)
            key = self._let_to_site(remembered[0], headers)
            intake = self._read(scope, headers, body, key, network)()
            self._account_for(intake, key, network)
            if not intake.observations:
                self._counters.accepted(intake.kinds)
                answer(STORED)
                return True
            storing = self._writer.enqueue(intake.observations, len(body))
        except (_RefusedError, RejectedReportError) as error:
            answer(self._refusal(error))
            return True
        except (QueueFullError, StoreUnreachableError) as error:
            answer(self._refusal(_not_stored(error, reports=len(intake.observations))))
            return True
        storing.add_done_callback(lambda stored: answer(self._outcome(stored, intake)))
        return True

    def _outcome(self, stored: asyncio.Future[None], intake: Intake) -> Answer:
        try:
            stored.result()
        except (QueueFullError, StoreUnreachableError) as error:
            return self._refusal(_not_stored(error, reports=len(intake.observations)))
        except Exception as error:
            logger.exception("not stored, for a fault of ours", exc_info=error)
            return _FAILED
        self._counters.accepted(intake.kinds)
        return STORED

    async def _take(self, scope: Scope, receive: Receive) -> None:
        """Store what the request holds, or raise what to answer instead."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        network = self._let_in(scope, headers)
        key_text = scope["path"].removeprefix(PATH_PREFIX)
        found = await self._keys.find(key_text) if 0 < len(key_text) <= _MAX_KEY_CHARACTERS else None
        key = self._let_to_site(found, headers)
        body = await self._read_body(receive, is_batch=_essence(headers.get(b"content-type", b"")) == _BATCH_TYPE)
        # Commas stand between items, and the usual body has too few of them to be decoded for this.
        if (
            body.count(b",") >= MAX_BATCH_ITEMS
            and (items := await self._aside(partial(_items, body))) > MAX_BATCH_ITEMS
        ):
            self._clients.charge(network, MAX_BATCH_ITEMS)
            raise _RefusedError(413, Reason.TOO_LARGE, reports=items)
        read = self._read(scope, headers, body, key, network)
        intake = read() if _is_soon_read(body) else await self._aside(read)
        self._account_for(intake, key, network)
        try:
            await self._writer.store(intake.observations, len(body))
        except (QueueFullError, StoreUnreachableError) as error:
            raise _not_stored(error, reports=len(intake.observations)) from error
        self._counters.accepted(intake.kinds)

    async def _read_body(self, receive: Receive, *, is_batch: bool) -> bytes:
        """The body, within its bound: larger for batches, which are told by their type or their first byte."""
        chunks: list[bytes] = []
        size = 0
        limit = MAX_BATCH_BYTES if is_batch else MAX_BODY_BYTES
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                chunk: bytes = message.get("body", b"")
                if not size and chunk[:1] == b"[":
                    limit = MAX_BATCH_BYTES
                size += len(chunk)
                self._arriving_bytes += len(chunk)
                if size > limit:
                    await _drain(receive, size - limit, more=message.get("more_body", False))
                    raise _RefusedError(413, Reason.TOO_LARGE)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
                # One alone has room, as in the queue.
                if self._arriving_bytes > max(size, self._settings.queue_bytes):
                    raise _RefusedError(503, Reason.QUEUE_FULL, retry_after=str(_RETRY_AFTER_SECONDS))
        finally:
            self._arriving_bytes -= size

    def _let_in(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        """The client's network, if it may send something here now."""
        self._check_host(headers)
        if scope["method"] != "POST":
            raise _RefusedError(405, Reason.METHOD, allow="POST, OPTIONS")
        network = client_network(
            scope["client"][0] if scope.get("client") else None,
            scope["headers"],
            trusted_proxies=self._settings.trusted_proxies,
            client_header=self._settings.client_header,
        )
        self._check_rate(self._clients, network)
        return network

    def _let_to_site(self, key: SiteKey | None, headers: dict[bytes, bytes]) -> SiteKey:
        if key is None:
            raise _RefusedError(404, Reason.UNKNOWN_SITE)
        self._check_rate(self._sites, key.site, key.reports_per_second)
        if _essence(headers.get(b"content-type", b"")) not in _CONTENT_TYPES:
            raise _RefusedError(415, Reason.CONTENT_TYPE)
        if b"content-encoding" in headers:
            raise _RefusedError(415, Reason.CONTENT_ENCODING)
        return key

    def _read(
        self, scope: Scope, headers: dict[bytes, bytes], body: bytes, key: SiteKey, network: str
    ) -> Callable[[], Intake]:
        return partial(
            take_in,
            body,
            key,
            received_at_ms=time.time_ns() // 1_000_000,
            network=network,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            stands_for=stands_for(scope.get("query_string", b"")),
            rules=self._rules,
        )

    def _account_for(self, intake: Intake, key: SiteKey, network: str) -> None:
        """What is ignored was read all the same."""
        if len(intake.observations) == 1 and not intake.ignored:
            return  # which is what it was let in for
        reports = len(intake.observations) + intake.ignored.total()
        self._charge(self._clients, network, reports)
        self._charge(self._sites, key.site, reports, key.reports_per_second)
        for reason, ignored in intake.ignored.items():
            self._counters.refused(reason, ignored)

    async def _aside(self, read: Callable[[], _T]) -> _T:
        """What `read` makes of a body that others would wait for: in a thread."""
        async with self._readers:
            return await asyncio.to_thread(read)

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        if not self._settings.ingest_hosts:
            return
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not any(host_matches(pattern, host) for pattern in self._settings.ingest_hosts):
            raise _RefusedError(400, Reason.UNKNOWN_HOST)

    def _check_rate(self, limiter: RateLimiter, key: str, own_rate: int | None = None) -> None:
        if wait := limiter.take(key, own_rate):
            raise _RefusedError(429, Reason.RATE_LIMITED, retry_after=str(wait))

    def _charge(self, limiter: RateLimiter, key: str, reports: int, own_rate: int | None = None) -> None:
        """Take what a body costs beyond the report it was let in for; refuse one that no burst could hold."""
        limiter.charge(key, reports - 1)
        if wait := limiter.wait_beyond_burst(reports, own_rate):
            raise _RefusedError(429, Reason.RATE_LIMITED, reports=reports, retry_after=str(wait))

    def _refusal(self, error: Exception) -> Answer:
        """The answer to a request that is not stored, which is counted."""
        if isinstance(error, RejectedReportError):
            self._counters.refused(error.reason)
            return _error(error.status_code, error.reason)
        refused = error if isinstance(error, _RefusedError) else _not_stored(error)
        self._counters.refused(refused.reason, refused.reports)
        if refused.status in {429, 503} and self._settings.shed is Shed.ACCEPT:
            return STORED
        headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in refused.headers.items()]
        if refused.status == 413:
            headers.append((b"connection", b"close"))
        return _error(refused.status, refused.reason, *headers)


def _error(status: int, reason: Reason, *headers: tuple[bytes, bytes]) -> Answer:
    body = json.dumps({"error": reason.value}).encode()
    content = (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())
    return Answer(status, (_ALLOW_ORIGIN, _NO_STORE, _ANY_EMBEDDER, *headers, *content), body)


def _not_stored(error: Exception, *, reports: int = 1) -> _RefusedError:
    """The answer when the database or the way to it fails; logged."""
    # The driver's own message may quote what it was given, so only the kind of failure is logged.
    reason = Reason.QUEUE_FULL if isinstance(error, QueueFullError) else Reason.STORE_UNREACHABLE
    failure = type(error.__cause__ or error).__name__
    logger.warning("not stored: %(reason)s (%(failure)s)", {"reason": reason.value, "failure": failure})
    return _RefusedError(503, reason, reports=reports, retry_after=str(_RETRY_AFTER_SECONDS))


def _is_soon_read(body: bytes) -> bool:
    return len(body) <= (_INLINE_BATCH_BYTES if body[:1] == b"[" else _INLINE_BYTES)


def _items(body: bytes) -> int:
    """How many items a body holds. Raises RejectedReportError for one that cannot be read."""
    decoded = decode_body(body)
    return len(decoded.reports) + decoded.ignored.total()


async def _drain(receive: Receive, drained: int, *, more: bool) -> None:
    """Read on a little, so that a client that is almost done reads our answer instead of a reset."""
    while more and drained < _DRAIN_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        drained += len(message.get("body", b""))
        more = message.get("more_body", False)


def _essence(content_type: bytes) -> str:
    """https://mimesniff.spec.whatwg.org/#mime-type-essence"""
    return content_type.decode("latin-1").partition(";")[0].strip().lower()


async def _send(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})
