from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.security_headers import (
    DENY_POWERFUL_FEATURES,
    STRICT_POLICY,
    HeaderChanges,
    Hsts,
    NoStoreMiddleware,
    SecurityHeaders,
    SecurityHeadersMiddleware,
    TrustedHosts,
    with_headers,
)
from collector.security_headers.asgi import ASGIApp, Message, Receive, Scope, Send
from collector.security_headers.settings import _FIELDS
from tests.collector.security_headers.exchange import Exchange, Pairs, answering, make_scope

CSP = "content-security-policy"
XFO = "x-frame-options"
SENT_POLICY = f"{STRICT_POLICY}; frame-ancestors 'none'"


def test_defaults_are_strict() -> None:
    exchange = Exchange(SecurityHeadersMiddleware(answering()), make_scope(scheme="https"))
    sent = {key.decode(): value.decode() for key, value in exchange.sent[0]["headers"]}
    assert sent == {
        "content-security-policy": SENT_POLICY,
        "strict-transport-security": Hsts.ONE_YEAR,
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
    assert Exchange(told, make_scope()).get("strict-transport-security") == Hsts.ONE_YEAR


@pytest.mark.parametrize("host", ["localhost:8443", "shop.localhost", "127.0.0.1", "[::1]:8443"])
@pytest.mark.parametrize("app_settings", [{}, {"hsts_over_http": True}])
def test_loopback_hosts_are_never_told_to_insist_on_https(host: str, app_settings: HeaderChanges) -> None:
    app = SecurityHeadersMiddleware(answering(), **app_settings)
    exchange = Exchange(app, make_scope(scheme="https", headers=[("host", host)]))
    assert exchange.get("strict-transport-security") is None


@pytest.mark.parametrize(
    "said",
    [
        ("x-forwarded-proto", "https"),
        ("forwarded", "proto=https"),
        ("x_forwarded_proto", "https"),
        ("front-end-https", "on"),
    ],
)
def test_no_header_of_a_request_makes_it_https(said: tuple[str, str]) -> None:
    """Whom to believe is the server's to know: uvicorn --forwarded-allow-ips."""
    exchange = Exchange(SecurityHeadersMiddleware(answering()), make_scope(headers=[("host", "shop.example"), said]))
    assert exchange.get("strict-transport-security") is None


def test_none_leaves_a_header_out() -> None:
    bare = SecurityHeadersMiddleware(
        answering(),
        policy=None,
        frame="anyone",
        hsts=None,
        content_type_options=None,
        referrer_policy=None,
        permissions_policy=None,
        coop=None,
        corp=None,
    )
    assert Exchange(bare, make_scope(scheme="https")).sent[0]["headers"] == []


def test_reporting_headers_are_sent_when_given() -> None:
    app = SecurityHeadersMiddleware(
        answering(),
        report_only="default-src 'self'; report-to csp",
        reporting_endpoints={"csp": "https://r.example/1", "*": "/own?a=1"},
    )
    exchange = Exchange(app, make_scope())
    assert exchange.get("content-security-policy-report-only") == "default-src 'self'; report-to csp"
    assert exchange.get("reporting-endpoints") == 'csp="https://r.example/1", *="/own?a=1"'


def test_the_applications_own_header_stands_alone() -> None:
    own = answering([("Content-Security-Policy", "default-src 'self'"), ("x-other", "1")])
    exchange = Exchange(SecurityHeadersMiddleware(own), make_scope())
    policies = [value for key, value in exchange.sent[0]["headers"] if key.lower() == b"content-security-policy"]
    assert policies == [b"default-src 'self'"]
    assert exchange.get("x-other") == "1"


def test_override_replaces_every_one_of_the_applications() -> None:
    own = answering([("Content-Security-Policy", "default-src *"), ("content-security-policy", "img-src *")])
    app = SecurityHeadersMiddleware(own, override=["Content-Security-Policy"])
    assert Exchange(app, make_scope()).all("content-security-policy") == [SENT_POLICY]


def test_override_keeps_a_header_that_this_answer_does_not_replace() -> None:
    own = answering([("strict-transport-security", "max-age=1")])
    app = SecurityHeadersMiddleware(own, override=["Strict-Transport-Security"])
    assert Exchange(app, make_scope(scheme="http")).get("strict-transport-security") == "max-age=1"
    assert Exchange(app, make_scope(scheme="https")).get("strict-transport-security") == Hsts.ONE_YEAR


@pytest.mark.parametrize("placeholder", ["{nonce}", "{NONCE}"])
def test_every_response_has_a_nonce_of_its_own(placeholder: str) -> None:
    app = SecurityHeadersMiddleware(answering(), policy=f"script-src 'nonce-{placeholder}'")
    nonces = set()
    for _ in range(50):
        exchange = Exchange(app, make_scope())
        policy = exchange.get("content-security-policy")
        found = re.fullmatch(r"script-src 'nonce-([A-Za-z0-9_-]+)'; frame-ancestors 'none'", policy or "")
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


def test_a_nonce_is_there_for_policies_that_a_route_sets_itself() -> None:
    scope = Exchange(SecurityHeadersMiddleware(answering()), make_scope()).scope
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", scope["state"]["csp_nonce"])


def test_nobody_chooses_the_nonce() -> None:
    """Neither the state that a lifespan left behind nor a header is taken for one."""
    app = SecurityHeadersMiddleware(answering(), policy="script-src 'nonce-{nonce}'")
    given = {"state": {"csp_nonce": "known"}, "headers": [(b"host", b"a.example"), (b"csp-nonce", b"known")]}
    assert "known" not in (Exchange(app, {**make_scope(), **given}).get("content-security-policy") or "")


def test_one_request_has_one_nonce_through_several_layers() -> None:
    """The page has the nonce of the inner one; whichever policy goes out, it admits it."""
    policy = "script-src 'nonce-{nonce}'"
    inner = SecurityHeadersMiddleware(answering(), policy=policy)
    outer = SecurityHeadersMiddleware(inner, policy=policy, override=["Content-Security-Policy"])
    exchange = Exchange(outer, make_scope())
    assert exchange.get(
        "content-security-policy",
    ) == (f"script-src 'nonce-{exchange.scope['state']['csp_nonce']}'; frame-ancestors 'none'")


def test_an_answer_of_not_modified_keeps_the_stored_pages_nonce() -> None:
    """A browser puts the headers of a 304 on the page that it stored, whose scripts have the nonce of then.

    https://www.rfc-editor.org/rfc/rfc9111#name-updating-stored-header-fiel
    """
    app = SecurityHeadersMiddleware(answering(status=304), policy="script-src 'nonce-{nonce}'")
    exchange = Exchange(app, make_scope())
    assert exchange.get("content-security-policy") is None
    assert exchange.get("x-content-type-options") == "nosniff"
    plain = SecurityHeadersMiddleware(answering(status=304))
    assert Exchange(plain, make_scope()).get("content-security-policy") == SENT_POLICY


def test_lifespans_pass_through_untouched() -> None:
    seen: list[tuple[Scope, Receive, Send]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": "lifespan"}
    for app in (
        SecurityHeadersMiddleware(inner, policy="script-src 'nonce-{nonce}'", routes={"/a": {"coep": "require-corp"}}),
        NoStoreMiddleware(inner),
        TrustedHosts(inner, hosts=["example.com"], exempt=["/a"]),
    ):
        asyncio.run(app(scope, receive, send))
    assert seen == [(scope, receive, send)] * 3
    assert scope == {"type": "lifespan"}


def test_a_websocket_that_is_refused_by_an_answer_has_the_headers() -> None:
    async def refusing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    exchange = Exchange(SecurityHeadersMiddleware(refusing), make_scope(type="websocket", scheme="wss"))
    assert exchange.get("x-content-type-options") == "nosniff"
    assert exchange.get("strict-transport-security") == Hsts.ONE_YEAR

    async def accepting(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "headers": []})

    exchange = Exchange(SecurityHeadersMiddleware(accepting), make_scope(type="websocket", scheme="wss"))
    assert exchange.sent == [{"type": "websocket.accept", "headers": []}]


def test_an_exception_before_the_answer_becomes_a_500_with_headers() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError("secret detail")

    exchange = Exchange(SecurityHeadersMiddleware(broken), make_scope())
    assert exchange.status == 500
    assert exchange.get("content-security-policy") == SENT_POLICY
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
    assert exchange.get("content-security-policy") == SENT_POLICY
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


# (path, what may frame it)
ROUTE_CASES = [
    ("/", "'none'"),
    ("/widget", "https://partner.example"),
    ("/widget/", "https://partner.example"),
    ("/widget/a/b", "https://partner.example"),
    ("/widgets", "'none'"),
    ("/Widget", "'none'"),
    ("/widget%2Fa", "'none'"),
    ("/widget/own", "'self'"),
    ("/widget/own/x", "'self'"),
    ("/widget//x", "https://partner.example"),
    # Read in two ways: nobody may frame it, whichever the application takes.
    ("//widget", "'none'"),
    ("/widget/../account", "'none'"),
    ("/account/../widget", "'none'"),
    ("/widget/..\\account", "'none'"),
    ("/./widget", "'none'"),
    ("/widget/./own", "'none'"),
    ("/widget/..", "'none'"),
    ("*", "'none'"),
    ("http://a.example/widget", "'none'"),
]


@pytest.mark.parametrize(("path", "ancestors"), ROUTE_CASES)
def test_routes_have_settings_by_prefix(path: str, ancestors: str) -> None:
    app = SecurityHeadersMiddleware(
        answering(),
        routes={"/widget/own/": {"frame": "same-origin"}, "/widget": {"frame": ["https://partner.example"]}},
    )
    exchange = Exchange(app, make_scope(path))
    assert exchange.get("content-security-policy") == f"{STRICT_POLICY}; frame-ancestors {ancestors}"
    expected = {"'none'": "DENY", "'self'": "SAMEORIGIN"}.get(ancestors)
    assert exchange.get("x-frame-options") == expected


def test_an_ambiguous_path_is_framed_by_nobody_though_the_rest_may_be() -> None:
    app = SecurityHeadersMiddleware(
        answering(), policy="img-src *; frame-ancestors *; font-src *", routes={"/account": {"coep": "require-corp"}}
    )
    assert Exchange(app, make_scope("/")).get("x-frame-options") is None
    exchange = Exchange(app, make_scope("//account"))
    assert exchange.get("x-frame-options") == "DENY"
    assert exchange.get("content-security-policy") == "img-src *; font-src *; frame-ancestors 'none'"


def test_a_longer_prefix_changes_what_a_shorter_one_left() -> None:
    app = SecurityHeadersMiddleware(
        answering(),
        SecurityHeaders(referrer_policy="no-referrer"),
        coep="credentialless",
        routes={
            "/a/b": {"corp": "cross-origin"},
            "/a": {"coop": "same-origin-allow-popups", "corp": "same-site"},
        },
    )
    for path, coop, corp in (
        ("/", "same-origin", "same-origin"),
        ("/a", "same-origin-allow-popups", "same-site"),
        ("/a/b", "same-origin-allow-popups", "cross-origin"),
    ):
        exchange = Exchange(app, make_scope(path))
        assert exchange.get("cross-origin-opener-policy") == coop
        assert exchange.get("cross-origin-resource-policy") == corp
        assert exchange.get("cross-origin-embedder-policy") == "credentialless"
        assert exchange.get("referrer-policy") == "no-referrer"


def test_prefixes_of_routes_are_below_the_mount_point() -> None:
    app = SecurityHeadersMiddleware(answering(), routes={"/widget": {"corp": "cross-origin"}})
    for root, path, corp in (
        ("/csp", "/csp/widget", "cross-origin"),
        ("/csp/", "/csp/widget", "cross-origin"),
        ("/csp", "/csp", "same-origin"),
        ("/csp", "/cspx/widget", "same-origin"),
        ("/widget", "/widget", "same-origin"),
        ("/widget", "/widget/widget", "cross-origin"),
    ):
        exchange = Exchange(app, make_scope(path, root_path=root))
        assert exchange.get("cross-origin-resource-policy") == corp, (root, path)


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ({"/w": {"frame": "same-origin", "policy": "frame-ancestors 'none'"}}, r"^/w: frame='same-origin', but"),
        ({"/w": {"policy": "script-src 'self'; report-to x"}}, "^/w: the policy reports to 'x'"),
        ({"w": {}}, "no path prefix: 'w'"),
        ({"/w/../x": {}}, "no path prefix"),
        ({"/w//x": {}}, "no path prefix"),
        ({"/w": {}, "/w/": {}}, "twice"),
        ({"/w": {"coop": "none"}}, "^/w: cross-origin-opener-policy cannot be 'none'"),
        ({"/": {"frame": "deny"}, "/w/x": {"policy": "frame-ancestors 'self'"}}, "^/w/x: frame='deny', but"),
    ],
)
def test_mistakes_under_a_prefix_show_at_the_start(routes: dict[str, HeaderChanges], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SecurityHeadersMiddleware(answering(), routes=routes)


def marked(**changes: Any) -> ASGIApp:
    @with_headers(**changes)
    def endpoint() -> None: ...

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["endpoint"] = endpoint  # as Starlette's routing does
        await answering()(scope, receive, send)

    return app


def test_a_route_has_settings_by_its_mark_on_top_of_its_paths() -> None:
    app = SecurityHeadersMiddleware(marked(frame=["https://p.example"]), routes={"/a": {"corp": "same-site"}})
    for _ in range(2):
        exchange = Exchange(app, make_scope("/a"))
        assert exchange.get("content-security-policy") == f"{STRICT_POLICY}; frame-ancestors https://p.example"
        assert exchange.get("cross-origin-resource-policy") == "same-site"
        assert Exchange(app, make_scope("/b")).get("cross-origin-resource-policy") == "same-origin"


def test_a_mark_that_contradicts_its_path_is_answered_with_headers() -> None:
    app = SecurityHeadersMiddleware(marked(frame="same-origin"), policy="frame-ancestors 'none'")
    exchange = Exchange(app, make_scope())
    assert exchange.status == 500
    assert exchange.get("content-security-policy") == "frame-ancestors 'none'"
    assert isinstance(exchange.raised, ValueError)


def test_a_marked_policy_has_the_nonce_that_the_page_has() -> None:
    exchange = Exchange(SecurityHeadersMiddleware(marked(policy="script-src 'nonce-{nonce}'")), make_scope())
    assert f"'nonce-{exchange.scope['state']['csp_nonce']}'" in (exchange.get("content-security-policy") or "")


def test_a_marked_policy_may_say_itself_who_frames_it() -> None:
    app = SecurityHeadersMiddleware(marked(policy="frame-ancestors 'self'"), routes={"/a": {"corp": "same-site"}})
    for path in ("/", "/a", "//a"):
        exchange = Exchange(app, make_scope(path))
        assert (exchange.get(CSP), exchange.get(XFO)) == ("frame-ancestors 'self'", "SAMEORIGIN")


def test_the_nonce_stands_in_policies_alone() -> None:
    """It would be no secret in the address that reports go to."""
    app = SecurityHeadersMiddleware(answering(), reporting_endpoints={"csp": "https://a.example/{nonce}"})
    assert Exchange(app, make_scope()).get("reporting-endpoints") == 'csp="https://a.example/{nonce}"'


# (settings, what the application sends, the policy that goes out, and X-Frame-Options)
FRAMING_CASES: list[tuple[HeaderChanges, Pairs, str | None, str | None]] = [
    ({}, [(CSP, "img-src *")], "img-src *", "DENY"),
    ({}, [(CSP, "img-src *; frame-ancestors 'self'")], "img-src *; frame-ancestors 'self'", "SAMEORIGIN"),
    ({}, [(CSP, "frame-ancestors 'NONE'")], "frame-ancestors 'NONE'", "DENY"),
    ({}, [(CSP, "frame-ancestors")], "frame-ancestors", "DENY"),
    ({}, [(CSP, "frame-ancestors https://a.example")], "frame-ancestors https://a.example", None),
    ({}, [(CSP, "frame-ancestors 'self', frame-ancestors *")], "frame-ancestors 'self', frame-ancestors *", None),
    (
        {},
        [(CSP, "frame-ancestors 'self'; frame-ancestors *")],
        "frame-ancestors 'self'; frame-ancestors *",
        "SAMEORIGIN",
    ),
    ({}, [(CSP, "x-frame-ancestors *")], "x-frame-ancestors *", "DENY"),
    ({}, [(XFO, "SAMEORIGIN")], f"{STRICT_POLICY}; frame-ancestors 'self'", "SAMEORIGIN"),
    ({"frame": ["https://a.example"]}, [(XFO, "deny")], f"{STRICT_POLICY}; frame-ancestors 'none'", "deny"),
    ({"policy": "frame-ancestors *; img-src *"}, [(XFO, "DENY")], "frame-ancestors 'none'; img-src *", "DENY"),
    ({}, [(XFO, "ALLOW-FROM https://a.example")], SENT_POLICY, "ALLOW-FROM https://a.example"),
    ({}, [(XFO, "SAMEORIGIN"), (CSP, "img-src *")], "img-src *", "SAMEORIGIN"),
    ({"frame": ["https://a.example"]}, [(CSP, "img-src *")], "img-src *; frame-ancestors https://a.example", None),
    ({"frame": ["https://a.example"]}, [(CSP, "img-src *; frame-ancestors *")], "img-src *; frame-ancestors *", None),
    ({"frame": ["https://a.example"]}, [(CSP, "img-src *"), (XFO, "DENY")], "img-src *", "DENY"),
    ({"frame": "anyone"}, [(CSP, "img-src *")], "img-src *", None),
    ({"frame": "anyone"}, [], STRICT_POLICY, None),
    ({"override": [XFO]}, [(XFO, "SAMEORIGIN")], SENT_POLICY, "DENY"),
    ({"override": [CSP]}, [(CSP, "frame-ancestors *")], SENT_POLICY, "DENY"),
    ({"policy": "frame-ancestors 'self'"}, [], "frame-ancestors 'self'", "SAMEORIGIN"),
    ({"policy": None, "frame": ["https://a.example", "'self'"]}, [], "frame-ancestors https://a.example 'self'", None),
    ({"policy": None, "frame": ["https://a.example"]}, [(XFO, "DENY")], None, "DENY"),
]


@pytest.mark.parametrize(("settings", "given", "policy", "option"), FRAMING_CASES)
def test_both_headers_about_framing_say_the_same(
    settings: HeaderChanges, given: Pairs, policy: str | None, option: str | None
) -> None:
    exchange = Exchange(SecurityHeadersMiddleware(answering(given), **settings), make_scope())
    assert exchange.get(CSP) == policy
    assert exchange.get(XFO) == option


def test_without_a_policy_framing_is_refused_by_the_other_header() -> None:
    exchange = Exchange(SecurityHeadersMiddleware(answering(), policy=None), make_scope())
    assert (exchange.get(CSP), exchange.get(XFO)) == (None, "DENY")


FRAMING = (CSP, XFO)
"""What follows what the application says of the other."""

NAMES = (*_FIELDS, XFO)
VALUES = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n\0"), max_size=30)
GIVEN = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, *(name.title() for name in NAMES), "x-other", "set-cookie"]),
        VALUES | st.sampled_from(["img-src *", "frame-ancestors 'self'", "frame-ancestors *; x", "DENY", "SAMEORIGIN"]),
    ),
    max_size=6,
)
SETTINGS: st.SearchStrategy[SecurityHeaders] = st.builds(
    SecurityHeaders,
    policy=st.sampled_from([None, STRICT_POLICY, "script-src 'nonce-{nonce}'", "img-src *; object-src 'none';"]),
    report_only=st.sampled_from([None, "script-src 'nonce-{NONCE}'"]),
    reporting_endpoints=st.sampled_from([{}, {"csp": "https://csp.example/"}]),
    frame=st.sampled_from([None, "deny", "same-origin", "anyone", ["https://a.example", "'self'"]]),
    coep=st.sampled_from([None, "require-corp"]),
    hsts=st.sampled_from([None, *Hsts]),
    override=st.lists(st.sampled_from(NAMES), max_size=3),
)


