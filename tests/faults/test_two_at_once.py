"""Two services start at the same time on one database that is empty: the schema is made once, and both can store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from policybuilder.store.engine import parse_database_url
from tests.faults.database import counted
from tests.faults.load import blocked_uri, single_body
from tests.faults.service import START_SECONDS, service


# Which of the two comes first at each step is chance.
@pytest.mark.parametrize("attempt", [0, *(pytest.param(number, marks=pytest.mark.soak) for number in range(1, 20))])
@pytest.mark.parametrize("shares_directory", [True, False], ids=["in one directory", "each in its own"])
def test_two_services_share_an_empty_database(
    *, attempt: int, shares_directory: bool, database_url: str, tmp_path: Path
) -> None:
    first_directory = tmp_path / f"first-{attempt}"
    second_directory = first_directory if shares_directory else tmp_path / f"second-{attempt}"
    with service(first_directory, database_url) as first, service(second_directory, database_url) as second:
        first.launch()
        second.launch()
        stored: Counter[str] = Counter()
        for name, each in enumerate((first, second)):
            each.wait_until_ready(START_SECONDS)
            uri = blocked_uri(name, 0)
            answer = each.ask("/report/default", method="POST", body=single_body(uri))
            assert answer.status == 204, each.log
            stored[uri] += 1
        assert counted(database_url) == stored
        # One key vouches for the operator's own visits, whichever of the two made it.
        key = (first_directory / "data" / "rehearsal-key").read_text().strip()
        for each in (first, second):
            uri = blocked_uri(0, 0)
            answer = each.ask(f"/report/{key}", method="POST", body=single_body(uri))
            assert answer.status == 204, each.log
            stored[uri] += 1
        assert counted(database_url) == stored
    engine = create_engine(parse_database_url(database_url))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM alembic_version")) == 1
        assert connection.execute(text("SELECT name FROM site")).scalars().all() == ["default"]
    engine.dispose()
