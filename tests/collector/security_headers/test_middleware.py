from __future__ import annotations

import asyncio
import base64
import http.client
import re
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request

from collector.security_headers import (
    DENY_POWERFUL_FEATURES,
    ONE_YEAR_HSTS,
    STRICT_POLICY,
    ASGIApp,
    Message,
    NoStoreMiddleware,
    Receive,
    Scope,
    SecurityHeadersMiddleware,
    Send,
    TrustedHosts,
    canonical_host,
)

Pairs = Sequence[tuple[str, str]]


def answering(headers: Pairs = ()) -> ASGIApp:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        given = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": b"hello"})

    return app


def make_scope(path: str = "/", *, headers: Pairs = (("host", "example.com"),), **members: Any) -> Scope:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        **members,
    }


class Exchange:
    """One scope sent to an application, with all it answered and what it raised."""

    def __init__(self, app: ASGIApp, scope: Scope, *, received: str = "http.request") -> None:
        self.sent: list[Message] = []
        self.raised: BaseException | None = None
        self.scope = scope
        self.received = received
        asyncio.run(self._run(app))

    async def _run(self, app: ASGIApp) -> None:
        async def receive() -> Message:
            return {"type": self.received, "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            self.sent.append(message)

        try:
            await app(self.scope, receive, send)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- kept for the test to look at
            self.raised = error

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    def all(self, name: str) -> list[str]:
        return [value.decode() for key, value in self.sent[0]["headers"] if key.decode() == name]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1
        return values[0] if values else None


def test_defaults_are_strict() -> None:
    exchange = Exchange(SecurityHeadersMiddleware(answering()), make_scope(scheme="https"))
    sent = {key.decode(): value.decode() for key, value in exchange.sent[0]["headers"]}
    assert sent == {
        "content-security-policy": STRICT_POLICY,
        "strict-transport-security": ONE_YEAR_HSTS,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "permissions-policy": DENY_POWERFUL_FEATURES,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    assert exchange.sent[1]["body"] == b"hello"


def test_hsts_goes_out_over_https_alone_unless_asked() -> None:
    assert Exchange(SecurityHeadersMiddleware(answering()), make_scope()).get("strict-transport-security") is None
    told = SecurityHeadersMiddleware(answering(), hsts_over_http=True)
    assert Exchange(told, make_scope()).get("strict-transport-security") == ONE_YEAR_HSTS


def test_none_leaves_a_header_out() -> None:
    bare = SecurityHeadersMiddleware(
        answering(),
        policy=None,
        hsts=None,
        content_type_options=None,
        frame_options=None,
        referrer_policy=None,
        permissions_policy=None,
        coop=None,
        corp=None,
    )
    assert Exchange(bare, make_scope(scheme="https")).sent[0]["headers"] == []


def test_reporting_headers_are_sent_when_given() -> None:
    app = SecurityHeadersMiddleware(
        answering(), report_only="default-src 'self'; report-to csp", reporting_endpoints='csp="https://r.example/1"'
    )
    exchange = Exchange(app, make_scope())
    assert exchange.get("content-security-policy-report-only") == "default-src 'self'; report-to csp"
    assert exchange.get("reporting-endpoints") == 'csp="https://r.example/1"'


def test_the_applications_own_header_stands_alone() -> None:
    own = answering([("Content-Security-Policy", "default-src 'self'"), ("x-other", "1")])
    exchange = Exchange(SecurityHeadersMiddleware(own), make_scope())
    policies = [value for key, value in exchange.sent[0]["headers"] if key.lower() == b"content-security-policy"]
    assert policies == [b"default-src 'self'"]
    assert exchange.get("x-other") == "1"


def test_override_replaces_every_one_of_the_applications() -> None:
    own = answering([("Content-Security-Policy", "default-src *"), ("content-security-policy", "img-src *")])
    app = SecurityHeadersMiddleware(own, override=["Content-Security-Policy"])
    assert Exchange(app, make_scope()).all("content-security-policy") == [STRICT_POLICY]


def test_override_keeps_a_header_that_this_answer_does_not_replace() -> None:
    own = answering([("strict-transport-security", "max-age=1")])
    app = SecurityHeadersMiddleware(own, override=["Strict-Transport-Security"])
    assert Exchange(app, make_scope(scheme="http")).get("strict-transport-security") == "max-age=1"
    assert Exchange(app, make_scope(scheme="https")).get("strict-transport-security") == ONE_YEAR_HSTS


def test_override_refuses_names_it_does_not_send() -> None:
    with pytest.raises(ValueError, match=r"x-frame-option$"):
        SecurityHeadersMiddleware(answering(), override=["X-Frame-Option"])


@pytest.mark.parametrize("value", ["", "a\r\nSet-Cookie: x=1", "a\nb", "a\x00b", "a\x1bb", "\x7f", "é", "a\u2028b"])
def test_values_that_cannot_stand_in_a_header_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="content-security-policy"):
        SecurityHeadersMiddleware(answering(), policy=value)
    with pytest.raises(ValueError, match="permissions-policy"):
        SecurityHeadersMiddleware(answering(), permissions_policy=value)


@pytest.mark.parametrize("placeholder", ["{nonce}", "{NONCE}"])
def test_every_response_has_a_nonce_of_its_own(placeholder: str) -> None:
    app = SecurityHeadersMiddleware(answering(), policy=f"script-src 'nonce-{placeholder}'")
    nonces = set()
    for _ in range(50):
        exchange = Exchange(app, make_scope())
        policy = exchange.get("content-security-policy")
        found = re.fullmatch(r"script-src 'nonce-([A-Za-z0-9_-]+)'", policy or "")
        assert found is not None
        assert exchange.scope["state"]["csp_nonce"] == found[1]
        assert len(base64.urlsafe_b64decode(found[1])) >= 16
        nonces.add(found[1])
    assert len(nonces) == 50


def test_the_nonce_joins_the_state_that_is_there() -> None:
    state = {"pool": object()}
    app = SecurityHeadersMiddleware(answering(), policy="script-src 'nonce-{nonce}'")
    Exchange(app, make_scope(state=state))
    assert set(state) == {"pool", "csp_nonce"}


def test_without_a_placeholder_there_is_no_nonce() -> None:
    assert "state" not in Exchange(SecurityHeadersMiddleware(answering()), make_scope()).scope


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_pass_through_untouched(kind: str) -> None:
    seen: list[tuple[Scope, Receive, Send]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": kind, "path": "/", "headers": []}
    for app in (
        SecurityHeadersMiddleware(inner, policy="script-src 'nonce-{nonce}'"),
        NoStoreMiddleware(inner),
        TrustedHosts(inner, hosts=["example.com"]),
    ):
        asyncio.run(app(scope, receive, send))
    assert seen == [(scope, receive, send)] * 3
    assert scope == {"type": kind, "path": "/", "headers": []}


def test_an_exception_before_the_answer_becomes_a_500_with_headers() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError("secret detail")

    exchange = Exchange(SecurityHeadersMiddleware(broken), make_scope())
    assert exchange.status == 500
    assert exchange.get("content-security-policy") == STRICT_POLICY
    assert exchange.get("cache-control") == "no-store"
    assert exchange.get("connection") == "close"
    assert exchange.sent[1]["body"] == b"Internal Server Error"
    assert isinstance(exchange.raised, LookupError)


def test_http2_is_never_sent_a_connection_header() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError

    assert Exchange(SecurityHeadersMiddleware(broken), make_scope(http_version="2")).get("connection") is None


def test_an_exception_after_the_start_is_only_raised_again() -> None:
    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    exchange = Exchange(SecurityHeadersMiddleware(broken), make_scope())
    assert [message["type"] for message in exchange.sent] == ["http.response.start"]
    assert exchange.get("content-security-policy") == STRICT_POLICY
    assert isinstance(exchange.raised, LookupError)


def test_cancellation_is_answered_and_raised_again() -> None:
    async def cancelled(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise asyncio.CancelledError

    exchange = Exchange(SecurityHeadersMiddleware(cancelled), make_scope())
    assert exchange.status == 500
    assert isinstance(exchange.raised, asyncio.CancelledError)


def test_an_application_that_answers_nothing_is_reported() -> None:
    async def silent(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()

    exchange = Exchange(SecurityHeadersMiddleware(silent), make_scope())
    assert exchange.status == 500
    assert isinstance(exchange.raised, RuntimeError)
    gone = Exchange(SecurityHeadersMiddleware(silent), make_scope(), received="http.disconnect")
    assert gone.sent == []
    assert gone.raised is None


# (path, prefixes, no-store?)
NO_STORE_CASES: list[tuple[str, list[str] | None, bool]] = [
    ("/anything", None, True),
    ("/", ["/"], True),
    ("/anything", ["/"], True),
    ("/account", ["/account"], True),
    ("/account/keys", ["/account/"], True),
    ("/account", ["/account/"], True),
    ("/accounting", ["/account"], False),
    ("/Account", ["/account"], False),
    ("/", ["/account"], False),
    ("/anything", [], False),
    ("/b/x", ["/a", "/b"], True),
]


@pytest.mark.parametrize(("path", "prefixes", "added"), NO_STORE_CASES)
def test_no_store_covers_whole_segments(path: str, prefixes: list[str] | None, *, added: bool) -> None:
    exchange = Exchange(NoStoreMiddleware(answering(), paths=prefixes), make_scope(path))
    assert exchange.get("cache-control") == ("no-store" if added else None)


def test_prefixes_are_below_the_mount_point() -> None:
    app = NoStoreMiddleware(answering(), paths=["/account"])
    assert Exchange(app, make_scope("/csp/account", root_path="/csp")).get("cache-control") == "no-store"
    assert Exchange(app, make_scope("/csp/other", root_path="/csp")).get("cache-control") is None


def test_no_store_leaves_an_answer_that_knows_better() -> None:
    app = NoStoreMiddleware(answering([("Cache-Control", "max-age=60")]))
    assert [value for _, value in Exchange(app, make_scope()).sent[0]["headers"]] == [b"max-age=60"]


def test_a_prefix_must_be_a_path() -> None:
    with pytest.raises(ValueError, match="'account'"):
        NoStoreMiddleware(answering(), paths=["account"])


# (configured, Host header, trusted?)
HOST_CASES = [
    ("csp.example.com", "csp.example.com", True),
    ("csp.example.com", "CSP.Example.COM:8000", True),
    ("CSP.example.com", "csp.example.com.", True),
    ("csp.example.com", "csp.example.com.:443", True),
    ("csp.example.com", "csp.example.com:", True),
    ("csp.example.com", "example.com", False),
    ("csp.example.com", "csp.example.com.evil.example", False),
    ("csp.example.com", "csp.example.com@evil.example", False),
    ("csp.example.com", "evil.example/csp.example.com", False),
    ("csp.example.com", "csp.example.com:80:80", False),
    ("csp.example.com", "csp.example.com:port", False),
    ("csp.example.com", " csp.example.com", False),
    ("csp.example.com", "csp.example.com, evil.example", False),
    ("csp.example.com", "csp.example.com..", False),
    ("csp.example.com", "", False),
    ("*.example.com", "a.example.com", True),
    ("*.example.com", "a.b.example.com:8443", True),
    ("*.example.com", "example.com", False),
    ("*.example.com", ".example.com", False),
    ("*.example.com", "aexample.com", False),
    ("::1", "[::1]:8000", True),
    ("[::1]", "[0:0:0:0:0:0:0:1]", True),
    ("[::1]", "::1", False),
    ("[::1]", "[::2]", False),
    ("[2001:DB8::1]", "[2001:db8::1]", True),
    ("[::1]", "[fe80::1%lo]", False),
    ("127.0.0.1", "127.0.0.1:8000", True),
    ("127.0.0.1", "127.0.0.11", False),
    ("review_pages", "review_pages:8000", True),
    ("*", "anything.example", True),
    ("*", "", False),
    ("*", "bad host", False),
    ("example.com", "ex\xe4mple.com", False),
]


@pytest.mark.parametrize(("pattern", "host", "trusted"), HOST_CASES)
def test_hosts_are_compared_as_names(pattern: str, host: str, *, trusted: bool) -> None:
    exchange = Exchange(TrustedHosts(answering(), hosts=[pattern]), make_scope(headers=[("host", host)]))
    assert exchange.status == (200 if trusted else 400)
    if not trusted:
        assert exchange.get("content-type") == "text/plain; charset=utf-8"
        assert exchange.get("cache-control") == "no-store"


@pytest.mark.parametrize("headers", [[], [("host", "example.com"), ("host", "example.com")]])
@pytest.mark.parametrize("pattern", ["example.com", "*"])
def test_no_host_and_two_hosts_are_refused(headers: Pairs, pattern: str) -> None:
    assert Exchange(TrustedHosts(answering(), hosts=[pattern]), make_scope(headers=headers)).status == 400


def test_exempt_paths_answer_for_any_host() -> None:
    app = TrustedHosts(answering(), hosts=["csp.example.com"], exempt=["/report"])
    other: Pairs = [("host", "reports.example")]
    assert Exchange(app, make_scope("/report/key", headers=other)).status == 200
    assert Exchange(app, make_scope("/reports", headers=other)).status == 400


@pytest.mark.parametrize("pattern", ["", "*.", "a.*.com", "*example.com", "example.com:80", "[::1]:80", "::g", "a b"])
def test_patterns_that_could_never_match_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no host pattern"):
        TrustedHosts(answering(), hosts=[pattern])


def test_a_canonical_host_has_one_spelling() -> None:
    assert canonical_host("[2001:DB8:0::1]:80") == "2001:db8::1"
    assert canonical_host("Example.COM.") == "example.com"


def make_application() -> ASGIApp:
    """As a user of the module would: a framework that answers, fails early, and fails late."""
    api = FastAPI()

    @api.get("/nonce")
    def nonce(request: Request) -> str:
        return str(request.state.csp_nonce)

    @api.get("/broken")
    def broken() -> None:
        raise LookupError

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/broken-outside":
            raise LookupError
        await api(scope, receive, send)

    return SecurityHeadersMiddleware(
        TrustedHosts(app, hosts=["127.0.0.1"]), policy="default-src 'none'; script-src 'nonce-{nonce}'"
    )


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    server = uvicorn.Server(uvicorn.Config(make_application(), host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join(10)


# (path, Host, status): every way an answer comes about
SERVED_CASES = [
    ("/nonce", "127.0.0.1", 200),
    ("/missing", "127.0.0.1", 404),
    ("/nonce", "evil.example", 400),
    ("/broken", "127.0.0.1", 500),
    ("/broken-outside", "127.0.0.1", 500),
]


@pytest.mark.parametrize(("path", "host", "status"), SERVED_CASES)
def test_a_real_server_sends_the_headers_on_every_answer(
    address: tuple[str, int], path: str, host: str, status: int
) -> None:
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request("GET", path, headers={"Host": host})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    assert response.status == status
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policies = response.headers.get_all("Content-Security-Policy") or []
    assert len(policies) == 1
    assert response.headers.get_all("Connection", []) in ([], ["close"])
    if status == 200:
        assert f"'nonce-{body.strip(chr(34))}'" in policies[0]


def test_a_real_server_lives_on_after_a_failure(address: tuple[str, int]) -> None:
    for path, status in (("/broken-outside", 500), ("/nonce", 200)):
        connection = http.client.HTTPConnection(*address, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == status
        connection.close()
