"""Who may ask the interface, from where, and how; and what everybody else is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from collector.review.keys import StoredKeys
from policybuilder.errors import EnvironmentFailedError
from tests.collector.review.api.asking import ADMIN_TOKEN, BASE_URL

BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
JSON = {"Content-Type": "application/json"}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DECISIONS = "/api/sites/default/decisions"
DECISION = {"action": "reject", "subject": "a"}
PATHS = ["/api", "/api/", "/api/openapi.json", "/api/session", "/api/sites", DECISIONS, "/api/nothing"]

Start = Callable[..., Any]


class Sites:
    """A service that knows two sites and no more."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.written: list[str] = []

    def sites(self) -> list[str]:
        if self.failure:
            raise self.failure
        return ["default"]

    def registered(self) -> list[Any]:
        return []

    def decide(self, site: str, *_: Any, **__: Any) -> Any:
        self.written.append(site)
        raise EnvironmentFailedError("not here")


@pytest.fixture
def sites() -> Sites:
    return Sites()


@pytest.fixture
def client(start: Start, sites: Sites) -> TestClient:
    found: TestClient = start(admin_token=ADMIN_TOKEN, evidence=sites).client()
    return found


def test_nobody_is_answered_without_a_key(client: TestClient) -> None:
    for path in PATHS:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            answer = client.request(method, path, headers=HTML)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["www-authenticate"] == 'Bearer realm="csp-collector"'
            assert answer.headers["cache-control"] == "no-store"
            assert "location" not in answer.headers


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Basic eA==", ADMIN_TOKEN, "Bearer \u00fc".encode()]
)
def test_a_wrong_key_is_none(client: TestClient, authorization: Any) -> None:
    answer = client.get("/api/sites", headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()) == (401, {"error": "send Authorization: Bearer TOKEN"})


