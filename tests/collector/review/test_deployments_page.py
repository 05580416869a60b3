"""What the site serves and served, recording it, and going back; on both databases."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.review.deployments_page import MAX_CHAPTERS
from collector.review.keeper import SiteKeeper
from collector.review.stored import StoredReview
from policybuilder.csp import Disposition
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.store.deployments import read_deployments, record_deployment
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import add_site, ensure_default_site, get_site, rotate_site
from policybuilder.times import isoformat
from tests.collector.review.shop import BASE_URL, Shop
from tests.support.evidence import ORIGIN, make_observation, make_violation, record_observations

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
ENFORCE, REPORT = ServedStage.ENFORCE, ServedStage.REPORT_ONLY
HOSTILE = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"
NARROW, WIDE = "default-src 'none'; img-src 'self'", "default-src 'none'; img-src 'self' https://cdn.example"


@pytest.fixture
def shop(engine: Engine, start: Callable[..., Any]) -> Shop:
    ensure_default_site(engine, NOW - 30 * DAY)
    add_site(engine, "other", ["other.example"], NOW)
    review = start(evidence=StoredReview(engine, BASE_URL, lambda _: None), keeper=SiteKeeper(engine, BASE_URL))
    return Shop(engine, review.logged_in(), review.browser())


def deploy(shop: Shop, policy: str, stage: ServedStage, *, days_ago: int, **known: Any) -> Deployment:
    since_at = NOW - days_ago * DAY
    return record_deployment(shop.engine, "default", policy=policy, stage=stage, since_at=since_at, **known)


def recorded(shop: Shop, site: str = "default") -> tuple[Deployment, ...]:
    with snapshot(shop.engine) as connection:
        return read_deployments(connection, site)


def report(shop: Shop, policy: str, *, is_trusted: bool = False, networks: int = 1, days_ago: int = 1) -> None:
    violation = make_violation("img-src", f"{ORIGIN}/a.png", original_policy=policy, disposition=Disposition.ENFORCE)
    at = NOW - days_ago * DAY
    observations = (
        make_observation(violation, seen_at=at, is_trusted=is_trusted, network=f"10.0.{number}.0/24")
        for number in range(networks)
    )
    record_observations(shop.engine, *observations, now=at)


def section(shop: Shop, heading: str, address: str = "/deployments") -> str:
    """The text below a heading with this id, on one line."""
    page = shop.page(address)
    part = re.search(rf'<section[^>]*aria-labelledby="{heading}">(.*?)</section>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part[1])).split()) if part else ""


def test_a_site_that_serves_nothing_says_so(shop: Shop) -> None:
    text = shop.text("/deployments")
    assert "Nothing is recorded, and nothing was noticed" in text
    assert "there is nothing to go back from" in text
    assert "Nothing was served yet" in text


def test_what_is_served_now_and_what_each_policy_changed_is_told(shop: Shop) -> None:
    deploy(shop, WIDE, ENFORCE, days_ago=9, note="the first", views_per_day=1234)
    deploy(shop, NARROW, REPORT, days_ago=5)
    now = section(shop, "now")
    assert "Enforced since" in now
    assert "1,234 views a day" in now
    assert "the first" in now
    assert "On trial since" in now
    deploy(shop, NARROW, ENFORCE, days_ago=2)
    page = shop.text("/deployments")
    assert page.index("recorded, no. 3") < page.rindex("recorded, no. 2") < page.rindex("recorded, no. 1")
    assert "tighter It admits less than the one before it, and nothing more." in page
    assert "img-src tighter removed https://cdn.example Images" in page
    assert f"It was tried report-only since {NOW - 5 * DAY:%Y-%m-%d}" in page
    assert f"until {NOW - 2 * DAY:%Y-%m-%d}" in page


def test_a_probe_and_a_policy_that_only_observes_are_told_from_a_trial(shop: Shop) -> None:
    deploy(shop, "default-src 'none'", REPORT, days_ago=9)
    assert "Report-only since" in section(shop, "now")
    deploy(shop, WIDE, ENFORCE, days_ago=5)
    deploy(shop, "img-src 'self'", REPORT, days_ago=2)
    assert "Probe since" in section(shop, "now")


def test_a_long_policy_is_folded_and_a_short_one_is_not(shop: Shop) -> None:
    deploy(shop, NARROW, ENFORCE, days_ago=2)
    assert '<details class="policy">' not in shop.page("/deployments")
    deploy(shop, f"img-src {' '.join(f'https://{number}.example' for number in range(40))}", ENFORCE, days_ago=1)
    assert shop.page("/deployments").count('<details class="policy">') == 2, "served now, and in the history"


def test_a_long_history_is_read_in_portions(shop: Shop) -> None:
    for number in range(MAX_CHAPTERS + 2):
        deploy(shop, f"img-src https://{number}.example", ENFORCE, days_ago=100 - number)
    first = shop.page("/deployments")
    address = html.unescape(re.findall(r'<a href="([^"]+)" rel="next">', first)[0])
    assert "2 more" in shop.text("/deployments")
    rest = shop.page(address)
    assert rest.count("recorded, no. ") - 1 == 2, "and the one that is served now"
    assert 'rel="next"' not in rest
    assert "To the newest" in rest
    assert shop.browser.get("/deployments?before=-1").status_code == 404
    assert "Nothing was served yet" in shop.text("/deployments?before=999999")


def test_a_policy_that_own_reports_name_is_recorded_by_one_click_and_a_button(shop: Shop) -> None:
    report(shop, NARROW, is_trusted=True)
    assert "your own reports came under it" in section(shop, "noticed")
    assert "noticed in reports" in section(shop, "now")
    address = html.unescape(re.findall(r'href="([^"]+)">Record it<', shop.page("/deployments"))[0])
    form = shop.page(address.partition("#")[0])
    assert f"{NARROW}</textarea>".replace("'", "&#39;") in form
    assert '<option value="enforce" selected>' in form
    since = re.findall(r'name="since" value="([^"]+)"', form)[0]
    answer = shop.post("/deployments", policy=NARROW, stage="enforce", since=since, views="", note="noticed in reports")
    assert answer.status_code == 303
    assert "The deployment is recorded" in shop.text(answer.headers["location"])
    [kept] = recorded(shop)
    assert (kept.policy, kept.stage, kept.since_at, kept.note) == (NARROW, ENFORCE, NOW - DAY, "noticed in reports")
    assert section(shop, "noticed") == ""
    assert shop.browser.get(address.partition("#")[0]).status_code == 404, "it is recorded by now"


def test_a_policy_that_only_strangers_name_fills_in_no_form(shop: Shop) -> None:
    for days_ago in (3, 2, 1):
        report(shop, NARROW, networks=150, days_ago=days_ago)
    assert "anybody can claim a policy" in section(shop, "noticed")
    assert ">Record it<" not in shop.page("/deployments")


# (fields, what is kept of them)
KEPT: list[tuple[dict[str, str], tuple[Any, ...]]] = [
    ({"policy": NARROW, "stage": "enforce"}, (ENFORCE, NARROW, None, "")),
    ({"policy": f" Content-Security-Policy: {NARROW}\n", "stage": "report-only"}, (REPORT, NARROW, None, "")),
    (
        {"policy": "img-src a,\r\nfont-src b", "stage": "enforce", "views": " 12000 ", "note": HOSTILE},
        (ENFORCE, "img-src a, font-src b", 12000, HOSTILE),
    ),
    ({"policy": f"img-src {HOSTILE}", "stage": "enforce"}, (ENFORCE, f"img-src {HOSTILE}", None, "")),
    ({"policy": f"img-src {'a' * 20_000}", "stage": "enforce"}, (ENFORCE, f"img-src {'a' * 20_000}", None, "")),
]


@pytest.mark.parametrize(("fields", "kept"), KEPT)
def test_a_deployment_is_recorded_as_it_was_typed(shop: Shop, fields: dict[str, str], kept: tuple[Any, ...]) -> None:
    assert shop.post("/deployments", **fields).status_code == 303
    [found] = recorded(shop)
    assert (found.stage, found.policy, found.views_per_day, found.note) == kept
    assert timedelta() <= datetime.now(UTC) - found.since_at < timedelta(minutes=1)
    page = shop.page("/deployments")
    assert "<script>" not in page
    assert "<img src=x" not in page
    assert recorded(shop, "other") == ()


def test_a_policy_with_oddities_is_recorded_and_they_are_told(shop: Shop) -> None:
    answer = shop.post("/deployments", policy="img-src a; img-src b", stage="enforce")
    assert "Its text has oddities" in shop.text(answer.headers["location"])
    assert len(recorded(shop)) == 1


# (fields, what the page says)
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"policy": ""}, "An empty policy is none"),
    ({"policy": " ; , "}, "An empty policy is none"),
    ({"policy": "img-src a\0b"}, "An empty policy is none"),
    ({"note": "x" * 501}, "The note has 501 characters"),
    ({"note": "a\0b"}, "NUL character"),
    ({"stage": ""}, "Choose how it is served"),
    ({"stage": HOSTILE}, "Choose how it is served"),
    ({"since": "soon"}, "'soon' is no time"),
    ({"since": HOSTILE}, "is no time"),
    ({"since": isoformat(NOW + 2 * DAY)}, "is yet to come"),
    ({"views": "0"}, "is no number of page views a day"),
    ({"views": "-3"}, "is no number of page views a day"),
    ({"views": "9" * 5000}, "is no number of page views a day"),
    ({"views": "many"}, "is no number of page views a day"),
]


@pytest.mark.parametrize(("fields", "says"), REFUSED)
def test_what_cannot_be_recorded_is_said_and_all_that_was_typed_stays(
    shop: Shop, fields: dict[str, str], says: str
) -> None:
    typed = {"policy": NARROW, "stage": "enforce", "note": "my note", "views": "77", **fields}
    answer = shop.post("/deployments", **typed)
    assert answer.status_code == 409
    assert says in html.unescape(answer.text)
    assert 'role="alert"' in answer.text
    assert recorded(shop) == ()
    for name, value in typed.items():
        if name != "stage":
            assert value in html.unescape(answer.text), name
    assert "<img src=x" not in answer.text


def test_the_last_good_headers_are_there_to_copy_and_recorded_again(shop: Shop) -> None:
    deploy(shop, WIDE, ENFORCE, days_ago=9)
    deploy(shop, NARROW, ENFORCE, days_ago=2)
    back = section(shop, "back")
    key = get_site(shop.engine, "default").key
    assert f"Content-Security-Policy: {WIDE}; report-uri {BASE_URL}/report/{key}" in back
    assert "add_header Content-Security-Policy" in back
    assert "Stop sending Content-Security-Policy-Report-Only" in back
    answer = shop.post("/deployments/rollback", left="2")
    assert answer.status_code == 303
    assert "serves these headers again" in shop.text(answer.headers["location"])
    last = recorded(shop)[-1]
    assert (last.stage, last.policy, last.note) == (ENFORCE, WIDE, "went back from deployment 2")
    assert "no policy was enforced before it" in section(shop, "back"), "going back twice goes further back"
    assert shop.post("/deployments/rollback", left="2").status_code == 409, "sent twice, it goes back once"
    assert len(recorded(shop)) == 3
    assert shop.post("/deployments/rollback", left="3").status_code == 303
    assert recorded(shop)[-1].policy == ""
    assert "the header is not sent" in shop.text("/deployments")
    for left in ("3", "4", "", HOSTILE):
        assert shop.post("/deployments/rollback", left=left).status_code == 409
    assert len(recorded(shop)) == 4


def test_going_back_several_times_at_once_goes_back_once(shop: Shop) -> None:
    deploy(shop, WIDE, ENFORCE, days_ago=9)
    deploy(shop, NARROW, ENFORCE, days_ago=2)
    keeper = SiteKeeper(shop.engine, BASE_URL)

    def go_back(_number: int) -> bool:
        try:
            keeper.record_way_back("default", "2")
        except CspbuildError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(go_back, range(16))) == 1
    assert len(recorded(shop)) == 3


def test_headers_that_cannot_be_sent_are_said_to_be_so(shop: Shop) -> None:
    deploy(shop, "img-src ü", ENFORCE, days_ago=9)
    deploy(shop, NARROW, ENFORCE, days_ago=2)
    assert "What was recorded cannot be sent" in section(shop, "back")


def test_a_site_without_a_live_key_has_no_headers_to_go_back_to(shop: Shop) -> None:
    deploy(shop, WIDE, ENFORCE, days_ago=9)
    deploy(shop, NARROW, ENFORCE, days_ago=2)
    rotate_site(shop.engine, "default", rehearsal=False, revoke_old=True, now=NOW)
    assert "/report/default" not in section(shop, "back"), "it is revoked"


def test_nobody_else_records(shop: Shop) -> None:
    deploy(shop, WIDE, ENFORCE, days_ago=9)
    token = shop.csrf_token()
    fields = {"site": "default", "policy": NARROW, "stage": "enforce", "left": "1"}
    for path in ("/deployments", "/deployments/rollback"):
        assert shop.browser.post(path, data=fields).status_code == 403, "without the form's token"
        assert shop.browser.post(path, data={**fields, "csrf_token": "wrong"}).status_code == 403
        elsewhere = {"Origin": "https://evil.example"}
        answer = shop.browser.post(path, data={**fields, "csrf_token": token}, headers=elsewhere)
        assert answer.status_code == 403, "from another site's page"
        assert shop.stranger.post(path, data={**fields, "csrf_token": token}).status_code == 401
        assert shop.post(path, **{**fields, "site": "nowhere"}).status_code == 404
    assert len(recorded(shop)) == 1
    assert shop.stranger.get("/deployments").status_code == 303, "to the login"
