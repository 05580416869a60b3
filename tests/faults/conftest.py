"""A PostgreSQL server of these tests' own, since they stop it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer, run_postgres


@pytest.fixture(scope="module")
def stoppable_postgres() -> Iterator[PostgresServer]:
    """Outside pytest's own directories, which its user may not enter."""
    with tempfile.TemporaryDirectory(prefix="cspbuild-") as directory, run_postgres(Path(directory)) as server:
        yield server
