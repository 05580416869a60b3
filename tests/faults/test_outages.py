"""PostgreSQL goes away and comes back: until then the service says that it stores nothing, and then it goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.database import counted
from tests.faults.load import load
from tests.faults.lost_answers import LostAnswers
from tests.faults.service import service
from tests.support.postgres import PostgresServer

RECOVERY_SECONDS = 5


def go_through_an_outage(server: PostgresServer, directory: Path, *, mode: str, seconds: float) -> None:
    database_url = server.create_database()
    with service(directory, database_url) as running:
        running.start()
        with load(running.port) as clients:
            clients.wait_for_acknowledgement(10)
            server.stop(mode)
            try:
                time.sleep(seconds)
                if seconds:
                    clients.wait_for_refusal(5)
                    ready = running.ask("/readyz")
                    assert ready.status == 503
                    assert ready.json()["reasons"]
                    assert running.ask("/healthz").status == 200
            finally:
                server.start()
            clients.wait_for_acknowledgement(RECOVERY_SECONDS)
            running.wait_until_ready(RECOVERY_SECONDS)
        clients.tally.check(counted(database_url))
        assert clients.tally.statuses() <= {503}
        assert all(refusal.retry_after for refusal in clients.tally.refusals)
        # No connection ended but by an answer.
        assert not clients.tally.in_doubt


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_postgresql_is_got_over(mode: str, stoppable_postgres: PostgresServer, tmp_path: Path) -> None:
    go_through_an_outage(stoppable_postgres, tmp_path / "service", mode=mode, seconds=0)


# Longer than a key of a site is remembered without asking for it.
@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_an_outage_of_postgresql_is_503_and_then_over(
    seconds: float, stoppable_postgres: PostgresServer, tmp_path: Path
) -> None:
    go_through_an_outage(stoppable_postgres, tmp_path / "service", mode="fast", seconds=seconds)


def test_a_report_is_counted_once_though_the_answer_to_its_commit_was_lost(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """The database has it, and the service cannot know: who is told 503 sends it again."""
    database_url = postgres.create_database()
    with LostAnswers(postgres.port) as way, service(tmp_path / "service", way.url(database_url)) as running:
        running.start()
        with load(running.port) as clients:
            clients.wait_for_acknowledgement(10)
            way.lose_the_next_answer()
            way.wait_until_lost(10)
            clients.wait_for_acknowledgement(RECOVERY_SECONDS)
        clients.tally.check(counted(database_url))
