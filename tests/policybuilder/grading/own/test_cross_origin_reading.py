"""Which other sites may read an answer."""

from __future__ import annotations

import pytest

from tests.support.answers import make_response
from tests.support.judgements import results

ORIGIN, CREDENTIALS = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
STRANGER = "https://stranger.example"

# Each row: headers of the answer to a stranger's preflight, result.
CASES: list[tuple[dict[str, str], str]] = [
    ({}, "own-origin"),
    ({ORIGIN: "*"}, "anybody"),
    ({ORIGIN: STRANGER}, "anybody"),
    ({ORIGIN: STRANGER, CREDENTIALS: "true"}, "anybody-with-credentials"),
    ({ORIGIN: STRANGER, CREDENTIALS: "True"}, "anybody"),
    ({ORIGIN: "*", CREDENTIALS: "true"}, "contradiction"),
    ({ORIGIN: "null"}, "null"),
    ({ORIGIN: "null", CREDENTIALS: "true"}, "null-with-credentials"),
    ({ORIGIN: "https://partner.example", CREDENTIALS: "true"}, "listed"),
]


@pytest.mark.parametrize(("headers", "result"), CASES)
def test_what_a_stranger_is_answered(headers: dict[str, str], result: str) -> None:
    assert results("cors", preflight=make_response(headers)) == [result]


def test_the_page_itself_counts_as_well() -> None:
    assert results("cors", {ORIGIN: "null", CREDENTIALS: "true"}) == ["null-with-credentials"]


def test_without_a_strangers_request_only_the_page_is_judged() -> None:
    assert results("cors", preflight=None) == ["not-tested"]
    assert results("cors", {ORIGIN: "*"}, preflight=None) == ["anybody"]
