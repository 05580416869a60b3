"""Whether a page comes over https, by which certificate, and what plain http answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from policybuilder.grading.material import Material, Visit
from policybuilder.grading.own import grade
from policybuilder.scanner.pages import FetchReason, Tls
from tests.support.answers import GOOD_HEADERS, PAGE, SEEN_AT, make_material, make_response, redirecting
from tests.support.judgements import nothing_weak, results, results_of

HTML = {"Content-Type": "text/html; charset=utf-8"}


def test_a_page_over_https_is_secure() -> None:
    assert results("https") == ["secure"]


def test_a_page_without_https_is_open_to_all() -> None:
    material = make_material(GOOD_HEADERS, url="http://shop.example/", https=None, cookies=())
    assert results_of("https", material) == ["no-https"]
    found = grade(material, evaluate=nothing_weak)
    assert (found.grade, found.score) == ("F", 20)
    assert found.capped_by == ("https",)


def test_a_certificate_that_does_not_hold_is_as_bad() -> None:
    https = Visit(url=PAGE, reason=FetchReason.TLS, failure="expired", is_certificate_valid=False)
    page = Visit(url="http://shop.example/", response=make_response(HTML, url="http://shop.example/"))
    material = make_material(HTML, page=page, https=https)
    assert results_of("https", material) == ["invalid-certificate"]
    assert grade(material, evaluate=nothing_weak).grade == "F"


def test_one_recorded_response_over_http_tells_nothing_of_https() -> None:
    material = make_material(HTML, url="http://shop.example/", http=None, https=None, is_whole=False)
    assert results_of("https", material) == ["not-tested"]
    assert results_of("http-redirect", material) == ["not-tested"]
    assert results_of("strict-transport-security", material) == ["not-tested"]


def test_this_machine_is_trusted_without_https() -> None:
    material = make_material(HTML, url="http://127.0.0.1:8000/", http=None, https=None)
    assert results_of("https", material) == ["not-tested"]
    assert results_of("http-redirect", material) == []


@pytest.mark.parametrize(("version", "result"), [("TLSv1", "old-tls"), ("TLSv1.1", "old-tls"), ("TLSv1.2", "secure")])
def test_old_versions_of_tls_are_named(version: str, result: str) -> None:
    tls = Tls(version=version, cipher="c", subject=None, issuer=None, expires_at=None)
    page = Visit(url=PAGE, response=make_response(HTML, tls=tls))
    assert results_of("https", make_material(HTML, page=page)) == [result]


@pytest.mark.parametrize(("days", "result"), [(3, "expires-soon"), (30, "secure")])
def test_a_certificate_that_ends_soon_is_named(days: int, result: str) -> None:
    tls = Tls(version="TLSv1.3", cipher="c", subject=None, issuer=None, expires_at=SEEN_AT + timedelta(days=days))
    page = Visit(url=PAGE, response=make_response(HTML, tls=tls))
    assert results_of("https", make_material(HTML, page=page)) == [result]
    assert results_of("https", make_material(HTML, page=page, seen_at=None)) == ["secure"]


# Each row: the way from plain http, result.
WAYS = [
    (redirecting(PAGE), "to-https"),
    (redirecting(PAGE, "https://shop.example/en"), "to-https"),
    (redirecting("https://www.shop.example/", "https://www.shop.example/en"), "to-https"),
    (redirecting(PAGE, "http://www.shop.example/"), "first-hop-insecure"),
    (redirecting(PAGE, "https://shop.example/", "http://shop.example/x"), "back-to-http"),
    (redirecting("http://shop.example/"), "never-https"),
    (Visit(url="http://shop.example/", response=make_response(url="http://shop.example/")), "never-https"),
    (Visit(url="http://shop.example/", reason=FetchReason.UNREACHABLE), "nothing-listens"),
    (Visit(url="http://shop.example/", reason=FetchReason.TIMEOUT), "nothing-listens"),
    (Visit(url="http://shop.example/", reason=FetchReason.TLS, is_certificate_valid=False), "to-invalid-certificate"),
    (Visit(url="http://shop.example/", reason=FetchReason.BAD_RESPONSE, failure="no HTTP"), "not-tested"),
    (None, "not-tested"),
]


@pytest.mark.parametrize(("http", "result"), WAYS)
def test_the_way_from_plain_http(http: Visit | None, result: str) -> None:
    assert results_of("http-redirect", make_material(HTML, http=http)) == [result]


def test_a_first_hop_to_another_host_teaches_nothing_of_this_one() -> None:
    way = redirecting("https://other.example/")
    assert way.response is not None
    first = replace(way.response.redirects[0], url="http://shop.example/")
    http = replace(way, response=replace(way.response, redirects=(first,)))
    assert results_of("http-redirect", make_material(HTML, http=http)) == ["first-hop-elsewhere"]


def test_preloaded_hosts_need_no_redirect() -> None:
    http = Visit(url="http://shop.example/", response=make_response(url="http://shop.example/"))
    material = make_material(HTML, http=http, preloaded_redirects=True)
    assert results_of("http-redirect", material) == ["preloaded"]


def test_without_any_answer_there_is_no_score() -> None:
    nothing = Visit(url=PAGE, reason=FetchReason.UNREACHABLE, failure="refused")
    found = grade(Material(url=PAGE, page=nothing, http=nothing, https=nothing), evaluate=nothing_weak)
    assert (found.score, found.grade) == (None, None)


def test_a_certificate_that_was_not_to_be_checked_is_said() -> None:
    response = make_response()
    assert response.tls is not None
    unchecked = replace(response, tls=replace(response.tls, subject=None, issuer=None, expires_at=None))
    visit = Visit(url=PAGE, response=unchecked)
    [said] = [
        test.message
        for test in grade(replace(make_material(), page=visit, https=visit), evaluate=nothing_weak).tests
        if test.name == "https"
    ]
    assert said == "The page comes over https (TLSv1.3); its certificate was not checked."
