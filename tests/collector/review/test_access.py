from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from collector.review.access import LOGIN_LINK_SECONDS, SESSION_SECONDS, is_loopback_host
from collector.review.forms import MAX_FIELDS
from policybuilder.store.review_keys import MAX_KEYS_OF_A_KIND

BASE_URL = "http://127.0.0.1:8000"
ADMIN_TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

Start = Callable[..., Any]


def token_of(link: str) -> str:
    return link.partition("token=")[2]


def test_a_browser_without_a_session_is_sent_to_the_login_page(review: Any) -> None:
    answer = review.client().get("/", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login"
    assert answer.headers["cache-control"] == "no-store"


def test_the_login_page_lies_below_a_proxys_prefix(review: Any) -> None:
    client = TestClient(review.app, base_url=BASE_URL, follow_redirects=False, root_path="/csp")
    assert client.get("/csp/", headers=HTML).headers["location"] == "/csp/login"
    assert 'href="/csp/static/review.' in client.get("/csp/login").text


def test_a_script_without_a_token_is_told_how(review: Any) -> None:
    answer = review.client().get("/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="csp-collector"'
    assert answer.headers["cache-control"] == "no-store"


# (value of the Authorization header, status)
BEARER_CASES = [
    (f"Bearer {ADMIN_TOKEN}", 200),
    (f"bearer {ADMIN_TOKEN}", 200),
    (f"Bearer  {ADMIN_TOKEN} ", 200),
    (f"Basic {ADMIN_TOKEN}", 401),
    (ADMIN_TOKEN, 401),
    ("Bearer", 401),
    ("Bearer ", 401),
    ("Bearer wrong", 401),
    (f"Bearer {ADMIN_TOKEN}x", 401),
    (f"Bearer {ADMIN_TOKEN.upper()}", 401),
]


@pytest.mark.parametrize("path", ["/", "/metrics"])
@pytest.mark.parametrize(("authorization", "status"), BEARER_CASES)
def test_scripts_send_the_admin_token(start: Start, path: str, authorization: str, status: int) -> None:
    client = start(admin_token=ADMIN_TOKEN).client()
    assert client.get(path, headers={"Authorization": authorization}).status_code == status


@pytest.mark.parametrize("token", [None, ""])
@pytest.mark.parametrize("presented", ["Bearer", "Bearer ", "Bearer None"])
def test_without_an_admin_token_no_bearer_is_right(start: Start, token: str | None, presented: str) -> None:
    client = start(admin_token=token).client()
    assert client.get("/metrics", headers={"Authorization": presented}).status_code == 401


def test_metrics_want_the_token_even_of_a_session(start: Start) -> None:
    assert start(admin_token=ADMIN_TOKEN).logged_in().get("/metrics").status_code == 401


def test_a_wrong_bearer_is_not_saved_by_a_session(start: Start) -> None:
    browser = start(admin_token=ADMIN_TOKEN).logged_in()
    assert browser.get("/", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_the_login_link_shows_a_button_that_posts_its_token(review: Any) -> None:
    link = review.access.new_login_link(f"{BASE_URL}/")
    assert link.startswith(f"{BASE_URL}/login?token=")
    assert len(token_of(link)) >= 22
    answer = review.browser().get(link)
    assert answer.status_code == 200
    assert f'<input type="hidden" name="link_token" value="{token_of(link)}">' in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_the_login_link_works_once(review: Any) -> None:
    link = review.access.new_login_link(BASE_URL)
    first, second = review.browser(), review.browser()
    for _ in range(3):
        assert first.get(link).status_code == 200, "looking at the page does not use the link up"
    answer = first.post("/login", data={"link_token": token_of(link)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert first.get("/").status_code == 200
    again = second.post("/login", data={"link_token": token_of(link)})
    assert again.status_code == 403
    assert "used already" in again.text
    assert second.get("/").status_code == 303


def test_the_login_link_ends_after_ten_minutes(review: Any) -> None:
    link = review.access.new_login_link(BASE_URL)
    review.clock.now += LOGIN_LINK_SECONDS
    assert review.browser().post("/login", data={"link_token": token_of(link)}).status_code == 403
    link = review.access.new_login_link(BASE_URL)
    review.clock.now += LOGIN_LINK_SECONDS - 1
    assert review.browser().post("/login", data={"link_token": token_of(link)}).status_code == 303


def test_a_wrong_guess_leaves_the_link_alone_and_so_does_another_link(review: Any) -> None:
    old = review.access.new_login_link(BASE_URL)
    assert review.browser().post("/login", data={"link_token": "guess"}).status_code == 403
    new = review.access.new_login_link(BASE_URL)
    for link in (old, new):
        assert review.browser().post("/login", data={"link_token": token_of(link)}).status_code == 303


def test_every_process_of_the_service_knows_sessions_and_links(start: Start) -> None:
    one, other = start(), start()
    session_id = one.logged_in().cookies["csp_session"]
    assert other.browser().get("/", headers={"Cookie": f"csp_session={session_id}"}).status_code == 200
    link = one.access.new_login_link(BASE_URL)
    assert other.browser().post("/login", data={"link_token": token_of(link)}).status_code == 303
    assert one.browser().post("/login", data={"link_token": token_of(link)}).status_code == 403


def test_a_get_never_logs_in(review: Any) -> None:
    browser = review.browser()
    assert "set-cookie" not in browser.get(review.access.new_login_link(BASE_URL)).headers
    assert browser.get("/").status_code == 303


def test_the_admin_token_logs_a_browser_in(start: Start) -> None:
    browser = start(admin_token=ADMIN_TOKEN).browser()
    assert "CSP_ADMIN_TOKEN" in browser.get("/login").text
    assert browser.post("/login", data={"admin_token": "wrong"}).status_code == 403
    assert browser.post("/login", data={"admin_token": ADMIN_TOKEN}).status_code == 303
    assert browser.get("/").status_code == 200
    assert browser.get("/login").headers["location"] == "/"


@pytest.mark.parametrize("form", ["", "admin_token=", "admin_token=None", "link_token=", "link_token=&admin_token="])
@pytest.mark.parametrize("admin_token", [None, ADMIN_TOKEN])
def test_nothing_is_no_token(start: Start, admin_token: str | None, form: str) -> None:
    browser = start(admin_token=admin_token).browser()
    answer = browser.post("/login", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 403


def test_the_cookie_over_https_has_the_host_prefix(review: Any) -> None:
    browser = review.browser("https://csp.example.com")
    link = review.access.new_login_link("https://csp.example.com")
    cookie = browser.post("/login", data={"link_token": token_of(link)}).headers["set-cookie"]
    name, _, attributes = cookie.partition("=")
    assert name == "__Host-csp_session"
    parts = {part.strip().lower() for part in attributes.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=strict", "secure"}
    assert browser.get("/").status_code == 200


def test_the_cookie_on_loopback_has_another_name(review: Any) -> None:
    browser = review.browser()
    link = review.access.new_login_link(BASE_URL)
    cookie = browser.post("/login", data={"link_token": token_of(link)}).headers["set-cookie"]
    assert cookie.startswith("csp_session=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=strict"}


def test_plain_http_from_elsewhere_cannot_log_in(start: Start) -> None:
    review = start(admin_token=ADMIN_TOKEN)
    browser = review.browser("http://csp.example.com")
    page = browser.get("/login")
    assert page.status_code == 403
    assert "over https" in page.text
    assert "<form" not in page.text
    answer = browser.post("/login", data={"admin_token": ADMIN_TOKEN})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_session_of_one_kind_of_cookie_is_none_of_the_other(review: Any) -> None:
    session_id = review.logged_in().cookies["csp_session"]
    for base_url, name in [("https://csp.example.com", "csp_session"), (BASE_URL, "__Host-csp_session")]:
        answer = review.browser(base_url).get("/", headers={"Cookie": f"{name}={session_id}"})
        assert answer.status_code == 303


def test_a_session_ends_by_itself(review: Any) -> None:
    browser = review.logged_in()
    review.clock.now += SESSION_SECONDS - 1
    assert browser.get("/").status_code == 200
    review.clock.now += 1
    assert browser.get("/").status_code == 303


def test_logging_in_again_changes_the_session(review: Any) -> None:
    browser = review.logged_in()
    first = browser.cookies["csp_session"]
    browser.post("/login", data={"link_token": token_of(review.access.new_login_link(BASE_URL))})
    assert browser.cookies["csp_session"] != first
    assert review.browser().get("/", headers={"Cookie": f"csp_session={first}"}).status_code == 303


def test_sessions_are_bounded_and_the_oldest_gives_way(review: Any) -> None:
    browsers = []
    for _ in range(MAX_KEYS_OF_A_KIND + 1):
        browsers.append(review.logged_in())
        review.clock.now += 1
    assert browsers[0].get("/").status_code == 303
    assert browsers[1].get("/").status_code == 200
    assert browsers[-1].get("/").status_code == 200


def test_secrets_are_not_kept(start: Start, tmp_path: Path) -> None:
    review = start(admin_token=ADMIN_TOKEN)
    session_id = review.logged_in().cookies["csp_session"]
    token = token_of(review.access.new_login_link(BASE_URL))
    files = b"".join(file.read_bytes() for file in tmp_path.glob("keys.db*"))
    assert b"session" in files
    kept = repr(vars(review.access)) + files.decode("latin-1")
    assert ADMIN_TOKEN not in kept
    assert session_id not in kept
    assert token not in kept


def csrf_token_of(browser: TestClient) -> str:
    page = browser.get("/").text
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_logging_out_needs_the_sessions_csrf_token(review: Any) -> None:
    browser = review.logged_in()
    for data in ({"csrf_token": "wrong"}, {"csrf_token": ""}, {"other": "x"}):
        assert browser.post("/logout", data=data).status_code == 403
    other = csrf_token_of(review.logged_in())
    assert browser.post("/logout", data={"csrf_token": other}).status_code == 403
    assert browser.get("/").status_code == 200


def test_logging_out_ends_the_session_itself(review: Any) -> None:
    browser = review.logged_in()
    session_id = browser.cookies["csp_session"]
    answer = browser.post("/logout", data={"csrf_token": csrf_token_of(browser)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "csp_session" not in browser.cookies
    assert review.browser().get("/", headers={"Cookie": f"csp_session={session_id}"}).status_code == 303


# (Origin, Sec-Fetch-Site, accepted?)
ORIGIN_CASES = [
    (BASE_URL, None, True),
    (BASE_URL, "same-origin", True),
    ("null", "same-origin", True),  # Chromium and Firefox, from a page that sends no referrer
    (None, "same-origin", True),
    (None, None, False),
    ("null", None, False),
    ("null", "cross-site", False),  # a sandboxed frame
    ("http://127.0.0.1:9000", None, False),
    ("http://localhost:8000", None, False),
    ("https://127.0.0.1:8000", None, False),
    ("https://evil.example", None, False),
    ("https://evil.example", "same-origin", False),
    (BASE_URL, "same-site", False),
    (BASE_URL, "cross-site", False),
    (BASE_URL, "none", False),
]


@pytest.mark.parametrize(("origin", "site", "accepted"), ORIGIN_CASES)
def test_forms_are_taken_from_this_origin_alone(
    start: Start, origin: str | None, site: str | None, *, accepted: bool
) -> None:
    client = start(admin_token=ADMIN_TOKEN).client()
    headers = {name: value for name, value in [("Origin", origin), ("Sec-Fetch-Site", site)] if value is not None}
    answer = client.post("/login", data={"admin_token": ADMIN_TOKEN}, headers=headers)
    assert answer.status_code == (303 if accepted else 403)
    assert ("set-cookie" in answer.headers) is accepted


@pytest.mark.parametrize(("origin", "site", "accepted"), ORIGIN_CASES)
def test_logging_out_is_asked_for_from_this_origin_alone(
    review: Any, origin: str | None, site: str | None, *, accepted: bool
) -> None:
    browser = review.logged_in()
    data = {"csrf_token": csrf_token_of(browser)}
    del browser.headers["Origin"]
    headers = {name: value for name, value in [("Origin", origin), ("Sec-Fetch-Site", site)] if value is not None}
    assert browser.post("/logout", data=data, headers=headers).status_code == (303 if accepted else 403)
    assert browser.get("/").status_code == (303 if accepted else 200)


def test_guessing_is_slowed_down_for_one_network_alone(start: Start) -> None:
    networks = iter(["a", "a", "a", "a", "a", "b", "b", "b", "a", "a"])
    current: list[str] = []
    review = start(admin_token=ADMIN_TOKEN, client_network=lambda _request: current[0])
    browser = review.browser()
    statuses = []
    for network in networks:
        current[:] = [network]
        statuses.append(browser.post("/login", data={"admin_token": "wrong"}).status_code)
    assert statuses == [403, 403, 403, 429, 429, 403, 403, 403, 429, 429]
    current[:] = ["a"]
    refused = browser.post("/login", data={"admin_token": "wrong"})
    assert refused.headers["retry-after"] == "10"
    assert refused.headers["cache-control"] == "no-store"
    review.clock.now += 10
    assert browser.post("/login", data={"admin_token": "wrong"}).status_code == 403


def test_wrong_answers_of_a_shared_network_lock_neither_the_right_token_nor_the_link_out(start: Start) -> None:
    review = start(admin_token=ADMIN_TOKEN)
    guesser = review.browser()
    statuses = [guesser.post("/login", data={"admin_token": "wrong"}).status_code for _ in range(4)]
    assert statuses == [403, 403, 403, 429]
    link_token = token_of(review.access.new_login_link(BASE_URL))
    for right in ({"admin_token": ADMIN_TOKEN}, {"link_token": link_token}):
        assert review.browser().post("/login", data=right).status_code == 303
    assert review.browser().post("/login", data={"link_token": link_token}).status_code == 429


def test_links_and_bearers_share_the_limit(start: Start) -> None:
    review = start(admin_token=ADMIN_TOKEN)
    browser = review.browser()
    browser.post("/login", data={"link_token": "guess"})
    browser.post("/login", data={"admin_token": "guess"})
    assert browser.get("/metrics", headers={"Authorization": "Bearer guess"}).status_code == 401
    refused = browser.get("/metrics", headers={"Authorization": "Bearer guess"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert browser.post("/login", data={"link_token": "guess"}).status_code == 429


def test_wrong_bearers_of_a_shared_network_do_not_lock_the_right_one_out(start: Start) -> None:
    client = start(admin_token=ADMIN_TOKEN).client()
    wrong = {"Authorization": "Bearer wrong"}
    statuses = [client.get("/metrics", headers=headers).status_code for headers in [wrong] * 5 + [BEARER, wrong]]
    assert statuses == [401, 401, 401, 429, 429, 200, 429]


def test_those_who_know_the_token_are_not_slowed_down(start: Start) -> None:
    client = start(admin_token=ADMIN_TOKEN).client()
    assert {client.get("/metrics", headers=BEARER).status_code for _ in range(50)} == {200}


# (body, content type, status)
FORM_CASES: list[tuple[bytes, str, int]] = [
    (b"admin_token=" + ADMIN_TOKEN.encode(), "application/x-www-form-urlencoded; charset=utf-8", 303),
    (b"admin_token=" + ADMIN_TOKEN.encode(), "text/plain", 415),
    (b'{"admin_token": "' + ADMIN_TOKEN.encode() + b'"}', "application/json", 415),
    (b"admin_token=" + b"x" * 17_000, "application/x-www-form-urlencoded", 413),
    (b"&".join([b"a=b"] * (MAX_FIELDS + 1)), "application/x-www-form-urlencoded", 400),
    (b"admin_token=\xff\xfe", "application/x-www-form-urlencoded", 400),
    (b"admin_token=%ff%00%f0%9f", "application/x-www-form-urlencoded", 403),
    (b"admin_token=%ED%A0%80", "application/x-www-form-urlencoded", 403),
    (b"", "application/x-www-form-urlencoded", 403),
]


@pytest.mark.parametrize(("body", "content_type", "status"), FORM_CASES)
def test_forms_are_read_with_bounds(start: Start, body: bytes, content_type: str, status: int) -> None:
    browser = start(admin_token=ADMIN_TOKEN).browser()
    answer = browser.post("/login", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ['"><script>alert(1)</script>', "\u202e\x1b", "{{ 7 * 7 }}"])
def test_a_hostile_token_is_shown_as_text(review: Any, token: str) -> None:
    page = review.browser().get(f"/login?{urlencode({'token': token})}").text
    assert page.count("<script") == page.count('<script src="/static/review.') == 1, "our own"
    assert "49" not in page.partition("<main")[2]


# (Host, loopback?)
LOOPBACK_CASES = [
    ("127.0.0.1:8000", True),
    ("127.8.9.1", True),
    ("localhost", True),
    ("LOCALHOST:8000", True),
    ("csp.localhost:8000", True),
    ("[::1]:8000", True),
    ("example.com", False),
    ("localhost.example.com", False),
    ("127.0.0.1.example.com", False),
    ("evil@localhost", False),
    ("10.0.0.1", False),
    ("0.0.0.0", False),  # noqa: S104 -- read, not bound
    ("[::]", False),
    ("[::1", False),
    ("", False),
]


@pytest.mark.parametrize(("host", "expected"), LOOPBACK_CASES)
def test_loopback_is_told_by_name(host: str, *, expected: bool) -> None:
    assert is_loopback_host(host) is expected
