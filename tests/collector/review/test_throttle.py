from __future__ import annotations

from collector.review.throttle import FailureThrottle


def make_throttle(now: list[float], max_keys: int = 100) -> FailureThrottle:
    return FailureThrottle(burst=3, refill_seconds=10, max_keys=max_keys, clock=lambda: now[0])


def test_a_burst_is_free_and_then_one_at_a_time() -> None:
    now = [50.0]
    throttle = make_throttle(now)
    for _ in range(3):
        assert throttle.retry_after("a") == 0
        throttle.record_failure("a")
    assert throttle.retry_after("a") == 10
    now[0] += 9.5
    assert throttle.retry_after("a") == 1
    now[0] += 0.5
    assert throttle.retry_after("a") == 0
    throttle.record_failure("a")
    assert throttle.retry_after("a") == 10


def test_a_rested_bucket_is_full_again_and_no_fuller() -> None:
    now = [0.0]
    throttle = make_throttle(now)
    throttle.record_failure("a")
    now[0] += 1_000
    for _ in range(3):
        assert throttle.retry_after("a") == 0
        throttle.record_failure("a")
    assert throttle.retry_after("a") == 10


def test_failures_beyond_the_bucket_cost_no_more_than_the_bucket() -> None:
    throttle = make_throttle([0.0])
    for _ in range(100):
        throttle.record_failure("a")
    assert throttle.retry_after("a") == 10


def test_memory_is_bounded_and_the_longest_idle_is_forgotten() -> None:
    throttle = make_throttle([0.0], max_keys=2)
    for key in ("a", "b", "c"):
        for _ in range(3):
            throttle.record_failure(key)
    assert [throttle.retry_after(key) for key in ("a", "b", "c")] == [0, 10, 10]
    assert len(throttle._full_at) == 2
