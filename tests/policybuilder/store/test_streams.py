"""How far a collector's reports are stored, which the transaction that stores them says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from collector.ingest.folding import fold
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.engine import writing
from policybuilder.store.recording import record
from policybuilder.store.streams import Position, forget_old_streams, read_position
from tests.support.evidence import SEEN_AT, make_observation

NOW_MS = to_ms(SEEN_AT)


def store(engine: Engine, stream: str, frame: int) -> None:
    batch = Batch()
    fold(batch, make_observation())
    record(engine, batch, NOW_MS, positions=[Position(stream, frame)])


def test_each_stream_is_as_far_as_its_last_frame(engine: Engine) -> None:
    assert read_position(engine, "a") == 0
    for stream, frame in (("a", 1), ("b", 5), ("a", 2)):
        store(engine, stream, frame)
    assert [read_position(engine, stream) for stream in ("a", "b", "c")] == [2, 5, 0]


def test_what_is_not_stored_is_not_passed(engine: Engine) -> None:
    store(engine, "a", 1)
    with writing(engine).begin() as connection:
        connection.execute(text("ALTER TABLE sample RENAME TO away"))
    with pytest.raises(SQLAlchemyError):
        store(engine, "a", 2)
    assert read_position(engine, "a") == 1


def test_streams_of_a_week_ago_are_forgotten(engine: Engine) -> None:
    store(engine, "a", 1)
    forget_old_streams(engine, to_ms(SEEN_AT + timedelta(days=7)))
    assert read_position(engine, "a") == 1
    forget_old_streams(engine, to_ms(SEEN_AT + timedelta(days=7)) + 1)
    assert read_position(engine, "a") == 0
