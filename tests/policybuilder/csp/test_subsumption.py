"""Tests of subsumption: a table, and the law that covering means admitting at least as much."""

from __future__ import annotations

import itertools

import pytest

from policybuilder.csp import (
    SourceExpression,
    Verdict,
    match,
    parse_serialized_policy,
    parse_serialized_policy_list,
    parse_source_expression,
    subsumes,
)
from policybuilder.csp.subsumption import expression_covers, host_part_covers

# Columns: wide, narrow, whether wide admits all that narrow does on every page of the network.
CASES = [
    ("'self'", "'self'", True),
    ("*", "'self'", True),
    ("*", "https:", True),
    ("*", "ws:", True),
    ("*", "cdn.example", True),
    ("*", "https://*:8443/js/", True),
    ("*", "data:", False),
    ("*", "'unsafe-inline'", False),
    ("*", "'nonce-a'", False),
    ("*", "'sha256-abcd'", False),
    ("*", "app://cdn.example", False),
    ("https:", "https://cdn.example/js/", True),
    ("https:", "wss:", False),
    ("http:", "https:", True),
    ("http:", "https://cdn.example:8443", True),
    ("https:", "http:", False),
    ("ws:", "wss://rt.example", True),
    ("https:", "cdn.example", False),
    ("https:", "'self'", False),
    ("https:", "*", False),
    ("data:", "data:", True),
    ("https://*.example", "https://a.example", True),
    ("https://*.example", "https://*.a.example", True),
    ("https://*.example", "https://example", False),
    ("https://*.a.example", "https://*.example", False),
    ("https://*.example", "https://badexample", False),
    ("https://*", "https://cdn.example", True),
    ("https://cdn.example", "https://*", False),
    ("cdn.example", "https://cdn.example", True),
    ("cdn.example", "http://cdn.example", False),
    ("http://cdn.example", "cdn.example", True),
    ("https://cdn.example", "cdn.example", False),
    ("http://cdn.example", "https://cdn.example", True),
    ("https://cdn.example", "http://cdn.example", False),
    ("wss://cdn.example", "https://cdn.example", False),
    ("https://cdn.example", "https://cdn.example:8443", False),
    ("https://cdn.example:*", "https://cdn.example:8443", True),
    ("https://cdn.example:*", "https://cdn.example", True),
    ("http://cdn.example:*", "https://cdn.example:8443", True),
    ("https://cdn.example:8443", "https://cdn.example:8443/js/", True),
    # Chromium reads an upgrade into http on port 80 alone.
    ("http://cdn.example:8080", "https://cdn.example:8080", False),
    ("http://cdn.example:8080", "cdn.example:8080", False),
    ("cdn.example:8443", "https://cdn.example:8443", False),
    ("https://cdn.example", "https://cdn.example/js/", True),
    ("https://cdn.example/js/", "https://cdn.example/js/app.js", True),
    ("https://cdn.example/js/", "https://cdn.example/js/lib/", True),
    ("https://cdn.example/js", "https://cdn.example/js/app.js", False),
    ("https://cdn.example/js/", "https://cdn.example", False),
    ("https://cdn.example/js/", "https://cdn.example/jsx", False),
    ("'nonce-abc'", "'nonce-abc'", True),
    ("'nonce-abc'", "'nonce-abd'", False),
    ("'sha256-abc='", "'sha256-abc='", True),
    ("'unsafe-inline'", "'nonce-abc'", False),
    ("'unsafe-eval'", "'wasm-unsafe-eval'", False),
    ("'self'", "https://shop.example", False),
]


def parsed(text: str) -> SourceExpression:
    expression = parse_source_expression(text)
    assert expression is not None, text
    return expression


@pytest.mark.parametrize(("wide", "narrow", "covers"), CASES)
def test_one_expression_covers_another(wide: str, narrow: str, *, covers: bool) -> None:
    assert expression_covers(parsed(wide), parsed(narrow)) is covers


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("*", "a.example", True),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "*.a.example", True),
        ("*.a.example", "a.example", False),
        ("a.example", "*", False),
    ],
)
def test_one_host_pattern_covers_another(wide: str, narrow: str, *, covers: bool) -> None:
    assert host_part_covers(wide, narrow) is covers


EXPRESSIONS = [
    *("'self'", "http:", "https:", "ws:", "wss:", "data:", "blob:"),
    *map(
        "".join,
        itertools.product(
            ("", "http://", "https://", "wss://"),
            ("*", "*.a.example", "a.example", "b.a.example"),
            ("", ":*", ":80", ":443", ":8080"),
            ("", "/", "/js/", "/js/app.js"),
        ),
    ),
]
URLS = [
    *("data:text/plain,x", "blob:https://a.example/1"),
    *map(
        "".join,
        itertools.product(
            ("http://", "https://", "ws://", "wss://"),
            ("a.example", "b.a.example"),
            ("", ":80", ":443", ":8080"),
            ("/", "/js/app.js"),
        ),
    ),
]
PAGES = ["http://a.example/", "https://a.example/", "http://c.example:8080/", "https://b.a.example:8080/"]


