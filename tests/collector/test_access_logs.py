"""Tests of access logs: which lines are page views, in every format, and why the others are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.access_logs import NotCounted, PageView, is_bot, page_view
from policybuilder.store.clock import day_name

ORIGIN = "https://shop.example"
NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"


def combined(
    request: str = "GET /cart?id=7 HTTP/1.1",
    *,
    status: int | str = 200,
    agent: str = CHROME,
    at: str = "20/Nov/2026:10:30:00 +0000",
    before: str = "192.0.2.1 - -",
) -> bytes:
    return f'{before} [{at}] "{request}" {status} 5120 "https://shop.example/" "{agent}"'.encode()


def seen(content: bytes, origin: str = ORIGIN) -> tuple[str, str] | NotCounted:
    """Page and day of a view, or why it is none."""
    found = page_view(content, origin, NOW)
    return (found.page, day_name(found.day)) if isinstance(found, PageView) else found


CADDY = {
    "level": "info",
    "ts": 1795170600.123,
    "logger": "http.log.access",
    "msg": "handled request",
    "request": {
        "remote_ip": "192.0.2.1",
        "proto": "HTTP/2.0",
        "method": "GET",
        "host": "shop.example",
        "uri": "/cart?id=7",
        "headers": {"User-Agent": [CHROME], "Accept": ["*/*"], "Content-Type": ["text/plain"]},
    },
    "status": 200,
    "resp_headers": {"Content-Type": ["text/html; charset=utf-8"], "Server": ["Caddy"]},
}
NGINX = {
    "time_iso8601": "2026-11-20T10:30:00+00:00",
    "remote_addr": "192.0.2.1",
    "request": "GET /cart?id=7 HTTP/1.1",
    "status": "200",
    "http_user_agent": CHROME,
    "server_name": "shop.example",
}
CLOUDFRONT = {
    "date": "2026-11-20",
    "time": "10:30:00",
    "c-ip": "192.0.2.1",
    "cs-method": "GET",
    "cs(Host)": "d111111abcdef8.cloudfront.net",
    "x-host-header": "shop.example",
    "cs-uri-stem": "/cart",
    "sc-status": "200",
    "cs(User-Agent)": CHROME.replace(" ", "%20"),
    "sc-content-type": "text/html",
}
TRAEFIK = {
    "StartUTC": "2026-11-20T10:30:00.123456789Z",
    "RequestMethod": "GET",
    "RequestHost": "shop.example",
    "RequestPath": "/cart?id=7",
    "DownstreamStatus": 200,
    "request_User-Agent": CHROME,
}


def json_line(base: dict[str, Any] = NGINX, **changes: Any) -> bytes:
    return json.dumps({**base, **changes}).encode()


VIEWS = [
    pytest.param(combined(), id="combined"),
    pytest.param(b'192.0.2.1 - - [20/Nov/2026:10:30:00 +0000] "GET /cart HTTP/1.0" 200 -', id="common"),
    pytest.param(combined() + b' "-" 0.004 unix:/run/app.sock', id="fields behind it"),
    pytest.param(combined("HEAD /cart HTTP/2.0", status=304), id="HEAD, not modified"),
    pytest.param(combined(before="shop.example:443 192.0.2.1 - -"), id="a virtual host with its port"),
    pytest.param(combined(before="Shop.Example 2001:db8::1 - jane"), id="a virtual host, and a user"),
    pytest.param(combined(before="client.isp.example - Jane Doe"), id="a user of two words"),
    pytest.param(combined(at="20/Nov/2026:23:30:00 +1300"), id="a zone ahead"),
    pytest.param(combined(at="19/Nov/2026:20:30:00 -0530"), id="a zone behind"),
    pytest.param(combined("GET https://shop.example/cart HTTP/1.1"), id="the absolute form"),
    pytest.param(combined("GET /cart"), id="HTTP/0.9"),
    pytest.param(combined(agent="-"), id="no user agent"),
    pytest.param(b"\xef\xbb\xbf" + json_line(), id="a byte order mark"),
    pytest.param(json_line(CADDY), id="Caddy"),
    pytest.param(json_line(NGINX), id="nginx"),
    pytest.param(
        json_line(
            time_iso8601=None,
            time_local="20/Nov/2026:10:30:00 +0000",
            request=None,
            request_method="GET",
            request_uri="/cart",
        ),
        id="nginx with names of its own",
    ),
    pytest.param(json_line(time_iso8601="1795170600.5"), id="seconds as text"),
    pytest.param(json_line(time_iso8601=None, ts=1795170600123), id="milliseconds"),
    pytest.param(json_line(time_iso8601=None, ts=1795170600123456789), id="nanoseconds"),
    pytest.param(json_line(CLOUDFRONT), id="CloudFront"),
    pytest.param(json_line(TRAEFIK), id="Traefik"),
]


@pytest.mark.parametrize("content", VIEWS)
def test_a_view_is_read_from_every_format_without_its_query(content: bytes) -> None:
    assert seen(content) == (f"{ORIGIN}/cart", "2026-11-20")


@pytest.mark.parametrize(
    ("request_line", "page"),
    [
        ("GET / HTTP/1.1", "/"),
        ("GET /search?q=jane%40shop.example#top HTTP/1.1", "/search"),
        ("GET /u/jane%40mail.example/edit HTTP/1.1", "/u/(e-mail)/edit"),
        ("GET //other.example/x HTTP/1.1", "//other.example/x"),
        ("GET /a/../b HTTP/1.1", "/b"),
        ("GET /v1.2/guide HTTP/1.1", "/v1.2/guide"),
        ("GET /page.html HTTP/1.1", "/page.html"),
        ("GET /index.php HTTP/1.1", "/index.php"),
        (r"GET /a\x22b\"c HTTP/1.1", "/a%22b%22c"),
        ("GET /münchen HTTP/1.1", "/m%C3%BCnchen"),
        ("GET /a b HTTP/1.1", "/a%20b"),
    ],
)
def test_a_page_is_named_as_its_reports_name_it(request_line: str, page: str) -> None:
    assert seen(combined(request_line)) == (f"{ORIGIN}{page}", "2026-11-20")


NONE = [
    (combined("POST /cart HTTP/1.1"), NotCounted.METHOD),
    (combined("OPTIONS * HTTP/1.1"), NotCounted.METHOD),
    (combined(status=404), NotCounted.STATUS),
    (combined(status=301), NotCounted.STATUS),
    (combined(status=503), NotCounted.STATUS),
    (combined("GET /app.JS?v=3 HTTP/1.1"), NotCounted.ASSET),
    (combined("GET /img/a.b.webp HTTP/1.1"), NotCounted.ASSET),
    (combined("GET /robots.txt HTTP/1.1"), NotCounted.ASSET),
    (json_line({**CADDY, "resp_headers": {"Content-Type": ["application/json"]}}), NotCounted.ASSET),
    (json_line(CLOUDFRONT, **{"sc-content-type": "image/png"}), NotCounted.ASSET),
    (combined("GET /report/62Yx HTTP/1.1"), NotCounted.OWN_PATH),
    (combined("GET /healthz HTTP/1.1"), NotCounted.OWN_PATH),
    (combined(agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"), NotCounted.BOT),
    (combined(agent="curl/8.11.0"), NotCounted.BOT),
    (combined(before="blog.example:443 192.0.2.1 - -"), NotCounted.HOST),
    (combined("GET https://blog.example/cart HTTP/1.1"), NotCounted.HOST),
    (json_line(server_name="blog.example"), NotCounted.HOST),
    (combined(at="31/Feb/2026:10:30:00 +0000"), NotCounted.NO_TIME),
    (combined(at="20/Nov/2026:10:30:00 +9900"), NotCounted.NO_TIME),
    (combined(at="20/Nov/1970:10:30:00 +0000"), NotCounted.NO_TIME),
    (combined(at="25/Nov/2026:10:30:00 +0000"), NotCounted.NO_TIME),
    (combined(at="lately"), NotCounted.NO_TIME),
    (json_line(time_iso8601="0001-01-01T00:00:00+14:00"), NotCounted.NO_TIME),
    (json_line(time_iso8601=None, ts=float("nan")), NotCounted.NO_TIME),
    (b'{"method": "GET", "uri": "/", "status": 200, "ts": 1' + b"0" * 400 + b"}", NotCounted.NO_TIME),
    (json_line(time_iso8601=None, ts=True), NotCounted.NO_TIME),
    (combined("GET cart HTTP/1.1"), NotCounted.PATH),
    (b"", NotCounted.NO_LINE),
    (b"#Fields: date time cs-method", NotCounted.NO_LINE),
    (b"192.0.2.1 - - [20/Nov/2026:10:30:00 +0000] GET /cart 200", NotCounted.NO_LINE),
    (b"{", NotCounted.NO_LINE),
    (b"{}", NotCounted.NO_LINE),
    (b'{"a":' * 50_000, NotCounted.NO_LINE),
    (json_line(status="ok"), NotCounted.NO_LINE),
    (json_line(status=True), NotCounted.NO_LINE),
    (json_line(request=["GET / HTTP/1.1", 3], status=[None]), NotCounted.NO_LINE),
    (b"\x00\xff" * 1_000, NotCounted.NO_LINE),
    (b"\x16\x03\x01\x02" + b'"' * 10_000, NotCounted.NO_LINE),
    (combined(r"\x16\x03\x01"), NotCounted.METHOD),
]


@pytest.mark.parametrize(("content", "reason"), NONE, ids=[str(number) for number, _ in enumerate(NONE)])
def test_what_is_no_view_says_why(content: bytes, reason: NotCounted) -> None:
    assert seen(content) is reason


@given(st.binary(max_size=300) | st.text(max_size=300).map(combined))
def test_any_line_is_a_view_or_a_reason(content: bytes) -> None:
    found = page_view(content, ORIGIN, NOW)
    assert isinstance(found, (PageView, NotCounted))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["request", "status", "ts", "time", "date", "host", "uri", "method"]), JSON_VALUES)
)
def test_any_json_is_a_view_or_a_reason(document: dict[str, Any]) -> None:
    found = page_view(json.dumps(document).encode(), ORIGIN, NOW)
    assert isinstance(found, (PageView, NotCounted))


def test_a_port_of_the_origin_is_no_other_host() -> None:
    assert seen(combined(before="localhost:3000 127.0.0.1 - -"), "http://localhost:3000") == (
        "http://localhost:3000/cart",
        "2026-11-20",
    )


@pytest.mark.parametrize(
    ("agent", "is_one"),
    [
        (CHROME, False),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1",
            False,
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; CUBOT KINGKONG) AppleWebKit/537.36 Chrome/156.0.0.0 Mobile Safari/537.36",
            False,
        ),
        ("Opera/9.80 (Windows NT 6.1) Presto/2.12 Version/12.16", False),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), True),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            True,
        ),
        ("Mozilla/5.0 (compatible; Pingdom.com_bot_version_1.4_(http://www.pingdom.com/))", True),
        ("kube-probe/1.31", True),
        ("python-requests/2.32", True),
        ("facebookexternalhit/1.1", True),
    ],
)
def test_programs_are_told_from_browsers_by_their_own_word(*, agent: str, is_one: bool) -> None:
    assert is_bot(agent) is is_one
