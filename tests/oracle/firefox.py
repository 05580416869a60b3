"""Firefox as the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.oracle.asking import PAGE_SCRIPT, Oracle
from tests.oracle.server import run_web
from tests.support.firefox import run_firefox
from tests.support.loopback import make_certificate


@contextmanager
def run_oracle(directory: Path) -> Iterator[Oracle]:
    """The installed Firefox, and the web it sees; `directory` keeps its profile and the certificate."""
    with run_web(make_certificate(directory)) as web, run_firefox(directory, web.port) as firefox:
        firefox.preload(PAGE_SCRIPT.read_text())
        yield Oracle(firefox.open_tab, web, f"firefox {firefox.version}")
