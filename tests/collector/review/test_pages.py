from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

from collector.review.assets import ASSETS
from collector.review.violations_page import MAX_ROWS
from collector.security_headers import DENY_ALL_FEATURES, STRICT_POLICY
from policybuilder.csp.violation import Disposition
from policybuilder.errors import CspbuildError, EnvironmentFailedError
from policybuilder.evidence import EvidenceClass, PageCount
from policybuilder.times import to_ms
from tests.collector.ingest.builders import report_body

BASE_URL = "http://127.0.0.1:8000"
HTML = {"Accept": "text/html"}

Start = Callable[..., Any]
MakeGroup = Callable[..., Any]


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def links(self) -> dict[str, str]:
        return {str(attributes["href"]): tag for tag, attributes in self.found if "href" in attributes}


def text_of(page: str) -> str:
    """What a reader sees, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.partition("<main")[2])).split())


@pytest.fixture
def shop(start: Start, make_group: MakeGroup) -> Any:
    """A site with three genuine groups and a noisy one, beside an empty site."""
    review = start()
    review.evidence.groups = {
        "default": [],
        "shop": [
            make_group(1, reports=1_200, reporters=40),
            make_group(
                2, directive="img-src", blocked="data", reports=90, reporters=70, disposition=Disposition.ENFORCE
            ),
            make_group(3, directive="script-src-elem", blocked="inline", sample="let x = 1 < 2;", decision="rejected"),
            make_group(4, evidence_class=EvidenceClass.EXTENSION, rule="extension-source", blocked="moz-extension"),
        ],
    }
    return review


def page_of(review: Any, address: str) -> str:
    answer = review.logged_in().get(address)
    assert answer.status_code == 200
    return str(answer.text)


def test_totals_stand_on_top(shop: Any) -> None:
    text = text_of(page_of(shop, "/violations?site=shop"))
    assert "Reports 1,310" in text
    assert "Distinct violations 4" in text
    assert "Reporters 70" in text
    assert "Noise 10 under 1 % of reports" in text


def test_a_row_tells_all_about_a_group(shop: Any) -> None:
    text = text_of(page_of(shop, "/violations?site=shop"))
    row = "https://cdn.example.net/app/main.js on https://shop.example/ script-src-elem report only 1,200 40"
    assert f"{row} 2026-11-20 12:00 2026-11-23 12:00" in text
    assert "inline let x = 1 < 2; on" in text
    assert "img-src blocked 90 70" in text
    assert "rejected" in text


def test_most_reporters_come_first(shop: Any) -> None:
    text = text_of(page_of(shop, "/violations?site=shop"))
    assert text.index("img-src") < text.index("main.js") < text.index("let x")


def test_times_are_shown_in_utc(start: Start, make_group: MakeGroup) -> None:
    review = start()
    elsewhere = datetime(2026, 1, 2, 1, 30, tzinfo=timezone(timedelta(hours=3)))
    review.evidence.groups["default"] = [make_group(first_seen_ms=to_ms(elsewhere), last_seen_ms=to_ms(elsewhere))]
    page = page_of(review, "/violations")
    assert page.count('<time datetime="2026-01-01T22:30:00Z">2026-01-01 22:30</time>') == 2


def test_noise_is_folded_away_until_asked_for(shop: Any) -> None:
    folded = page_of(shop, "/violations?site=shop")
    assert "moz-extension" not in folded
    assert "Show 1 noise violation" in text_of(folded)
    assert "/violations?site=shop&noise=1" in Tags(folded).links()
    shown = text_of(page_of(shop, "/violations?site=shop&noise=1"))
    assert "moz-extension" in shown
    assert "extension rule extension-source" in shown
    assert "Hide noise" in shown


def test_contradictions_are_folded_away_with_the_noise(start: Start, make_group: MakeGroup) -> None:
    review = start()
    contradiction = make_group(evidence_class=EvidenceClass.CONTRADICTION, directive="font-src")
    noise = make_group(evidence_class=EvidenceClass.BOT, directive="img-src")
    review.evidence.groups["default"] = [contradiction, make_group(directive="style-src-elem")]
    assert "font-src" not in page_of(review, "/violations")
    assert "Show 1 contradiction" in text_of(page_of(review, "/violations"))
    assert "font-src" in page_of(review, "/violations?noise=1")
    review.evidence.groups["default"].append(noise)
    assert "Show 1 noise violation and 1 contradiction" in text_of(page_of(review, "/violations"))


def test_a_site_with_noise_alone_says_so(start: Start, make_group: MakeGroup) -> None:
    review = start()
    review.evidence.groups["default"] = [make_group(evidence_class=EvidenceClass.BOT)]
    assert "Everything reported so far is noise" in text_of(page_of(review, "/violations"))


# (address, what the page must say)
VIEW_CASES = [
    ("/violations?site=shop&by=directive", "img-src 90 70 1"),
    ("/violations?site=shop&by=source", "https://cdn.example.net 1,200 40 1"),
    ("/violations?site=shop&by=page", "https://shop.example/ 30"),
    ("/violations?site=shop&by=day", "2026-11-23 1,300"),
    ("/violations?site=shop&by=day&noise=1", "2026-11-23 1,310 0 4 10"),
]


@pytest.mark.parametrize(("address", "expected"), VIEW_CASES)
def test_every_view_has_its_rows(shop: Any, address: str, expected: str) -> None:
    assert expected in text_of(page_of(shop, address))


def test_views_and_sites_are_links_that_keep_the_rest(shop: Any) -> None:
    links = Tags(page_of(shop, "/violations?site=shop&by=source&noise=1")).links()
    assert {
        "/violations?site=shop&noise=1",
        "/violations?site=shop&by=day&noise=1",
        "/violations?site=default&by=source&noise=1",
    } <= set(links)
    assert "/violations?site=shop&by=source" in links


def test_the_first_site_is_shown_when_none_is_named(shop: Any) -> None:
    assert "<title>Violations · default" in page_of(shop, "/violations")


@pytest.mark.parametrize(
    "address",
    [
        "/?site=nowhere",
        "/violations?site=nowhere",
        "/violations?by=nothing",
        "/violations?by=GROUP",
        "/static/nothing.css",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(shop: Any, address: str) -> None:
    answer = shop.logged_in().get(address)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "Not Found" in text_of(answer.text)
    as_script = shop.logged_in().get(address, headers={"Accept": "application/json"})
    assert (as_script.status_code, list(as_script.json())) == (404, ["error"])


def test_without_sites_the_page_says_what_to_type(start: Start) -> None:
    review = start()
    review.evidence.groups = {}
    assert "cspbuild site add" in text_of(review.logged_in().get("/").text)


def test_without_reports_the_page_says_what_to_do(review: Any) -> None:
    page = page_of(review, "/")
    text = text_of(page)
    assert (
        "Content-Security-Policy-Report-Only: default-src 'none'; report-uri http://127.0.0.1:8000/report/default"
        in text
    )
    assert "cspbuild suggest --site default" in text
    assert "/try" in Tags(page).links()


def test_header_lines_leave_when_evidence_comes(shop: Any) -> None:
    page = page_of(shop, "/violations?site=shop")
    assert "Report-Only:" not in page


def test_many_rows_are_cut_with_a_word_about_the_rest(start: Start, make_group: MakeGroup) -> None:
    review = start()
    review.evidence.groups["default"] = [make_group(number) for number in range(MAX_ROWS + 3)]
    page = page_of(review, "/violations")
    assert page.count('<th scope="row"') == MAX_ROWS
    assert "Next 3 of 3 more" in text_of(page)
    [following] = [link for link in Tags(page).links() if "after=" in link]
    rest = page_of(review, following)
    assert rest.count('<th scope="row"') == 3
    assert "To the first" in text_of(rest)
    assert not [link for link in Tags(rest).links() if "after=" in link]


def test_the_pages_of_a_group_unfold(start: Start, make_group: MakeGroup) -> None:
    review = start()
    pages = tuple(PageCount(f"https://shop.example/{number}", 100 - number) for number in range(12))
    review.evidence.groups["default"] = [make_group(pages=pages)]
    text = text_of(page_of(review, "/violations"))
    assert "on https://shop.example/0 and 11 more" in text
    assert "https://shop.example/2 98 and 9 more" in text


SCRIPT = f"/static/{ASSETS['review.js'].name}"

HOSTILE = [
    "</code><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 191 }}{% raw %}",
    "javascript:alert(1)",
    "a\x00b\x1b[31mred\x7f",
    "evil\u202egnp.exe\u2066",
    "\ud800",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("query", ["noise=1", "by=directive", "by=source", "by=page"])
def test_report_text_is_only_ever_text(start: Start, make_group: MakeGroup, value: str, query: str) -> None:
    review = start()
    review.evidence.groups["default"] = [
        make_group(
            number,
            blocked=value,
            directive=value,
            sample=value,
            document_origin=value,
            rule=value,
            decision=value,
            evidence_class=evidence_class,
            pages=(PageCount(value, 1), PageCount(value, 1)),
        )
        for number, evidence_class in enumerate([EvidenceClass.GENUINE, EvidenceClass.INJECTED])
    ]
    page = page_of(review, f"/violations?{query}")
    tags = Tags(page)
    assert not {"style", "b"} & {tag for tag, _ in tags.found}
    assert [attributes["src"] for tag, attributes in tags.found if tag == "script"] == [SCRIPT], "our own"
    assert [tag for tag, _ in tags.found].count("img") == 1, "the icon in the bar"
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on") or name == "style"]
    assert all(href.startswith(("/", "#")) for href in tags.links())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800]", page)
    assert "1337" not in page


def test_control_and_bidi_characters_are_shown_visibly(start: Start, make_group: MakeGroup) -> None:
    review = start()
    review.evidence.groups["default"] = [make_group(sample="a\x1b[31m\u202eb\nc")]
    assert r"a\x1b[31m\u202eb\x0ac" in page_of(review, "/violations")


def test_no_page_needs_what_its_policy_forbids(shop: Any) -> None:
    browser = shop.logged_in()
    for address in (
        "/",
        "/violations?site=shop&noise=1",
        "/violations?site=shop&by=day",
        "/violations?site=nowhere",
        "/login?token=x",
    ):
        tags = Tags(browser.get(address).text)
        assert not {"style", "iframe", "object", "base"} & {tag for tag, _ in tags.found}
        for tag, attributes in tags.found:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            loaded = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
            assert loaded is None or loaded.startswith("/static/")


def test_static_files_have_their_content_in_their_name(review: Any) -> None:
    client = review.client()
    tags = Tags(client.get("/login").text)
    loaded = {str(attributes["href"]) for tag, attributes in tags.found if tag == "link"} | {SCRIPT}
    assert len(loaded) == 3
    for address in loaded:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].partition(";")[0] in {"text/css", "image/svg+xml", "text/javascript"}
        assert re.fullmatch(r"/static/[a-z]+\.[0-9a-f]{12}\.(css|svg|js)", address)
        stale = re.sub(r"[0-9a-f]{12}", "0" * 12, address)
        assert client.get(stale).status_code == 404


def test_the_script_runs_by_a_nonce_of_its_response_and_by_its_digest_alone(review: Any) -> None:
    client = review.client()
    nonces = set()
    for _ in range(3):
        answer = client.get("/login")
        [script] = [attributes for tag, attributes in Tags(answer.text).found if tag == "script"]
        digest = hashlib.sha384(client.get(script["src"]).content).digest()
        assert script["integrity"] == f"sha384-{base64.b64encode(digest).decode()}"
        policy = answer.headers["content-security-policy"]
        assert f"script-src 'nonce-{script['nonce']}';" in policy
        assert "require-trusted-types-for 'script'; trusted-types 'none'; report-uri /own-report" in policy
        nonces.add(script["nonce"])
    assert len(nonces) == 3


def test_what_breaks_our_own_policy_is_logged_once_a_reader_reports_it(
    review: Any, caplog: pytest.LogCaptureFixture
) -> None:
    body = report_body(effective_directive="style-src-elem", blocked_uri="https://evil.example/secret.css")
    headers = {"Content-Type": "application/csp-report"}
    assert review.client().post("/own-report", content=body, headers=headers).status_code == 401
    assert caplog.records == []
    reader = review.logged_in()
    assert reader.post("/own-report", content=body, headers=headers).status_code == 204
    [record] = caplog.records
    assert record.getMessage() == "a review page was kept from something by its own policy: style-src-elem"
    assert reader.post("/own-report", content=b"x" * 20_000, headers=headers).status_code == 413
    for nothing in (b"", b"{}", b"[]", b"[[[[", b'{"csp-report": 1}'):
        assert reader.post("/own-report", content=nothing, headers=headers).status_code == 204
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", ["..%2faccess.py", "review.css", "try.js", "%2e%2e/templates/base.html"])
def test_nothing_else_is_served_as_a_file(review: Any, name: str) -> None:
    assert review.client().get(f"/static/{name}").status_code == 404


# (method, path, headers, status): an answer of each kind
ANSWERS = [
    ("GET", "/", HTML, 303),
    ("GET", "/", {}, 401),
    ("HEAD", "/", HTML, 303),
    ("POST", "/", {}, 405),
    ("GET", "/login", HTML, 200),
    ("HEAD", "/login", HTML, 200),
    ("POST", "/login", {}, 403),
    ("POST", "/login", {"Sec-Fetch-Site": "same-origin"}, 415),
    ("POST", "/logout", {}, 403),
    ("GET", "/static/missing", {}, 404),
    ("GET", "/missing", {}, 404),
    ("GET", "/metrics", {}, 401),
    ("GET", "/login", {"Host": "evil.example"}, 400),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), ANSWERS)
def test_every_answer_carries_the_headers(
    review: Any, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = review.client().request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["permissions-policy"] == DENY_ALL_FEATURES
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert {*STRICT_POLICY.split("; "), "frame-ancestors 'none'"} <= set(policies[0].split("; "))


@pytest.mark.parametrize(
    ("error", "status"), [(EnvironmentFailedError("the database is away"), 503), (CspbuildError("migrate first"), 409)]
)
def test_an_operators_problem_is_a_page_saying_its_sentence(
    shop: Any, monkeypatch: pytest.MonkeyPatch, error: CspbuildError, status: int
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(shop.evidence, "sites", fail)
    answer = shop.logged_in().get("/")
    assert answer.status_code == status
    assert str(error) in text_of(answer.text)
    assert answer.headers["cache-control"] == "no-store"


def test_our_own_bug_shows_nothing_of_itself(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise LookupError("secret detail")

    monkeypatch.setattr(shop.evidence, "sites", fail)
    cookies = dict(shop.logged_in().cookies)
    client = TestClient(shop.app, base_url=BASE_URL, cookies=cookies, raise_server_exceptions=False)
    answer = client.get("/", headers=HTML)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == f"{STRICT_POLICY}; frame-ancestors 'none'"
