"""The list of violations, as fresh as a reader can have it without waiting."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from policybuilder.listing import Listing
from policybuilder.store.listing_upkeep import list_at_once, list_decided, list_in_portions

AT_ONCE_GROUPS = 10_000
"""Of a site that has no more, the list is brought up to date while the reader waits: a few hundredths of a second."""

AT_ONCE_CHANGED = 500
AT_ONCE_WHOLE = 2_000
"""Of a site that has no more, even when all are new."""

DECIDED_AT_ONCE = 2_000
PATIENCE_MS = 100
"""How long others may write before the reader gets the list as it was."""

_SHARE = 20
"""One part in so many of the time goes into it, at most."""

_MIN_PAUSE_SECONDS = 0.01
_MAX_PAUSE_SECONDS = 0.25

logger = logging.getLogger(__name__)


class ListKeeper:
    """Brings lists up to date: at once where that is quick, else beside the readers, one site at a time."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._not_before: dict[str, float] = {}

    def before_reading(self, site: str) -> None:
        """Bring the list of a site up to date, where that is quickly done."""
        # Where somebody else writes for long, or the disk is full, there is the list as it was, and it says so.
        with suppress(SQLAlchemyError):
            list_at_once(
                self._engine,
                site,
                max_groups=AT_ONCE_GROUPS,
                max_changed=AT_ONCE_CHANGED,
                max_whole=AT_ONCE_WHOLE,
                patience_ms=PATIENCE_MS,
            )

    def after_reading(self, site: str, listing: Listing) -> None:
        """Have it brought up to date beside the readers, where it was not."""
        if listing.as_of is not None or not listing.is_whole:
            self._begin(site)

    def decided(self, site: str) -> None:
        """After somebody decided something of a site: let the list show it."""
        with suppress(SQLAlchemyError):
            list_decided(self._engine, site, max_changed=DECIDED_AT_ONCE, patience_ms=PATIENCE_MS)

    def _begin(self, site: str) -> None:
        with self._lock:
            is_busy = self._thread is not None and self._thread.is_alive()
            if is_busy or self._clock() < self._not_before.get(site, 0):
                return
            self._thread = threading.Thread(target=self._run, args=(site,), name="list-violations", daemon=True)
            self._thread.start()

    def _run(self, site: str) -> None:
        work, began = 0.0, self._clock()
        try:
            for _ in list_in_portions(self._engine, site):
                took = self._clock() - began
                work += took
                # As long as the portion took: whoever stores reports, and whoever reads, shall hardly notice.
                time.sleep(min(max(took, _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS))
                began = self._clock()
        except SQLAlchemyError as error:
            logger.warning("violations not listed: %(failure)s", {"failure": type(error).__name__})
        finally:
            now = self._clock()
            self._not_before[site] = now + _SHARE * (work + now - began)
