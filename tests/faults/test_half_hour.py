"""Half an hour at seven tenths of what it can take: memory and open files stay as they are, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.benchmarks.ingest.servers import Server, family
from tests.faults.service import Service, service

TRAFFIC = Path(__file__).parents[1] / "benchmarks/ingest/traffic.lua"
THROTTLED = Path(__file__).parent / "throttled.lua"
CONNECTIONS = 64
MINUTE = 60.0
MINUTES = 30
LOAD = 0.7


@dataclass(frozen=True)
class Sample:
    """Of all processes of the service."""

    megabytes: float
    files: int


def load(running: Service, script: Path, seconds: float, *arguments: str) -> subprocess.Popen[str]:
    url = f"http://127.0.0.1:{running.port}/report/default"
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{int(seconds)}s", "-s", str(script)]
    return subprocess.Popen(["wrk", *options, url, "--", *arguments], stdout=subprocess.PIPE, text=True)


def requests(wrk: subprocess.Popen[str]) -> tuple[int, float]:
    """How many were answered, in how many seconds; all of them with 204."""
    told, _ = wrk.communicate()
    said = json.loads(told.splitlines()[-1])
    assert (said["refused"], said["socket_errors"]) == (0, 0)
    return said["requests"], said["microseconds"] / 1e6


def sample(running: Service) -> Sample:
    pid = running.leader.pid
    return Sample(
        megabytes=Server("", pid).resident_bytes() / 1e6,
        files=sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in family(pid)),
    )


@pytest.mark.soak
@pytest.mark.timeout(60 * MINUTE)
def test_half_an_hour_leaves_memory_and_files_as_they_were(database_url: str, tmp_path: Path) -> None:
    assert shutil.which("wrk"), "wrk is missing: apt-get install wrk"
    with service(tmp_path / "service", database_url) as running:
        running.start()
        answered, seconds = requests(load(running, TRAFFIC, 20))
        capacity = answered / seconds
        wrk = load(running, THROTTLED, MINUTES * MINUTE, str(TRAFFIC), str(LOAD * capacity))
        samples = []
        while wrk.poll() is None:
            time.sleep(10)
            samples.append(sample(running))
        more, seconds = requests(wrk)
        rate = more / seconds
        accepted = running.metrics()['csp_reports_accepted_total{kind="csp-violation"}']
    early, late = samples[30:60], samples[-30:]
    print(f"capacity {capacity:,.0f}/s, load {rate:,.0f}/s ({rate / capacity:.0%}), {more:,} reports")  # noqa: T201  (what it is run for)
    for name, some in (("minutes 5 to 10", early), ("last 5 minutes", late)):
        megabytes = [each.megabytes for each in some]
        files = sorted({each.files for each in some})
        print(f"{name}: {min(megabytes):.0f} to {max(megabytes):.0f} MB, files {files}")  # noqa: T201  (the same)
    # What was under way when the load ended was stored, and not waited for.
    assert answered + more <= accepted <= answered + more + 2 * CONNECTIONS
    assert statistics.median(each.megabytes for each in late) < 1.1 * statistics.median(
        each.megabytes for each in early
    )
    # The usual number, since housekeeping has a connection of its own for a moment now and then.
    assert statistics.median(each.files for each in late) <= statistics.median(each.files for each in early)
