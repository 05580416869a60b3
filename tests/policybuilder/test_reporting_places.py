"""Where policies send their reports."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.endpoints import named_endpoints, older_endpoints
from policybuilder.reporting_places import Headers, is_cross_origin, policies_in, reporting_places

PAGE = "https://shop.example/a/b"
CSP, RO, RE = "Content-Security-Policy", "Content-Security-Policy-Report-Only", "Reporting-Endpoints"

# (headers, the URLs that reports go to, words of the problems of those that lead nowhere)
CASES: list[tuple[Headers, list[str], list[str]]] = [
    ([(CSP, "img-src *")], [], []),
    ([(CSP, "report-uri /r")], ["https://shop.example/r"], []),
    ([("content-security-POLICY", "REPORT-URI https://c.example/r r#x")], ["https://c.example/r", f"{PAGE[:-1]}r"], []),
    ([(RO, "report-uri /r, report-uri /s; report-uri /t")], ["https://shop.example/r", "https://shop.example/s"], []),
    ([(CSP, "report-uri http://c.example/")], [], ["plain http"]),
    ([(CSP, "report-uri http://127.0.0.1:8000/r")], ["http://127.0.0.1:8000/r"], []),
    ([(CSP, "report-uri ftp://c.example/ https://[ data:x")], [], ["no http or https URL"] * 3),
    ([(CSP, "report-to a"), (RE, 'a="/r"')], ["https://shop.example/r"], []),
    ([(CSP, "report-to a b"), (RE, 'b="/x", '), (RE, 'a="https://c.example/r"')], [], ["cannot be read"]),
    ([(CSP, "report-to a b"), (RE, 'b="/x"'), (RE, 'a="https://c.example/r"')], ["https://c.example/r"], []),
    ([(CSP, "report-to a"), (RE, 'a="http://c.example/r"')], [], ["not https"]),
    ([(CSP, "report-to a"), (RE, "a=https://c.example/r")], [], ["cannot be read"]),
    ([(CSP, "report-to a"), (RE, 'b="/r"')], [], ["names b"]),
    ([(CSP, "report-to a")], [], ["there is no Reporting-Endpoints"]),
    ([(CSP, "report-to"), (RE, 'a="/r"')], [], ["names no endpoint"]),
    ([(CSP, "report-to a"), ("Report-To", '{"group":"a","endpoints":[{"url":"/r"}]}')], ["https://shop.example/r"], []),
    ([(CSP, "report-to a"), ("Report-To", "[" * 100_000)], [], ["there is no Reporting-Endpoints"]),
]


@pytest.mark.parametrize(("headers", "urls", "problems"), CASES)
def test_a_policy_names_the_places_of_its_reports(headers: Headers, urls: list[str], problems: list[str]) -> None:
    places = reporting_places(headers, PAGE)
    assert [place.url for place in places if place.problem is None] == urls
    found = [place.problem for place in places if place.problem is not None]
    assert len(found) == len(problems)
    assert all(words in problem for words, problem in zip(problems, found, strict=True))


def test_beside_report_to_the_older_directive_is_for_older_browsers() -> None:
    places = reporting_places([(CSP, "report-uri /r; report-to a"), (RE, 'a="/s"'), (CSP, "report-uri /t")], PAGE)
    assert [(place.value, place.is_shadowed) for place in places] == [("a", False), ("/r", True), ("/t", False)]
    nameless = reporting_places([(CSP, "report-uri /r; report-to")], PAGE)
    assert [(place.value, place.is_shadowed) for place in nameless] == [("", False), ("/r", True)]


def test_what_the_older_header_alone_names_is_told_apart() -> None:
    older = ("Report-To", '{"group":"a","endpoints":[{"url":"/r"}]}, {"endpoints":[{"url":"/s"}]}, {"group":1}, 2')
    places = reporting_places([(CSP, "report-to a"), (RO, "report-to default"), older], PAGE)
    assert [(place.url, place.is_older) for place in places] == [
        ("https://shop.example/r", True),
        ("https://shop.example/s", True),
    ]
    (place,) = reporting_places([(CSP, "report-to a"), older, (RE, 'a="/t"')], PAGE)
    assert (place.url, place.is_older) == ("https://shop.example/t", False)


def test_a_plain_page_has_no_named_endpoints() -> None:
    headers = [(CSP, "report-to a"), (RE, 'a="https://c.example/r"')]
    (place,) = reporting_places(headers, "http://shop.example/")
    assert "plain http" in (place.problem or "")
    (place,) = reporting_places(headers, "http://localhost:8000/")
    assert place.problem is None


def test_policies_are_counted_in_both_headers() -> None:
    assert policies_in([(CSP, "img-src *, font-src *"), (RO, "img-src *"), ("X", "img-src *"), (CSP, "")]) == 3


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://shop.example/r", False),
        ("https://shop.example:444/r", True),
        ("https://c.example/", True),
        ("x", True),
    ],
)
def test_a_browser_asks_before_it_posts_to_another_origin(url: str, *, other: bool) -> None:
    assert is_cross_origin(url, PAGE) is other


_TEXTS = st.text() | st.sampled_from(
    ['a="https://c.example/"', "report-to a", "report-uri //[ \x1b", "{", '"', "\ud800"]
)


@given(headers=st.lists(st.tuples(st.sampled_from([CSP, RO, RE, "Report-To"]), _TEXTS), max_size=6))
def test_no_headers_are_too_odd(headers: list[tuple[str, str]]) -> None:
    for place in reporting_places(headers, PAGE):
        assert (place.url is None) <= (place.problem is not None)
    named_endpoints(headers, PAGE)
    older_endpoints(headers, PAGE)


def test_long_headers_are_read_at_once() -> None:
    begin = time.monotonic()
    for value in (
        "report-uri" + " /a" * 20_000,
        "report-to a, " * 5_000,
        "a=" * 30_000,
        'a="x", ' * 8_000,
        "[{" * 30_000,
    ):
        for name in (CSP, RE, "Report-To"):
            assert len(reporting_places([(name, value), (CSP, "report-to a")], PAGE)) <= 50
    assert time.monotonic() - begin < 5
