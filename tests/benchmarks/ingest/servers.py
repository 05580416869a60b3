"""The servers that are put under load, each as processes of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import free_port
from tests.support.service import run_collector

_START_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    url: str
    """Where reports are posted."""

    pid: int

    def cpu_seconds(self) -> float:
        """What all its processes used of the processors so far."""
        return sum(_cpu_ticks(pid) for pid in family(self.pid)) / _TICKS

    def resident_bytes(self) -> int:
        """What all its processes hold in memory, what they share counted once."""
        return sum(_resident_bytes(pid) for pid in family(self.pid))


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from family(int(child))


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident_bytes(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@contextmanager
def collector(directory: Path, database_url: str | None = None) -> Iterator[Server]:
    """Ours, as `csp-collector serve` starts it, with limits set high and not off."""
    arguments = () if database_url is None else ("--database-url", database_url)
    limits = {"CSP_RATE_PER_CLIENT": "1000000", "CSP_RATE_PER_SITE": "1000000"}
    with run_collector(directory, *arguments, **limits) as running:
        yield Server(f"{running.base_url}/report/default", running.process.pid)


@contextmanager
def baseline(name: str, directory: Path) -> Iterator[Server]:
    """One of `tests.benchmarks.ingest.baselines`."""
    port = free_port()
    typed = [sys.executable, "-m", "tests.benchmarks.ingest.baselines", name, str(port), str(directory)]
    with _running(typed, port) as pid:
        yield Server(f"http://127.0.0.1:{port}/report/default", pid)


@contextmanager
def go_csp_collector(program: Path, directory: Path) -> Iterator[Server]:
    """https://github.com/jacobbednarz/go-csp-collector, which logs a line for each report."""
    port = free_port()
    with (directory / "go.log").open("w") as log, _running([str(program), "-port", str(port)], port, log) as pid:
        yield Server(f"http://127.0.0.1:{port}/", pid)


@contextmanager
def _running(typed: Sequence[str], port: int, log: object = subprocess.DEVNULL) -> Iterator[int]:
    process = subprocess.Popen(typed, stdout=log, stderr=subprocess.STDOUT)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(typed)} does not listen") from None
                time.sleep(0.05)
            else:
                break
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
