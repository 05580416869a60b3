"""The clock of the machine steps back and forth under load: reports are counted all the same, and nobody is locked out.

Only the wall clock does: the monotonic one never steps, whatever happens to the other.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.database import counted
from tests.faults.load import load
from tests.faults.service import service

# Seconds from the true time, one after the other: over hours and days, whose keys live no longer, and back.
STEPS = (3_600, -3_600, 90_000, 0, -90_000, 172_800, -172_800, 1, -1, 0)


class Clock:
    """A wall clock that the service reads, and that can be set."""

    def __init__(self, directory: Path) -> None:
        library = directory / "stepped_clock.so"
        compiler = shutil.which("cc")
        assert compiler, "no C compiler here; as root run  make test, or  apt-get install gcc libc6-dev"
        source = Path(__file__).with_name("stepped_clock.c")
        subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o", library], check=True)
        self._file = directory / "clock"
        self.set(0)
        self.variables = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """So far from the true time."""
        if not self._file.exists():
            self._file.write_bytes(bytes(8))
        # In place: the service has it mapped.
        with self._file.open("r+b") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


def test_a_clock_that_steps_back_and_forth_loses_nothing(database_url: str, tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    # More than these clients post; but a bucket that the wall clock emptied would take hours to fill again.
    with service(tmp_path / "service", database_url, CSP_RATE_PER_CLIENT="2000", **clock.variables) as running:
        running.start()
        with load(running.port) as clients:
            for seconds in STEPS:
                clock.set(seconds)
                for _ in range(3):
                    clients.wait_for_acknowledgement(10)
                assert running.is_ready()
                assert 0 <= running.metrics()["csp_seconds_since_last_accepted"] < 10
        clients.tally.check(counted(database_url))
        assert not clients.tally.refusals
        assert not clients.tally.in_doubt
        # The service did see these times: it counts by the hour.
        true_time = datetime.now(UTC)
        for since, is_all in ((-timedelta(days=3), True), (timedelta(days=1), False)):
            ran = running.cspbuild(
                *("summary", "--format", "json", "--as-of", (true_time + timedelta(days=3)).isoformat()),
                *("--since", (true_time + since).isoformat()),
            )
            reports = ran.json()["totals"]["reports"]
            assert (reports == clients.tally.acknowledged.total()) == is_all
            assert reports
