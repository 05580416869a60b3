"""Nonces: one that many networks met is told, one for each response is not, and nobody fills the database with them."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from collector.ingest.folding import fold
from policybuilder.nonces import MANY_NETWORKS, RepeatedNonce
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.nonces import Met, read_repeated_nonces, watch
from policybuilder.store.reading import snapshot
from policybuilder.store.recollection import Recollection
from policybuilder.store.recording import record
from policybuilder.store.summarizing import read_summary
from policybuilder.summary import SummaryBy
from policybuilder.times import Window
from tests.support.evidence import SEEN_AT, canonical_text, make_observation, make_violation, record_observations

DAY = timedelta(days=1)
ALL = Window(None, SEEN_AT + 30 * DAY)
POLICY = canonical_text("script-src 'nonce-abc'")


def meet(engine: Engine, network: str, nonce: int, *, days_later: int = 0, policy: str = POLICY) -> None:
    seen_at = SEEN_AT + days_later * DAY
    violation = make_violation(original_policy=policy)
    observation = make_observation(violation, network=network, nonces=(nonce,), seen_at=seen_at)
    record_observations(engine, observation, now=seen_at)


def repeated(engine: Engine, window: Window = ALL, site: str = "default") -> tuple[RepeatedNonce, ...]:
    with snapshot(engine) as connection:
        return read_repeated_nonces(connection, site, window)


def test_a_nonce_that_three_networks_met_is_repeated(engine: Engine) -> None:
    for network in ("a", "b"):
        meet(engine, network, 7)
    assert repeated(engine) == ()
    meet(engine, "c", 7)
    assert repeated(engine) == (RepeatedNonce(POLICY, "2026-11-20", 1),)
    assert repeated(engine, site="shop") == ()


def test_a_nonce_for_each_response_is_none(engine: Engine) -> None:
    for number in range(40):
        meet(engine, f"network {number % 9}", number)
    assert repeated(engine) == ()


def test_networks_are_those_of_one_day_under_one_policy(engine: Engine) -> None:
    """From one day to the next nobody is recognised: the same visitor would be two networks."""
    for days_later in range(5):
        meet(engine, "a", 7, days_later=days_later)
    for network in ("a", "b", "c"):
        meet(engine, network, 8, policy=canonical_text(f"img-src 'nonce-abc' https://{network}.example"))
    assert repeated(engine) == ()


def test_days_are_counted_within_the_window(engine: Engine) -> None:
    for days_later in (0, 2, 3):
        for network in ("a", "b", "c"):
            meet(engine, network, 7 + days_later, days_later=days_later)
    assert repeated(engine) == (RepeatedNonce(POLICY, "2026-11-23", 3),)
    assert repeated(engine, Window(None, SEEN_AT + 2 * DAY)) == (RepeatedNonce(POLICY, "2026-11-22", 2),)
    assert repeated(engine, Window(SEEN_AT + 3 * DAY, ALL.until)) == (RepeatedNonce(POLICY, "2026-11-23", 1),)


def test_whoever_makes_nonces_up_hides_none(engine: Engine) -> None:
    for number in range(50):
        meet(engine, "stranger", 1000 + number)
    for network in ("a", "b", "c"):
        meet(engine, network, 7)
    assert [each.policy for each in repeated(engine)] == [POLICY]


def test_of_a_flood_of_nonces_few_rows_are_kept(engine: Engine) -> None:
    known, batch = Recollection(), Batch()
    for number in range(400):
        violation = make_violation(original_policy=POLICY)
        fold(batch, make_observation(violation, network=f"network {number}", nonces=(number, number + 1)))
        if number % 100 == 99:
            record(engine, batch, to_ms(SEEN_AT), known)
            batch = Batch()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM policy_nonce")).scalar_one() <= 4 * MANY_NETWORKS


def test_a_summary_warns_of_it(engine: Engine) -> None:
    for network in ("a", "b", "c"):
        meet(engine, network, 7)
    with snapshot(engine) as connection:
        summary = read_summary(connection, "default", ALL_RECENT, by=SummaryBy.GROUP, include_noise=False)
    assert [warning.code for warning in summary.warnings] == ["nonce-repeated"]


ALL_RECENT = Window(None, SEEN_AT + DAY)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 9)), max_size=60),
    st.permutations(range(MANY_NETWORKS)),
)
def test_a_watched_nonce_is_known_by_as_many_networks_as_it_takes(
    before: list[tuple[int, int, int]], networks: list[int]
) -> None:
    met: set[Met] = set()
    news = [each for each in before if watch(met, *each)]
    assert len(news) == len(met)
    for day in (0, 1):
        marks = {each.mark for each in met if each.day == day}
        assert len(marks) <= 4
        for mark in marks:
            for network in networks:
                watch(met, day, mark, 100 + network)
            assert len({each.network for each in met if (each.day, each.mark) == (day, mark)}) == MANY_NETWORKS
