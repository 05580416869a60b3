"""The overview: the stage, what comes next, what is alarming, and what arrives by day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.review.charts import MAX_DAYS, MIN_DAYS, bars
from collector.review.ingest_health import IngestHealth
from collector.review.stored import StoredReview
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.store.deployments import record_deployment
from policybuilder.store.reading import read_daily_reports, snapshot
from policybuilder.store.retention import prune
from policybuilder.store.sites import ensure_default_site
from policybuilder.store.waivers import add_waiver
from policybuilder.times import Window
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import ORIGIN, make_observation, make_violation, record_observations

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
LAST = NOW.date()


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, NOW - 30 * DAY)
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    return Shop(engine, review.logged_in(), review.browser())


def seen(shop: Shop, *, days_ago: int = 1, **known: Any) -> None:
    violation = make_violation("img-src", f"{ORIGIN}/a.png")
    record_observations(shop.engine, make_observation(violation, seen_at=NOW - days_ago * DAY, **known))


def test_where_nothing_arrives_it_says_why_that_may_be(shop: Shop) -> None:
    text = shop.text("/")
    assert "Nothing arrives yet" in text
    assert "Why nothing may arrive" in text
    assert "cspbuild header" in text
    assert "Reports by day" not in text


def test_it_says_where_the_site_stands_and_what_comes_next(shop: Shop) -> None:
    seen(shop, is_trusted=True)
    seen(shop, days_ago=3, evidence_class=EvidenceClass.EXTENSION)
    page, text = shop.page("/"), shop.text("/")
    assert "A policy can be suggested" in text
    assert "Observe , done" in text
    assert "Suggest , now" in text
    assert "Enforce , to do" in text
    assert "cspbuild header --stage trial --policy" in text
    assert "Then" in text
    assert page.count("<rect") == 3, "two days with reports, one with a visitor"
    yesterday, before = f"{NOW - DAY:%Y-%m-%d}", f"{NOW - 3 * DAY:%Y-%m-%d}"
    assert f"{yesterday} 1 0 0 {before} 0 1 1" in text, "the table says what the picture shows"


def test_it_says_what_is_new_since_the_last_visit(shop: Shop) -> None:
    seen(shop)
    assert "New since" not in shop.text("/")
    # The same reader, as of an hour ago.
    ended = int((NOW - timedelta(hours=1)).timestamp())
    shop.browser.cookies.delete("csp_session_visits")
    shop.browser.cookies.set("csp_session_visits", f"default=0-{ended}")
    record_observations(
        shop.engine,
        *(make_observation(make_violation("font-src", "https://new.example/f.woff2"), seen_at=NOW) for _ in range(3)),
        now=NOW,
    )
    text = shop.text("/")
    assert "New since your last visit" in text
    assert "https://new.example/f.woff2 font-src 3 reports" in text


def test_it_says_what_became_of_what_arrived(engine: Engine, start: Callable[..., Any]) -> None:
    ensure_default_site(engine, NOW)
    health = IngestHealth(
        accepted=1_234, shed=5, invalid=2, reasons={"rate-limited": 5, "bad-json": 2}, problems=("disk: nearly full",)
    )
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None), ingest_health=lambda: health)
    shop = Shop(engine, review.logged_in(), review.browser())
    text = shop.text("/")
    assert "Accepted 1,234" in text
    assert "Turned away for want of room 5" in text
    assert "rate-limited 5" in text
    assert "Reports cannot be stored at present. Disk: nearly full." in text
    assert "Last report of this site none yet" in text
    seen(shop)
    assert "Last report of this site 20" in shop.text("/")


def test_a_policy_on_trial_is_judged_by_every_criterion(shop: Shop) -> None:
    seen(shop, is_trusted=True)
    policy = "default-src 'none'; img-src 'self'"
    record_deployment(
        shop.engine, "default", policy=policy, stage=ServedStage.REPORT_ONLY, since_at=NOW - 2 * DAY, views_per_day=9
    )
    add_waiver(shop.engine, "default", "reporters", note="an intranet", now=NOW)
    text = shop.text("/")
    assert "A policy is on trial" in text
    assert "May the policy on trial be enforced? Not yet" in text
    assert "reporters waived" in text
    assert "an intranet" in text
    assert "header-size yes" in text
    assert "On trial since" in text
    assert policy in text


def test_days_stay_in_the_picture_when_their_hours_are_rolled_up(shop: Shop) -> None:
    seen(shop, days_ago=40)
    seen(shop, days_ago=1)
    window = Window(NOW - 59 * DAY, NOW + DAY)

    def daily() -> dict[tuple[str, EvidenceClass], int]:
        with snapshot(shop.engine) as connection:
            return dict(read_daily_reports(connection, "default", window))

    before = daily()
    assert sum(before.values()) == 2
    prune(shop.engine, NOW)
    assert daily() == before


def test_bars_are_as_many_as_can_be_told_apart() -> None:
    assert bars({}, LAST) == ()
    alone = bars({f"{LAST}": 5}, LAST)
    assert len(alone) == MIN_DAYS
    assert (alone[-1].day, alone[-1].reports, alone[0].height) == (f"{LAST}", 5, 0)
    many = bars({f"{LAST - timedelta(days=200)}": 3, f"{LAST}": 1}, LAST)
    assert len(many) == MAX_DAYS
    assert [bar.reports for bar in many if bar.reports] == [1]


def test_reporters_have_heights_of_their_own() -> None:
    day = timedelta(days=1)
    [*_, before, last] = bars({f"{LAST}": 9}, LAST, None, {f"{LAST}": 2, f"{LAST - day}": 4})
    assert (before.reporters, last.reporters) == (4, 2)
    assert last.reporters_height == before.reporters_height / 2 == 49


def test_a_bar_can_be_seen_and_both_of_a_day_have_room() -> None:
    [*_, last] = bars({f"{LAST}": 1}, LAST, {f"{LAST}": 1_000_000})
    assert last.height == 2
    assert 90 < last.upper_height <= 98
    assert last.height + last.upper_height <= 100