def test_guessing_is_slowed_down_and_the_right_key_is_not(client: TestClient) -> None:
    for _ in range(3):
        assert client.get("/api/sites", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = client.get("/api/sites", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()) == (429, {"error": "too many wrong tokens"})
    assert int(answer.headers["retry-after"]) > 0
    assert client.get("/api/sites", headers=BEARER).status_code == 200


def test_a_body_is_not_read_for_nobody(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b"{"
        raise AssertionError("read")

    assert client.post(DECISIONS, content=body(), headers=JSON).status_code == 401


class Browser:
    """A page's script of somebody who is logged in."""

    def __init__(self, start: Start, sites: Sites) -> None:
        self.client = start(admin_token=ADMIN_TOKEN, evidence=sites).logged_in()
        self.token = self.client.get("/api/session").json()["csrf_token"]

    def write(self, headers: dict[str, str]) -> int:
        for name in ("Origin", "Accept"):
            self.client.headers.pop(name, None)
        status: int = self.client.post(DECISIONS, json=DECISION, headers=headers).status_code
        return status


def test_a_session_writes_from_our_own_pages_alone(start: Start, sites: Sites) -> None:
    browser = Browser(start, sites)
    own = {"Origin": BASE_URL, "X-CSRF-Token": browser.token}
    fetched = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": browser.token}
    refused = [
        {},
        {"X-CSRF-Token": browser.token},
        {"Origin": BASE_URL},
        {"Origin": BASE_URL, "X-CSRF-Token": ""},
        {"Origin": BASE_URL, "X-CSRF-Token": "wrong"},
        {**own, "X-CSRF-Token": browser.token.lower() + "x"},
        {**own, "Origin": "https://evil.example"},
        {**own, "Origin": "null"},
        {**own, "Sec-Fetch-Site": "cross-site"},
        {**own, "Sec-Fetch-Site": "same-site"},
        {**own, "Sec-Fetch-Site": "none"},
        {**fetched, "Origin": "https://evil.example"},
    ]
    for headers in refused:
        assert browser.write(headers) == 403, headers
    assert sites.written == []
    for headers in (own, fetched, {**own, **fetched}):
        assert browser.write(headers) == 503, "so far it comes"
    assert len(sites.written) == 3


def test_a_session_reads_and_learns_its_token(start: Start, sites: Sites) -> None:
    browser = start(admin_token=ADMIN_TOKEN, evidence=sites).logged_in()
    session = browser.get("/api/session").json()
    assert (session["schema"], session["login"]) == ("session/1", "session")
    assert len(session["csrf_token"]) > 20
    assert session["expires_at"] == "1970-01-01T12:16:40Z"
    assert browser.get("/api/session", headers=BEARER).json()["csrf_token"] is None
    assert browser.get("/api/sites", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_head_is_get_without_a_body(client: TestClient) -> None:
    for path in ("/api/sites", "/api", "/api/nothing", "/api/openapi.json", "/api/sites/nowhere/status"):
        got = client.get(path, headers=BEARER)
        head = client.head(path, headers=BEARER)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
        assert head.headers["content-type"] == got.headers["content-type"]


WRONG_METHODS = [
    ("PUT", DECISIONS, "GET, HEAD, POST"),
    ("OPTIONS", DECISIONS, "GET, HEAD, POST"),
    ("DELETE", "/api/sites", "GET, HEAD"),
    ("GET", f"{DECISIONS}/1/undo", "POST"),
    ("POST", "/api", "GET, HEAD"),
]


@pytest.mark.parametrize(("method", "path", "allowed"), WRONG_METHODS)
def test_a_wrong_method_is_told_the_right_ones(client: TestClient, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path, headers=BEARER)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"error": "this is not answered in that way; Allow says in which"}
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path", ["/api/", "/api/nothing", "/api/sites/", "/api//sites", "/api/sites/a/b/c", "/api/%00"]
)
def test_what_there_is_not_is_said_in_json(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={**BEARER, **HTML})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert answer.json() == {"error": "there is nothing here; GET /api/openapi.json says what there is"}


TYPES = ["text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonp", "", "application/json+x"]


@pytest.mark.parametrize("media_type", TYPES)
def test_a_body_is_json_and_says_so(client: TestClient, media_type: str) -> None:
    answer = client.post(DECISIONS, content=b'{"action": "reject"}', headers={**BEARER, "Content-Type": media_type})
    assert answer.status_code == 415
    packed = {**BEARER, **JSON, "Content-Encoding": "gzip"}
    assert client.post(DECISIONS, content=b"{}", headers=packed).status_code == 415


BODIES = [
    *(b"", b"{", b"[", b"nul", b"\xff\xfe", b"{}{}", b'{"action": "allow", "subject": "\xff"}', b"NaN"),
    *(b'{"action": "reject", "subject": "\\ud800"}', b'{"action": "\\ud800"}', b'{"\\ud800": 1, "action": "reject"}'),
    *(b'"\\ud800"', b"[" * 60_000, b'{"a":' * 12_000, b"1" * 60_000, b'{"action": ' + b"1" * 5_000 + b"}"),
    b'{"action": "reject", "subject": "a", "subject": null}',
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:24]))
def test_a_strange_body_is_refused_in_json(client: TestClient, sites: Sites, body: bytes) -> None:
    answer = client.post(DECISIONS, content=body, headers={**BEARER, "Content-Type": "application/json; charset=utf-8"})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["where"].startswith("body")
    assert isinstance(answer.json()["error"], str)
    assert len(answer.content) < 5_000
    assert sites.written == []


def test_a_large_body_is_refused_before_its_end(client: TestClient) -> None:
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 10_000
            yield b" " * 10_000

    for content in (body(), b" " * 70_000):
        answer = client.post(DECISIONS, content=content, headers={**BEARER, **JSON})
        assert (answer.status_code, answer.json()) == (413, {"error": "the body is larger than 65536 bytes"})
    assert client.post("/api/nothing", content=b" " * 70_000, headers={**BEARER, **JSON}).status_code == 413


def test_thousands_of_mistakes_are_not_told_one_by_one(client: TestClient) -> None:
    body = {"action": "reject", **dict.fromkeys(map(str, range(5_000)))}
    answer = client.post(DECISIONS, json=body, headers=BEARER)
    assert (answer.status_code, len(answer.json()["problems"])) == (422, 20)


