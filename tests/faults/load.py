"""Load: clients that post without pause over kept connections, and know what became of each report.

What a fault may do to reports is a law between three numbers, and it holds for each report that can be told apart:

    acknowledged <= counted <= acknowledged + in doubt

An answer of 204 acknowledges. Any other answer says that nothing was stored. In doubt is what was sent on a connection
that ended before the answer came. A batch is stored whole or not at all, so its reports are counted alike.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

SINGLE_CLIENTS = 4
BATCH_CLIENTS = 2
BATCH_REPORTS = 10

_PATH = "/report/default"
_PAGE = "https://shop.example/checkout"
_POLICY = "default-src 'none'; report-uri https://reports.shop.example/reports"
_RECONNECT_SECONDS = 0.02
_ANSWER_SECONDS = 30
"""Far more than any promise allows: it ends a test that would hang."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 204."""

    status: int
    retry_after: str | None
    at: float
    """By the monotonic clock."""


@dataclass
class Tally:
    """What became of the reports that were posted; of each by the URI that it says was blocked."""

    acknowledged: Counter[str] = field(default_factory=Counter)
    in_doubt: Counter[str] = field(default_factory=Counter)
    batches: set[tuple[str, ...]] = field(default_factory=set)
    """What was posted together, and never otherwise."""

    refused: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    acknowledged_at: float = 0.0
    """When the last 204 came, by the monotonic clock."""

    def statuses(self) -> set[int]:
        """Of all answers but 204."""
        return {refusal.status for refusal in self.refusals}

    def check(self, counted: Mapping[str, int]) -> None:
        """Raises AssertionError unless the law holds for what the database has `counted`."""
        lost = {uri: n - counted.get(uri, 0) for uri, n in self.acknowledged.items() if counted.get(uri, 0) < n}
        most = self.acknowledged + self.in_doubt
        repeated = {uri: n - most[uri] for uri, n in counted.items() if n > most[uri]}
        assert not lost, f"acknowledged and lost: {lost}"
        assert not repeated, f"counted twice, or refused and counted: {repeated}"
        torn = [batch for batch in self.batches if len({counted.get(uri, 0) for uri in batch}) > 1]
        assert not torn, f"stored by halves: {torn}"

    def settle(self, counted: Mapping[str, int]) -> None:
        """Check, and take what was counted for what was acknowledged: so no doubt of now can hide a later loss."""
        self.check(counted)
        self.acknowledged = Counter(counted)
        self.in_doubt.clear()
        self.refused.clear()


class Load:
    """Clients that post until they are told to stop."""

    def __init__(self, port: int, *, tally: Tally | None = None, uris_per_client: int | None = 30) -> None:
        """Each client has URIs of its own, which it takes in turns; None is for a new one each time."""
        self.tally = tally or Tally()
        self._port = port
        self._uris_per_client = uris_per_client
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        sizes = [1] * SINGLE_CLIENTS + [BATCH_REPORTS] * BATCH_CLIENTS
        self._threads = [
            threading.Thread(target=self._post_on, args=(name, size), name=f"client-{name}")
            for name, size in enumerate(sizes)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client finish the request that it has begun, or lose it."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for_acknowledgement(self, seconds: float) -> float:
        """Wait for a 204 that comes from now on. Returns after how many seconds; raises AssertionError without one."""
        began = time.monotonic()
        while self.tally.acknowledged_at <= began:
            assert time.monotonic() - began < seconds, f"nothing acknowledged in {seconds} s"
            time.sleep(0.005)
        return self.tally.acknowledged_at - began

    def wait_for_refusal(self, seconds: float) -> Refusal:
        """The first refusal that comes from now on; raises AssertionError without one."""
        deadline, seen = time.monotonic() + seconds, len(self.tally.refusals)
        while len(self.tally.refusals) == seen:
            assert time.monotonic() < deadline, f"nothing refused in {seconds} s"
            time.sleep(0.005)
        return self.tally.refusals[seen]

    def _post_on(self, client: int, size: int) -> None:
        uris = self._uris(client)
        # A network each: what one of them may keep open or post is bounded.
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=_ANSWER_SECONDS, source_address=(f"127.1.{client}.1", 0)
        )
        try:
            while not self._stopping.is_set():
                self._post(connection, [next(uris) for _ in range(size)])
        finally:
            connection.close()

    def _post(self, connection: http.client.HTTPConnection, uris: list[str]) -> None:
        body, content_type = single_body(uris[0]), "application/csp-report"
        if len(uris) > 1:
            body, content_type = batch_body(uris), "application/reports+json"
            with self._lock:
                self.tally.batches.add(tuple(uris))
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            # Nobody listens, and nothing was sent.
            time.sleep(_RECONNECT_SECONDS)
            return
        try:
            connection.request("POST", _PATH, body, {"Content-Type": content_type})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            with self._lock:
                self.tally.in_doubt.update(uris)
            return
        with self._lock:
            if response.status == 204:
                self.tally.acknowledged.update(uris)
                self.tally.acknowledged_at = time.monotonic()
            else:
                refusal = Refusal(response.status, response.getheader("Retry-After"), time.monotonic())
                self.tally.refusals.append(refusal)
                self.tally.refused.update(uris)

    def _uris(self, client: int) -> Iterator[str]:
        for number in count():
            yield blocked_uri(client, number % self._uris_per_client if self._uris_per_client else number)


@contextmanager
def load(port: int, *, tally: Tally | None = None, uris_per_client: int | None = 30) -> Iterator[Load]:
    """Clients that post until the end of the block."""
    made = Load(port, tally=tally, uris_per_client=uris_per_client)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def blocked_uri(client: int, number: int) -> str:
    return f"https://cdn-{client}.example/{number}.png"


def single_body(uri: str) -> bytes:
    """What report-uri sends."""
    report = {
        "document-uri": _PAGE,
        "violated-directive": "img-src",
        "effective-directive": "img-src",
        "original-policy": _POLICY,
        "disposition": "report",
        "blocked-uri": uri,
        "status-code": 200,
    }
    return json.dumps({"csp-report": report}).encode()


def batch_body(uris: Iterable[str]) -> bytes:
    """What the Reporting API sends."""
    return json.dumps(
        [
            {
                "type": "csp-violation",
                "age": 100,
                "url": _PAGE,
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36",
                "body": {
                    "documentURL": _PAGE,
                    "effectiveDirective": "img-src",
                    "originalPolicy": _POLICY,
                    "disposition": "report",
                    "blockedURL": uri,
                    "statusCode": 200,
                },
            }
            for uri in uris
        ]
    ).encode()
