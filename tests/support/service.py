"""The real service in a process of its own, and the real commands, as an operator would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(sys.executable).parent

_START_SECONDS = 30


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(directory: Path, **more: str) -> dict[str, str]:
    """The environment of a fresh operator in `directory`: no CSP_ variable but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CSP_")}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "160", "PWD": str(directory), **more}


def run_program(
    name: str, *arguments: str, cwd: Path, text: str | bytes | None = None, timeout: float = 120, **variables: str
) -> Ran:
    """Run `cspbuild` or `csp-collector` in `cwd` and wait for it; `text` goes to its standard input."""
    given = text.encode() if isinstance(text, str) else text
    finished = subprocess.run(
        [PROGRAMS / name, *arguments],
        cwd=cwd,
        env=environment(cwd, **variables),
        input=b"" if given is None else given,
        capture_output=True,
        check=False,
        timeout=timeout,
    )
    return Ran(finished.returncode, finished.stdout.decode(), finished.stderr.decode())


@dataclass
class RunningCollector:
    """A collector that listens on loopback."""

    process: subprocess.Popen[str]
    directory: Path
    base_url: str
    banner: str
    variables: Mapping[str, str]

    @property
    def rehearsal_key(self) -> str:
        return (self.directory / "data" / "rehearsal-key").read_text().strip()

    @property
    def login_link(self) -> str:
        found = re.search(r"^\s*(\S+/login\?token=\S+)$", self.banner, re.MULTILINE)
        assert found, self.banner
        return found[1]

    def cspbuild(self, *arguments: str, **options: Any) -> Ran:
        """Run `cspbuild` as the operator of this collector."""
        return run_program("cspbuild", *arguments, cwd=self.directory, **{**self.variables, **options})

    def stop(self, timeout: float = 15) -> int:
        """Ask it to end, and wait."""
        self.process.terminate()
        return self.process.wait(timeout)


@contextmanager
def run_collector(
    directory: Path, *arguments: str, starter: Sequence[str] = (), **variables: str
) -> Iterator[RunningCollector]:
    """`csp-collector serve` on a free port, in `directory`, until the end of the block; `starter` executes it."""
    with (directory / "collector.log").open("w") as log:
        process = subprocess.Popen(
            [*starter, PROGRAMS / "csp-collector", "serve", "--port", "0", *arguments],
            cwd=directory,
            env=environment(directory, PYTHONUNBUFFERED="1", **variables),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        banner = _read_banner(process, directory)
        found = re.search(r"^collector: (\S+)$", banner, re.MULTILINE)
        assert found, banner
        yield RunningCollector(process, directory, found[1], banner, variables)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _read_banner(process: subprocess.Popen[str], directory: Path) -> str:
    """What it prints when it is ready, up to the last command it advises."""
    lines: list[str] = []
    assert process.stdout is not None
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if line.rstrip().endswith("cspbuild suggest"):
                break
        else:
            log = (directory / "collector.log").read_text()
            raise AssertionError(f"the collector did not start: {''.join(lines)}{log}")
    finally:
        watchdog.cancel()
    return "".join(lines)


def post(url: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> tuple[int, dict[str, str], bytes]:
    """POST with exactly these headers; returns status, headers in lower case, body."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request("POST", parts.path, body, dict(headers))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()
