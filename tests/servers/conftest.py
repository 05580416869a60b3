"""A scratch directory that a server's own user may enter, and an application behind the server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.loopback import Request, Response, serve

OWN = "default-src https://own.example"
"""The policy that the application sends by itself."""

PLAUSIBLE = range(51, 155)
"""How many of 400 answers a draw at 25 % picks; a right one misses it less than once in 10^9 times."""


def _application(request: Request) -> Response:
    nonce = request.header("x-csp-nonce") or ""
    kind = "text/plain" if request.path == "/plain" else "text/html"
    headers = (("Content-Security-Policy", OWN), ("Content-Type", kind))
    return Response(200, headers, f'<script nonce="{nonce}"></script>'.encode())


@pytest.fixture(scope="session")
def application_port() -> Iterator[int]:
    with serve(_application) as port:
        yield port


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Outside pytest's own directories, which only their owner may enter."""
    with tempfile.TemporaryDirectory(prefix="cspbuild-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def scratch() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory
