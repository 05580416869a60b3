"""Warnings about the set-up, for whoever asks whether the service is ready."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from policybuilder.networks import SetupWarning, public_warnings
from policybuilder.store.networks import read_networks_of_sites
from policybuilder.store.reading import snapshot
from policybuilder.times import Window

_FRESH_SECONDS = 300.0
"""A million networks are read in about a second, and anybody may ask."""

_DAYS = timedelta(days=1)


class RecentWarnings:
    """What today and yesterday say, read again once in a few minutes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read_at: float | None = None
        self._warnings: tuple[SetupWarning, ...] = ()
        self._lock = asyncio.Lock()

    async def current(self) -> tuple[SetupWarning, ...]:
        """The warnings as of the last few minutes; as they were, while the database cannot be asked."""
        async with self._lock:
            if self._read_at is None or time.monotonic() - self._read_at >= _FRESH_SECONDS:
                # A database in trouble is not asked more often than one that is well.
                self._read_at = time.monotonic()
                with suppress(SQLAlchemyError):
                    self._warnings = await asyncio.to_thread(self._read)
        return self._warnings

    def _read(self) -> tuple[SetupWarning, ...]:
        now = datetime.now(UTC)
        with snapshot(self._engine) as connection:
            return public_warnings(read_networks_of_sites(connection, Window(now - _DAYS, now)).values())
