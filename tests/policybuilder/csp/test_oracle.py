"""Differential tests: the engine's verdicts beside those of browsers that loaded the same pages."""

from __future__ import annotations

import functools

import pytest

from policybuilder.csp import Question, Verdict, decide, match, parse_serialized_policy
from tests.oracle.recording import Disagreement, Item, browser_of, disagreements, kind_of, read

RECORDED: dict[str, list[Item]] = {}
for recorded in read():
    RECORDED.setdefault(f"{browser_of(recorded)} {kind_of(recorded)}", []).append(recorded)


@functools.cache
def disagreements_of(kind: str) -> list[Disagreement]:
    return disagreements(RECORDED[kind])


@pytest.mark.parametrize("kind", RECORDED)
def test_the_engine_decides_as_the_browser_did(kind: str) -> None:
    assert [str(found) for found in disagreements_of(kind)] == []


@pytest.mark.parametrize("verdict", ["allow", "block"])
@pytest.mark.parametrize("kind", [kind for kind in RECORDED if kind.startswith("chromium")])
def test_chromium_both_allowed_and_blocked_each_kind(kind: str, verdict: str) -> None:
    """A kind that is always blocked would prove little."""
    assert sum(item["expect"] == verdict for item in RECORDED[kind]) >= 3


def test_two_thousand_cases_of_chromium_are_recorded() -> None:
    assert sum(len(items) for kind, items in RECORDED.items() if kind.startswith("chromium")) >= 2_000


def test_browsers_that_read_a_policy_differently_leave_doubt() -> None:
    """In Chromium the second script-src repeats the first, which was dropped for its é."""
    text, page, url = "script-src é; script-src 'none'", "https://shop.example/", "https://shop.example/a.js"
    question = Question(page=page, directive="script-src-elem", blocked=url, nonce="", integrity="")
    assert match(text, page=page, directive="script-src-elem", blocked=url).verdict is Verdict.ALLOW
    assert decide(parse_serialized_policy(text), question).verdict is Verdict.UNKNOWN
