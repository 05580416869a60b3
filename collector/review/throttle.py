"""Login throttling: how many wrong answers one network may give, and how soon again."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class FailureThrottle:
    """A bucket of failures for each key: `burst` at once, then one every `refill_seconds`.

    Only failures take from the bucket, so whoever knows the token is not slowed down by using it. At most
    `max_keys` buckets are kept; the one touched longest ago is forgotten first. Safe between threads.
    """

    def __init__(
        self,
        *,
        burst: int = 10,
        refill_seconds: float = 6.0,
        max_keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        # When each bucket will be full again: one number says both the fill and its time.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def retry_after(self, key: str) -> int:
        """Whole seconds until `key` may try again; 0 when it may now."""
        with self._lock:
            missing = (self._full_at.get(key, 0.0) - self._clock()) / self._refill_seconds
        return max(0, math.ceil((missing - (self._burst - 1)) * self._refill_seconds))

    def record_failure(self, key: str) -> None:
        """Takes one from the bucket of `key`."""
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.pop(key, now), now) + self._refill_seconds
            self._full_at[key] = min(full_at, now + self._burst * self._refill_seconds)
            while len(self._full_at) > self._max_keys:
                self._full_at.popitem(last=False)
