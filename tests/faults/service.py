"""The real service with every process it starts, so that a test can end all of them at once, or one of them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.postgres import free_port
from tests.support.service import PROGRAMS, Ran, environment, run_program

START_SECONDS = 30

STOPPED = {0, -signal.SIGTERM}
"""How it ends when it is told to; a service manager takes either for an orderly end."""

ADMIN_TOKEN = "correct-horse-battery-staple"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""

    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Process:
    """One of the service's."""

    id: int
    command_line: str

    def is_running(self) -> bool:
        return _session_of(self.id) is not None


class Service:
    """`csp-collector serve` in a session of its own, on a port that it keeps from one start to the next."""

    def __init__(self, directory: Path, database_url: str, *arguments: str, **variables: str) -> None:
        """It runs in `directory`, which is made if it is missing."""
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.database_url = database_url
        self.port = free_port()
        self._arguments = arguments
        # One network posts everything here; how much it may is tried elsewhere.
        self._variables = {
            "CSP_DATABASE_URL": database_url,
            "CSP_RATE_PER_CLIENT": "1000000",
            "CSP_ADMIN_TOKEN": ADMIN_TOKEN,
            **variables,
        }
        self._leader: subprocess.Popen[bytes] | None = None

    @property
    def leader(self) -> subprocess.Popen[bytes]:
        """The process that was started, which started the others."""
        assert self._leader is not None, "not started"
        return self._leader

    @property
    def log(self) -> str:
        return (self.directory / "service.log").read_text(errors="replace")

    def launch(self, *prefix: str) -> None:
        """Start it, under the program `prefix` if there is one, and do not wait."""
        with (self.directory / "service.log").open("ab") as log:
            self._leader = subprocess.Popen(
                [*prefix, PROGRAMS / "csp-collector", "serve", "--port", str(self.port), *self._arguments],
                cwd=self.directory,
                env=environment(self.directory, PYTHONUNBUFFERED="1", **self._variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, *prefix: str) -> None:
        """Start it, and wait until it is ready."""
        self.launch(*prefix)
        self.wait_until_ready(START_SECONDS)

    def wait_until_ready(self, seconds: float) -> None:
        """Raises AssertionError when it is not ready in time, or has ended."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            assert self.leader.poll() is None, f"it ended with {self.leader.returncode}: {self.log}"
            assert time.monotonic() < deadline, f"not ready after {seconds} s: {self.log}"
            time.sleep(0.02)

    def is_ready(self) -> bool:
        try:
            return self.ask("/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request over a connection of its own, as the operator."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {ADMIN_TOKEN}", **headers})
            response = connection.getresponse()
            given = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, given, response.read())
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """By series, such as `csp_reports_invalid_total{reason="malformed-json"}`."""
        lines = self.ask("/metrics").body.decode().splitlines()
        series = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in series}

    def cspbuild(self, *arguments: str) -> Ran:
        """Run `cspbuild` on its database."""
        return run_program("cspbuild", *arguments, cwd=self.directory, CSP_DATABASE_URL=self.database_url)

    def processes(self) -> Sequence[Process]:
        """All that run in its session."""
        ids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        return [Process(id_, _command_line(id_)) for id_ in ids if _session_of(id_) == self.leader.pid]

    def kill_all(self) -> None:
        """SIGKILL for every process of it, and wait until none is left."""
        while running := self.processes():
            _kill(running)
        self.leader.wait()

    def end(self) -> None:
        """Leave nothing of it, if it was started at all."""
        if self._leader is not None:
            self.kill_all()

    def kill(self, process: Process) -> None:
        """SIGKILL for one of its processes, and wait until that is gone."""
        _kill([process])

    def stop(self, *, everybody: bool = False) -> tuple[int, float]:
        """SIGTERM for the leader, or for `everybody` at once as systemd does. Returns its exit code, after how long."""
        began = time.monotonic()
        for process in self.processes():
            if everybody or process.id == self.leader.pid:
                os.kill(process.id, signal.SIGTERM)
        code = self.leader.wait(60)
        while self.processes():
            assert time.monotonic() - began < 60, f"left behind: {self.processes()}"
            time.sleep(0.01)
        return code, time.monotonic() - began


@contextmanager
def service(directory: Path, database_url: str, *arguments: str, **variables: str) -> Iterator[Service]:
    """A service that is not started yet; nothing of it is left at the end of the block."""
    made = Service(directory, database_url, *arguments, **variables)
    try:
        yield made
    finally:
        made.end()


def _kill(processes: Sequence[Process]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.id, signal.SIGKILL)
    while any(process.is_running() for process in processes):
        time.sleep(0.005)


def _session_of(id_: int) -> int | None:
    """The session of a process; None where it has ended, whether or not somebody asked how.

    https://www.kernel.org/doc/html/latest/filesystems/proc.html#id10
    """
    try:
        # The name in brackets may hold anything.
        fields = Path(f"/proc/{id_}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[3])


def _command_line(id_: int) -> str:
    try:
        return Path(f"/proc/{id_}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
