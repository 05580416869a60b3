"""What a server does with a Host header of nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policybuilder.grading.material import Visit
from policybuilder.scanner.pages import Redirect, Response
from tests.support.answers import PAGE, make_material, make_response
from tests.support.judgements import results, results_of

# Each row: answer to a forged Host, result.
CASES: list[tuple[Response, str]] = [
    (make_response(status=400), "refused"),
    (make_response(status=421), "refused"),
    (make_response(body="<p>welcome"), "answered"),
    (make_response(body="<a href=https://FORGED.example/reset>"), "reflected"),
    (make_response({"Location": "https://forged.example/"}, status=301), "reflected"),
    (make_response({"Set-Cookie": "a=b; Domain=forged.example"}), "reflected"),
    (make_response({"Location": PAGE}, status=301), "sent-home"),
    (make_response({"Location": "https://www.shop.example/"}, status=301), "sent-home"),
    (make_response({"Location": "https://elsewhere.example/"}, status=301), "answered"),
    (make_response(status=400, body="no host forged.example here"), "refused"),
]


@pytest.mark.parametrize(("answer", "result"), CASES)
def test_a_forged_name(answer: Response, result: str) -> None:
    assert results("trusted-host", forged_host=answer) == [result]


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_an_error_that_the_page_is_itself_refuses_no_host(status: int) -> None:
    visit = Visit(url=PAGE, response=make_response(status=status))
    material = replace(make_material(), page=visit, https=visit, forged_host=make_response(status=status))
    assert results_of("trusted-host", material) == ["not-tested"]
    assert results_of("trusted-host", replace(material, forged_host=make_response(status=421))) == ["refused"]


def test_a_followed_redirect_is_one() -> None:
    led = Redirect(url="https://shop.example/", status=301, location="//forged.example/", headers=())
    assert results("trusted-host", forged_host=make_response(redirects=(led,))) == ["reflected"]


def test_a_server_that_hangs_up_refuses() -> None:
    assert results("trusted-host", forged_host=None, forged_host_failure="broke off") == ["refused"]


def test_what_was_not_tried_is_not_tested() -> None:
    assert results("trusted-host", forged_host=None) == ["not-tested"]


def test_without_the_forged_name_nothing_is_found_again() -> None:
    assert results("trusted-host", forged_host=make_response(body="forged.example"), forged_name=None) == ["answered"]
