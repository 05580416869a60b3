"""Tests of URL matching."""

from __future__ import annotations

import pytest

from policybuilder.csp import Browser, parse_source_expression, parse_source_list, parse_url
from policybuilder.csp.url_matching import (
    Candidate,
    admitted_urls,
    expression_matches,
    host_part_matches,
    path_part_matches,
    port_part_matches,
    scheme_part_matches,
)

SECURE = "https://page.example/dir/doc"
PLAIN = "http://page.example/dir/doc"

# (pattern, scheme, matches)  https://w3c.github.io/webappsec-csp/#match-schemes
SCHEME_CASES = [
    ("https", "https", True),
    ("http", "https", True),
    ("ws", "wss", True),
    ("https", "http", False),
    ("wss", "ws", False),
    ("http", "ws", False),
    ("http", "wss", False),
    ("https", "wss", False),
    ("ws", "http", False),
    ("wss", "https", False),
    ("ws", "https", False),
    ("data", "data", True),
]


@pytest.mark.parametrize(("pattern", "scheme", "matches"), SCHEME_CASES)
def test_schemes_cover_their_secure_upgrade_only(pattern: str, scheme: str, matches: bool) -> None:  # noqa: FBT001 - a column
    assert scheme_part_matches(pattern, scheme) is matches


# (pattern, host, matches)  https://w3c.github.io/webappsec-csp/#match-hosts
HOST_CASES = [
    ("*.example.com", "www.example.com", True),
    ("*.example.com", "a.b.example.com", True),
    ("*.example.com", "example.com", False),
    ("*.example.com", "badexample.com", False),
    ("example.com", "example.com", True),
    ("example.com", "www.example.com", False),
    ("example.com", "example.com.", False),
    ("example.com.", "example.com.", True),
    ("127.0.0.1", "127.0.0.1", True),
    ("*", "127.0.0.1", True),
    ("*", "", False),
]


@pytest.mark.parametrize(("pattern", "host", "matches"), HOST_CASES)
def test_a_wildcard_covers_labels_but_not_the_apex(pattern: str, host: str, matches: bool) -> None:  # noqa: FBT001 - a column
    assert host_part_matches(pattern, host) is matches


# Columns: pattern, URL, scheme of the expression; whether Chromium takes it for a load, for a document, Firefox.
PORT_CASES = [
    ("*", "https://h:1/", "https", True, True, True),
    (None, "https://h/", "http", True, True, True),
    (None, "https://h:80/", "http", False, False, True),
    (None, "https://h:80/", "https", False, False, False),
    ("8080", "https://h:8080/", "https", True, True, True),
    ("8080", "https://h:8081/", "https", False, False, False),
    ("80", "https://h/", "https", False, False, True),
    ("80", "https://h/", "http", True, True, True),
    ("80", "http://h:443/", "http", False, False, True),
    ("443", "http://h/", "http", False, False, False),
    ("443", "https://h/", "http", True, False, True),
    ("443", "wss://h/", "ws", False, False, True),
    ("443", "https://h:8443/", "http", False, False, False),
    ("8080", "https://h/", "http", False, False, False),
    ("8080", "https://h:8080/", "http", False, False, True),
]


@pytest.mark.parametrize(("pattern", "text", "scheme", "load", "document", "firefox"), PORT_CASES)
def test_an_upgrade_moves_the_port(
    pattern: str | None,
    text: str,
    scheme: str,
    *,
    load: bool,
    document: bool,
    firefox: bool,
) -> None:
    url = parse_url(text)
    assert url is not None
    assert port_part_matches(pattern, url, scheme) is load
    assert port_part_matches(pattern, url, scheme, navigates=True) is document
    assert port_part_matches(pattern, url, scheme, Browser.FIREFOX) is firefox


# (pattern, path, matches)  https://w3c.github.io/webappsec-csp/#match-paths
PATH_CASES = [
    ("/", "/anything", True),
    ("/a/", "/a/", True),
    ("/a/", "/a/b/c", True),
    ("/a/", "/a", False),
    ("/a/", "/ab", False),
    ("/a", "/a", True),
    ("/a", "/a/", False),
    ("/a", "/A", False),
    ("/*", "/x", False),
    ("/ä", "/%C3%A4", True),
    ("/a/b", "/a%2Fb", True),
    ("/a;b", "/a%3bb", True),
    ("/a%b", "/a%b", True),
]


