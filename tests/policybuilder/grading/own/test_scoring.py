"""The score and grade that come of all tests together."""

from __future__ import annotations

import ast
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policybuilder.grading.own
from policybuilder.grading.material import EndpointAnswer, Material, SentCookie
from policybuilder.grading.own import OWN_TESTS, grade
from policybuilder.grading.own.catalogue import FULL_SCORE
from policybuilder.grading.own.scoring import letter
from policybuilder.scanner.pages import Headers
from tests.support.answers import GOOD_HEADERS, make_material, make_response
from tests.support.judgements import graded, nothing_weak


def score(headers: Headers) -> int:
    found = graded(headers, is_html=False, body="<p>").score
    assert found is not None
    return found


def test_a_page_that_leaves_nothing_open_has_all_points_and_no_findings() -> None:
    found = graded(GOOD_HEADERS)
    assert (found.score, found.grade) == (100, "A+")
    assert all(each.passed is not False for each in found.tests)


# Each row: score, letter.
LETTERS = [(100, "A+"), (99, "A"), (90, "A"), (89, "A-"), (65, "B-"), (64, "C+"), (25, "D-"), (24, "F"), (0, "F")]


@pytest.mark.parametrize(("points", "expected"), LETTERS)
def test_letters_are_those_of_observatory(points: int, expected: str) -> None:
    assert letter(points) == expected


def test_without_script_protection_a_page_is_b_minus_at_the_best() -> None:
    found = graded([(name, value) for name, value in GOOD_HEADERS if name != "Content-Security-Policy"])
    assert (found.score, found.grade, found.capped_by) == (65, "B-", ("csp-scripts",))


def test_what_was_not_tested_counts_neither_way() -> None:
    material = make_material(GOOD_HEADERS, http=None, https=None, preflight=None, forged_host=None, is_whole=False)
    found = grade(material, evaluate=nothing_weak)
    assert found.score == 100
    assert {"http-redirect", "cors", "trusted-host"} <= {each.name for each in found.tests if each.passed is None}
    assert all(each.points == 0 for each in found.tests)


def test_a_page_without_any_of_it_is_f() -> None:
    sent = {"Set-Cookie": "session=0123456789abcdef", "Access-Control-Allow-Origin": "null"}
    assert graded(sent).grade == "F"


BAD_HEADERS: Headers = (
    ("Content-Security-Policy", "script-src *"),
    ("Content-Security-Policy", "bogus"),
    ("Content-Security-Policy-Report-Only", "default-src 'none'; report-to x"),
    ("Strict-Transport-Security", "max-age=60"),
    ("X-Frame-Options", "ALLOW-FROM https://x.example"),
    ("Referrer-Policy", "unsafe-url"),
    ("Permissions-Policy", "camera 'none'"),
    ("Set-Cookie", "session=0123456789abcdef"),
    ("Set-Cookie", "__Host-x=1"),
    ("Server", "nginx/1.18.0"),
    ("X-Debug-Token", "x"),
    ("Access-Control-Allow-Origin", "null"),
    ("Cache-Control", "public"),
    ("X-XSS-Protection", "1"),
)
_PROTECTIONS: Headers = tuple(pair for pair in GOOD_HEADERS if pair[0] not in {"Set-Cookie", "Content-Type"})
_CONTENT_TYPE = GOOD_HEADERS[:1]
_MIXED = st.lists(st.sampled_from([*_PROTECTIONS, *BAD_HEADERS]), max_size=12)


@given(headers=_MIXED, protection=st.sampled_from(_PROTECTIONS))
def test_removing_a_protection_never_raises_the_score(
    headers: list[tuple[str, str]], protection: tuple[str, str]
) -> None:
    """Whatever stands beside it; where a header counts by its first or last value, the protection is that one."""
    without = [pair for pair in headers if pair[0] != protection[0] or pair[0] == "Content-Security-Policy"]
    assert score((*_CONTENT_TYPE, protection, *without)) >= score((*_CONTENT_TYPE, *without))


@given(
    policies=st.lists(
        st.sampled_from(
            [
                *("script-src *", "script-src 'unsafe-inline'", "script-src https:", "default-src 'self'", "bogus"),
                *("script-src 'self'; object-src *", "frame-ancestors *", "frame-ancestors 'self'", "base-uri *"),
                *("script-src-elem 'self'", "script-src-attr 'unsafe-inline'", "script-src 'nonce-abcdefghijklmnop'"),
            ]
        ),
        min_size=1,
        max_size=5,
    )
)
def test_one_more_policy_never_lowers_the_score(policies: list[str]) -> None:
    """A browser does only what all of them allow."""
    scores = [
        score((*_CONTENT_TYPE, *(("Content-Security-Policy", policy) for policy in policies[:count])))
        for count in range(len(policies) + 1)
    ]
    assert scores == sorted(scores)


