"""Strict-Transport-Security as RFC 6797 has browsers read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.grading.material import Visit
from policybuilder.grading.own.strict_transport_security import Promise, read_promise
from policybuilder.scanner.pages import Redirect
from tests.support.answers import PAGE, make_material, make_response
from tests.support.judgements import judgements, results, results_of

NAME = "strict-transport-security"
YEAR = 31_536_000

# (value, what is promised)  https://www.rfc-editor.org/rfc/rfc6797#section-6.1
VALUES = [
    ("max-age=31536000", Promise(YEAR, has_subdomains=False, wants_preload=False)),
    ('max-age="31536000"', Promise(YEAR, has_subdomains=False, wants_preload=False)),
    ("MAX-AGE=31536000;INCLUDESUBDOMAINS", Promise(YEAR, has_subdomains=True, wants_preload=False)),
    (" max-age = 1 ; ; preload;", Promise(1, has_subdomains=False, wants_preload=True)),
    ("max-age=0", Promise(0, has_subdomains=False, wants_preload=False)),
    ('max-age=1; later="a;b"', Promise(1, has_subdomains=False, wants_preload=False)),
    ("max-age=1; max-age=2", None),
    ("max-age=1, max-age=2", None),
    ("max-age=1; includeSubDomains; includesubdomains", None),
    ("max-age=1; includeSubDomains=yes", None),
    ("includeSubDomains", None),
    ("max-age", None),
    ("max-age=-1", None),
    ("max-age=1.5", None),
    ("max-age=١", None),
    ('max-age="1', None),
    ("31536000", None),
    ("", None),
]


@pytest.mark.parametrize(("value", "promise"), VALUES)
def test_the_value_is_read_as_browsers_do(value: str, promise: Promise | None) -> None:
    assert read_promise(value) == promise


def test_digits_without_end_are_a_long_time() -> None:
    promise = read_promise(f"max-age={'9' * 4000}")
    assert promise is not None
    assert promise.max_age_seconds > YEAR


@given(st.text())
def test_no_text_raises(text: str) -> None:
    read_promise(text)


# Each row: headers, results.
HEADERS = [
    ({"Strict-Transport-Security": "max-age=31536000"}, ["max-age-long"]),
    ({"Strict-Transport-Security": "max-age=15552000"}, ["max-age-long"]),
    ({"Strict-Transport-Security": "max-age=86400"}, ["max-age-short"]),
    ({"Strict-Transport-Security": "max-age=0"}, ["max-age-zero"]),
    ({"Strict-Transport-Security": "max-age=1 year"}, ["invalid"]),
    ({"Strict-Transport-Security": "max-age=31536000; preload"}, ["preload-not-ready"]),
    ({"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload"}, ["max-age-long"]),
    ({}, ["missing"]),
]


@pytest.mark.parametrize(("headers", "expected"), HEADERS)
def test_what_was_chosen_is_named(headers: dict[str, str], expected: list[str]) -> None:
    assert results(NAME, headers) == expected


def test_of_several_headers_the_first_counts() -> None:
    first, second = ("Strict-Transport-Security", "max-age=0"), ("Strict-Transport-Security", "max-age=31536000")
    assert results(NAME, (first, second)) == ["max-age-zero"]
    assert results(NAME, (second, first)) == ["max-age-long"]


def test_over_plain_http_it_counts_for_nothing() -> None:
    headers = {"Strict-Transport-Security": "max-age=31536000"}
    assert results(NAME, headers, url="http://shop.example/") == ["over-http"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost/", "https://localhost/"])
def test_this_machine_needs_none(url: str) -> None:
    assert results(NAME, url=url) == []


def test_an_address_has_none() -> None:
    assert results(NAME, url="https://192.0.2.1/") == ["not-tested"]


def test_a_host_whose_certificate_does_not_hold_promises_nothing() -> None:
    response = make_response({"Strict-Transport-Security": "max-age=31536000"})
    page = Visit(url=PAGE, response=response, is_certificate_valid=False)
    assert results_of(NAME, make_material(page=page)) == ["not-tested"]


def test_of_a_preloaded_host_the_header_may_be_missing() -> None:
    assert results(NAME, is_preloaded=True) == ["preloaded"]
    assert results(NAME, {"Strict-Transport-Security": "max-age=0"}, is_preloaded=True) == ["max-age-zero"]


def test_preloaded_is_the_host_that_the_page_comes_from() -> None:
    elsewhere = make_response(url="https://other.example/")
    material = replace(make_material(), page=Visit(url=PAGE, response=elsewhere), is_preloaded=True)
    assert results_of(NAME, material) == ["missing"]
    assert results_of(NAME, replace(material, is_preloaded=False, is_landing_preloaded=True)) == ["preloaded"]


def test_the_day_of_the_list_is_said_where_a_site_asks_for_it() -> None:
    day = date(2025, 1, 1)
    asking = {"Strict-Transport-Security": f"max-age={YEAR}; includeSubDomains; preload"}
    [judgement] = judgements(NAME, asking, preload_list_day=day)
    assert judgement.result == "max-age-long"
    assert judgement.message.endswith("and is not in it (as of 2025-01-01).")
    [judgement] = judgements(NAME, asking, preload_list_day=day, is_preloaded=True)
    assert "(as of 2025-01-01)" in judgement.message
    [judgement] = judgements(NAME, {"Strict-Transport-Security": f"max-age={YEAR}"}, preload_list_day=day)
    assert "2025" not in judgement.message


def _led_over(url: str, headers: tuple[tuple[str, str], ...], promise: str) -> list[str]:
    redirect = Redirect(url=url, status=301, location=PAGE, headers=headers)
    response = make_response({"Content-Type": "text/html", "Strict-Transport-Security": promise}, redirects=(redirect,))
    return results_of(NAME, replace(make_material(), page=Visit(url=url, response=response)))


def test_a_host_that_redirects_needs_it_too() -> None:
    header = ("Strict-Transport-Security", "max-age=31536000")
    assert _led_over("https://other.example/", (), "max-age=31536000") == ["max-age-long", "missing-on-redirect"]
    assert _led_over("https://other.example/", (header,), "max-age=31536000") == ["max-age-long"]


def test_a_host_below_is_covered_by_a_promise_for_subdomains() -> None:
    assert _led_over("https://www.shop.example/", (), "max-age=31536000; includeSubDomains") == ["max-age-long"]
    assert "missing-on-redirect" in _led_over("https://www.shop.example/", (), "max-age=31536000")


def test_it_matters_less_where_the_answer_is_no_page() -> None:
    [page], [data] = judgements(NAME), judgements(NAME, {"Content-Type": "application/json"})
    assert (page.result, data.result) == ("missing", "missing")
    assert page.points > data.points > 0