def test_sessions_that_cannot_be_read_are_said(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = start(admin_token=ADMIN_TOKEN, evidence=Sites()).logged_in()

    def fail(*_: Any) -> None:
        raise EnvironmentFailedError("the database does not answer")

    monkeypatch.setattr(StoredKeys, "session", fail)
    answer = browser.get("/api/session")
    assert (answer.status_code, answer.json()) == (503, {"error": "the database does not answer"})


def test_what_was_sent_wrong_is_not_sent_back(client: TestClient) -> None:
    secret = "hunter2-hunter2"
    for body in ({"action": secret}, {"action": "reject", "subject": [secret]}, {"action": "class", "subject": secret}):
        assert secret not in client.post(DECISIONS, json=body, headers=BEARER).text
    assert secret not in client.get(f"/api/sites/default/summary?limit={secret}&by={secret}", headers=BEARER).text


QUERIES = [
    ("summary?limit=0", "query limit: "),
    ("summary?limit=10001", "query limit: "),
    ("summary?by=nothing", "query by: "),
    ("summary?noise=perhaps", "query noise: "),
    ("summary?since=7d", "query since: there is no such member"),
    ("news", "query since: "),
    ("news?since=", "query since: "),
    ("news?since=soon", "query since: 'soon' is no span of time"),
    ("violations?limit=1001", "query limit: "),
    (f"violations?q={'x' * 201}", "query q: "),
    ("violations?q=%00", "query q: "),
    ("violations?kind=bad", "query kind: "),
    ("violations?decision=undo", "query decision: write one of none, allow, "),
    ("violations?disposition=block", "query disposition: "),
    ("violations?after=there", "query after: "),
    ("violations?after=1.1.", "query after: "),
    ("decisions?all=maybe", "query all: "),
]


@pytest.mark.parametrize(("query", "says"), QUERIES)
def test_what_is_asked_wrong_is_said(client: TestClient, query: str, says: str) -> None:
    answer = client.get(f"/api/sites/default/{query}", headers=BEARER)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(says)
    assert [f"{each['where']}: {each['what']}" for each in answer.json()["problems"]] == [answer.json()["error"]]


def test_a_database_that_fails_is_said(start: Start) -> None:
    failing = Sites(EnvironmentFailedError("the database does not answer"))
    client = start(admin_token=ADMIN_TOKEN, evidence=failing).client()
    answer = client.get("/api/sites/default/status", headers=BEARER)
    assert (answer.status_code, answer.json()) == (503, {"error": "the database does not answer"})


def test_a_bug_of_ours_is_told_without_its_words(start: Start) -> None:
    review = start(admin_token=ADMIN_TOKEN, evidence=Sites(RuntimeError("hunter2")))
    client = TestClient(review.app, base_url=BASE_URL, raise_server_exceptions=False)
    answer = client.get("/api/sites/default/status", headers=BEARER)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/json")
    assert answer.json() == {"error": "something went wrong here; the log says what"}
    with pytest.raises(RuntimeError):
        review.client().get("/api/sites/default/status", headers=BEARER)


def test_another_host_reaches_nothing(client: TestClient) -> None:
    assert client.get("/api/sites", headers={**BEARER, "Host": "evil.example"}).status_code == 400


def test_below_a_proxys_prefix_all_is_the_same(start: Start, sites: Sites) -> None:
    review = start(admin_token=ADMIN_TOKEN, evidence=sites)
    client = TestClient(review.app, base_url=BASE_URL, root_path="/csp")
    assert client.get("/csp/api/sites", headers=BEARER).json()["sites"] == []
    assert client.get("/csp/api/openapi.json", headers=BEARER).json()["servers"][0]["url"] == "/csp"
    assert 'href="/csp/api/openapi.json"' in client.get("/csp/api", headers=BEARER).text
    assert client.get("/csp/api/sites").status_code == 401


def test_nothing_of_the_interface_is_loaded_before_it_is_asked_for() -> None:
    program = (
        "import sys; import collector.app; "
        "print([name for name in sys.modules if name.startswith('collector.review.api.shapes')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
