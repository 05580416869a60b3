"""Several workers and one writer: whichever of them dies, nothing acknowledged is lost, and the others go on."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.database import counted
from tests.faults.load import Load, load
from tests.faults.service import STOPPED, Process, Service, service
from tests.support.service import run_program

WORKERS = 3
EXIT_SECONDS = 10
SOON_SECONDS = 20
"""What a moment may last on a busy machine."""


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path / "service", database_url, "--workers", str(WORKERS)) as made:
        made.start()
        wait_until(lambda: len(made.processes()) == WORKERS + 2)
        yield made


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def writer_of(running: Service) -> Process:
    [writer] = [process for process in running.processes() if "writer_process" in process.command_line]
    return writer


def workers_of(running: Service) -> list[Process]:
    not_workers = {running.leader.pid, writer_of(running).id}
    return [process for process in running.processes() if process.id not in not_workers]


def check(running: Service, clients: Load) -> None:
    """What the database and the figures of all workers say is what the clients were told."""
    stored = counted(running.database_url)
    clients.tally.check(stored)
    assert clients.tally.statuses() <= {503}


def test_what_workers_count_is_added_up(running: Service) -> None:
    with load(running.port) as clients:
        clients.wait_for_acknowledgement(10)
        time.sleep(1)
    accepted = 'csp_reports_accepted_total{kind="csp-violation"}'
    shown = running.metrics()
    assert shown[accepted] == clients.tally.acknowledged.total() == counted(running.database_url).total()
    assert shown["csp_commit_reports_sum"] == shown[accepted]
    assert shown["csp_ready"] == 1
    assert 0 <= shown["csp_seconds_since_last_accepted"] < SOON_SECONDS
    time.sleep(1.5)  # workers tell each other twice a second
    assert running.metrics()["csp_connections_open"] == 1, "the one that asks"
    # Most connections come to an idle worker, whose own figures would be less.
    assert [running.metrics()[accepted] for _ in range(2 * WORKERS)] == [shown[accepted]] * 2 * WORKERS


def test_a_worker_that_is_killed_is_replaced_and_what_it_counted_stays(running: Service) -> None:
    accepted = 'csp_reports_accepted_total{kind="csp-violation"}'
    with load(running.port) as clients:
        clients.wait_for_acknowledgement(10)
        for victim in workers_of(running):
            before = running.metrics()[accepted]
            running.kill(victim)
            clients.wait_for_acknowledgement(10)
            assert running.metrics()[accepted] >= before
            wait_until(lambda: len(workers_of(running)) == WORKERS)
    check(running, clients)
    assert "worker" in running.log
    assert "is started anew" in running.log


def test_a_writer_that_is_killed_is_replaced_and_nobody_hears_of_it(running: Service) -> None:
    with load(running.port) as clients:
        clients.wait_for_acknowledgement(10)
        for _ in range(3):
            victim = writer_of(running)
            running.kill(victim)
            wait_until(lambda: len(running.processes()) == WORKERS + 2)
            clients.wait_for_acknowledgement(10)
    assert clients.tally.statuses() == set()
    check(running, clients)
    assert running.metrics()["csp_writer_restarts_total"] == 3


def test_nobody_outlives_the_process_that_looks_after_all(running: Service) -> None:
    with load(running.port) as clients:
        clients.wait_for_acknowledgement(10)
        began = time.monotonic()
        os.kill(running.leader.pid, signal.SIGKILL)
        running.leader.wait()
        while running.processes():
            assert time.monotonic() - began < EXIT_SECONDS, running.processes()
            time.sleep(0.02)
    clients.tally.check(counted(running.database_url))


@pytest.mark.parametrize("everybody", [False, True], ids=["the leader is told", "all of them are told at once"])
def test_told_to_stop_they_answer_and_store_what_they_took(*, everybody: bool, running: Service) -> None:
    with load(running.port) as clients:
        clients.wait_for_acknowledgement(10)
        time.sleep(0.3)
        code, seconds = running.stop(everybody=everybody)
    assert code in STOPPED, running.log
    assert seconds < EXIT_SECONDS
    check(running, clients)


def test_systemd_is_told_once_by_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(SOON_SECONDS)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with service(tmp_path / "service", "sqlite:///csp.db", "--workers", "2", **variables) as running:
            running.launch()
            assert systemd.recv(100) == b"READY=1"
            assert running.is_ready()
            running.stop()
            assert systemd.recv(100) == b"STOPPING=1"
            systemd.setblocking(False)  # noqa: FBT003  (its only parameter)
            with pytest.raises(BlockingIOError):
                systemd.recv(100)


def test_what_keeps_the_first_worker_from_serving_is_said_once_and_ends_the_service(tmp_path: Path) -> None:
    ran = run_program(
        *("csp-collector", "serve", "--port", "0", "--workers", "3"),
        cwd=tmp_path,
        CSP_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
    )
    assert ran.code == 3, ran.err
    assert ran.err.count("error: ") == 1
    assert ran.out == ""
