"""SIGTERM under load: the service ends in time, and what it acknowledged is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.database import counted
from tests.faults.load import load
from tests.faults.service import STOPPED, service

EXIT_SECONDS = 10


@pytest.mark.parametrize("everybody", [False, True], ids=["the leader is told", "all of them are told at once"])
def test_a_service_told_to_stop_ends_in_time_and_loses_nothing(
    *, everybody: bool, database_url: str, tmp_path: Path
) -> None:
    with service(tmp_path / "service", database_url) as running:
        running.start()
        with load(running.port) as clients:
            clients.wait_for_acknowledgement(10)
            time.sleep(0.3)
            code, seconds = running.stop(everybody=everybody)
        assert code in STOPPED, running.log
        assert seconds < EXIT_SECONDS
        clients.tally.check(counted(database_url))
        assert clients.tally.statuses() <= {503}