def test_what_covers_admits_every_url_that_the_covered_one_admits() -> None:
    """Over every pair; not the reverse, since False may mean that it depends on the page."""
    admitted = {text: admitted_places(text) for text in EXPRESSIONS}
    expressions = {text: parsed(text) for text in EXPRESSIONS}
    unsound = [
        (wide, narrow)
        for (wide, wider), (narrow, narrower) in itertools.product(expressions.items(), repeat=2)
        if expression_covers(wider, narrower) and not admitted[narrow] <= admitted[wide]
    ]
    assert unsound == []


def admitted_places(expression: str) -> frozenset[tuple[str, str]]:
    """The pairs of page and URL that a list of this expression alone admits."""
    policies = parse_serialized_policy_list(f"connect-src {expression}")
    return frozenset(
        (page, url)
        for page, url in itertools.product(PAGES, URLS)
        if match(policies, page=page, directive="connect-src", blocked=url).verdict is Verdict.ALLOW
    )


# Columns: wide, narrow, whether wide admits all that narrow does.
POLICIES = [
    ("", "", True),
    ("", "default-src 'none'", True),
    ("default-src 'none'", "", False),
    ("img-src https:", "img-src a.example", False),
    ("img-src https:", "img-src https://a.example", True),
    # No single expression covers it, all of them do.
    ("img-src http: ws:", "img-src *", True),
    ("img-src https: wss:", "img-src *", False),
    ("img-src https://a:80 https://a:*", "img-src https://a:8443", True),
    ("img-src http://a", "img-src a", True),
    ("img-src b", "img-src a b, img-src b c", True),
    ("img-src a b, img-src b c", "img-src b", True),
    ("img-src 'none'", "img-src a b, img-src b c", False),
    ("script-src 'nonce-a'", "script-src 'nonce-a', script-src 'self' 'nonce-b'", True),
    ("script-src 'nonce-a' 'strict-dynamic'", "script-src 'nonce-a' 'self'", False),
    # What the text does not tell is not taken for granted: whether any code has that digest.
    ("style-src-attr 'none'", "style-src-attr 'unsafe-hashes' 'sha256-abc='", False),
]


@pytest.mark.parametrize(("wide", "narrow", "is_subsumed"), POLICIES)
def test_one_policy_subsumes_another(wide: str, narrow: str, *, is_subsumed: bool) -> None:
    assert subsumes(wide, narrow) is is_subsumed
    assert subsumes(parse_serialized_policy_list(wide), parse_serialized_policy_list(narrow)) is is_subsumed


def test_single_policies_can_be_compared_too() -> None:
    assert subsumes(parse_serialized_policy("img-src *"), parse_serialized_policy("img-src a"))


def test_a_repetition_of_a_dropped_directive_does_not_restrict() -> None:
    """Chromium takes it for a repetition, and nothing governs images."""
    assert subsumes("img-src é; img-src a", "img-src b")


def test_long_lists_are_compared_by_host() -> None:
    hosts = [f"h{number}.example" for number in range(3000)]
    narrow = "img-src " + " ".join(f"https://{host}/js/" for host in hosts)
    assert subsumes("img-src " + " ".join(hosts), narrow)
    assert not subsumes("img-src " + " ".join(hosts[1:]), narrow)


def test_a_url_digest_leaves_scripts_no_url() -> None:
    """Chromium lets it switch all other URLs off, but for documents."""
    assert subsumes("script-src https:", "script-src https: 'url-sha256-abcd'")
    assert not subsumes("script-src https: 'url-sha256-abcd'", "script-src https:")
    assert subsumes("script-src 'none'", "script-src https: 'url-sha256-abcd'")
    assert not subsumes("frame-src 'none'", "frame-src https: 'url-sha256-abcd'")


def test_more_combinations_of_credentials_than_anybody_writes_are_no_hiding_place() -> None:
    """Each of five policies asks for credentials that two of them share, so that none is worth another."""
    lists: list[list[str]] = [[] for _ in range(5)]
    for number, pair in enumerate(itertools.combinations(lists, 2)):
        value = f"abc{number}"
        for values in pair:
            values += [f"'nonce-{value}'", f"'sha256-{value}'", f"'sha384-{value}'", f"'sha512-{value}'"]
    policies = ", ".join(f"script-src {' '.join(values)}" for values in lists)
    assert not subsumes("script-src 'none'", policies)
    assert subsumes(policies, policies)
