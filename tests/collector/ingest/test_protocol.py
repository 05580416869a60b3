"""The HTTP protocol of a real service: what slow, long-winded and confused clients are answered, and when."""

from __future__ import annotations

import asyncio
import select
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from collector.ingest.counters import IngestCounters
from collector.ingest.endpoint import MAX_BODY_BYTES as MAX_REPORT_BYTES
from collector.ingest.endpoint import Message, Receive, Scope, Send
from collector.ingest.protocol import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    MAX_WAITING_REQUESTS,
    bounded_protocol,
)
from collector.ingest.refusals import Refusal
from collector.settings import Settings, load_settings
from tests.collector.ingest.builders import counts_of, report_body, total
from tests.support.raw_http import RawAnswer, RawClient
from tests.support.service import RunningCollector, run_collector

ADMIN_TOKEN = "correct-horse-battery-staple"
REPORT = report_body()
HEADER_SECONDS, BODY_SECONDS, KEEP_ALIVE_SECONDS = 0.8, 1.2, 0.6
LATER_SECONDS = 5
"""By when at the latest something that was due happens on a busy machine."""


def head(*lines: str, request: str = "POST /report/default HTTP/1.1") -> bytes:
    """The head of a request, by default a report's, with these lines more."""
    return "\r\n".join([request, "host: localhost", "content-type: application/csp-report", *lines, "", ""]).encode()


def post(body: bytes = REPORT, *lines: str, key: str = "default") -> bytes:
    return head(f"content-length: {len(body)}", *lines, request=f"POST /report/{key} HTTP/1.1") + body


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """A report whose body is sent in these chunks."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head("transfer-encoding: chunked") + framed + last


HEALTH = head(request="GET /healthz HTTP/1.1")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector with little patience."""
    with run_collector(
        tmp_path_factory.mktemp("collector"),
        CSP_ADMIN_TOKEN=ADMIN_TOKEN,
        CSP_RATE_PER_CLIENT="0",
        CSP_HEADER_SECONDS=str(HEADER_SECONDS),
        CSP_BODY_SECONDS=str(BODY_SECONDS),
        CSP_KEEP_ALIVE_SECONDS=str(KEEP_ALIVE_SECONDS),
    ) as running:
        yield running


@pytest.fixture
def client(collector: RunningCollector) -> Iterator[RawClient]:
    with RawClient(collector.base_url) as connected:
        yield connected


def metrics(collector: RunningCollector) -> str:
    with RawClient(collector.base_url) as asking:
        answer = asking.ask(head(f"authorization: Bearer {ADMIN_TOKEN}", request="GET /metrics HTTP/1.1"))
    assert answer is not None
    assert answer.status == 200
    return answer.body.decode()


def refusals(exposition: str) -> Counter[str]:
    return Counter(
        {
            sample.labels["reason"]: int(sample.value)
            for family in text_string_to_metric_families(exposition)
            for sample in family.samples
            if sample.name == "csp_connections_refused_total"
        }
    )


@pytest.fixture
def refused(collector: RunningCollector) -> Callable[[], Counter[str]]:
    """What was refused since the test began, by reason."""
    before = refusals(metrics(collector))
    return lambda: refusals(metrics(collector)) - before


def assert_refused(answer: RawAnswer | None, status: int, refusal: Refusal) -> None:
    assert answer is not None
    assert (answer.status, answer.body) == (status, b'{"error": "%s"}' % refusal.value.encode())
    assert answer.headers.pop("date")
    assert answer.headers == {
        "content-type": "application/json",
        "content-length": str(len(answer.body)),
        "connection": "close",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
    }


# Deadlines.

# (sent at once, sent again and again afterwards, why it is refused)
LATE_REQUESTS = [
    (b"P", b"", Refusal.HEADERS_LATE),
    (b"POST /report/default HTTP/1.1\r\n", b"x-drip: 1\r\n", Refusal.HEADERS_LATE),
    (b"POST /", b"a", Refusal.HEADERS_LATE),
    (b"\r\nPOST / HTTP/1.1\r\nx: ", b"y", Refusal.HEADERS_LATE),
    (head("content-length: 1000"), b"", Refusal.BODY_LATE),
    (head("content-length: 1000"), b"{", Refusal.BODY_LATE),
    (post()[:-1], b"", Refusal.BODY_LATE),
    (head("transfer-encoding: chunked"), b"1\r\n{\r\n", Refusal.BODY_LATE),
    (chunked(REPORT, last=b"0\r\n"), b"x: 1\r\n", Refusal.BODY_LATE),
]


