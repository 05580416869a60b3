"""Whether each answer has a nonce of its own."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.markup import read_markup
from tests.support.answers import PAGE, make_response
from tests.support.judgements import judgements, results

NAME = "csp-nonces"
CSP = "Content-Security-Policy"


def meta(policy: str) -> str:
    return f'<!doctype html><meta http-equiv="{CSP}" content="{policy}">'


# Each row: the policy of the first answer, that of the next, results.
PAIRS = [
    ("script-src 'nonce-abc'", "script-src 'nonce-abc'", ["repeated"]),
    ("script-src 'nonce-abc'", "script-src 'nonce-abd'", ["fresh"]),
    ("script-src 'nonce-abc'", "script-src 'nonce-Abc'", ["fresh"]),
    ("script-src 'nonce-abc'", "script-src 'self'", ["not-tested"]),
    ("default-src 'nonce-abc'", "default-src 'nonce-abc'", ["repeated"]),
    ("script-src-elem 'nonce-abc'; script-src 'none'", "script-src-elem 'nonce-abc'", ["repeated"]),
    ("script-src 'nonce-new' 'nonce-abc'", "script-src 'nonce-abc' 'nonce-newer'", ["repeated"]),
    ("script-src 'self'; style-src 'nonce-abc'", "script-src 'self'; style-src 'nonce-abc'", []),
    ("script-src-elem 'self'; script-src 'nonce-abc'", "script-src-elem 'self'; script-src 'nonce-abc'", []),
    ("script-src 'nonce-abc', script-src 'self'", "script-src 'nonce-abc', script-src 'self'", []),
    ("script-src 'nonce-abc'; sandbox", "script-src 'nonce-abc'; sandbox", []),
    (
        "script-src 'nonce-abc'; sandbox allow-scripts",
        "script-src 'nonce-abc'; sandbox allow-scripts",
        ["repeated"],
    ),
    ("img-src *", "img-src *", []),
]


@pytest.mark.parametrize(("first", "then", "expected"), PAIRS)
def test_a_nonce_that_lets_scripts_of_the_next_answer_run_is_repeated(
    first: str, then: str, expected: list[str]
) -> None:
    assert results(NAME, {CSP: first}, again=make_response({CSP: then}, url=PAGE)) == expected


def test_meta_elements_count() -> None:
    body = meta("script-src 'nonce-abc'")
    again: dict[str, Any] = {"again": make_response(url=PAGE, body=body), "markup_again": read_markup(body, url=PAGE)}
    assert results(NAME, body=body, **again) == ["repeated"]
    assert results(NAME, {CSP: "script-src 'nonce-abc'"}, **again) == ["repeated"]


def test_one_answer_does_not_tell() -> None:
    assert results(NAME, {CSP: "script-src 'nonce-abc'"}) == ["not-tested"]


def test_another_page_does_not_tell_that_nonces_are_fresh() -> None:
    elsewhere = "https://shop.example/sign-in"
    headers = {CSP: "script-src 'nonce-abc'"}
    other = make_response({CSP: "script-src 'nonce-abd'"}, url=elsewhere)
    assert results(NAME, headers, again=other) == ["not-tested"]
    assert results(NAME, headers, again=make_response(status=503, url=PAGE)) == ["not-tested"]
    # But the same nonce is known, wherever it stands.
    assert results(NAME, headers, again=make_response(headers, url=elsewhere)) == ["repeated"]


def test_a_fresh_nonce_is_shown_with_the_header_that_holds_it() -> None:
    headers = [(CSP, "img-src 'self'"), (CSP, "script-src 'nonce-abc'")]
    again = make_response({CSP: "script-src 'nonce-abd'"}, url=PAGE)
    [found] = judgements(NAME, headers, again=again)
    assert (found.result, found.header, found.value) == ("fresh", CSP, "'nonce-abc'")


def test_a_repeated_nonce_costs_as_much_as_no_policy() -> None:
    headers = {CSP: "script-src 'nonce-abc'"}
    [found] = judgements(NAME, headers, again=make_response(headers, url=PAGE))
    assert (found.value, found.points, found.cap) == ("'nonce-abc'", 30, 65)


def test_a_fresh_nonce_is_shown_with_the_policy_that_holds_it() -> None:
    [found] = judgements(
        NAME,
        [(CSP, "img-src *"), (CSP, "script-src 'nonce-abc'")],
        again=make_response({CSP: "script-src 'nonce-def'"}, url=PAGE),
    )
    assert (found.result, found.header, found.value) == ("fresh", CSP, "'nonce-abc'")
