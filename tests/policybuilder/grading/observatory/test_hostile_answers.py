"""Answers that are made to cost: each is graded in less time than its fetch may take."""

from __future__ import annotations

import time

import pytest

from policybuilder.grading.material import Material, SentCookie, Visit
from policybuilder.grading.observatory import grade
from tests.support.answers import make_response

_URL = "https://shop.example/"
_MEGABYTE = 1024 * 1024


def material_of(body: str = "", *headers: tuple[str, str]) -> Material:
    response = make_response([("Content-Type", "text/html"), *headers], url=_URL, body=body)
    cookies = tuple(SentCookie(url=_URL, text=value) for name, value in headers if name == "Set-Cookie")
    return Material(url=_URL, page=Visit(url=_URL, response=response), cookies=cookies)


def meta(policy: str) -> str:
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


HOSTILE = {
    "one policy of megabytes": meta("script-src " + "https://cdn.example/a " * (_MEGABYTE // 22)),
    "sources that all begin alike": meta("script-src " + " ".join("a" * n for n in range(1, 2_000))),
    "sources looked at again for each of many policies": meta(
        "script-src " + "https://cdn.example/a " * 60_000 + ", script-src https://cdn.example/a" * 60_000
    ),
    "one long source looked at again": meta("script-src " + "a/" * _MEGABYTE + ", script-src b" * 100_000),
    "a hundred thousand policies": meta(",".join(["default-src 'self'"] * 100_000)),
    "a policy in each of many elements": meta("default-src 'self'") * 50_000,
    "directives without end": meta("; ".join(f"x-{n}-src 'self'" for n in range(60_000))),
    "scripts without end": "<script src=https://cdn.example/a.js></script>" * 100_000,
    "attributes without end": "<script " + " ".join(f"a{n}=b" for n in range(300_000)) + "></script>",
    "elements as deep as the page is long": "<b>" * _MEGABYTE,
    "templates in templates": "<template>" * 200_000,
    "nothing but escapes": meta("script-src " + "%41" * _MEGABYTE + ", script-src " + "%41" * _MEGABYTE),
    "nothing but spaces": meta("script-src" + " \t\n" * _MEGABYTE),
    "no characters that belong there": "\x00\ufffd\x1b[31m" * _MEGABYTE,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_page_is_graded_in_seconds(body: str) -> None:
    began = time.process_time()
    grade(material_of(body[: 5 * _MEGABYTE]))
    assert time.process_time() - began < 15


HOSTILE_HEADERS = {
    "many cookies": [("Set-Cookie", f"sess{n}=1; Domain=shop.example") for n in range(5_000)],
    "one cookie of attributes": [("Set-Cookie", "a=1" + "; Domain=shop.example" * 20_000)],
    "many ages": [("Strict-Transport-Security", "max-age=1;" * 50_000)],
    "one age of digits": [("Strict-Transport-Security", "max-age=" + "9" * 100_000)],
    "referrer policies": [("Referrer-Policy", "origin," * 100_000)],
    "parameters": [("Cross-Origin-Opener-Policy", "same-origin" + ";a=1" * 100_000)],
    "policies with escapes": [("Content-Security-Policy", "script-src " + "%" * 60_000)],
    "repeated headers": [("Content-Security-Policy", "default-src 'self'")] * 10_000,
}


@pytest.mark.parametrize("headers", HOSTILE_HEADERS.values(), ids=HOSTILE_HEADERS)
def test_headers_are_graded_in_a_second(headers: list[tuple[str, str]]) -> None:
    began = time.process_time()
    grade(material_of("", *headers))
    assert time.process_time() - began < 2