@pytest.mark.parametrize(("begun", "dripped", "refusal"), LATE_REQUESTS)
def test_a_request_that_is_late_is_refused_however_much_still_drips(
    refused: Callable[[], Counter[str]],
    client: RawClient,
    begun: bytes,
    dripped: bytes,
    refusal: Refusal,
) -> None:
    seconds = HEADER_SECONDS if refusal is Refusal.HEADERS_LATE else BODY_SECONDS
    client.send(begun)
    waited = client.drip(dripped)
    assert_refused(client.answer(), 408, refusal)
    assert client.answer() is None
    assert seconds - 0.1 < waited < seconds + LATER_SECONDS
    assert refused() == {refusal: 1}


@pytest.mark.parametrize("dripped", [b"", b"\r\n"])
def test_who_asks_nothing_is_told_nothing(
    refused: Callable[[], Counter[str]], client: RawClient, dripped: bytes
) -> None:
    waited = client.drip(dripped)
    assert client.answer() is None
    assert HEADER_SECONDS - 0.1 < waited < HEADER_SECONDS + LATER_SECONDS
    assert refused() == {Refusal.SILENT: 1}


@pytest.mark.parametrize("dripped", [b"", b"\r\n"])
def test_an_idle_connection_ends_without_blame(
    refused: Callable[[], Counter[str]], client: RawClient, dripped: bytes
) -> None:
    answer = client.ask(HEALTH)
    assert answer is not None
    assert answer.status == 200
    waited = client.drip(dripped)
    assert client.answer() is None
    assert KEEP_ALIVE_SECONDS - 0.1 < waited < KEEP_ALIVE_SECONDS + LATER_SECONDS
    assert not refused()


def test_each_request_has_its_own_deadlines(client: RawClient) -> None:
    """Together they take longer than any of them may."""
    for _ in range(3):
        request = post()
        for part in (request[:20], request[20:-100], request[-100:]):
            client.send(part)
            time.sleep(HEADER_SECONDS / 2)
        answer = client.answer()
        assert answer is not None
        assert answer.status == 204


def test_a_body_that_drips_after_its_answer_ends_too(refused: Callable[[], Counter[str]], client: RawClient) -> None:
    answer = client.ask(head("content-length: 1000", request="POST /report/unknown HTTP/1.1"))
    assert answer is not None
    assert answer.status == 404
    waited = client.drip(b"{")
    assert client.answer() is None
    assert BODY_SECONDS - 0.3 < waited < BODY_SECONDS + LATER_SECONDS
    assert refused() == {Refusal.BODY_LATE: 1}


def test_a_report_that_is_late_keeps_the_sum_of_the_counters(collector: RunningCollector, client: RawClient) -> None:
    before = counts_of(metrics(collector))
    client.send(post()[:-1])
    assert_refused(client.answer(), 408, Refusal.BODY_LATE)
    after = counts_of(metrics(collector))
    assert after["invalid", "client-gone"] - before.get(("invalid", "client-gone"), 0) == 1
    parts = ("accepted", "filtered", "shed", "invalid")
    assert total(after, "received") == sum(total(after, part) for part in parts)


# Sizes.


def lines(count: int) -> list[str]:
    return [f"x-{number}: 1" for number in range(count)]


# (request, status, why it is refused)
TOO_LARGE = [
    (head(*lines(MAX_HEADERS - 1)), 431, Refusal.HEADERS_TOO_LARGE),
    (head(*lines(20_000)), 431, Refusal.HEADERS_TOO_LARGE),
    (head(*(["a:b"] * 20_000)), 431, Refusal.HEADERS_TOO_LARGE),
    (head("x-long: " + "a" * MAX_HEAD_BYTES), 431, Refusal.HEADERS_TOO_LARGE),
    (head("x-long: " + "a" * 8_000_000), 431, Refusal.HEADERS_TOO_LARGE),
    (head("x" * 8_000_000 + ": 1"), 431, Refusal.HEADERS_TOO_LARGE),
    (head("x-long:" + " " * 8_000_000 + "a"), 431, Refusal.HEADERS_TOO_LARGE),
    (head(*(f"x-{number}: {'a' * 1000}" for number in range(40))), 431, Refusal.HEADERS_TOO_LARGE),
    (head(request=f"GET /{'a' * MAX_TARGET_BYTES} HTTP/1.1"), 414, Refusal.TARGET_TOO_LONG),
    (head(request=f"GET /{'a' * 8_000_000} HTTP/1.1"), 414, Refusal.TARGET_TOO_LONG),
    (head(request=f"GET /?{'a' * MAX_TARGET_BYTES} HTTP/1.1"), 414, Refusal.TARGET_TOO_LONG),
    (chunked(b"{", last=b"0\r\n" + b"x: 1\r\n" * 20_000 + b"\r\n"), 431, Refusal.HEADERS_TOO_LARGE),
    (chunked(b"{", last=b"0\r\nx: " + b"a" * 8_000_000), 413, Refusal.BODY_TOO_LARGE),
    (chunked(b"{", last=b"1;x=" + b"a" * 8_000_000), 413, Refusal.BODY_TOO_LARGE),
]


