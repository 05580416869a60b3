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
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from collector.ingest.client import client_network
from collector.ingest.counters import IngestCounters
from collector.ingest.intake import take_in
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


class KeyDirectory:
    """Site keys, looked up in the database and remembered for five seconds; unknown ones too.

    Not so rehearsal keys, which are few: one that was revoked must not vouch for another report.
    """

    _TTL_SECONDS = 5.0
    _MAX_KEYS = 4096

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[str, tuple[float, SiteKey | None]] = OrderedDict()

    async def find(self, key: str) -> SiteKey | None:
        """The live key's site, or None. Raises SQLAlchemyError when the database cannot be asked."""
        now = time.monotonic()
        remembered = self._known.get(key)
        if remembered is not None and now - remembered[0] < self._TTL_SECONDS:
            return remembered[1]
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path begins with `PATH_PREFIX`."""
        if scope["method"] == "OPTIONS":
            self._counters.preflights.inc()
            await _answer(send, 204, headers=_PREFLIGHT_HEADERS)
            return
        try:
            await self._take(scope, receive)
        except _RefusedError as refused:
            await self._refuse(refused, send)
        except RejectedReportError as rejected:
            self._counters.refused(rejected.reason)
            await _answer(send, rejected.status_code, error=rejected.reason)
        except SQLAlchemyError as error:
            await self._refuse(_not_stored(error), send)
        except ConnectionResetError:
            self._counters.refused(Reason.CLIENT_GONE)
        else:
            await _answer(send, 204)

    async def _take(self, scope: Scope, receive: Receive) -> None:
        """Store what the request holds, or raise what to answer instead."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
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
        key_text = scope["path"].removeprefix(PATH_PREFIX)
        key = await self._keys.find(key_text) if 0 < len(key_text) <= _MAX_KEY_CHARACTERS else None
        if key is None:
            raise _RefusedError(404, Reason.UNKNOWN_SITE)
        self._check_rate(self._sites, key.site, key.reports_per_second)
        content_type = _essence(headers.get(b"content-type", b""))
        if content_type not in _CONTENT_TYPES:
            raise _RefusedError(415, Reason.CONTENT_TYPE)
        if b"content-encoding" in headers:
            raise _RefusedError(415, Reason.CONTENT_ENCODING)
        body = await _read_body(receive, is_batch=content_type == _BATCH_TYPE)
        # Commas stand between items, and the usual body has too few of them to be decoded for this.
        if (
            body.count(b",") >= MAX_BATCH_ITEMS
            and (items := await self._aside(partial(_items, body))) > MAX_BATCH_ITEMS
        ):
            self._clients.charge(network, MAX_BATCH_ITEMS)
            raise _RefusedError(413, Reason.TOO_LARGE, reports=items)
        read = partial(
            take_in,
            body,
            key,
            received_at_ms=time.time_ns() // 1_000_000,
            network=network,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            stands_for=stands_for(scope.get("query_string", b"")),
            rules=self._rules,
        )
        intake = read() if _is_soon_read(body) else await self._aside(read)
        # What is ignored was read all the same.
        reports = len(intake.observations) + intake.ignored.total()
        self._charge(self._clients, network, reports)
        self._charge(self._sites, key.site, reports, key.reports_per_second)
        for reason, ignored in intake.ignored.items():
            self._counters.refused(reason, ignored)
        try:
            await self._writer.store(intake.observations, len(body))
        except (QueueFullError, StoreUnreachableError) as error:
            raise _not_stored(error, reports=len(intake.observations)) from error
        self._counters.accepted(intake.kinds)

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

    async def _refuse(self, refused: _RefusedError, send: Send) -> None:
        self._counters.refused(refused.reason, refused.reports)
        if refused.status in {429, 503} and self._settings.shed is Shed.ACCEPT:
            await _answer(send, 204)
            return
        headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in refused.headers.items()]
        if refused.status == 413:
            headers.append((b"connection", b"close"))
        await _answer(
            send, refused.status, error=refused.reason, headers=(_ALLOW_ORIGIN, _NO_STORE, _ANY_EMBEDDER, *headers)
        )


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


async def _read_body(receive: Receive, *, is_batch: bool) -> bytes:
    """The body, within its bound: larger for batches, which are told by their type or their first byte."""
    chunks: list[bytes] = []
    size = 0
    limit = MAX_BATCH_BYTES if is_batch else MAX_BODY_BYTES
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        chunk: bytes = message.get("body", b"")
        if size == 0 and chunk[:1] == b"[":
            limit = MAX_BATCH_BYTES
        size += len(chunk)
        if size > limit:
            await _drain(receive, size - limit, more=message.get("more_body", False))
            raise _RefusedError(413, Reason.TOO_LARGE)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


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


async def _answer(
    send: Send,
    status: int,
    *,
    error: Reason | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (_ALLOW_ORIGIN, _NO_STORE, _ANY_EMBEDDER),
) -> None:
    body = b"" if error is None else json.dumps({"error": error.value}).encode()
    content = () if error is None else ((b"content-type", b"application/json"),)
    length = () if status == 204 else ((b"content-length", str(len(body)).encode()),)
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *content, *length]})
    await send({"type": "http.response.body", "body": body})
