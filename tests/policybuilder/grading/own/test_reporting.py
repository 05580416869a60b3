"""Whether the places that reports go to exist, and take them."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.grading.material import EndpointAnswer
from tests.support.judgements import judgements, results

CSP, ENDPOINTS = "Content-Security-Policy", "Reporting-Endpoints"
COLLECTOR = "https://collector.example/r"

# Each row: headers, results.
CASES: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({CSP: "default-src 'self'"}, ["nowhere"]),
    ({CSP: f"default-src 'self'; report-uri {COLLECTOR}"}, ["wired"]),
    ({CSP: "default-src 'self'; report-uri /csp"}, ["wired"]),
    ({CSP: "default-src 'self'; report-uri http://collector.example/r"}, ["insecure"]),
    ({CSP: "default-src 'self'; report-to csp"}, ["undefined"]),
    ({CSP: "default-src 'self'; report-to csp", ENDPOINTS: f'csp="{COLLECTOR}"'}, ["wired"]),
    ({CSP: "default-src 'self'; report-to csp", ENDPOINTS: f'other="{COLLECTOR}"'}, ["undefined"]),
    # A token where a string should be is no address; a string without an end is no header.
    ({CSP: "default-src 'self'; report-to csp", ENDPOINTS: f"csp={COLLECTOR}"}, ["undefined"]),
    ({CSP: "default-src 'self'; report-to csp", ENDPOINTS: f'csp="{COLLECTOR}'}, ["unusable"]),
    ({CSP: "default-src 'self'; report-to csp", ENDPOINTS: 'csp="http://collector.example/"'}, ["insecure"]),
    ({CSP: "default-src 'self'; report-to csp", ENDPOINTS: 'csp="/r"'}, ["wired"]),
    # Browsers that know report-to do not look at report-uri.
    ({CSP: f"default-src 'self'; report-to csp; report-uri {COLLECTOR}"}, ["undefined"]),
    (
        {
            CSP: "default-src 'self'; report-to csp",
            "Report-To": '{"group":"csp","max_age":1,"endpoints":[{"url":"/r"}]}',
        },
        ["nowhere"],
    ),
    ({f"{CSP}-Report-Only": "default-src 'self'; report-to csp"}, ["undefined"]),
    ({"Cross-Origin-Opener-Policy": 'same-origin; report-to="coop"'}, ["undefined"]),
    ({"Integrity-Policy": "blocked-destinations=(script), endpoints=(sri)"}, ["undefined"]),
]


@pytest.mark.parametrize(("headers", "expected"), CASES)
def test_where_reports_go(headers: dict[str, str], expected: list[str]) -> None:
    assert results("reporting", headers) == expected


ALLOWED = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "content-type"))

# Each row: what the endpoint answered, result.
ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({"preflight_status": 204, "preflight_headers": ALLOWED}, "wired"),
    (
        {
            "preflight_status": 200,
            "preflight_headers": (ALLOWED[1], ("access-control-allow-origin", "https://shop.example")),
        },
        "wired",
    ),
    ({"preflight_status": 204, "preflight_headers": (ALLOWED[0], ("Access-Control-Allow-Headers", "X-Y, *"))}, "wired"),
    ({"preflight_status": 405, "preflight_headers": ALLOWED}, "preflight-refused"),
    ({"preflight_status": 204, "preflight_headers": ALLOWED[:1]}, "preflight-refused"),
    ({"preflight_status": 204, "preflight_headers": ALLOWED[1:]}, "preflight-refused"),
    ({"preflight_status": 204, "preflight_headers": (*ALLOWED, ALLOWED[0])}, "preflight-refused"),
    ({"failure": "collector.example refuses connections"}, "unanswered"),
]


@pytest.mark.parametrize(("answer", "result"), ANSWERS)
def test_an_endpoint_has_to_answer_a_preflight(answer: dict[str, Any], result: str) -> None:
    asked = {COLLECTOR: EndpointAnswer(url=COLLECTOR, is_cross_origin=True, **answer)}
    headers = {CSP: "default-src 'self'; report-to csp", ENDPOINTS: f'csp="{COLLECTOR}"'}
    assert results("reporting", headers, endpoints=asked) == [result]


def test_no_preflight_is_asked_of_report_uri() -> None:
    asked = {COLLECTOR: EndpointAnswer(url=COLLECTOR, is_cross_origin=True, preflight_status=405)}
    assert results("reporting", {CSP: f"default-src 'self'; report-uri {COLLECTOR}"}, endpoints=asked) == ["wired"]


def test_a_judgement_names_the_place() -> None:
    [found] = judgements("reporting", {CSP: f"default-src 'self'; report-uri {COLLECTOR}"})
    assert (found.value, found.message) == (COLLECTOR, "Violations are reported to collector.example.")