@pytest.mark.parametrize(("request_bytes", "status", "refusal"), TOO_LARGE)
def test_what_is_too_large_is_refused(
    refused: Callable[[], Counter[str]], client: RawClient, request_bytes: bytes, status: int, refusal: Refusal
) -> None:
    client.send(request_bytes)
    assert_refused(client.answer(), status, refusal)
    assert client.answer() is None
    assert refused() == {refusal: 1}


def test_what_is_too_large_is_refused_before_it_has_come_whole(client: RawClient) -> None:
    """The rest is never sent, and the answer comes before any deadline."""
    client.send(head("x-long: " + "a" * 8_000_000)[: MAX_HEAD_BYTES + 40_000])
    began = time.monotonic()
    assert_refused(client.answer(), 431, Refusal.HEADERS_TOO_LARGE)
    assert time.monotonic() - began < HEADER_SECONDS


FITTING = [
    head(*lines(MAX_HEADERS - 2), request="GET /healthz HTTP/1.1"),
    head("x-long: " + "a" * (MAX_HEAD_BYTES - 200), request="GET /healthz HTTP/1.1"),
    head(request=f"GET /healthz?{'a' * (MAX_TARGET_BYTES - 20)} HTTP/1.1"),
]


@pytest.mark.parametrize("request_bytes", FITTING)
@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_what_just_fits_is_answered_however_it_is_cut(client: RawClient, request_bytes: bytes, size: int) -> None:
    for start in range(0, len(request_bytes), size):
        client.send(request_bytes[start : start + size])
    answer = client.answer()
    assert answer is not None
    assert answer.status == 200


def test_what_came_before_a_head_does_not_count_against_it(client: RawClient) -> None:
    """A large body and a large head in one read, again and again."""
    request = post(REPORT + b" " * 50_000, "x-long: " + "a" * 30_000)
    client.send(request * 3)
    assert [answer.status for answer in (client.answer(), client.answer(), client.answer()) if answer] == [204] * 3


