"""Tests of source lists: the order of their expressions, and which of them a URL meets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import URL, parse_source_list, parse_url
from policybuilder.csp.source_list import SourceList
from policybuilder.csp.url_matching import Candidate, expression_matches

MIXED = (
    "* https: *:8443 ws: 'self' 'unsafe-inline' 'nonce-a' *.zz.example *.a.zz.example *.longer.example b.example "
    "a.example b.example/x data:"
)


def texts(spelt: tuple[tuple[str, object], ...]) -> list[str]:
    return [text for text, _ in spelt]


def listed(text: str) -> SourceList:
    return parse_source_list(text.split())


def url_of(text: str) -> URL:
    url = parse_url(text)
    assert url is not None
    return url


def test_the_most_specific_comes_first() -> None:
    assert texts(listed(MIXED).url_sources) == [
        *("b.example", "b.example/x", "a.example"),
        *("*.longer.example", "*.a.zz.example", "*.zz.example"),
        *("'self'", "*:8443", "https:", "ws:", "data:", "*"),
    ]


# Columns: URL, page; what may cover it, the most specific first.
CONCERNING = [
    ("https://b.example/", "https://page.example/", "b.example b.example/x *:8443 https: *"),
    ("http://b.example/", "https://page.example/", "b.example b.example/x *:8443 *"),
    ("https://x.a.zz.example/", "https://page.example/", "*.a.zz.example *.zz.example *:8443 https: *"),
    ("https://a.zz.example/", "https://page.example/", "*.zz.example *:8443 https: *"),
    ("https://zz.example/", "https://page.example/", "*:8443 https: *"),
    ("https://page.example/", "https://page.example/", "'self' *:8443 https: *"),
    ("https://other.example/", None, "'self' *:8443 https: *"),
    ("ws://other.example/", "https://page.example/", "*:8443 ws: *"),
    ("wss://other.example/", "https://page.example/", "*:8443 ws: *"),
    ("data:x", "https://page.example/", "*:8443 data: *"),
]


@pytest.mark.parametrize(("url", "page", "expected"), CONCERNING)
def test_a_url_meets_only_what_may_cover_it(url: str, page: str | None, expected: str) -> None:
    assert texts(listed(MIXED).concerning(url_of(url), (page and url_of(page)) or None)) == expected.split()


# Columns: host; what may cover its URLs over some scheme, on some page.
OF_HOST = [
    ("b.example", "b.example b.example/x 'self' *:8443 https: ws: data: *"),
    ("x.a.zz.example", "*.a.zz.example *.zz.example 'self' *:8443 https: ws: data: *"),
    ("zz.example", "'self' *:8443 https: ws: data: *"),
]


@pytest.mark.parametrize(("host", "expected"), OF_HOST)
def test_a_host_meets_what_may_cover_any_of_its_urls(host: str, expected: str) -> None:
    assert texts(listed(MIXED).of_host(host)) == expected.split()


HOSTS = st.sampled_from(["a.example", "b.a.example", "page.example", "example"])
TOKENS = st.sampled_from(
    ["*", "*:*", "https:", "http:", "ws:", "'self'", "a.example", "*.example", "*.a.example", "http://page.example:*"]
)


@given(
    values=st.lists(TOKENS),
    scheme=st.sampled_from(["http", "https", "ws", "wss"]),
    host=HOSTS,
    page=st.sampled_from([None, "http://page.example/", "https://a.example/"]),
)
def test_the_first_to_match_is_the_first_of_all_that_do(
    values: list[str], scheme: str, host: str, page: str | None
) -> None:
    """Leaving out what cannot match changes neither the answer nor its expression."""
    sources, url = parse_source_list(values), url_of(f"{scheme}://{host}/")
    candidate = Candidate(url, None if page is None else url_of(page))
    met = [text for text, source in sources.concerning(url, candidate.page) if expression_matches(source, candidate)]
    assert met == [text for text, source in sources.url_sources if expression_matches(source, candidate)]


# Columns: list; whether browsers may differ about credentials, about anything.
DIFFERING = [
    ("'self' https: a.example", False, False),
    ("'unsafe-inline' 'nonce-a'", False, False),
    ("'strict-dynamic' 'nonce-a'", False, False),
    ("'unsafe-eval' 'strict-dynamic'", False, False),
    ("'unsafe-inline' 'strict-dynamic'", True, True),
    ("'unsafe-inline' 'strict-dynamic' 'self'", True, True),
    ("'url-sha256-abcd'", True, True),
    ("'sha256-abcd'", False, False),
    ("'sha256-abcd' 'sha-256-abcd'", True, True),
    ("a.example:80", False, True),
    ("*.a.example:80", False, True),
]


@pytest.mark.parametrize(("text", "about_credentials", "about_anything"), DIFFERING)
def test_a_list_knows_whether_browsers_differ(text: str, about_credentials: bool, about_anything: bool) -> None:  # noqa: FBT001 - columns
    sources = listed(text)
    assert (sources.credentials_differ, sources.browsers_differ) == (about_credentials, about_anything)


# Columns: list, host; whether browsers may read an expression for it differently.
READ_APART = [
    ("a.example:80 b.example", "a.example", True),
    ("a.example:80 b.example", "b.example", False),
    ("a.example:80 b.example", "c.example", False),
    ("*.a.example:80", "c.example", True),
    ("*.a.example b.example", "c.a.example", False),
    ("'unsafe-inline' 'strict-dynamic'", "a.example", False),
]


@pytest.mark.parametrize(("text", "host", "is_apart"), READ_APART)
def test_a_host_is_read_apart_if_its_expression_is(text: str, host: str, is_apart: bool) -> None:  # noqa: FBT001 - a column
    assert listed(text).is_read_apart(host) is is_apart


# Columns: list; whether anything may pass but by its URL.
CREDENTIALS = [
    ("'self' 'unsafe-inline' 'url-sha256-abcd'", False),
    ("'nonce-a'", True),
    ("'sha256-abcd'", True),
    ("'strict-dynamic'", True),
]


@pytest.mark.parametrize(("text", "takes"), CREDENTIALS)
def test_nonces_digests_and_trust_are_credentials(text: str, takes: bool) -> None:  # noqa: FBT001 - a column
    assert listed(text).takes_credentials is takes
