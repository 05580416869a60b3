"""What loads what, and deciding about a loader; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.review.stored import StoredReview
from policybuilder.decisions import DecisionAction
from policybuilder.store.sites import ensure_default_site
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations

TAG = "https://tag.example"


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, SEEN_AT)
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    return Shop(engine, review.logged_in(), review.browser())


def seen(shop: Shop) -> None:
    record_observations(
        shop.engine,
        make_observation(make_violation("script-src-elem", f"{TAG}/t.js"), seen_at=SEEN_AT),
        make_observation(
            make_violation("img-src", "https://pixel.example/p.gif", source_file=f"{TAG}/t.js"),
            seen_at=SEEN_AT,
        ),
    )


def test_a_site_without_reports_is_told_what_to_send(shop: Shop) -> None:
    assert "Nothing of the site’s own is reported yet" in shop.text("/initiators")


def test_a_loader_is_shown_with_what_it_loads_and_decided_as_one(shop: Shop) -> None:
    seen(shop)
    text = shop.text("/initiators")
    assert f"Loaded by the site’s own pages 1 violation, 1 report, 1 reporter {TAG} script-src-elem" in text
    assert f"Loaded by {TAG} 1 violation, 1 report, 1 reporter https://pixel.example img-src" in text
    until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    answer = shop.post(
        "/decide", action="trust-initiator", initiator=TAG, note="marketing", until=until, back="initiators"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/initiators?site=default")
    assert shop.decisions() == [(DecisionAction.ALLOW, "", "", TAG, None, "marketing")]
    text = shop.text("/initiators")
    assert "Trusted since" in text
    assert "marketing" in text
    assert f"until {until}" in text


def test_no_other_place_is_gone_back_to(shop: Shop) -> None:
    seen(shop)
    answer = shop.post("/decide", action="reject-initiator", initiator=TAG, back="https://evil.example/")
    assert answer.headers["location"] == "/suggestion?site=default"
