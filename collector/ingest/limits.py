"""Rate limits: token buckets in bounded memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

BURST_SECONDS = 10
"""A bucket holds ten seconds of its rate: a page's worth of reports comes at once."""

MAX_BUCKETS = 65_536


class RateLimiter:
    """A token bucket for each key, the least recently used forgotten first.

    Forgetting a bucket forgives its debt, so an attacker with more keys than buckets gains nothing that fresh keys
    would not have given.
    """

    def __init__(
        self, per_second: float, *, max_buckets: int = MAX_BUCKETS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = per_second
        self._capacity = max(1.0, per_second * BURST_SECONDS)
        self._max_buckets = max_buckets
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Take one token for `key`. Returns 0, or after how many seconds to try again."""
        if self._rate <= 0:
            return 0
        now = self._clock()
        level, then = self._buckets.pop(key, (self._capacity, now))
        level = min(self._capacity, level + (now - then) * self._rate)
        wait = 0
        if level >= 1:
            level -= 1
        else:
            wait = max(1, math.ceil((1 - level) / self._rate))
        self._buckets[key] = (level, now)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return wait

    def charge(self, key: str, tokens: int) -> None:
        """Take tokens that turned out to be due after the request was let in.

        The bucket goes into debt for all of them, or whoever sends much at once would pay for a part of it only; what
        one request can owe is for the caller to bound.
        """
        if self._rate > 0 and tokens > 0 and key in self._buckets:
            level, then = self._buckets[key]
            self._buckets[key] = (level - tokens, then)

    def wait_beyond_burst(self, tokens: int) -> int:
        """0 when a full bucket holds so many tokens; otherwise in how many seconds they come in."""
        if self._rate <= 0 or tokens <= self._capacity:
            return 0
        return math.ceil(tokens / self._rate)
