"""The list of violations on its page: asked by the address, turned over, and never older than it says."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, text

from collector.review import upkeep, violations_page
from collector.review.stored import StoredReview
from policybuilder.csp import Disposition
from policybuilder.deciding import refusing
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.store.decisions import add_decision
from policybuilder.store.engine import writing
from policybuilder.store.sites import ensure_default_site
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import ORIGIN, make_observation, make_violation, record_observations

NOW = datetime.now(UTC)
HOSTILE = "\"'><img src=x onerror=alert(1)>{{7*7}}%_\\"


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Iterator[Shop]:
    ensure_default_site(engine, NOW)
    report(engine, "https://cdn.example/lib.js", "script-src-elem", days_ago=40, networks=3)
    report(engine, "https://a.cdn.example/app.js", "script-src-elem", days_ago=2, networks=2)
    report(engine, "https://img.example/a.png", "img-src", disposition=Disposition.ENFORCE)
    report(engine, "inline", "script-src-elem", sample=HOSTILE, page=f"{ORIGIN}/100%25_off")
    report(engine, "moz-extension", "script-src-elem", evidence_class=EvidenceClass.EXTENSION)
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    yield Shop(engine, review.logged_in(), review.browser())
    settle()


def report(
    engine: Engine,
    blocked: str,
    directive: str,
    *,
    days_ago: float = 0.1,
    networks: int = 1,
    page: str = f"{ORIGIN}/cart",
    evidence_class: EvidenceClass = EvidenceClass.GENUINE,
    **known: Any,
) -> None:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    violation = make_violation(directive, blocked, document_uri=page, **known)
    record_observations(
        engine,
        *(
            make_observation(
                violation,
                seen_at=at,
                network=f"192.0.2.{number}",
                evidence_class=evidence_class,
                is_imported=True,
            )
            for number in range(networks)
        ),
        now=at,
    )


def blocked_in(page: str) -> list[str]:
    """What stands in the rows, in their order."""
    return [unescape(found) for found in re.findall(r'class="to-group"[^>]*><code[^>]*>(.*?)</code>', page)]


LIB, APP, PICTURE = "https://cdn.example/lib.js", "https://a.cdn.example/app.js", "https://img.example/a.png"

# (members of the address, what is listed)
CASES = [
    ("", {LIB, APP, PICTURE, "inline"}),
    ("noise=1", {LIB, APP, PICTURE, "inline", "moz-extension"}),
    ("q=CDN", {LIB, APP}),
    ("host=cdn.example", {LIB, APP}),
    ("host=https://a.cdn.example/", {APP}),
    ("directive=img-src", {PICTURE}),
    ("noise=1&kind=extension", {"moz-extension"}),
    ("disposition=enforce", {PICTURE}),
    ("decision=none", {LIB, APP, PICTURE, "inline"}),
    ("page=100%2525_", {"inline"}),
    ("page=cart", {LIB, APP, PICTURE}),
    ("seen=7d", {APP, PICTURE, "inline"}),
    ("new=24h", {PICTURE, "inline"}),
    ("seen=forever", {LIB, APP, PICTURE, "inline"}),
    (f"q={quote(HOSTILE)}", {"inline"}),
    ("q=%25", {"inline"}),
    ("q=%00", set()),
    ("host=%00&directive=%00&after=1.1.%00", set()),
]


@pytest.mark.parametrize(("asked", "listed"), CASES)
def test_the_address_says_what_is_listed(shop: Shop, asked: str, listed: set[str]) -> None:
    page = shop.page(f"/violations?site=default&{asked}")
    assert set(blocked_in(page)) == listed
    assert "<img src=x" not in page


def test_what_is_asked_stands_in_the_form_and_in_every_further_address(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(violations_page, "MAX_ROWS", 1)
    page = shop.page("/violations?site=default&host=example&seen=30d&new=30d&q=e")
    assert '<input id="host" name="host" value="example"' in page
    assert page.count('<option value="30d" selected>') == 2
    assert "<p>2 of 4 ·" in page
    [following] = {unescape(found) for found in re.findall(r'href="([^"]*after=[^"]*)"', page)}
    for member in ("host=example", "seen=30d", "new=30d", "q=e"):
        assert member in following


def test_turning_the_pages_lists_each_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violations_page, "MAX_ROWS", 1)
    address, seen = "/violations?site=default&noise=1", []
    while address:
        page = shop.page(address)
        seen += blocked_in(page)
        address = unescape(found[1]) if (found := re.search(r'href="([^"]*)" rel="next"', page)) else ""
    assert seen[:2] == [LIB, APP], "most reporters first"
    assert sorted(seen) == sorted({LIB, APP, PICTURE, "inline", "moz-extension"})


def test_what_was_reported_just_now_is_listed(shop: Shop) -> None:
    shop.page("/violations?site=default")
    report(shop.engine, "https://new.example/", "font-src")
    page = shop.page("/violations?site=default")
    assert "https://new.example/" in blocked_in(page)
    assert "As of" not in page


def test_what_was_decided_in_a_terminal_is_seen(shop: Shop) -> None:
    shop.page("/violations?site=default")
    add_decision(shop.engine, "default", refusing(DecisionAction.REJECT, "*.cdn.example", ""), now=NOW)
    assert set(blocked_in(shop.page("/violations?site=default&decision=reject"))) == {APP}


@pytest.fixture
def large(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A site that is too large for its list to be brought up to date while the reader waits; it was made already."""
    shop.page("/violations?site=default")
    monkeypatch.setattr(upkeep, "AT_ONCE_GROUPS", 1)
    monkeypatch.setattr(upkeep, "_SHARE", 0)
    return shop


