"""Slow clients, many of them: others are answered meanwhile, and the service stops when it is told to."""

from __future__ import annotations

import http.client
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.collector.ingest.builders import report_body
from tests.support.loopback import Request, forward
from tests.support.raw_http import RawClient
from tests.support.service import RunningCollector, run_collector

REPORT = report_body()
REQUEST = (
    f"POST /report/default HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/csp-report\r\n"
    f"content-length: {len(REPORT)}\r\n\r\n"
).encode() + REPORT

DRIPPERS = 2_000
DRIPPERS_OF_NETWORK = 100

STOP_SECONDS = 10
"""What is promised from SIGTERM to the end, and what systemd and Kubernetes wait for at least."""

ANSWER_SECONDS = 5


def stored(collector: RunningCollector) -> int:
    with closing(sqlite3.connect(collector.directory / "data" / "csp.db")) as database:
        return int(database.execute("SELECT coalesce(sum(reports), 0) FROM violation_group").fetchone()[0])


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Room for both ends' sockets: the service raises its own limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DRIPPERS + 500
    if before[1] != resource.RLIM_INFINITY and before[1] < wanted:
        pytest.fail(f"this test needs {wanted} open files; the hard limit is {before[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, before[0]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("_many_files")
def test_two_thousand_dripping_clients_keep_nobody_waiting(tmp_path: Path) -> None:
    """Half of them drip headers and half bodies, from twenty networks; honest reports come from another."""
    with run_collector(tmp_path, CSP_TRUSTED_PROXIES="", CSP_RATE_PER_CLIENT="0") as collector, ExitStack() as stack:
        drippers = []
        for number in range(DRIPPERS):
            source = f"127.1.{number // DRIPPERS_OF_NETWORK}.{number % DRIPPERS_OF_NETWORK + 1}"
            dripper = stack.enter_context(RawClient(collector.base_url, source=source))
            assert dripper.send(REQUEST[:40] if number % 2 else REQUEST[:-100])
            drippers.append(dripper)
        waits: list[float] = []
        began = time.monotonic()
        while time.monotonic() - began < 3:
            for dripper in drippers[len(waits) % 10 :: 10]:
                dripper.send(b"a")
            asked = time.monotonic()
            with RawClient(collector.base_url, source="127.2.0.1") as honest:
                answer = honest.ask(REQUEST)
            assert answer is not None
            assert answer.status == 204
            waits.append(time.monotonic() - asked)
            time.sleep(0.02)
        assert max(waits) < ANSWER_SECONDS
        assert stored(collector) == len(waits)
        # Meanwhile and afterwards each of them is hung up on.
        for dripper in drippers:
            assert {answer.status for answer in dripper.answers()} <= {408}


def drip_a_head(client: RawClient) -> None:
    client.send(b"POST /report/default HTTP/1.1\r\nx-drip: ")


def drip_a_body(client: RawClient) -> None:
    client.send(REQUEST[:-100])


def drip_a_second_head(client: RawClient) -> None:
    client.send(REQUEST)
    assert client.answer() is not None
    client.send(b"POST /report")


def stay_silent(_client: RawClient) -> None:
    pass


def stay_idle(client: RawClient) -> None:
    client.send(REQUEST)
    assert client.answer() is not None


# (what it does before, whether it is hung up on at once)
SLOW: list[tuple[Callable[[RawClient], None], bool]] = [
    (drip_a_head, True),
    (drip_a_second_head, True),
    (stay_silent, True),
    (stay_idle, True),
    (drip_a_body, False),
]


@pytest.mark.parametrize(("begin", "is_cut_at_once"), SLOW)
def test_a_slow_client_does_not_keep_the_service_from_stopping(
    tmp_path: Path,
    begin: Callable[[RawClient], None],
    is_cut_at_once: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    # With deadlines that would be too late.
    with (
        run_collector(
            tmp_path, CSP_HEADER_SECONDS="60", CSP_BODY_SECONDS="60", CSP_KEEP_ALIVE_SECONDS="60"
        ) as collector,
        RawClient(collector.base_url) as client,
    ):
        wait_until_served(collector)
        begin(client)
        time.sleep(0.3)
        collector.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        client.drip(b"" if begin in {stay_silent, stay_idle} else b"a", every=0.2)
        assert is_cut_at_once == (time.monotonic() - asked < 1.5)
        assert collector.process.wait(STOP_SECONDS) == 0
        assert time.monotonic() - asked < STOP_SECONDS


def wait_until_served(collector: RunningCollector) -> None:
    """It listens as soon as it says so, and takes requests when there is somebody who writes."""
    assert forward(Request("GET", "/healthz"), collector.base_url).status == 200


def test_a_service_that_has_hardly_started_stops_as_well(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector:
        assert collector.stop(STOP_SECONDS) == 0


def test_a_body_under_way_may_still_end_when_the_service_stops(tmp_path: Path) -> None:
    with run_collector(tmp_path) as collector, RawClient(collector.base_url) as client:
        wait_until_served(collector)
        client.send(REQUEST[:-100])
        time.sleep(0.3)
        collector.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        answer = client.ask(REQUEST[-100:])
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (204, "close")
        assert client.answer() is None
        assert collector.process.wait(STOP_SECONDS) == 0
        assert stored(collector) == 1


def test_stopping_among_slow_clients_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    with run_collector(tmp_path, CSP_RATE_PER_CLIENT="0") as collector, ExitStack() as stack:
        drippers = [stack.enter_context(RawClient(collector.base_url)) for _ in range(100)]
        for number, dripper in enumerate(drippers):
            [drip_a_head, drip_a_body, drip_a_second_head, stay_idle][number % 4](dripper)
        answered_before = stored(collector)
        taken: list[int] = []
        stopped = threading.Event()

        def post_until_it_ends() -> None:
            connection = http.client.HTTPConnection(urlsplit(collector.base_url).netloc, timeout=30)
            try:
                while True:
                    connection.request("POST", "/report/default", REPORT, {"content-type": "application/csp-report"})
                    response = connection.getresponse()
                    response.read()
                    if response.status == 204:
                        taken.append(1)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()

        def drip_until_it_ends() -> None:
            while not stopped.wait(0.2):
                for dripper in drippers:
                    dripper.send(b"a")

        threads = [threading.Thread(target=target) for target in [post_until_it_ends] * 4 + [drip_until_it_ends]]
        for thread in threads:
            thread.start()
        while len(taken) < 100:
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.01)
        asked = time.monotonic()
        assert collector.stop(STOP_SECONDS) == 0
        assert time.monotonic() - asked < STOP_SECONDS
        stopped.set()
        for thread in threads:
            thread.join()
        # Whoever was cut off before the answer came may have been counted, but at most once.
        assert len(taken) <= stored(collector) - answered_before <= len(taken) + 4
