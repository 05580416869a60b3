"""Keys of the review pages, on both databases."""

from __future__ import annotations

import threading

from sqlalchemy import Engine, func, select

from policybuilder.store.review_keys import (
    MAX_KEYS_OF_A_KIND,
    ReviewKeyKind,
    add_review_key,
    find_session,
    take_review_key,
)
from policybuilder.store.schema import ReviewKeyRow
from policybuilder.store.tables import table_of

LINK, SESSION = ReviewKeyKind.LINK, ReviewKeyKind.SESSION


def number_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table_of(ReviewKeyRow))).scalar_one()


def test_a_session_is_known_until_it_ends_or_is_dropped(engine: Engine) -> None:
    add_review_key(engine, SESSION, b"one", csrf_token="form", expires_at_ms=2_000, now_ms=1_000)
    assert find_session(engine, b"one", 1_999) == ("form", 2_000)
    assert find_session(engine, b"one", 2_000) is None
    assert find_session(engine, b"two", 1_000) is None
    assert take_review_key(engine, SESSION, b"one", 1_000)
    assert find_session(engine, b"one", 1_000) is None


def test_no_key_is_taken_for_one_of_another_kind(engine: Engine) -> None:
    add_review_key(engine, LINK, b"link", expires_at_ms=2_000, now_ms=1_000)
    assert find_session(engine, b"link", 1_000) is None
    assert not take_review_key(engine, SESSION, b"link", 1_000)
    assert not take_review_key(engine, LINK, b"link", 2_000), "it has ended"
    assert take_review_key(engine, LINK, b"link", 1_000)


def test_of_many_who_take_a_link_at_once_one_has_it(engine: Engine) -> None:
    add_review_key(engine, LINK, b"link", expires_at_ms=2_000, now_ms=1_000)
    begin, taken = threading.Barrier(6), []

    def take() -> None:
        begin.wait()
        taken.append(take_review_key(engine, LINK, b"link", 1_000))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 5 + [True]


def test_keys_are_few_those_that_end_first_give_way_and_ended_ones_go(engine: Engine) -> None:
    for number in range(MAX_KEYS_OF_A_KIND + 3):
        add_review_key(engine, SESSION, b"%d" % number, csrf_token="", expires_at_ms=2_000 + number, now_ms=1_000)
    add_review_key(engine, LINK, b"link", expires_at_ms=2_000, now_ms=1_000)
    assert number_of(engine) == MAX_KEYS_OF_A_KIND + 1
    assert find_session(engine, b"2", 1_000) is None
    assert find_session(engine, b"3", 1_000) is not None
    add_review_key(engine, SESSION, b"last", csrf_token="", expires_at_ms=9_000, now_ms=5_000)
    assert number_of(engine) == 1
