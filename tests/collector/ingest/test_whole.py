"""Reports that are taken whole, inside the protocol: answered as the application answers them, and counted alike."""

from __future__ import annotations

import json
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from collector.app import Service, create_service
from collector.ingest.endpoint import Receive, Scope, Send
from collector.ingest.protocol import bounded_protocol
from collector.listening import LocalPeers
from collector.settings import load_settings
from tests.collector.ingest.builders import batch_body, counts_of, envelope, report_body
from tests.support.raw_http import RawAnswer, RawClient

REPORT = report_body()
KEPT = "application/csp-report"


def post(
    body: bytes = REPORT,
    *lines: str,
    path: str = "/report/default",
    kind: str = KEPT,
    method: str = "POST",
    host: str = "localhost",
) -> bytes:
    given = [f"{method} {path} HTTP/1.1", f"host: {host}", f"content-type: {kind}", f"content-length: {len(body)}"]
    return "\r\n".join([*given, *lines, "", ""]).encode() + body


@dataclass
class Served:
    """The service on a unix socket, and the requests that its application was asked to answer."""

    address: str
    service: Service
    asked: list[str] = field(default_factory=list)

    def figures(self) -> dict[tuple[str, str], float]:
        return dict(counts_of(self.service.counters.exposition().decode()))


