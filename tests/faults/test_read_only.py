"""A database that can be read and not written: the service says so, at its start in one line, and later by 503."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.faults.database import counted
from tests.faults.disk import mounted_read_only, unchangeable
from tests.faults.load import load
from tests.faults.service import Service, service
from tests.support.postgres import PostgresServer

RECOVERY_SECONDS = 10

ENVIRONMENT_FAILED = 3

_REASONS = ("readonly database", "unable to open database file", "in a read-only transaction")
"""What the two databases call it."""


@contextmanager
def read_only_transactions(server: PostgresServer, database_url: str) -> Iterator[None]:
    """Every session begins anew, and none may write until the end of the block."""
    name = urlsplit(database_url).path[1:]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for setting in ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"):
            connection.execute(f"ALTER DATABASE {name} {setting}")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            if setting.startswith("SET"):
                yield


def check_that_it_does_not_start(running: Service) -> None:
    running.launch()
    assert running.leader.wait(30) == ENVIRONMENT_FAILED, running.log
    (line,) = running.log.splitlines()
    assert line.startswith("error: ")
    assert any(reason in line for reason in _REASONS), line


def check_that_it_says_so(running: Service, read_only: AbstractContextManager[None]) -> None:
    """While it runs and is posted to."""
    with load(running.port) as clients:
        clients.wait_for_acknowledgement(10)
        with read_only:
            clients.wait_for_refusal(5)
            ready = running.ask("/readyz")
            assert ready.status == 503
            assert ready.json()["reasons"]
            assert running.ask("/healthz").status == 200
        clients.wait_for_acknowledgement(RECOVERY_SECONDS)
    running.wait_until_ready(RECOVERY_SECONDS)
    clients.tally.check(counted(running.database_url))
    assert clients.tally.statuses() == {503}
    assert all(refusal.retry_after for refusal in clients.tally.refusals)
    assert not clients.tally.in_doubt


def test_sqlite_that_becomes_read_only_is_503(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with service(tmp_path / "service", f"sqlite:///{data}/csp.db") as running:
        running.start()
        check_that_it_says_so(running, unchangeable(data / "csp.db", data / "csp.db-wal"))


def test_postgresql_that_becomes_read_only_is_503(postgres: PostgresServer, tmp_path: Path) -> None:
    database_url = postgres.create_database()
    with service(tmp_path / "service", database_url) as running:
        running.start()
        check_that_it_says_so(running, read_only_transactions(postgres, database_url))


@pytest.mark.parametrize("is_new", [True, False], ids=["no database yet", "a database of an earlier start"])
def test_a_service_on_read_only_sqlite_ends_with_one_line(*, is_new: bool, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with service(tmp_path / "earlier", f"sqlite:///{data}/csp.db") as running:
        if not is_new:
            running.start()
            # A log that was left behind would have to be read by somebody who can write.
            running.stop()
    with mounted_read_only(data), service(tmp_path / "service", f"sqlite:///{data}/csp.db") as running:
        check_that_it_does_not_start(running)


@pytest.mark.parametrize("is_new", [True, False], ids=["no database yet", "a database of an earlier start"])
def test_a_service_on_read_only_postgresql_ends_with_one_line(
    *, is_new: bool, postgres: PostgresServer, tmp_path: Path
) -> None:
    database_url = postgres.create_database()
    with service(tmp_path / "earlier", database_url) as running:
        if not is_new:
            running.start()
    with read_only_transactions(postgres, database_url), service(tmp_path / "service", database_url) as running:
        check_that_it_does_not_start(running)
