"""kill -9 under load, and again, and again: what was acknowledged is there, and once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.database import counted
from tests.faults.load import Tally, load
from tests.faults.service import service

_MOMENT_SECONDS = 0.1
"""After one process was killed: what the others say in the meantime must be true, too."""

_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.02, 0.5
"""From the first acknowledgement to the end."""


def kill_and_start(cycles: int, directory: Path, database_url: str, *arguments: str) -> None:
    """Kill all processes at once or, every other time, first one of them."""
    chance = random.Random(cycles)  # noqa: S311  (the same each time)
    tally = Tally()
    with service(directory, database_url, *arguments) as running:
        running.start()
        for cycle in range(cycles):
            with load(running.port, tally=tally) as clients:
                clients.wait_for_acknowledgement(10)
                time.sleep(chance.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS))
                if cycle % 2:
                    running.kill(chance.choice(running.processes()))
                    time.sleep(_MOMENT_SECONDS)
                running.kill_all()
            # What is left in its files is for itself to make good, and not for the reader of this test.
            running.start()
            tally.settle(counted(database_url))
        assert tally.statuses() <= {503}
        ran = running.cspbuild("summary", "--format", "json")
        assert ran.json()["totals"]["reports"] == tally.acknowledged.total()


def test_twenty_kills_lose_nothing_and_repeat_nothing(database_url: str, tmp_path: Path) -> None:
    kill_and_start(20, tmp_path / "service", database_url)


def test_several_workers_and_their_writer_lose_nothing_and_repeat_nothing(database_url: str, tmp_path: Path) -> None:
    kill_and_start(4, tmp_path / "service", database_url, "--workers", "3")


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("workers", ["1", "3"])
def test_two_hundred_kills_lose_nothing_and_repeat_nothing(database_url: str, tmp_path: Path, workers: str) -> None:
    kill_and_start(200, tmp_path / "service", database_url, "--workers", workers)
