"""Tests of `csp-collector prune`: what went is told by table, and a second time there is nothing to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from policybuilder.store.engine import open_for_writing
from policybuilder.store.sites import ensure_default_site
from tests.support.evidence import make_observation, make_violation, record_observations
from tests.support.service import Ran, run_program


@pytest.fixture
def old_evidence(database_url: str) -> str:
    """A database with groups of 500, 200 and 1 days ago."""
    engine = open_for_writing(database_url)
    ensure_default_site(engine, datetime.now(UTC))
    for days_ago in (500, 200, 1):
        at = datetime.now(UTC) - timedelta(days=days_ago)
        violation = make_violation(blocked_uri=f"https://img.example/{days_ago}.png")
        record_observations(engine, make_observation(violation, seen_at=at), now=at)
    engine.dispose()
    return database_url


def prune(database_url: str, *arguments: str) -> Ran:
    return run_program(
        "csp-collector", "prune", "--database-url", database_url, *arguments, cwd=Path(), text="", timeout=60
    )


def test_what_went_is_told_by_table(old_evidence: str) -> None:
    ran = prune(old_evidence, "--format", "json")
    document = json.loads(ran.out)
    assert (ran.code, ran.err, document["schema"]) == (0, "", "prune/1")
    assert document["rolled_up"] == {"group_hour": 1}
    removed = document["removed"]
    assert (removed["violation_group"], removed["group_hour"], removed["group_reporter"]) == (1, 1, 2)
    assert {"group_day", "policy", "page_reporter", "sample", "seen_line", "growth", "reporter_key"} <= removed.keys()
    engine = open_for_writing(old_evidence)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM violation_group")).scalar_one() == 2
        assert connection.execute(text("SELECT count(*) FROM group_day")).scalar_one() == 1
    engine.dispose()
    again = json.loads(prune(old_evidence, "--format", "json").out)
    assert (set(again["removed"].values()), again["rolled_up"]) == ({0}, {"group_hour": 0})


def test_people_see_a_table_and_then_that_nothing_is_left(old_evidence: str) -> None:
    shown = " ".join(prune(old_evidence).out.split())
    assert "table rows removed rolled up into days" in shown
    assert "violation_group 1" in shown
    assert "group_hour 1 1" in shown
    again = prune(old_evidence)
    assert (again.code, again.out, again.err) == (0, "", "nothing is older than it may be\n")


def test_a_server_that_is_away_is_the_environments_failure() -> None:
    ran = prune("postgresql://nobody@127.0.0.1:1/csp")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: cannot use postgresql://nobody@127.0.0.1:1/csp")
