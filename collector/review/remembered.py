"""Remembered answers: what took long to find out is told again at once, with its time, and found out anew meanwhile.

An answer that is quickly found is found anew each time. A slow one stays right while the version of what it was found
in is the same. When only evidence came in since, it is told as of its time, and a thread finds the new one; when people
said something since, the reader waits for the new one, since they look for what they said.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from policybuilder.errors import CspbuildError

_T = TypeVar("_T")

QUICK_SECONDS = 0.15
"""Of the processor: a busy machine shall not make a small site's answers old ones."""

QUICK_ON_THE_CLOCK_SECONDS = 1.0
"""What a database elsewhere takes is no time of ours."""

MAX_ANSWERS = 16
"""Of one process; the least recently told is forgotten first. The largest takes a hundred megabytes."""

SHARE = 20
"""One part in so many of a core finds answers anew, at most."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """Of what an answer is found in."""

    said: Hashable
    """By people: decisions, deployments, settings."""

    seen: Hashable
    """By browsers."""


@dataclass(slots=True)
class _Answer:
    value: Any
    version: Version | None
    """None where it was not asked for."""

    found_at: datetime
    is_quick: bool
    is_old: bool = False
    not_before: float = 0.0
    """When it may be found anew, by the clock."""


class Memory:
    """Answers by what was asked."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, processor: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock = clock
        self._processor = processor
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._being_found: dict[Hashable, threading.Lock] = {}
        self._thread: threading.Thread | None = None

    def tell(self, asked: Hashable, version: Callable[[], Version], find: Callable[[], _T]) -> _T:
        """The answer: found now, or what is remembered of it; `as_of` says which. Raises what these raise."""
        known = self._known(asked)
        if known is not None and known.is_quick:
            # To read the version would take as long. Should it not be quick any more, it is found once more.
            quick: _T = self._find(asked, None, find).value
            return quick
        now = version()
        if known is None or known.version is None or known.version.said != now.said:
            with self._finding(asked):
                # Somebody else may have found it while we waited.
                again = self._known(asked)
                if again is None or again is known or again.version != now:
                    again = self._find(asked, now, find)
                known = again
        known.is_old = known.version != now
        if known.is_old:
            self._find_later(asked, known, version, find)
        value: _T = known.value
        return value

    def as_of(self, asked: Hashable) -> datetime | None:
        """When the answer that was told last was found, where that is not now."""
        known = self._known(asked)
        return known.found_at if known is not None and known.is_old else None

    def _known(self, asked: Hashable) -> _Answer | None:
        with self._lock:
            if asked in self._answers:
                self._answers.move_to_end(asked)
            return self._answers.get(asked)

    def _finding(self, asked: Hashable) -> threading.Lock:
        with self._lock:
            return self._being_found.setdefault(asked, threading.Lock())

    def _find(self, asked: Hashable, version: Version | None, find: Callable[[], Any]) -> _Answer:
        """`version` is read before, so that what comes meanwhile makes the answer an old one, right or not."""
        found_at, began, began_work = datetime.now(UTC), self._clock(), self._processor()
        value = find()
        seconds, work = self._clock() - began, self._processor() - began_work
        is_quick = work < QUICK_SECONDS and seconds < QUICK_ON_THE_CLOCK_SECONDS
        answer = _Answer(value, version, found_at, is_quick, not_before=self._clock() + SHARE * seconds)
        with self._lock:
            self._answers[asked] = answer
            self._answers.move_to_end(asked)
            while len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def _find_later(
        self, asked: Hashable, known: _Answer, version: Callable[[], Version], find: Callable[[], Any]
    ) -> None:
        with self._lock:
            is_busy = self._thread is not None and self._thread.is_alive()
            if is_busy or self._clock() < known.not_before:
                return
            self._thread = threading.Thread(
                target=self._find_aside, args=(asked, version, find), name="find-anew", daemon=True
            )
            self._thread.start()

    def _find_aside(self, asked: Hashable, version: Callable[[], Version], find: Callable[[], Any]) -> None:
        try:
            with self._finding(asked):
                self._find(asked, version(), find)
        except CspbuildError as error:
            # Whoever reads next is told as of when the answer is.
            logger.warning("not found anew: %(failure)s", {"failure": type(error).__name__})
