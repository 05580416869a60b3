"""Reading one violation, deciding about it, and what the suggestion makes of that; on both databases."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.review.stored import StoredReview
from collector.review.wording import which_browsers
from policybuilder.csp import Disposition, SampleExtent
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.store.sites import add_site, ensure_default_site
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation, record_observations

TAG = "https://tag.example"
HOSTILE = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, SEEN_AT)
    add_site(engine, "other", ["other.example"], SEEN_AT)
    record_observations(
        engine,
        make_observation(make_violation("img-src", f"{ORIGIN}/a.png"), seen_at=SEEN_AT, is_trusted=True),
        make_observation(
            make_violation("script-src-elem", "https://cdn.example/lib.js", source_file=f"{TAG}/t.js", line_number=3),
            seen_at=SEEN_AT,
        ),
        make_observation(
            make_violation("script-src-elem", "inline", sample=HOSTILE, disposition=Disposition.ENFORCE),
            seen_at=SEEN_AT,
        ),
        make_observation(
            make_violation("img-src", "chrome-extension"),
            seen_at=SEEN_AT,
            evidence_class=EvidenceClass.EXTENSION,
        ),
        make_observation(make_violation("font-src", "https://fonts.example/a.woff2"), site="other", seen_at=SEEN_AT),
    )
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None))
    return Shop(engine, review.logged_in(), review.browser())


def test_a_violation_says_in_plain_words_what_happened_and_what_would_allow_it(shop: Shop) -> None:
    text = shop.text(f"/group/{shop.fingerprint('https://cdn.example/lib.js')}?site=default")
    assert "A page loads a script from this address. The browser let it happen: the policy only reports." in text
    assert "script-src with https://cdn.example/lib.js" in text
    assert "You decide: whoever controls that host runs code in your pages" in text
    assert f"All that {TAG} loads" in text
    assert f"{TAG}/t.js:3" in text
    assert "Browsers not told: its reports hold no code, and no user agent is kept" in text
    assert "Reports by day" in text
    assert '"blocked_uri": "https://cdn.example/lib.js"' in text


def test_what_was_blocked_and_what_is_noise_is_said(shop: Shop) -> None:
    blocked = shop.text(f"/group/{shop.fingerprint('inline')}?site=default")
    assert "A page runs a script written into its markup. The browser blocked it." in blocked
    noise = shop.text(f"/group/{shop.fingerprint('chrome-extension')}?site=default")
    assert "an extension in the visitor's browser, not the site" in noise
    assert "Nothing should" in noise
    assert "Source Directive Allow" not in noise


def test_the_list_leads_to_each_violation_and_back(shop: Shop) -> None:
    fingerprint = shop.fingerprint("https://cdn.example/lib.js")
    assert f'href="/group/{fingerprint}?site=default"' in shop.page("/violations")
    assert '<a href="/violations?site=default">All violations</a>' in shop.page(f"/group/{fingerprint}?site=default")


@pytest.mark.parametrize("fingerprint", ["0" * 32, "nonsense", "%00" * 32, "0" * 31 + "G"])
def test_an_unknown_violation_is_not_found(shop: Shop, fingerprint: str) -> None:
    assert shop.browser.get(f"/group/{fingerprint}?site=default").status_code == 404


def test_a_violation_of_another_site_is_not_found_here(shop: Shop) -> None:
    fingerprint = shop.fingerprint("https://fonts.example/a.woff2", "other")
    assert shop.browser.get(f"/group/{fingerprint}?site=other").status_code == 200
    assert shop.browser.get(f"/group/{fingerprint}?site=default").status_code == 404
    assert shop.browser.get(f"/group/{fingerprint}?site=nowhere").status_code == 404


def test_what_is_allowed_is_in_the_policy_until_it_is_taken_back(shop: Shop) -> None:
    before = shop.text("/suggestion")
    assert "script-src https://cdn.example" not in before.replace("/lib.js", "")
    answer = shop.post(
        "/decide",
        action="allow",
        group=shop.fingerprint("https://cdn.example/lib.js"),
        expression="https://cdn.example/lib.js",
        directive="script-src",
        note="our library",
    )
    assert answer.status_code == 303
    decided = shop.text(answer.headers["location"])
    assert "What was decided allow https://cdn.example/lib.js in script-src" in decided
    assert "our library" in decided
    policy = shop.text("/suggestion")
    assert "script-src https://cdn.example/lib.js" in policy
    assert "Our library." in policy
    listed = shop.text("/decisions")
    assert "allow no. 1 https://cdn.example/lib.js our library script-src" in listed
    assert shop.post("/undo", number="1").status_code == 303
    assert "taken back" in shop.text("/decisions")
    assert "script-src https://cdn.example/lib.js" not in shop.text("/suggestion")


ANSWERS = [
    (
        {"action": "reject", "pattern": "https://cdn.example"},
        (DecisionAction.REJECT, "", "https://cdn.example", "", None),
    ),
    ({"action": "ignore", "pattern": "*.example"}, (DecisionAction.IGNORE, "", "*.example", "", None)),
    ({"action": "trust-initiator", "initiator": TAG}, (DecisionAction.ALLOW, "", "", TAG, None)),
    ({"action": "reject-initiator", "initiator": TAG}, (DecisionAction.REJECT, "", "", TAG, None)),
]


@pytest.mark.parametrize(
    ("fields", "kept"), ANSWERS, ids=lambda each: each.get("action") if isinstance(each, dict) else ""
)
def test_each_button_keeps_its_answer(shop: Shop, fields: dict[str, str], kept: tuple[Any, ...]) -> None:
    assert shop.post("/decide", group=shop.fingerprint("https://cdn.example/lib.js"), **fields).status_code == 303
    assert [decision[:5] for decision in shop.decisions()] == [kept]


def test_a_group_is_given_another_class(shop: Shop) -> None:
    fingerprint = shop.fingerprint("https://cdn.example/lib.js")
    assert shop.post("/decide", action="class", group=fingerprint, **{"class": "bot"}).status_code == 303
    assert shop.decisions() == [(DecisionAction.CLASS, "", fingerprint, "", EvidenceClass.BOT, "")]
    assert "a program's visit, not a person's" in shop.text(f"/group/{fingerprint}?site=default")


REFUSED = [
    ({"action": "allow", "expression": "not a source", "directive": "img-src"}, "is no source expression"),
    ({"action": "allow", "expression": "'nonce-abc'", "directive": "script-src"}, "a fixed nonce protects nothing"),
    ({"action": "allow", "expression": "data:", "directive": "default-src"}, "stands in for others"),
    ({"action": "reject", "pattern": " "}, "the pattern is empty"),
    ({"action": "reject", "pattern": "a", "note": "x" * 1001}, "the note has 1001 characters"),
    ({"action": "reject", "pattern": "a", "note": "a\0b"}, "the note has a NUL character"),
    ({"action": "reject", "pattern": "a\0b"}, "control characters"),
    ({"action": "trust-initiator", "initiator": "https://a\0b"}, "is no origin"),
    ({"action": "reject", "pattern": "a", "until": "2020-01-31"}, "is over"),
    ({"action": "reject", "pattern": "a", "until": "soon"}, "is no time"),
    ({"action": "class", "class": "nonsense"}, "choose a class"),
    ({"action": "trust-initiator", "initiator": "*"}, "is no origin to trust"),
]


@pytest.mark.parametrize(("fields", "says"), REFUSED)
def test_what_cannot_be_decided_is_said_on_the_page_and_not_kept(shop: Shop, fields: dict[str, str], says: str) -> None:
    answer = shop.post("/decide", group=shop.fingerprint("https://cdn.example/lib.js"), **fields)
    assert answer.status_code == 409
    assert says in html.unescape(answer.text)
    assert 'role="alert"' in answer.text
    assert shop.decisions() == []


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/decide", {"action": "nothing", "group": "0" * 32}, 400),
        ("/decide", {"action": "class", "group": "../x", "class": "bot"}, 400),
        ("/decide", {"action": "class", "group": "0" * 32, "class": "bot"}, 404),
        ("/decide", {"action": "reject", "pattern": "a", "site": "nowhere"}, 404),
        ("/undo", {"number": "7"}, 409),
        ("/undo", {"number": "-1"}, 400),
        ("/undo", {"number": "1" * 12}, 400),
    ],
)
def test_what_no_page_of_ours_sends_is_refused(shop: Shop, path: str, fields: dict[str, str], status: int) -> None:
    assert shop.post(path, **fields).status_code == status
    assert shop.decisions() == []


def test_nobody_else_decides(shop: Shop) -> None:
    fields = {"site": "default", "action": "reject", "pattern": "a", "number": "1"}
    token = shop.csrf_token()
    for path in ("/decide", "/undo"):
        assert shop.browser.post(path, data=fields).status_code == 403, "without the form's token"
        assert shop.browser.post(path, data={**fields, "csrf_token": "wrong"}).status_code == 403
        elsewhere = {"Origin": "https://evil.example"}
        answer = shop.browser.post(path, data={**fields, "csrf_token": token}, headers=elsewhere)
        assert answer.status_code == 403, "from another site's page"
        assert shop.stranger.post(path, data={**fields, "csrf_token": token}).status_code == 401
    assert shop.decisions() == []
    for address in ("/decisions", "/suggestion", f"/group/{'0' * 32}"):
        assert shop.stranger.get(address).status_code == 303, "to the login"


def test_what_is_held_is_decided_where_the_policy_is_shown(shop: Shop) -> None:
    page = shop.page("/suggestion")
    form = page[page.index('value="https://cdn.example') :]
    expression = form.partition('"')[2].partition('"')[0]
    answer = shop.post("/decide", action="allow", expression=expression, pattern=expression, directive="script-src")
    assert (answer.status_code, answer.headers["location"]) == (303, "/suggestion?site=default")
    assert [decision[:3] for decision in shop.decisions()] == [(DecisionAction.ALLOW, "script-src", expression)]


def test_a_policy_is_there_to_copy_in_every_servers_words(shop: Shop) -> None:
    text = shop.text("/suggestion")
    assert "Content-Security-Policy: default-src" in text
    assert "add_header Content-Security-Policy" in text
    assert "Header always" in text
    assert "img-src 'self'" in text
    assert "Not by strangers".lower() in text.lower()


def test_a_site_without_reports_has_nothing_to_suggest(shop: Shop) -> None:
    add_site(shop.engine, "new", [], SEEN_AT)
    assert "There are no reports yet" in shop.text("/suggestion?site=new")
    assert "Nothing is decided yet" in shop.text("/decisions?site=new")


def test_nothing_of_a_report_is_markup(shop: Shop) -> None:
    record_observations(
        shop.engine,
        make_observation(
            make_violation(
                "script-src-elem",
                f"https://evil.example/{HOSTILE}",
                document_uri=f"{ORIGIN}/{HOSTILE}",
                source_file=f"https://tag.example/{HOSTILE}",
                sample=HOSTILE,
                original_policy=f"script-src {HOSTILE}",
                referrer=HOSTILE,
            ),
            seen_at=SEEN_AT,
        ),
    )
    fingerprint = shop.fingerprint(f"https://evil.example/{HOSTILE}")
    shop.post("/decide", group=fingerprint, action="reject", pattern=HOSTILE, note=HOSTILE)
    for address in (
        "/",
        "/violations",
        f"/group/{fingerprint}?site=default",
        "/suggestion",
        "/decisions",
        "/initiators",
    ):
        page = shop.page(address)
        assert page.count("<script") == page.count('<script src="/static/review.') == 1, "our own"
        assert "<img src=x" not in page
        assert "{{7*7}}" in page or address in {"/", "/suggestion", "/initiators"}
        assert "onerror=alert(1)&gt;" in page or address in {"/", "/suggestion", "/initiators"}


def test_what_no_source_answers_is_ignored_from_the_suggestion(shop: Shop) -> None:
    record_observations(
        shop.engine,
        make_observation(make_violation("default-src", "https://odd.example/x"), seen_at=SEEN_AT, is_trusted=True),
    )
    assert "https://odd.example/x" in shop.text("/suggestion")
    answer = shop.post("/decide", action="ignore", pattern="https://odd.example/x", directive="default-src")
    assert answer.headers["location"] == "/suggestion?site=default"
    assert shop.decisions() == [(DecisionAction.IGNORE, "default-src", "https://odd.example/x", "", None, "")]
    assert "https://odd.example/x" not in shop.text("/suggestion")


@pytest.mark.parametrize(
    ("extents", "told"),
    [
        ([SampleExtent.WHOLE, SampleExtent.PREFIX], "Firefox"),
        ([SampleExtent.TRIMMED], "Chromium or Safari"),
        ([SampleExtent.TRIMMED, SampleExtent.WHOLE], "Firefox and Chromium or Safari"),
        ([SampleExtent.PREFIX, SampleExtent.NONE], "not told: its reports hold no code, and no user agent is kept"),
    ],
)
def test_browsers_are_told_by_how_they_mark_samples(extents: list[SampleExtent], told: str) -> None:
    assert which_browsers(extents) == told
