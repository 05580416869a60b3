"""What looks like an attack is loud on every page of its site until somebody says something; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.review.stored import StoredReview
from policybuilder.evidence import EvidenceClass
from policybuilder.store.sites import add_site, ensure_default_site
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations

PAGES = ("/", "/violations", "/violations?by=day", "/suggestion", "/initiators", "/scripts", "/decisions")


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, SEEN_AT)
    add_site(engine, "other", [], SEEN_AT)
    record_observations(engine, make_observation(make_violation("img-src", "https://a.example/1.png")))
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    return Shop(engine, review.logged_in(), review.browser())


def attack(shop: Shop, number: int, *, reports: int = 1) -> None:
    violation = make_violation("script-src-elem", "inline", sample=f"alert(document.domain, {number})")
    record_observations(
        shop.engine, *[make_observation(violation, evidence_class=EvidenceClass.ATTACK_LIKE) for _ in range(reports)]
    )


def test_it_is_loud_on_every_page_of_the_site_and_on_no_other(shop: Shop) -> None:
    for page in PAGES:
        assert "like an attack" not in shop.text(page)
    attack(shop, 1)
    for page in PAGES:
        text = shop.text(page)
        assert "1 violation looks like an attack" in text, page
        assert "alert(document.domain, 1) on " in text
    assert "like an attack" not in shop.text("/?site=other")


def test_the_worst_come_first_and_a_way_leads_to_all(shop: Shop) -> None:
    for number in range(5):
        attack(shop, number, reports=1 + number)
    page = shop.page("/decisions")
    assert "5 violations look like an attack" in page
    assert page.index("domain, 4)") < page.index("domain, 3)") < page.index("domain, 2)")
    assert "domain, 1)" not in page
    address = "/violations?site=default&noise=1&kind=attack-like&decision=none"
    assert f'href="{address.replace("&", "&amp;")}">All 5<' in page
    assert shop.page(address).count('<th scope="row"') == 5


def test_whoever_answers_it_silences_it(shop: Shop) -> None:
    attack(shop, 1)
    fingerprint = shop.fingerprint("inline")
    shop.post("/decide", group=fingerprint, action="class", **{"class": "bot"}, note="our own test")
    assert "like an attack" not in shop.text("/")
    shop.post("/undo", number="1")
    assert "1 violation looks like an attack" in shop.text("/")
