from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.security_headers import (
    LOOPBACK_HOSTS,
    TrustedHosts,
    canonical_host,
    hosts_from_environment,
    is_for_loopback,
)
from collector.security_headers.asgi import Message, Receive, Scope, Send
from tests.collector.security_headers.exchange import Exchange, Pairs, answering, make_scope

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


# Starlette's StaticFiles, for one, serves /healthz/../account as /account.
@pytest.mark.parametrize(
    "path", ["/healthz/../account", "//healthz/../account", "/healthz/..\\account", "/account/../healthz"]
)
def test_no_spelling_of_a_path_borrows_an_exemption(path: str) -> None:
    app = TrustedHosts(answering(), hosts=["csp.example.com"], exempt=["/healthz"])
    assert Exchange(app, make_scope(path, headers=[("host", "evil.example")])).status == 400


@pytest.mark.parametrize(
    "host",
    [
        *("a@csp.example.com", "csp.example.com:80@evil.example", "csp.example.com:123456", "csp.example.com:\xb2"),
        *("[::1%25lo]", "[::1", "::1]", "[]", "[::1]]", "csp.example.com\x00", "csp.example.com\t", "csp.example.com#"),
        *("csp.example.com/", "csp.example.com?", "csp.example.com\\", "a" * 100_000, "[" + ":" * 100_000 + "]"),
    ],
)
def test_what_is_no_host_is_nobodys(host: str) -> None:
    assert canonical_host(host) is None
    app = TrustedHosts(answering(), hosts=["csp.example.com", "*.example.com", "evil.example", "::1"])
    assert Exchange(app, make_scope(headers=[("host", host)])).status == 400


@given(text=st.text(st.sampled_from("aA0.:-_[]%@/\\* \t\xe9") | st.characters(), max_size=40))
def test_whatever_a_client_writes_has_one_spelling_or_none(text: str) -> None:
    host = canonical_host(text)
    if host is not None:
        assert canonical_host(host, with_port=False) == host
        assert re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host)


@given(hosts=st.lists(st.binary(max_size=30) | st.just(b"a.example"), max_size=3))
def test_whatever_a_client_sends_is_answered(hosts: list[bytes]) -> None:
    scope = {**make_scope(), "headers": [(b"host", host) for host in hosts]}
    exchange = Exchange(TrustedHosts(answering(), hosts=["a.example"]), scope)
    assert exchange.raised is None
    is_named = len(hosts) == 1 and re.fullmatch(rb"a\.example\.?(:[0-9]{0,5})?", hosts[0], re.IGNORECASE)
    assert exchange.status == (200 if is_named else 400)


def test_the_refusal_says_which_host_it_refuses() -> None:
    """Whoever forgot a name, as in a test against "testserver", is told so."""
    app = TrustedHosts(answering(), hosts=["csp.example.com"])
    exchange = Exchange(app, make_scope(headers=[("host", "TestServer:80")]))
    assert exchange.sent[1]["body"] == b"This server does not answer for the host testserver."
    exchange = Exchange(app, make_scope(headers=[("host", "<script>")]))
    assert exchange.sent[1]["body"] == b"The request names no host."


def handshake(app: Any, host: str, extensions: dict[str, Any]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "websocket", "path": "/", "headers": [(b"host", host.encode())], "extensions": extensions}
    asyncio.run(app(scope, receive, send))
    return sent


async def accepting(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


def test_websockets_are_for_trusted_hosts_too() -> None:
    app = TrustedHosts(accepting, hosts=["csp.example.com"])
    assert handshake(app, "csp.example.com", {}) == [{"type": "websocket.accept"}]
    assert handshake(app, "evil.example", {}) == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    start, body = handshake(app, "evil.example", {"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 400)
    assert body["type"] == "websocket.http.response.body"


@pytest.mark.parametrize("hosts", [[], ["example.com", ""]])
def test_a_list_that_lets_nobody_in_is_a_mistake(hosts: list[str]) -> None:
    with pytest.raises(ValueError, match="host"):
        TrustedHosts(answering(), hosts=hosts)


def test_a_text_is_no_list_of_hosts() -> None:
    """Each of its letters would be a host."""
    with pytest.raises(TypeError, match=r"'example\.com'"):
        TrustedHosts(answering(), hosts="example.com")


# (what the variable holds, the hosts)
ENVIRONMENT_CASES = [
    (None, list(LOOPBACK_HOSTS)),
    ("", list(LOOPBACK_HOSTS)),
    (" , ", list(LOOPBACK_HOSTS)),
    ("shop.example", ["shop.example"]),
    ("shop.example, *.shop.example  [::1]\n", ["shop.example", "*.shop.example", "[::1]"]),
    ("*", ["*"]),
]


@pytest.mark.parametrize(("given", "hosts"), ENVIRONMENT_CASES)
def test_hosts_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, given: str | None, hosts: list[str]) -> None:
    monkeypatch.delenv("ALLOWED_HOSTS", raising=False)
    if given is not None:
        monkeypatch.setenv("ALLOWED_HOSTS", given)
    assert hosts_from_environment() == hosts
    assert hosts_from_environment("ALLOWED_HOSTS", default=["fallback"]) == (
        hosts if given and given.strip(" ,") else ["fallback"]
    )


def test_a_mistake_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOSTS", "https://shop.example")
    with pytest.raises(ValueError, match=r"^SHOP_HOSTS: no host pattern: 'https://shop\.example'"):
        hosts_from_environment("SHOP_HOSTS")


# (Host header, loopback?)
LOOPBACK_CASES = [
    ("localhost", True),
    ("LOCALHOST.:8000", True),
    ("shop.localhost", True),
    ("127.0.0.1:8000", True),
    ("127.8.9.1", True),
    ("[::1]", True),
    ("[0:0::1]:443", True),
    ("localhost.example", False),
    ("notlocalhost", False),
    ("10.0.0.1", False),
    ("[::2]", False),
    ("", False),
    ("bad host", False),
]


@pytest.mark.parametrize(("host", "is_loopback"), LOOPBACK_CASES)
def test_loopback_hosts_are_told_by_name(host: str, *, is_loopback: bool) -> None:
    assert is_for_loopback(make_scope(headers=[("host", host)])) == is_loopback
