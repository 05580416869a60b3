"""A writer that remembers stores what one that asks each time does."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from collector.ingest.folding import Observation, fold
from policybuilder.csp import SampleExtent
from policybuilder.store.batch import Batch
from policybuilder.store.clock import DAY_MS, HOUR_MS, to_ms
from policybuilder.store.engine import writing
from policybuilder.store.recollection import Recollection
from policybuilder.store.recording import record
from policybuilder.store.sites import open_sites
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation

NOW_MS = to_ms(SEEN_AT)


def traffic(number: int, seed: int) -> list[Observation]:
    """Some that repeats, some that is new each time, and more than there is room for of pages, policies and samples."""
    chance = random.Random(seed)  # noqa: S311  (traffic, not secrets)
    found = []
    for _ in range(number):
        host = chance.randrange(12)
        is_inline = chance.random() < 0.2
        policy = f"img-src https://p{chance.randrange(40)}.example"
        found.append(
            make_observation(
                make_violation(
                    "script-src-elem" if is_inline else "img-src",
                    "inline" if is_inline else f"https://h{host}.example/{chance.randrange(3)}.png",
                    sample=f"x({chance.randrange(4)})" if is_inline else "",
                    sample_extent=SampleExtent.WHOLE if is_inline else SampleExtent.NONE,
                    document_uri=f"{ORIGIN}/{chance.randrange(150)}",
                    line_number=chance.randrange(9),
                    original_policy=policy,
                ),
                network=f"10.0.{chance.randrange(30)}.0/24",
                is_trusted=chance.random() < 0.03,
            )
        )
    return found


def store(engine: Engine, observations: list[Observation], known: Recollection | None, *, size: int = 40) -> None:
    """In batches, some an hour later than the others."""
    for number, start in enumerate(range(0, len(observations), size)):
        batch = Batch()
        for observation in observations[start : start + size]:
            fold(batch, observation, known)
        record(engine, batch, NOW_MS + number // 10 * HOUR_MS, known)


def opened(path: Path) -> Engine:
    """A database whose client networks are hashed with a key that is known."""
    engine = open_sites(f"sqlite:///{path}", SEEN_AT)
    with writing(engine).begin() as connection:
        connection.execute(
            text("INSERT INTO reporter_key (site, day, key, expires_at_ms) VALUES ('default', :day, :key, :end)"),
            {"day": NOW_MS // DAY_MS, "key": b"k" * 32, "end": (NOW_MS // DAY_MS + 1) * DAY_MS},
        )
    return engine


def contents(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.execute(table.select()).all()))
            for name, table in SQLModel.metadata.tables.items()
        }


@pytest.mark.parametrize("max_keys", [300_000, 500], ids=["remembers all", "forgets often"])
def test_remembering_changes_nothing_that_is_stored(tmp_path: Path, max_keys: int) -> None:
    observations = traffic(1_500, seed=7)
    asking, remembering = opened(tmp_path / "asking.db"), opened(tmp_path / "remembering.db")
    store(asking, observations, None)
    store(remembering, observations, Recollection(max_keys))
    expected, found = contents(asking), contents(remembering)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in expected.items()}
    assert found == expected
    assert len(expected["group_page"]) > 1_000, "the bound on pages was met"


def test_what_a_failed_transaction_taught_is_forgotten(tmp_path: Path) -> None:
    engine, known = opened(tmp_path / "csp.db"), Recollection()
    observations = traffic(40, seed=3)
    with writing(engine).begin() as connection:
        connection.execute(text("ALTER TABLE sample RENAME TO away"))
    with pytest.raises(SQLAlchemyError):
        store(engine, observations, known)
    with writing(engine).begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO sample"))
    store(engine, observations, known)
    other = opened(tmp_path / "other.db")
    store(other, observations, None)
    assert contents(engine) == contents(other)


def test_what_others_deleted_is_written_again_after_an_hour_at_most(tmp_path: Path) -> None:
    engine, known = opened(tmp_path / "csp.db"), Recollection()
    batch = Batch()
    fold(batch, make_observation())

    def reporters_after(hours: int) -> int:
        record(engine, batch, NOW_MS + hours * HOUR_MS, known)
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM group_reporter")) or 0)

    assert reporters_after(0) == 1
    with writing(engine).begin() as connection:
        connection.execute(text("DELETE FROM group_reporter"))
    assert [reporters_after(hours) for hours in (0, 1)] == [0, 1]


def test_keys_whose_day_is_over_are_forgotten_all_the_same(tmp_path: Path) -> None:
    engine, known = opened(tmp_path / "csp.db"), Recollection()
    batch = Batch()
    fold(batch, make_observation())
    end_ms = (NOW_MS // DAY_MS + 1) * DAY_MS

    def days_with_keys(now_ms: int) -> list[int]:
        record(engine, batch, now_ms, known)
        with engine.connect() as connection:
            return list(
                connection.scalars(text("SELECT day FROM reporter_key WHERE expires_at_ms <= :now"), {"now": now_ms})
            )

    # A key that was made for a day that is over, by somebody whose clock is behind.
    with writing(engine).begin() as connection:
        connection.execute(
            text("INSERT INTO reporter_key (site, day, key, expires_at_ms) VALUES ('default', 1, :key, :end)"),
            {"key": b"o" * 32, "end": 2 * DAY_MS},
        )
    assert days_with_keys(end_ms - 1) == []
    assert days_with_keys(end_ms) == []


def test_what_is_remembered_is_bounded() -> None:
    known = Recollection(max_keys=100)
    for number in itertools.count():
        known.begin(NOW_MS)
        known.learn([("visited", "default", f"/{number}")])
        known.learn_members("group_page", "default", str(number), {f"/{number}"})
        if not known.has("visited", "default", "/0"):
            break
        assert number < 100
    assert not known.has("visited", "default", "/0")
    assert known.members_of("group_page", "default", "0") is None
