"""Decisions: what a person's pattern means, and what it makes of the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.decisions import Decision, DecisionAction, admits, apply_decisions, matches, names_of
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
