"""Inquiries: a question to something that may be slow or gone, asked once in a while for all who want to know."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

_T = TypeVar("_T")


def in_a_thread(ask: Callable[[], _T]) -> Future[_T]:
    """Call `ask` in a thread of its own.

    The event loop's own threads are few, and all of them may be waiting for a database that is gone. Nor does anybody
    wait for this one when the service ends.
    """
    answer: Future[_T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  (it is raised where the answer is wanted)
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True, name="inquiry").start()
    return answer


class Inquiry(Generic[_T]):
    """One question, asked by one thread at a time, whose answer is good for a while."""

    def __init__(self, ask: Callable[[], _T], *, fresh_seconds: float, patience_seconds: float) -> None:
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._latest: Future[_T] | None = None

    async def answer(self) -> _T | None:
        """The answer; None where it does not come in time."""
        latest, seconds = self._asked()
        waiting = asyncio.wrap_future(latest)
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        return waiting.result() if done else None

    def wait(self) -> _T | None:
        """The same, for a thread that may wait."""
        latest, seconds = self._asked()
        try:
            return latest.result(seconds)
        except TimeoutError:
            return None

    def _asked(self) -> tuple[Future[_T], float]:
        """The latest answer, or the one to come, and how many seconds to wait for it."""
        with self._lock:
            now = time.monotonic()
            if self._latest is None or (self._latest.done() and now - self._asked_at >= self._fresh_seconds):
                self._asked_at = now
                self._latest = in_a_thread(self._ask)
            return self._latest, max(0.0, self._asked_at + self._patience_seconds - now)
