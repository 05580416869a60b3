"""Tests of URLs."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.csp import URL, is_csp_host, origin_of, parse_url, urls
from policybuilder.csp.urls import parse_blocked, parse_page

# Columns: text; scheme, host, port and path.
PARSED = [
    ("https://EXAMPLE.com:443/a/../b?q#f", "https", "example.com", "443", "/b"),
    ("http://h", "http", "h", "80", "/"),
    ("wss://u:p@h:8443/x", "wss", "h", "8443", "/x"),
    ("https://bücher.example/ä", "https", "xn--bcher-kva.example", "443", "/%C3%A4"),
    ("http://0x7f.1/", "http", "127.0.0.1", "80", "/"),
    ("https://[::1]:8/", "https", "[::1]", "8", "/"),
    ("https://ok.example\\@evil.example/", "https", "ok.example", "443", "/@evil.example/"),
    ("ftp://h/", "ftp", "h", "21", "/"),
    ("ws://h/", "ws", "h", "80", "/"),
    ("data:text/html,x", "data", "", None, ""),
    ("blob:https://h/uuid", "blob", "", None, ""),
    ("chrome-extension://abc/x.js", "chrome-extension", "abc", None, "/x.js"),
    ("https://a..b/", "https", "a..b", "443", "/"),
]


@pytest.mark.parametrize(("text", "scheme", "host", "port", "path"), PARSED)
def test_a_url_is_read_as_browsers_do(text: str, scheme: str, host: str, port: str | None, path: str) -> None:
    assert parse_url(text) == URL(scheme, host, port, path)


@pytest.mark.parametrize("text", ["", "nope", "//h/x", "https://", "http://a b/", "https://h:99999/", "\ud800:x"])
def test_what_browsers_refuse_is_no_url(text: str) -> None:
    assert parse_url(text) is None
    assert origin_of(text) is None


def test_a_long_url_is_read_like_a_short_one() -> None:
    text = "https://h.example/" + "a" * 5000
    for parse in (parse_url, parse_page, parse_blocked):
        assert parse(text) == URL("https", "h.example", "443", "/" + "a" * 5000)


# Columns: text; its origin.
ORIGINS = [
    ("https://h.example/x", "https://h.example"),
    ("http://h:443/", "http://h:443"),
    ("data:x", None),
]


@pytest.mark.parametrize(("text", "origin"), ORIGINS)
def test_an_origin_leaves_out_the_default_port(text: str, origin: str | None) -> None:
    assert origin_of(text) == origin


def test_a_url_without_a_host_has_an_opaque_origin() -> None:
    assert URL("data", "", None, "").origin == "null"


# Columns: text; what it is upgraded to.
UPGRADES = [
    ("http://h.example/", "https://h.example/"),
    ("ws://h.example/", "wss://h.example/"),
    ("http://h.example:8080/", "https://h.example:8080/"),
    ("https://h.example:80/", "https://h.example:80/"),
    ("ftp://h.example/", "ftp://h.example/"),
    ("http://localhost/", "http://localhost/"),
    ("http://a.localhost./", "http://a.localhost./"),
    ("http://127.1.2.3/", "http://127.1.2.3/"),
    ("http://[::1]/", "http://[::1]/"),
    ("http://127.example/", "https://127.example/"),
    ("http://10.0.0.1/", "https://10.0.0.1/"),
    ("http://localhostx/", "https://localhostx/"),
]


@pytest.mark.parametrize(("text", "expected"), UPGRADES)
def test_upgrading_moves_to_the_secure_scheme(text: str, expected: str) -> None:
    url = parse_url(text)
    assert url is not None
    assert url.upgraded() == parse_url(expected)


# Columns: URL of a picture, its page; what is requested.
PICTURES = [
    ("http://h.example/", "https://page.example/", "https://h.example/"),
    ("http://h.example:8080/", "https://page.example/", "https://h.example:8080/"),
    ("http://h.example/", "http://page.example/", "http://h.example/"),
    ("http://h.example/", None, "http://h.example/"),
    ("https://h.example/", "https://page.example/", "https://h.example/"),
    ("ws://h.example/", "https://page.example/", "ws://h.example/"),
    ("http://10.0.0.1/", "https://page.example/", "http://10.0.0.1/"),
    ("http://[::2]/", "https://page.example/", "http://[::2]/"),
    ("http://10.example/", "https://page.example/", "https://10.example/"),
    ("http://localhost/", "https://page.example/", "http://localhost/"),
]


@pytest.mark.parametrize(("text", "page", "expected"), PICTURES)
def test_a_secure_page_requests_secure_pictures(text: str, page: str | None, expected: str) -> None:
    url = parse_url(text)
    assert url is not None
    assert url.as_picture_of(None if page is None else parse_url(page)) == parse_url(expected)


# (text of a report, scheme)
BLOCKED = [("data", "data"), ("Blob", "blob"), ("chrome-extension", "chrome-extension"), ("https", None), ("a.b", None)]


@pytest.mark.parametrize(("text", "scheme"), BLOCKED)
def test_a_bare_scheme_names_a_url_without_host(text: str, scheme: str | None) -> None:
    assert parse_blocked(text) == (None if scheme is None else URL(scheme, "", None, ""))


def test_a_blob_page_has_the_origin_of_its_maker() -> None:
    assert parse_page("blob:https://h.example/uuid") == parse_page("https://h.example/uuid")


@pytest.mark.parametrize(("host", "valid"), [
    ("a.example", True), ("xn--bcher-kva.example", True), ("127.0.0.1", True),
    ("a..b", False), ("a_b.example", False), ("[::1]", False), ("a.", False), ("*.a", False), ("", False),
])  # fmt: skip
def test_only_hosts_of_the_grammar_can_be_written(host: str, valid: bool) -> None:  # noqa: FBT001 - a column
    assert is_csp_host(host) is valid


SPELLINGS = st.from_regex(
    r"(?:https?|wss?|HTTP|data)://(?:[a-z0-9-]{1,4}|xn--[a-z]{2}|[0-9]{1,3}|A)(?:\.(?:[a-z0-9-]{1,4}|xn--a|com)){0,3}"
    r"(?::[0-9]{1,3})?(?:/(?:[a-z.%2eE;,'\"|^ \\]|\.\.?){0,5}){0,3}(?:[?#][a-z/ ]{0,5})?",
    fullmatch=True,
)


@given(SPELLINGS)
@example("https://a.example/x/./y")
@example("https://a.example//..//x?y/../z")
@example("https://1.2.3.com/.x")
@example("https://xn--a.com/")
def test_the_short_way_agrees_with_the_parser(text: str) -> None:
    """URLs in their plain spelling do not pass through the WHATWG parser; it would not have changed them."""
    assert urls._parse(text) == urls._parse_by_standard(text)


@pytest.mark.parametrize(
    "text", ["https://cdn.example.net/app/js/main.js?v=1", "wss://a-b.example.org/", "http://h9.example/a;b,c/~x"]
)
def test_the_short_way_is_taken(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = urls._parse_by_standard(text)
    monkeypatch.setattr(urls, "_parse_by_standard", lambda _: None)
    assert urls._parse(text) == expected is not None
