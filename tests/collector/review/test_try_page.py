from __future__ import annotations

import re
from typing import Any

import pytest

from collector.review.try_page import create_try_router

OBSERVE = "default-src 'none'; script-src 'report-sample'; report-uri http://127.0.0.1:8000/report/rehearsal"
REPORT_ONLY = "content-security-policy-report-only"

# (address visited, the other origin)
VISITS = [
    ("http://127.0.0.1:8000", "http://localhost:8000"),
    ("http://localhost:8000", "http://127.0.0.1:8000"),
    ("http://[::1]:8000", "http://localhost:8000"),
    ("http://localhost", "http://127.0.0.1"),
]


@pytest.mark.parametrize(("visited", "other"), VISITS)
def test_the_second_origin_is_this_server_under_its_other_name(review: Any, visited: str, other: str) -> None:
    page = review.client(visited).get("/try")
    assert page.status_code == 200
    assert f'<script src="{other}/try/partner.js">' in page.text
    addresses = set(re.findall(r"https?://[^\"/<>' )]+", page.text))
    assert addresses - {"http://www.w3.org"} == {visited, other}


def test_the_observe_headers_are_sent_beside_a_fence_without_reporting(review: Any) -> None:
    page = review.client().get("/try")
    assert page.headers[REPORT_ONLY] == OBSERVE
    assert page.headers["cache-control"] == "no-store"
    [fence] = page.headers.get_list("content-security-policy")
    assert "http://localhost:8000" in fence
    assert "frame-ancestors 'none'" in fence
    assert "report-" not in fence


def test_the_page_holds_everything_worth_reporting(review: Any) -> None:
    client = review.client()
    page = client.get("/try").text
    for kind in (
        '<script src="/try/app.js">',
        '<link rel="stylesheet" href="/try/style.css">',
        '<img src="/try/picture.svg"',
        "<script>\n",
        "<style>",
        "<p style=",
        "onload=",
        'src="data:image/svg+xml,',
        '<link rel="stylesheet" href="http://localhost:8000/try/partner.css">',
        '<img src="http://localhost:8000/try/picture.svg"',
    ):
        assert kind in page
    script = client.get("/try/app.js").text
    assert "eval(" in script
    assert "fetch(" in script


def test_the_page_says_what_to_type_next(review: Any) -> None:
    page = review.client().get("/try").text
    assert page.index("cspbuild summary") < page.index("cspbuild suggest")


def test_everything_the_page_names_is_there_and_open_to_the_other_origin(review: Any) -> None:
    client = review.client()
    named = set(re.findall(r"/try/[a-z.]+[a-z]", client.get("/try").text + client.get("/try/app.js").text))
    assert len(named) == 6
    for address in named:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/try", "/try/app.js", "/try/missing"])
def test_other_hosts_find_nothing(review: Any, path: str) -> None:
    answer = review.client("http://csp.example.com").get(path)
    assert answer.status_code == 404
    assert REPORT_ONLY not in answer.headers


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"]
)
def test_a_proxy_on_the_machine_does_not_pass_the_rehearsal_key_on(review: Any, header: str) -> None:
    answer = review.browser().get("/try", headers={header: "203.0.113.9"})
    assert answer.status_code == 404
    assert "/report/" not in str(answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_cannot_make_the_page_report_on_itself(review: Any, headers: dict[str, str]) -> None:
    """In a frame it would send trusted frame-ancestors reports of the framing site's making."""
    answer = review.browser().get("/try", headers=headers)
    assert answer.status_code == 404
    assert REPORT_ONLY not in answer.headers


def test_unknown_resources_are_not_found(review: Any) -> None:
    assert review.client().get("/try/missing").status_code == 404


def test_the_headers_are_made_for_the_address_visited() -> None:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    asked: list[str] = []

    def make_headers(base_url: str) -> list[tuple[str, str]]:
        asked.append(base_url)
        return [
            ("content-security-policy", "default-src 'self'"),
            (REPORT_ONLY, "img-src a"),
            (REPORT_ONLY, "img-src b"),
        ]

    app = FastAPI()
    app.include_router(create_try_router(make_headers, next_commands=[]))
    answer = TestClient(app, base_url="http://LOCALHOST:8000").get("/try")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers.get_list(REPORT_ONLY) == ["img-src a", "img-src b"]
    proxied = TestClient(app, base_url="http://[::1]", root_path="/csp").get("/csp/try")
    assert 'src="/csp/try/app.js"' in proxied.text
    assert 'src="http://localhost/csp/try/partner.js"' in proxied.text
    assert asked == ["http://localhost:8000", "http://[::1]/csp"]
