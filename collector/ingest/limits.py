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
        self._max_buckets = max_buckets
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, own_rate: float | None = None) -> int:
        """Take one token for `key`. Returns 0, or after how many seconds to try again.

        `own_rate` is the key's, where it has one; 0 is none here too.
        """
        rate = self._rate if own_rate is None else own_rate
        if rate <= 0:
            return 0
        capacity, now = _capacity(rate), self._clock()
        level, then = self._buckets.pop(key, (capacity, now))
        level = min(capacity, level + (now - then) * rate)
        wait = 0
        if level >= 1:
            level -= 1
        else:
            wait = max(1, math.ceil((1 - level) / rate))
        self._buckets[key] = (level, now)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return wait

    def charge(self, key: str, tokens: int) -> None:
        """Take tokens that turned out to be due after the request was let in.

        The bucket goes into debt for all of them, or whoever sends much at once would pay for a part of it only; what
        one request can owe is for the caller to bound.
        """
        if tokens > 0 and key in self._buckets:
            level, then = self._buckets[key]
            self._buckets[key] = (level - tokens, then)

    def wait_beyond_burst(self, tokens: int, own_rate: float | None = None) -> int:
        """0 when a full bucket holds so many tokens; otherwise in how many seconds they come in."""
        rate = self._rate if own_rate is None else own_rate
        if rate <= 0 or tokens <= _capacity(rate):
            return 0
        return math.ceil(tokens / rate)


def _capacity(rate: float) -> float:
    return max(1.0, rate * BURST_SECONDS)