@pytest.mark.parametrize(("pattern", "path", "matches"), PATH_CASES)
def test_a_final_slash_makes_a_prefix(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001 - a column
    assert path_part_matches(pattern, path) is matches


# Columns: expression, URL, page; whether it matches in Chromium, in Firefox.
EXPRESSION_CASES = [
    # the lone star
    ("*", "https://x.example/", SECURE, True, True),
    ("*", "http://10.0.0.1:99/", SECURE, True, True),
    ("*", "wss://x.example/", SECURE, True, True),
    ("*", "data:x", SECURE, False, False),
    ("*", "blob:https://page.example/u", SECURE, False, False),
    ("*", "filesystem:https://page.example/temporary/x", SECURE, False, False),
    ("*", "about:blank", SECURE, False, False),
    ("*", "ftp://x.example/", SECURE, False, False),
    ("*", "chrome-extension://abc/x", "chrome-extension://abc/page", True, True),
    ("*", "chrome-extension://abc/x", SECURE, False, False),
    ("*", "file:///dir/x", "file:///dir/doc", True, True),
    ("*", "file:///dir/x", SECURE, False, False),
    ("*", "https://x.example/", "file:///dir/doc", True, True),
    # schemes
    ("https:", "https://x.example:8443/", SECURE, True, True),
    ("http:", "https://x.example:8443/", SECURE, True, True),
    ("https:", "http://x.example/", SECURE, False, False),
    ("https:", "wss://x.example/", SECURE, False, False),
    ("ws:", "wss://x.example/", SECURE, True, True),
    ("wss:", "https://x.example/", SECURE, False, False),
    ("data:", "data:text/plain,x", SECURE, True, True),
    ("blob:", "blob:https://page.example/u", SECURE, True, True),
    ("mediastream:", "mediastream:x", SECURE, True, True),
    ("h:", "https://h/", SECURE, False, False),
    # schemeless hosts take the page's scheme
    ("x.example", "https://x.example/", SECURE, True, True),
    ("x.example", "http://x.example/", SECURE, False, False),
    ("x.example", "http://x.example/", PLAIN, True, True),
    ("x.example", "https://x.example/", PLAIN, True, True),
    ("x.example", "wss://x.example/", SECURE, False, False),
    ("x.example", "data:x", SECURE, False, False),
    ("*:*", "http://x.example:81/", SECURE, False, False),
    ("*:*", "https://x.example:81/", SECURE, True, True),
    ("*:8443", "https://x.example:8443/", SECURE, True, True),
    ("https:*", "https://https:81/", SECURE, True, True),
    ("self", "https://page.example/", SECURE, False, False),
    # hosts
    ("https://X.Example", "https://x.EXAMPLE/", SECURE, True, True),
    ("https://*.x.example", "https://a.b.x.example/", SECURE, True, True),
    ("https://*.x.example", "https://x.example/", SECURE, False, False),
    ("https://xn--bcher-kva.example", "https://bücher.example/", SECURE, True, True),
    ("http://127.0.0.1", "http://127.0.0.1/", SECURE, True, True),
    ("http://127.0.0.1", "http://0x7f.1/", SECURE, True, True),
    ("https://x.example", "https://x.example./", SECURE, False, False),
    ("https://x.example.", "https://x.example./", SECURE, True, False),
    # ports
    ("https://x.example", "https://x.example:443/", SECURE, True, True),
    ("https://x.example", "https://x.example:444/", SECURE, False, False),
    ("https://x.example:443", "https://x.example/", SECURE, True, True),
    ("https://x.example:0443", "https://x.example/", SECURE, True, False),
    ("https://x.example:*", "https://x.example:1/", SECURE, True, True),
    ("https://x.example:80", "https://x.example/", SECURE, False, True),
    ("http://x.example", "https://x.example/", SECURE, True, True),
    ("http://x.example", "https://x.example:80/", SECURE, False, True),
    ("http://x.example:80", "https://x.example/", SECURE, True, True),
    ("http://x.example:8080", "https://x.example:8080/", SECURE, False, True),
    ("x.example:8080", "https://x.example:8080/", PLAIN, False, True),
    ("http://x.example:*", "https://x.example:8080/", SECURE, True, True),
    ("ws://x.example:80", "wss://x.example/", SECURE, True, True),
    (f"https://x.example:{'9' * 5000}", "https://x.example/", SECURE, False, False),
    # paths
    ("https://x.example/a/", "https://x.example/a/b?q", SECURE, True, True),
    ("https://x.example/a/", "https://x.example/a/../b", SECURE, False, False),
    ("https://x.example/a?q", "https://x.example/a?r", SECURE, True, True),
    ("https://x.example/a%2Fb", "https://x.example/a/b", SECURE, True, True),
    ("*/a/", "https://x.example/a/b", SECURE, True, False),
    # 'self'
    ("'self'", "https://page.example/x", SECURE, True, True),
    ("'self'", "https://user:pw@PAGE.example:443/x", SECURE, True, True),
    ("'self'", "http://page.example/x", SECURE, False, False),
    ("'self'", "https://page.example/x", PLAIN, True, True),
    ("'self'", "ws://page.example/x", PLAIN, True, True),
    ("'self'", "wss://page.example/x", PLAIN, True, True),
    ("'self'", "wss://page.example/x", SECURE, True, True),
    ("'self'", "ws://page.example/x", SECURE, False, False),
    ("'self'", "https://page.example:8443/", SECURE, False, False),
    ("'self'", "https://h:8443/", "http://h:8443/", True, True),
    ("'self'", "https://h/", "http://h:8080/", False, False),
    ("'self'", "https://www.page.example/", SECURE, False, False),
    ("'self'", "file:///dir/x", "file:///dir/doc", True, True),
    ("'self'", "file:///dir/x", SECURE, False, False),
    ("'self'", "data:x", "data:y", False, False),
    ("'self'", "data:x", SECURE, False, False),
    ("'self'", "blob:https://page.example/u", SECURE, False, False),
    ("'self'", "http://127.0.0.1:8000/x", "http://127.0.0.1:8000/", True, True),
    ("'self'", "ftp://page.example/", PLAIN, False, False),
    ("'self'", "https://page.example/x", "data:text/html,x", False, False),
    # never a URL's business
    ("'unsafe-inline'", "https://page.example/x", SECURE, False, False),
    ("'nonce-abc'", "https://page.example/x", SECURE, False, False),
]


@pytest.mark.parametrize(("expression", "url", "page", "chromium", "firefox"), EXPRESSION_CASES)
def test_an_expression_covers_what_browsers_let_it_cover(
    expression: str,
    url: str,
    page: str,
    chromium: bool,  # noqa: FBT001 - a column
    firefox: bool,  # noqa: FBT001 - a column
) -> None:
    source, candidate = parse_source_expression(expression), Candidate(parse_url(url), parse_url(page))
    assert source is not None
    assert candidate.url is not None
    assert expression_matches(source, candidate) is chromium
    assert expression_matches(source, candidate._replace(browser=Browser.FIREFOX)) is firefox
    assert expression_matches(source, candidate._replace(optimistic=True)) is chromium


# Columns: expression, URL, whether redirected; whether it matches.
REDIRECT_CASES = [
    ("https://x.example/a/", "https://x.example/b", True, True),
    ("https://x.example/a/", "https://x.example/b", False, False),
    ("https://x.example/a/", "https://y.example/a/", True, False),
    ("https://x.example/a/", "http://x.example/a/", True, False),
    ("https://x.example:1/a/", "https://x.example:2/a/", True, False),
]


@pytest.mark.parametrize(("expression", "url", "redirected", "matches"), REDIRECT_CASES)
def test_a_redirect_sets_paths_aside(expression: str, url: str, redirected: bool, matches: bool) -> None:  # noqa: FBT001 - columns
    source = parse_source_expression(expression)
    assert source is not None
    assert expression_matches(source, Candidate(parse_url(url), parse_url(SECURE), redirected)) is matches


# (expression, URL or None, page or None, the pessimist, the optimist)
UNKNOWN_CASES = [
    ("*", None, SECURE, True, True),
    ("http:", None, SECURE, True, True),
    ("https:", None, SECURE, False, True),
    ("data:", None, SECURE, False, False),
    ("'self'", None, SECURE, False, True),
    ("x.example", None, SECURE, False, True),
    ("'self'", "https://page.example/", None, False, True),
    ("'self'", "data:x", None, False, False),
    ("x.example", "https://x.example/", None, False, True),
    ("x.example", "https://y.example/", None, False, False),
    ("https://x.example", "https://x.example/", None, True, True),
    ("*", "chrome-extension://abc/", None, False, True),
    ("*", "data:x", None, False, False),
]


@pytest.mark.parametrize(("expression", "url", "page", "pessimist", "optimist"), UNKNOWN_CASES)
def test_what_is_not_known_divides_pessimist_and_optimist(
    expression: str,
    url: str | None,
    page: str | None,
    pessimist: bool,  # noqa: FBT001 - a column
    optimist: bool,  # noqa: FBT001 - a column
) -> None:
    source = parse_source_expression(expression)
    candidate = Candidate((url and parse_url(url)) or None, (page and parse_url(page)) or None)
    assert source is not None
    assert expression_matches(source, candidate._replace(optimistic=False)) is pessimist
    assert expression_matches(source, candidate._replace(optimistic=True)) is optimist


def test_what_asks_for_no_url_is_admitted_by_none() -> None:
    assert admitted_urls(parse_source_list(["*"]), []) is None