@pytest.mark.parametrize("size", [100, 10_000, 200_000])
def test_a_chunked_body_past_the_limit_is_refused_before_it_has_come_whole(client: RawClient, size: int) -> None:
    """With two limits' worth sent and the rest owed, 413 comes at once: whoever read on would answer 408."""
    chunk = b" " * size
    client.send(chunked(*[chunk] * (2 * MAX_REPORT_BYTES // size + 1), last=b"ff\r\n"))
    answer = client.answer()
    assert answer is not None
    assert (answer.status, answer.body) == (413, b'{"error": "body-too-large"}')
    assert answer.headers["connection"] == "close"
    assert client.answer() is None


# Framing.


def stored(collector: RunningCollector) -> int:
    return int(total(counts_of(metrics(collector)), "accepted"))


BOTH_LENGTHS = head(f"content-length: {len(REPORT)}", "transfer-encoding: chunked")
ONE_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(REPORT), REPORT)

# (sent, statuses answered in order, reports stored); then the connection ends
CONFUSED = [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", [400], 0),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], 0),
    (BOTH_LENGTHS + ONE_CHUNK, [400], 0),
    (BOTH_LENGTHS + REPORT, [400], 0),
    (head(f"content-length: {len(REPORT)}", f"content-length: {len(REPORT)}") + REPORT, [400], 0),
    (head("transfer-encoding: chunked", "transfer-encoding: identity") + ONE_CHUNK, [400], 0),
    (head("content-length: -1") + REPORT, [400], 0),
    (head("transfer-encoding: chunked") + b"-1\r\n" + REPORT, [400], 0),
    # A length shorter than what is sent: the rest is no request.
    (head(f"content-length: {len(REPORT)}") + REPORT + REPORT, [204, 400], 1),
    (post() + head("content-length: x"), [204, 400], 1),
    # The second is refused before its turn comes, with a body begun.
    (post() + head("transfer-encoding: chunked") + b"x", [204, 400], 1),
    (post(REPORT, "connection: close") + post(), [204], 1),
]


@pytest.mark.parametrize(("sent", "statuses", "reports"), CONFUSED)
def test_what_cannot_be_read_ends_the_connection_after_what_can(
    collector: RunningCollector, client: RawClient, sent: bytes, statuses: list[int], reports: int
) -> None:
    before = stored(collector)
    client.send(sent)
    answers = client.answers()
    assert [answer.status for answer in answers] == statuses
    if 400 in statuses:
        assert_refused(answers[-1], 400, Refusal.MALFORMED)
    assert stored(collector) - before == reports


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_an_offer_of_another_protocol_is_not_taken_up(client: RawClient, protocol: str) -> None:
    offer = head("connection: upgrade", f"upgrade: {protocol}", request="GET /healthz HTTP/1.1")
    client.send(offer + b"whatever that protocol says")
    assert [answer.status for answer in client.answers()] == [200]


def test_trailers_are_no_headers(client: RawClient) -> None:
    """Each for itself would be refused."""
    client.send(chunked(REPORT, last=b"0\r\ncontent-encoding: gzip\r\nexpect: 100-continue\r\n\r\n") + HEALTH)
    assert [answer.status for answer in (client.answer(), client.answer()) if answer] == [204, 200]


def test_reports_that_follow_each_other_are_answered_in_order(collector: RunningCollector, client: RawClient) -> None:
    before = stored(collector)
    requests = [post(), post(key="unknown"), chunked(REPORT[:9], REPORT[9:]), post(b"{}"), post(), HEALTH, post()]
    client.send(b"".join(requests))
    answers = [client.answer() for _ in requests]
    assert [answer.status for answer in answers if answer] == [204, 404, 204, 400, 204, 200, 204]
    assert stored(collector) - before == 4


def test_more_requests_than_may_wait_are_refused_after_those_that_may(
    refused: Callable[[], Counter[str]], client: RawClient
) -> None:
    client.send(b"OPTIONS /report/default HTTP/1.1\r\n\r\n" * 300)
    answers = client.answers()
    assert [answer.status for answer in answers[:-1]] == [204] * (1 + MAX_WAITING_REQUESTS)
    assert_refused(answers[-1], 429, Refusal.TOO_MANY_AT_ONCE)
    assert refused() == {Refusal.TOO_MANY_AT_ONCE: 1}


def test_the_log_is_not_for_strangers_to_fill(collector: RunningCollector, client: RawClient) -> None:
    log = collector.directory / "collector.log"
    before = log.read_text()
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
    assert client.answer() is not None
    assert log.read_text() == before


# How many.


@contextmanager
def run_with_room(directory: Path, **variables: str) -> Iterator[RunningCollector]:
    with run_collector(directory, CSP_ADMIN_TOKEN=ADMIN_TOKEN, CSP_KEEP_ALIVE_SECONDS="30", **variables) as running:
        yield running


def is_let_in(collector: RunningCollector, source: str, opened: list[RawClient]) -> bool:
    """Whether a new connection is answered; it stays open then."""
    client = RawClient(collector.base_url, source=source)
    if client.ask(HEALTH) is None:
        client.close()
        return False
    opened.append(client)
    return True


def test_connections_are_bounded_for_each_network_and_in_all(tmp_path: Path) -> None:
    opened: list[RawClient] = []
    with run_with_room(
        tmp_path, CSP_TRUSTED_PROXIES="", CSP_MAX_CONNECTIONS="5", CSP_MAX_CONNECTIONS_PER_CLIENT="3"
    ) as collector:
        assert [is_let_in(collector, f"127.0.1.{host}", opened) for host in (1, 2, 3, 4)] == [True, True, True, False]
        assert [is_let_in(collector, f"127.0.{net}.1", opened) for net in (2, 3, 4)] == [True, True, False]
        for client in opened:
            client.close()
        deadline = time.monotonic() + LATER_SECONDS
        while not is_let_in(collector, "127.0.1.4", opened):
            assert time.monotonic() < deadline
        counted = refusals(metrics(collector))
        assert counted[Refusal.TOO_MANY_OF_CLIENT] == 1
        assert counted[Refusal.TOO_MANY] >= 1
        opened.pop().close()


def test_a_trusted_proxy_is_bounded_in_all_only(tmp_path: Path) -> None:
    opened: list[RawClient] = []
    with run_with_room(tmp_path, CSP_MAX_CONNECTIONS="4", CSP_MAX_CONNECTIONS_PER_CLIENT="2") as collector:
        assert [is_let_in(collector, "127.0.0.1", opened) for _ in range(5)] == [True] * 4 + [False]
        for client in opened:
            client.close()


# With an application of our own: what cannot be arranged in the service.


@dataclass
class Application:
    """Reads the body and answers with it, when it is let."""

    gate: threading.Event = field(default_factory=threading.Event)
    has_read: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)
    has_answered: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected.set()
                return
            body += message["body"]
            more = message["more_body"]
        self.has_read.set()
        await asyncio.to_thread(self.gate.wait)
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self.has_answered.set()


@dataclass(frozen=True)
class Served:
    """A server of that application on a unix socket."""

    address: str
    counters: IngestCounters

    def refusals(self) -> Counter[str]:
        return refusals(self.counters.exposition().decode())


@contextmanager
def serve(directory: Path, app: Application, **given_settings: Any) -> Iterator[Served]:
    """Serve with the protocol of these settings until the end of the block."""
    served = Served(str(directory / "socket"), IngestCounters())
    config = uvicorn.Config(
        app,
        uds=served.address,
        http=bounded_protocol(load_settings(**given_settings), served.counters),
        lifespan="off",
        log_level="critical",
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield served
    finally:
        server.should_exit = True
        thread.join()


def open_application() -> Application:
    app = Application()
    app.gate.set()
    return app


def test_clients_of_a_unix_socket_are_bounded_in_all_only(tmp_path: Path) -> None:
    with (
        serve(tmp_path, open_application(), max_connections=3, max_connections_per_client=1) as served,
        RawClient(served.address) as first,
        RawClient(served.address) as second,
        RawClient(served.address) as third,
        RawClient(served.address) as fourth,
    ):
        assert all(client.ask(HEALTH) for client in (first, second, third))
        assert fourth.ask(HEALTH) is None
        assert served.refusals() == {Refusal.TOO_MANY: 1}


def test_a_client_is_not_late_while_it_is_not_read(tmp_path: Path) -> None:
    """What it sends after a request that has to wait stays in the network until its turn comes."""
    app = Application()
    with serve(tmp_path, app, body_seconds=0.3, header_seconds=0.3) as served, RawClient(served.address) as client:
        client.send(post(b"one"))
        assert app.has_read.wait(LATER_SECONDS)
        client.send(post(b"two")[:-1])
        time.sleep(0.1)
        client.send(b"o" + post(b"three"))
        time.sleep(1)
        app.gate.set()
        answers = [client.answer() for _ in range(3)]
    assert [answer.body for answer in answers if answer] == [b"one", b"two", b"three"]


def test_an_answer_may_take_its_time(tmp_path: Path) -> None:
    app = Application()
    with (
        serve(tmp_path, app, body_seconds=0.2, header_seconds=0.2, keep_alive_seconds=0.2) as served,
        RawClient(served.address) as client,
    ):
        client.send(post(b"one"))
        time.sleep(1)
        app.gate.set()
        answer = client.answer()
    assert answer is not None
    assert answer.body == b"one"


@pytest.mark.parametrize("lines", [(), ("connection: close",)])
def test_an_answer_that_nobody_takes_is_thrown_away(tmp_path: Path, lines: tuple[str, ...]) -> None:
    sent = b"x" * 1_500_000
    with serve(tmp_path, open_application(), body_seconds=0.5) as served, RawClient(served.address) as client:
        client.send(post(sent, *lines))
        deadline = time.monotonic() + LATER_SECONDS
        while served.refusals() != {Refusal.ANSWER_NOT_TAKEN: 1}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert 0 < len(client.rest()) < len(sent)


def test_an_answer_that_is_taken_slowly_arrives(tmp_path: Path) -> None:
    """Some of it within each deadline, all of it in several."""
    sent = b"x" * 1_500_000
    with (
        serve(tmp_path, open_application(), body_seconds=0.5, keep_alive_seconds=0.5) as served,
        RawClient(served.address) as client,
    ):
        client.send(post(sent))
        received = client.rest(pause=0.05)
        assert received.endswith(sent)
        assert not served.refusals()


def test_zero_is_no_deadline(tmp_path: Path) -> None:
    with (
        serve(tmp_path, open_application(), body_seconds=0, header_seconds=0, keep_alive_seconds=0) as served,
        RawClient(served.address) as client,
    ):
        request = post(b"one")
        for part in (request[:9], request[9:-1], request[-1:]):
            client.drip(b"", at_most=0.3)
            client.send(part)
        answer = client.answer()
    assert answer is not None
    assert answer.body == b"one"


def test_the_application_learns_that_a_late_client_is_gone(tmp_path: Path) -> None:
    app = open_application()
    with serve(tmp_path, app, body_seconds=0.2) as served, RawClient(served.address) as client:
        client.send(post(b"one")[:-1])
        assert_refused(client.answer(), 408, Refusal.BODY_LATE)
        assert app.disconnected.wait(LATER_SECONDS)


def test_an_answer_to_a_client_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    """Not even with another request behind it: the log would hold a traceback for each."""
    app = Application()
    with serve(tmp_path, app) as served:
        with RawClient(served.address) as client:
            client.send(post(b"one") + post(b"two"))
            assert app.has_read.wait(LATER_SECONDS)
        time.sleep(0.3)
        app.gate.set()
        assert app.has_answered.wait(LATER_SECONDS)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("echo"), open_application()) as served:
        yield served


FOLLOWING = [
    post(b"one"),
    chunked(b"t", b"wo"),
    post(b"x" * 40_000, "x-long: " + "a" * 30_000),
    post(b""),
    post(b"five"),
]


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, sum(map(len, FOLLOWING))), max_size=12))
def test_where_a_stream_of_requests_is_cut_makes_no_difference(echo: Served, cuts: list[int]) -> None:
    sent = b"".join(FOLLOWING)
    with RawClient(echo.address) as client:
        for start, end in pairwise([0, *sorted(cuts), len(sent)]):
            client.send(sent[start:end])
            time.sleep(0.001)
        bodies = [answer.body for _ in FOLLOWING if (answer := client.answer())]
    assert bodies == [b"one", b"two", b"x" * 40_000, b"", b"five"]