@given(headers=_MIXED, shuffle=st.randoms())
def test_the_order_of_unrelated_headers_does_not_matter(headers: list[tuple[str, str]], shuffle: random.Random) -> None:
    by_name: dict[str, list[tuple[str, str]]] = {}
    for pair in headers:
        by_name.setdefault(pair[0], []).append(pair)
    names = list(by_name)
    shuffle.shuffle(names)
    shuffled = [pair for name in names for pair in by_name[name]]
    assert graded(headers).score == graded(shuffled).score


_NAMES = st.sampled_from(
    [
        *dict.fromkeys(name for name, _ in (*GOOD_HEADERS, *BAD_HEADERS)),
        *("Reporting-Endpoints", "Report-To", "Cross-Origin-Embedder-Policy", "Origin-Agent-Cluster", "Location"),
        *("Integrity-Policy", "Via", "X-Powered-By", "Access-Control-Allow-Credentials", "X-Content-Type-Options"),
    ]
)
_VALUES = st.one_of(st.text(max_size=60), st.text("()=;,\"*'- self01:/.", max_size=60), st.sampled_from(["*", "true"]))
_HEADERS = st.lists(st.tuples(st.one_of(_NAMES, st.text(max_size=9)), _VALUES), max_size=9).map(tuple)
_URLS = st.sampled_from(
    ["https://shop.example/", "http://192.0.2.1/", "http://[::1]:8000/", "https://localhost/", "data:,x", ""]
)


@given(headers=_HEADERS, url=_URLS, body=st.binary(max_size=200), name=st.sampled_from(["", "f.example", None]))
def test_no_answer_raises(headers: Headers, url: str, body: bytes, name: str | None) -> None:
    material = make_material(headers, url=url, body=body)
    forged = make_response(headers, url=url, body=body)
    asked = {"https://c.example/r": EndpointAnswer(url="https://c.example/r", preflight_headers=headers)}
    found = grade(
        replace(material, forged_host=forged, forged_name=name, preflight=forged, endpoints=asked),
        evaluate=nothing_weak,
    )
    assert found.score is not None
    assert 0 <= found.score <= FULL_SCORE
    assert all(each.points >= 0 and each.message.endswith(".") for each in found.tests if each.passed is not None)


HOSTILE = [
    *("a" * 2_000_000, "," * 200_000, ";" * 200_000, "(" * 200_000, '"' * 200_001, "a=(" * 60_000, "[" * 200_000),
    *("default-src 'none'," * 50_000, "a.b." * 200_000, "\x00\x1b[31m\ud800" * 9, "sha384-" * 90_000),
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.timeout(20)
def test_long_values_take_no_long_time_and_show_as_text(value: str) -> None:
    names = [*dict.fromkeys(name for name, _ in (*GOOD_HEADERS[1:], *BAD_HEADERS)), "Reporting-Endpoints", "Report-To"]
    material = make_material([("Content-Type", "text/html"), *((name, value) for name in names)])
    cookies = tuple(SentCookie(url=material.url, text=f"{value[:5000]}{i}") for i in range(2000))
    found = grade(replace(material, cookies=cookies), evaluate=nothing_weak)
    assert all(len(each.message) < 500 and each.message.isprintable() for each in found.tests)
    assert all(len(each.value or "") <= 2001 for each in found.tests)


def test_tests_come_in_the_order_of_the_catalogue() -> None:
    names = [each.name for each in graded([*GOOD_HEADERS, *BAD_HEADERS]).tests]
    assert names == sorted(names, key=list(OWN_TESTS).index)


def test_no_result_of_the_catalogue_is_idle() -> None:
    """Each stands somewhere in the tests themselves, if only as part of what decides."""
    folder = Path(policybuilder.grading.own.__file__).parent
    trees = [ast.parse(path.read_text()) for path in folder.glob("*.py") if path.name != "catalogue.py"]
    literals = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    severities = {"high", "medium", "low"}
    idle = {
        (test.name, result)
        for test in OWN_TESTS.values()
        for result in test.outcomes
        if result not in literals and result not in severities
    }
    assert not idle


def test_material_of_nothing_but_a_page_is_enough() -> None:
    page = make_material(GOOD_HEADERS).page
    assert grade(Material(url="https://shop.example/", page=page), evaluate=nothing_weak).score == 100
