"""Decisions: what a person's pattern means, and what it makes of the evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policybuilder.decisions import (
    Decision,
    DecisionAction,
    admits,
    apply_decisions,
    concerns,
    expiring,
    matches,
    names_of,
    rejecting_initiator,
    standing,
    vouches_for,
)
from policybuilder.evidence import EvidenceClass
from tests.support.evidence import SEEN_AT, make_group

ALLOW, REJECT, IGNORE, CLASS = DecisionAction


def decision(action: DecisionAction, subject: str, *, directive: str = "", number: int = 1, **known: Any) -> Decision:
    return Decision(number=number, action=action, directive=directive, subject=subject, decided_at=SEEN_AT, **known)


# Columns: pattern, blocked URI, whether it means it.
PATTERNS = [
    ("https://evil.example/*", "https://evil.example/a.js", True),
    ("https://evil.example/*", "https://evil.example", False),
    ("https://evil.example", "https://evil.example/a.js", True),
    ("evil.example", "https://evil.example/a.js", True),
    ("evil.example", "https://evil.example:8443/a.js", True),
    ("evil.example:8443", "https://evil.example:8443/a.js", True),
    ("*.evil.example", "https://cdn.evil.example/a.js", True),
    ("*.evil.example", "https://evil.example/a.js", False),
    ("EVIL.example", "https://evil.example/a.js", True),
    ("evil.example", "https://notevil.example/", False),
    ("*", "https://evil.example/a.js", True),
    ("'eval'", "eval", True),
    ("eval", "eval", True),
    ("inline", "", True),
    ("data:", "data", True),
    ("data", "data", True),
    ("https://evil.example/a?[x]", "https://evil.example/a?[x]", True),
    ("https://evil.example/a?", "https://evil.example/ab", False),
    ("https://evil.example/[ab]", "https://evil.example/a", False),
]


@pytest.mark.parametrize(("pattern", "blocked", "is_meant"), PATTERNS)
def test_a_pattern_means_urls_origins_hosts_and_keywords(pattern: str, blocked: str, *, is_meant: bool) -> None:
    assert matches(decision(REJECT, pattern), "img-src", *names_of(make_group("img-src", blocked))) is is_meant


@pytest.mark.parametrize(
    ("directive", "of_group", "is_meant"),
    [
        ("", "img-src", True),
        ("img-src", "img-src", True),
        ("script-src", "script-src-elem", True),
        ("img-src", "script-src-elem", False),
        ("script-src-elem", "script-src", False),
    ],
)
def test_a_directive_narrows_a_pattern_to_what_it_governs(directive: str, of_group: str, *, is_meant: bool) -> None:
    assert matches(decision(REJECT, "*", directive=directive), of_group, "https://a.example") is is_meant


def test_a_pattern_of_many_stars_takes_linear_time() -> None:
    """A minute would not do for a translation that tries every way to share the text out."""
    assert not matches(decision(REJECT, "*a" * 200 + "b"), "img-src", "a" * 2_000)


@pytest.mark.parametrize(
    ("directive", "source", "of_group", "blocked", "is_admitted"),
    [
        ("img-src", "https://img.example", "img-src", "https://img.example/a.png", True),
        ("img-src", "*.example", "img-src", "https://img.example/a.png", True),
        ("script-src", "https://img.example", "img-src", "https://img.example/a.png", False),
        ("script-src", "https://cdn.example", "script-src-elem", "https://cdn.example/a.js", True),
        ("script-src", "'unsafe-eval'", "script-src", "eval", True),
        ("img-src", "https://img.example/b/", "img-src", "https://img.example/a.png", False),
    ],
)
def test_an_allowed_source_answers_what_it_would_have_let_through(
    directive: str, source: str, of_group: str, blocked: str, *, is_admitted: bool
) -> None:
    assert admits(directive, source, make_group(of_group, blocked)) is is_admitted


def test_a_group_shows_the_newest_answer() -> None:
    group = make_group("img-src", "https://img.example/a.png")
    older = decision(REJECT, "img.example", number=1)
    newer = decision(ALLOW, "https://img.example", directive="img-src", number=2)
    assert [each.decision for each in apply_decisions([group], [older, newer])] == ["allow"]
    assert [each.decision for each in apply_decisions([group], [older])] == ["reject"]
    assert [each.decision for each in apply_decisions([group], [decision(IGNORE, "other.example")])] == [None]


def test_a_group_is_of_the_class_a_person_gave_it() -> None:
    group = make_group("img-src", "https://img.example/a.png")
    decided = decision(CLASS, group.fingerprint, evidence_class=EvidenceClass.EXTENSION)
    (corrected,) = apply_decisions([group], [decided])
    assert (corrected.evidence_class, corrected.rule, corrected.decision) == (
        EvidenceClass.EXTENSION,
        "decided",
        "class",
    )
    assert corrected.is_noise
    assert apply_decisions([group], [decision(CLASS, "0" * 32, evidence_class=EvidenceClass.BOT)]) == (group,)


# By initiator

TAG = "https://tag.example"


def loaded_by(initiator: str, directive: str = "script-src-elem") -> Any:
    return make_group(directive, "https://cdn.example/a.js", initiator=initiator)


# Columns: pattern, initiator, whether it means it.
INITIATOR_PATTERNS = [
    (TAG, TAG, True),
    ("tag.example", TAG, True),
    ("TAG.example", TAG, True),
    ("tag.example", "https://tag.example:8443", True),
    ("tag.example:8443", "https://tag.example:8443", True),
    (TAG, "https://tag.example:8443", False),
    (TAG, "http://tag.example", False),
    ("tag.example", "http://tag.example", True),
    ("*.tag.example", "https://eu.tag.example", True),
    ("*.tag.example", TAG, False),
    ("*", TAG, True),
    ("*", "", False),
    ("tag.example", "https://tag.example.evil.example", False),
    ("tag.example", "https://nottag.example", False),
    ("tag.example", "https://cdn.example", False),
]


@pytest.mark.parametrize(("pattern", "initiator", "is_meant"), INITIATOR_PATTERNS)
def test_all_that_an_initiator_loads_is_refused_whatever_it_is(pattern: str, initiator: str, *, is_meant: bool) -> None:
    for action in (REJECT, IGNORE):
        refusal = decision(action, "", loaded_by=pattern)
        assert concerns(refusal, loaded_by(initiator)) is is_meant
        assert [each.decision for each in apply_decisions([loaded_by(initiator)], [refusal])] == [
            action.value if is_meant else None
        ]


@pytest.mark.parametrize(
    ("initiator", "is_trusted"),
    [
        (TAG, True),
        ("https://tag.example:8443", False),
        ("http://tag.example", False),
        ("https://tag.example.", False),
        ("https://tag.example.evil.example", False),
        ("https://eu.tag.example", False),
        ("https://xn--tg-7kc.example", False),
        ("", False),
    ],
)
def test_an_initiator_is_trusted_to_the_letter(initiator: str, *, is_trusted: bool) -> None:
    assert vouches_for(decision(ALLOW, "", loaded_by=TAG), loaded_by(initiator)) is is_trusted


def test_a_trusted_initiator_is_no_answer_about_what_it_loads() -> None:
    """Anybody can name it: what it is said to load must be believed first, so that nothing looks decided."""
    trusted = decision(ALLOW, "", loaded_by=TAG)
    assert not concerns(trusted, loaded_by(TAG))
    assert apply_decisions([loaded_by(TAG)], [trusted]) == (loaded_by(TAG),)
    assert not vouches_for(decision(REJECT, "", loaded_by=TAG), loaded_by(TAG))
    assert not vouches_for(decision(ALLOW, "https://cdn.example", directive="script-src"), loaded_by(TAG))
    assert not vouches_for(decision(ALLOW, ""), loaded_by(""))


def test_a_directive_narrows_what_an_initiator_may_load() -> None:
    trusted = decision(ALLOW, "", loaded_by=TAG, directive="script-src")
    assert vouches_for(trusted, loaded_by(TAG))
    assert not vouches_for(trusted, loaded_by(TAG, "frame-src"))
    refusal = decision(REJECT, "", loaded_by=TAG, directive="frame-src")
    assert [concerns(refusal, loaded_by(TAG, name)) for name in ("frame-src", "script-src-elem")] == [True, False]


def test_what_would_make_trust_in_an_initiator_mean_nothing_is_found() -> None:
    for pattern, directive, asked in (
        ("*.example", "", ""),
        (TAG, "", "script-src"),
        ("*", "script-src", "script-src"),
    ):
        refusal = decision(REJECT, "", loaded_by=pattern, directive=directive)
        assert rejecting_initiator([refusal], TAG, asked) is refusal
    for other in (
        decision(REJECT, "", loaded_by="*", directive="script-src"),
        decision(REJECT, "", loaded_by="*.tag.example"),
        decision(REJECT, "*"),
        decision(ALLOW, "", loaded_by=TAG),
    ):
        assert rejecting_initiator([other], TAG) is None


# How long they are obeyed


def test_a_decision_is_obeyed_until_it_ends() -> None:
    for_a_day = decision(REJECT, "a.example", until=SEEN_AT + timedelta(days=1))
    for_ever = decision(REJECT, "b.example", number=2)
    undone = decision(REJECT, "c.example", number=3, undone_at=SEEN_AT)
    everything = [for_a_day, for_ever, undone]
    assert standing(everything, SEEN_AT) == (for_a_day, for_ever)
    assert standing(everything, SEEN_AT + timedelta(days=1)) == (for_a_day, for_ever)
    assert standing(everything, SEEN_AT + timedelta(days=1, milliseconds=1)) == (for_ever,)


def test_what_ends_soon_is_told_before() -> None:
    week = timedelta(days=7)
    later, sooner, then, over = (
        decision(REJECT, "a.example", number=number, until=SEEN_AT + timedelta(days=days))
        for number, days in enumerate([6, 2, 8, -1])
    )
    undone = replace(sooner, undone_at=SEEN_AT)
    everything = [later, sooner, then, over, undone, decision(REJECT, "b.example", number=9)]
    assert expiring(everything, SEEN_AT, week) == (sooner, later)
    assert expiring(everything, SEEN_AT, timedelta()) == ()
