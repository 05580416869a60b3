"""Load: wrk beside each server in turns, since the machine is another one in the next minute."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.ingest.servers import Server

_SCRIPT = Path(__file__).with_name("traffic.lua")
CONNECTIONS = 64


class NoLoadError(Exception):
    """Nothing can be measured; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server that is measured beside the first one."""

    name: str
    start: Callable[[ExitStack], Server]
    batch: int = 1
    """Reports in a body."""

    must: float | None = None
    aim: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of wrk saw."""

    per_second: float
    """Requests."""

    p99_ms: float
    cpu_microseconds: float
    """Of all the server's processes, for one request."""

    refused: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a contender: the middle of its runs."""

    name: str
    batch: int
    per_second: float
    ratio: float
    """Requests a second in times of the first contender's in the same round."""

    p99_ms: float
    cpu_microseconds: float
    refused: int
    resident_bytes: int
    must: float | None
    aim: float | None

    @property
    def reports_per_second(self) -> float:
        return self.per_second * self.batch

    @property
    def is_met(self) -> bool:
        return self.must is None or self.ratio >= self.must


def compare(contenders: Sequence[Contender], *, rounds: int, seconds: int) -> Iterator[Row]:
    """Each contender beside the first one, which does nothing. Raises NoLoadError without wrk."""
    if shutil.which("wrk") is None:
        raise NoLoadError("wrk is missing; as root run  apt-get install wrk")
    runs: list[list[Run]] = [[] for _ in contenders]
    for _ in range(rounds):
        for place, contender in enumerate(contenders):
            # One at a time: a server that idles keeps house all the same.
            with ExitStack() as stack:
                server = contender.start(stack)
                _load(server, contender.batch, 1)
                run = _load(server, contender.batch, seconds)
            if not run.per_second:
                raise NoLoadError(f"{contender.name} answered nothing")
            runs[place].append(run)
    for place, contender in enumerate(contenders):
        mine = runs[place]
        ratios = [run.per_second / first.per_second for run, first in zip(mine, runs[0], strict=True)]
        yield Row(
            name=contender.name,
            batch=contender.batch,
            per_second=statistics.median(run.per_second for run in mine),
            ratio=statistics.median(ratios),
            p99_ms=statistics.median(run.p99_ms for run in mine),
            cpu_microseconds=statistics.median(run.cpu_microseconds for run in mine),
            refused=sum(run.refused for run in mine),
            resident_bytes=max(run.resident_bytes for run in mine),
            must=contender.must,
            aim=contender.aim,
        )


def _load(server: Server, batch: int, seconds: int) -> Run:
    before = server.cpu_seconds()
    arguments = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), server.url]
    batches = ["--", "batch", str(batch)] if batch > 1 else []
    done = subprocess.run(["wrk", *arguments, *batches], capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout.splitlines()[-1])
    return Run(
        per_second=found["requests"] / found["microseconds"] * 1e6,
        p99_ms=found["p99"] / 1_000,
        cpu_microseconds=(server.cpu_seconds() - before) / max(1, found["requests"]) * 1e6,
        refused=found["refused"] + found["socket_errors"],
        resident_bytes=server.resident_bytes(),
    )
