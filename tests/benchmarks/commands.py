"""What it costs to read evidence: the commands as whole processes, over a hundred thousand distinct groups.

The baseline is a script of a few lines that reads the same rows with the standard library alone and writes the groups
as JSON: what any program has to do that is in Python and shows them. It is measured in turns with each command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.population import UNTIL, Population, multiply, store
from tests.support.service import PROGRAMS

MUST_SECONDS = 3.0
"""For what a site may have; what a forger can make of it is shown beside it."""

MUST_TIMES = 1.1
"""The most that the time for a thousand times the reports may be, in times of that for the first."""

_TIMES_THE_REPORTS = 1_000
_REPORTS_A_GROUP = 10

_POLICY = (
    "default-src 'self' https://h1.vendor1.example; script-src 'self' https://h2.vendor0.example/3/assets/; img-src *"
)
_COMMANDS: dict[str, Sequence[str]] = {
    "summary": (),
    "suggest": ("--allow-large",),
    "replay": ("--policy", _POLICY),
}
_BASELINE = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
for table in ("group_hour", "group_page", "group_policy", "group_reporter"):
    connection.execute(f"SELECT * FROM {table}").fetchall()
groups = connection.execute("SELECT * FROM violation_group")
names = [name for name, *_ in groups.description]
print(json.dumps([dict(zip(names, row)) for row in groups]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took."""

    command: str
    population: str
    seconds: float
    """What somebody waits for, in the best round: a busy machine adds to it."""

    processor_seconds: float
    """Of that round; more than it took where the database is read on one core and understood on another."""

    ratio: float
    """In times of the baseline's time."""

    must_seconds: float | None
    times_for_more: float
    """The same over a thousand times the reports, in times of `seconds`."""

    peak_bytes: int

    @property
    def is_met(self) -> bool:
        is_in_time = self.must_seconds is None or self.seconds <= self.must_seconds
        return is_in_time and self.times_for_more <= MUST_TIMES


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    processor_seconds: float
    peak_bytes: int


def measure_commands(population: Population, rounds: int) -> Iterator[Cost]:
    """Each command over the population, and over the same one with every count multiplied."""
    with tempfile.TemporaryDirectory(prefix="cspbuild-bench-") as directory:
        path = Path(directory) / "csp.db"
        store(population, path)
        multiply(path, _REPORTS_A_GROUP)
        first = {command: _turns(command, path, rounds) for command in _COMMANDS}
        multiply(path, _TIMES_THE_REPORTS)
        for command, (run, baseline) in first.items():
            more, baseline_then = _turns(command, path, rounds)
            ratio = run.seconds / baseline.seconds
            yield Cost(
                command=command,
                population=population.name,
                seconds=run.seconds,
                processor_seconds=run.processor_seconds,
                ratio=ratio,
                must_seconds=MUST_SECONDS if population.is_a_sites else None,
                # The machine is another one by now, as the baseline tells.
                times_for_more=more.seconds / baseline_then.seconds / ratio,
                peak_bytes=max(run.peak_bytes, more.peak_bytes),
            )


def _turns(command: str, path: Path, rounds: int) -> tuple[_Run, _Run]:
    """The best of several rounds, and the best of the baseline's between them."""
    arguments = ("--database", f"sqlite:///{path}", "--as-of", UNTIL.isoformat(), "--format", "json")
    typed = (str(PROGRAMS / "cspbuild"), command, *_COMMANDS[command], *arguments)
    baseline = (sys.executable, "-c", _BASELINE, str(path))
    runs = [(_run(typed), _run(baseline)) for _ in range(rounds)]
    mine, other = zip(*runs, strict=True)
    return min(mine, key=lambda run: run.seconds), min(other, key=lambda run: run.seconds)


def _run(typed: Sequence[str]) -> _Run:
    """Its output goes into a file, as a person would keep it."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(typed, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:  # 1: a gate says no
        raise RuntimeError(f"{' '.join(typed[:2])} ended with {process.returncode}")
    return _Run(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
