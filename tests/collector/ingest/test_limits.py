"""Rate limits: a burst, then the rate, for each key apart, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest.limits import BURST_SECONDS, RateLimiter


@dataclass
class Clock:
    """A clock that stands until it is told to go on."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admitted(limiter: RateLimiter, key: str, requests: int) -> int:
    return sum(limiter.take(key) == 0 for _ in range(requests))


def test_a_burst_of_ten_seconds_is_admitted_at_once_and_no_more(clock: Clock) -> None:
    limiter = RateLimiter(5, clock=clock)
    assert admitted(limiter, "a", 200) == 5 * BURST_SECONDS == 50


def test_time_gives_back_the_rate_up_to_the_burst(clock: Clock) -> None:
    limiter = RateLimiter(5, clock=clock)
    admitted(limiter, "a", 200)
    clock.now += 1
    assert admitted(limiter, "a", 200) == 5
    clock.now += 3_600
    assert admitted(limiter, "a", 200) == 50


def test_keys_do_not_share_a_bucket(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    assert admitted(limiter, "a", 20) == 10
    assert admitted(limiter, "b", 20) == 10


def test_a_refusal_says_when_to_try_again(clock: Clock) -> None:
    limiter = RateLimiter(0.25, clock=clock)
    admitted(limiter, "a", 20)
    wait = limiter.take("a")
    assert wait > 0
    clock.now += wait
    assert limiter.take("a") == 0


def test_asking_while_refused_puts_nothing_off(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    admitted(limiter, "a", 10_000)
    clock.now += 1
    assert limiter.take("a") == 0


def test_reports_of_a_batch_are_paid_for_afterwards(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    assert limiter.take("a") == 0
    limiter.charge("a", 14)
    assert limiter.take("a") == 6
    clock.now += 6
    assert limiter.take("a") == 0


def test_debt_is_paid_in_full(clock: Clock) -> None:
    """Or a sender of great batches would have far more than the rate."""
    limiter = RateLimiter(1, clock=clock)
    limiter.take("a")
    limiter.charge("a", 99)
    clock.now += 90
    assert limiter.take("a") > 0
    clock.now += 1
    assert limiter.take("a") == 0


# (rate, tokens, seconds they take beyond a burst)
BEYOND_BURST = [
    (200, 2_000, 0),
    (200, 2_001, 11),
    (200, 9_000, 45),
    (0.001, 1, 0),
    (0.001, 2, 2_000),
    (0, 10**9, 0),
]


@pytest.mark.parametrize(("rate", "tokens", "seconds"), BEYOND_BURST)
def test_more_than_a_burst_holds_takes_its_time_at_the_rate(rate: float, tokens: int, seconds: int) -> None:
    assert RateLimiter(rate).wait_beyond_burst(tokens) == seconds


def test_a_charge_to_nobody_makes_no_bucket(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    limiter.charge("a", 5)
    assert admitted(limiter, "a", 20) == 10


@pytest.mark.parametrize("rate", [0, 0.0, -1])
def test_a_rate_of_nothing_is_no_limit(rate: float, clock: Clock) -> None:
    limiter = RateLimiter(rate, clock=clock)
    limiter.charge("a", 10**9)
    assert admitted(limiter, "a", 10_000) == 10_000


def test_a_slow_rate_admits_one_at_least(clock: Clock) -> None:
    limiter = RateLimiter(0.001, clock=clock)
    assert admitted(limiter, "a", 5) == 1
    clock.now += 1_000
    assert admitted(limiter, "a", 5) == 1


def test_buckets_are_bounded_and_the_least_recently_used_goes_first(clock: Clock) -> None:
    limiter = RateLimiter(1, max_buckets=2, clock=clock)
    for key in ("a", "b"):
        admitted(limiter, key, 20)
    assert limiter.take("a") > 0
    limiter.take("c")
    assert limiter.take("a") > 0
    assert limiter.take("b") == 0


@given(
    rate=st.floats(0.1, 100),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 50)), min_size=1, max_size=30),
)
def test_no_span_of_time_admits_more_than_the_burst_and_its_rate(rate: float, steps: list[tuple[float, int]]) -> None:
    clock = Clock(0.0)
    limiter = RateLimiter(rate, clock=clock)
    total = 0
    for pause, requests in steps:
        clock.now += pause
        total += admitted(limiter, "a", requests)
        assert total <= max(1.0, rate * BURST_SECONDS) + rate * clock.now + 1e-6


@given(
    rate=st.floats(0.1, 100),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5_000)), min_size=1, max_size=30),
)
def test_no_sizes_of_batches_admit_more_than_the_rate_in_the_long_run(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    """What was let in, less the last batch that was paid for afterwards, fits into the burst and the rate."""
    clock = Clock(0.0)
    limiter = RateLimiter(rate, clock=clock)
    total = 0
    for pause, reports in steps:
        clock.now += pause
        if limiter.take("a") == 0:
            assert total <= max(1.0, rate * BURST_SECONDS) + rate * clock.now + 1e-6
            limiter.charge("a", reports - 1)
            total += reports


@given(jump=st.floats(-1_000, 0))
def test_a_clock_that_goes_back_admits_nothing_extra(jump: float) -> None:
    clock = Clock()
    limiter = RateLimiter(1, clock=clock)
    admitted(limiter, "a", 20)
    clock.now += jump
    assert admitted(limiter, "a", 20) == 0


@pytest.mark.parametrize("common_rate", [0, 1, 1_000])
def test_a_key_may_have_a_rate_of_its_own(clock: Clock, common_rate: float) -> None:
    limiter = RateLimiter(common_rate, clock=clock)
    assert sum(limiter.take("a", 5) == 0 for _ in range(200)) == 5 * BURST_SECONDS
    clock.now += 2
    assert sum(limiter.take("a", 5) == 0 for _ in range(200)) == 10
    assert (limiter.wait_beyond_burst(50, 5), limiter.wait_beyond_burst(51, 5)) == (0, 11)
    limiter.charge("a", 20)
    clock.now += 4
    assert limiter.take("a", 5) == 1
    clock.now += 1
    assert limiter.take("a", 5) == 0


def test_a_key_may_be_without_a_limit_where_others_have_one(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    assert all(limiter.take("a", 0) == 0 for _ in range(200))
    assert limiter.wait_beyond_burst(10**6, 0) == 0
    assert admitted(limiter, "b", 200) == BURST_SECONDS
