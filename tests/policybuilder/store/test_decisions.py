"""Tests of decisions in the database, on both of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from policybuilder.deciding import Answer
from policybuilder.decisions import DecisionAction
from policybuilder.errors import CspbuildError
from policybuilder.store.decisions import add_decision, read_decisions
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import ensure_default_site
from tests.support.evidence import SEEN_AT


def answer(number: int) -> Answer:
    return Answer(action=DecisionAction.REJECT, subject=f"https://{number}.example")


def test_answers_given_at_once_are_all_kept(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)

    def decide(number: int) -> int:
        return add_decision(engine, "default", answer(number), now=SEEN_AT).number

    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(decide, range(24)))
    assert sorted(numbers) == list(range(1, 25))
    with snapshot(engine) as connection:
        assert len(read_decisions(connection, "default")) == 24


def test_nothing_is_decided_about_a_site_that_there_is_not(engine: Engine) -> None:
    with pytest.raises(CspbuildError, match="no site 'erased'"):
        add_decision(engine, "erased", answer(1), now=SEEN_AT)
