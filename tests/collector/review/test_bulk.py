"""Deciding of several violations at once; on both databases."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine

from collector.review.stored import StoredReview
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.store.sites import add_site, ensure_default_site
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation, record_observations

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FONT, LIBRARY, OTHER = "https://fonts.example/a.woff2", "https://cdn.example/lib.js", "https://cdn.example/other.js"


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, SEEN_AT)
    record_observations(
        engine,
        make_observation(make_violation("font-src", FONT), seen_at=SEEN_AT),
        make_observation(make_violation("script-src-elem", LIBRARY), seen_at=SEEN_AT),
        make_observation(make_violation("script-src-elem", OTHER), seen_at=SEEN_AT),
        make_observation(make_violation("img-src", f"{ORIGIN}/a.png"), seen_at=SEEN_AT),
        make_observation(make_violation("script-src-elem", "eval"), seen_at=SEEN_AT),
    )
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    return Shop(engine, review.logged_in(), review.browser())


def decide(shop: Shop, *blocked: str, token: str | None = None, **fields: str) -> Any:
    chosen = [("group", shop.fingerprint(each)) for each in blocked]
    given = {"csrf_token": shop.csrf_token() if token is None else token, "site": "default", **fields}
    return shop.browser.post("/decide-several", content=urlencode([*given.items(), *chosen]), headers=FORM)


def test_several_are_allowed_each_by_the_source_it_needs(shop: Shop) -> None:
    answer = decide(shop, FONT, LIBRARY, action="allow", note="checked")
    assert answer.status_code == 200
    assert "2 of 2 decided" in answer.text
    assert sorted(shop.decisions()) == [
        (DecisionAction.ALLOW, "font-src", "https://fonts.example", "", None, "checked"),
        (DecisionAction.ALLOW, "script-src", LIBRARY, "", None, "checked"),
    ]
    policy = shop.text("/suggestion")
    assert "font-src https://fonts.example" in policy
    assert LIBRARY in policy


def test_what_has_no_answer_is_left_and_said(shop: Shop) -> None:
    answer = decide(shop, LIBRARY, "eval", action="reject")
    assert "1 of 2 decided" in answer.text
    assert "A pattern would mean all such code, not this alone." in answer.text
    assert f'href="/group/{shop.fingerprint("eval")}?site=default"' in answer.text
    assert shop.decisions() == [(DecisionAction.REJECT, "script-src", LIBRARY, "", None, "")]


def test_a_class_is_given_to_each(shop: Shop) -> None:
    decide(shop, FONT, "eval", **{"action": "class", "class": "injected"})
    assert {(each[2], each[4]) for each in shop.decisions()} == {
        (shop.fingerprint(FONT), EvidenceClass.INJECTED),
        (shop.fingerprint("eval"), EvidenceClass.INJECTED),
    }


def test_nobody_says_that_something_is_superseded(shop: Shop) -> None:
    one = shop.post("/decide", action="class", group=shop.fingerprint(FONT), **{"class": "superseded"})
    for answer in (one, decide(shop, FONT, action="class", **{"class": "superseded"})):
        assert "choose a class" in answer.text.lower()
    assert shop.decisions() == [], "deployments tell"


def test_one_that_is_wrong_keeps_all_from_being_kept(shop: Shop) -> None:
    answer = decide(shop, FONT, LIBRARY, action="ignore", note="x" * 1_001)
    assert answer.status_code == 409
    assert decide(shop, FONT, action="ignore", until="yesterday, or so").status_code == 409
    assert decide(shop, FONT, action="delete-all").status_code == 400
    assert decide(shop, FONT, **{"action": "class", "class": "superb"}).status_code == 400
    assert shop.decisions() == []


def test_nothing_chosen_changes_nothing(shop: Shop) -> None:
    assert "Nothing was chosen" in decide(shop, action="reject").text
    gone = {"csrf_token": shop.csrf_token(), "site": "default", "action": "reject", "group": "0" * 32}
    assert "It was forgotten meanwhile." in shop.browser.post("/decide-several", data=gone).text
    assert shop.decisions() == []


def test_the_way_back_is_the_list_and_no_other_place(shop: Shop) -> None:
    page = decide(shop, FONT, action="ignore", query="site=evil&q=a%26b&noise=1").text
    assert 'href="/violations?site=default&amp;q=a%26b&amp;noise=1"' in page
    page = decide(shop, FONT, action="ignore", query="https://evil.example/?" + "&a=1" * 99).text
    assert 'href="/violations?site=default"' in page


def test_the_answer_leads_to_the_violations_of_other_sites(shop: Shop) -> None:
    add_site(shop.engine, "blog", [], SEEN_AT)
    fingerprint = shop.fingerprint(FONT)
    for answer in (
        shop.post("/decide-several", action="reject"),
        shop.post("/decide", action="allow", group=fingerprint, expression="no source", directive="img-src"),
    ):
        [address] = re.findall(r'href="([^"]*site=blog)"', answer.text)
        assert shop.browser.get(html.unescape(address)).status_code == 200, address


def test_only_a_form_of_the_session_is_obeyed(shop: Shop) -> None:
    assert decide(shop, FONT, action="reject", token="wrong").status_code == 403
    shop.browser.headers["Origin"] = "https://evil.example"
    assert decide(shop, FONT, action="reject").status_code == 403
    assert shop.stranger.post("/decide-several", data={"action": "reject"}).status_code in {401, 403}
    assert shop.decisions() == []
