"""Inquiries: one question at a time, an answer for all, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from collector.inquiry import Inquiry


class Source:
    """Answers with how often it was asked; not before it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        self.may_answer.wait(30)
        return number


def all_at_once(inquiry: Inquiry[int], number: int) -> list[int | None]:
    async def ask() -> list[int | None]:
        return await asyncio.gather(*(inquiry.answer() for _ in range(number)))

    return asyncio.run(ask())


def test_many_who_ask_at_once_and_soon_after_share_one_answer() -> None:
    source = Source()
    inquiry = Inquiry(source, fresh_seconds=60, patience_seconds=30)
    assert all_at_once(inquiry, 100) == [1] * 100
    assert inquiry.wait() == 1


def test_an_answer_that_is_not_fresh_is_asked_for_anew() -> None:
    source = Source()
    inquiry = Inquiry(source, fresh_seconds=0, patience_seconds=30)
    assert [inquiry.wait(), *all_at_once(inquiry, 1)] == [1, 2]


def both(inquiry: Inquiry[int]) -> tuple[int | None, int | None]:
    return inquiry.wait(), all_at_once(inquiry, 1)[0]


def test_who_does_not_answer_is_not_asked_twice_and_keeps_nobody_waiting() -> None:
    source = Source()
    source.may_answer.clear()
    inquiry = Inquiry(source, fresh_seconds=0, patience_seconds=0.3)
    began = time.monotonic()
    assert [both(inquiry) for _ in range(20)] == [(None, None)] * 20
    assert time.monotonic() - began < 5, "patience is with the one who is asked, not of each who asks"
    assert source.asked == 1
    source.may_answer.set()
    deadline = time.monotonic() + 10
    while inquiry.wait() is None:
        assert time.monotonic() < deadline


def test_one_that_is_silent_does_not_keep_the_loop_from_ending() -> None:
    source = Source()
    source.may_answer.clear()
    began = time.monotonic()
    assert all_at_once(Inquiry(source, fresh_seconds=0, patience_seconds=0.1), 3) == [None] * 3
    assert time.monotonic() - began < 5
    source.may_answer.set()


@pytest.mark.parametrize("ask", [Inquiry.wait, lambda inquiry: asyncio.run(inquiry.answer())])
def test_a_bug_shows_where_the_answer_is_wanted(ask: Callable[[Inquiry[float]], float | None]) -> None:
    with pytest.raises(ZeroDivisionError):
        ask(Inquiry(lambda: 1 / 0, fresh_seconds=0, patience_seconds=30))
