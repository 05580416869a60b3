"""Tests of wildcards: one expression for hosts that are numbered."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import is_valid_source_expression, parse_source_expression, parse_url
from policybuilder.csp.url_matching import Candidate, expression_matches
from policybuilder.domains import registrable_domain
from policybuilder.hosting import hosting_of
from policybuilder.suggestion.wildcards import SCRIPT_LIKE_SOURCES, wildcards


def https(*hosts: str) -> list[str]:
    return [f"https://{host}" for host in hosts]


def below(parent: str, *labels: str) -> list[str]:
    return https(*(f"{label}.{parent}" for label in labels))


# What was seen, and the wildcards for it.
WILDCARDS = [
    (below("cdn.example", "img1", "img2", "img3"), ["https://*.cdn.example"]),
    (below("cdn.example", "img1", "img2"), []),
    (below("cdn.example", "img1", "img1", "img2"), []),
    (below("cdn.example", "a12", "b7", "3f9a1c2b"), ["https://*.cdn.example"]),
    (below("shop.co.uk", "s1", "s2", "s3"), ["https://*.shop.co.uk"]),
    (below("media.cdn.example", "s3-eu-west-1", "s3-us-east-1", "s3-eu"), ["https://*.media.cdn.example"]),
    # Ordinary words are not alike because they share a parent.
    (below("cdn.example", "api", "www", "docs", "static"), []),
    (below("cdn.example", "api", "www", "img1", "img2"), []),
    # The deepest name that they all are under, and no sisters of that name.
    (below("img.cdn.example", "a1", "a2", "a3") + https("www.cdn.example"), ["https://*.img.cdn.example"]),
    (
        below("img.cdn.example", "a1", "a2", "a3") + below("js.cdn.example", "a1", "a2", "a3"),
        ["https://*.img.cdn.example", "https://*.js.cdn.example"],
    ),
    (https("a.s1.cdn.example", "a.s2.cdn.example", "b.s3.cdn.example"), ["https://*.cdn.example"]),
    (
        below("cdn.example", "s1", "s2", "s3") + below("img.cdn.example", "a1", "a2", "a3"),
        ["https://*.cdn.example"],
    ),
    (https("a1.x.cdn.example", "a2.y.cdn.example", "a3.z.cdn.example"), []),
    # One scheme and port.
    ([*below("cdn.example", "s1", "s2"), "http://s3.cdn.example"], []),
    ([*below("cdn.example", "s1", "s2"), "https://s3.cdn.example:8443"], []),
    ([f"https://s{n}.cdn.example:8443" for n in range(3)], ["https://*.cdn.example:8443"]),
    ([f"wss://s{n}.cdn.example" for n in range(3)], ["wss://*.cdn.example"]),
    # One brand in many countries, and many parties under one suffix.
    (https("s1.shop.example", "s2.shop.test", "s3.shop.invalid"), []),
    (https("shop1.co.uk", "shop2.co.uk", "shop3.co.uk"), []),
    (https("1.shop.de", "2.shop.fr", "3.shop.it"), []),
    (https("d1.cloudfront.net", "d2.cloudfront.net", "d3.cloudfront.net"), []),
    (https("b1.s3.amazonaws.com", "b2.s3.amazonaws.com", "b3.s3.amazonaws.com"), []),
    (https("a1.me.github.io", "a2.me.github.io", "a3.me.github.io"), []),
    (https("z1.b-cdn.net", "z2.b-cdn.net", "z3.b-cdn.net"), []),
    (https("lh1.googleusercontent.com", "lh2.googleusercontent.com", "lh3.googleusercontent.com"), []),
    # No names of one party.
    (https("10.0.0.1", "10.0.0.2", "10.0.0.3", "[::1]", "localhost", "host1", "host2", "host3"), []),
    (https("s1.localhost", "s2.localhost", "s3.localhost"), []),
    # No origins.
    (["'self'", "data:", "https:", "*", "https://*.cdn.example", "", "https://s1.cdn.example/a", "nonsense"], []),
    ([f"https://s{n}.a_b.example" for n in range(3)], []),
]


@pytest.mark.parametrize(("origins", "sources"), WILDCARDS)
def test_three_numbered_siblings_of_one_party_make_a_wildcard(origins: list[str], sources: list[str]) -> None:
    found = wildcards("img-src", origins)
    assert [each.source for each in found] == sources


def test_a_wildcard_says_what_it_stands_for_and_what_it_lets_in() -> None:
    origins = https("img2.cdn.example", "img1.cdn.example", "www.cdn.example", "img3.cdn.example", "cdn.example")
    (found,) = wildcards("img-src", origins)
    assert found.origins == tuple(https("img1.cdn.example", "img2.cdn.example", "img3.cdn.example", "www.cdn.example"))
    assert "img1, img2, img3" in found.reason
    assert found.newly_admits == "every other host below cdn.example, whatever it is for"


@pytest.mark.parametrize("directive", [*sorted(SCRIPT_LIKE_SOURCES), "script-src-elem"])
def test_what_is_like_script_gets_wildcards_only_when_asked_for(directive: str) -> None:
    origins = below("cdn.example", "s1", "s2", "s3")
    assert wildcards(directive, origins) == ()
    assert len(wildcards(directive, origins, script_wildcards=True)) == 1


LABELS = st.sampled_from(["img1", "img2", "img3", "s-4", "3f9a1c2b", "www", "api", "cdn", "xn--bcher-kva", "a"])
DOMAINS = st.sampled_from(["shop.example", "cdn.test", "shop.co.uk", "me.github.io", "b-cdn.net", "com", "10.0.0.1"])
HOSTS = st.builds(lambda labels, domain: ".".join([*labels, domain]), st.lists(LABELS, max_size=3), DOMAINS)
ORIGINS = st.builds(
    "{}://{}{}".format, st.sampled_from(["https", "http", "wss"]), HOSTS, st.sampled_from(["", "", ":8443"])
)
SEEN = st.lists(ORIGINS, max_size=25)


@given(origins=SEEN)
def test_a_wildcard_covers_what_it_claims_and_nothing_of_another_party(origins: list[str]) -> None:
    for found in wildcards("img-src", origins):
        assert is_valid_source_expression(found.source)
        expression = parse_source_expression(found.source)
        assert expression is not None
        assert set(found.origins) <= set(origins)
        for origin in origins:
            url = parse_url(origin)
            assert url is not None
            covers = expression_matches(expression, Candidate(url, None))
            if origin in found.origins:
                assert covers
                assert hosting_of(url.host) is None
                assert registrable_domain(url.host) == registrable_domain(found.source.partition("*.")[2].split(":")[0])
            elif not origin.startswith(("https:", "wss:")) or found.source.startswith(origin.partition("://")[0]):
                # An insecure wildcard covers secure hosts too, which are listed under their own.
                assert not covers


@given(origins=SEEN, seed=st.integers())
def test_neither_order_nor_repetition_changes_a_wildcard(origins: list[str], seed: int) -> None:
    shuffled = [*origins, *origins]
    random.Random(seed).shuffle(shuffled)  # noqa: S311  (no secret)
    assert wildcards("img-src", shuffled) == wildcards("img-src", origins)


@given(origins=SEEN, number=st.integers(0, 10**6))
def test_another_sibling_changes_no_wildcard(origins: list[str], number: int) -> None:
    before = [each.source for each in wildcards("img-src", origins)]
    for source in before:
        assert before == [each.source for each in wildcards("img-src", [*origins, source.replace("*", f"s{number}")])]


@given(origins=SEEN, more=SEEN)
def test_more_evidence_only_widens(origins: list[str], more: list[str]) -> None:
    wider = [each.source.partition("*")[2] for each in wildcards("img-src", [*origins, *more])]
    for found in wildcards("img-src", origins):
        assert any(found.source.endswith(each) for each in wider)
