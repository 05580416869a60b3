"""A copy of the process does its work, ends with what came of it, and is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from collector.forking import ForkedProcess, fork
from collector.ingest.process_writer import end_writer


def sleep() -> int:
    time.sleep(60)
    return 0


@pytest.fixture
def endless() -> Iterator[ForkedProcess]:
    process = fork(sleep)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("code", [0, 3])
def test_it_ends_with_what_came_of_the_work(code: int) -> None:
    process = fork(lambda: code)
    assert process.wait() == process.returncode == code
    assert process.wait(0) == code
    process.kill()


def test_its_memory_is_a_copy() -> None:
    found: list[int] = []

    def work() -> int:
        found.append(os.getpid())
        return len(found)

    assert fork(work).wait(10) == 1
    assert found == []


def test_what_nobody_expected_is_shown_and_ends_it_with_1() -> None:
    program = "from collector.forking import fork\nprint(fork(lambda: 1 // 0).wait())"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout == "1\n"
    assert "ZeroDivisionError" in ran.stderr


def test_what_was_to_be_written_is_written_once() -> None:
    program = "from collector.forking import fork\nprint('before')\nfork(lambda: print('in it') or 0).wait()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout == "before\nin it\n"


def test_waiting_for_it_has_an_end(endless: ForkedProcess) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        endless.wait(0.05)
    assert endless.returncode is None


def test_it_can_be_ended_by_force(endless: ForkedProcess) -> None:
    endless.kill()
    assert endless.wait(10) == -9


def test_a_writer_that_does_not_end_is_ended(endless: ForkedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.ingest.process_writer._END_SECONDS", 0.05)
    end_writer(endless)
    assert endless.returncode == -9