def settle() -> None:
    """Wait for the list to be brought up to date."""
    for thread in threading.enumerate():
        if thread.name == "list-violations":
            thread.join()


def test_a_list_that_is_not_of_now_says_of_when_it_is(large: Shop) -> None:
    assert "As of" not in large.text("/violations?site=default")
    report(large.engine, "https://new.example/", "font-src")
    page = large.page("/violations?site=default")
    assert "https://new.example/" not in blocked_in(page)
    shown = re.search(r"As of <time datetime=\"([^\"]+)\">\d{4}-\d\d-\d\d \d\d:\d\d:\d\d</time>", page)
    assert shown
    assert NOW - timedelta(minutes=1) < datetime.fromisoformat(shown[1]) <= datetime.now(UTC)
    settle()
    page = large.page("/violations?site=default")
    assert "https://new.example/" in blocked_in(page)
    assert "As of" not in page


def test_a_decision_in_the_pages_shows_at_once_in_a_large_list_too(large: Shop) -> None:
    report(large.engine, "https://new.example/", "font-src")
    assert large.post("/decide", action="reject", pattern="a.cdn.example", group="").status_code == 303
    assert blocked_in(large.page("/violations?site=default&decision=reject")) == [APP]
    settle()
    assert large.post("/undo", number="1").status_code == 303
    assert blocked_in(large.page("/violations?site=default&decision=reject")) == []


def test_a_list_that_is_made_for_the_first_time_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE_GROUPS", 1)
    text_then = shop.text("/violations?site=default")
    assert "These violations are being listed for the first time." in text_then
    settle()
    assert len(blocked_in(shop.page("/violations?site=default"))) == 4


def test_while_somebody_else_writes_for_long_the_list_is_shown_as_it_was(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.page("/violations?site=default")
    report(shop.engine, "https://new.example/", "font-src")
    monkeypatch.setattr(upkeep, "PATIENCE_MS", 50)
    with writing(shop.engine).begin() as connection:
        connection.execute(text("UPDATE violation_listing_state SET generation = generation"))
        page = shop.page("/violations?site=default")
    settle()
    assert "As of" in page
    assert set(blocked_in(page)) == {LIB, APP, PICTURE, "inline"}
    assert "https://new.example/" in blocked_in(shop.page("/violations?site=default"))


def test_tiles_count_all_whatever_is_asked(shop: Shop) -> None:
    shown = shop.text("/violations?site=default&q=nowhere-at-all")
    assert "Reports 8 Distinct violations 5 Reporters 3" in shown
    assert "Noise 1 12 % of reports" in shown
    assert "No violation is like that." in shown
    assert "0 of 4" in shown