def test_the_defaults_are_those_that_are_promised() -> None:
    default = Settings()
    assert (default.header_seconds, default.body_seconds, default.keep_alive_seconds) == (5, 10, 5)


def test_bodies_that_arrive_slowly_are_bounded_together(tmp_path: Path) -> None:
    """Each may be a megabyte, and any number of clients may send one."""
    piece = b"[" + b" " * 60_000
    batch = head("content-length: 1000000").replace(b"application/csp-report", b"application/reports+json")
    with (
        run_collector(tmp_path, CSP_QUEUE_BYTES="150000", CSP_ADMIN_TOKEN=ADMIN_TOKEN) as collector,
        ExitStack() as open_,
    ):
        slow = [open_.enter_context(RawClient(collector.base_url)) for _ in range(4)]
        *arriving, last = slow
        for one in arriving:
            one.send(batch + piece)
        # Whichever brings one byte too many.
        ready, _, _ = select.select([one.socket for one in arriving], [], [], LATER_SECONDS)
        [refused_one] = [one for one in arriving if one.socket in ready]
        refused = refused_one.answer()
        assert refused is not None
        assert (refused.status, refused.body) == (503, b'{"error": "queue-full"}')
        assert refused.headers["retry-after"]
        with RawClient(collector.base_url) as client:
            answer = client.ask(post())
            assert answer is not None
            assert answer.status == 204, "what is here whole finds room"
        for one in arriving:
            one.close()
        deadline = time.monotonic() + LATER_SECONDS
        metrics = head(f"authorization: Bearer {ADMIN_TOKEN}", request="GET /metrics HTTP/1.1")
        with RawClient(collector.base_url) as client:
            while (told := client.ask(metrics)) and b"csp_connections_open 2.0" not in told.body:
                assert time.monotonic() < deadline, "they are still here"
                time.sleep(0.05)
        last.send(batch + piece)
        last.send(b" " * (1_000_000 - len(piece) - 1) + b"]")
        answer = last.answer()
        assert answer is not None
        assert answer.status == 204, "there is room again"
