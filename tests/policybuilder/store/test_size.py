"""Size: a database grows with what is different, never with how often it is reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, func, select

from collector.ingest.folding import Observation, fold
from policybuilder.store.batch import Batch
from policybuilder.store.engine import open_for_writing
from policybuilder.store.erasing import evidence_tables
from policybuilder.store.recording import record
from tests.benchmarks.storage import traffic, weigh

REPORTS = list(traffic(1_500))
TIMES = 10


def store(engine: Engine, observations: Sequence[Observation]) -> None:
    batch = Batch()
    for observation in observations:
        fold(batch, observation)
    # All within one hour, so that no day's key ends between them.
    record(engine, batch, REPORTS[-1].received_at_ms)


def rows_of(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in evidence_tables()
        }


def test_reporting_the_same_again_adds_no_row_to_any_table(engine: Engine) -> None:
    store(engine, REPORTS)
    once = rows_of(engine)
    for _ in range(TIMES):
        store(engine, REPORTS)
    assert rows_of(engine) == once
    assert once["group_reporter"] > 100


def test_reporting_the_same_ten_times_grows_a_database_by_three_pages_at_most(tmp_path: Path) -> None:
    engine = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    store(engine, REPORTS)
    once = sum(weigh(tmp_path / "csp.db").values())
    for _ in range(TIMES):
        store(engine, REPORTS)
    assert sum(weigh(tmp_path / "csp.db").values()) - once <= 3 * 4_096
    engine.dispose()