@given(
    settings=SETTINGS, given=GIVEN, scheme=st.sampled_from(["http", "https"]), status=st.sampled_from([200, 304, 404])
)
def test_each_header_is_the_applications_or_ours_and_once(
    settings: SecurityHeaders, given: Pairs, scheme: str, status: int
) -> None:
    """Ours once at most; the application's as they were, or replaced where that was asked for; the rest in order."""

    def sent_with(given: Pairs) -> list[tuple[str, str]]:
        app = SecurityHeadersMiddleware(answering(given, status=status), settings)
        Exchange(app, make_scope(scheme=scheme))
        exchange = Exchange(app, make_scope(scheme=scheme))  # the second takes what was kept of the first
        nonce = exchange.scope["state"]["csp_nonce"]
        pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in exchange.sent[0]["headers"]]
        return [(name, value.replace(nonce, "NONCE")) for name, value in pairs]

    sent, ours = sent_with(given), sent_with([])
    own = [(name.lower(), value) for name, value in given]
    replaced = {name.lower() for name in settings.override}
    for name in NAMES:
        mine = [value for each, value in own if each == name]
        alone = [value for each, value in ours if each == name]
        now = [value for each, value in sent if each == name]
        assert len(now) <= max(1, len(mine))
        if mine and (name not in replaced or not alone):
            # frame-ancestors alone may be added to a policy that does not name it.
            assert now[:-1] == mine[:-1]
            assert (
                now[-1].removesuffix(" https://a.example 'self'").removesuffix("frame-ancestors").rstrip("; \t")
                == mine[-1].rstrip("; \t")
                or now == mine
            )
        elif name not in FRAMING:
            assert now == alone
    assert [pair for pair in sent if pair[0] not in NAMES] == [pair for pair in own if pair[0] not in NAMES]
