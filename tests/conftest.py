"""Fixtures of the whole suite: real databases, and a directory to be an operator in."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import psycopg
import pytest
from sqlalchemy import Engine

from policybuilder.store.engine import open_for_writing
from tests.support.postgres import PostgresServer, run_postgres

# The same examples on every run, so that a change is judged by what it changed. New ones are looked for with
# HYPOTHESIS_PROFILE=explore, and what they find becomes a case in a table.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=2_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# Thousands of tests are collected, and stay: to look through them for garbage, over and over, takes as long again.
gc.disable()


def pytest_collection_finish() -> None:
    """Looks for garbage again, but not among what was collected."""
    gc.collect()
    gc.freeze()
    gc.enable()


_LONG = ("faults", "browser", "journeys", "collector/review", "servers")
"""Directories whose files take longest; begun last, one of them would keep all others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within them, and among the others, everything stays in its order."""
    here = Path(__file__).parent
    places = {item: item.path.relative_to(here).as_posix() for item in items}
    items.sort(
        key=lambda item: next(
            (number for number, name in enumerate(_LONG) if places[item].startswith(f"{name}/")), len(_LONG)
        )
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests measured: the lines that they recorded as the property `reported`."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    lines = [
        value for report in reports for name, value in getattr(report, "user_properties", ()) if name == "reported"
    ]
    if lines:
        terminalreporter.section("measured")
        for line in dict.fromkeys(map(str, lines)):
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test depends on the settings, or the csp.toml, of whoever runs it."""
    for name in list(os.environ):
        if name.upper().startswith("CSP_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server; outside pytest's own directories, which its user may not enter."""
    with tempfile.TemporaryDirectory(prefix="cspbuild-") as directory, run_postgres(Path(directory)) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy: to migrate one for each test takes as long as the test."""
    path = tmp_path_factory.mktemp("migrated") / "csp.db"
    open_for_writing(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> str:
    """The name of one in PostgreSQL."""
    url = postgres.create_database()
    open_for_writing(url).dispose()
    return url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on each of the two systems; where a test has an `engine`, of a migrated one."""
    is_migrated = "engine" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "data/csp.db"
        if is_migrated:
            path.parent.mkdir()
            shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    like = {"like": request.getfixturevalue("migrated_postgres")} if is_migrated else {}
    url = server.create_database(**like)
    yield url
    # A test may have stopped the server for good; hundreds of databases take a while to delete at the end.
    with suppress(psycopg.OperationalError):
        server.drop_database(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated database, on each of the two systems."""
    opened = open_for_writing(database_url)
    yield opened
    opened.dispose()
