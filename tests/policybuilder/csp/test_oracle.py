"""Differential tests: the engine's verdicts beside those of browsers that loaded the same pages."""

from __future__ import annotations

import functools

import pytest

from policybuilder.csp import Browser, Question, Verdict, decide, match, parse_serialized_policy
from tests.oracle.recording import (
    KNOWN_DIFFERENCES,
    Disagreement,
    Item,
    browser_of,
    decide_recorded,
    disagreements,
    kind_of,
    read,
)

RECORDED: dict[str, list[Item]] = {}
ANSWERS: dict[str, dict[Browser, Item]] = {}
for recorded in read():
    RECORDED.setdefault(f"{browser_of(recorded)} {kind_of(recorded)}", []).append(recorded)
    ANSWERS.setdefault(recorded["id"], {})[browser_of(recorded)] = recorded
ASKED_TWICE = [(both[Browser.CHROMIUM], both[Browser.FIREFOX]) for both in ANSWERS.values() if len(both) == 2]


@functools.cache
def disagreements_of(kind: str) -> list[Disagreement]:
    return disagreements(RECORDED[kind])


@pytest.mark.parametrize("kind", RECORDED)
def test_the_engine_decides_as_the_browser_did(kind: str) -> None:
    assert [str(found) for found in disagreements_of(kind) if found.known is None] == []


@pytest.mark.parametrize("verdict", ["allow", "block"])
@pytest.mark.parametrize("kind", [kind for kind in RECORDED if kind.startswith("chromium")])
def test_chromium_both_allowed_and_blocked_each_kind(kind: str, verdict: str) -> None:
    """A kind that is always blocked would prove little."""
    assert sum(item["expect"] == verdict for item in RECORDED[kind]) >= 3


def test_two_thousand_cases_of_chromium_are_recorded() -> None:
    assert sum(len(items) for kind, items in RECORDED.items() if kind.startswith("chromium")) >= 2_000


@pytest.mark.parametrize("difference", KNOWN_DIFFERENCES, ids=lambda known: known["reason"][:40])
def test_a_known_difference_is_one_of_firefox(difference: dict[str, str]) -> None:
    """Where browsers differ, `match` follows Chromium: of it there is nothing to excuse."""
    assert difference["browser"] == "firefox"
    assert difference["reason"]


def is_known(*items: Item) -> bool:
    return any(found.known for found in disagreements(items))


def test_where_browsers_were_seen_to_differ_a_replay_is_in_doubt() -> None:
    apart = [(chromium, firefox) for chromium, firefox in ASKED_TWICE if chromium["expect"] != firefox["expect"]]
    assert len(apart) >= 40
    sure = [both for both in apart if decide_recorded(both[0], None).verdict is not Verdict.UNKNOWN]
    assert [both for both in sure if not is_known(*both)] == []


def test_where_browsers_were_seen_to_agree_a_replay_is_seldom_in_doubt() -> None:
    agreed = [chromium for chromium, firefox in ASKED_TWICE if chromium["expect"] == firefox["expect"]]
    assert len(agreed) >= 700
    wrong = [item for item in agreed if decide_recorded(item, None).verdict.value != item["expect"]]
    assert len(wrong) <= 3
    assert all(decide_recorded(item, None).verdict is Verdict.UNKNOWN for item in wrong)


def test_browsers_that_read_a_policy_differently_leave_doubt() -> None:
    """In Chromium the second script-src repeats the first, which was dropped for its é."""
    text, page, url = "script-src é; script-src 'none'", "https://shop.example/", "https://shop.example/a.js"
    question = Question(page=page, directive="script-src-elem", blocked=url, nonce="", integrity="")
    assert match(text, page=page, directive="script-src-elem", blocked=url).verdict is Verdict.ALLOW
    assert decide(parse_serialized_policy(text), question).verdict is Verdict.UNKNOWN
