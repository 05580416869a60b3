"""Housekeeping beside the writer: reporter keys are forgotten in time, what is too old goes, and what is new is listed.

Nothing here keeps a report waiting: keys are a row or two, and all else goes in portions, with a pause after each that
is as long as the portion took, or longer. What fails is logged and tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from policybuilder.store.clock import DAY_MS
from policybuilder.store.forgetting import clear_files
from policybuilder.store.listing_upkeep import list_every_site_in_portions
from policybuilder.store.recording import forget_reporter_keys
from policybuilder.store.retention import prune_in_portions

FORGET_EVERY_SECONDS = 60.0
PRUNE_EVERY_SECONDS = 3_600.0
LIST_EVERY_SECONDS = 60.0
"""Review pages list for themselves what they show; this is for the first reader after a while."""

_MIN_PAUSE_SECONDS = 0.01
_MAX_PAUSE_SECONDS = 1.0
_LISTING_PAUSES = 4
"""Times as long as a portion takes: it reads and thinks more than it writes, in the process that stores reports."""

logger = logging.getLogger(__name__)


class Housekeeping:
    """What a service does from time to time, at its start first."""

    def __init__(
        self,
        engine: Engine,
        *,
        forget_every_seconds: float = FORGET_EVERY_SECONDS,
        prune_every_seconds: float = PRUNE_EVERY_SECONDS,
        list_every_seconds: float = LIST_EVERY_SECONDS,
    ) -> None:
        self._engine = engine
        self._forget_every_seconds = forget_every_seconds
        self._prune_every_seconds = prune_every_seconds
        self._list_every_seconds = list_every_seconds
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._cleared_day = -1

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._tasks = [
            asyncio.create_task(self._forget_in_time(), name="forget-reporter-keys"),
            asyncio.create_task(self._prune_in_time(), name="prune"),
            asyncio.create_task(self._list_in_time(), name="list-violations"),
        ]

    async def close(self) -> None:
        """Stop after the transaction that is under way."""
        self._closing.set()
        await asyncio.gather(*self._tasks)

    async def _forget_in_time(self) -> None:
        """Delete reporter keys soon after their day is over, whether or not reports arrive."""
        while not self._closing.is_set():
            await asyncio.to_thread(self._forget)
            await self._pause(self._forget_every_seconds)

    def _forget(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        try:
            forgotten = forget_reporter_keys(self._engine, now_ms)
            # Keys end with a day. Whoever stores a report deletes them too, so that there may be none left to count.
            if (forgotten or self._cleared_day != now_ms // DAY_MS) and clear_files(self._engine):
                self._cleared_day = now_ms // DAY_MS
        except SQLAlchemyError as error:
            # The next time may do; until then nobody's reports are refused for it.
            logger.warning("reporter keys not forgotten: %(failure)s", {"failure": type(error).__name__})

    async def _prune_in_time(self) -> None:
        while not self._closing.is_set():
            await self._in_portions(prune_in_portions(self._engine, datetime.now(UTC)), "evidence not pruned")
            await self._pause(self._prune_every_seconds)

    async def _list_in_time(self) -> None:
        while not self._closing.is_set():
            took = await self._in_portions(
                list_every_site_in_portions(self._engine), "violations not listed", pauses=_LISTING_PAUSES
            )
            await self._pause(max(self._list_every_seconds, _LISTING_PAUSES * took))

    async def _in_portions(self, portions: Iterator[object], failed: str, *, pauses: int = 1) -> float:
        """Do it portion by portion, with pauses so many times as long, unless we close; returns the seconds of work."""
        took = 0.0
        began = time.monotonic()
        while await asyncio.to_thread(_has_next, portions, failed):
            took += time.monotonic() - began
            await self._pause(min(max(pauses * (time.monotonic() - began), _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS))
            if self._closing.is_set():
                break
            began = time.monotonic()
        return took

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


def _has_next(portions: Iterator[object], failed: str) -> bool:
    """Do the next portion; False at the end, and where the database fails."""
    try:
        return next(portions, _END) is not _END
    except SQLAlchemyError as error:
        logger.warning("%(failed)s: %(failure)s", {"failed": failed, "failure": type(error).__name__})
        return False


_END = object()
