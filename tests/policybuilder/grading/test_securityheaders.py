"""What securityheaders.com would probably say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.material import Material, Visit
from policybuilder.grading.securityheaders import GRADES, HEADERS, approximate
from policybuilder.scanner.pages import Headers
from tests.support.answers import make_response
from tests.support.materials import make_material

_ALL: Headers = (
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Content-Security-Policy", "default-src 'self'"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=()"),
)


def having(*names: str) -> Headers:
    return tuple((name, value) for name, value in _ALL if name in names)


# (the headers that are there, grade)  https://github.com/securityheaders/securityheaders-bugs/issues/70
LADDER = [
    ((), "F"),
    (("X-Content-Type-Options",), "D"),
    (("X-Content-Type-Options", "X-Frame-Options"), "C"),
    (("X-Content-Type-Options", "X-Frame-Options", "Strict-Transport-Security", "Referrer-Policy"), "B"),
    (HEADERS[:5], "B"),
    (HEADERS, "A+"),
]


@pytest.mark.parametrize(("names", "grade"), LADDER)
def test_each_pair_of_headers_lifts_the_grade(names: tuple[str, ...], grade: str) -> None:
    found = approximate(make_material(*having(*names)))
    assert found.grade == grade
    assert set(found.missing) == set(HEADERS) - set(names)
    assert found.approximation is True


# (header, value, a word of the warning): each keeps an otherwise full set at A
WARNED = [
    ("Content-Security-Policy", "default-src 'self'; style-src 'unsafe-inline'", "style-src allows 'unsafe-inline'"),
    ("Content-Security-Policy", "script-src 'Unsafe-Eval'", "script-src allows 'unsafe-eval'"),
    ("Content-Security-Policy", "default-src 'self', img-src *", "img-src allows *"),
    ("Referrer-Policy", "Unsafe-URL", "unsafe-url"),
    ("Referrer-Policy", "no-referrer, origin-when-cross-origin", "origin-when-cross-origin"),
]


@pytest.mark.parametrize(("name", "value", "words"), WARNED)
def test_a_warning_keeps_a_site_from_a_plus_and_costs_no_more(name: str, value: str, words: str) -> None:
    headers = [(each, value if each == name else sent) for each, sent in _ALL]
    found = approximate(make_material(*headers))
    assert found.grade == "A"
    (warning,) = found.warnings
    assert warning.startswith(f"{name}: ")
    assert words in warning


def test_it_only_looks_whether_a_policy_is_there() -> None:
    """securityheaders-bugs #73: a policy that restricts no load is one."""
    headers = [(name, "upgrade-insecure-requests" if name.startswith("Content") else value) for name, value in _ALL]
    assert approximate(make_material(*headers)).grade == "A+"


def test_a_policy_that_only_reports_is_none() -> None:
    headers = [
        ("Content-Security-Policy-Report-Only" if "Content-Sec" in name else name, value) for name, value in _ALL
    ]
    assert approximate(make_material(*headers)).missing == ("Content-Security-Policy",)


def test_an_empty_header_is_none() -> None:
    assert "Referrer-Policy" in approximate(make_material(("Referrer-Policy", " "))).missing


def test_over_plain_http_strict_transport_security_is_not_missed() -> None:
    found = approximate(make_material(*_ALL[1:], url="http://shop.example/"))
    assert (found.grade, found.missing) == ("A+", ())


def test_a_redirect_is_no_page() -> None:
    response = make_response(status=301)
    assert approximate(Material(url=response.url, page=Visit(url=response.url, response=response))).grade == "R"


def test_a_page_that_did_not_answer_has_no_grade() -> None:
    with pytest.raises(ValueError, match="no answer"):
        approximate(Material(url="https://shop.example/", page=Visit(url="https://shop.example/")))


@given(st.lists(st.tuples(st.sampled_from(HEADERS), st.text(max_size=60)), max_size=8))
def test_more_headers_never_lower_the_grade_below_what_fewer_have(headers: list[tuple[str, str]]) -> None:
    """But for A+, which one warning takes."""
    fewer, more = (approximate(make_material(*each)).grade for each in (headers[:-1], headers))
    order = [grade for grade in GRADES if grade not in {"A+", "R"}]
    assert order.index(more.replace("+", "")) <= order.index(fewer.replace("+", ""))
