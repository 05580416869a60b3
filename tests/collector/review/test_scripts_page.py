"""The page of scripts: what was reported of their digests, the alarming first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.ingest.folding import HashObservation, fold_hash
from collector.review.stored import StoredReview
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store.batch import Batch
from policybuilder.store.recording import record
from policybuilder.store.sites import add_site, ensure_default_site
from policybuilder.times import to_ms
from tests.collector.review.shop import BASE_URL, Shop

NOW = datetime.now(UTC)
ONE, OTHER = f"sha256-{'A' * 43}=", f"sha256-{'B' * 43}="


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, NOW)
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    return Shop(engine, review.logged_in(), review.browser())


def reported(shop: Shop, url: str, digest: str, *, days_ago: int) -> None:
    batch = Batch()
    at_ms = to_ms(NOW - timedelta(days=days_ago))
    hashed = NormalizedHash("https://shop.example/", url, digest, "script", 0)
    fold_hash(batch, HashObservation(site="default", report=hashed, seen_at_ms=at_ms))
    record(shop.engine, batch, to_ms(NOW))


def test_without_digests_it_says_how_to_get_them(shop: Shop) -> None:
    assert "cspbuild header --site default --base-url https://" in shop.text("/scripts")


def test_a_changed_script_of_another_is_loud_and_a_stable_one_can_be_pinned(shop: Shop) -> None:
    stable, changed = "https://cdn.example/stable.js", "https://cdn.example/changed.js"
    for days_ago in (20, 1):
        reported(shop, stable, ONE, days_ago=days_ago)
    reported(shop, changed, ONE, days_ago=9)
    reported(shop, changed, OTHER, days_ago=1)
    page, text = shop.page("/scripts"), shop.text("/scripts")
    assert 'role="alert"' in page
    assert "1 script of a third party was reported with another digest than before" in text
    assert text.index(changed) < text.index(stable)
    assert f'integrity="{ONE}" crossorigin' in text
    assert OTHER in text


def test_scripts_are_those_of_one_site_and_nothing_of_them_is_markup(shop: Shop) -> None:
    add_site(shop.engine, "other", [], NOW)
    reported(shop, "https://cdn.example/<script>alert(1)</script>.js", ONE, days_ago=1)
    page = shop.page("/scripts")
    assert page.count("<script") == page.count('<script src="/static/review.') == 1, "our own"
    assert "alert(1)" in shop.text("/scripts")
    assert "alert(1)" not in shop.text("/scripts?site=other")
    assert shop.stranger.get("/scripts").status_code == 303