@contextmanager
def serve(directory: Path, **given: Any) -> Iterator[Served]:
    settings = load_settings(database_url=f"sqlite:///{directory / 'csp.db'}", data_dir=directory, **given)
    service = create_service(settings)
    served = Served(str(directory / "socket"), service)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            served.asked.append(f"{scope['method']} {scope['path']}")
        await LocalPeers(service.app)(scope, receive, send)

    config = uvicorn.Config(
        app,
        uds=served.address,
        http=bounded_protocol(settings, service.counters, service.whole_reports),
        log_level="critical",
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield served
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("whole")
    with serve(directory, rate_per_client=0) as running:
        with RawClient(running.address) as client:
            for path in ("/report/default", "/report/unknown"):  # a key is looked up once, and remembered
                client.ask(post(path=path))
        yield running


def without_date(answer: RawAnswer | None) -> tuple[int, tuple[tuple[str, str], ...], bytes] | None:
    if answer is None:
        return None
    return answer.status, tuple((name, value) for name, value in answer.headers.items() if name != "date"), answer.body


WHOLE = {
    "stored": post(),
    "over https": post(REPORT, "x-forwarded-proto: https", host="csp.example.com"),
    "over https on this machine": post(REPORT, "x-forwarded-proto: https"),
    "said to come by http last": post(REPORT, "x-forwarded-proto: https", "x-forwarded-proto: http"),
    "for a client": post(REPORT, "x-forwarded-for: 203.0.113.9"),
    "sampled": post(path="/report/default?r=0.01"),
    "a batch": post(batch_body(envelope(), envelope()), kind="application/reports+json"),
    "a batch with something ignored": post(
        batch_body(envelope(), {"type": "coep", "body": {}}), kind="application/reports+json"
    ),
    "a batch of what is ignored": post(batch_body({"type": "coep", "body": {}}), kind="application/reports+json"),
    "no JSON": post(b"{"),
    "no report": post(b"{}"),
    "nothing": post(b""),
    "an unknown key": post(path="/report/unknown"),
    "another type": post(REPORT, kind="text/html"),
    "encoded": post(REPORT, "content-encoding: gzip"),
    "nested too deep": post(b"[" * 4_000),
    "binary": post(bytes(range(256))),
}
"""Answered without the application."""

APPLICATIONS = {
    "the last on its connection": post(REPORT, "connection: close"),
    "of an older protocol": post().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "another protocol is offered": post(REPORT, "connection: upgrade", "upgrade: h2c"),
    "too long a body to read at once": post(json.dumps({"csp-report": {"padding": "x" * 17_000}}).encode()),
    "of a key that is looked up": post(path="/report/never-seen-before"),
    "a preflight": post(b"", method="OPTIONS"),
    "another method": post(method="PUT"),
    "no key": post(path="/report/"),
    "health": post(path="/healthz"),
}
"""For the application, whatever it makes of them."""


def ask(served: Served, request: bytes, cut: int) -> RawAnswer | None:
    """In two pieces, the second a moment later; of 0 bytes it is none."""
    with RawClient(served.address) as client:
        if cut:
            client.send(request[:-cut])
            time.sleep(0.05)
        client.send(request[-cut:])
        return client.answer()


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_here_whole_is_answered_and_counted_as_by_the_application(served: Served, name: str) -> None:
    request = WHOLE[name]
    outcomes = []
    for cut in (0, 1):
        served.asked.clear()
        before = served.figures()
        answer = without_date(ask(served, request, cut))
        after = served.figures()
        counted = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
        outcomes.append((answer, counted))
        # A request without a body is whole with its head.
        assert bool(served.asked) == (bool(cut) and name != "nothing")
    assert outcomes[0] == outcomes[1]
    answer, counted = outcomes[0]
    assert answer is not None
    assert counted
    assert dict(answer[1])["x-content-type-options"] == "nosniff"
    assert ("strict-transport-security" in dict(answer[1])) == (name == "over https")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_is_not_whole_or_not_a_report_is_for_the_application(served: Served, name: str) -> None:
    served.asked.clear()
    answer = ask(served, APPLICATIONS[name], 0)
    assert answer is not None
    assert len(served.asked) == 1
    assert (name == "the last on its connection") <= (answer.headers.get("connection") == "close")


def test_a_client_that_waits_for_leave_to_go_on_is_given_it(served: Served) -> None:
    with RawClient(served.address) as client:
        client.send(post(REPORT, "expect: 100-continue")[: -len(REPORT)])
        assert (answer := client.answer()) is not None
        assert answer.status == 100
        client.send(REPORT)
        assert (answer := client.answer()) is not None
        assert answer.status == 204


def test_requests_that_follow_each_other_are_answered_in_order(served: Served) -> None:
    """Whichever way each of them goes; those that wait go whole when their turn comes."""
    requests = [*WHOLE.values(), APPLICATIONS["a preflight"], APPLICATIONS["health"], *reversed(WHOLE.values())]
    alone = [without_date(ask(served, request, 0)) for request in requests]
    with RawClient(served.address) as client:
        client.send(b"".join(requests))
        assert [without_date(client.answer()) for _ in requests] == alone


def test_a_client_over_its_rate_is_told_so_whole(tmp_path: Path) -> None:
    with serve(tmp_path, rate_per_client=1) as running, RawClient(running.address) as client:
        statuses = [answer.status for _ in range(14) if (answer := client.ask(post()))]
        running.asked.clear()
        refused = client.ask(post())
        assert statuses[0] == 204
        assert refused is not None
        assert (refused.status, refused.body) == (429, b'{"error": "rate-limited"}')
        assert int(refused.headers["retry-after"]) >= 1
        assert not running.asked
        assert running.figures()["shed", "rate-limited"] == statuses.count(429) + 1


def holding(served: Served) -> tuple[Callable[[], int], Callable[[], None]]:
    """Have the database locked by another; returns how many reports wait, and what lets go of it."""
    connection = connect(served)
    connection.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        connection.rollback()
        connection.close()

    return lambda: served.service.counters.queued, let_go


def connect(served: Served) -> sqlite3.Connection:
    path = served.service.settings.database_url.removeprefix("sqlite:///")
    return sqlite3.connect(path, check_same_thread=False, isolation_level=None)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_answer_leaves_after_the_commit_and_requests_behind_it_wait(tmp_path: Path) -> None:
    with serve(tmp_path, rate_per_client=0) as running, RawClient(running.address) as client:
        assert client.ask(post())
        running.asked.clear()
        queued, let_go = holding(running)
        client.send(post() + post(b"{"))
        wait_until(lambda: queued() == 1)
        time.sleep(0.2)
        assert not select.select([client.socket], [], [], 0)[0]
        let_go()
        assert [answer.status for _ in range(2) if (answer := client.answer())] == [204, 400]
        assert not running.asked


def test_what_a_client_sent_before_it_left_is_stored(tmp_path: Path) -> None:
    with serve(tmp_path, rate_per_client=0) as running:
        with RawClient(running.address) as client:
            assert client.ask(post())
        queued, let_go = holding(running)
        with RawClient(running.address) as client:
            client.send(post())
            wait_until(lambda: queued() == 1)
        time.sleep(0.1)
        let_go()
        wait_until(lambda: running.figures()["accepted", "csp-violation"] == 2)
        with RawClient(running.address) as client:
            assert client.ask(post()), "and the others are answered as ever"


def test_a_full_queue_is_said_at_once(tmp_path: Path) -> None:
    with serve(tmp_path, rate_per_client=0, queue_reports=1) as running:
        with RawClient(running.address) as client:
            assert client.ask(post())
        running.asked.clear()
        queued, let_go = holding(running)
        with RawClient(running.address) as first, RawClient(running.address) as second:
            first.send(post())
            wait_until(lambda: queued() == 1)
            refused = second.ask(post())
            let_go()
            assert refused is not None
            assert (refused.status, refused.body) == (503, b'{"error": "queue-full"}')
            assert refused.headers["retry-after"]
            assert (answer := first.answer()) is not None
            assert answer.status == 204
        assert not running.asked


def test_a_database_that_fails_is_said_and_a_fault_of_ours_is_a_500(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tmp_path, rate_per_client=0) as running, RawClient(running.address) as client:
        assert client.ask(post())
        running.asked.clear()
        connection = connect(running)
        connection.execute("ALTER TABLE sample RENAME TO away")
        refused = client.ask(post(report_body(blocked_uri="https://new.example/")))
        assert refused is not None
        assert (refused.status, refused.body) == (503, b'{"error": "store-unreachable"}')
        connection.execute("ALTER TABLE away RENAME TO sample")
        connection.close()
        monkeypatch.setattr("collector.ingest.writer.fold", None)
        failed = client.ask(post())
        assert failed is not None
        assert (failed.status, failed.body) == (500, b"Internal Server Error")
        assert failed.headers["x-content-type-options"] == "nosniff"
        assert client.answer() is None, "it hangs up"
        assert not running.asked


def test_a_fault_while_reading_is_the_applications_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(tmp_path, rate_per_client=0) as running, RawClient(running.address) as client:
        assert client.ask(post())
        running.asked.clear()
        monkeypatch.setattr("collector.ingest.endpoint.stands_for", None)
        failed = client.ask(post())
        assert failed is not None
        assert failed.status == 500
        assert running.asked == ["POST /report/default"]


def test_a_service_told_to_stop_answers_what_it_took_and_closes(tmp_path: Path) -> None:
    with serve(tmp_path, rate_per_client=0) as running:
        client = RawClient(running.address)
        assert client.ask(post())
        queued, let_go = holding(running)
        client.send(post())
        wait_until(lambda: queued() == 1)
        threading.Timer(0.5, let_go).start()
    answer = client.answer()
    assert answer is not None
    assert (answer.status, answer.headers["connection"]) == (204, "close")
    assert client.answer() is None
    client.close()
