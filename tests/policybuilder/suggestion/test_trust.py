"""Trust: how many strangers are believed, and what it would cost to be that many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.suggestion.trust import (
    Z_99,
    Prevalence,
    Reach,
    Share,
    Thresholds,
    has_own_audience,
    missing,
    poison_margin,
    usual_audience,
    wilson_lower_bound,
)

DEFAULTS = Thresholds()
ENOUGH = Reach(reporters=40, best_day=Share(40, 1_000), days=3, span=timedelta(hours=48))
TWO_PERCENT = replace(ENOUGH, reporters=20, best_day=Share(20, 1_000))
SITE = Prevalence(audience=1_000)

# From the score interval's formula in double precision, checked against R's prop.test(correct = FALSE).
WILSON = [
    (Share(0, 10), 0.0),
    (Share(5, 50), 0.04348),
    (Share(5, 100), 0.02155),
    (Share(5, 110), 0.01957),
    (Share(10, 10), 0.72247),
    (Share(300, 15_000), 0.01788),
    (Share(1, 0), 0.0),
    (Share(7, 5), 0.56552),
]


@pytest.mark.parametrize(("share", "bound"), WILSON)
def test_few_visitors_prove_little(share: Share, bound: float) -> None:
    assert wilson_lower_bound(share) == pytest.approx(bound, abs=0.00001)


@given(st.integers(1, 100_000), st.integers(0, 100_000))
def test_the_bound_is_below_the_share_and_grows_with_reporters(audience: int, reporters: int) -> None:
    reporters = min(reporters, audience - 1)
    bound = wilson_lower_bound(Share(reporters, audience))
    assert 0 <= bound <= reporters / audience
    assert bound <= wilson_lower_bound(Share(reporters + 1, audience))
    assert wilson_lower_bound(Share(reporters, audience), Z_99) <= bound


LACKING = [
    (replace(ENOUGH, reporters=4), SITE, "5 networks on one day (there were 4)"),
    (TWO_PERCENT, SITE, "2% of the audience for certain (there were 2.0%)"),
    (replace(ENOUGH, days=1), SITE, "reports on 2 days, 24 hours apart"),
    (replace(ENOUGH, span=timedelta(hours=23)), SITE, "reports on 2 days, 24 hours apart"),
    (ENOUGH, replace(SITE, audience=49), "50 networks that report on one day (there were 49)"),
    (replace(TWO_PERCENT, best_page=Share(20, 900)), SITE, "2% of the audience for certain (there were 2.0%)"),
    (replace(TWO_PERCENT, best_page=Share(4, 4)), SITE, "2% of the audience for certain (there were 2.0%)"),
]


@pytest.mark.parametrize(("reach", "prevalence", "lacks"), LACKING)
def test_what_strangers_lack_is_said(reach: Reach, prevalence: Prevalence, lacks: str) -> None:
    assert missing(reach, prevalence, DEFAULTS) == (lacks,)


@pytest.mark.parametrize(
    "reach",
    [
        ENOUGH,
        replace(ENOUGH, reporters=31, best_day=Share(31, 1_000)),
        # Most who came to a page reported it, though few came.
        replace(ENOUGH, reporters=12, best_day=Share(12, 1_000), best_page=Share(12, 40)),
    ],
)
def test_many_visitors_are_believed(reach: Reach) -> None:
    assert missing(reach, SITE, DEFAULTS) == ()


USUAL = [
    ([], 0),
    ([60], 60),
    ([60, 4_000, 50], 4_000),
    ([60, 4_000, 50, 55], 60),
    ([60, 4_000, 50, 3_000, 40, 55, 58], 60),
    ([60, 4_000, 50, 3_000, 2_000, 55, 58], 2_000),
    ([5] * 100 + [60, 70, 80], 60),
]


@pytest.mark.parametrize(("days", "audience"), USUAL)
def test_one_or_two_days_when_all_the_world_came_are_not_usual(days: list[int], audience: int) -> None:
    assert usual_audience(days) == audience


@given(st.lists(st.integers(1, 10_000), min_size=3), st.lists(st.integers(1, 10_000)))
def test_more_days_never_make_an_audience_smaller_than_its_third_busiest_day(days: list[int], more: list[int]) -> None:
    assert usual_audience(days + more) >= sorted(days)[-3]


def test_a_page_is_real_by_the_share_of_the_site_that_comes() -> None:
    assert has_own_audience(40, 1_000, DEFAULTS)
    assert not has_own_audience(20, 1_000, DEFAULTS)
    assert not has_own_audience(300, 15_300, DEFAULTS)


@pytest.mark.parametrize("audience", [0, 10, 50, 200, 1_000, 50_000])
@pytest.mark.parametrize("smallest_page", [None, 30])
def test_the_margin_is_the_least_that_would_have_done(audience: int, smallest_page: int | None) -> None:
    """As many forgers on top of the audience are believed, and one fewer are not."""
    margin = poison_margin(Prevalence(audience=audience, smallest_page=smallest_page), DEFAULTS)

    def forged(networks: int) -> tuple[str, ...]:
        page = None if smallest_page is None else Share(networks, smallest_page + networks)
        everybody = audience + networks
        day = Share(networks, everybody)
        reach = Reach(reporters=networks, best_day=day, days=2, span=timedelta(hours=24), best_page=page)
        return missing(reach, Prevalence(audience=everybody), DEFAULTS)

    assert forged(margin.networks) == ()
    assert forged(margin.networks - 1) != ()
    assert margin.share == pytest.approx(margin.networks / (margin.networks + audience))


def test_forging_costs_a_share_of_a_large_audience() -> None:
    margin = poison_margin(Prevalence(audience=50_000), DEFAULTS)
    assert margin.networks > 1_000
    assert margin.share > 0.02
